// SPDX-License-Identifier: GPL-2.0

//! Messages about neighbours and forwarding entries, `RTM_*NEIGH`.
//!
//! C header: [`include/uapi/linux/neighbour.h`](srctree/include/uapi/linux/neighbour.h)

use super::{
    bindings,
    netlink::Message,
    netns::Net,
    skb::DropReason, //
};
use crate::wire::ip::Family;
use core::{
    marker::PhantomData,
    ptr::null_mut, //
};
use kernel::prelude::*;

/// `NDA_*` attributes.
pub(crate) mod attr {
    use super::bindings;

    /// IP address, 4 or 16 octets.
    pub(crate) const DST: u16 = bindings::NDA_DST as u16;
    /// Link layer address, 6 octets.
    pub(crate) const LLADDR: u16 = bindings::NDA_LLADDR as u16;
    /// Times and counts, [`super::CacheInfo`].
    pub(crate) const CACHEINFO: u16 = bindings::NDA_CACHEINFO as u16;
    /// UDP port, 16 bits in network order.
    pub(crate) const PORT: u16 = bindings::NDA_PORT as u16;
    /// VNI that the remote is sent, 32 bits.
    pub(crate) const VNI: u16 = bindings::NDA_VNI as u16;
    /// Index of the device to send by, 32 bits.
    pub(crate) const IFINDEX: u16 = bindings::NDA_IFINDEX as u16;
    /// Id of the namespace that carries the packets, 32 bits, signed.
    pub(crate) const LINK_NETNSID: u16 = bindings::NDA_LINK_NETNSID as u16;
    /// VNI that the entry belongs to, 32 bits.
    pub(crate) const SRC_VNI: u16 = bindings::NDA_SRC_VNI as u16;
    /// Id of a nexthop, 32 bits.
    pub(crate) const NH_ID: u16 = bindings::NDA_NH_ID as u16;
    /// Which bits of the state count, 16 bits.
    pub(crate) const NDM_STATE_MASK: u16 = bindings::NDA_NDM_STATE_MASK as u16;
    /// Which bits of the flags count, 8 bits.
    pub(crate) const NDM_FLAGS_MASK: u16 = bindings::NDA_NDM_FLAGS_MASK as u16;
}

/// `NUD_*`, states of an entry.
pub(crate) mod state {
    use super::bindings;

    /// Ages out.
    pub(crate) const REACHABLE: u16 = bindings::NUD_REACHABLE as u16;
    /// Aged out, or not known.
    pub(crate) const STALE: u16 = bindings::NUD_STALE as u16;
    /// Neither ages nor moves.
    pub(crate) const NOARP: u16 = bindings::NUD_NOARP as u16;
    /// Neither ages nor moves nor ends with the link's being down.
    pub(crate) const PERMANENT: u16 = bindings::NUD_PERMANENT as u16;
}

/// `NTF_*`, flags of an entry.
pub(crate) mod flag {
    use super::bindings;

    /// Counts as used now.
    pub(crate) const USE: u16 = bindings::NTF_USE as u16;
    /// Is in the device's own table.
    pub(crate) const SELF: u16 = bindings::NTF_SELF as u16;
    /// Was learned by somebody else, who ages it.
    pub(crate) const EXT_LEARNED: u16 = bindings::NTF_EXT_LEARNED as u16;
    /// Is in the table of the device's bridge.
    pub(crate) const MASTER: u16 = bindings::NTF_MASTER as u16;
    /// Is in a switch's table too.
    pub(crate) const OFFLOADED: u16 = bindings::NTF_OFFLOADED as u16;
    /// Is a router.
    pub(crate) const ROUTER: u16 = bindings::NTF_ROUTER as u16;
}

/// `NLM_F_*`, what an RTM_NEWNEIGH may do.
pub(crate) mod mode {
    use super::bindings;

    /// Replace an entry that exists.
    pub(crate) const REPLACE: u16 = bindings::NLM_F_REPLACE as u16;
    /// Fail if the entry exists.
    pub(crate) const EXCL: u16 = bindings::NLM_F_EXCL as u16;
    /// Make the entry if it does not exist.
    pub(crate) const CREATE: u16 = bindings::NLM_F_CREATE as u16;
    /// Add a remote to the entry.
    pub(crate) const APPEND: u16 = bindings::NLM_F_APPEND as u16;
}

/// Returns the number of an IP version, `AF_INET` or `AF_INET6`.
pub(crate) const fn family(family: Family) -> u8 {
    match family {
        Family::V4 => bindings::AF_INET as u8,
        Family::V6 => bindings::AF_INET6 as u8,
    }
}

/// `AF_BRIDGE`: the entry is one of a forwarding table.
pub(crate) const FAMILY_BRIDGE: u8 = bindings::AF_BRIDGE as u8;

/// The kinds of messages about entries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There is an entry, or it changed.
    New = bindings::RTM_NEWNEIGH as isize,
    /// The entry is gone.
    Del = bindings::RTM_DELNEIGH as isize,
    /// There is no entry: user space is asked.
    Get = bindings::RTM_GETNEIGH as isize,
}

/// The header of a message, `struct ndmsg`.
pub(crate) struct Neigh {
    /// `AF_*`.
    pub(crate) family: u8,
    /// `NUD_*`.
    pub(crate) state: u16,
    /// `NTF_*`; the wire has eight bits of them.
    pub(crate) flags: u16,
    /// The device.
    pub(crate) ifindex: u32,
}

/// `struct nda_cacheinfo`, in clock ticks since.
pub(crate) struct CacheInfo {
    /// Since the entry was used.
    pub(crate) used: u32,
    /// Since the entry was confirmed or changed.
    pub(crate) updated: u32,
}

impl CacheInfo {
    /// The length of the attribute.
    pub(crate) const LEN: usize = 16;

    /// Returns the attribute's payload.
    pub(crate) fn octets(&self) -> [u8; Self::LEN] {
        let info = bindings::nda_cacheinfo {
            ndm_confirmed: 0,
            ndm_used: self.used,
            ndm_updated: self.updated,
            ndm_refcnt: 0,
        };
        // SAFETY: Four 32-bit numbers, without padding.
        unsafe { core::mem::transmute(info) }
    }
}

/// Messages that answer a request, one after the other.
///
/// # Invariants
///
/// The pointer is that of a netlink message's packet, valid during `'a` and ours to write to.
pub(crate) struct Reply<'a> {
    skb: *mut bindings::sk_buff,
    portid: u32,
    seq: u32,
    flags: c_int,
    _call: PhantomData<&'a mut ()>,
}

impl Reply<'_> {
    /// Takes what the core calls with.
    ///
    /// # Safety
    ///
    /// The invariants of the type hold for `skb` while the value exists.
    pub(super) unsafe fn from_raw(
        skb: *mut bindings::sk_buff,
        portid: u32,
        seq: u32,
        flags: c_int,
    ) -> Self {
        // INVARIANT: By this function's contract.
        Self {
            skb,
            portid,
            seq,
            flags,
            _call: PhantomData,
        }
    }

    /// Writes a message whole or, if there is no room, not at all: EMSGSIZE.
    pub(crate) fn message(
        &mut self,
        kind: Kind,
        neigh: &Neigh,
        attrs: impl FnOnce(&mut Message<'_>) -> Result,
    ) -> Result {
        let header = bindings::ndmsg {
            ndm_family: neigh.family,
            ndm_state: neigh.state,
            ndm_flags: neigh.flags as u8,
            ndm_ifindex: neigh.ifindex as i32,
            ndm_type: bindings::RTN_UNICAST as u8,
            ..pin_init::zeroed()
        };
        // SAFETY: The packet is valid by the invariants. The payload of the new message is that of a
        // header, and the message is ended or taken back before anybody else sees the packet.
        unsafe {
            let nlh = bindings::shim_nlmsg_put(
                self.skb,
                self.portid,
                self.seq,
                kind as c_int,
                size_of::<bindings::ndmsg>() as c_int,
                self.flags,
            );
            if nlh.is_null() {
                return Err(EMSGSIZE);
            }
            nlh.add(1).cast::<bindings::ndmsg>().write(header);
            match attrs(&mut Message::from_raw(self.skb)) {
                Ok(()) => bindings::shim_nlmsg_end(self.skb, nlh),
                Err(error) => {
                    bindings::shim_nlmsg_cancel(self.skb, nlh);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// EMSGSIZE: the message does not fit.
const EMSGSIZE: Error = kernel::error::code::EMSGSIZE;

/// Returns whether anybody in a namespace listens to [`notify`].
pub(crate) fn has_listeners(net: &Net) -> bool {
    // SAFETY: The namespace is valid.
    unsafe { bindings::shim_neigh_has_listeners(net.as_ptr()) }
}

/// Tells the listeners of a namespace about an entry; `size` is the room that its attributes take.
/// Listeners are told if a message could not be made.
pub(crate) fn notify(
    net: &Net,
    kind: Kind,
    neigh: &Neigh,
    size: usize,
    attrs: impl FnOnce(&mut Message<'_>) -> Result,
) {
    let payload = size.saturating_add(size_of::<bindings::ndmsg>());
    // SAFETY: No requirements.
    let skb = unsafe { bindings::shim_nlmsg_new(payload, bindings::shim_gfp_atomic) };
    let written = if skb.is_null() {
        Err(ENOBUFS)
    } else {
        let mut message = Reply {
            skb,
            portid: 0,
            seq: 0,
            flags: 0,
            _call: PhantomData,
        };
        message.message(kind, neigh, attrs)
    };
    // SAFETY: The namespace is valid; the packet is given away, once.
    unsafe {
        match written {
            Ok(()) => bindings::rtnl_notify(
                skb,
                net.as_ptr(),
                0,
                bindings::rtnetlink_groups_RTNLGRP_NEIGH,
                null_mut(),
                bindings::shim_gfp_atomic,
            ),
            Err(error) => {
                bindings::shim_kfree_skb_reason(skb, DropReason::NOT_SPECIFIED.0);
                bindings::rtnl_set_sk_err(
                    net.as_ptr(),
                    bindings::rtnetlink_groups_RTNLGRP_NEIGH,
                    error.to_errno(),
                );
            }
        }
    }
}
