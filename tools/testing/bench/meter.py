# SPDX-License-Identifier: GPL-2.0
"""Counting instructions in a guest whose clock counts them (tools/vm --icount)."""

import ctypes
import mmap
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
READ_COUNTER = bytes.fromhex("0f3148c1e2204809d0c3")


class Meter:
    """The time stamp counter, which is the number of instructions executed while not idle."""

    def __init__(self):
        self.page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self.page.write(READ_COUNTER)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.page))
        self.now = ctypes.CFUNCTYPE(ctypes.c_uint64)(address)
        self.per_ns = self._rate()

    def _rate(self):
        """Instructions per nanosecond of the guest's clock: 1 but for its calibration."""
        start, clock = self.now(), time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        while self.now() - start < 50_000_000:
            pass
        return (self.now() - start) / (time.clock_gettime_ns(time.CLOCK_MONOTONIC) - clock)

    def check(self):
        """Ends the run where the counter is a clock: figures would be of the machine, not of code."""
        loops, counts = 1000, []
        for _ in range(3):
            start = self.now()
            for _ in range(loops):
                pass
            counts.append(self.now() - start)
        if max(counts) > 1.5 * min(counts) or abs(self.per_ns - 1) > 0.01:
            raise SystemExit(f"bench: no instruction counts here ({counts}, {self.per_ns:.4f} per ns); "
                             "run in tools/vm --icount")
