# SPDX-License-Identifier: GPL-2.0
"""Why packets were dropped, step by step: the tracepoint skb:kfree_skb of this CPU."""

import contextlib
import os
import re

from lib.trace import DropTrace

FOUND = re.compile(rb"tracing_mark_write: (\d+)|protocol=(\d+) .*?reason: (\w+)")


class Drops:
    """Context manager: what was dropped during each step."""

    def __init__(self):
        self.trace = DropTrace()
        self.pipe = self.marker = -1

    def __enter__(self):
        self.trace.__enter__()
        path = self.trace.path
        self.pipe = os.open(f"{path}/per_cpu/cpu0/trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
        self.marker = os.open(f"{path}/trace_marker", os.O_WRONLY)
        return self

    def __exit__(self, *_):
        os.close(self.pipe)
        os.close(self.marker)
        self.trace.__exit__()

    def mark(self, number):
        """What is dropped from now on belongs to a step."""
        os.write(self.marker, b"%d" % number)

    def read(self):
        """{step: ["reason protocol", ...]} since the last time."""
        octets = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                octets += os.read(self.pipe, 1 << 16)
        found, now = {}, None
        for number, protocol, reason in FOUND.findall(octets):
            if number:
                now = int(number)
            else:
                found.setdefault(now, []).append(f"{reason.decode()} {int(protocol):#06x}")
        return found
