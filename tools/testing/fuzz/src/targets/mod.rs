// SPDX-License-Identifier: GPL-2.0

//! What must hold for any input. Each target takes octets, has the driver's code read or make
//! something of them, and panics if what comes out is not what a second, plain way says.
//!
//! Two programs run them: the fuzzer (../main.rs), and the host tests, which replay ../../corpus.

mod arp;
mod change;
mod config;
mod device;
mod extensions;
mod frame;
mod header;
mod input;
mod nd;
mod octets;
mod request;
mod sizes;

/// Checks one input.
pub(crate) type Target = fn(&[u8]);

/// All targets by name.
pub(crate) const ALL: &[(&str, Target)] = &[
    ("arp", arp::check),
    ("change", change::check),
    ("config", config::check),
    ("extensions", extensions::check),
    ("frame", frame::check),
    ("header", header::check),
    ("nd", nd::check),
    ("octets", octets::check),
    ("sizes", sizes::check),
];
