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

/// `VXLAN_F_LEARN`.
pub(crate) const F_LEARN: u32 = bindings::VXLAN_F_LEARN;

/// `VXLAN_F_LOCALBYPASS`.
pub(crate) const F_LOCALBYPASS: u32 = bindings::VXLAN_F_LOCALBYPASS;

/// `VXLAN_F_TTL_INHERIT`.
pub(crate) const F_TTL_INHERIT: u32 = bindings::VXLAN_F_TTL_INHERIT;

/// `VXLAN_F_UDP_ZERO_CSUM_TX`.
pub(crate) const F_UDP_ZERO_CSUM_TX: u32 = bindings::VXLAN_F_UDP_ZERO_CSUM_TX;
