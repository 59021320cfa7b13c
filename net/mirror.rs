// SPDX-License-Identifier: GPL-2.0

//! The C structures that `abi.rs` keeps a copy of the configuration in, and no others.
//!
//! C header: [`include/net/vxlan.h`](srctree/include/net/vxlan.h)

use super::bindings;

/// `struct vxlan_dev`.
pub(crate) type VxlanDev = bindings::vxlan_dev;

/// `union vxlan_addr`.
pub(crate) type VxlanAddr = bindings::vxlan_addr;

/// `AF_INET`.
pub(crate) const AF_INET: u16 = bindings::AF_INET as u16;

/// `AF_INET6`.
pub(crate) const AF_INET6: u16 = bindings::AF_INET6 as u16;

macro_rules! flags {
    ($($name:ident = $number:ident),* $(,)?) => {
        $(
            #[doc = concat!("`", stringify!($number), "`.")]
            pub(crate) const $name: u32 = bindings::$number;
        )*
    };
}

flags! {
    F_COLLECT_METADATA = VXLAN_F_COLLECT_METADATA,
    F_GBP = VXLAN_F_GBP,
    F_GPE = VXLAN_F_GPE,
    F_IPV6 = VXLAN_F_IPV6,
    F_IPV6_LINKLOCAL = VXLAN_F_IPV6_LINKLOCAL,
    F_L2MISS = VXLAN_F_L2MISS,
    F_L3MISS = VXLAN_F_L3MISS,
    F_LEARN = VXLAN_F_LEARN,
    F_LOCALBYPASS = VXLAN_F_LOCALBYPASS,
    F_MC_ROUTE = VXLAN_F_MC_ROUTE,
    F_PROXY = VXLAN_F_PROXY,
    F_REMCSUM_NOPARTIAL = VXLAN_F_REMCSUM_NOPARTIAL,
    F_REMCSUM_RX = VXLAN_F_REMCSUM_RX,
    F_REMCSUM_TX = VXLAN_F_REMCSUM_TX,
    F_RSC = VXLAN_F_RSC,
    F_TTL_INHERIT = VXLAN_F_TTL_INHERIT,
    F_UDP_ZERO_CSUM6_RX = VXLAN_F_UDP_ZERO_CSUM6_RX,
    F_UDP_ZERO_CSUM6_TX = VXLAN_F_UDP_ZERO_CSUM6_TX,
    F_UDP_ZERO_CSUM_TX = VXLAN_F_UDP_ZERO_CSUM_TX,
    F_VNIFILTER = VXLAN_F_VNIFILTER,
}

/// Returns header bits as `struct vxlanhdr` has them.
pub(crate) fn reserved([a, b, c, d, e, f, g, h]: [u8; 8]) -> bindings::vxlanhdr {
    bindings::vxlanhdr {
        vx_flags: u32::from_ne_bytes([a, b, c, d]),
        vx_vni: u32::from_ne_bytes([e, f, g, h]),
    }
}

/// `struct net_device`.
pub(crate) type NetDevice = bindings::net_device;

/// What `net/shim_fdb.c` makes a `struct switchdev_notifier_vxlan_fdb_info` of.
pub(crate) type FdbInfo = bindings::shim_fdb_info;
