// SPDX-License-Identifier: GPL-2.0

//! Routes to the remote end of a tunnel, and their cache.
//!
//! C headers: [`include/net/route.h`](srctree/include/net/route.h),
//! [`include/net/dst_cache.h`](srctree/include/net/dst_cache.h)

use super::{
    bindings,
    device::{
        NetDev,
        NetDevice, //
    },
    netns::Net,
    rcu::Softirq,
    skb::SkBuff,
    udp_tunnel::Socket, //
};
use crate::wire::ip::{
    Addr,
    Family, //
};
use core::{
    mem::forget,
    ptr::{
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
    error::from_err_ptr,
    prelude::*,
    types::Opaque, //
};

/// A route cached for each CPU.
///
/// # Invariants
///
/// Holds an initialised `dst_cache`, or a zeroed one, which is an empty cache that keeps nothing.
pub(crate) struct DstCache(Opaque<bindings::dst_cache>);

// SAFETY: The cache is per CPU and used with bottom halves disabled; its end runs anywhere.
unsafe impl Send for DstCache {}
// SAFETY: As above.
unsafe impl Sync for DstCache {}

impl DstCache {
    /// Makes a cache. Without memory it caches nothing, which costs time, not correctness.
    ///
    /// The structure holds a pointer and a time, so that it may be moved.
    pub(crate) fn new() -> Self {
        let cache = Self(Opaque::zeroed());
        // SAFETY: The structure is valid for writes. On failure its pointer is null, as zeroed.
        let _ =
            unsafe { bindings::dst_cache_init(cache.0.get(), bindings::shim_gfp_atomic_nowarn) };
        // INVARIANT: Initialised, or still zeroed.
        cache
    }

    /// Makes a cache that keeps nothing.
    pub(crate) fn none() -> Self {
        // INVARIANT: Zeroed.
        Self(Opaque::zeroed())
    }

    /// Forgets the routes, on each CPU when it looks next.
    pub(crate) fn reset(&self) {
        // SAFETY: Writes the time of the reset, which the structure has in any case, atomically.
        unsafe { bindings::shim_dst_cache_reset(self.0.get()) };
    }
}

impl Drop for DstCache {
    fn drop(&mut self) {
        // SAFETY: Takes initialised and zeroed caches; nobody uses it any more.
        unsafe { bindings::dst_cache_destroy(self.0.get()) };
    }
}

/// Which cache a route is looked up in first.
#[derive(Clone, Copy)]
pub(crate) enum Cache<'a> {
    /// None.
    None,
    /// This one.
    Of(&'a DstCache),
    /// The one that comes with how the packet is to be tunnelled, if it does.
    OfPacket,
}

impl Cache<'_> {
    #[inline]
    fn as_ptr(self, skb: &SkBuff) -> *mut bindings::dst_cache {
        match self {
            Self::None => null_mut(),
            Self::Of(cache) => cache.0.get(),
            Self::OfPacket => skb.tunnel_cache(),
        }
    }
}

/// Where an outer packet goes.
pub(crate) struct Flow {
    /// Device to send by, 0 for any.
    pub(crate) ifindex: u32,
    /// Source address, unspecified if the route chooses.
    pub(crate) source: Addr,
    /// Destination address, of the same family.
    pub(crate) destination: Addr,
    /// UDP source port, in host order.
    pub(crate) source_port: u16,
    /// UDP destination port, in host order.
    pub(crate) destination_port: u16,
    /// TOS or traffic class to route by.
    pub(crate) tos: u8,
    /// IPv6 flow label.
    pub(crate) label: u32,
    /// `FLOWI_FLAG_*`, for IPv4.
    pub(crate) flags: u8,
}

/// A route.
///
/// # Invariants
///
/// The pointer is valid, and this value owns one reference to it. It is the start of a `struct rtable`
/// if the family is IPv4, of a `struct rt6_info` if it is IPv6.
pub(crate) struct Route(NonNull<bindings::dst_entry>, Family);

impl Route {
    /// Looks up the route for a packet that `dev` encapsulates and `socket` sends, and the source
    /// address it gives.
    ///
    /// Fails with ELOOP if the route leads back to `dev`, EAFNOSUPPORT if the addresses are of two
    /// families, with what the lookup says otherwise.
    #[inline]
    pub(crate) fn lookup<T: NetDevice>(
        skb: &mut SkBuff,
        dev: &NetDev<T>,
        net: &Net,
        socket: &Socket<'_>,
        flow: &Flow,
        cache: Cache<'_>,
        _softirq: &Softirq<'_>,
    ) -> Result<(Self, Addr)> {
        let mut key: bindings::ip_tunnel_key = pin_init::zeroed();
        let cache = cache.as_ptr(skb);
        key.flow_flags = flow.flags;
        match (flow.source, flow.destination) {
            (Addr::V4(src), Addr::V4(dst)) => {
                key.u.ipv4 = bindings::ip_tunnel_key__bindgen_ty_1__bindgen_ty_1 {
                    src: u32::from_ne_bytes(src),
                    dst: u32::from_ne_bytes(dst),
                };
                let mut source = 0u32;
                // SAFETY: All pointers are valid for the call; bottom halves are off, as the per-CPU
                // cache wants.
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
                        cache,
                    )
                })?;
                let route = NonNull::new(route.cast()).ok_or(EHOSTUNREACH)?;
                // INVARIANT: The lookup returns a reference of its own, to an IPv4 route.
                Ok((Self(route, Family::V4), Addr::V4(source.to_ne_bytes())))
            }
            (Addr::V6(src), Addr::V6(dst)) => {
                key.u.ipv6 = bindings::ip_tunnel_key__bindgen_ty_1__bindgen_ty_2 {
                    src: in6_addr(src),
                    dst: in6_addr(dst),
                };
                key.label = flow.label.to_be();
                let mut source = in6_addr([0; 16]);
                // SAFETY: As above; the socket is open.
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
                        cache,
                    )
                })?;
                let route = NonNull::new(route).ok_or(EHOSTUNREACH)?;
                // SAFETY: All views of an IPv6 address are sixteen octets.
                let source = unsafe { source.in6_u.u6_addr8 };
                // INVARIANT: The lookup returns a reference of its own, to an IPv6 route.
                Ok((Self(route, Family::V6), Addr::V6(source)))
            }
            _ => Err(EAFNOSUPPORT),
        }
    }

    pub(super) fn as_dst(&mut self) -> *mut bindings::dst_entry {
        self.0.as_ptr()
    }

    /// Gives the reference away.
    pub(super) fn into_raw(self) -> *mut bindings::dst_entry {
        let route = self.0.as_ptr();
        forget(self);
        route
    }

    /// Returns the IP version.
    #[inline]
    pub(crate) fn family(&self) -> Family {
        self.1
    }

    /// Returns whether the remote is this host, and no group or broadcast address.
    #[inline]
    pub(crate) fn is_local_unicast(&self) -> bool {
        const OTHER: u32 = bindings::RTCF_BROADCAST | bindings::RTCF_MULTICAST;
        // `RTF_LOCAL` is the same bit, and the others mean nothing else of an IPv6 route.
        let flags = match self.1 {
            // SAFETY: By the invariants this is an IPv4 route.
            Family::V4 => unsafe { (*self.0.as_ptr().cast::<bindings::rtable>()).rt_flags },
            // SAFETY: By the invariants this is an IPv6 route.
            Family::V6 => unsafe { bindings::shim_rt6_flags(self.0.as_ptr()) },
        };
        flags & bindings::RTCF_LOCAL != 0 && flags & OTHER == 0
    }

    /// Returns the octets that the output device and the route want in front of an IP packet.
    #[inline]
    pub(crate) fn headroom(&self) -> u32 {
        // SAFETY: The route is valid by the invariants.
        unsafe { bindings::shim_dst_headroom(self.0.as_ptr()) }
    }

    /// Returns the TTL or hop limit for packets that have none of their own.
    #[inline]
    pub(crate) fn hop_limit(&self) -> u8 {
        // SAFETY: The route is valid by the invariants, and of the family.
        let limit = unsafe {
            match self.1 {
                Family::V4 => bindings::shim_ip4_hoplimit(self.0.as_ptr()),
                Family::V6 => bindings::shim_ip6_hoplimit(self.0.as_ptr()),
            }
        };
        limit as u8
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        // SAFETY: By the invariants we own a reference, which ends here.
        unsafe { bindings::dst_release(self.0.as_ptr()) };
    }
}

/// Returns an address as C has it.
pub(super) fn in6_addr(octets: [u8; 16]) -> bindings::in6_addr {
    bindings::in6_addr {
        in6_u: bindings::in6_addr__bindgen_ty_1 { u6_addr8: octets },
    }
}
