// SPDX-License-Identifier: GPL-2.0

//! A device's forwarding table as the core calls for it: `ndo_fdb_*`.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::{
    bindings,
    device::{
        NetDev,
        NetDevice, //
    },
    neigh::Reply,
    netlink::{
        Attrs,
        ExtAck,
        Policy, //
    },
    rtnl::Rtnl,
    table::Position, //
};
use crate::wire::ethernet::MacAddr;
use core::ptr::null_mut;
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::rcu, //
};

/// The highest `NDA_*` that the core parses.
const NDA_MAX: u16 = (bindings::__NDA_MAX - 1) as u16;

/// A request to add or delete an entry.
pub(crate) struct Request<'a> {
    /// `NUD_*`.
    pub(crate) state: u16,
    /// `NTF_*`.
    pub(crate) flags: u16,
    /// The address that the entry is for.
    pub(crate) address: MacAddr,
    /// `NDA_*`.
    pub(crate) attrs: Attrs<'a>,
}

/// A request to remove many entries.
pub(crate) struct FlushRequest<'a> {
    /// `NUD_*`.
    pub(crate) state: u16,
    /// `NTF_*`.
    pub(crate) flags: u16,
    /// `NDA_*`, as [`FdbOps::FLUSH_POLICY`] has them.
    pub(crate) attrs: Attrs<'a>,
}

/// The attributes that a request may have, by number.
pub(crate) struct AttrPolicy([Policy; POLICIES]);

/// Attribute 0 and all up to the highest.
const POLICIES: usize = NDA_MAX as usize + 1;

impl AttrPolicy {
    /// Takes the attributes that there may be; there may be no others.
    pub(crate) const fn new<const N: usize>(allowed: &[(u16, Policy); N]) -> Self {
        let mut policies = [Policy::NONE; POLICIES];
        let mut at = 0;
        while at < N {
            let (number, policy) = allowed[at];
            policies[number as usize] = policy;
            at += 1;
        }
        Self(policies)
    }
}

/// What a driver provides for its table to be seen and changed.
pub(crate) trait FdbOps: Sized {
    /// What a request to flush may say.
    const FLUSH_POLICY: &'static AttrPolicy;

    /// Adds as `mode` (`NLM_F_*`) says, and notifies.
    fn fdb_add(
        dev: &NetDev<Self>,
        request: &Request<'_>,
        mode: u16,
        rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result;

    /// Deletes, and notifies.
    fn fdb_del(
        dev: &NetDev<Self>,
        request: &Request<'_>,
        rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result;

    /// Writes the entry for an address to `reply`.
    fn fdb_get(
        dev: &NetDev<Self>,
        address: MacAddr,
        attrs: &Attrs<'_>,
        reply: &mut Reply<'_>,
        guard: &rcu::Guard,
        ack: &ExtAck<'_>,
    ) -> Result;

    /// Removes those entries that the request matches, and notifies.
    fn fdb_flush(
        dev: &NetDev<Self>,
        request: &FlushRequest<'_>,
        rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result;

    /// Writes all entries from [`Dump::cursor`] on, by [`Dump::write`].
    fn fdb_dump(dev: &NetDev<Self>, dump: &mut Dump<'_>, guard: &rcu::Guard) -> Result;
}

/// A dump, which takes as many calls as it takes packets.
pub(crate) struct Dump<'a> {
    reply: Reply<'a>,
    place: &'a mut Place,
    ifindex: u32,
    /// The number of entries seen so far, kept by the core.
    seen: &'a mut c_int,
}

/// Where a dump was broken off. It lies behind what the core keeps in the dump's context, and is zeroed
/// when the dump begins.
#[repr(C)]
struct Place {
    core: bindings::ndo_fdb_dump_context,
    /// The device whose table it is, 0 for none.
    ifindex: u32,
    /// The position of the entry to go on with.
    entry: usize,
    /// The place of the remote to go on with.
    remote: usize,
}

impl Dump<'_> {
    /// Returns where to go on: an entry's position, and in that entry the place of a remote.
    pub(crate) fn cursor(&self) -> (Position, usize) {
        if self.place.ifindex == self.ifindex {
            (Position::from_number(self.place.entry), self.place.remote)
        } else {
            (Position::START, 0)
        }
    }

    /// Has `write` write an entry. If that fails, the next call of the dump goes on there.
    pub(crate) fn write(
        &mut self,
        entry: Position,
        remote: usize,
        write: impl FnOnce(&mut Reply<'_>) -> Result,
    ) -> Result {
        if let Err(error) = write(&mut self.reply) {
            self.place.ifindex = self.ifindex;
            self.place.entry = entry.number();
            self.place.remote = remote;
            return Err(error);
        }
        *self.seen = self.seen.wrapping_add(1);
        Ok(())
    }
}

/// Wraps what the core calls add and delete with.
///
/// # Safety
///
/// The pointers are those of such a call and valid during `'a`.
unsafe fn request<'a>(
    ndm: *mut bindings::ndmsg,
    tb: *mut *mut bindings::nlattr,
    addr: *const u8,
) -> Request<'a> {
    // SAFETY: By this function's contract; the core checks that the address has six octets.
    unsafe {
        Request {
            state: (*ndm).ndm_state,
            flags: u16::from((*ndm).ndm_flags),
            address: MacAddr::new(addr.cast::<[u8; 6]>().read()),
            attrs: Attrs::from_raw(tb, NDA_MAX),
        }
    }
}

/// # Safety
///
/// Called by the core for a registered device, with RTNL held and a parsed request.
pub(super) unsafe extern "C" fn fdb_add<T: NetDevice>(
    ndm: *mut bindings::ndmsg,
    tb: *mut *mut bindings::nlattr,
    dev: *mut bindings::net_device,
    addr: *const u8,
    _vid: u16,
    flags: u16,
    notified: *mut bool,
    extack: *mut bindings::netlink_ext_ack,
) -> c_int {
    // SAFETY: By this function's contract.
    let (dev, request, rtnl, ack) = unsafe {
        (
            NetDev::<T>::from_raw(dev),
            request(ndm, tb, addr),
            Rtnl::assume(),
            ExtAck::from_raw(extack),
        )
    };
    from_result(|| {
        T::fdb_add(dev, &request, flags, &rtnl, &ack)?;
        // SAFETY: By this function's contract.
        unsafe { *notified = true };
        Ok(0)
    })
}

/// # Safety
///
/// Called by the core for a registered device, with RTNL held and a parsed request.
pub(super) unsafe extern "C" fn fdb_del<T: NetDevice>(
    ndm: *mut bindings::ndmsg,
    tb: *mut *mut bindings::nlattr,
    dev: *mut bindings::net_device,
    addr: *const u8,
    _vid: u16,
    notified: *mut bool,
    extack: *mut bindings::netlink_ext_ack,
) -> c_int {
    // SAFETY: By this function's contract.
    let (dev, request, rtnl, ack) = unsafe {
        (
            NetDev::<T>::from_raw(dev),
            request(ndm, tb, addr),
            Rtnl::assume(),
            ExtAck::from_raw(extack),
        )
    };
    from_result(|| {
        T::fdb_del(dev, &request, &rtnl, &ack)?;
        // SAFETY: By this function's contract.
        unsafe { *notified = true };
        Ok(0)
    })
}

/// # Safety
///
/// Called by the core for a registered device, with RTNL held, a parsed request and a reply to write.
pub(super) unsafe extern "C" fn fdb_get<T: NetDevice>(
    skb: *mut bindings::sk_buff,
    tb: *mut *mut bindings::nlattr,
    dev: *mut bindings::net_device,
    addr: *const u8,
    _vid: u16,
    portid: u32,
    seq: u32,
    extack: *mut bindings::netlink_ext_ack,
) -> c_int {
    // SAFETY: By this function's contract; the core checks that the address has six octets.
    let (dev, address, attrs, ack) = unsafe {
        (
            NetDev::<T>::from_raw(dev),
            MacAddr::new(addr.cast::<[u8; 6]>().read()),
            Attrs::from_raw(tb, NDA_MAX),
            ExtAck::from_raw(extack),
        )
    };
    // SAFETY: By this function's contract.
    let mut reply = unsafe { Reply::from_raw(skb, portid, seq, 0) };
    let guard = rcu::read_lock();
    from_result(|| T::fdb_get(dev, address, &attrs, &mut reply, &guard, &ack).map(|()| 0))
}

/// # Safety
///
/// Called by the core for a registered device, with RTNL held and a request that it has not parsed.
pub(super) unsafe extern "C" fn fdb_del_bulk<T: NetDevice>(
    nlh: *mut bindings::nlmsghdr,
    dev: *mut bindings::net_device,
    extack: *mut bindings::netlink_ext_ack,
) -> c_int {
    let mut table = [null_mut(); POLICIES];
    // SAFETY: By this function's contract; the core has seen that the message has a header.
    let (dev, ndm, rtnl, ack) = unsafe {
        (
            NetDev::<T>::from_raw(dev),
            &*nlh.add(1).cast::<bindings::ndmsg>(),
            Rtnl::assume(),
            ExtAck::from_raw(extack),
        )
    };
    from_result(|| {
        // SAFETY: The table has room for as many attributes as there are policies.
        to_result(unsafe {
            bindings::shim_nlmsg_parse(
                nlh,
                size_of::<bindings::ndmsg>() as c_int,
                table.as_mut_ptr(),
                c_int::from(NDA_MAX),
                T::FLUSH_POLICY.0.as_ptr().cast(),
                extack,
            )
        })?;
        let request = FlushRequest {
            state: ndm.ndm_state,
            flags: u16::from(ndm.ndm_flags),
            // SAFETY: The table is filled in, with attributes of the message.
            attrs: unsafe { Attrs::from_raw(table.as_ptr(), NDA_MAX) },
        };
        T::fdb_flush(dev, &request, &rtnl, &ack).map(|()| 0)
    })
}

/// # Safety
///
/// Called by the core for a registered device, with RTNL held, to continue a dump.
pub(super) unsafe extern "C" fn fdb_dump<T: NetDevice>(
    skb: *mut bindings::sk_buff,
    cb: *mut bindings::netlink_callback,
    dev: *mut bindings::net_device,
    _filter_dev: *mut bindings::net_device,
    idx: *mut c_int,
) -> c_int {
    const { assert!(size_of::<Place>() <= bindings::shim_dump_context_size as usize) };
    // SAFETY: By this function's contract. The core gives a dump a context of that size, aligned for
    // pointers, and itself uses the first part of it only, between calls.
    let (dev, mut dump) = unsafe {
        let dev = NetDev::<T>::from_raw(dev);
        let dump = Dump {
            reply: Reply::from_raw(
                skb,
                bindings::shim_netlink_portid((*cb).skb),
                (*(*cb).nlh).nlmsg_seq,
                bindings::NLM_F_MULTI as c_int,
            ),
            place: &mut *bindings::shim_dump_context(cb).cast::<Place>(),
            ifindex: dev.ifindex(),
            seen: &mut *idx,
        };
        (dev, dump)
    };
    let guard = rcu::read_lock();
    from_result(|| {
        T::fdb_dump(dev, &mut dump, &guard)?;
        dump.place.ifindex = 0;
        Ok(0)
    })
}
