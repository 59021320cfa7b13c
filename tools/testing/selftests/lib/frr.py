# SPDX-License-Identifier: GPL-2.0
"""FRR's zebra and bgpd in a test's namespace, with a /run and a configuration of their own."""

import json
import os
import shutil
import subprocess
import tempfile

from .wait import wait_for

# The daemons give up root for the user frr, and meet in /run/frr.
ENTER = 'mount --bind "$1" /run && mount --bind "$1/etc" /etc/frr && shift && exec "$@"'
DAEMONS = ("zebra", "bgpd")


class Frr:
    """The routing daemons of one host."""

    def __init__(self, ns, config):
        self.ns = ns
        self.run_dir = tempfile.mkdtemp()
        self.running = {}
        for name in ("frr", "etc"):
            os.mkdir(f"{self.run_dir}/{name}")
        for name, text in (("zebra", ""), ("bgpd", config), ("vtysh", "")):
            with open(f"{self.run_dir}/etc/{name}.conf", "w", encoding="ascii") as stream:
                stream.write(text)
        for top, _, files in os.walk(self.run_dir):
            for path in (top, *(os.path.join(top, name) for name in files)):
                shutil.chown(path, "frr", "frr")
                os.chmod(path, 0o755)

    def __enter__(self):
        for name in DAEMONS:
            self.start(name)
        return self

    def __exit__(self, *_):
        for name in reversed(DAEMONS):
            self.stop(name)
        shutil.rmtree(self.run_dir)

    def _command(self, *command):
        return ["unshare", "--mount", "sh", "-c", ENTER, "sh", self.run_dir, *command]

    def start(self, name):
        with self.ns, open(f"{self.run_dir}/{name}.log", "ab") as log:
            # pylint: disable-next=consider-using-with
            self.running[name] = subprocess.Popen(
                self._command(f"/usr/lib/frr/{name}", "--log", "stdout"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: os.path.exists(f"{self.run_dir}/frr/{name}.vty"),
                 lambda: f"{name}: {self.log(name)}")

    def stop(self, name):
        process = self.running.pop(name, None)
        if process:
            process.terminate()
            process.wait(20)

    def log(self, name):
        with open(f"{self.run_dir}/{name}.log", encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def vtysh(self, *arguments):
        return self.ns.run(*self._command("vtysh", *arguments))

    def show(self, what):
        """What `show WHAT json` says."""
        return json.loads(self.vtysh("-c", f"show {what} json"))
