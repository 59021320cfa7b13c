// SPDX-License-Identifier: GPL-2.0

//! What of a tunnel depends on the IP version of its underlay.
//!
//! Routes and outer headers are generic over the address, so that the way of a packet is written once
//! and compiled for each version, with nothing left to decide on it.

use super::{
    bindings,
    device::{
        NetDev,
        NetDevice, //
    },
    dst::{
        Cache,
        Flow,
        Route, //
    },
    errno::from_err_ptr,
    netns::Net,
    rcu::Softirq,
    skb::SkBuff,
    udp_tunnel::{
        Outer,
        Socket, //
    }, //
};
use crate::wire::ip::{
    Addr,
    Family, //
};
use kernel::prelude::*;

/// An address, which stands for its IP version.
///
/// # Safety
///
/// `lookup` returns a null pointer, or a counted reference to a route that the other functions take.
pub(crate) unsafe trait Underlay: Copy + Into<Addr> + 'static {
    /// The IP version.
    const FAMILY: Family;

    /// Returns an address that is of this version.
    fn of(addr: &Addr) -> Option<Self>;

    /// Returns the TOS or traffic class and the source of the IP header at the network header.
    fn tos_and_source(skb: &SkBuff) -> Option<(u8, Self)>;

    /// Looks up a route; see [`Route::lookup`].
    #[doc(hidden)]
    fn lookup<T: NetDevice>(
        skb: &mut SkBuff,
        dev: &NetDev<T>,
        net: &Net,
        socket: &Socket<'_>,
        flow: &Flow<Self>,
        cache: Cache<'_>,
        softirq: &Softirq<'_>,
    ) -> Result<(*mut bindings::dst_entry, Self)>;

    /// Returns whether a route leads to this host, and to no group or broadcast address.
    ///
    /// # Safety
    ///
    /// `route` is a valid route of this version.
    #[doc(hidden)]
    unsafe fn is_local_unicast(route: *mut bindings::dst_entry) -> bool;

    /// Returns the TTL or hop limit of a route.
    ///
    /// # Safety
    ///
    /// `route` is a valid route of this version.
    #[doc(hidden)]
    unsafe fn hop_limit(route: *mut bindings::dst_entry) -> c_int;

    /// Makes a packet ready for sending to put headers in front of it.
    #[doc(hidden)]
    fn before_headers(skb: &mut SkBuff, crosses: bool);

    /// Puts headers in front of a packet and sends it; see [`Socket::send`].
    #[doc(hidden)]
    fn send<T: NetDevice>(
        socket: &Socket<'_>,
        dev: &NetDev<T>,
        skb: SkBuff,
        route: Route<Self>,
        flow: &Flow<Self>,
        outer: &Outer<Self>,
        softirq: &Softirq<'_>,
    );
}

impl From<[u8; 4]> for Addr {
    fn from(octets: [u8; 4]) -> Self {
        Self::V4(octets)
    }
}

impl From<[u8; 16]> for Addr {
    fn from(octets: [u8; 16]) -> Self {
        Self::V6(octets)
    }
}

// SAFETY: The lookup is that of IPv4 routes, and returns a reference.
unsafe impl Underlay for [u8; 4] {
    const FAMILY: Family = Family::V4;

    #[inline]
    fn of(addr: &Addr) -> Option<Self> {
        match addr {
            Addr::V4(octets) => Some(*octets),
            Addr::V6(_) => None,
        }
    }

    #[inline(always)]
    fn tos_and_source(skb: &SkBuff) -> Option<(u8, Self)> {
        let [_, tos, _, _, _, _, _, _, _, _, _, _, a, b, c, d, ..] = skb.network_header::<20>()?;
        Some((tos, [a, b, c, d]))
    }

    #[inline(always)]
    fn lookup<T: NetDevice>(
        skb: &mut SkBuff,
        dev: &NetDev<T>,
        net: &Net,
        _socket: &Socket<'_>,
        flow: &Flow<Self>,
        cache: Cache<'_>,
        _softirq: &Softirq<'_>,
    ) -> Result<(*mut bindings::dst_entry, Self)> {
        let mut key: bindings::ip_tunnel_key = pin_init::zeroed();
        key.u.ipv4 = bindings::ip_tunnel_key__bindgen_ty_1__bindgen_ty_1 {
            src: u32::from_ne_bytes(flow.source),
            dst: u32::from_ne_bytes(flow.destination),
        };
        key.flow_flags = flow.flags;
        let mut source = 0u32;
        // SAFETY: All pointers are valid for the call; bottom halves are off, as the per-CPU cache wants.
        let route = from_err_ptr(unsafe {
            bindings::udp_tunnel_dst_lookup(
                skb.as_ptr(),
                dev.as_ptr(),
                net.as_ptr(),
                flow.ifindex as c_int,
                &mut source,
                &key,
                flow.source_port.to_be(),
                flow.destination_port.to_be(),
                flow.tos,
                cache.as_ptr(skb),
            )
        })?;
        Ok((route.cast(), source.to_ne_bytes()))
    }

    #[inline]
    unsafe fn is_local_unicast(route: *mut bindings::dst_entry) -> bool {
        const OTHER: u32 = bindings::RTCF_BROADCAST | bindings::RTCF_MULTICAST;
        // SAFETY: By this function's contract it is the start of a `struct rtable`.
        let flags = unsafe { (*route.cast::<bindings::rtable>()).rt_flags };
        flags & bindings::RTCF_LOCAL != 0 && flags & OTHER == 0
    }

    #[inline]
    unsafe fn hop_limit(route: *mut bindings::dst_entry) -> c_int {
        // SAFETY: By this function's contract.
        unsafe { bindings::shim_ip4_hoplimit(route) }
    }

    /// Sending does it.
    #[inline]
    fn before_headers(_skb: &mut SkBuff, _crosses: bool) {}

    #[inline(always)]
    fn send<T: NetDevice>(
        socket: &Socket<'_>,
        _dev: &NetDev<T>,
        skb: SkBuff,
        route: Route<Self>,
        flow: &Flow<Self>,
        outer: &Outer<Self>,
        _softirq: &Softirq<'_>,
    ) {
        /// `IP_DF` in network order.
        const IP_DF: u16 = 0x4000u16.to_be();
        let flags = if outer.mc_route {
            bindings::shim_ipskb_mcroute
        } else {
            0
        };
        // SAFETY: The socket is valid; the packet and the route, an IPv4 one, are given away. Bottom
        // halves are off.
        unsafe {
            bindings::udp_tunnel_xmit_skb(
                route.into_raw().cast(),
                socket.as_ptr(),
                skb.into_raw(),
                u32::from_ne_bytes(outer.source),
                u32::from_ne_bytes(flow.destination),
                outer.tos,
                outer.ttl,
                if outer.df { IP_DF } else { 0 },
                flow.source_port.to_be(),
                flow.destination_port.to_be(),
                outer.crosses,
                !outer.checksum,
                flags,
            )
        };
    }
}

// SAFETY: The lookup is that of IPv6 routes, and returns a reference.
unsafe impl Underlay for [u8; 16] {
    const FAMILY: Family = Family::V6;

    #[inline]
    fn of(addr: &Addr) -> Option<Self> {
        match addr {
            Addr::V6(octets) => Some(*octets),
            Addr::V4(_) => None,
        }
    }

    #[inline(always)]
    fn tos_and_source(skb: &SkBuff) -> Option<(u8, Self)> {
        let octets = skb.network_header::<24>()?;
        let ([first, second, ..], source) = (octets, octets.last_chunk()?);
        Some(((first << 4) | (second >> 4), *source))
    }

    #[inline(always)]
    fn lookup<T: NetDevice>(
        skb: &mut SkBuff,
        dev: &NetDev<T>,
        net: &Net,
        socket: &Socket<'_>,
        flow: &Flow<Self>,
        cache: Cache<'_>,
        _softirq: &Softirq<'_>,
    ) -> Result<(*mut bindings::dst_entry, Self)> {
        let mut key: bindings::ip_tunnel_key = pin_init::zeroed();
        key.u.ipv6 = bindings::ip_tunnel_key__bindgen_ty_1__bindgen_ty_2 {
            src: in6_addr(flow.source),
            dst: in6_addr(flow.destination),
        };
        key.label = flow.label.to_be();
        let mut source = in6_addr([0; 16]);
        // SAFETY: All pointers are valid for the call, and the socket is open; bottom halves are off, as
        // the per-CPU cache wants.
        let route = from_err_ptr(unsafe {
            bindings::udp_tunnel6_dst_lookup(
                skb.as_ptr(),
                dev.as_ptr(),
                net.as_ptr(),
                socket.as_ptr(),
                flow.ifindex as c_int,
                &mut source,
                &key,
                flow.source_port.to_be(),
                flow.destination_port.to_be(),
                flow.tos,
                cache.as_ptr(skb),
            )
        })?;
        // SAFETY: All views of an IPv6 address are sixteen octets.
        Ok((route, unsafe { source.in6_u.u6_addr8 }))
    }

    #[inline]
    unsafe fn is_local_unicast(route: *mut bindings::dst_entry) -> bool {
        // SAFETY: By this function's contract.
        unsafe { bindings::shim_rt6_is_local(route) }
    }

    #[inline]
    unsafe fn hop_limit(route: *mut bindings::dst_entry) -> c_int {
        // SAFETY: By this function's contract.
        unsafe { bindings::shim_ip6_hoplimit(route) }
    }

    #[inline]
    fn before_headers(skb: &mut SkBuff, crosses: bool) {
        skb.scrub(crosses);
    }

    #[inline(always)]
    fn send<T: NetDevice>(
        socket: &Socket<'_>,
        dev: &NetDev<T>,
        skb: SkBuff,
        route: Route<Self>,
        flow: &Flow<Self>,
        outer: &Outer<Self>,
        _softirq: &Softirq<'_>,
    ) {
        let flags = if outer.mc_route {
            bindings::shim_ip6skb_mcroute
        } else {
            0
        };
        // SAFETY: The socket and the device are valid; the packet and the route, an IPv6 one, are given
        // away. Bottom halves are off.
        unsafe {
            bindings::udp_tunnel6_xmit_skb(
                route.into_raw(),
                socket.as_ptr(),
                skb.into_raw(),
                dev.as_ptr(),
                &in6_addr(outer.source),
                &in6_addr(flow.destination),
                outer.tos,
                outer.ttl,
                flow.label.to_be(),
                flow.source_port.to_be(),
                flow.destination_port.to_be(),
                !outer.checksum,
                flags,
            )
        };
    }
}

/// Returns an address as C has it.
pub(super) fn in6_addr(octets: [u8; 16]) -> bindings::in6_addr {
    bindings::in6_addr {
        in6_u: bindings::in6_addr__bindgen_ty_1 { u6_addr8: octets },
    }
}
