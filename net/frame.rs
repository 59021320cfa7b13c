// SPDX-License-Identifier: GPL-2.0

//! Ethernet frames that a driver makes or changes itself.
//!
//! C header: [`include/linux/etherdevice.h`](srctree/include/linux/etherdevice.h)

use super::{
    bindings,
    device::{
        NetDev,
        NetDevice, //
    },
    errno::to_result,
    rcu::Softirq,
    skb::SkBuff, //
};
use crate::wire::ethernet::{
    MacAddr,
    ADDR_LEN,
    HEADER_LEN, //
};
use core::ptr::NonNull;
use kernel::prelude::*;

impl SkBuff {
    /// Makes a packet that `dev` seems to have received: a frame from its Ethernet header on, the data
    /// pointer behind that. None without memory.
    pub(crate) fn received_on<T: NetDevice, const N: usize>(
        dev: &NetDev<T>,
        frame: &[u8; N],
    ) -> Option<Self> {
        const { assert!(N >= HEADER_LEN) };
        // SAFETY: The device is valid, and the frame has as many octets as said, a header at least.
        let skb =
            unsafe { bindings::shim_skb_received(dev.as_ptr(), frame.as_ptr().cast(), N as u32) };
        // SAFETY: The packet is new and ours.
        NonNull::new(skb).map(|skb| unsafe { Self::from_raw(skb.as_ptr()) })
    }

    /// Hands the packet to the stack. Returns false if that drops it.
    pub(crate) fn receive(self, _softirq: &Softirq<'_>) -> bool {
        // SAFETY: The packet is given away; bottom halves are off.
        unsafe { bindings::shim_netif_rx(self.into_raw()) == bindings::NET_RX_SUCCESS as c_int }
    }

    /// Writes new addresses into the link header, after making it private to this packet.
    ///
    /// Fails without memory, and if the header is not within the linear part.
    pub(crate) fn readdress(&mut self, destination: MacAddr, source: MacAddr) -> Result {
        // SAFETY: The packet is valid by the invariants.
        to_result(unsafe { bindings::shim_skb_make_private(self.as_ptr()) })?;
        if self.mac_header::<HEADER_LEN>().is_none() {
            return Err(EINVAL);
        }
        // SAFETY: The packet is valid by the invariants of its type; the link header is within its
        // linear part, and nobody else has these octets.
        unsafe {
            let header = bindings::shim_skb_mac_header(self.as_ptr()).cast::<[u8; ADDR_LEN]>();
            header.write(destination.octets());
            header.add(1).write(source.octets());
        }
        Ok(())
    }
}
