// SPDX-License-Identifier: GPL-2.0

//! The module's parameters, which the C side declares: `module!` knows no permissions.

use super::bindings;
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// Returns the UDP port of devices that are created without one, in host order.
pub(crate) fn udp_port() -> u16 {
    // SAFETY: The parameter is set before the module starts and read-only from then on.
    unsafe { (&raw const bindings::vxlan_rs_udp_port).read() }
}

/// Returns whether contradicting ECN marks are logged.
pub(crate) fn log_ecn_error() -> bool {
    // SAFETY: The parameter is a `bool` that lives forever; it may be written to meanwhile.
    unsafe { Atomic::<i8>::from_ptr((&raw mut bindings::log_ecn_error).cast()) }.load(Relaxed) != 0
}
