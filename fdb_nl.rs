// SPDX-License-Identifier: GPL-2.0

//! The forwarding table's netlink face: what requests mean and how entries are told of.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    fdb::{
        Key,
        Target,
        ADDED_BY_USER,
        STATIC, //
    },
    fdb_flush::{
        self,
        Flush,
        Masked, //
    },
    fdb_notify,
    fdb_switch::Audience,
    fdb_update::{
        self,
        Update, //
    },
    net::{
        device::NetDev,
        fdb::{
            AttrPolicy,
            Dump,
            FdbOps,
            FlushRequest,
            Request, //
        },
        neigh::{
            attr,
            flag,
            state,
            Reply, //
        },
        netlink::{
            Attr,
            Attrs,
            ExtAck,
            Policy, //
        },
        rtnl::Rtnl, //
    },
    wire::{
        ethernet::MacAddr,
        ip::Addr, //
    }, //
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// What a request says of the remote, and of the VNI that the entry belongs to.
struct Spec {
    target: Target,
    source_vni: u32,
    /// The id of a nexthop, 0 for none.
    nexthop: u32,
}

/// Reads a request (`vxlan_fdb_parse`): the same checks in the same order.
fn parse(
    dev: &NetDev<Device>,
    config: &Config,
    attrs: &Attrs<'_>,
    rtnl: &Rtnl<'_>,
    ack: &ExtAck<'_>,
) -> Result<Spec> {
    let has = |number| attrs.get(number).is_some();
    if has(attr::NH_ID)
        && (has(attr::DST) || has(attr::VNI) || has(attr::IFINDEX) || has(attr::PORT))
    {
        ack.message("DST, VNI, ifindex and port are mutually exclusive with NH_ID");
        return Err(EINVAL);
    }
    let addr = match attrs.get(attr::DST) {
        None => config.family().any(),
        Some(dst) => parse_address(dst, ack)?,
    };
    let port = match attrs.get(attr::PORT) {
        None => config.port,
        Some(port) => u16::from_be_bytes(exactly(port, "Invalid vxlan port", ack)?),
    };
    let own = config.vni.get();
    let vni = number(attrs.get(attr::VNI), own, "Invalid vni", ack)?;
    let source_vni = number(attrs.get(attr::SRC_VNI), own, "Invalid src vni", ack)?;
    let ifindex = number(attrs.get(attr::IFINDEX), 0, "Invalid ifindex", ack)?;
    if has(attr::IFINDEX) && dev.net_rtnl(rtnl).device(ifindex, rtnl).is_none() {
        ack.attr(attrs.get(attr::IFINDEX), "Device not found");
        return Err(EADDRNOTAVAIL);
    }
    let nexthop = number(attrs.get(attr::NH_ID), 0, "Invalid nexthop id", ack)?;
    Ok(Spec {
        target: Target {
            addr,
            port,
            vni,
            ifindex,
        },
        source_vni,
        nexthop,
    })
}

/// Returns the address, of the family that its length says.
fn parse_address(dst: Attr<'_>, ack: &ExtAck<'_>) -> Result<Addr> {
    match (dst.first::<16>(), dst.first::<4>()) {
        (Some(octets), _) => Ok(Addr::V6(octets)),
        (None, Some(octets)) => Ok(Addr::V4(octets)),
        (None, None) => {
            ack.attr(Some(dst), "Unsupported address family");
            Err(EAFNOSUPPORT)
        }
    }
}

/// Returns the payload if it has just this length, else refuses with EINVAL.
fn exactly<const N: usize>(attr: Attr<'_>, text: &str, ack: &ExtAck<'_>) -> Result<[u8; N]> {
    attr.bytes().try_into().map_err(|_| {
        ack.attr(Some(attr), text);
        EINVAL
    })
}

/// Returns the 32-bit number of an attribute that may be absent.
fn number(attr: Option<Attr<'_>>, default: u32, text: &str, ack: &ExtAck<'_>) -> Result<u32> {
    match attr {
        None => Ok(default),
        Some(attr) => exactly(attr, text, ack).map(u32::from_ne_bytes),
    }
}

impl FdbOps for Device {
    const FLUSH_POLICY: &'static AttrPolicy = &FLUSH;

    fn fdb_add(
        dev: &NetDev<Self>,
        request: &Request<'_>,
        mode: u16,
        rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result {
        if request.state & (state::PERMANENT | state::REACHABLE) == 0 {
            pr_info!("RTM_NEWNEIGH with invalid state {:#x}\n", request.state);
            ack.message("An entry is permanent, static or reachable");
            return Err(EINVAL);
        }
        if request.attrs.get(attr::DST).is_none() && request.attrs.get(attr::NH_ID).is_none() {
            ack.message("A destination or a nexthop is required");
            return Err(EINVAL);
        }
        let config = dev.config_copy();
        let spec = parse(dev, &config, &request.attrs, rtnl, ack)?;
        if spec.nexthop != 0 && request.state & STATIC == 0 {
            ack.message("A nexthop fdb cannot be dynamic");
            return Err(EINVAL);
        }
        if spec.target.addr.family() != config.family() {
            let dst = request.attrs.get(attr::DST);
            ack.attr(
                dst,
                "vxlan: the remote is not of the device's address family",
            );
            return Err(EAFNOSUPPORT);
        }
        let update = Update {
            mac: request.address,
            source_vni: spec.source_vni,
            target: spec.target,
            nexthop: spec.nexthop,
            state: request.state,
            flags: request.flags | ADDED_BY_USER,
            mode,
            audience: Audience::All,
        };
        fdb_update::update(dev, &config, &update, ack)
    }

    fn fdb_del(
        dev: &NetDev<Self>,
        request: &Request<'_>,
        rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result {
        let config = dev.config_copy();
        let spec = parse(dev, &config, &request.attrs, rtnl, ack)?;
        let key = Key::new(&config, request.address, spec.source_vni);
        fdb_update::delete(dev, &config, &key, &spec.target)
    }

    fn fdb_get(
        dev: &NetDev<Self>,
        address: MacAddr,
        attrs: &Attrs<'_>,
        reply: &mut Reply<'_>,
        guard: &rcu::Guard,
        ack: &ExtAck<'_>,
    ) -> Result {
        let config = dev.config(guard);
        let own = config.vni.get();
        let vni = attrs
            .get(attr::VNI)
            .and_then(|vni| vni.u32())
            .unwrap_or(own);
        let Some(entry) = dev.fdb.find(&Key::new(config, address, vni), guard) else {
            ack.message("Fdb entry not found");
            return Err(ENOENT);
        };
        let shown = entry.shown(guard);
        fdb_notify::write(reply, dev, config, entry, shown, guard)
    }

    fn fdb_dump(dev: &NetDev<Self>, dump: &mut Dump<'_>, guard: &rcu::Guard) -> Result {
        let config = dev.config(guard);
        let (from, mut place) = dump.cursor();
        for entry in dev.fdb.iter_from(from, guard) {
            if entry.position() != from {
                place = 0;
            }
            if entry.nexthop.is_set() {
                dump.write(entry.position(), 0, |reply| {
                    fdb_notify::write(reply, dev, config, entry, None, guard)
                })?;
                continue;
            }
            for remote in entry.remotes.iter_from(place, guard) {
                dump.write(entry.position(), remote.place(), |reply| {
                    fdb_notify::write(reply, dev, config, entry, Some(remote), guard)
                })?;
            }
        }
        Ok(())
    }

    fn fdb_flush(
        dev: &NetDev<Self>,
        request: &FlushRequest<'_>,
        _rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result {
        let asked = flush_of(request, ack)?;
        fdb_flush::flush(dev, &asked);
        Ok(())
    }
}

/// The attributes that a request to flush may have, and what they look like.
const FLUSH: AttrPolicy = AttrPolicy::new(&[
    (attr::SRC_VNI, Policy::U32),
    (attr::NH_ID, Policy::U32),
    (attr::VNI, Policy::U32),
    (attr::PORT, Policy::U16),
    (attr::DST, Policy::between(4, 16)),
    (attr::NDM_STATE_MASK, Policy::U16),
    (attr::NDM_FLAGS_MASK, Policy::U8),
]);

/// Reads a request to flush (`vxlan_fdb_delete_bulk`): the same checks in the same order.
fn flush_of(request: &FlushRequest<'_>, ack: &ExtAck<'_>) -> Result<Flush> {
    const FLAGS: u16 = flag::EXT_LEARNED | flag::OFFLOADED | flag::ROUTER;
    let flags = request.flags & !(flag::MASTER | flag::SELF);
    if flags & !FLAGS != 0 {
        ack.message("Unsupported fdb flush ndm flag bits set");
        return Err(EINVAL);
    }
    if request.state & !STATIC != 0 {
        ack.message("Unsupported fdb flush ndm state bits set");
        return Err(EINVAL);
    }
    let attrs = &request.attrs;
    let u32_of = |number| attrs.get(number).and_then(|attr| attr.u32()).unwrap_or(0);
    let addr = match attrs.get(attr::DST) {
        None => None,
        Some(dst) => Some(parse_address(dst, ack)?),
    };
    let state_mask = attrs
        .get(attr::NDM_STATE_MASK)
        .and_then(|mask| mask.first());
    let flags_mask = attrs.get(attr::NDM_FLAGS_MASK).and_then(|mask| mask.u8());
    Ok(Flush {
        spare_default: false,
        state: Masked {
            value: request.state,
            mask: state_mask.map_or(0, u16::from_ne_bytes),
        },
        flags: Masked {
            value: flags,
            mask: flags_mask.map_or(0, u16::from),
        },
        source_vni: u32_of(attr::SRC_VNI),
        addr,
        port: attrs
            .get(attr::PORT)
            .and_then(|port| port.be16())
            .unwrap_or(0),
        vni: u32_of(attr::VNI),
        nexthop: u32_of(attr::NH_ID),
    })
}
