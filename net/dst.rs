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
    skb::SkBuff, //
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
}

impl Drop for DstCache {
    fn drop(&mut self) {
        // SAFETY: Takes initialised and zeroed caches; nobody uses it any more.
        unsafe { bindings::dst_cache_destroy(self.0.get()) };
    }
}

/// Where an outer packet goes.
pub(crate) struct Flow4 {
    /// Device to send by, 0 for any.
    pub(crate) ifindex: u32,
    /// Source address, zero if the route chooses.
    pub(crate) source: [u8; 4],
    /// Destination address.
    pub(crate) destination: [u8; 4],
    /// UDP source port, in host order.
    pub(crate) source_port: u16,
    /// UDP destination port, in host order.
    pub(crate) destination_port: u16,
    /// TOS to route by.
    pub(crate) tos: u8,
}

/// An IPv4 route.
///
/// # Invariants
///
/// The pointer is valid, and this value owns one reference to it.
pub(crate) struct Route4(NonNull<bindings::rtable>);

impl Route4 {
    /// Looks up the route for a packet that `dev` encapsulates, and the source address it gives.
    ///
    /// Fails with ELOOP if the route leads back to `dev`, with what the lookup says otherwise.
    pub(crate) fn lookup<T: NetDevice>(
        skb: &mut SkBuff,
        dev: &NetDev<T>,
        net: &Net,
        flow: &Flow4,
        cache: Option<&DstCache>,
        _softirq: &Softirq<'_>,
    ) -> Result<(Self, [u8; 4])> {
        let mut key: bindings::ip_tunnel_key = pin_init::zeroed();
        key.u.ipv4 = bindings::ip_tunnel_key__bindgen_ty_1__bindgen_ty_1 {
            src: u32::from_ne_bytes(flow.source),
            dst: u32::from_ne_bytes(flow.destination),
        };
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
                cache.map_or(null_mut(), |cache| cache.0.get()),
            )
        })?;
        let route = NonNull::new(route).ok_or(EHOSTUNREACH)?;
        // INVARIANT: The lookup returns a reference of its own.
        Ok((Self(route), source.to_ne_bytes()))
    }

    pub(super) fn as_dst(&mut self) -> *mut bindings::dst_entry {
        self.0.as_ptr().cast()
    }

    /// Gives the reference away.
    pub(super) fn into_raw(self) -> *mut bindings::rtable {
        let route = self.0.as_ptr();
        forget(self);
        route
    }

    /// Returns whether the remote is this host, and no group or broadcast address.
    #[inline]
    pub(crate) fn is_local_unicast(&self) -> bool {
        const OTHER: u32 = bindings::RTCF_BROADCAST | bindings::RTCF_MULTICAST;
        // SAFETY: The route is valid by the invariants.
        let flags = unsafe { (*self.0.as_ptr()).rt_flags };
        flags & bindings::RTCF_LOCAL != 0 && flags & OTHER == 0
    }

    /// Returns the octets that the output device and the route want in front of an IP packet.
    #[inline]
    pub(crate) fn headroom(&self) -> u32 {
        // SAFETY: The route is valid by the invariants.
        unsafe { bindings::shim_dst_headroom(self.0.as_ptr()) }
    }

    /// Returns the TTL for packets that have none of their own.
    #[inline]
    pub(crate) fn hop_limit(&self) -> u8 {
        // SAFETY: The route is valid by the invariants.
        unsafe { bindings::shim_ip4_hoplimit(self.0.as_ptr()) as u8 }
    }
}

impl Drop for Route4 {
    fn drop(&mut self) {
        // SAFETY: By the invariants we own a reference, which ends here.
        unsafe { bindings::shim_rt_put(self.0.as_ptr()) };
    }
}
