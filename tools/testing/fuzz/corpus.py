#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Inputs of the fuzz targets as text: one a line, in hexadecimal, with comments.

corpus.py expand TEXT DIRECTORY   writes each input into a file, as libFuzzer wants them
corpus.py line FILE               prints the line of the input in FILE
corpus.py keep DIRECTORY TEXT     puts the inputs in DIRECTORY behind the mark in TEXT
"""

import sys
from pathlib import Path

# What stands above it is written by hand and stays.
MARK = "# The fewest that reach what was reached, by tools/fuzz --keep:"


def line(octets):
    return octets.hex() or "-"


def read(text):
    """Yields the inputs; "-" is the empty one."""
    for number, entry in enumerate(text.read_text().splitlines(), 1):
        entry = entry.split("#")[0].strip()
        if entry:
            try:
                yield b"" if entry == "-" else bytes.fromhex(entry)
            except ValueError:
                sys.exit(f"{text}:{number}: not hexadecimal")


def expand(text, directory):
    for number, octets in enumerate(read(Path(text))):
        (Path(directory) / f"{number:04}").write_bytes(octets)


def keep(directory, text):
    text = Path(text)
    above = text.read_text().split(MARK)[0]
    known = set(read(text)) if MARK not in text.read_text() else set()
    found = {file.read_bytes() for file in Path(directory).iterdir()} - known
    lines = [line(octets) for octets in sorted(found, key=lambda o: (len(o), o))]
    text.write_text(above + "\n".join([MARK, *lines]) + "\n")


def main():
    match sys.argv[1:]:
        case ["expand", text, directory]:
            expand(text, directory)
        case ["line", file]:
            print(line(Path(file).read_bytes()))
        case ["keep", directory, text]:
            keep(directory, text)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
