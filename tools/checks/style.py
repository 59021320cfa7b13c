# SPDX-License-Identifier: GPL-2.0
"""Form: licence lines, sizes, formatters and linters."""

import ast
import re
import shutil
import subprocess

from .tree import Finding, rule

MAX_FILE_LINES = 550
MAX_FUNCTION_LINES = 75
# rustfmt breaks code at 100 and leaves comments alone.
MAX_WIDTH = 110

# What shellcheck cannot see in scripts that source one another under `set -e`, and commas in QEMU's
# options, which it takes for separators.
SHELLCHECK_EXCLUDED = ["SC1090", "SC1091", "SC2034", "SC2054", "SC2154", "SC2164"]

# Texts that cannot carry a comment, or that are the licence.
WITHOUT_LICENCE_LINE = re.compile(r"(^|/)(COPYING|LICENSE[^/]*|[^/]*\.(json|lock))$")


@rule("spdx")
def spdx(tree):
    for f in tree.files:
        if not f.is_text or not f.text.strip() or WITHOUT_LICENCE_LINE.search(f.path):
            continue
        if not any("SPDX-License-Identifier: GPL-2.0" in line for line in f.lines[:5]):
            yield Finding(f.path, 1, "no SPDX-License-Identifier: GPL-2.0 in the first lines")


@rule("file-length")
def file_length(tree):
    for f in tree.in_language("rust", "c", "python", "shell"):
        if len(f.lines) > MAX_FILE_LINES:
            yield Finding(f.path, len(f.lines),
                          f"{len(f.lines)} lines; split it (about 500, at most {MAX_FILE_LINES})")


@rule("line-width")
def line_width(tree):
    for f in tree.rust_files:
        for number, line in enumerate(f.lines, 1):
            if len(line) > MAX_WIDTH:
                yield Finding(f.path, number, f"{len(line)} columns (at most {MAX_WIDTH})")


def _braced_functions(f, start):
    """(name, first, last) of C and shell functions, whose braces close in the first column."""
    name, first = None, 0
    for number, line in enumerate(f.lines, 1):
        match = re.match(start, line)
        if match and name is None:
            name, first = match.group(1), number
        elif line.startswith("}") and name is not None:
            yield name, first, number
            name = None
        elif line.rstrip().endswith(";") and not line[:1].isspace():
            name = None


def _functions(f):
    if f.language == "rust":
        return f.rust.functions
    if f.language == "python":
        try:
            parsed = ast.parse(f.text)
        except SyntaxError:
            return []
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return [(n.name, n.lineno, n.end_lineno) for n in ast.walk(parsed) if isinstance(n, kinds)]
    if f.language == "c":
        return _braced_functions(f, r"[A-Za-z_][^;={]*?\b(\w+)\(")
    return _braced_functions(f, r"([\w-]+)\(\)\s*\{?\s*$")


@rule("function-length")
def function_length(tree):
    for f in tree.in_language("rust", "c", "python", "shell"):
        for name, first, last in _functions(f):
            length = last - first + 1
            if length > MAX_FUNCTION_LINES:
                yield Finding(f.path, first, f"{name} has {length} lines; split it (about 60, "
                              f"at most {MAX_FUNCTION_LINES})")


def _tool(name):
    """Returns a finding if the tool is not there: a rule that did not run is no pass."""
    if shutil.which(name):
        return None
    return Finding(name, 0, "is not installed; run within tools/in-root")


@rule("rustfmt")
def rustfmt(tree):
    missing = _tool("rustfmt")
    if missing:
        yield missing
        return
    paths = [str(tree.root / f.path) for f in tree.rust_files]
    command = ["rustfmt", "--check", "--edition", "2021", "--color", "never",
               "--config-path", str(tree.root / ".rustfmt.toml"), *paths]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tree.root)
    # Modules are followed, so a file may come more than once.
    found = set()
    places = re.findall(r"^Diff in (.*?):(\d+):?$", run.stdout, re.MULTILINE)
    places += re.findall(r"^ *--> (.*?):(\d+):\d+$", run.stderr, re.MULTILINE)
    for path, line in places:
        path = path.removeprefix(f"{tree.root.resolve()}/").removeprefix(f"{tree.root}/")
        found.add((path, int(line)))
    for path, line in sorted(found):
        yield Finding(path, line, "is not as rustfmt has it")
    if run.returncode and not found:
        errors = [line for line in run.stderr.splitlines() if line.strip()]
        yield Finding("rustfmt", 0, " ".join(errors)[:400] or f"status {run.returncode}")


@rule("shellcheck")
def shellcheck(tree):
    missing = _tool("shellcheck")
    if missing:
        yield missing
        return
    paths = [f.path for f in tree.in_language("shell")]
    if not paths:
        return
    command = ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", "--format=gcc",
               "--severity=warning", "--exclude=" + ",".join(SHELLCHECK_EXCLUDED), *paths]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tree.root)
    for line in run.stdout.splitlines():
        match = re.match(r"(.*?):(\d+):\d+: (.*)$", line)
        if match:
            yield Finding(match.group(1), int(match.group(2)), match.group(3))
    if run.stderr.strip():
        yield Finding("shellcheck", 0, run.stderr.strip()[:400])


@rule("python")
def python(tree):
    for f in tree.in_language("python"):
        try:
            compile(f.text, f.path, "exec", dont_inherit=True)
        except SyntaxError as error:
            yield Finding(f.path, error.lineno or 1, f"{error.msg}")
