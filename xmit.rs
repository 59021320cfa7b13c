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
        device::{
            NetDev,
            Stat, //
        },
        dst::{
            Cache,
            Flow,
            Route, //
        },
        metadata::TunnelInfo,
        nexthop::{
            Gateway,
            Nexthop, //
        },
        rcu::Softirq,
        skb::{
            DropReason,
            PathMtu,
            SkBuff, //
        },
        udp_tunnel::{
            Outer,
            Socket, //
        },
        underlay::Underlay, //
    },
    recv,
    sock,
    wire::{
        ecn,
        ethernet::{
            self,
            ethertype,
            MacAddr, //
        },
        ip::{
            Addr,
            Family,
            Summary, //
        },
        vxlan::{
            self,
            Vni, //
        }, //
    },
    xmit_header,
    xmit_meta, //
};
use kernel::prelude::*;

/// A packet that is not sent, and what counts it.
pub(crate) enum TxDrop {
    /// It has nowhere to go.
    Dropped(DropReason),
    /// It could not be sent: an error, which may be of a kind of its own.
    Error(DropReason, Option<Stat>),
}

impl From<DropReason> for TxDrop {
    fn from(reason: DropReason) -> Self {
        Self::Dropped(reason)
    }
}

impl TxDrop {
    pub(crate) fn error(reason: DropReason) -> Self {
        Self::Error(reason, None)
    }

    /// The route could not be found, or leads back to the device.
    fn no_route(error: Error) -> Self {
        let kind = if error == ELOOP {
            Some(Stat::Collisions)
        } else if error == ENETUNREACH {
            Some(Stat::TxCarrierErrors)
        } else {
            None
        };
        Self::Error(DropReason::IP_OUTNOROUTES, kind)
    }

    /// Counts and drops the packet.
    pub(crate) fn account(self, dev: &NetDev<Device>, skb: SkBuff, softirq: &Softirq<'_>) {
        match self {
            Self::Dropped(reason) => {
                dev.count_tx_dropped(softirq);
                skb.drop_with(reason);
            }
            Self::Error(reason, kind) => {
                if let Some(kind) = kind {
                    dev.count(kind);
                }
                dev.count(Stat::TxErrors);
                skb.drop_with(reason);
            }
        }
    }
}

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
    pub(crate) vni: Vni,
    /// The group policy, as a mark.
    pub(crate) policy: u32,
    /// Whether the outer UDP checksum is computed.
    pub(crate) checksum: bool,
    /// Whether somebody above has a say in how the packet is tunnelled.
    pub(crate) tunnelled: bool,
}

/// Sends a frame to all remotes of the entry for its destination.
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
pub(crate) fn send_all(
    dev: &NetDev<Device>,
    config: &Config,
    skb: SkBuff,
    entry: &Entry,
    origin: Origin,
    softirq: &Softirq<'_>,
) {
    if let Some(nexthop) = entry.nexthop.load(softirq) {
        return send_by(dev, config, skb, nexthop, origin, softirq);
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

/// Sends a frame to the member of a nexthop group that its flow belongs to.
pub(crate) fn send_by(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    nexthop: &Nexthop,
    origin: Origin,
    softirq: &Softirq<'_>,
) {
    let Some((gateway, port)) = nexthop.select(skb.flow_hash(), softirq) else {
        return TxDrop::Dropped(DropReason::NOT_SPECIFIED).account(dev, skb, softirq);
    };
    let target = Target {
        addr: match gateway {
            Gateway::V4(octets) => Addr::V4(octets),
            Gateway::V6(octets) => Addr::V6(octets),
        },
        port,
        vni: match origin.vni {
            0 => config.vni.get(),
            vni => vni,
        },
        ifindex: 0,
    };
    send_one(dev, config, skb, &Vtep::passing(target), origin, softirq);
}

fn send_one(
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
    match (config.local, remote.target.addr) {
        (_, addr) if addr.is_any() && origin.circuited => {
            // The station is on this side of the tunnel: a router there would have sent it this.
            bypass(dev, dev, skb, Some(origin.vni), softirq);
        }
        (_, addr) if addr.is_any() => {
            TxDrop::Dropped(DropReason::NOT_SPECIFIED).account(dev, skb, softirq);
        }
        (Addr::V4(source), Addr::V4(addr)) => {
            send_to(dev, config, skb, remote, (source, addr), origin, softirq);
        }
        (Addr::V6(source), Addr::V6(addr)) => {
            send_to(dev, config, skb, remote, (source, addr), origin, softirq);
        }
        _ => TxDrop::error(DropReason::IP_OUTNOROUTES).account(dev, skb, softirq),
    }
}

/// Sends a packet that is ready to be encapsulated to a remote of the table; `addrs` are the outer
/// source and destination.
fn send_to<A: Underlay>(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    remote: &Vtep,
    addrs: (A, A),
    origin: Origin,
    softirq: &Softirq<'_>,
) {
    let inner = inner_summary(&skb);
    match to_remote(
        dev, config, &mut skb, remote, addrs, origin.vni, inner, softirq,
    ) {
        Ok(way) => send_way(dev, config, skb, &way, inner, origin.vni, softirq),
        Err(drop) => drop.account(dev, skb, softirq),
    }
}

/// Sends a packet by a way. `vni` is that by which a device of this host learns its source.
pub(crate) fn send_way<A: Underlay>(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    way: &Way<'_, A>,
    inner: Summary,
    vni: u32,
    softirq: &Softirq<'_>,
) {
    match plan(dev, config, &mut skb, way, inner, softirq) {
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
#[expect(clippy::too_many_arguments, reason = "it is one step of `send_to`")]
#[inline]
fn to_remote<'a, A: Underlay>(
    dev: &'a NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    remote: &'a Vtep,
    (source, destination): (A, A),
    vni: u32,
    inner: Summary,
    softirq: &'a Softirq<'_>,
) -> Result<Way<'a, A>, TxDrop> {
    let target = &remote.target;
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
        tos: config.outer_tos(inner.dsfield),
        label: config.outer_label(inner),
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
        ttl: config.outer_ttl(inner.ttl, target.addr),
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
#[inline]
fn plan<'a, A: Underlay>(
    dev: &'a NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    way: &Way<'a, A>,
    inner: Summary,
    softirq: &'a Softirq<'_>,
) -> Result<Plan<'a, A>, TxDrop> {
    let net = dev
        .link_net(softirq)
        .ok_or_else(|| TxDrop::error(DropReason::DEV_READY))?;
    let (flow, vni) = (&way.flow, way.vni);
    let (mut route, source) = Route::lookup(skb, dev, net, &way.sender, flow, way.cache, softirq)
        .map_err(TxDrop::no_route)?;

    if !way.tunnelled && route.is_local_unicast() && config.flags.has(Flags::LOCALBYPASS) {
        let port = flow.destination_port;
        return sock::local_device(net, config, vni, port, flow.ifindex, softirq)
            .map(Plan::Bypass)
            .ok_or_else(|| TxDrop::error(DropReason::VXLAN_VNI_NOT_FOUND));
    }
    let df = match way.tunnelled {
        true => skb.tunnel_info_df(),
        false => config.outer_df(|| frame_protocol(skb), inner),
    };
    let verdict = skb.check_pmtu(&mut route, config.headroom(A::FAMILY), dev.is_bridge_port());
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
        tos: ecn::encapsulate(flow.tos, inner.dsfield),
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

/// Returns the ethertype in the frame's Ethernet header, that of a VLAN tag if there is one.
fn frame_protocol(skb: &SkBuff) -> u16 {
    skb.mac_header()
        .map_or(0, |octets| ethernet::Header::parse(octets).ethertype)
}

/// Returns what an outer header may take over from the inner packet.
#[inline]
pub(crate) fn inner_summary(skb: &SkBuff) -> Summary {
    skb.network_header()
        .and_then(|octets| Summary::parse(skb.protocol(), octets))
        .unwrap_or(Summary::NOT_IP)
}

/// Puts the VXLAN header in front of the frame, with room for all that goes before it.
#[inline]
fn push_header<A: Underlay>(
    skb: &mut SkBuff,
    config: &Config,
    route: &Route<A>,
    way: &Way<'_, A>,
) -> Result {
    /// Octets of the UDP and VXLAN headers.
    const HEADERS: u32 = 8 + 8;

    let ip = u32::from(A::FAMILY.header_len());
    skb.make_headroom(route.headroom().saturating_add(ip).saturating_add(HEADERS))?;
    if config.flags.intersects(Flags::EXTENDED_HEADER) {
        return xmit_header::push_extended(skb, config, way);
    }
    let payload = skb.start_udp_encapsulation(way.checksum)?;
    skb.push(vxlan::Header::for_vni(way.vni))?;
    skb.finish_udp_encapsulation(payload, ethertype::TEB);
    Ok(())
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
