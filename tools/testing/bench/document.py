# SPDX-License-Identifier: GPL-2.0
"""The figures in Documentation/performance.md; the text around them is left as it is."""

from results import DRIVERS, MODULE
from rows import ROWS
from text import number, ratio

BEGIN = "<!-- figures: from here on written by tools/bench -->"
END = "<!-- figures: end -->"
# A ratio is shown with three digits; a difference of half of the last is none.
ABOVE = 1.0005
FUNCTIONS, SMALL = 8, 5


def update(path, results, commit):
    """Replace what is between the marks."""
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"bench: {path} lacks the marks for the figures, {BEGIN} and {END}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    figures = [f"Commit {commit}, kernel {results.kernel}.", "", *table(results), "", *excess(results)]
    path.write_text(before + "\n".join([BEGIN, "", *figures, END]) + after, encoding="utf-8")


def table(results):
    yield "| what | for each | stock | ours | ours/stock | vxlan.ko: stock | ours | ours/stock |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|"
    for key in results.rows():
        values = [results.value(name, key) for name in DRIVERS]
        own = [results.own(name, key) for name in DRIVERS]
        cells = (ROWS[key].title, ROWS[key].unit, *map(number, values), ratio(*values),
                 *map(number, own), ratio(*own))
        yield f"| {' | '.join(cells)} |"


def excess(results):
    """What is above 1.00, and where it is spent."""
    above = [key for key in results.rows() if is_above(results, key)]
    if not above:
        yield "No row is above 1.00."
        yield ""
        return
    yield "### What is above 1.00"
    yield ""
    yield ("Differences by module, ours less stock's, and the functions outside `vxlan.ko` that differ; then "
           f"the {FUNCTIONS} functions of our `vxlan.ko` with most instructions.")
    yield ""
    for key in above:
        yield from explain(results, key)
        yield ""


def is_above(results, key):
    stock, ours = (results.value(name, key) for name in DRIVERS)
    return bool(stock) and ours is not None and ours / stock >= ABOVE


def explain(results, key):
    row = ROWS[key]
    stock, ours = (results.value(name, key) for name in DRIVERS)
    yield f"- **{row.title}**, {ratio(stock, ours)}: {signed(ours - stock)} for each {row.unit}."
    if not results.counted(key):
        return
    modules = [results.modules(name, key) for name in DRIVERS]
    yield "  By module: " + ", ".join(
        f"{module or 'kernel'} {signed(modules[1][module] - modules[0][module])}"
        for module in sorted(set().union(*modules))
        if abs(modules[1][module] - modules[0][module]) > 0.001 * stock) + "."
    functions = [results.functions(name, key) for name in DRIVERS]
    yield from outside(functions, stock)
    own = [(count, name) for (module, name), count in functions[1].items() if module == MODULE]
    top = sorted(own, reverse=True)[:FUNCTIONS]
    yield "  Ours: " + ", ".join(f"`{name}` {number(count)}" for count, name in top) + "."


def outside(functions, stock):
    """The functions that are not the driver's and are run more or less by it."""
    found = [(functions[1][key] - functions[0][key], key[1]) for key in set().union(*functions)
             if key[0] != MODULE]
    least = max(0.001 * stock, min(SMALL, 0.01 * stock))
    found = sorted((pair for pair in found if abs(pair[0]) >= least), key=lambda pair: -abs(pair[0]))
    if found:
        yield "  Outside: " + ", ".join(
            f"`{name}` {signed(difference)}" for difference, name in found[:FUNCTIONS]) + "."


def signed(value):
    return f"{'+' if value >= 0 else '-'}{number(abs(value))}"
