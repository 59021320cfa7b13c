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
    dst::Route,
    netns::Net,
    rcu::Softirq, //
};
use core::{
    mem::forget,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

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
    fn check(reason: u32) -> Result<(), Self> {
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
/// The pointer is valid, and this value owns one reference to it.
pub(crate) struct SkBuff(NonNull<bindings::sk_buff>);

impl SkBuff {
    /// Takes over a reference.
    ///
    /// # Safety
    ///
    /// `skb` is valid and the caller gives up one reference to it.
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
    #[inline]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        // SAFETY: The packet is valid by the invariants.
        let (head, data, len, paged) = unsafe {
            let skb = self.as_ptr();
            ((*skb).head, (*skb).data, (*skb).len, (*skb).data_len)
        };
        let linear = len.wrapping_sub(paged) as usize;
        let end = data.addr().wrapping_sub(head.addr()).wrapping_add(linear);
        if offset.checked_add(N)? > end {
            return None;
        }
        // SAFETY: The octets from `head` to the end of the linear part belong to the packet.
        Some(unsafe { head.add(offset).cast::<[u8; N]>().read_unaligned() })
    }

    /// Returns where the network header starts, from the start of the buffer.
    #[inline]
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
    #[inline]
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

    #[inline]
    fn data_offset(&self) -> u16 {
        // SAFETY: The packet is valid by the invariants.
        let (head, data) = unsafe { ((*self.as_ptr()).head, (*self.as_ptr()).data) };
        // Header offsets are 16 bits wide in the kernel's own structure.
        data.addr().wrapping_sub(head.addr()) as u16
    }

    /// Returns the ethertype of the payload behind VLAN tags, in host order (`skb_protocol`).
    #[inline]
    pub(crate) fn protocol(&self) -> u16 {
        // SAFETY: The packet is valid by the invariants.
        unsafe { bindings::shim_skb_protocol(self.as_ptr()) }
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
        // SAFETY: The packet is valid by the invariants.
        unsafe { bindings::shim_skb_mark(self.as_ptr()) }
    }

    /// Sets the mark.
    pub(crate) fn set_mark(&mut self, mark: u32) {
        // SAFETY: The packet is valid by the invariants.
        unsafe { bindings::shim_skb_set_mark(self.as_ptr(), mark) };
    }

    /// Brings the first `len` octets into the linear part.
    #[inline]
    pub(crate) fn may_pull(&mut self, len: u32) -> Result<(), DropReason> {
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
    #[inline]
    pub(crate) fn inet_may_pull(&mut self) -> Result<(), DropReason> {
        // SAFETY: The packet is valid by the invariants.
        DropReason::check(unsafe { bindings::shim_pskb_inet_may_pull_reason(self.as_ptr()) })
    }

    /// Brings a frame's Ethernet, VLAN and IP headers into the linear part and marks the network
    /// header (`skb_vlan_inet_prepare`). `raw` says that there is an Ethernet header only if the packet's
    /// protocol says so.
    #[inline]
    pub(crate) fn prepare_inner(&mut self, raw: bool) -> Result<(), DropReason> {
        // SAFETY: The packet is valid by the invariants.
        DropReason::check(unsafe { bindings::shim_skb_vlan_inet_prepare(self.as_ptr(), raw) })
    }

    /// Returns a number that stays the same for the flow.
    pub(crate) fn flow_hash(&mut self) -> u32 {
        // SAFETY: The packet is valid.
        unsafe { bindings::shim_skb_get_hash(self.as_ptr()) }
    }

    /// Returns a UDP source port, in host order, that stays the same for the inner flow.
    #[inline]
    pub(crate) fn flow_source_port(&mut self, net: &Net, low: u16, high: u16) -> u16 {
        // SAFETY: The packet and the namespace are valid.
        unsafe {
            bindings::shim_udp_flow_src_port(
                net.as_ptr(),
                self.as_ptr(),
                c_int::from(low),
                c_int::from(high),
            )
        }
    }

    /// Returns what somebody above (tc, a lightweight tunnel) has to say of how this packet is tunnelled.
    #[inline]
    pub(crate) fn tunnel_advice(&self) -> TunnelAdvice {
        // SAFETY: The packet is valid by the invariants.
        let bits = unsafe { bindings::shim_skb_tunnel_advice(self.as_ptr()) };
        TunnelAdvice {
            given: bits & 1 != 0,
            may_cache: bits & 2 != 0,
        }
    }

    /// Returns whether those properties ask for the outer packet not to be fragmented.
    pub(crate) fn tunnel_info_df(&self) -> bool {
        // SAFETY: The packet is valid by the invariants.
        unsafe { bindings::shim_tunnel_info_df(self.as_ptr()) }
    }

    /// Compares the packet to the path MTU less `headroom`. If it does not fit and `reply` is set, it
    /// becomes the ICMP message that says so, from its destination to its sender
    /// (`skb_tunnel_check_pmtu`). Fails if that message cannot be made.
    pub(crate) fn check_pmtu<A>(
        &mut self,
        route: &mut Route<A>,
        headroom: u16,
        reply: bool,
    ) -> Result<PathMtu> {
        // SAFETY: The packet and the route are valid.
        let verdict = unsafe {
            bindings::skb_tunnel_check_pmtu(
                self.as_ptr(),
                route.as_dst(),
                c_int::from(headroom),
                reply,
            )
        };
        match verdict {
            ..0 => Err(Error::from_errno(verdict)),
            0 => Ok(PathMtu::Send),
            1.. => Ok(PathMtu::Reply),
        }
    }

    /// Returns the index of the device that the packet is at, 0 if it is at none.
    #[inline]
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: The packet is valid by the invariants, and with it the device that it is at.
        unsafe { bindings::shim_skb_ifindex(self.as_ptr()) as u32 }
    }

    /// Takes off what the packet brought along from the stack above, as it goes below; all of it if
    /// the packet leaves its namespace (`skb_scrub_packet`).
    #[inline]
    pub(crate) fn scrub(&mut self, crosses: bool) {
        // SAFETY: The packet is valid by the invariants.
        unsafe { bindings::shim_skb_scrub(self.as_ptr(), crosses) };
    }

    /// Makes `len` octets of room in front of the data, private to this packet.
    #[inline]
    pub(crate) fn make_headroom(&mut self, len: u32) -> Result {
        // SAFETY: The packet is valid by the invariants.
        to_result(unsafe { bindings::shim_skb_cow_head(self.as_ptr(), len) })
    }

    /// Marks the packet as the payload of UDP encapsulation, for offloads, before any header is
    /// pushed. `csum` asks for the outer checksum.
    #[inline]
    pub(crate) fn start_udp_encapsulation(&mut self, csum: bool) -> Result<UdpPayload> {
        let mut double = false;
        // SAFETY: The packet is valid by the invariants.
        to_result(unsafe { bindings::shim_udp_encap_start(self.as_ptr(), csum, &mut double) })?;
        Ok(UdpPayload::new(double))
    }

    /// Puts `header` in front of the data. Fails with ENOBUFS if there is no room for it.
    #[inline]
    pub(crate) fn push<const N: usize>(&mut self, header: [u8; N]) -> Result {
        // SAFETY: The packet is valid by the invariants.
        let (head, data) = unsafe { ((*self.as_ptr()).head, (*self.as_ptr()).data) };
        if data.addr().wrapping_sub(head.addr()) < N {
            return Err(ENOBUFS);
        }
        // SAFETY: There are N octets between `head` and `data`, which `__skb_push` takes in.
        unsafe {
            let start = bindings::shim_skb_push(self.as_ptr(), N as u32);
            start.cast::<[u8; N]>().write_unaligned(header);
        }
        Ok(())
    }

    /// Says that the payload of the encapsulation is an Ethernet frame.
    #[inline]
    pub(crate) fn finish_udp_encapsulation(&mut self, payload: UdpPayload, protocol: u16) {
        // SAFETY: The packet is valid by the invariants.
        unsafe { bindings::shim_udp_encap_inner(self.as_ptr(), payload.double, protocol) };
    }

    /// Turns a packet to be sent into one that `dev` receives, from the network header on, and hands
    /// it to the stack. Returns false if the stack drops it, or the network header is not within the
    /// linear part.
    pub(crate) fn loop_to<T: NetDevice>(self, dev: &NetDev<T>, _softirq: &Softirq<'_>) -> bool {
        let before = usize::from(self.data_offset());
        // SAFETY: The packet is valid by the invariants.
        let linear = unsafe { (*self.as_ptr()).len.wrapping_sub((*self.as_ptr()).data_len) };
        let offset = self.network_offset().checked_sub(before);
        let Some(offset) = offset.filter(|offset| *offset <= linear as usize) else {
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

/// What [`SkBuff::tunnel_advice`] found.
#[derive(Clone, Copy)]
pub(crate) struct TunnelAdvice {
    /// Whether there is anything at all.
    pub(crate) given: bool,
    /// Whether a route that is cached serves this packet.
    pub(crate) may_cache: bool,
}

/// What a comparison to the path MTU found.
pub(crate) enum PathMtu {
    /// The packet may be sent.
    Send,
    /// It has become the reply to its sender.
    Reply,
}

impl Drop for SkBuff {
    fn drop(&mut self) {
        // SAFETY: By the invariants we own a reference, which ends here.
        unsafe {
            bindings::shim_kfree_skb_reason(self.as_ptr(), DropReason::NOT_SPECIFIED.0);
        }
    }
}

/// What [`SkBuff::start_udp_encapsulation`] learned of the payload.
pub(crate) struct UdpPayload {
    /// It is already encapsulated once, partly segmented.
    double: bool,
}

impl UdpPayload {
    pub(super) fn new(double: bool) -> Self {
        Self { double }
    }
}
