// SPDX-License-Identifier: GPL-2.0

//! What listeners are told about the forwarding table, and what a dump shows.

#![forbid(unsafe_code)]

use crate::{
    config::{
        Config,
        Flags, //
    },
    device::Device,
    fdb::{
        Entry,
        Key,
        Remote, //
    },
    net::{
        device::NetDev,
        neigh::{
            self,
            attr,
            flag,
            CacheInfo,
            Kind,
            Neigh,
            Reply,
            FAMILY_BRIDGE, //
        },
        netlink::{
            attr_size,
            Message, //
        },
        rcu::RcuProof,
        time::{
            clock_ticks,
            Jiffies, //
        }, //
    },
    wire::{
        ethernet::ADDR_LEN,
        ip::Addr, //
    }, //
};
use kernel::prelude::*;

/// The room that the attributes of an entry take at most.
const SIZE: usize = attr_size(ADDR_LEN)
    .wrapping_add(attr_size(16))
    .wrapping_add(attr_size(2))
    .wrapping_add(attr_size(4).wrapping_mul(4))
    .wrapping_add(attr_size(CacheInfo::LEN));

fn header(dev: &NetDev<Device>, entry: &Entry, remote: Option<&Remote>) -> Neigh {
    let offloaded = match remote {
        Some(remote) if remote.is_offloaded() => flag::OFFLOADED,
        _ => 0,
    };
    Neigh {
        family: FAMILY_BRIDGE,
        state: entry.state(),
        flags: entry.flags() | offloaded,
        ifindex: dev.ifindex(),
    }
}

/// Writes an entry and one of its remotes to a reply.
pub(crate) fn write(
    reply: &mut Reply<'_>,
    dev: &NetDev<Device>,
    config: &Config,
    entry: &Entry,
    remote: Option<&Remote>,
    reader: &impl RcuProof,
) -> Result {
    reply.message(Kind::New, &header(dev, entry, remote), |message| {
        put_attrs(message, dev, config, entry, remote, reader)
    })
}

/// Tells those who listen that an entry is there, has changed or is gone.
pub(crate) fn tell(
    dev: &NetDev<Device>,
    config: &Config,
    entry: &Entry,
    remote: Option<&Remote>,
    kind: Kind,
    reader: &impl RcuProof,
) {
    let net = dev.net(reader);
    if neigh::has_listeners(net) {
        neigh::notify(net, kind, &header(dev, entry, remote), SIZE, |message| {
            put_attrs(message, dev, config, entry, remote, reader)
        });
    }
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
    put_link_net(message, dev, reader)?;
    message.put(attr::LLADDR, &mac.octets())?;
    if let Some(nexthop) = entry.nexthop.load(reader) {
        message.put(attr::NH_ID, &nexthop.id().to_ne_bytes())?;
    } else if let Some(remote) = remote {
        let target = &remote.target;
        put_addr(message, target.addr)?;
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
    if config.flags.has(Flags::COLLECT_METADATA) && entry.key.vni != 0 {
        message.put(attr::SRC_VNI, &entry.key.vni.to_ne_bytes())?;
    }
    put_times(message, entry.used(), entry.updated())
}

pub(crate) fn put_link_net(
    message: &mut Message<'_>,
    dev: &NetDev<Device>,
    reader: &impl RcuProof,
) -> Result {
    let net = dev.net(reader);
    match dev.link_net(reader).filter(|link_net| !link_net.is(net)) {
        Some(link_net) => message.put(attr::LINK_NETNSID, &net.id_of(link_net).to_ne_bytes()),
        None => Ok(()),
    }
}

pub(crate) fn put_addr(message: &mut Message<'_>, addr: Addr) -> Result {
    match addr {
        Addr::V4(octets) => message.put(attr::DST, &octets),
        Addr::V6(octets) => message.put(attr::DST, &octets),
    }
}

pub(crate) fn put_times(message: &mut Message<'_>, used: Jiffies, updated: Jiffies) -> Result {
    let now = Jiffies::now();
    let info = CacheInfo {
        used: clock_ticks(now.since(used)),
        updated: clock_ticks(now.since(updated)),
    };
    message.put(attr::CACHEINFO, &info.octets())
}
