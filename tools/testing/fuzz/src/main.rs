// SPDX-License-Identifier: GPL-2.0

//! The driver's pure modules under libFuzzer. Built and run by ../run.

#![no_main]
// Not all that the kernel module uses is used here.
#![allow(dead_code, unused_imports)]

#[path = "../../../../config/mod.rs"]
mod config;
mod targets;
#[path = "../../../../wire/mod.rs"]
mod wire;

use std::sync::OnceLock;

/// The target is named by the environment, as the arguments are libFuzzer's.
const VARIABLE: &str = "VXLAN_FUZZ_TARGET";

fn chosen() -> targets::Target {
    let name = std::env::var(VARIABLE).unwrap_or_default();
    let found = targets::ALL.iter().find(|(known, _)| *known == name);
    found
        .unwrap_or_else(|| panic!("{VARIABLE} is no target: {name:?}"))
        .1
}

/// Called by libFuzzer with each input.
#[no_mangle]
extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, size: usize) -> i32 {
    static TARGET: OnceLock<targets::Target> = OnceLock::new();
    let input = match size {
        0 => &[],
        // SAFETY: libFuzzer hands over `size` octets that stay until this returns.
        _ => unsafe { std::slice::from_raw_parts(data, size) },
    };
    TARGET.get_or_init(chosen)(input);
    0
}
