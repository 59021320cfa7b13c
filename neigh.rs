// SPDX-License-Identifier: GPL-2.0

//! What the device does with packets to be sent in place of sending them as they are: ARP requests and
//! neighbour solicitations are answered here (`proxy`), and routed packets go straight to the station
//! of their next hop (`rsc`).

#![forbid(unsafe_code)]

use crate::{
    config::{
        Config,
        Flags, //
    },
    device::Device,
    fdb::{
        Entry,
        Key, //
    },
    fdb_miss,
    net::{
        device::NetDev,
        neigh::flag,
        neighbour::{
            self,
            Neighbour, //
        },
        rcu::Softirq,
        skb::SkBuff, //
    },
    wire::{
        arp,
        ethernet::{
            self,
            ethertype,
            MacAddr, //
        },
        ip::Addr,
        nd, //
    }, //
};

/// Octets of an IPv4 and of an IPv6 header.
const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;

/// Takes a packet that asks who has an address: the owner answers by us, or nobody does. Any other
/// packet is given back. `vni` is that of the table in which stations are looked up.
pub(crate) fn reduce(
    dev: &NetDev<Device>,
    config: &Config,
    mut skb: SkBuff,
    vni: u32,
    softirq: &Softirq<'_>,
) -> Option<SkBuff> {
    let Some(ethernet) = skb.mac_header().map(ethernet::Header::parse) else {
        return Some(skb);
    };
    match ethernet.ethertype {
        ethertype::ARP => reduce_request(dev, config, &mut skb, vni, softirq),
        ethertype::IPV6 => match solicitation(&mut skb) {
            Some(asked) => {
                // The device has no neighbours to answer for without IPv6.
                if neighbour::ipv6_enabled() {
                    let asker = ethernet.source;
                    reduce_solicitation(dev, config, &mut skb, &asked, asker, vni, softirq);
                }
            }
            None => return Some(skb),
        },
        _ => return Some(skb),
    }
    skb.consume();
    None
}

/// Answers an ARP request, if it is one and the owner is known (`arp_reduce`).
fn reduce_request(
    dev: &NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    vni: u32,
    softirq: &Softirq<'_>,
) {
    if !dev.does_arp() {
        return;
    }
    if skb.may_pull_network(arp::LEN as u32).is_err() {
        dev.count_tx_dropped(softirq);
        return;
    }
    let request = skb.network_header().and_then(arp::Request::parse);
    let Some(request) = request else {
        return;
    };
    let target = request.target_ip();
    let Some(neighbour) = Neighbour::find4(dev, target, softirq) else {
        miss(dev, config, Addr::V4(target), softirq);
        return;
    };
    if let Some((owner, _)) = remote_owner(dev, &neighbour, vni, softirq) {
        answer(dev, &request.reply(owner), softirq);
    }
}

/// Reads a solicitation, None if the packet is none.
fn solicitation(skb: &mut SkBuff) -> Option<nd::Solicitation> {
    skb.may_pull_network(nd::SOLICITATION_LEN as u32).ok()?;
    skb.network_header().and_then(nd::Solicitation::parse)
}

/// Answers a solicitation, if the owner is known (`neigh_reduce`).
fn reduce_solicitation(
    dev: &NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    asked: &nd::Solicitation,
    asker: MacAddr,
    vni: u32,
    softirq: &Softirq<'_>,
) {
    let Some(target) = asked.target() else {
        return;
    };
    let Some(neighbour) = Neighbour::find6(dev, target, softirq) else {
        miss(dev, config, Addr::V6(target), softirq);
        return;
    };
    let Some((owner, entry)) = remote_owner(dev, &neighbour, vni, softirq) else {
        return;
    };
    // The options may be anywhere in the packet.
    if skb.may_pull(skb.len()).is_err() {
        return;
    }
    let options = (skb.network_len() as usize).saturating_sub(nd::SOLICITATION_LEN);
    let given = nd::source_address(options, |at| {
        skb.behind_network_header(nd::SOLICITATION_LEN.saturating_add(at))
    });
    let Ok(given) = given else {
        return;
    };
    let router = entry.is_some_and(|entry| entry.flags() & flag::ROUTER != 0);
    let frame = asked.advertisement(given.unwrap_or(asker), owner, router);
    answer(dev, &frame, softirq);
}

/// Returns the station that a neighbour is, and its entry. None if its address is not certain, or if it
/// is on this side of the tunnel and answers by itself: an entry says so by a remote of address zero.
fn remote_owner<'a>(
    dev: &'a NetDev<Device>,
    neighbour: &Neighbour,
    vni: u32,
    softirq: &'a Softirq<'_>,
) -> Option<(MacAddr, Option<&'a Entry>)> {
    if !neighbour.is_connected() {
        return None;
    }
    let owner = MacAddr::new(neighbour.address());
    let entry = dev.fdb.find_for_packet(&Key { mac: owner, vni }, softirq);
    let here = entry
        .and_then(|entry| entry.remotes.first(softirq))
        .is_some_and(|remote| remote.target.addr.is_any());
    (!here).then_some((owner, entry))
}

/// Has the device receive an answer. Without memory the asker will ask again.
fn answer<const N: usize>(dev: &NetDev<Device>, frame: &[u8; N], softirq: &Softirq<'_>) {
    let reply = SkBuff::received_on(dev, frame);
    if reply.is_some_and(|reply| !reply.receive(softirq)) {
        dev.count_rx_dropped(softirq);
    }
}

/// Tells user space that nobody is known to have an address, if it wants to be told.
fn miss(dev: &NetDev<Device>, config: &Config, addr: Addr, softirq: &Softirq<'_>) {
    if config.flags.has(Flags::L3MISS) {
        fdb_miss::unknown_ip(dev, addr, softirq);
    }
}

/// Sends a packet that goes to a router to the station of its next hop instead, as that router would:
/// the router becomes its source. Returns whether it did (`route_shortcircuit`).
pub(crate) fn short_circuit(
    dev: &NetDev<Device>,
    config: &Config,
    skb: &mut SkBuff,
    header: &ethernet::Header,
    softirq: &Softirq<'_>,
) -> bool {
    if header.destination.is_multicast() {
        return false;
    }
    let Some(addr) = ip_destination(skb, header.ethertype) else {
        return false;
    };
    let neighbour = match addr {
        Addr::V4(addr) => Neighbour::find4(dev, addr, softirq),
        Addr::V6(addr) => Neighbour::find6(dev, addr, softirq),
    };
    let Some(neighbour) = neighbour else {
        miss(dev, config, addr, softirq);
        return false;
    };
    let station = MacAddr::new(neighbour.address());
    station != header.destination && skb.readdress(station, header.destination).is_ok()
}

/// Returns where an IP packet goes, None if it is too short or none.
fn ip_destination(skb: &mut SkBuff, protocol: u16) -> Option<Addr> {
    match protocol {
        ethertype::IPV4 => {
            skb.may_pull_network(IPV4_LEN as u32).ok()?;
            skb.behind_network_header(16).map(Addr::V4)
        }
        ethertype::IPV6 if neighbour::ipv6_enabled() => {
            skb.may_pull_network(IPV6_LEN as u32).ok()?;
            skb.behind_network_header(24).map(Addr::V6)
        }
        _ => None,
    }
}
