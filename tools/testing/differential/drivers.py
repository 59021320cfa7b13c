# SPDX-License-Identifier: GPL-2.0
"""Both drivers in one boot: which files they are, loading one, taking it away."""

import ctypes
import os
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
FINIT_MODULE = {"x86_64": 313, "aarch64": 273}[os.uname().machine]
EAGAIN, PATIENCE = 11, 60
# tools/vm says where the two are (see its --driver=both).
FILES = {name: os.environ.get(f"VXLAN_{name.upper()}") for name in ("stock", "ours")}


def load_dependencies(names):
    """What the drivers need, so that loading one is a single system call."""
    for name in set(names):
        if not FILES[name]:
            raise SystemExit(f"differential: no {name} driver here; run in tools/vm --driver=both")
        needs = subprocess.run(["modinfo", "-F", "depends", FILES[name]], check=True,
                               stdout=subprocess.PIPE, text=True).stdout
        for module in filter(None, needs.strip().split(",")):
            subprocess.run(["modprobe", module], check=True)
    subprocess.run(["modprobe", "dummy", "numdummies=0"], check=True)
    subprocess.run(["modprobe", "veth"], check=True)


def load(name, parameters):
    """Load a driver with the octets of a parameter line, and see that it is that one."""
    with open(FILES[name], "rb") as stream:
        if LIBC.syscall(FINIT_MODULE, stream.fileno(), parameters.encode(), 0):
            raise OSError(ctypes.get_errno(), f"cannot load {FILES[name]}")
    with open("/sys/module/vxlan/taint", encoding="ascii") as stream:
        assert ("O" in stream.read()) == (name == "ours"), f"loaded is not {name}"


def unload():
    """Take the driver away. Namespaces that are still ending may hold it for a while."""
    deadline = time.monotonic() + PATIENCE
    while LIBC.syscall({"x86_64": 176, "aarch64": 106}[os.uname().machine], b"vxlan", os.O_NONBLOCK):
        error = ctypes.get_errno()
        if error != EAGAIN or time.monotonic() > deadline:
            raise OSError(error, "cannot unload vxlan")
        time.sleep(0.01)


class Loaded:
    """Context manager: a driver is there for the time of the block."""

    def __init__(self, name, parameters=""):
        self.name, self.parameters = name, parameters

    def __enter__(self):
        load(self.name, self.parameters)

    def __exit__(self, *_):
        unload()
