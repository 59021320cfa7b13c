// SPDX-License-Identifier: GPL-2.0

//! Transmit, where the options of the device or the metadata of a packet make it more than a look into
//! the forwarding table.

#![forbid(unsafe_code)]

use crate::{
    config::{
        Config,
        Flags, //
    },
    device::Device,
    fdb::Key,
    neigh,
    net::{
        device::NetDev,
        dst::{
            Cache,
            Flow, //
        },
        metadata::{
            Inquiry,
            TunnelInfo,
            TunnelOption, //
        },
        neigh::flag,
        nexthop::Nexthop,
        rcu::Softirq,
        skb::{
            DropReason,
            SkBuff, //
        },
        underlay::Underlay, //
    },
    wire::{
        ethernet,
        ip::{
            Addr,
            Family, //
        },
        vxlan::Vni, //
    },
    xmit::{
        self,
        Origin,
        Way, //
    },
    xmit_drop::TxDrop, //
};
use kernel::prelude::*;

/// Sends a frame of a device whose options are among [`Flags::TRANSMIT_OTHERWISE`].
#[inline(never)]
pub(crate) fn start(dev: &NetDev<Device>, config: &Config, mut skb: SkBuff, softirq: &Softirq<'_>) {
    let mut origin = Origin::default();
    let mut nexthop = 0;
    if config.flags.has(Flags::COLLECT_METADATA) {
        match skb.tunnel_info().filter(|info| info.transmit) {
            None => return skb.drop_with(DropReason::TUNNEL_TXINFO),
            Some(info) if !info.bridge => {
                return xmit::send_by_metadata(dev, config, skb, &info, softirq);
            }
            Some(info) => {
                origin.vni = info.id;
                nexthop = info.nexthop;
            }
        }
    }
    let table = config.table(origin.vni);
    if config.flags.has(Flags::PROXY) {
        match neigh::reduce(dev, config, skb, table, softirq) {
            Some(other) => skb = other,
            None => return,
        }
    }
    if nexthop != 0 {
        return send_by_number(dev, config, skb, nexthop, origin, softirq);
    }
    if config.flags.has(Flags::RSC) {
        origin.circuited = circuit(dev, config, &mut skb, table, softirq);
    }
    match xmit::find_entry(dev, &skb, table, softirq) {
        Some(entry) => xmit::send_all(dev, config, skb, entry, origin, softirq),
        None => xmit::no_entry(dev, config, skb, softirq),
    }
}

/// Sends a frame by the nexthop group that a bridge chose for it.
fn send_by_number(
    dev: &NetDev<Device>,
    config: &Config,
    skb: SkBuff,
    number: u32,
    origin: Origin,
    softirq: &Softirq<'_>,
) {
    let group = Nexthop::find(dev.net(softirq), number, softirq)
        .filter(|group| group.is_fdb(softirq) && group.is_multipath(softirq))
        .filter(|group| group.has_v4(softirq) == (config.family() == Family::V4));
    match group {
        Some(group) => xmit::send_by(dev, config, skb, group, origin.vni, origin, softirq),
        None => TxDrop::NoMember.account(dev, skb, softirq),
    }
}

/// Sends a packet that goes to a router straight to its next hop, if that is known. Returns whether it
/// was changed.
fn circuit(
    dev: &NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    vni: u32,
    softirq: &Softirq<'_>,
) -> bool {
    let Some(header) = skb.mac_header().map(ethernet::Header::parse) else {
        return false;
    };
    let key = Key {
        mac: header.destination,
        vni,
    };
    let entry = dev.fdb.find_for_packet(&key, softirq);
    entry.is_some_and(|entry| entry.flags() & flag::ROUTER != 0)
        && neigh::short_circuit(dev, config, skb, &header, softirq)
}

/// Sends a packet as its metadata say; `addrs` are the source and destination that they name.
pub(crate) fn send_to<A: Underlay>(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    info: &TunnelInfo,
    addrs: (A, A),
    softirq: &Softirq<'_>,
) {
    match way(dev, config, &mut skb, info, addrs, softirq) {
        Ok(way) => xmit::send_way(dev, config, skb, &way, info.id, softirq),
        Err(drop) => drop.account(dev, skb, softirq),
    }
}

/// Returns the way that the metadata of a packet say.
fn way<'a, A: Underlay>(
    dev: &'a NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    info: &TunnelInfo,
    addrs: (A, A),
    softirq: &'a Softirq<'_>,
) -> Result<Way<'a, A>, TxDrop> {
    let policy = match info.option {
        TunnelOption::Absent => 0,
        TunnelOption::Policy(policy) => policy,
        TunnelOption::Short => return Err(TxDrop::Dropped(DropReason::NOT_SPECIFIED)),
    };
    let sender = xmit::open_sender(dev, A::FAMILY, softirq)?;
    let ports = config.source_ports;
    let source_port = skb.flow_source_port(dev.net(softirq), ports.low, ports.high);
    let flow = flow(config, info, addrs, source_port, sender.bound_ifindex());
    Ok(Way {
        sender,
        flow,
        cache: match skb.tunnel_advice().may_cache {
            true => Cache::OfPacket,
            false => Cache::None,
        },
        ttl: info.ttl,
        dsfield: xmit::inner_dsfield(skb),
        vni: Vni::truncate(info.id),
        policy: match config.flags.has(Flags::GBP) {
            true => policy,
            false => 0,
        },
        checksum: info.checksum,
        tunnelled: true,
    })
}

/// Returns what the route of a packet with such metadata depends on.
fn flow<A>(
    config: &Config,
    info: &TunnelInfo,
    (source, destination): (A, A),
    source_port: u16,
    ifindex: u32,
) -> Flow<A> {
    Flow {
        ifindex,
        source,
        destination,
        source_port,
        destination_port: match info.port {
            0 => config.port,
            port => port,
        },
        tos: info.tos,
        label: info.label,
        flags: info.flow_flags,
    }
}

/// Completes metadata: the source address and the UDP ports that the packet would be sent with.
pub(crate) fn fill(dev: &NetDev<Device>, inquiry: Inquiry<'_>, softirq: &Softirq<'_>) -> Result {
    let info = inquiry.tunnel_info().ok_or(EINVAL)?;
    match (info.source, info.destination) {
        (Addr::V4(source), Addr::V4(addr)) => {
            fill_for(dev, inquiry, &info, (source, addr), softirq)
        }
        (Addr::V6(source), Addr::V6(addr)) => {
            fill_for(dev, inquiry, &info, (source, addr), softirq)
        }
        _ => Err(EINVAL),
    }
}

fn fill_for<A: Underlay>(
    dev: &NetDev<Device>,
    mut inquiry: Inquiry<'_>,
    info: &TunnelInfo,
    addrs: (A, A),
    softirq: &Softirq<'_>,
) -> Result {
    let config = dev.config(softirq);
    let ports = config.source_ports;
    let source_port = inquiry.flow_source_port(dev.net(softirq), ports.low, ports.high);
    let sender = dev
        .sender(A::FAMILY, softirq)
        .and_then(|sender| sender.socket(softirq))
        .ok_or(EIO)?;
    let net = dev.link_net(softirq).ok_or(EIO)?;
    let flow = flow(config, info, addrs, source_port, 0);
    let source = inquiry.route_source(dev, net, &sender, &flow, softirq)?;
    inquiry.answer(source.into(), source_port, flow.destination_port);
    Ok(())
}
