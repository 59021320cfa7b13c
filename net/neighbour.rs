// SPDX-License-Identifier: GPL-2.0

//! Neighbours: the link layer addresses that ARP and neighbour discovery know.
//!
//! C header: [`include/net/neighbour.h`](srctree/include/net/neighbour.h)

use super::{
    bindings,
    device::{
        NetDev,
        NetDevice, //
    },
    rcu::RcuProof, //
};
use core::ptr::NonNull;

/// What the kernel knows of a neighbour.
///
/// # Invariants
///
/// The pointer is valid, and this value owns one reference to it.
pub(crate) struct Neighbour(NonNull<bindings::neighbour>);

impl Neighbour {
    /// Finds an IPv4 neighbour on a device.
    pub(crate) fn find4<T: NetDevice>(
        dev: &NetDev<T>,
        address: [u8; 4],
        _reader: &impl RcuProof,
    ) -> Option<Self> {
        // SAFETY: The device is valid, and the address has as many octets as the keys of the ARP table.
        let found = unsafe { bindings::shim_neigh_lookup4(dev.as_ptr(), address.as_ptr().cast()) };
        // INVARIANT: A lookup returns a new reference or null.
        NonNull::new(found).map(Self)
    }

    /// Finds an IPv6 neighbour on a device; there is none on a kernel that has IPv6 disabled.
    pub(crate) fn find6<T: NetDevice>(
        dev: &NetDev<T>,
        address: [u8; 16],
        _reader: &impl RcuProof,
    ) -> Option<Self> {
        // SAFETY: The device is valid, and the address has as many octets as the keys of the table of
        // neighbour discovery, which the function does not touch where it is not set up.
        let found = unsafe { bindings::shim_neigh_lookup6(dev.as_ptr(), address.as_ptr().cast()) };
        // INVARIANT: As above.
        NonNull::new(found).map(Self)
    }

    /// Returns whether the address may be used without asking for it first.
    pub(crate) fn is_connected(&self) -> bool {
        // SAFETY: The neighbour is valid by the invariants.
        unsafe { bindings::shim_neigh_connected(self.0.as_ptr()) }
    }

    /// Returns the link layer address, read whole: it may change at any moment.
    pub(crate) fn address(&self) -> [u8; 6] {
        let mut address = [0; 6];
        // SAFETY: The neighbour is valid by the invariants, and there is room for six octets.
        unsafe { bindings::shim_neigh_address(self.0.as_ptr(), address.as_mut_ptr()) };
        address
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        // SAFETY: By the invariants we own a reference, which ends here.
        unsafe { bindings::shim_neigh_release(self.0.as_ptr()) };
    }
}

/// Returns whether the kernel has IPv6, and does not have it disabled at boot.
pub(crate) fn ipv6_enabled() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::shim_ipv6_enabled() }
}
