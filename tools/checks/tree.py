# SPDX-License-Identifier: GPL-2.0
"""The files under check and what a rule reports about them."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from . import rust

RULES = {}


@dataclass(frozen=True)
class Finding:
    """One violation: where, and what to do about it. Line 0: the file as a whole."""

    path: str
    line: int
    text: str

    def __str__(self):
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.text}"


def rule(name, needs_build=False):
    """Registers a function Tree -> iterable of Finding as the rule of that name."""

    def register(function):
        RULES[name] = (function, needs_build)
        return function

    return register


@dataclass
class File:
    """A file of the project; `path` is relative to the root."""

    root: Path
    path: str

    @cached_property
    def data(self):
        return (self.root / self.path).read_bytes()

    @property
    def is_text(self):
        return b"\0" not in self.data

    @cached_property
    def text(self):
        return self.data.decode(errors="replace")

    @cached_property
    def lines(self):
        return self.text.splitlines()

    @cached_property
    def rust(self):
        """The file as Rust, see rust.Source."""
        return rust.Source(self.text)

    @property
    def suffix(self):
        return os.path.splitext(self.path)[1]

    @cached_property
    def interpreter(self):
        """What a script's first line names: "python3", "bash", "sh", or ""."""
        first = self.lines[0] if self.is_text and self.lines else ""
        match = re.match(r"#!.*?([a-z0-9]+)$", first.strip())
        return match.group(1) if match else ""

    @property
    def language(self):
        """"rust", "c", "python", "shell" or "", by name or by first line."""
        by_suffix = {".rs": "rust", ".c": "c", ".h": "c", ".py": "python", ".sh": "shell"}
        if self.suffix in by_suffix:
            return by_suffix[self.suffix]
        if self.suffix:
            return ""
        if self.interpreter.startswith("python"):
            return "python"
        return "shell" if self.interpreter in ("bash", "sh", "dash") else ""

    def find(self, pattern, text):
        """Yields a Finding for each match in the Rust code, comments and strings left out."""
        for match in re.finditer(pattern, self.rust.code):
            yield Finding(self.path, self.rust.line_of(match.start()), text)


@dataclass
class Tree:
    """The project, or a copy of it."""

    root: Path
    module: Path | None = None
    kdir: Path | None = None
    # Where the module is built for the rules that need one.
    build_dir: Path | None = None
    notes: list = field(default_factory=list)

    @cached_property
    def files(self):
        if (self.root / ".git").exists():
            names = self._git_files()
        else:
            names = self._walk()
        found = [File(self.root, name) for name in sorted(set(names))]
        return [f for f in found if (self.root / f.path).is_file()]

    def _git_files(self):
        command = ["git", "-c", "safe.directory=*", "-C", str(self.root), "ls-files", "-z",
                   "--cached", "--others", "--exclude-standard"]
        out = subprocess.run(command, check=True, capture_output=True).stdout
        return [name for name in out.decode().split("\0") if name]

    def _walk(self):
        for directory, children, names in os.walk(self.root):
            children[:] = [c for c in children if c not in ("build", "target", "__pycache__")]
            for name in names:
                yield str((Path(directory) / name).relative_to(self.root))

    @property
    def rust_files(self):
        return [f for f in self.files if f.suffix == ".rs"]

    @property
    def driver_files(self):
        """What is compiled into the module, and nothing else."""
        return [f for f in self.rust_files if f.path.split("/")[0] not in ("tools", "Documentation")]

    def in_language(self, *languages):
        return [f for f in self.files if f.is_text and f.language in languages]


def may_be_unsafe(path):
    """Unsafe code has two places."""
    return path.startswith("net/") or is_abi(path)


def is_abi(path):
    return path == "abi.rs" or path.startswith("abi/")


def is_pure(path):
    return path.startswith(("wire/", "config/")) or path in ("wire.rs", "config.rs")
