#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""table.py STOCK OURS NAME...: what tests did on the two drivers, side by side.

STOCK and OURS hold what guest.py printed; "-" for a driver that did not run. Ends with 1 if a test
that passes on stock does not on ours, or passes fewer checks there, or if nothing was counted.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from listing import Result  # noqa: E402 pylint: disable=wrong-import-position


def read_results(path):
    if path == "-":
        return None
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    results = map(Result.parse, (line for line in lines if line.startswith("RESULT\t")))
    return {result.name: result for result in results}


def cell(result):
    if result is None:
        return "no result", ""
    checks = [f"{n} {word}" for n, word in ((result.passed, "ok"), (result.failed, "failed"),
                                            (result.skipped, "skipped")) if n]
    return f"{result.outcome} {', '.join(checks)}".strip(), str(result.seconds or "")


def verdict(stock, ours):
    """Where ours stands, measured by stock."""
    if ours is None or ours.outcome == "FAIL":
        good = False
    elif stock is None or stock.outcome != "pass":
        good = ours.outcome == "pass" or None
    else:
        good = ours.outcome == "pass" and ours.passed >= stock.passed
    return {True: "passed", False: "failed", None: "skipped"}[good]


def notes(results):
    for label, result in results:
        if result is not None and result.note:
            yield f"  {result.name} on {label}: {result.note}"


def compare(names, stock, ours):
    """Print the table; how many tests passed, failed and were skipped on ours."""
    columns = "{:<19} {:<22} {:>5}  {:<22} {:>5}"
    print(columns.format("test", "stock", "s", "ours", "s").rstrip())
    tally, below = {"passed": 0, "failed": 0, "skipped": 0}, []
    for name in names:
        one = stock.get(name) if stock is not None else None
        two = ours.get(name) if ours is not None else None
        left = cell(one) if stock is not None else ("", "")
        right = cell(two) if ours is not None else ("", "")
        print(columns.format(name, *left, *right).rstrip())
        below += notes([("stock", one), ("ours", two)])
        # Alone, stock is measured by nothing but itself.
        tally[verdict(one, two) if ours is not None else verdict(None, one)] += 1
    print("\n".join(below))
    return tally


def main():
    stock, ours = map(read_results, sys.argv[1:3])
    tally = compare(sys.argv[3:], stock, ours)
    checks = sum(r.passed for r in [*(stock or {}).values(), *(ours or {}).values()])
    print(", ".join(f"{tally[word]} {word}" for word in ("passed", "failed", "skipped")))
    sys.exit(1 if tally["failed"] or not checks else 0)


if __name__ == "__main__":
    main()
