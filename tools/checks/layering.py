# SPDX-License-Identifier: GPL-2.0
"""Who may use what: the walls of the house."""

import re

from .tree import Finding, is_pure, may_be_unsafe, rule

CRATE_ROOT = "vxlan_rs.rs"


@rule("forbid-unsafe-code")
def forbid_unsafe_code(tree):
    """Each driver file forbids unsafe code itself, but those that must have it and the root."""
    for f in tree.driver_files:
        if may_be_unsafe(f.path) or f.path == CRATE_ROOT:
            continue
        if not re.search(r"#!\[forbid\(\s*unsafe_code\s*\)\]", f.rust.code):
            yield Finding(f.path, 1, "lacks #![forbid(unsafe_code)]")


@rule("no-unsafe")
def no_unsafe(tree):
    for f in tree.driver_files:
        if not may_be_unsafe(f.path):
            yield from f.find(r"\bunsafe\b", "`unsafe` outside net/ and abi.rs")


@rule("bindings")
def bindings(tree):
    """C types stay behind the abstractions."""
    for f in tree.driver_files:
        yield from f.find(r"\bpub\s*(\([^)]*\))?\s*(mod|use)\s+[\w:]*\bbindings\b",
                          "`bindings` must be private to net/")
        if not may_be_unsafe(f.path):
            yield from f.find(r"\bbindings\b", "`bindings` outside net/ and abi.rs")


@rule("pure")
def pure(tree):
    """wire/ and config/ know no kernel, no allocator and no other part of the driver."""
    for f in tree.driver_files:
        if not is_pure(f.path):
            continue
        yield from f.find(r"\bkernel\b", "`kernel` in pure code")
        yield from f.find(r"\b(std|alloc)::", "only `core` in pure code")
        allowed = "wire" if f.path.startswith("wire") else "wire|config"
        yield from f.find(rf"\bcrate::(?!({allowed})\b)", f"`crate::` other than {allowed}")


@rule("net-is-a-library")
def net_is_a_library(tree):
    """net/ could go upstream: it uses nothing of the driver but wire/."""
    for f in tree.driver_files:
        if f.path.startswith("net/"):
            yield from f.find(r"(?<!\$)\bcrate::(?!(net|wire)\b)",
                              "`crate::` other than crate::net and crate::wire in net/")


@rule("no-static-mut")
def no_static_mut(tree):
    for f in tree.driver_files:
        yield from f.find(r"\bstatic\s+mut\b", "`static mut`; use an atomic or a lock")


@rule("safety-comments")
def safety_comments(tree):
    """What makes unsafe code sound is said at the place."""
    for f in tree.driver_files:
        source = f.rust
        for match in re.finditer(r"\bunsafe\s*(\{|impl\b)", source.code):
            if "SAFETY:" not in source.comment_above(match.start()):
                what = "block" if match.group(1) == "{" else "impl"
                yield Finding(f.path, source.line_of(match.start()),
                              f"unsafe {what} without a SAFETY comment right above")
        for match in re.finditer(r"\bunsafe\s+(extern\s+(\"?\w*\"?\s*))?fn\s+\w", source.code):
            if source.within(match.start(), source.trait_impls):
                continue
            if "# Safety" not in source.comment_above(match.start()):
                yield Finding(f.path, source.line_of(match.start()),
                              "unsafe fn without a `# Safety` section")


UNFINISHED = [
    (r"\b(todo|unimplemented)!", "unfinished"),
    (r"\.(unwrap|expect)\(", "may panic; a panic is BUG()"),
    (r"(?<!_)\b(panic|unreachable)!", "may panic; a panic is BUG()"),
]


@rule("finished")
def finished(tree):
    """No part is left for later, and nothing panics on purpose; tests may."""
    for f in tree.driver_files:
        source = f.rust
        for pattern, text in UNFINISHED:
            for match in re.finditer(pattern, source.code):
                if not source.within(match.start(), source.tests):
                    yield Finding(f.path, source.line_of(match.start()),
                                  f"{match.group()}: {text}")
    mark = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
    for f in tree.files:
        if f.language in ("rust", "c") and not f.path.startswith("tools/"):
            for number, line in enumerate(f.lines, 1):
                if mark.search(line):
                    yield Finding(f.path, number, "unfinished")
