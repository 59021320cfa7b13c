#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Is what is counted what was done? "guest" runs things of known proportions, "judge DIR" looks."""

import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from counts import Counts, Symbols  # noqa: E402
from meter import Meter, quiet, save_symbols, settle  # noqa: E402

# So few that a tick of the timer, one in 4 ms, is rarely among them.
CALLS, RUNS = 500, 9


def calls(number):
    for _ in range(number):
        os.getppid()


def loops(number):
    while number:
        number -= 1


def guest():
    meter = Meter()
    quiet()
    settle()
    for _ in range(RUNS):
        for action, argument in ((calls, CALLS), (calls, 2 * CALLS), (loops, 50_000), (time.sleep, 10)):
            meter.once(action, argument)
    save_symbols("/out/symbols")


def judge(directory):
    counts = Counts(directory / "plugin.log")
    kinds = [range(first, 4 * RUNS, 4) for first in range(4)]
    once, twice, user, idle = found = [counts.value([(1, runs)]) for runs in kinds]
    alike = sum(abs(counts.kernel[run] - once) < 0.002 * once for run in kinds[0])
    difference = counts.functions([(1, kinds[1]), (-1, kinds[0])], Symbols(directory / "symbols"))
    call = difference["", "__x64_sys_getppid"]
    wrong = [text for text, right in (
        ("as many calls cost as much, but now and then", alike > RUNS // 2),
        ("twice as many calls cost twice, but for a tick", abs(twice - 2 * once) < 0.01 * once),
        ("a call costs some hundred instructions", 50 * CALLS < once < 1000 * CALLS),
        ("each call takes the same way in its function", call >= 3 * CALLS and call % CALLS == 0),
        ("user space is not counted", user < 0.2 * once),
        # What of it is counted are the timers of 10 seconds.
        ("waiting is not counted", idle < 30_000_000),
    ) if not right]
    print(f"{found}: " + ("; ".join(f"not so: {text}" for text in wrong) or "as it should be"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(guest() if sys.argv[1] == "guest" else judge(Path(sys.argv[2])))
