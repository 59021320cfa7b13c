# SPDX-License-Identifier: GPL-2.0
"""Counting instructions: runs that the plugin (count.c) counts, and sums of them.

The guest does not learn the counts. It numbers its runs as the plugin does, and says for each figure
which runs it is made of; the host adds up, by function if wanted.
"""

import contextlib
import ctypes
import gc
import mmap
import os
import subprocess
import time
from dataclasses import dataclass

RETURN = b"\xc3"
# No-operations that the plugin knows.
START, END = (b"\x0f\x1f\x80VX" + letter + b"\x01" + RETURN for letter in (b"B", b"E"))


class Cost:
    """A sum of runs: (factor, numbers of runs of the same, of which the least counts)."""

    def __init__(self, terms):
        self.terms = terms

    def __sub__(self, other):
        return Cost(self.terms + [(-factor, runs) for factor, runs in other.terms])

    def __truediv__(self, units):
        return Cost([(factor / units, runs) for factor, runs in self.terms])


@dataclass
class Value:
    """A figure that the guest knows itself, like one of memory."""

    value: float


def least(costs):
    """The least of costs of the same, as what else the guest has to do only ever adds."""
    return Cost([(1, [cost.terms[0][1][0] for cost in costs])])


class Meter:
    """Marks what is to be counted."""

    def __init__(self):
        self.runs = 0
        self.page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self.page.write(START + END)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.page))
        mark = ctypes.CFUNCTYPE(None)
        self._start, self._end = mark(address), mark(address + len(START))

    @contextlib.contextmanager
    def _counted(self):
        gc.collect()
        gc.disable()
        self._start()
        yield
        self._end()
        gc.enable()
        self.runs += 1

    def once(self, action, *arguments):
        """The cost of one call."""
        with self._counted():
            action(*arguments)
        return Cost([(1, [self.runs - 1])])


# Work of the kernel's own that comes now and then: writing files back, sampling memory accesses.
DISTRACTIONS = {"/proc/sys/vm/dirty_writeback_centisecs": "0", "/sys/module/damon_stat/parameters/enabled": "N"}


def quiet():
    """Turn off what the kernel does by itself now and then."""
    os.sync()
    for path, value in DISTRACTIONS.items():
        if os.path.exists(path):
            with open(path, "w", encoding="ascii") as stream:
                stream.write(value)


def settle():
    """Wait until the guest is idle.

    The kernel tests its own cryptography for a while after it booted, and takes down the namespaces of the
    last scene.
    """
    for _ in range(100):
        before = busy()
        time.sleep(1)
        if busy() - before < 0.02 * os.sysconf("SC_CLK_TCK"):
            return
    raise SystemExit("bench: the guest does not become idle")


def busy():
    """Ticks that were not idle so far."""
    with open("/proc/stat", encoding="ascii") as stream:
        user, nice, system, _idle, _wait, irq, softirq = map(int, stream.readline().split()[1:8])
    return user + nice + system + irq + softirq


def save_symbols(path):
    """Where the kernel's and its modules' functions are."""
    with open(path, "wb") as stream:
        subprocess.run(["grep", "-i", " [tw] ", "/proc/kallsyms"], check=True, stdout=stream)
