# SPDX-License-Identifier: GPL-2.0
"""The kernel's log, and what in it makes a test fail whatever else was said."""

import contextlib
import os
import re

TROUBLE = re.compile(
    r"WARNING|BUG|Oops|general protection|refcount_t|KASAN|UBSAN|"
    r"suspicious RCU|unregister_netdevice: waiting|hung task|rcu.*stall|"
    r"leaked reference|Call Trace")


class KernelLog:
    """The kernel's log from now on."""

    def __init__(self):
        self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)
        self.lines = []

    def read(self):
        """Every line since then."""
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    record = os.read(self.fd, 8192).decode(errors="replace")
                except BrokenPipeError:
                    continue
                self.lines.append(record.split(";", 1)[1].splitlines()[0])
        return self.lines

    def trouble(self):
        return [line for line in self.read() if TROUBLE.search(line)]

    def close(self):
        os.close(self.fd)
