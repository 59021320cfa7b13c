# SPDX-License-Identifier: GPL-2.0
"""Why the kernel dropped packets: the skb:kfree_skb tracepoint's reasons."""

import os
import re
from collections import Counter

from .wait import wait_for

ROOT = "/sys/kernel/tracing"


def _write(path, value):
    with open(path, "w", encoding="ascii") as stream:
        stream.write(value)


class DropTrace:
    """Context manager counting drop reasons in a trace instance of its own."""

    def __init__(self):
        if not os.path.isdir(f"{ROOT}/instances"):
            os.makedirs(ROOT, exist_ok=True)
            os.system(f"mount -t tracefs tracefs {ROOT}")
        self.path = f"{ROOT}/instances/vxlan_selftest"

    def __enter__(self):
        if not os.path.isdir(self.path):
            os.mkdir(self.path)
        _write(f"{self.path}/trace", "")
        _write(f"{self.path}/events/skb/kfree_skb/enable", "1")
        return self

    def __exit__(self, *_):
        _write(f"{self.path}/events/skb/kfree_skb/enable", "0")
        os.rmdir(self.path)

    def reasons(self):
        with open(f"{self.path}/trace", encoding="ascii", errors="replace") as stream:
            return Counter(re.findall(r"reason: (\w+)", stream.read()))

    def expect(self, reason, count):
        """Wait until `reason` was seen `count` times, and no more than that."""
        wait_for(lambda: self.reasons()[reason] >= count,
                 lambda: f"{count} drops for {reason}: saw {self.reasons()}")
        assert self.reasons()[reason] == count
