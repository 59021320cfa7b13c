// SPDX-License-Identifier: GPL-2.0

//! Packets that go into a tunnel.
//!
//! C headers: [`include/net/ip_tunnels.h`](srctree/include/net/ip_tunnels.h),
//! [`include/net/udp_tunnel.h`](srctree/include/net/udp_tunnel.h)

use super::{
    bindings,
    device::{
        NetDev,
        NetDevice, //
    },
    dst::Route,
    errno::to_result,
    netns::Net,
    skb::{
        DropReason,
        SkBuff, //
    }, //
};
use kernel::prelude::*;

impl SkBuff {
    /// Brings a frame's Ethernet, VLAN and IP headers into the linear part and marks the network
    /// header (`skb_vlan_inet_prepare`). `raw` says that there is an Ethernet header only if the packet's
    /// protocol says so.
    #[inline]
    pub(crate) fn prepare_inner(&mut self, raw: bool) -> Result<(), DropReason> {
        // SAFETY: The packet is valid by the invariants.
        DropReason::check(unsafe { bindings::shim_skb_vlan_inet_prepare(self.as_ptr(), raw) })
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
    #[inline(always)]
    pub(crate) fn tunnel_advice(&self) -> TunnelAdvice {
        // SAFETY: The packet is valid by the invariants, and the union holds plain numbers.
        let dst = unsafe {
            (*self.as_ptr())
                .__bindgen_anon_3
                .__bindgen_anon_1
                ._skb_refdst
        };
        if dst == 0 {
            return TunnelAdvice {
                given: false,
                may_cache: self.mark() == 0,
            };
        }
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

    /// Compares the packet to the path MTU less `headroom`. If it does not fit and `dev` is a port of a
    /// bridge, it becomes the ICMP message that says so, from its destination to its sender
    /// (`skb_tunnel_check_pmtu`). Fails if that message cannot be made.
    #[inline(always)]
    pub(crate) fn check_pmtu<T: NetDevice, A>(
        &mut self,
        dev: &NetDev<T>,
        route: &Route<A>,
        headroom: u16,
    ) -> Result<PathMtu> {
        // SAFETY: The packet, the device and the route are valid.
        let verdict = unsafe {
            bindings::shim_tunnel_check_pmtu(
                self.as_ptr(),
                dev.as_ptr(),
                route.as_ptr(),
                c_int::from(headroom),
            )
        };
        match verdict {
            ..0 => Err(Error::from_errno(verdict)),
            0 => Ok(PathMtu::Send),
            1.. => Ok(PathMtu::Reply),
        }
    }

    /// Makes room in front of the data, private to this packet: for what the output device and the
    /// route put in front of an IP packet, and for `len` octets behind that.
    #[inline(always)]
    pub(crate) fn make_headroom<A>(&mut self, route: &Route<A>, len: u16) -> Result {
        // SAFETY: The packet and the route are valid.
        to_result(unsafe {
            bindings::shim_skb_make_headroom(self.as_ptr(), route.as_ptr(), c_uint::from(len))
        })
    }

    /// Makes the packet, a frame, the payload of UDP encapsulation, for offloads, and puts `header` in
    /// front of it. `csum` asks for the outer checksum.
    ///
    /// Fails with ENOBUFS if there is none.
    #[inline(always)]
    pub(crate) fn encapsulate_in_udp(&mut self, header: [u8; 8], csum: bool) -> Result {
        // SAFETY: The packet is valid by the invariants. The function checks that there is room.
        to_result(unsafe {
            bindings::shim_udp_encapsulate(self.as_ptr(), u64::from_ne_bytes(header), csum)
        })
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
