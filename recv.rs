// SPDX-License-Identifier: GPL-2.0

//! Receive: from a UDP packet on the socket to a frame that the device received.

#![forbid(unsafe_code)]

use crate::{
    config::{
        Config,
        Flags, //
    },
    device::Device,
    fdb::Key,
    fdb_learn::{
        self,
        Seen, //
    },
    log,
    net::{
        device::{
            NetDev,
            Stat, //
        },
        metadata,
        params,
        rcu::Softirq,
        skb::{
            DropReason,
            SkBuff, //
        },
        udp_tunnel::BorrowedSkb,
        underlay::Underlay, //
    },
    recv_meta,
    sock::Socket,
    wire::{
        ecn::{
            self,
            Decapsulation, //
        },
        ethernet::{
            self,
            MacAddr, //
        },
        ip::{
            self,
            Addr,
            Family, //
        },
        vxlan::{
            Header,
            HEADER_LEN, //
        }, //
    }, //
};
use kernel::prelude::*;

/// Length of the UDP header.
const UDP_LEN: usize = 8;

/// Length of the UDP and VXLAN headers.
pub(crate) const OUTER_LEN: u16 = 16;

/// A packet that is not delivered, and what counts it.
enum RxDrop<'a> {
    /// No device has to do with it, or it is dropped without being counted.
    Silent(DropReason),
    /// It is wrong: the device counts an error, of a kind.
    Error(DropReason, &'a NetDev<Device>, Stat),
    /// It is right, but the device does not want it.
    Dropped(DropReason, &'a NetDev<Device>),
}

impl From<DropReason> for RxDrop<'_> {
    fn from(reason: DropReason) -> Self {
        Self::Silent(reason)
    }
}

/// What follows the VXLAN header.
pub(crate) enum Content {
    /// An Ethernet frame.
    Frame,
    /// A packet of another protocol.
    Packet,
}

/// The outer IP header's fields that decapsulation needs.
struct Outer<A> {
    tos: u8,
    source: A,
}

/// Takes a packet from the socket; its data starts with the UDP header.
#[inline(always)]
pub(crate) fn receive(socket: &Socket, mut skb: SkBuff, softirq: &Softirq<'_>) {
    let result = match socket.family() {
        Family::V4 => decapsulate::<[u8; 4]>(socket, &mut skb, softirq),
        Family::V6 => decapsulate::<[u8; 16]>(socket, &mut skb, softirq),
    };
    match result {
        Ok(dev) => {
            dev.count_rx(skb.len(), softirq);
            dev.gro_receive(skb, softirq);
        }
        Err(RxDrop::Silent(reason)) => skb.drop_with(reason),
        Err(RxDrop::Error(reason, dev, stat)) => {
            dev.count(stat);
            dev.count(Stat::RxErrors);
            skb.drop_with(reason);
        }
        Err(RxDrop::Dropped(reason, dev)) => {
            dev.count_rx_dropped(softirq);
            skb.drop_with(reason);
        }
    }
}

/// Turns the packet, over the IP version of `A`, into the inner frame. Returns the device that receives
/// it.
#[inline(always)]
fn decapsulate<'a, A: Underlay>(
    socket: &'a Socket,
    skb: &mut SkBuff,
    softirq: &'a Softirq<'_>,
) -> Result<&'a NetDev<Device>, RxDrop<'a>> {
    skb.may_pull(u32::from(OUTER_LEN))?;
    let octets = skb.transport_header(UDP_LEN);
    let header = octets
        .and_then(vxlan_header)
        .ok_or(DropReason::VXLAN_INVALID_HDR)?;
    let ifindex = skb.ifindex();
    let found = socket.device(header.vni(), ifindex, softirq);
    let dev = found.ok_or(DropReason::VXLAN_VNI_NOT_FOUND)?;
    let config = dev.config(softirq);
    if header.sets_any(config.reserved) {
        return Err(RxDrop::Error(
            DropReason::VXLAN_INVALID_HDR,
            dev,
            Stat::RxFrameErrors,
        ));
    }

    let net = dev.net(softirq);
    let crosses = dev
        .link_net(softirq)
        .is_some_and(|link_net| !link_net.is(net));
    let content = match config.flags.intersects(Flags::EXTENDED_RECEIVE) {
        true => recv_meta::open(A::FAMILY, config, skb, header, crosses)?,
        false => {
            skb.pull_tunnel_header(OUTER_LEN, crosses)
                .map_err(|_| DropReason::NOMEM)?;
            if config.flags.has(Flags::COLLECT_METADATA) || metadata::is_wanted() {
                skb.set_received_by(A::FAMILY, header.vni().get(), None)
                    .map_err(|_| DropReason::NOMEM)?;
            }
            Content::Frame
        }
    };
    let (tos, source) = A::tos_and_source(skb).ok_or(DropReason::NOT_SPECIFIED)?;
    let outer = Outer { tos, source };
    match content {
        Content::Frame => {
            let vni = header.vni().get();
            accept_frame(dev, config, skb, vni, outer.source.into(), ifindex, softirq)?;
        }
        Content::Packet => skb.receive_raw_on(dev),
    }

    skb.reset_network_header();
    skb.inet_may_pull()
        .map_err(|reason| RxDrop::Error(reason, dev, Stat::RxLengthErrors))?;
    if !pass_ecn(skb, &outer) {
        return Err(RxDrop::Error(
            DropReason::IP_TUNNEL_ECN,
            dev,
            Stat::RxFrameErrors,
        ));
    }
    if !dev.is_up() {
        return Err(RxDrop::Dropped(DropReason::DEV_READY, dev));
    }
    Ok(dev)
}

/// Makes the packet a frame that the device received, unless the device sent it itself, and learns
/// where its sender is. `vni` is that of the packet, which the table goes by.
#[inline(always)]
fn accept_frame(
    dev: &NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    vni: u32,
    remote: Addr,
    ifindex: u32,
    softirq: &Softirq<'_>,
) -> Result<(), DropReason> {
    skb.receive_on(dev)?;
    let ethernet = skb.mac_header().map(ethernet::Header::parse);
    let source = ethernet.ok_or(DropReason::NOT_SPECIFIED)?.source;
    if source == MacAddr::new(dev.address()) {
        return Err(DropReason::LOCAL_MAC);
    }
    if config.learning() {
        let link = match remote.is_link_local() {
            true => ifindex,
            false => 0,
        };
        let seen = Seen {
            station: Key { mac: source, vni },
            source: remote,
            ifindex: link,
        };
        fdb_learn::learn(dev, config, &seen, softirq)?;
    }
    Ok(())
}

/// Parses the VXLAN header, None if it is none: the I flag must be set (RFC 7348 section 5).
#[inline]
fn vxlan_header(octets: [u8; HEADER_LEN]) -> Option<Header> {
    Some(Header::parse(octets)).filter(|header| header.has_vni())
}

/// Carries a congestion mark over to the inner header. Returns false if it cannot be, and the packet
/// is to be dropped (RFC 6040 section 4.2).
#[inline(always)]
fn pass_ecn<A: Underlay>(skb: &mut SkBuff, outer: &Outer<A>) -> bool {
    let Some(octets) = skb.network_header() else {
        return true;
    };
    let Some(inner) = ip::dsfield(skb.protocol(), octets) else {
        return true;
    };
    let verdict = ecn::decapsulate(outer.tos, inner);
    match verdict {
        Decapsulation::Keep => {}
        Decapsulation::SetCe => skb.set_ce(),
        Decapsulation::SetEct1 => skb.set_ect1(),
        Decapsulation::Warn | Decapsulation::Drop => {
            if params::log_ecn_error() {
                log::non_ect(outer.source.into(), outer.tos);
            }
        }
    }
    verdict != Decapsulation::Drop
}

/// Judges whether an ICMP error quotes a packet of one of the socket's devices: ENOENT if there is no
/// such device, EINVAL if it is no VXLAN packet.
pub(crate) fn owns_error(
    socket: &Socket,
    skb: &mut BorrowedSkb<'_>,
    softirq: &Softirq<'_>,
) -> Result {
    skb.may_pull_transport(u32::from(OUTER_LEN))
        .map_err(|_| EINVAL)?;
    let header = skb
        .transport_header(UDP_LEN)
        .and_then(vxlan_header)
        .ok_or(EINVAL)?;
    socket
        .device(header.vni(), skb.ifindex(), softirq)
        .map(|_| ())
        .ok_or(ENOENT)
}

/// Takes a frame that another device of this host would have sent to `dev` through the underlay
/// (`vxlan_encap_bypass`): it comes from the loopback address. Its source is learned as one of the VNI
/// `learn`.
pub(crate) fn receive_local(
    dev: &NetDev<Device>,
    skb: SkBuff,
    learn: Option<u32>,
    softirq: &Softirq<'_>,
) {
    let config = dev.config(softirq);
    if !dev.is_up() {
        dev.count_rx_dropped(softirq);
        skb.drop_with(DropReason::DEV_READY);
        return;
    }
    let ethernet = skb.mac_header().map(ethernet::Header::parse);
    if let (Some(ethernet), Some(vni), true) = (ethernet, learn, config.learning()) {
        // As on the wire, a frame whose source cannot be learned; here it is delivered all the same.
        let loopback = config.family().loopback();
        let seen = Seen {
            station: Key::new(config, ethernet.source, vni),
            source: loopback,
            ifindex: 0,
        };
        let _ = fdb_learn::learn(dev, config, &seen, softirq);
    }
    let len = skb.len();
    if skb.loop_to(dev, softirq) {
        dev.count_rx(len, softirq);
    } else {
        dev.count_rx_dropped(softirq);
    }
}
