// SPDX-License-Identifier: GPL-2.0

//! Changes to the forwarding table by packets: learning, and moving.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    fdb::{
        Entry,
        Key,
        Locked,
        Remote,
        Target, //
    },
    fdb_notify,
    fdb_update::{
        change,
        put_in_place,
        Update, //
    },
    log,
    net::{
        device::NetDev,
        neigh::{
            flag,
            mode,
            state,
            Kind, //
        },
        netlink::ExtAck,
        rcu::Softirq,
        skb::DropReason, //
    },
    wire::{
        ethernet::MacAddr,
        ip::Addr, //
    }, //
};
use kernel::prelude::*;

/// Learns that a station is behind a remote, from a packet that came from there (`vxlan_snoop`).
/// `ifindex` is the link that the remote's address is valid on, 0 if it is valid on all.
///
/// Fails if the packet is to be dropped: its source is no station's address, or a static entry says
/// that the station is elsewhere.
#[inline]
pub(crate) fn learn(
    dev: &NetDev<Device>,
    config: &Config,
    mac: MacAddr,
    source: Addr,
    ifindex: u32,
    softirq: &Softirq<'_>,
) -> Result<(), DropReason> {
    if !mac.is_valid() {
        return Err(DropReason::MAC_INVALID_SOURCE);
    }
    let Some(entry) = dev.fdb.find(mac, config, softirq) else {
        learn_new(dev, config, mac, source, ifindex);
        return Ok(());
    };
    entry.confirm();
    if entry.nexthop.is_set() {
        return Err(DropReason::VXLAN_ENTRY_EXISTS);
    }
    let here = |target: &Target| target.addr == source && target.ifindex == ifindex;
    match entry.remotes.first(softirq) {
        Some(remote) if here(&remote.target) => Ok(()),
        _ if entry.is_static() => Err(DropReason::VXLAN_ENTRY_EXISTS),
        _ => {
            relearn(dev, config, mac, source, ifindex);
            Ok(())
        }
    }
}

fn learn_new(dev: &NetDev<Device>, config: &Config, mac: MacAddr, source: Addr, ifindex: u32) {
    let vni = config.vni.get();
    let learned = Update {
        mac,
        source_vni: vni,
        target: Target {
            addr: source,
            port: config.port,
            vni,
            ifindex,
        },
        nexthop: 0,
        state: state::REACHABLE,
        flags: flag::SELF,
        mode: mode::EXCL | mode::CREATE,
    };
    let mut table = dev.fdb.table.lock();
    // Once the device is going down, nothing is learned: the flush may have passed.
    if dev.is_running() {
        // The limit, no memory, or another CPU that was faster: the packet is delivered all the same.
        let _ = change(dev, config, &mut table, &learned, &ExtAck::none());
    }
}

/// Moves a station to where a packet came from: a new remote, and a route cache of its own.
fn relearn(dev: &NetDev<Device>, config: &Config, mac: MacAddr, source: Addr, ifindex: u32) {
    let table = dev.fdb.table.lock();
    let vni = config.vni.get();
    let entry = table.find(&Key { mac, vni });
    let Some(entry) = entry.filter(|entry| !entry.is_static() && !entry.nexthop.is_set()) else {
        return;
    };
    let Some(old) = entry.remotes.first(&table) else {
        return;
    };
    let new = Target {
        addr: source,
        ifindex,
        ..old.target
    };
    // Another CPU may have been faster.
    if new == old.target {
        return;
    }
    let from = old.target.addr;
    // Without memory the station stays where it was known to be, until its next packet.
    if point_at(dev, entry, &new, old.is_offloaded(), &table).is_ok() {
        log::moved(dev, mac, from, source);
        fdb_notify::tell(dev, config, entry, entry.shown(&table), Kind::New, &table);
    }
}

fn point_at(
    dev: &NetDev<Device>,
    entry: &Entry,
    target: &Target,
    offloaded: bool,
    table: &Locked<'_>,
) -> Result {
    let claim = dev.fdb.vteps.claim(target)?;
    let item = Remote::item(claim.vtep().clone(), offloaded)?;
    put_in_place(dev, entry, item, table)?;
    claim.keep();
    Ok(())
}
