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
        Target, //
    },
    fdb_vtep::Vtep,
    net::{
        device::{
            NetDev,
            Stat, //
        },
        dst::{
            Flow,
            Route, //
        },
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
        }, //
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
    }, //
};
use kernel::prelude::*;

/// A packet that is not sent, and what counts it.
enum TxDrop {
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
    fn error(reason: DropReason) -> Self {
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
    fn account(self, dev: &NetDev<Device>, skb: SkBuff, softirq: &Softirq<'_>) {
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
enum Plan<'a> {
    /// It goes to the underlay.
    Encapsulated(Route, Outer),
    /// It goes to a device of this host, past the underlay.
    Bypass(&'a NetDev<Device>),
    /// It does not fit the path, and has become the ICMP reply to its sender.
    Reply,
}

/// Sends a frame to all remotes of the entry for its destination.
pub(crate) fn start(dev: &NetDev<Device>, mut skb: SkBuff, softirq: &Softirq<'_>) {
    skb.reset_mac_header();
    let config = dev.config(softirq);
    let Some(entry) = find_entry(dev, config, &skb, softirq) else {
        return TxDrop::Dropped(DropReason::NO_TX_TARGET).account(dev, skb, softirq);
    };
    if let Some(nexthop) = entry.nexthop.load(softirq) {
        return send_by(dev, config, skb, nexthop, softirq);
    }
    let mut remotes = entry.remotes.iter(softirq);
    let Some(first) = remotes.next() else {
        return skb.drop_with(DropReason::NO_TX_TARGET);
    };
    for remote in remotes {
        // Without memory this remote misses the packet; the others need not.
        if let Some(clone) = skb.try_clone() {
            send_one(dev, config, clone, remote, softirq);
        }
    }
    send_one(dev, config, skb, first, softirq);
}

/// Sends a frame to the member of a nexthop group that its flow belongs to.
fn send_by(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    nexthop: &Nexthop,
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
        vni: config.vni.get(),
        ifindex: 0,
    };
    send_one(dev, config, skb, &Vtep::passing(target), softirq);
}

fn find_entry<'a>(
    dev: &'a NetDev<Device>,
    config: &Config,
    skb: &SkBuff,
    softirq: &'a Softirq<'_>,
) -> Option<&'a Entry> {
    let destination = ethernet::Header::parse(skb.mac_header()?).destination;
    dev.fdb
        .find_for_packet(destination, config, softirq)
        .or_else(|| dev.fdb.find_for_packet(MacAddr::ZERO, config, softirq))
}

fn send_one(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    remote: &Vtep,
    softirq: &Softirq<'_>,
) {
    let Some(sender) = dev
        .sender(remote.target.addr.family(), softirq)
        .and_then(|sender| sender.socket(softirq))
    else {
        return TxDrop::error(DropReason::DEV_READY).account(dev, skb, softirq);
    };
    match plan(dev, config, &mut skb, remote, &sender, softirq) {
        Ok(Plan::Encapsulated(route, outer)) => sender.send(dev, skb, route, &outer, softirq),
        Ok(Plan::Bypass(to)) => bypass(dev, to, skb, true, softirq),
        Ok(Plan::Reply) => bypass(dev, dev, skb, false, softirq),
        Err(drop) => drop.account(dev, skb, softirq),
    }
}

/// Finds the way to a remote and prepares the packet for it: the VXLAN header is in front of it then.
fn plan<'a>(
    dev: &'a NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    remote: &Vtep,
    sender: &Socket<'_>,
    softirq: &'a Softirq<'_>,
) -> Result<Plan<'a>, TxDrop> {
    skb.prepare_inner()?;
    if remote.target.addr.is_any() {
        return Err(TxDrop::Dropped(DropReason::NOT_SPECIFIED));
    }
    let net = dev
        .link_net(softirq)
        .ok_or_else(|| TxDrop::error(DropReason::DEV_READY))?;
    let inner = inner_summary(skb);
    let vni = Vni::truncate(remote.target.vni);
    let flow = flow_to(dev, config, skb, &remote.target, inner, sender, softirq);
    // Somebody above may have chosen how this packet is to be tunnelled (tc, a lightweight tunnel).
    let tunnelled = skb.has_tunnel_info();
    let cached = skb.may_use_cached_route() && (flow.tos == 0 || tunnelled);
    let cache = cached.then_some(&remote.cache);
    let (mut route, source) =
        Route::lookup(skb, dev, net, sender, &flow, cache, softirq).map_err(TxDrop::no_route)?;
    let family = route.family();

    if !tunnelled && route.is_local_unicast() && config.flags.has(Flags::LOCALBYPASS) {
        let port = flow.destination_port;
        return sock::local_device(net, config, vni, port, flow.ifindex, softirq)
            .map(Plan::Bypass)
            .ok_or_else(|| TxDrop::error(DropReason::VXLAN_VNI_NOT_FOUND));
    }
    let df = match tunnelled {
        true => skb.tunnel_info_df(),
        false => config.outer_df(frame_protocol(skb), inner),
    };
    let verdict = skb.check_pmtu(&mut route, config.headroom(family), dev.is_bridge_port());
    match verdict.map_err(|_| TxDrop::error(DropReason::NOT_SPECIFIED))? {
        PathMtu::Reply => return Ok(Plan::Reply),
        PathMtu::Send => {}
    }
    let outer = Outer {
        source,
        destination: flow.destination,
        tos: ecn::encapsulate(flow.tos, inner.dsfield),
        ttl: match config.outer_ttl(inner.ttl, remote.target.addr) {
            0 => route.hop_limit(),
            ttl => ttl,
        },
        df,
        label: flow.label,
        source_port: flow.source_port,
        destination_port: flow.destination_port,
        checksum: config.udp_checksum(family),
        crosses: !net.is(dev.net(softirq)),
        mc_route: config.flags.has(Flags::MC_ROUTE),
    };
    if family == Family::V6 {
        // Over IPv4 sending does it.
        skb.scrub(outer.crosses);
    }
    push_header(skb, &route, vni, outer.checksum).map_err(|_| TxDrop::error(DropReason::NOMEM))?;
    Ok(Plan::Encapsulated(route, outer))
}

/// Returns what the route of a packet to `target` depends on.
fn flow_to(
    dev: &NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    target: &Target,
    inner: Summary,
    sender: &Socket<'_>,
    softirq: &Softirq<'_>,
) -> Flow {
    let ports = config.source_ports;
    Flow {
        ifindex: match target.ifindex {
            0 => sender.bound_ifindex(),
            ifindex => ifindex,
        },
        source: config.local,
        destination: target.addr,
        source_port: skb.flow_source_port(dev.net(softirq), ports.low, ports.high),
        destination_port: match target.port {
            0 => config.port,
            port => port,
        },
        tos: config.outer_tos(inner.dsfield),
        label: config.outer_label(inner),
    }
}

/// Returns the ethertype in the frame's Ethernet header, that of a VLAN tag if there is one.
fn frame_protocol(skb: &SkBuff) -> u16 {
    skb.mac_header()
        .map_or(0, |octets| ethernet::Header::parse(octets).ethertype)
}

/// Returns what an outer header may take over from the inner packet.
fn inner_summary(skb: &SkBuff) -> Summary {
    skb.network_header()
        .and_then(|octets| Summary::parse(skb.protocol(), octets))
        .unwrap_or(Summary::NOT_IP)
}

/// Puts the VXLAN header in front of the frame, with room for all that goes before it.
fn push_header(skb: &mut SkBuff, route: &Route, vni: Vni, checksum: bool) -> Result {
    /// Octets of the UDP and VXLAN headers.
    const HEADERS: u32 = 8 + 8;

    let ip = u32::from(route.family().header_len());
    skb.make_headroom(route.headroom().saturating_add(ip).saturating_add(HEADERS))?;
    let payload = skb.start_udp_encapsulation(checksum)?;
    skb.push(vxlan::Header::for_vni(vni))?;
    skb.finish_udp_encapsulation(payload, ethertype::TEB);
    Ok(())
}

/// Hands a frame to a device of this host.
fn bypass(
    from: &NetDev<Device>,
    to: &NetDev<Device>,
    skb: SkBuff,
    learn: bool,
    softirq: &Softirq<'_>,
) {
    if to.is_up() {
        from.count_tx(skb.len(), softirq);
    }
    recv::receive_local(to, skb, learn, softirq);
}
