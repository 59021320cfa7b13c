// SPDX-License-Identifier: GPL-2.0

//! Transmit: from a frame that the stack sends to encapsulated packets, one for each remote.

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
        Target, //
    },
    fdb_miss,
    fdb_vtep::Vtep,
    net::{
        device::NetDev,
        dst::{
            Cache,
            Flow,
            Route, //
        },
        encapsulate::PathMtu,
        metadata::TunnelInfo,
        netns::Namespace as _,
        nexthop::{
            Gateway,
            Nexthop, //
        },
        rcu::Softirq,
        skb::{
            DropReason,
            SkBuff, //
        },
        udp_tunnel::{
            Outer,
            Socket, //
        },
        underlay::Underlay, //
    },
    recv,
    sock::Namespace,
    wire::{
        ecn,
        ethernet::{
            self,
            MacAddr, //
        },
        ip::{
            self,
            Addr,
            Family,
            Summary, //
        },
        vxlan::{
            self,
            Vni, //
        }, //
    },
    xmit_drop::TxDrop,
    xmit_header,
    xmit_meta, //
};
use kernel::prelude::*;

/// What becomes of a packet that can be sent.
enum Plan<'a, A> {
    /// It goes to the underlay.
    Encapsulated(Route<A>, Outer<A>),
    /// It goes to a device of this host, past the underlay.
    Bypass(&'a NetDev<Device>),
    /// It does not fit the path, and has become the ICMP reply to its sender.
    Reply,
}

/// Where a packet comes from that goes by the forwarding table.
#[derive(Clone, Copy, Default)]
pub(crate) struct Origin {
    /// The VNI that a bridge chose for it, which remotes without one are sent; else 0.
    pub(crate) vni: u32,
    /// Its next hop has been put into it (`neigh::short_circuit`).
    pub(crate) circuited: bool,
}

/// How a packet is tunnelled: what a remote of the table, or metadata of the packet, say.
pub(crate) struct Way<'a, A> {
    pub(crate) sender: Socket<'a>,
    pub(crate) flow: Flow<A>,
    pub(crate) cache: Cache<'a>,
    /// TTL, 0 for that of the route.
    pub(crate) ttl: u8,
    /// The DS field of the inner packet, 0 if it is not IP.
    pub(crate) dsfield: u8,
    pub(crate) vni: Vni,
    /// The group policy, as a mark.
    pub(crate) policy: u32,
    /// Whether the outer UDP checksum is computed.
    pub(crate) checksum: bool,
    /// Whether somebody above has a say in how the packet is tunnelled.
    pub(crate) tunnelled: bool,
}

/// Sends a frame to all remotes of the entry for its destination.
#[inline]
pub(crate) fn start(dev: &NetDev<Device>, mut skb: SkBuff, softirq: &Softirq<'_>) {
    skb.reset_mac_header();
    let config = dev.config(softirq);
    if config.flags.intersects(Flags::TRANSMIT_OTHERWISE) {
        return xmit_meta::start(dev, config, skb, softirq);
    }
    match find_entry(dev, &skb, config.vni.get(), softirq) {
        Some(entry) => send_all(dev, config, skb, entry, Origin::default(), softirq),
        None => no_entry(dev, config, skb, softirq),
    }
}

/// Finds the entry that a frame goes by. `vni` is that of the table.
#[inline]
pub(crate) fn find_entry<'a>(
    dev: &'a NetDev<Device>,
    skb: &SkBuff,
    vni: u32,
    softirq: &'a Softirq<'_>,
) -> Option<&'a Entry> {
    let destination = ethernet::Header::parse(skb.mac_header()?).destination;
    let key = |mac| Key { mac, vni };
    dev.fdb
        .find_for_packet(&key(destination), softirq)
        .or_else(|| dev.fdb.find_for_packet(&key(MacAddr::ZERO), softirq))
}

/// Drops a frame that no entry is for, and tells user space if it wants to be told.
pub(crate) fn no_entry(dev: &NetDev<Device>, config: &Config, skb: SkBuff, softirq: &Softirq<'_>) {
    if config.flags.has(Flags::L2MISS) {
        let station = skb.mac_header().map(ethernet::Header::parse);
        if let Some(station) = station.filter(|header| !header.destination.is_multicast()) {
            fdb_miss::unknown_station(dev, config, station.destination, softirq);
        }
    }
    TxDrop::Dropped(DropReason::NO_TX_TARGET).account(dev, skb, softirq);
}

/// Sends a frame to all remotes of an entry.
#[inline(always)]
pub(crate) fn send_all(
    dev: &NetDev<Device>,
    config: &Config,
    skb: SkBuff,
    entry: &Entry,
    origin: Origin,
    softirq: &Softirq<'_>,
) {
    if let Some(nexthop) = entry.nexthop.load(softirq) {
        let vni = match origin.vni {
            0 => config.vni.get(),
            vni => vni,
        };
        return send_by(dev, config, skb, nexthop, vni, origin, softirq);
    }
    match entry.remotes.sole(softirq) {
        Some(remote) => send_one(dev, config, skb, remote, origin, softirq),
        None => send_many(dev, config, skb, entry, origin, softirq),
    }
}

/// Sends a frame to the remotes of an entry, each its own copy.
#[inline(never)]
fn send_many(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    entry: &Entry,
    origin: Origin,
    softirq: &Softirq<'_>,
) {
    // The copies take over the hash of the flow, which each would compute for itself. What is wrong with
    // the frame comes out with each copy.
    if skb.prepare_inner(config.flags.has(Flags::GPE)).is_ok() {
        skb.flow_hash();
    }
    let mut remotes = entry.remotes.iter(softirq);
    let Some(first) = remotes.next() else {
        return skb.drop_with(DropReason::NO_TX_TARGET);
    };
    for remote in remotes {
        // Without memory this remote misses the packet; the others need not.
        if let Some(clone) = skb.try_clone() {
            send_one(dev, config, clone, remote, origin, softirq);
        }
    }
    send_one(dev, config, skb, first, origin, softirq);
}

/// Sends a frame, with the VNI `vni`, to the member of a nexthop group that its flow belongs to.
pub(crate) fn send_by(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    nexthop: &Nexthop,
    vni: u32,
    origin: Origin,
    softirq: &Softirq<'_>,
) {
    let Some((gateway, port)) = nexthop.select(skb.flow_hash(), softirq) else {
        return TxDrop::NoMember.account(dev, skb, softirq);
    };
    let target = Target {
        addr: match gateway {
            Gateway::V4(octets) => Addr::V4(octets),
            Gateway::V6(octets) => Addr::V6(octets),
        },
        port,
        vni,
        ifindex: 0,
    };
    send_one(dev, config, skb, &Vtep::passing(target), origin, softirq);
}

/// Sends a frame to a remote.
#[inline(always)]
fn send_one(
    dev: &NetDev<Device>,
    config: &Config,
    skb: SkBuff,
    remote: &Vtep,
    origin: Origin,
    softirq: &Softirq<'_>,
) {
    match remote.target.addr.family() {
        Family::V4 => send_to::<[u8; 4]>(dev, config, skb, remote, origin, softirq),
        Family::V6 => send_to::<[u8; 16]>(dev, config, skb, remote, origin, softirq),
    }
}

/// Sends a frame to a remote, whose address is of the version of `A`.
#[inline(never)]
fn send_to<A: Underlay>(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    remote: &Vtep,
    origin: Origin,
    softirq: &Softirq<'_>,
) {
    if let Err(reason) = skb.prepare_inner(config.flags.has(Flags::GPE)) {
        return TxDrop::Dropped(reason).account(dev, skb, softirq);
    }
    let destination = A::of(&remote.target.addr);
    if destination.is_some_and(|addr| addr.into().is_any()) {
        return send_nowhere(dev, skb, origin, softirq);
    }
    let Some(addrs) = A::of(&config.local).zip(destination) else {
        return TxDrop::error(DropReason::IP_OUTNOROUTES).account(dev, skb, softirq);
    };
    match to_remote(dev, config, &mut skb, remote, addrs, origin.vni, softirq) {
        Ok(way) => send_way(dev, config, skb, &way, origin.vni, softirq),
        Err(drop) => drop.account(dev, skb, softirq),
    }
}

/// Settles a frame whose remote has no address.
#[inline(never)]
fn send_nowhere(dev: &NetDev<Device>, skb: SkBuff, origin: Origin, softirq: &Softirq<'_>) {
    match origin.circuited {
        // The station is on this side of the tunnel: a router there would have sent it this.
        true => bypass(dev, dev, skb, Some(origin.vni), softirq),
        false => TxDrop::Dropped(DropReason::NOT_SPECIFIED).account(dev, skb, softirq),
    }
}

/// Sends a packet by a way. `vni` is that by which a device of this host learns its source.
#[inline(always)]
pub(crate) fn send_way<A: Underlay>(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    way: &Way<'_, A>,
    vni: u32,
    softirq: &Softirq<'_>,
) {
    match plan(dev, config, &mut skb, way, softirq) {
        Ok(Plan::Encapsulated(route, outer)) => {
            way.sender.send(dev, skb, route, &way.flow, &outer, softirq);
        }
        Ok(Plan::Bypass(to)) => bypass(dev, to, skb, Some(vni), softirq),
        Ok(Plan::Reply) => bypass(dev, dev, skb, None, softirq),
        Err(drop) => drop.account(dev, skb, softirq),
    }
}

/// Sends a packet as its metadata say.
pub(crate) fn send_by_metadata(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    info: &TunnelInfo,
    softirq: &Softirq<'_>,
) {
    if let Err(reason) = skb.prepare_inner(config.flags.has(Flags::GPE)) {
        return TxDrop::Dropped(reason).account(dev, skb, softirq);
    }
    match (info.source, info.destination) {
        (Addr::V4(source), Addr::V4(addr)) => {
            xmit_meta::send_to(dev, config, skb, info, (source, addr), softirq);
        }
        (Addr::V6(source), Addr::V6(addr)) => {
            xmit_meta::send_to(dev, config, skb, info, (source, addr), softirq);
        }
        _ => TxDrop::error(DropReason::NOT_SPECIFIED).account(dev, skb, softirq),
    }
}

/// Finds the way to a remote of the table. `vni` is for a remote that has none.
#[inline(always)]
fn to_remote<'a, A: Underlay>(
    dev: &'a NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    remote: &'a Vtep,
    (source, destination): (A, A),
    vni: u32,
    softirq: &'a Softirq<'_>,
) -> Result<Way<'a, A>, TxDrop> {
    let target = &remote.target;
    let dsfield = inner_dsfield(skb);
    let sender = open_sender(dev, A::FAMILY, softirq)?;
    let ports = config.source_ports;
    let flow = Flow {
        ifindex: match target.ifindex {
            0 => sender.bound_ifindex(),
            ifindex => ifindex,
        },
        source,
        destination,
        source_port: skb.flow_source_port(dev.net(softirq), ports.low, ports.high),
        destination_port: match target.port {
            0 => config.port,
            port => port,
        },
        tos: config.outer_tos(dsfield),
        label: match A::FAMILY {
            Family::V4 => 0,
            Family::V6 => config.outer_label(|| inner_summary(skb)),
        },
        flags: 0,
    };
    // Somebody above may have chosen how this packet is to be tunnelled (tc, a lightweight tunnel).
    let advice = skb.tunnel_advice();
    let cached = advice.may_cache && (flow.tos == 0 || advice.given);
    Ok(Way {
        sender,
        flow,
        cache: match cached {
            true => Cache::Of(&remote.cache),
            false => Cache::None,
        },
        ttl: config.outer_ttl(|| inner_summary(skb), destination.into()),
        dsfield,
        vni: Vni::truncate(match target.vni {
            0 => vni,
            vni => vni,
        }),
        policy: match config.flags.has(Flags::GBP) {
            true => skb.mark(),
            false => 0,
        },
        checksum: config.udp_checksum(A::FAMILY),
        tunnelled: advice.given,
    })
}

/// Returns the socket that packets of a family are sent by.
#[inline]
pub(crate) fn open_sender<'a>(
    dev: &'a NetDev<Device>,
    family: Family,
    softirq: &'a Softirq<'_>,
) -> Result<Socket<'a>, TxDrop> {
    dev.sender(family, softirq)
        .and_then(|sender| sender.socket(softirq))
        .ok_or_else(|| TxDrop::error(DropReason::DEV_READY))
}

/// Finds the route and prepares the packet for it: the VXLAN header is in front of it then.
#[inline(always)]
fn plan<'a, A: Underlay>(
    dev: &'a NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    way: &Way<'a, A>,
    softirq: &'a Softirq<'_>,
) -> Result<Plan<'a, A>, TxDrop> {
    let net = dev
        .link_net(softirq)
        .ok_or_else(|| TxDrop::error(DropReason::DEV_READY))?;
    let (flow, vni) = (&way.flow, way.vni);
    let (route, source) = Route::lookup(skb, dev, net, &way.sender, flow, way.cache, softirq)
        .map_err(TxDrop::no_route)?;

    if !way.tunnelled && route.is_local_unicast() && config.flags.has(Flags::LOCALBYPASS) {
        let port = flow.destination_port;
        return Namespace::of(net)
            .owners
            .local_device(config, vni, port, flow.ifindex, softirq)
            .map(Plan::Bypass)
            .ok_or_else(|| TxDrop::error(DropReason::VXLAN_VNI_NOT_FOUND));
    }
    let df = match way.tunnelled {
        true => skb.tunnel_info_df(),
        false => config.outer_df(|| frame_summary(skb)),
    };
    let verdict = skb.check_pmtu(dev, &route, config.headroom(A::FAMILY));
    match verdict.map_err(|_| TxDrop::error(DropReason::NOT_SPECIFIED))? {
        PathMtu::Reply if way.tunnelled => {
            // The reply goes back by the tunnel that the packet would have gone by.
            skb.reverse_tunnel(flow.destination.into(), source.into())
                .map_err(|_| TxDrop::error(DropReason::NOT_SPECIFIED))?;
            return Ok(Plan::Reply);
        }
        PathMtu::Reply => return Ok(Plan::Reply),
        PathMtu::Send => {}
    }
    let outer = Outer {
        source,
        tos: ecn::encapsulate(flow.tos, way.dsfield),
        ttl: match way.ttl {
            0 => route.hop_limit(),
            ttl => ttl,
        },
        df,
        checksum: way.checksum,
        crosses: !net.is(dev.net(softirq)),
        mc_route: config.flags.has(Flags::MC_ROUTE),
    };
    A::before_headers(skb, outer.crosses);
    push_header(skb, config, &route, way).map_err(|_| TxDrop::error(DropReason::NOMEM))?;
    Ok(Plan::Encapsulated(route, outer))
}

/// Returns the ethertype in the frame's Ethernet header, that of a VLAN tag if there is one, and what
/// follows. Who sends on a packet socket may have told the stack another one.
#[inline(never)]
fn frame_summary(skb: &SkBuff) -> (u16, Summary) {
    let protocol = skb
        .mac_header()
        .map_or(0, |octets| ethernet::Header::parse(octets).ethertype);
    (protocol, summary_as(skb, protocol))
}

/// Returns the DS field of the inner packet, 0 if it is not IP.
#[inline]
pub(crate) fn inner_dsfield(skb: &SkBuff) -> u8 {
    skb.network_header()
        .and_then(|octets| ip::dsfield(skb.protocol(), octets))
        .unwrap_or(0)
}

/// Returns what an outer header may take over from the inner packet.
#[inline(never)]
fn inner_summary(skb: &SkBuff) -> Summary {
    summary_as(skb, skb.protocol())
}

fn summary_as(skb: &SkBuff, protocol: u16) -> Summary {
    skb.network_header()
        .and_then(|octets| Summary::parse(protocol, octets))
        .unwrap_or(Summary::NOT_IP)
}

/// Puts the VXLAN header in front of the frame, with room for all that goes before it.
#[inline(always)]
fn push_header<A: Underlay>(
    skb: &mut SkBuff,
    config: &Config,
    route: &Route<A>,
    way: &Way<'_, A>,
) -> Result {
    /// Octets of the UDP and VXLAN headers.
    const HEADERS: u16 = 8 + 8;

    skb.make_headroom(route, A::FAMILY.header_len().saturating_add(HEADERS))?;
    if config.flags.intersects(Flags::EXTENDED_HEADER) {
        return xmit_header::push_extended(skb, config, way.vni, way.policy, way.checksum);
    }
    skb.encapsulate_in_udp(vxlan::Header::for_vni(way.vni), way.checksum)
}

/// Hands a frame to a device of this host, which learns its source as one of the VNI `learn`.
fn bypass(
    from: &NetDev<Device>,
    to: &NetDev<Device>,
    skb: SkBuff,
    learn: Option<u32>,
    softirq: &Softirq<'_>,
) {
    if to.is_up() {
        from.count_tx(skb.len(), softirq);
    }
    recv::receive_local(to, skb, learn, softirq);
}
