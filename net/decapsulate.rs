// SPDX-License-Identifier: GPL-2.0

//! Packets that come out of a tunnel.
//!
//! C headers: [`include/net/ip_tunnels.h`](srctree/include/net/ip_tunnels.h),
//! [`include/net/inet_ecn.h`](srctree/include/net/inet_ecn.h)

use super::{
    bindings,
    device::{
        NetDev,
        NetDevice, //
    },
    errno::to_result,
    skb::{
        DropReason,
        SkBuff, //
    }, //
};
use crate::wire::ethernet::HEADER_LEN;
use kernel::prelude::*;

impl SkBuff {
    /// Removes the outer headers up to `len` octets behind the data pointer. What follows is an
    /// Ethernet frame. `crosses` tells that the inner packet is of another namespace.
    #[inline(always)]
    pub(crate) fn pull_tunnel_header(&mut self, len: u16, crosses: bool) -> Result {
        const ETH_P_TEB: u16 = 0x6558;
        // SAFETY: The packet is valid by the invariants.
        to_result(unsafe {
            bindings::__iptunnel_pull_header(
                self.as_ptr(),
                c_int::from(len),
                ETH_P_TEB.to_be(),
                false,
                crosses,
            )
        })
    }

    /// As [`SkBuff::pull_tunnel_header`], where what follows is no frame but a packet of `protocol`, an
    /// ethertype in host order.
    pub(crate) fn pull_raw_tunnel_header(
        &mut self,
        len: u16,
        protocol: u16,
        crosses: bool,
    ) -> Result {
        // SAFETY: The packet is valid by the invariants.
        to_result(unsafe {
            bindings::__iptunnel_pull_header(
                self.as_ptr(),
                c_int::from(len),
                protocol.to_be(),
                true,
                crosses,
            )
        })
    }

    /// Makes the packet one that `dev`, which has no link layer, received.
    pub(crate) fn receive_raw_on<T: NetDevice>(&mut self, dev: &NetDev<T>) {
        self.reset_mac_header();
        // SAFETY: The packet and the device are valid.
        unsafe { bindings::shim_skb_receive_raw(self.as_ptr(), dev.as_ptr()) };
    }

    /// Makes the packet one that `dev` received: link header, protocol, packet type. The data pointer
    /// is then behind the Ethernet header. Fails if the packet is shorter than that.
    #[inline(always)]
    pub(crate) fn receive_on<T: NetDevice>(&mut self, dev: &NetDev<T>) -> Result<(), DropReason> {
        self.may_pull(HEADER_LEN as u32)?;
        // SAFETY: The packet and the device are valid, and the Ethernet header is in the linear part.
        unsafe { bindings::shim_skb_receive_eth(self.as_ptr(), dev.as_ptr()) };
        Ok(())
    }

    /// Marks the inner IP header "congestion experienced".
    pub(crate) fn set_ce(&mut self) {
        // SAFETY: The packet is valid by the invariants.
        unsafe { bindings::shim_ecn_set_ce(self.as_ptr()) };
    }

    /// Marks the inner IP header ECT(1).
    pub(crate) fn set_ect1(&mut self) {
        // SAFETY: The packet is valid by the invariants.
        unsafe { bindings::shim_ecn_set_ect1(self.as_ptr()) };
    }
}
