// SPDX-License-Identifier: GPL-2.0

//! The forwarding table's netlink face: what requests mean and how entries are told of.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    fdb::{
        Entry,
        Key,
        Remote,
        Target,
        ADDED_BY_USER, //
    },
    fdb_update::{
        self,
        Update, //
    },
    net::{
        device::NetDev,
        neigh::{
            self,
            attr,
            state,
            CacheInfo,
            Dump,
            FdbOps,
            Kind,
            Neigh,
            Reply,
            Request,
            FAMILY_BRIDGE, //
        },
        netlink::{
            attr_size,
            Attr,
            Attrs,
            ExtAck,
            Message, //
        },
        rcu::RcuProof,
        rtnl::Rtnl,
        time::{
            clock_ticks,
            Jiffies, //
        }, //
    },
    wire::{
        ethernet::{
            MacAddr,
            ADDR_LEN, //
        },
        ip::Addr, //
    }, //
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// The room that the attributes of an entry take at most.
const SIZE: usize = attr_size(ADDR_LEN)
    .wrapping_add(attr_size(16))
    .wrapping_add(attr_size(2))
    .wrapping_add(attr_size(4).wrapping_mul(4))
    .wrapping_add(attr_size(CacheInfo::LEN));

/// What a request says of the remote, and of the VNI that the entry belongs to.
struct Spec {
    target: Target,
    source_vni: u32,
    /// The remote is of another address family than the device.
    foreign: bool,
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
    let nexthop = attrs.get(attr::NH_ID);
    if number(nexthop, 0, "Invalid nexthop id", ack)? != 0 {
        ack.attr(
            nexthop,
            "vxlan: nexthop entries are not supported by this driver yet",
        );
        return Err(EOPNOTSUPP);
    }
    Ok(Spec {
        target: Target {
            addr,
            port,
            vni,
            ifindex,
        },
        source_vni,
        foreign: addr.family() != config.family(),
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
        if spec.foreign {
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
            state: request.state,
            flags: request.flags | ADDED_BY_USER,
            mode,
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
        if spec.foreign {
            // No entry has such a remote, and to remove what is not there is no failure.
            let guard = rcu::read_lock();
            let entry = dev.fdb.find(request.address, &config, &guard);
            return entry.map(|_| ()).ok_or(ENOENT);
        }
        fdb_update::delete(dev, &config, request.address, &spec.target)
    }

    fn fdb_get(
        dev: &NetDev<Self>,
        address: MacAddr,
        _attrs: &Attrs<'_>,
        reply: &mut Reply<'_>,
        guard: &rcu::Guard,
        ack: &ExtAck<'_>,
    ) -> Result {
        let config = dev.config(guard);
        // NDA_VNI would choose a table in metadata mode; a device of one VNI has one table.
        let Some(entry) = dev.fdb.find(address, config, guard) else {
            ack.message("Fdb entry not found");
            return Err(ENOENT);
        };
        write(
            reply,
            dev,
            config,
            entry,
            entry.remotes.first(guard),
            Kind::New,
            guard,
        )
    }

    fn fdb_dump(dev: &NetDev<Self>, dump: &mut Dump<'_>, guard: &rcu::Guard) -> Result {
        let config = dev.config(guard);
        for entry in dev.fdb.iter(guard) {
            for remote in entry.remotes.iter(guard) {
                dump.entry(|reply| {
                    write(reply, dev, config, entry, Some(remote), Kind::New, guard)
                })?;
            }
        }
        Ok(())
    }
}

fn header(dev: &NetDev<Device>, entry: &Entry) -> Neigh {
    Neigh {
        family: FAMILY_BRIDGE,
        state: entry.state(),
        flags: entry.flags(),
        ifindex: dev.ifindex(),
    }
}

fn write(
    reply: &mut Reply<'_>,
    dev: &NetDev<Device>,
    config: &Config,
    entry: &Entry,
    remote: Option<&Remote>,
    kind: Kind,
    reader: &impl RcuProof,
) -> Result {
    reply.message(kind, &header(dev, entry), |message| {
        put_attrs(message, dev, config, entry, remote, reader)
    })
}

/// Tells those who listen that an entry is there, has changed or is gone.
pub(crate) fn notify(
    dev: &NetDev<Device>,
    config: &Config,
    entry: &Entry,
    remote: Option<&Remote>,
    kind: Kind,
    reader: &impl RcuProof,
) {
    neigh::notify(
        dev.net(reader),
        kind,
        &header(dev, entry),
        SIZE,
        |message| put_attrs(message, dev, config, entry, remote, reader),
    );
}

/// Writes an entry and one of its remotes, in the order of `vxlan_fdb_info`: what equals the device's
/// own is left out.
fn put_attrs(
    message: &mut Message<'_>,
    dev: &NetDev<Device>,
    config: &Config,
    entry: &Entry,
    remote: Option<&Remote>,
    reader: &impl RcuProof,
) -> Result {
    let Key { mac, .. } = entry.key;
    let net = dev.net(reader);
    if let Some(link_net) = dev.link_net(reader).filter(|link_net| !link_net.is(net)) {
        message.put(attr::LINK_NETNSID, &net.id_of(link_net).to_ne_bytes())?;
    }
    message.put(attr::LLADDR, &mac.octets())?;
    if let Some(Remote { target, .. }) = remote {
        match target.addr {
            Addr::V4(octets) => message.put(attr::DST, &octets)?,
            Addr::V6(octets) => message.put(attr::DST, &octets)?,
        }
        if target.port != 0 && target.port != config.port {
            message.put(attr::PORT, &target.port.to_be_bytes())?;
        }
        if target.vni != config.vni.get() {
            message.put(attr::VNI, &target.vni.to_ne_bytes())?;
        }
        if target.ifindex != 0 {
            message.put(attr::IFINDEX, &target.ifindex.to_ne_bytes())?;
        }
    }
    let now = Jiffies::now();
    let info = CacheInfo {
        used: clock_ticks(now.since(entry.used())),
        updated: clock_ticks(now.since(entry.updated())),
    };
    message.put(attr::CACHEINFO, &info.octets())
}
