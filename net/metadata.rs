// SPDX-License-Identifier: GPL-2.0

//! Metadata of packets: how somebody above (tc, a lightweight tunnel, a bridge, Open vSwitch) wants a
//! packet to be tunnelled, and by what tunnel a packet came.
//!
//! C header: [`include/net/dst_metadata.h`](srctree/include/net/dst_metadata.h)

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
    netns::Net,
    rcu::Softirq,
    skb::SkBuff,
    udp_tunnel::Socket,
    underlay::Underlay, //
};
use crate::wire::ip::{
    Addr,
    Family, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::{
        null,
        null_mut,
        NonNull, //
    }, //
};
use kernel::prelude::*;

/// What the option of a tunnel's metadata holds.
#[derive(Clone, Copy)]
pub(crate) enum TunnelOption {
    /// There is none.
    Absent,
    /// There is one, but it is too short to be a VXLAN option.
    Short,
    /// The group policy of a VXLAN packet, as a mark (`struct vxlan_metadata`).
    Policy(u32),
}

/// How a packet is to be tunnelled, `struct ip_tunnel_info`.
#[derive(Clone, Copy)]
pub(crate) struct TunnelInfo {
    /// The tunnel's id: the low 32 bits, in host order.
    pub(crate) id: u32,
    /// The addresses; the source is unspecified if the route chooses.
    pub(crate) source: Addr,
    pub(crate) destination: Addr,
    /// UDP destination port in host order, 0 for the device's.
    pub(crate) port: u16,
    /// DSCP and ECN of the outer packet.
    pub(crate) tos: u8,
    /// TTL or hop limit, 0 for that of the route.
    pub(crate) ttl: u8,
    /// IPv6 flow label.
    pub(crate) label: u32,
    /// `FLOWI_FLAG_*` of the route.
    pub(crate) flow_flags: u8,
    /// Whether the outer UDP checksum is computed.
    pub(crate) checksum: bool,
    /// What is said of the header.
    pub(crate) option: TunnelOption,
    /// The metadata are of a packet to be sent, not of one that came.
    pub(crate) transmit: bool,
    /// A bridge chose the tunnel's id, and leaves the remote to the forwarding table.
    pub(crate) bridge: bool,
    /// A nexthop group to send by, 0 for none.
    pub(crate) nexthop: u32,
}

impl TunnelInfo {
    /// Reads what a packet carries.
    ///
    /// # Safety
    ///
    /// `info` is valid, and of a packet that nobody else changes.
    unsafe fn read(info: NonNull<bindings::ip_tunnel_info>) -> Self {
        // SAFETY: By this function's contract.
        let (key, mode) = unsafe { ((*info.as_ptr()).key, (*info.as_ptr()).mode) };
        // The flags are a bitmap; those looked at are in its first word.
        let [flags, ..] = key.tun_flags;
        let flag = |bit: u32| flags & (1 << bit) != 0;
        let mode = u32::from(mode);
        // SAFETY: All views of the addresses are octets, and the mode says which is meant.
        let (source, destination) = unsafe {
            if mode & bindings::IP_TUNNEL_INFO_IPV6 != 0 {
                let pair = key.u.ipv6;
                (
                    Addr::V6(pair.src.in6_u.u6_addr8),
                    Addr::V6(pair.dst.in6_u.u6_addr8),
                )
            } else {
                let pair = key.u.ipv4;
                (
                    Addr::V4(pair.src.to_ne_bytes()),
                    Addr::V4(pair.dst.to_ne_bytes()),
                )
            }
        };
        let option = if flag(bindings::IP_TUNNEL_VXLAN_OPT_BIT) {
            // SAFETY: By this function's contract.
            unsafe { Self::read_option(info) }
        } else {
            TunnelOption::Absent
        };
        Self {
            id: u64::from_be(key.tun_id) as u32,
            source,
            destination,
            port: u16::from_be(key.tp_dst),
            tos: key.tos,
            ttl: key.ttl,
            label: u32::from_be(key.label),
            flow_flags: key.flow_flags,
            checksum: flag(bindings::IP_TUNNEL_CSUM_BIT),
            option,
            transmit: mode & bindings::IP_TUNNEL_INFO_TX != 0,
            bridge: mode & bindings::IP_TUNNEL_INFO_BRIDGE != 0,
            nexthop: key.nhid,
        }
    }

    /// # Safety
    ///
    /// As [`TunnelInfo::read`].
    unsafe fn read_option(info: NonNull<bindings::ip_tunnel_info>) -> TunnelOption {
        let info = info.as_ptr();
        // SAFETY: By this function's contract.
        if usize::from(unsafe { (*info).options_len }) < size_of::<u32>() {
            return TunnelOption::Short;
        }
        // SAFETY: As many octets of options follow the structure as its length says.
        let policy = unsafe { (&raw const (*info).options).cast::<u32>().read_unaligned() };
        TunnelOption::Policy(policy)
    }
}

impl SkBuff {
    fn raw_tunnel_info(&self) -> Option<NonNull<bindings::ip_tunnel_info>> {
        // SAFETY: The packet is valid by the invariants of its type.
        NonNull::new(unsafe { bindings::shim_skb_tunnel_info(self.as_ptr()) })
    }

    /// Returns how the packet is to be tunnelled, None if nobody above says so.
    pub(crate) fn tunnel_info(&self) -> Option<TunnelInfo> {
        let info = self.raw_tunnel_info()?;
        // SAFETY: The metadata are valid as long as the packet refers to them. Who makes them changes
        // them no more.
        Some(unsafe { TunnelInfo::read(info) })
    }

    /// Returns the route cache that comes with how the packet is to be tunnelled, null if it is not.
    pub(super) fn tunnel_cache(&self) -> *mut bindings::dst_cache {
        self.raw_tunnel_info().map_or(null_mut(), |info| {
            // SAFETY: As above.
            unsafe { &raw mut (*info.as_ptr()).dst_cache }
        })
    }

    /// Makes what the packet carries say that it goes from `source` to `destination`: the way back of
    /// one that has become a reply. Fails without memory.
    pub(crate) fn reverse_tunnel(&mut self, source: Addr, destination: Addr) -> Result {
        // SAFETY: The packet is valid by the invariants of its type.
        let info = unsafe { bindings::shim_skb_tunnel_info_unclone(self.as_ptr()) };
        if info.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: The metadata are the packet's own now.
        unsafe { set_addresses(&raw mut (*info).key, source, Some(destination)) };
        Ok(())
    }

    /// Notes that the packet came by the tunnel `id`, with the outer addresses and ports that its
    /// headers have: the transport header is UDP, the network header one of `family`. `policy` is that
    /// of its VXLAN header. Fails without memory, or if the headers are not in the linear part.
    #[inline]
    pub(crate) fn set_received_by(
        &mut self,
        family: Family,
        id: u32,
        policy: Option<u32>,
    ) -> Result {
        let there = match family {
            Family::V4 => self.network_header::<20>().is_some(),
            Family::V6 => self.network_header::<40>().is_some(),
        };
        if !there || self.transport_header::<8>(0).is_none() {
            return Err(EINVAL);
        }
        // SAFETY: The packet is valid by the invariants of its type, and the headers that are read are
        // in the linear part.
        let noted = unsafe {
            bindings::shim_skb_set_received_by(
                self.as_ptr(),
                family == Family::V6,
                u64::from(id).to_be(),
                policy.as_ref().map_or(null(), core::ptr::from_ref),
            )
        };
        noted.then_some(()).ok_or(ENOMEM)
    }
}

/// Writes addresses into a key; both are of one family.
///
/// # Safety
///
/// `key` is valid for writes, and nobody reads it now.
unsafe fn set_addresses(
    key: *mut bindings::ip_tunnel_key,
    source: Addr,
    destination: Option<Addr>,
) {
    // SAFETY: By this function's contract; all views of the addresses are octets.
    unsafe {
        match source {
            Addr::V4(octets) => (*key).u.ipv4.src = u32::from_ne_bytes(octets),
            Addr::V6(octets) => (*key).u.ipv6.src.in6_u.u6_addr8 = octets,
        }
        match destination {
            None => {}
            Some(Addr::V4(octets)) => (*key).u.ipv4.dst = u32::from_ne_bytes(octets),
            Some(Addr::V6(octets)) => (*key).u.ipv6.dst.in6_u.u6_addr8 = octets,
        }
    }
}

/// A packet of which somebody wants to know how it would be tunnelled (`ndo_fill_metadata_dst`): lent,
/// not given.
///
/// # Invariants
///
/// The packet carries metadata, of a packet to be sent, that nobody else refers to.
pub(crate) struct Inquiry<'a>(ManuallyDrop<SkBuff>, PhantomData<&'a ()>);

impl Inquiry<'_> {
    /// Takes a packet that stays the caller's.
    ///
    /// # Safety
    ///
    /// The invariants of the type hold for it as long as the value is used.
    pub(super) unsafe fn new(skb: *mut bindings::sk_buff) -> Self {
        // SAFETY: By this function's contract; the packet is not dropped.
        let skb = ManuallyDrop::new(unsafe { SkBuff::from_raw(skb) });
        // INVARIANT: By this function's contract.
        Self(skb, PhantomData)
    }

    /// Returns how the packet is to be tunnelled.
    pub(crate) fn tunnel_info(&self) -> Option<TunnelInfo> {
        self.0.tunnel_info()
    }

    /// As [`SkBuff::flow_source_port`].
    pub(crate) fn flow_source_port(&mut self, net: &Net, low: u16, high: u16) -> u16 {
        self.0.flow_source_port(net, low, high)
    }

    /// As [`Route::lookup`], through the cache that comes with the metadata. Returns the source address
    /// of the route.
    pub(crate) fn route_source<T: NetDevice, A: Underlay>(
        &mut self,
        dev: &NetDev<T>,
        net: &Net,
        socket: &Socket<'_>,
        flow: &Flow<A>,
        softirq: &Softirq<'_>,
    ) -> Result<A> {
        let cache = Cache::OfPacket;
        let (_, source) = Route::lookup(&mut self.0, dev, net, socket, flow, cache, softirq)?;
        Ok(source)
    }

    /// Completes the metadata: the source address and the UDP ports, in host order.
    pub(crate) fn answer(self, source: Addr, source_port: u16, destination_port: u16) {
        let Some(info) = self.0.raw_tunnel_info() else {
            return;
        };
        // SAFETY: By the invariants the metadata are valid and nobody else refers to them.
        unsafe {
            let key = &raw mut (*info.as_ptr()).key;
            set_addresses(key, source, None);
            (*key).tp_src = source_port.to_be();
            (*key).tp_dst = destination_port.to_be();
        }
    }
}

/// Returns whether somebody wants all tunnels to note by what tunnel a packet came
/// (`ip_tunnel_collect_metadata`).
#[inline]
pub(crate) fn is_wanted() -> bool {
    // SAFETY: The key is a static of the kernel; its count changes atomically.
    unsafe { (&raw const bindings::ip_tunnel_metadata_cnt.key.enabled.counter).read_volatile() > 0 }
}
