# SPDX-License-Identifier: GPL-2.0
"""Violations of the house rules, and what looks like them without being any."""

SPDX = "// SPDX-License-Identifier: GPL-2.0\n"
FORBID = SPDX + "\n#![forbid(unsafe_code)]\n"
SH = "#!/bin/bash\n# SPDX-License-Identifier: GPL-2.0\n"
PY = "# SPDX-License-Identifier: GPL-2.0\n"


def new(text):
    """A file that was not there."""
    return lambda _: text


def append(text):
    """More at the end of a file."""
    return lambda before: before + text


def without(text):
    """A file that lost something."""
    return lambda before: before.replace(text, "")


def lines(count, line):
    return (line + "\n") * count


# name, rule, file, edit
PLANTS = [
    ("a new file", "forbid-unsafe-code", "planted.rs", new(SPDX)),
    ("only in a comment", "forbid-unsafe-code", "planted.rs",
     new(SPDX + "// #![forbid(unsafe_code)]\n")),
    ("taken out", "forbid-unsafe-code", "config/mod.rs", without("#![forbid(unsafe_code)]")),
    ("a block", "no-unsafe", "config/mod.rs", append("fn planted() {\n    unsafe { f() }\n}\n")),
    ("an impl in the crate root", "no-unsafe", "vxlan_rs.rs", append("unsafe impl Send for X {}\n")),
    ("after a comment", "no-unsafe", "wire/mod.rs", append("/* no */ unsafe fn f() {}\n")),
    ("after a string", "no-unsafe", "wire/mod.rs", append('const S: &str = "\\""; unsafe fn f() {}\n')),
    ("used by the driver", "bindings", "planted.rs",
     new(FORBID + "use crate::net::bindings::sk_buff;\n")),
    ("made public", "bindings", "net/planted.rs", new(SPDX + "pub(crate) mod bindings {}\n")),
    ("re-exported", "bindings", "net/planted.rs",
     new(SPDX + "pub(crate) use super::bindings::sk_buff;\n")),
    ("the kernel in wire/", "pure", "wire/vxlan.rs", append("use kernel::prelude::*;\n")),
    ("the kernel in config/", "pure", "config/mod.rs", append("use ::kernel::error::Result;\n")),
    ("net/ in config/", "pure", "config/mod.rs", append("use crate::net::rcu;\n")),
    ("config/ in wire/", "pure", "wire/mod.rs", append("use crate::config::Attr;\n")),
    ("a group of imports", "pure", "wire/mod.rs", append("use crate::{net::rcu, wire::ecn};\n")),
    ("an allocation", "pure", "wire/mod.rs", append("fn f() -> std::vec::Vec<u8> { g() }\n")),
    ("the configuration in net/", "net-is-a-library", "net/planted.rs",
     new(SPDX + "use crate::config::Config;\n")),
    ("a group of imports", "net-is-a-library", "net/planted.rs",
     new(SPDX + "use crate::{config::Config, net::rcu};\n")),
    ("in the driver", "no-static-mut", "planted.rs", new(FORBID + "static mut X: u32 = 0;\n")),
    ("in net/", "no-static-mut", "net/planted.rs", new(SPDX + "static mut X: u32 = 0;\n")),
    ("a block", "safety-comments", "net/planted.rs",
     new(SPDX + "fn f() {\n    // It is fine.\n    unsafe { g() };\n}\n")),
    ("a second block under one comment", "safety-comments", "net/planted.rs",
     new(SPDX + "fn f() {\n    // SAFETY: Fine.\n    unsafe { g() };\n    unsafe { h() };\n}\n")),
    ("an impl", "safety-comments", "net/planted.rs", new(SPDX + "unsafe impl Send for X {}\n")),
    ("a function", "safety-comments", "net/planted.rs",
     new(SPDX + "/// Does.\nunsafe fn f() {}\n")),
    ("a callback", "safety-comments", "abi.rs", new(SPDX + 'unsafe extern "C" fn f() {}\n')),
    ("a macro for later", "finished", "planted.rs", new(FORBID + "fn f() {\n    todo!()\n}\n")),
    ("another", "finished", "net/planted.rs", new(SPDX + "fn f() {\n    unimplemented!()\n}\n")),
    ("a note for later", "finished", "planted.rs", new(FORBID + "// TO" "DO: the rest.\n")),
    ("a note in C", "finished", "net/shim.c", append("/* FIX" "ME */\n")),
    ("an unwrap", "finished", "planted.rs", new(FORBID + "fn f() {\n    g().unwrap();\n}\n")),
    ("an expect", "finished", "config/mod.rs", append('fn f() {\n    g().expect("");\n}\n')),
    ("a panic", "finished", "planted.rs", new(FORBID + 'fn f() {\n    panic!("");\n}\n')),
    ("an unwrap after the tests", "finished", "planted.rs",
     new(FORBID + "#[cfg(test)]\nmod tests {\n}\nfn f() {\n    g().unwrap();\n}\n")),
    ("in Rust", "spdx", "planted.rs", new("//! No licence.\n")),
    ("in a script", "spdx", "tools/planted", new("#!/bin/sh\n:\n")),
    ("in a document", "spdx", "Documentation/planted.md", new("# No licence\n")),
    ("another licence", "spdx", "planted.c", new("// SPDX-License-Identifier: MIT\n")),
    ("in Rust", "file-length", "planted.rs", new(FORBID + lines(550, "// A line."))),
    ("in a script", "file-length", "tools/planted", new(SH + lines(550, ": a line"))),
    ("in Rust", "line-width", "planted.rs", new(FORBID + "// " + "x" * 110 + "\n")),
    ("in Rust", "function-length", "planted.rs",
     new(FORBID + "fn f() {\n" + lines(75, "    g();") + "}\n")),
    ("a method", "function-length", "planted.rs",
     new(FORBID + "impl X {\n    fn f(a: [u8; 4]) {\n" + lines(75, "g();") + "    }\n}\n")),
    ("in C", "function-length", "planted.c",
     new(SPDX + "static int f(int x)\n{\n" + lines(75, "\tg();") + "}\n")),
    ("in Python", "function-length", "tools/planted.py",
     new(PY + "def f():\n" + lines(75, "    g()"))),
    ("in a script", "function-length", "tools/planted",
     new(SH + "f() {\n" + lines(75, "\t:") + "}\n")),
    ("a space", "rustfmt", "wire/ecn.rs", append("const X : u8 = 1;\n")),
    ("a file of no module", "rustfmt", "planted.rs", new(FORBID + "fn f( ) {}\n")),
    ("not Rust", "rustfmt", "planted.rs", new(FORBID + "fn f( {\n")),
    ("an unquoted array", "shellcheck", "tools/planted", new(SH + 'a=(1 2)\nrm ${a[@]}\n')),
    ("not shell", "shellcheck", "tools/planted.sh", new(SH + "if true; then\n")),
    ("not Python", "python", "tools/planted.py", new(PY + "def f(:\n")),
    ("a script without suffix", "python", "tools/planted",
     new("#!/usr/bin/env python3\n" + PY + "def f(:\n")),
]

# The same, but these must not be found.
HARMLESS = [
    ("words in comments and strings", "no-unsafe", "wire/mod.rs",
     append('// unsafe\n/* /* unsafe */ unsafe */\nconst S: &str = r#"" unsafe"#;\n')),
    ("the lint", "no-unsafe", "planted.rs", new(FORBID)),
    ("a lifetime beside a character", "no-unsafe", "wire/mod.rs",
     append("fn f<'a>(x: &'a u8) -> char {\n    '\"' // \" unsafe\n}\n")),
    ("the kernel's name in a comment", "pure", "wire/mod.rs", append("// kernel::\n")),
    ("a macro's crate", "net-is-a-library", "net/planted.rs",
     new(SPDX + "macro_rules! m {\n    () => {\n        $crate::lock()\n    };\n}\n")),
    ("net/ and wire/", "net-is-a-library", "net/planted.rs",
     new(SPDX + "use crate::net::rcu;\nuse crate::wire::ecn;\n")),
    ("C types in abi.rs", "bindings", "abi.rs", new(SPDX + "use kernel::bindings::net_device;\n")),
    ("a comment on a statement of several lines", "safety-comments", "net/planted.rs",
     new(SPDX + "fn f() {\n    // SAFETY: Fine.\n    let x =\n        unsafe { g() };\n}\n")),
    ("an attribute between", "safety-comments", "net/planted.rs",
     new(SPDX + "/// Does.\n///\n/// # Safety\n///\n/// None.\n#[inline]\nunsafe fn f() {}\n")),
    ("a method of a trait", "safety-comments", "net/planted.rs",
     new(SPDX + "// SAFETY: Fine.\nunsafe impl B for X {\n    unsafe fn f() {}\n}\n")),
    ("a type", "safety-comments", "net/planted.rs",
     new(SPDX + 'type F = unsafe extern "C" fn(u8);\n')),
    ("tests that unwrap", "finished", "planted.rs",
     new(FORBID + "#[cfg(test)]\nmod tests {\n    fn f() {\n        g().unwrap();\n    }\n}\n")),
    ("an expected lint", "finished", "planted.rs",
     new(FORBID + '#[expect(dead_code, reason = "planted")]\nfn f() {}\n')),
    ("an empty file", "spdx", "tools/testing/planted/__init__.py", new("")),
    ("a long array of items", "function-length", "planted.rs",
     new(FORBID + "const X: [u8; 80] = [\n" + lines(80, "    0,") + "];\n")),
]

# name, assembler, what must be named (None: nothing is found)
OBJECTS = [
    ("a call of core", "call _RNvNtCs0_4core9panicking5panic\n", "4core9panicking5panic"),
    ("an older mangling", "call _ZN4core9panicking18panic_bounds_check17h0E\n", "bounds_check"),
    ("an unwrap", "call _RNvNtCs0_4core6option13unwrap_failed\n", "unwrap_failed"),
    ("a range", "call _RNvNtNtCs0_4core5slice5index26slice_start_index_len_fail\n", "len_fail"),
    ("an overflow", "call _RNvNtNtCs0_4core9panicking11panic_const24panic_const_add_overflow\n",
     "add_overflow"),
    ("a generic one in the module itself",
     ".text\n_RINvNtCs0_4core9panicking13assert_failedmmE:\n\tud2\n", "assert_failed"),
    ("a build_assert", "call rust_build_error\n", "rust_build_error"),
    ("a helper that nobody defines", "call shim_skb_get\n", "shim_skb_get"),
    ("a clean module", "call skb_put\nshim_skb_get:\n\tret\n", None),
]
