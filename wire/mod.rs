// SPDX-License-Identifier: GPL-2.0

//! Wire formats: what the octets of a packet mean.
//!
//! Pure code. It uses `core` alone, allocates nothing, cannot panic and knows no kernel type, so
//! that it runs under `cargo test` on any host. Headers are taken as arrays copied out of the
//! packet (`[u8; N]`), which leaves no length to check and no borrow that a reallocation could make
//! stale.

#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub(crate) mod arp;
pub(crate) mod ecn;
pub(crate) mod ethernet;
pub(crate) mod gbp;
pub(crate) mod gpe;
pub(crate) mod ip;
pub(crate) mod nd;
pub(crate) mod rco;
pub(crate) mod vxlan;

mod octets;
