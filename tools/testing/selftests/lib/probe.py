# SPDX-License-Identifier: GPL-2.0
"""vxlan_probe.ko (tools/testing/module): what a NIC driver sees and does."""

import os
import re
import subprocess

FILE, MODULE = "/proc/vxlan_probe", "/files/vxlan_probe.ko"
ENTRY = re.compile(r"(added|deleted|replayed|found) (.*)")


class Probe:
    """The module, loaded; commands are given in a namespace, the log is of all."""

    def __init__(self):
        done = subprocess.run(["insmod", MODULE], stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, f"insmod {MODULE}: {done.stdout}"

    @staticmethod
    def close():
        subprocess.run(["rmmod", "vxlan_probe"], check=True)

    @staticmethod
    def there():
        """Whether the VM has been given the module."""
        return os.path.exists(MODULE)

    def run(self, host, *words):
        """A command in the host's namespace; raises its errno."""
        with host:
            self._write(" ".join(map(str, words)))

    def clear(self):
        self._write("clear")

    def veto(self, code, after=0):
        """Refuse an entry with an errno, after so many that are taken."""
        self._write(f"veto {code} {after}")

    @staticmethod
    def _write(text):
        fd = os.open(FILE, os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)

    @staticmethod
    def lines():
        with open(FILE, encoding="ascii") as stream:
            return stream.read().splitlines()

    def entries(self):
        """Entries in the log: (what, {field: value}), in order."""
        found = filter(None, map(ENTRY.fullmatch, self.lines()))
        return [(match[1], fields(match[2])) for match in found]

    def has_switchdev(self):
        self._write("kernel")
        return "switchdev=1" in self.lines()

    def prefix(self, host, name="vx0"):
        """The fields of struct vxlan_dev that other drivers read."""
        self.clear()
        self.run(host, "prefix", name)
        return fields(" ".join(self.lines()))


def fields(text):
    """`name=value` words, numbers as integers."""
    pairs = (word.split("=", 1) for word in text.split())
    return {name: int(value) if re.fullmatch(r"-?\d+", value) else value
            for name, value in pairs}
