#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Shows what the benchmark found: a table of both drivers and their ratio, a profile, a document."""

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import document  # noqa: E402
from results import DRIVERS, Results  # noqa: E402
from rows import ROWS  # noqa: E402
from text import number, ratio  # noqa: E402


def show(table):
    """Columns aligned, the first two to the left."""
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        cells = [cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())


def summary(results):
    table = [("instructions for", "each", "stock", "ours", "ours/stock",
              "vxlan.ko: stock", "ours", "ours/stock")]
    for key in results.rows():
        row = ROWS[key]
        values = [results.value(name, key) for name in DRIVERS]
        own = [results.own(name, key) for name in DRIVERS]
        table.append((row.title, row.unit, *map(number, values), ratio(*values),
                      *map(number, own), ratio(*own)))
    show(table)


def profile(results, key, least):
    """Where the instructions of a row go, the most first."""
    drivers = [name for name in results.drivers if results.figure(name, key)]
    found = [results.functions(name, key) for name in drivers]
    table = [("module", "function", *drivers)]

    def add(module, what, counts):
        table.append((module, what, *(f"{count:,.1f}" for count in counts)))

    rest = [0] * len(found)
    for function in sorted(set().union(*found), key=lambda name: -max(counts[name] for counts in found)):
        counts = [of[function] for of in found]
        if max(map(abs, counts)) < least:
            rest = [sum(pair) for pair in zip(rest, counts)]
        else:
            add(*function, counts)
    add("", f"less than {least:g} each", rest)
    modules = [results.modules(name, key) for name in drivers]
    for module in sorted(set().union(*modules)):
        add(module or "kernel", "(all)", [of[module] for of in modules])
    add("", "(all)", [results.value(name, key) for name in drivers])
    show(table)


def blocks(results, key, function):
    """The blocks of a function by offset, as objdump has them, for each driver that has it."""
    show([("driver", "block", "instructions"),
          *((name, f"+{offset:#x}", f"{count:,.2f}") for name in results.drivers if results.figure(name, key)
            for offset, count in results.blocks(name, key, function))])


def main():
    parser = argparse.ArgumentParser(description=__doc__, prog="tools/bench")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--profile", metavar="ROW", choices=list(ROWS))
    parser.add_argument("--function", help="of the profile, the blocks of this function")
    parser.add_argument("--least", type=float, default=1, help="leave out functions with less")
    parser.add_argument("--document", type=Path, help="put the table into this file")
    parser.add_argument("--commit", help="what the document says was measured")
    args = parser.parse_args()
    results = Results(args.directory)
    if args.profile and not (args.profile in results.rows() and results.counted(args.profile)):
        parser.error(f"there is no profile of {args.profile} (measured: {' '.join(results.rows())})")
    if args.profile and args.function:
        blocks(results, args.profile, args.function)
    elif args.profile:
        profile(results, args.profile, args.least)
    else:
        summary(results)
    if args.document:
        document.update(args.document, results, args.commit)


if __name__ == "__main__":
    main()
