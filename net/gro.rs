// SPDX-License-Identifier: GPL-2.0

//! Generic receive offload of a UDP tunnel.
//!
//! C header: [`include/net/gro.h`](srctree/include/net/gro.h)

use super::{
    bindings,
    skb::SkBuff,
    udp_tunnel::{
        self,
        Tunnel, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::null_mut, //
};
use kernel::prelude::*;

/// Length of the tunnel's header behind the UDP header.
pub(crate) const HEADER_LEN: usize = 8;

/// How the packets of a socket are treated.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A frame follows the header, and nothing is done to it.
    Plain,
    /// A frame follows the header, which may tell of a checksum that is left to us.
    RemoteChecksum,
    /// What follows is in the header.
    Protocols,
}

/// What becomes of a packet that arrives.
pub(crate) enum Verdict {
    /// It is no packet of this tunnel: goes up by itself.
    Flush,
    /// What follows the pulled headers is an Ethernet frame, to be merged as such.
    Ethernet,
    /// What follows is of this ethertype, in host order.
    Protocol(u16),
}

/// A packet under way through GRO, and those it may be merged with.
///
/// # Invariants
///
/// Both pointers are those that the kernel called `gro_receive` with, valid during that call.
pub(crate) struct Packet<'a> {
    skb: *mut bindings::sk_buff,
    held: *mut bindings::list_head,
    /// What was done to a checksum, to be taken back at the end.
    checksum: bindings::gro_remcsum,
    _call: PhantomData<&'a mut ()>,
}

impl Packet<'_> {
    /// Takes what the kernel called with.
    ///
    /// # Safety
    ///
    /// The pointers are those of a `gro_receive` call, and the value ends with it.
    #[inline]
    unsafe fn new(skb: *mut bindings::sk_buff, held: *mut bindings::list_head) -> Self {
        // INVARIANT: By this function's contract.
        Self {
            skb,
            held,
            checksum: pin_init::zeroed(),
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

    /// Does a checksum that the sender left to us: the sum from `start` on, in octets behind what was
    /// taken off, belongs at `field`. Unless `partial`, it is written there as long as GRO lasts.
    ///
    /// Fails if the packet is too short, or if nobody has verified its outer checksum.
    pub(crate) fn complete_checksum(&mut self, start: u16, field: u16, partial: bool) -> Result {
        // SAFETY: The packet is valid by the invariants; the function looks at its length.
        let done = unsafe {
            bindings::shim_gro_remcsum(
                self.skb,
                u32::from(start),
                u32::from(field),
                &mut self.checksum,
                !partial,
            )
        };
        done.then_some(()).ok_or(EINVAL)
    }

    /// Does what the verdict says. Returns the held packet to be completed, or null, and whether this
    /// packet is to go up by itself.
    #[inline]
    fn pass(&mut self, verdict: Verdict) -> (*mut bindings::sk_buff, bool) {
        let mut complete = null_mut();
        // SAFETY: The pointers are valid by the invariants.
        unsafe {
            match verdict {
                Verdict::Flush => (complete, true),
                Verdict::Ethernet => (bindings::shim_gro_receive_eth(self.held, self.skb), false),
                Verdict::Protocol(protocol) => {
                    let known = bindings::shim_gro_receive_type(
                        self.held,
                        self.skb,
                        protocol,
                        &mut complete,
                    );
                    (complete, !known)
                }
            }
        }
    }
}

type Receive = unsafe extern "C" fn(
    *mut bindings::sock,
    *mut bindings::list_head,
    *mut bindings::sk_buff,
) -> *mut bindings::sk_buff;
type Complete = unsafe extern "C" fn(*mut bindings::sock, *mut bindings::sk_buff, c_int) -> c_int;

/// Returns the functions for sockets of a kind whose user data is a `T`.
pub(super) fn functions<T: Tunnel>(kind: Kind) -> (Receive, Complete) {
    match kind {
        Kind::Plain => (receive::<T>, complete_frame),
        Kind::RemoteChecksum => (receive_other::<T>, complete_frame),
        Kind::Protocols => (receive_other::<T>, complete_protocol::<T>),
    }
}

/// # Safety
///
/// Called by GRO with a packet and the list of those held.
unsafe extern "C" fn receive<T: Tunnel>(
    _sk: *mut bindings::sock,
    held: *mut bindings::list_head,
    skb: *mut bindings::sk_buff,
) -> *mut bindings::sk_buff {
    // SAFETY: By this function's contract.
    let mut packet = unsafe { Packet::new(skb, held) };
    let verdict = T::gro_receive(&mut packet);
    let (complete, flush) = packet.pass(verdict);
    // SAFETY: By this function's contract.
    unsafe { bindings::shim_gro_flush_final(skb, complete, flush) };
    complete
}

/// # Safety
///
/// Called by GRO, in softirq, for a socket of `T` with a packet and the list of those held.
unsafe extern "C" fn receive_other<T: Tunnel>(
    sk: *mut bindings::sock,
    held: *mut bindings::list_head,
    skb: *mut bindings::sk_buff,
) -> *mut bindings::sk_buff {
    // SAFETY: By this function's contract.
    let (mut packet, tunnel) = unsafe { (Packet::new(skb, held), udp_tunnel::tunnel::<T>(sk)) };
    let verdict = match tunnel {
        Some(tunnel) => tunnel.gro_receive_other(&mut packet),
        None => Verdict::Flush,
    };
    let (complete, flush) = packet.pass(verdict);
    // SAFETY: By this function's contract. What was done to the checksum was done to this packet.
    unsafe {
        bindings::shim_gro_flush_final_remcsum(skb, complete, flush, &mut packet.checksum);
    }
    complete
}

/// # Safety
///
/// Called by GRO with a merged packet whose tunnel header is at `offset`, a frame behind it.
unsafe extern "C" fn complete_frame(
    _sk: *mut bindings::sock,
    skb: *mut bindings::sk_buff,
    offset: c_int,
) -> c_int {
    // SAFETY: By this function's contract; the inner frame starts behind the tunnel header.
    unsafe { bindings::eth_gro_complete(skb, offset.wrapping_add(HEADER_LEN as c_int)) }
}

/// # Safety
///
/// Called by GRO for a socket of `T` with a merged packet whose tunnel header is at `offset`.
unsafe extern "C" fn complete_protocol<T: Tunnel>(
    _sk: *mut bindings::sock,
    skb: *mut bindings::sk_buff,
    offset: c_int,
) -> c_int {
    // SAFETY: By this function's contract; the packet stays the caller's, as it is not dropped.
    let packet = unsafe { ManuallyDrop::new(SkBuff::from_raw(skb)) };
    let protocol = packet
        .behind_data(offset as usize)
        .and_then(T::gro_protocol);
    match protocol {
        // SAFETY: By this function's contract; what was merged starts behind the tunnel header.
        Some(protocol) => unsafe {
            let offset = offset.wrapping_add(HEADER_LEN as c_int);
            bindings::shim_gro_complete_type(skb, protocol, offset)
        },
        None => ENOSYS.to_errno(),
    }
}
