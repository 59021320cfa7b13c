// SPDX-License-Identifier: GPL-2.0

//! The driver's pure modules, and their tests, without a kernel.
//!
//! Short examples stand beside the code they are about. Here stand the rules of link requests, and
//! properties over all inputs: each call below that only runs a function asserts that it cannot
//! panic.

// Not all that the kernel module uses is used here.
#![allow(dead_code, unused_imports)]

#[path = "../../../../config/mod.rs"]
mod config;
#[path = "../../../../wire/mod.rs"]
mod wire;

#[cfg(test)]
#[path = "../../fuzz/src/targets/mod.rs"]
mod fuzz;
#[cfg(test)]
mod test_change;
#[cfg(test)]
mod test_config;
#[cfg(test)]
mod test_corpus;
#[cfg(test)]
mod test_ecn;
#[cfg(test)]
mod test_extensions;
#[cfg(test)]
mod test_sizes;
#[cfg(test)]
mod test_validate;
#[cfg(test)]
mod test_wire;
