#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints what the benchmark found: a table of both drivers and their ratio, or a profile."""

import argparse
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from counts import Counts, Symbols  # noqa: E402
from rows import ROWS  # noqa: E402

DRIVERS = ("stock", "ours")
MODULE = "vxlan"


class Results:
    """What a run of the benchmark left in a directory."""

    def __init__(self, directory):
        self.runs = json.loads((directory / "runs.json").read_text(encoding="ascii"))
        self.counts = Counts(directory / "plugin.log")
        self.symbols = {name: Symbols(directory / f"symbols-{name}") for name in self.runs}

    def value(self, driver, key):
        terms = self.runs.get(driver, {}).get(key)
        return None if terms is None else self.counts.value(terms)

    def functions(self, driver, key):
        terms = self.runs.get(driver, {}).get(key)
        return None if terms is None else self.counts.functions(terms, self.symbols[driver])

    def own(self, driver, key):
        """Of a figure, what is the module's."""
        functions = self.functions(driver, key)
        return functions and sum(count for (module, _), count in functions.items() if module == MODULE)


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(stock, ours):
    return f"{ours / stock:.3f}" if stock and ours is not None else "-"


def lines(results):
    """The cells of each row that was measured."""
    for key, row in ROWS.items():
        stock, ours = (results.value(name, key) for name in DRIVERS)
        if stock is None and ours is None:
            continue
        own = [results.own(name, key) for name in DRIVERS]
        yield (row.title, row.unit, number(stock), number(ours), ratio(stock, ours),
               *map(number, own), ratio(*own))


def show(table):
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        cells = [cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())


def profile(results, key, least):
    """Where the instructions of a row go, the most first."""
    found = {name: results.functions(name, key) for name in DRIVERS if name in results.runs}
    functions = {function for counts in found.values() for function in counts}

    def most(function):
        return -max(counts[function] for counts in found.values())

    table = [("module", "function", *found)]
    rest = dict.fromkeys(found, 0)
    for function in sorted(functions, key=most):
        counts = {name: found[name][function] for name in found}
        if max(map(abs, counts.values())) < least:
            rest = {name: rest[name] + counts[name] for name in found}
            continue
        table.append((*function, *(f"{count:,.1f}" for count in counts.values())))
    table.append(("", f"less than {least} each", *(f"{count:,.1f}" for count in rest.values())))
    for module in sorted({module for module, _ in functions}):
        sums = [sum(n for (owner, _), n in counts.items() if owner == module) for counts in found.values()]
        table.append((module or "kernel", "(all)", *(f"{count:,.1f}" for count in sums)))
    table.append(("", "(all)", *(f"{results.value(name, key):,.1f}" for name in found)))
    show(table)


def blocks(results, key, function):
    """The blocks of a function by offset, as objdump has them, for each driver that has it."""
    table = [("driver", "block", "instructions")]
    for name in results.runs:
        for address, count in sorted(results.counts.by_block(results.runs[name][key]).items()):
            _module, owner, offset = results.symbols[name].at(address)
            if owner == function and abs(count) >= 0.01:
                table.append((name, f"+{offset:#x}", f"{count:,.2f}"))
    show(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--profile", metavar="ROW", choices=list(ROWS))
    parser.add_argument("--function", help="of the profile, the blocks of this function")
    parser.add_argument("--least", type=float, default=1, help="leave out functions with less")
    args = parser.parse_args()
    results = Results(args.directory)
    if args.profile and args.function:
        blocks(results, args.profile, args.function)
        return
    if args.profile:
        profile(results, args.profile, args.least)
        return
    show([("instructions for", "each", "stock", "ours", "ours/stock", "vxlan.ko: stock", "ours", "ours/stock"),
          *lines(results)])


if __name__ == "__main__":
    main()
