# SPDX-License-Identifier: GPL-2.0
"""What only a built module shows."""

import os
import re
import shutil
import subprocess

from .tree import Finding, rule

# Names within mangled symbols of core that end in a panic. Rust's mangling gives each part of a
# path its length, as in _RNvNtCs3KdCw_4core9panicking5panic.
PANIC = re.compile(
    r"4core.*(9panicking|13unwrap_failed|13expect_failed|slice_\w*fail|17len_mismatch_fail"
    r"|panic_already_|slice_error_fail)"
)
# A build_assert! that the optimiser could not prove.
BUILD_ERROR = re.compile(r"rust_build_error")
# C inline functions reached out of line, which net/shim.c should have defined.
SHIM = re.compile(r"shim_\w+")
# Kbuild compares whole version lines: "gcc" there, "x86_64-linux-gnu-gcc-14" here, one compiler.
NO_WARNING = re.compile(r"\b(warnings?|errors?) emitted|aborting due to|the compiler differs from")


def symbols(path):
    """Yields (type letter, name) of each symbol of an object file."""
    out = subprocess.run(["nm", str(path)], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        fields = line.split()
        if len(fields) >= 2:
            yield fields[-2], fields[-1]


@rule("clippy", needs_build=True)
def clippy(tree):
    """Builds the module with CLIPPY=1: not one warning, by rustc, clippy, gcc or modpost."""
    if tree.kdir is None:
        yield Finding("clippy", 0, "no prepared kernel tree; run within tools/in-root or give --kdir")
        return
    log = _build(tree)
    found = set()
    for match in re.finditer(r"^(?:warning|error)\b(.*)\n(?:\s*--> (\S+?):(\d+))?", log, re.M):
        text, path, line = match.groups()
        if NO_WARNING.search(text):
            continue
        found.add((_relative(tree, path) if path else "Kbuild", int(line or 0), text.lstrip("[]: ")))
    for match in re.finditer(r"^(\S+?):(\d+):\d+: (?:warning|error): (.*)$", log, re.M):
        found.add((_relative(tree, match[1]), int(match[2]), match[3]))
    for match in re.finditer(r"^(?:WARNING|ERROR): (modpost.*)$", log, re.M):
        found.add(("Kbuild", 0, match[1]))
    for path, line, text in sorted(found):
        yield Finding(path, line, text)
    if not tree.build_dir.joinpath("vxlan.ko").exists() and not found:
        yield Finding("Kbuild", 0, "the module does not build: " + log.strip()[-600:])


def _relative(tree, path):
    path = os.path.normpath(os.path.join(tree.build_dir, path))
    prefix = f"{tree.build_dir}/"
    return path.removeprefix(prefix)


def _build(tree):
    """Builds a copy of the sources from nothing, as a warning is printed only once."""
    shutil.rmtree(tree.build_dir, ignore_errors=True)
    for f in tree.files:
        if f.path.split("/")[0] in ("tools", "Documentation", ".ci") or f.path == "Makefile":
            continue
        target = tree.build_dir / f.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree.root / f.path, target)
    settings = {"CC": "gcc"}
    for line in (tree.kdir / "vxlan_rs.mk").read_text().splitlines():
        match = re.match(r"(\w+) := (\S+)$", line)
        if match:
            settings[match[1]] = match[2]
    command = ["make", "--no-print-directory", "-C", str(tree.kdir), f"M={tree.build_dir}",
               "CLIPPY=1", f"CLIPPY_CONF_DIR={tree.build_dir}", f"-j{os.cpu_count()}",
               *(f"{name}={value}" for name, value in settings.items()), "modules"]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return run.stdout


def _module(tree):
    """The module given, else the one that the clippy rule has built."""
    if tree.module is not None:
        return tree.module
    built = tree.build_dir / "vxlan.ko"
    return built if built.exists() else None


@rule("panic-free", needs_build=True)
def panic_free(tree):
    """Nothing in the module reaches a panic. Its functions are in the kernel image, or, if generic,
    in the module itself."""
    module = _module(tree)
    if module is None:
        yield Finding("vxlan.ko", 0, "there is no module to look at")
        return
    for kind, name in symbols(module):
        if PANIC.search(name) or BUILD_ERROR.search(name):
            yield Finding(module.name, 0, f"refers to {name}")
        elif kind == "U" and SHIM.fullmatch(name):
            yield Finding(module.name, 0, f"{name} is not defined")
