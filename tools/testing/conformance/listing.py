# SPDX-License-Identifier: GPL-2.0
"""The list of tests, and what one of their results is."""

import shlex
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).resolve().parent / "tests"


@dataclass(frozen=True)
class Test:
    """A line of the list."""

    name: str
    limit: int
    needs: tuple
    command: tuple


@dataclass
class Result:
    """What one test did on one driver. `outcome` is pass, FAIL or skip."""

    name: str
    outcome: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: int = 0
    note: str = ""

    def line(self):
        fields = (self.outcome, self.passed, self.failed, self.skipped, self.seconds, self.note)
        return "\t".join(["RESULT", self.name, *map(str, fields)])

    @classmethod
    def parse(cls, line):
        _, name, outcome, *counts, note = line.rstrip("\n").split("\t")
        return cls(name, outcome, *map(int, counts), note)


def read_list(path=LIST):
    tests = {}
    for line in path.read_text(encoding="ascii").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        name, limit, needs, *command = words
        assert name not in tests, f"{name} stands twice in {path}"
        wanted = () if needs == "-" else tuple(needs.split(","))
        tests[name] = Test(name, int(limit), wanted, tuple(command))
    return tests
