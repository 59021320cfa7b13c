// SPDX-License-Identifier: GPL-2.0

//! Generic receive offload of a UDP tunnel.
//!
//! C header: [`include/net/gro.h`](srctree/include/net/gro.h)

use super::bindings;
use core::{
    marker::PhantomData,
    ptr::null_mut, //
};
use kernel::prelude::*;

/// What becomes of a packet that arrives.
pub(crate) enum Verdict {
    /// It is no packet of this tunnel: goes up by itself.
    Flush,
    /// What follows the pulled headers is an Ethernet frame, to be merged as such.
    Ethernet,
}

/// A packet under way through GRO, and those it may be merged with.
///
/// # Invariants
///
/// Both pointers are those that the kernel called `gro_receive` with, valid during that call.
pub(crate) struct Packet<'a> {
    skb: *mut bindings::sk_buff,
    held: *mut bindings::list_head,
    _call: PhantomData<&'a mut ()>,
}

impl Packet<'_> {
    /// Takes what the kernel called with.
    ///
    /// # Safety
    ///
    /// The pointers are those of a `gro_receive` call, and the value ends with it.
    pub(super) unsafe fn new(skb: *mut bindings::sk_buff, held: *mut bindings::list_head) -> Self {
        // INVARIANT: By this function's contract.
        Self {
            skb,
            held,
            _call: PhantomData,
        }
    }

    /// Takes `N` octets of header off the packet, and parts it from those held packets that have other
    /// octets in this place. None if the packet is too short.
    #[inline]
    pub(crate) fn take_header<const N: usize>(&mut self) -> Option<[u8; N]> {
        // SAFETY: The packet is valid. The header pointer is valid until the packet is next asked for
        // one; the octets are copied before. Held packets have as many octets before theirs, which GRO
        // keeps linear up to what it has parsed.
        unsafe {
            let header = bindings::shim_gro_header(self.skb, N as u32);
            if header.is_null() {
                return None;
            }
            let octets = header.cast::<[u8; N]>().read_unaligned();
            let offset = bindings::shim_gro_offset(self.skb);
            bindings::shim_gro_pull(self.skb, header, N as u32);
            bindings::shim_gro_same_flow(self.held, offset, octets.as_ptr().cast(), N as u32);
            Some(octets)
        }
    }

    /// Does what the verdict says. Returns the held packet to be completed, or null.
    pub(super) fn finish(self, verdict: Verdict) -> *mut bindings::sk_buff {
        // SAFETY: The pointers are valid by the invariants.
        unsafe {
            let (complete, flush) = match verdict {
                Verdict::Flush => (null_mut(), true),
                Verdict::Ethernet => (bindings::shim_gro_receive_eth(self.held, self.skb), false),
            };
            bindings::shim_gro_flush_final(self.skb, complete, flush);
            complete
        }
    }
}

/// Completes a merged packet whose inner Ethernet frame starts at `offset`.
///
/// # Safety
///
/// `skb` is the packet of a `gro_complete` call, with at least `offset` octets of headers.
pub(super) unsafe fn complete_ethernet(skb: *mut bindings::sk_buff, offset: c_int) -> c_int {
    // SAFETY: By this function's contract.
    unsafe { bindings::eth_gro_complete(skb, offset) }
}
