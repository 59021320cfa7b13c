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
    udp_tunnel::Socket,
    underlay::Underlay, //
};
use core::{
    marker::PhantomData,
    mem::forget,
    ptr::{
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
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
    pub(super) fn as_ptr(self, skb: &SkBuff) -> *mut bindings::dst_cache {
        match self {
            Self::None => null_mut(),
            Self::Of(cache) => cache.0.get(),
            Self::OfPacket => skb.tunnel_cache(),
        }
    }
}

/// Where an outer packet goes.
pub(crate) struct Flow<A> {
    /// Device to send by, 0 for any.
    pub(crate) ifindex: u32,
    /// Source address, unspecified if the route chooses.
    pub(crate) source: A,
    /// Destination address.
    pub(crate) destination: A,
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

/// A route of the IP version of `A`.
///
/// # Invariants
///
/// The pointer is valid, as [`Underlay`] makes it, and this value owns one reference to it.
pub(crate) struct Route<A>(NonNull<bindings::dst_entry>, PhantomData<A>);

impl<A: Underlay> Route<A> {
    /// Looks up the route for a packet that `dev` encapsulates and `socket` sends, and the source
    /// address it gives.
    ///
    /// Fails with ELOOP if the route leads back to `dev`, with what the lookup says otherwise.
    #[inline]
    pub(crate) fn lookup<T: NetDevice>(
        skb: &mut SkBuff,
        dev: &NetDev<T>,
        net: &Net,
        socket: &Socket<'_>,
        flow: &Flow<A>,
        cache: Cache<'_>,
        softirq: &Softirq<'_>,
    ) -> Result<(Self, A)> {
        let (route, source) = A::lookup(skb, dev, net, socket, flow, cache, softirq)?;
        let route = NonNull::new(route).ok_or(EHOSTUNREACH)?;
        // INVARIANT: The lookup returns a reference of its own.
        Ok((Self(route, PhantomData), source))
    }

    /// Returns whether the remote is this host, and no group or broadcast address.
    #[inline]
    pub(crate) fn is_local_unicast(&self) -> bool {
        // SAFETY: The route is valid by the invariants.
        unsafe { A::is_local_unicast(self.0.as_ptr()) }
    }

    /// Returns the TTL or hop limit for packets that have none of their own.
    #[inline]
    pub(crate) fn hop_limit(&self) -> u8 {
        // SAFETY: The route is valid by the invariants.
        unsafe { A::hop_limit(self.0.as_ptr()) as u8 }
    }
}

impl<A> Route<A> {
    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::dst_entry {
        self.0.as_ptr()
    }

    /// Gives the reference away.
    pub(super) fn into_raw(self) -> *mut bindings::dst_entry {
        let route = self.0.as_ptr();
        forget(self);
        route
    }
}

impl<A> Drop for Route<A> {
    fn drop(&mut self) {
        // SAFETY: By the invariants we own a reference, which ends here.
        unsafe { bindings::dst_release(self.0.as_ptr()) };
    }
}
