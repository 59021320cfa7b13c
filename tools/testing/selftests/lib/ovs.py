# SPDX-License-Identifier: GPL-2.0
"""Open vSwitch's daemons in a test's namespace, with a database and a directory of their own."""

import os
import shutil
import subprocess
import tempfile

from .wait import wait_for

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class Ovs:
    """The database server and the switch of one host."""

    def __init__(self, ns):
        self.ns = ns
        self.run_dir = tempfile.mkdtemp()
        self.socket = f"unix:{self.run_dir}/db.sock"
        self.environ = {**os.environ, **{f"OVS_{name}DIR": self.run_dir for name in (
            "RUN", "LOG", "DB", "SYSCONF")}}
        self.running = []

    def __enter__(self):
        self.run("ovsdb-tool", "create", f"{self.run_dir}/conf.db", SCHEMA)
        self._start("ovsdb-server", f"--remote=punix:{self.run_dir}/db.sock",
                    f"{self.run_dir}/conf.db")
        wait_for(lambda: os.path.exists(f"{self.run_dir}/db.sock"), self.log)
        self.vsctl("--no-wait", "init")
        self._start("ovs-vswitchd", self.socket)
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            process.wait(20)
        shutil.rmtree(self.run_dir)

    def _start(self, *command):
        with self.ns, open(f"{self.run_dir}/log", "ab") as log:
            # pylint: disable-next=consider-using-with
            self.running.append(subprocess.Popen(
                (*command, "--pidfile", "-vconsole:warn"), env=self.environ,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def log(self):
        with open(f"{self.run_dir}/log", encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def run(self, *command):
        with self.ns:
            done = subprocess.run(command, env=self.environ, text=True, timeout=60, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{self.log()}"
        return done.stdout

    def vsctl(self, *arguments):
        """One transaction, which has been done when this returns."""
        return self.run("ovs-vsctl", f"--db={self.socket}", "--timeout=30", *arguments)

    def appctl(self, *arguments):
        """One command to the switch."""
        return self.run("ovs-appctl", "-t", "ovs-vswitchd", *arguments)

    def flows(self, bridge, *flows):
        """These flows instead of those that are there, also of those that the kernel has."""
        path = f"{self.run_dir}/flows"
        with open(path, "w", encoding="ascii") as stream:
            stream.writelines(f"{flow}\n" for flow in flows)
        self.run("ovs-ofctl", "-O", "OpenFlow15", "replace-flows", bridge, path)
        self.appctl("revalidator/purge")
