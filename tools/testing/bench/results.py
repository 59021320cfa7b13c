# SPDX-License-Identifier: GPL-2.0
"""What runs of the benchmark left: figures of both drivers, and their profiles."""

import collections
import json

from counts import Counts, Symbols
from rows import ROWS

DRIVERS = ("stock", "ours")
MODULE = "vxlan"


class Results:
    """The directories of boots, of which each driver has one with the plugin."""

    def __init__(self, directory):
        self.figures = {}
        self.counts, self.symbols, self.kernel = {}, {}, None
        for path in sorted(directory.glob("*/runs.json")):
            found = json.loads(path.read_text(encoding="ascii"))
            self.kernel = found["kernel"]
            driver = found["driver"]
            self.figures.setdefault(driver, {}).update(found["figures"])
            if (path.parent / "plugin.log").exists():
                self.counts[driver] = Counts(path.parent / "plugin.log")
                self.symbols[driver] = Symbols(path.parent / "symbols")
        self.drivers = [name for name in DRIVERS if name in self.figures]

    def rows(self):
        """Keys of what was measured, in the table's order."""
        return [key for key in ROWS if any(key in figures for figures in self.figures.values())]

    def figure(self, driver, key):
        return self.figures.get(driver, {}).get(key)

    def value(self, driver, key):
        figure = self.figure(driver, key)
        if figure is None or "value" in figure:
            return figure and figure["value"]
        return self.counts[driver].value(figure["terms"])

    def counted(self, key):
        """Whether a row is one of instructions, which have a profile."""
        return any("terms" in (self.figure(name, key) or {}) for name in DRIVERS)

    def functions(self, driver, key):
        """Of a figure of instructions, how many by (module, function)."""
        figure = self.figure(driver, key)
        if figure is None or "terms" not in figure:
            return None
        return self.counts[driver].functions(figure["terms"], self.symbols[driver])

    def modules(self, driver, key):
        """The same by module; the kernel itself is ""."""
        functions = self.functions(driver, key)
        if functions is None:
            return None
        found = collections.Counter()
        for (module, _), count in functions.items():
            found[module] += count
        return found

    def own(self, driver, key):
        """Of a figure, what is the module's."""
        modules = self.modules(driver, key)
        return modules and modules[MODULE]

    def blocks(self, driver, key, function):
        """(offset, instructions) of the blocks of a function."""
        for address, count in sorted(self.counts[driver].by_block(self.figure(driver, key)["terms"]).items()):
            _module, owner, offset = self.symbols[driver].at(address)
            if owner == function and abs(count) >= 0.01:
                yield offset, count
