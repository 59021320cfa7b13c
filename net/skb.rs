// SPDX-License-Identifier: GPL-2.0

//! Socket buffers.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use super::{
    bindings,
    device::{
        NetDev,
        NetDevice, //
    },
    rcu::Softirq, //
};
use crate::wire::{
    ethernet::ethertype,
    ip::Family, //
};
use core::{
    mem::forget,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// Why a packet is dropped, `enum skb_drop_reason`: what the tracepoint `skb:kfree_skb` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DropReason(pub(super) u32);

impl DropReason {
    /// No reason given.
    pub(crate) const NOT_SPECIFIED: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_NOT_SPECIFIED);
    /// Out of memory.
    pub(crate) const NOMEM: Self = Self(bindings::skb_drop_reason_SKB_DROP_REASON_NOMEM);
    /// The device is not up.
    pub(crate) const DEV_READY: Self = Self(bindings::skb_drop_reason_SKB_DROP_REASON_DEV_READY);
    /// No route to the remote.
    pub(crate) const IP_OUTNOROUTES: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_IP_OUTNOROUTES);
    /// Not VXLAN, or bits set that must be zero.
    pub(crate) const VXLAN_INVALID_HDR: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_VXLAN_INVALID_HDR);
    /// No device has this VNI.
    pub(crate) const VXLAN_VNI_NOT_FOUND: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_VXLAN_VNI_NOT_FOUND);
    /// The source address is a group or zero.
    pub(crate) const MAC_INVALID_SOURCE: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_MAC_INVALID_SOURCE);
    /// A static entry holds the source address at another remote.
    pub(crate) const VXLAN_ENTRY_EXISTS: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_VXLAN_ENTRY_EXISTS);
    /// A device in metadata mode has no metadata to go by.
    pub(crate) const TUNNEL_TXINFO: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_TUNNEL_TXINFO);
    /// No entry for the destination, and none for unknown ones.
    pub(crate) const NO_TX_TARGET: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_NO_TX_TARGET);
    /// ECN marks contradict each other.
    pub(crate) const IP_TUNNEL_ECN: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_IP_TUNNEL_ECN);
    /// The source address is the device's own.
    pub(crate) const LOCAL_MAC: Self = Self(bindings::skb_drop_reason_SKB_DROP_REASON_LOCAL_MAC);

    /// Turns a kernel function's verdict into a result.
    pub(super) fn check(reason: u32) -> Result<(), Self> {
        if reason == 0 {
            Ok(())
        } else {
            Err(Self(reason))
        }
    }
}

/// An owned packet. Dropping it drops the packet for no given reason.
///
/// Whatever may move the packet's head takes `&mut self`; whatever reads returns copies. So no header
/// pointer can go stale.
///
/// # Invariants
///
/// The pointer is valid, and this value owns one reference to it. The packet is under way between layers:
/// in no list, tree or queue of a socket.
pub(crate) struct SkBuff(NonNull<bindings::sk_buff>);

impl SkBuff {
    /// Takes over a reference.
    ///
    /// # Safety
    ///
    /// `skb` is valid, in no list, tree or queue, and the caller gives up one reference to it.
    #[inline]
    pub(super) unsafe fn from_raw(skb: *mut bindings::sk_buff) -> Self {
        // INVARIANT: By this function's contract.
        // SAFETY: A valid pointer is not null.
        Self(unsafe { NonNull::new_unchecked(skb) })
    }

    /// Gives the reference away.
    #[inline]
    pub(super) fn into_raw(self) -> *mut bindings::sk_buff {
        let skb = self.as_ptr();
        forget(self);
        skb
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::sk_buff {
        self.0.as_ptr()
    }

    /// Drops the packet for a reason.
    pub(crate) fn drop_with(self, reason: DropReason) {
        // SAFETY: `into_raw` gives up the reference that the invariants promise.
        unsafe { bindings::shim_kfree_skb_reason(self.into_raw(), reason.0) };
    }

    /// Ends a packet that has done its work: that is no drop.
    pub(crate) fn consume(self) {
        // SAFETY: `into_raw` gives up the reference that the invariants promise.
        unsafe { bindings::consume_skb(self.into_raw()) };
    }

    /// Makes a second packet with the same data, None if there is no memory.
    pub(crate) fn try_clone(&self) -> Option<Self> {
        // SAFETY: The packet is valid by the invariants.
        let clone = unsafe { bindings::skb_clone(self.as_ptr(), bindings::shim_gfp_atomic) };
        // INVARIANT: `skb_clone` returns a new reference or null.
        NonNull::new(clone).map(Self)
    }

    /// Returns the length in octets, from the data pointer on.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        // SAFETY: The packet is valid by the invariants.
        unsafe { (*self.as_ptr()).len }
    }

    /// Copies `N` octets at `offset` from the start of the buffer, if they are in the linear part.
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        // SAFETY: The packet is valid by the invariants.
        let (head, data) = unsafe { ((*self.as_ptr()).head, (*self.as_ptr()).data) };
        let linear = self.linear_len() as usize;
        let end = data.addr().wrapping_sub(head.addr()).wrapping_add(linear);
        if offset.checked_add(N)? > end {
            return None;
        }
        // SAFETY: The octets from `head` to the end of the linear part belong to the packet.
        Some(unsafe { head.add(offset).cast::<[u8; N]>().read_unaligned() })
    }

    /// Returns where the network header starts, from the start of the buffer.
    #[inline(always)]
    fn network_offset(&self) -> usize {
        // SAFETY: The packet is valid by the invariants, and `headers` overlays plain numbers.
        usize::from(unsafe {
            (*self.as_ptr())
                .__bindgen_anon_4
                .headers
                .as_ref()
                .network_header
        })
    }

    /// Copies the first octets of the network header.
    #[inline(always)]
    pub(crate) fn network_header<const N: usize>(&self) -> Option<[u8; N]> {
        self.read(self.network_offset())
    }

    /// Copies octets that start `offset` behind where the network header starts.
    pub(crate) fn behind_network_header<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.read(self.network_offset().checked_add(offset)?)
    }

    /// Copies octets that start `offset` behind the data pointer.
    pub(super) fn behind_data<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.read(usize::from(self.data_offset()).checked_add(offset)?)
    }

    /// Returns the length in octets, from the network header on.
    pub(crate) fn network_len(&self) -> u32 {
        let before = self.network_offset();
        let data = usize::from(self.data_offset());
        self.len()
            .saturating_add(data as u32)
            .saturating_sub(before as u32)
    }

    /// Copies the first octets of the link header.
    #[inline]
    pub(crate) fn mac_header<const N: usize>(&self) -> Option<[u8; N]> {
        // SAFETY: The packet is valid by the invariants, and `headers` overlays plain numbers.
        let offset = unsafe {
            (*self.as_ptr())
                .__bindgen_anon_4
                .headers
                .as_ref()
                .mac_header
        };
        self.read(usize::from(offset))
    }

    /// Copies octets that start `offset` behind the transport header.
    #[inline]
    pub(crate) fn transport_header<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        // SAFETY: The packet is valid by the invariants, and `headers` overlays plain numbers.
        let start = unsafe {
            (*self.as_ptr())
                .__bindgen_anon_4
                .headers
                .as_ref()
                .transport_header
        };
        self.read(usize::from(start).wrapping_add(offset))
    }

    /// Makes the data pointer the start of the link header.
    #[inline]
    pub(crate) fn reset_mac_header(&mut self) {
        let offset = self.data_offset();
        // SAFETY: The packet is valid by the invariants, and `headers` overlays plain numbers.
        unsafe {
            (*self.as_ptr())
                .__bindgen_anon_4
                .headers
                .as_mut()
                .mac_header = offset
        };
    }

    /// Makes the data pointer the start of the network header.
    #[inline]
    pub(crate) fn reset_network_header(&mut self) {
        let offset = self.data_offset();
        // SAFETY: The packet is valid by the invariants, and `headers` overlays plain numbers.
        unsafe {
            (*self.as_ptr())
                .__bindgen_anon_4
                .headers
                .as_mut()
                .network_header = offset
        };
    }

    /// Returns the octets of the linear part, from the data pointer on (`skb_headlen`).
    #[inline(always)]
    fn linear_len(&self) -> u32 {
        // SAFETY: The packet is valid by the invariants.
        unsafe { (*self.as_ptr()).len.wrapping_sub((*self.as_ptr()).data_len) }
    }

    #[inline]
    fn data_offset(&self) -> u16 {
        // SAFETY: The packet is valid by the invariants.
        let (head, data) = unsafe { ((*self.as_ptr()).head, (*self.as_ptr()).data) };
        // Header offsets are 16 bits wide in the kernel's own structure.
        data.addr().wrapping_sub(head.addr()) as u16
    }

    /// Returns the ethertype of the payload behind VLAN tags, in host order (`skb_protocol`).
    #[inline(always)]
    pub(crate) fn protocol(&self) -> u16 {
        match self.ethertype() {
            // SAFETY: The packet is valid by the invariants.
            ethertype::VLAN | ethertype::SERVICE_VLAN => unsafe {
                bindings::shim_skb_protocol(self.as_ptr())
            },
            other => other,
        }
    }

    /// Returns the ethertype of the packet, in host order, that of a VLAN tag if there is one.
    #[inline]
    pub(crate) fn ethertype(&self) -> u16 {
        // SAFETY: The packet is valid by the invariants, and `headers` overlays plain numbers.
        u16::from_be(unsafe { (*self.as_ptr()).__bindgen_anon_4.headers.as_ref().protocol })
    }

    /// Returns the mark.
    #[inline]
    pub(crate) fn mark(&self) -> u32 {
        // SAFETY: The packet is valid by the invariants, and the unions hold plain numbers.
        unsafe {
            let headers = (*self.as_ptr()).__bindgen_anon_4.headers.as_ref();
            headers.__bindgen_anon_4.mark
        }
    }

    /// Sets the mark.
    pub(crate) fn set_mark(&mut self, mark: u32) {
        // SAFETY: The packet is valid by the invariants.
        unsafe { bindings::shim_skb_set_mark(self.as_ptr(), mark) };
    }

    /// Brings the first `len` octets into the linear part.
    #[inline(always)]
    pub(crate) fn may_pull(&mut self, len: u32) -> Result<(), DropReason> {
        if len <= self.linear_len() {
            return Ok(());
        }
        // SAFETY: The packet is valid by the invariants.
        DropReason::check(unsafe { bindings::shim_pskb_may_pull_reason(self.as_ptr(), len) })
    }

    /// Brings `len` octets from the network header on into the linear part.
    pub(crate) fn may_pull_network(&mut self, len: u32) -> Result<(), DropReason> {
        let data = usize::from(self.data_offset());
        let before = self.network_offset().checked_sub(data);
        let before = before.ok_or(DropReason::NOT_SPECIFIED)?;
        self.may_pull((before as u32).wrapping_add(len))
    }

    /// Brings the transport header and `len` octets behind it into the linear part.
    pub(crate) fn may_pull_transport(&mut self, len: u32) -> Result<(), DropReason> {
        // SAFETY: The packet is valid by the invariants, and `headers` overlays plain numbers.
        let start = unsafe {
            (*self.as_ptr())
                .__bindgen_anon_4
                .headers
                .as_ref()
                .transport_header
        };
        let before = start.wrapping_sub(self.data_offset());
        self.may_pull(u32::from(before).wrapping_add(len))
    }

    /// Brings the inner IP header, if it is one, into the linear part (`pskb_inet_may_pull`).
    #[inline(always)]
    pub(crate) fn inet_may_pull(&mut self) -> Result<(), DropReason> {
        let len = match self.ethertype() {
            ethertype::IPV4 => Family::V4.header_len(),
            ethertype::IPV6 => Family::V6.header_len(),
            _ => 0,
        };
        let before = (self.network_offset() as u32).wrapping_sub(u32::from(self.data_offset()));
        self.may_pull(before.wrapping_add(u32::from(len)))
    }

    /// Returns a number that stays the same for the flow.
    pub(crate) fn flow_hash(&mut self) -> u32 {
        // SAFETY: The packet is valid.
        unsafe { bindings::shim_skb_get_hash(self.as_ptr()) }
    }

    /// Returns the index of the device that the packet is at, 0 if it is at none.
    #[inline]
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: By the invariants the packet is valid and in no list or tree, so the unions hold the
        // device that it is at, which is valid with it.
        unsafe {
            let dev = (*self.as_ptr())
                .__bindgen_anon_1
                .__bindgen_anon_1
                .__bindgen_anon_1
                .dev;
            match dev.is_null() {
                true => 0,
                false => (&raw const (*dev).ifindex).read_volatile() as u32,
            }
        }
    }

    /// Takes off what the packet brought along from the stack above, as it goes below; all of it if
    /// the packet leaves its namespace (`skb_scrub_packet`).
    #[inline]
    pub(crate) fn scrub(&mut self, crosses: bool) {
        // SAFETY: The packet is valid by the invariants.
        unsafe { bindings::shim_skb_scrub(self.as_ptr(), crosses) };
    }

    /// Turns a packet to be sent into one that `dev` receives, from the network header on, and hands
    /// it to the stack. Returns false if the stack drops it, or the network header is not within the
    /// linear part.
    pub(crate) fn loop_to<T: NetDevice>(self, dev: &NetDev<T>, _softirq: &Softirq<'_>) -> bool {
        let before = usize::from(self.data_offset());
        let linear = self.linear_len() as usize;
        let offset = self.network_offset().checked_sub(before);
        let Some(offset) = offset.filter(|offset| *offset <= linear) else {
            return false;
        };
        let skb = self.into_raw();
        // SAFETY: The packet is ours, and goes to the stack; the device is valid. As many octets as are
        // pulled are in the linear part.
        unsafe {
            bindings::shim_skb_loop(skb, dev.as_ptr(), offset as u32);
            bindings::shim_netif_rx(skb) == bindings::NET_RX_SUCCESS as c_int
        }
    }
}

impl Drop for SkBuff {
    fn drop(&mut self) {
        // SAFETY: By the invariants we own a reference, which ends here.
        unsafe {
            bindings::shim_kfree_skb_reason(self.as_ptr(), DropReason::NOT_SPECIFIED.0);
        }
    }
}
