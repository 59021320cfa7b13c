# SPDX-License-Identifier: GPL-2.0
"""systemd-networkd at work in a test's namespace, with a /run of its own."""

import os
import re
import shutil
import subprocess
import tempfile

from .wait import wait_for

# A read-only /sys tells networkd that there is no udev to wait for.
ENTER = 'mount -t sysfs -o ro sysfs /sys && mount --bind "$1" /run && shift && exec "$@"'
DEBUG = {"SYSTEMD_LOG_LEVEL": "debug", "SYSTEMD_LOG_TARGET": "console"}


class Networkd:
    """The daemon, and the message bus over which networkctl speaks to it."""

    def __init__(self, ns):
        self.ns = ns
        self.run_dir = tempfile.mkdtemp()
        os.chmod(self.run_dir, 0o755)
        for name in ("systemd/network", "dbus"):
            os.makedirs(f"{self.run_dir}/{name}")
        self.log_path = f"{self.run_dir}/log"
        self.bus = self.daemon = None

    def __enter__(self):
        self.bus = self._spawn("dbus-daemon", "--system", "--nofork", "--nopidfile")
        wait_for(lambda: os.path.exists(f"{self.run_dir}/dbus/system_bus_socket"), "message bus")
        return self

    def __exit__(self, *_):
        self.stop()
        self.bus.terminate()
        self.bus.wait(20)
        shutil.rmtree(self.run_dir)

    def _command(self, *command):
        return ["unshare", "--mount", "sh", "-c", ENTER, "sh", self.run_dir, *command]

    def _spawn(self, *command):
        with self.ns, open(self.log_path, "ab") as log:
            return subprocess.Popen(self._command(*command), stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log, env={**os.environ, **DEBUG})

    def write(self, name, sections):
        """A .netdev or .network file: [(section, lines)]."""
        with open(f"{self.run_dir}/systemd/network/{name}", "w", encoding="ascii") as stream:
            for title, lines in sections:
                stream.write("\n".join([f"[{title}]", *lines, "", ""]))

    def start(self):
        self.daemon = self._spawn("/usr/lib/systemd/systemd-networkd")

    def stop(self):
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait(20)
            self.daemon = None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def ctl(self, *arguments):
        """What networkctl prints."""
        return self.ns.run(*self._command("networkctl", "--no-pager", *arguments))

    def states(self):
        """{link: what networkd says of its set-up}"""
        code, table = self.ns.run(*self._command("networkctl", "--no-pager", "list"), check=False)
        return {} if code else dict(re.findall(r"^ *\d+ (\S+) +\S+ +\S+ +(\S+)", table, re.MULTILINE))

    def await_configured(self, *names):
        """Wait until all that these links were to get is done."""
        def done():
            states = self.states()
            return all(states.get(name) == "configured" for name in names)
        wait_for(done, lambda: f"set-up of {names}: {self.states()}\n{self.log()[-6000:]}",
                 timeout=60, pause=0.2)
