# SPDX-License-Identifier: GPL-2.0
"""What the plugin counted, put together to figures and told apart by function."""

import bisect
import collections
import re
import shutil
import subprocess

HEADER = re.compile(rb"run (\d+) kernel (\d+) user \d+ blocks (\d+)\n")


class Counts:
    """The runs of a plugin.log; their blocks are read when asked for, as they are many."""

    def __init__(self, path):
        self.stream = open(path, "rb")
        self.kernel, self.places = [], []
        while line := self.stream.readline():
            header = HEADER.fullmatch(line)
            run, kernel, blocks = map(int, header.groups()) if header else (None, 0, 0)
            if run != len(self.kernel):
                raise SystemExit(f"bench: {path} is damaged: {line[:60]!r} in place of run {len(self.kernel)}")
            self.kernel.append(kernel)
            self.places.append((self.stream.tell(), blocks))
            for _ in range(blocks):
                self.stream.readline()

    def least(self, runs):
        return min(runs, key=lambda run: self.kernel[run])

    def value(self, terms):
        """Instructions in the kernel."""
        return sum(factor * self.kernel[self.least(runs)] for factor, runs in terms)

    def blocks(self, run):
        place, blocks = self.places[run]
        self.stream.seek(place)
        for _ in range(blocks):
            address, count = self.stream.readline().split()
            yield int(address, 16), int(count)

    def functions(self, terms, symbols):
        """Instructions of the same by (module, function)."""
        found = collections.Counter()
        for address, count in self.by_block(terms).items():
            found[symbols.at(address)[:2]] += count
        return found

    def by_block(self, terms):
        """Instructions of the same by address of the block."""
        found = collections.Counter()
        for factor, runs in terms:
            for address, count in self.blocks(self.least(runs)):
                found[address] += factor * count
        return found


def readable(names):
    """Rust's symbols as they are in the source, if there is a program for it."""
    if not shutil.which("c++filt"):
        return names
    done = subprocess.run(["c++filt", "--format=rust"], input="\n".join(names), check=True, text=True,
                          stdout=subprocess.PIPE)
    # A crate is followed by its hash in brackets.
    return re.sub(r"(?<=\w)\[[0-9a-f]{12,}\]", "", done.stdout).split("\n")


class Symbols:
    """Functions by address, of /proc/kallsyms."""

    def __init__(self, path):
        found = []
        with open(path, encoding="ascii") as stream:
            for line in stream:
                address, _kind, name, *module = line.split()
                found.append((int(address, 16), module[0].strip("[]") if module else "", name))
        found.sort()
        self.starts = [start for start, *_ in found]
        self.modules = [module for _, module, _ in found]
        self.names = readable([name for *_, name in found])

    def at(self, address):
        """Module, function, offset within it."""
        place = bisect.bisect_right(self.starts, address) - 1
        if place < 0:
            return "", "?", address
        return self.modules[place], self.names[place], address - self.starts[place]
