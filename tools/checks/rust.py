# SPDX-License-Identifier: GPL-2.0
"""As much of Rust's grammar as the rules need: what is code, where blocks begin and end."""

import bisect
import re
from functools import cached_property

# In this order: what begins first wins, so a quote in a comment is no string.
_TOKEN = re.compile(
    r"""
    (?P<line>//[^\n]*)
  | (?P<block>/\*)
  | (?P<raw>\b(?:b|c)?r(?P<hashes>\#*)")
  | (?P<string>(?:\b[bc])?"(?:\\.|[^"\\])*")
  | (?P<char>(?:\bb)?'(?:\\(?:u\{[^}]*\}|x..|.)|[^\\'\n])')
    """,
    re.VERBOSE | re.DOTALL,
)


def _blank(text):
    """Spaces in place of all but the line ends, so that offsets stay."""
    return re.sub(r"[^\n]", " ", text)


def _end_of_block_comment(text, start):
    depth = 0
    for match in re.finditer(r"/\*|\*/", text[start:]):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return start + match.end()
    return len(text)


class Source:
    """Rust source. `code` is as long as the text, with comments and literals blanked."""

    def __init__(self, text):
        self.text = text
        self._starts = [0] + [m.end() for m in re.finditer("\n", text)]
        code, comments = [], []
        at = 0
        while match := _TOKEN.search(text, at):
            end = match.end()
            if match.group("block"):
                end = _end_of_block_comment(text, match.start())
            elif match.group("raw"):
                close = text.find('"' + match.group("hashes"), end)
                end = len(text) if close < 0 else close + 1 + len(match.group("hashes"))
            code.append(text[at:match.start()])
            code.append(_blank(text[match.start():end]))
            if match.group("line") or match.group("block"):
                comments.append((match.start(), text[match.start():end]))
            at = end
        code.append(text[at:])
        self.code = "".join(code)
        self.comments = comments

    def line_of(self, offset):
        """Returns the number of the line, from 1."""
        return bisect.bisect_right(self._starts, offset)

    def block_end(self, offset):
        """Returns the offset of the brace that closes the first block from `offset` on.
        None if a semicolon outside any bracket comes first."""
        depth = 0
        nesting = 0
        for match in re.finditer(r"[{}()\[\];]", self.code[offset:]):
            char = match.group()
            if char in "([":
                nesting += 1
            elif char in ")]":
                nesting -= 1
            elif char == ";" and depth == 0 and nesting == 0:
                return None
            elif char == "{":
                depth += 1
            elif char == "}":
                depth -= 1
                if depth == 0:
                    return offset + match.start()
        return None

    @cached_property
    def code_lines(self):
        return self.code.split("\n")

    def _blocks(self, pattern):
        for match in re.finditer(pattern, self.code):
            end = self.block_end(match.end())
            if end is not None:
                yield match.start(), end

    @cached_property
    def functions(self):
        """(name, first line, last line) of each function that has a body."""
        found = []
        for match in re.finditer(r"\bfn\s+(\w+)", self.code):
            end = self.block_end(match.end())
            if end is not None:
                found.append((match.group(1), self.line_of(match.start()), self.line_of(end)))
        return found

    @cached_property
    def tests(self):
        """(start, end) offsets of what only a test build compiles."""
        return list(self._blocks(r"#\[cfg\((?:any\()?test\b"))

    @cached_property
    def trait_impls(self):
        """(start, end) offsets of the implementations of traits."""
        return [
            (start, end)
            for start, end in self._blocks(r"(?m)^\s*(?:unsafe\s+)?impl\b(?=[^{;]*\bfor\b)")
        ]

    @staticmethod
    def within(offset, regions):
        return any(start <= offset <= end for start, end in regions)

    def comment_above(self, offset):
        """Returns the comment on the item or statement that `offset` is in: the lines of comment
        right above it, attributes and the statement's own beginning skipped."""
        number = self.line_of(offset) - 1
        lines = self.text.split("\n")
        # A comment before the word, on its own line.
        start = self._starts[number]
        own = [text for at, text in self.comments if start <= at < offset]
        if own:
            return "\n".join(own)
        number -= 1
        # Back over the rest of a statement that began further up, and attributes.
        for _ in range(12):
            if number < 0:
                return ""
            code = self.code_lines[number].strip()
            if not code:
                break
            if not code.startswith("#") and code[-1] in ";{},":
                return ""
            number -= 1
        found = []
        while number >= 0 and re.match(r"\s*(//|/\*|\*)", lines[number]):
            found.append(lines[number])
            number -= 1
        return "\n".join(reversed(found))
