#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints what the benchmark found as a table of both drivers and their ratio."""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from rows import ROWS  # noqa: E402


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(stock, ours):
    return f"{ours / stock:.3f}" if stock and ours is not None else "-"


def lines(results):
    """(title, unit, stock, ours, ratio) of each row that was measured."""
    for key, (title, unit) in ROWS.items():
        stock, ours = (results.get(name, {}).get(key) for name in ("stock", "ours"))
        if stock is not None or ours is not None:
            yield title, unit, number(stock), number(ours), ratio(stock, ours)


def show(results):
    table = [("what", "instructions", "stock", "ours", "ours/stock"), *lines(results)]
    widths = [max(len(row[i]) for row in table) for i in range(5)]
    for row in table:
        print("  ".join(cell.ljust(w) if i < 2 else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(row, widths))))


def main():
    show(json.loads(Path(sys.argv[1]).read_text(encoding="ascii")))


if __name__ == "__main__":
    main()
