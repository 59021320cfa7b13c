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
    fdb_switch::{
        self,
        Audience, //
    },
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
        ip::Addr, //
    }, //
};
use kernel::prelude::*;

/// Where a station was seen.
pub(crate) struct Seen {
    pub(crate) station: Key,
    /// The remote that it came from.
    pub(crate) source: Addr,
    /// The link that the remote's address is valid on, 0 if it is valid on all.
    pub(crate) ifindex: u32,
}

/// Learns that a station is behind a remote, from a packet that came from there (`vxlan_snoop`).
///
/// Fails if the packet is to be dropped: its source is no station's address, or a static entry or one
/// with a nexthop says that the station is elsewhere.
#[inline(always)]
pub(crate) fn learn(
    dev: &NetDev<Device>,
    config: &Config,
    seen: &Seen,
    softirq: &Softirq<'_>,
) -> Result<(), DropReason> {
    if !seen.station.mac.is_valid() {
        return Err(DropReason::MAC_INVALID_SOURCE);
    }
    let Some(entry) = dev.fdb.find(&seen.station, softirq) else {
        learn_new(dev, config, seen);
        return Ok(());
    };
    entry.confirm();
    if entry.nexthop.is_set() {
        return Err(DropReason::VXLAN_ENTRY_EXISTS);
    }
    let here = |target: &Target| target.addr == seen.source && target.ifindex == seen.ifindex;
    match entry.remotes.first(softirq) {
        Some(remote) if here(&remote.target) => Ok(()),
        _ if entry.is_static() => Err(DropReason::VXLAN_ENTRY_EXISTS),
        _ => {
            relearn(dev, config, seen);
            Ok(())
        }
    }
}

#[inline(never)]
fn learn_new(dev: &NetDev<Device>, config: &Config, seen: &Seen) {
    let learned = Update {
        mac: seen.station.mac,
        source_vni: seen.station.vni,
        target: Target {
            addr: seen.source,
            port: config.port,
            vni: config.vni.get(),
            ifindex: seen.ifindex,
        },
        nexthop: 0,
        state: state::REACHABLE,
        flags: flag::SELF,
        mode: mode::EXCL | mode::CREATE,
        audience: Audience::All,
    };
    let mut table = dev.fdb.table.lock();
    // Once the device is going down, nothing is learned: the flush may have passed.
    if dev.is_running() {
        // The limit, no memory, a switch that refuses, or another CPU that was faster: the packet is
        // delivered all the same.
        let _ = change(dev, config, &mut table, &learned, &ExtAck::none());
    }
}

/// Moves a station to where a packet came from: another remote, with a route cache of its own.
#[inline(never)]
fn relearn(dev: &NetDev<Device>, config: &Config, seen: &Seen) {
    let table = dev.fdb.table.lock();
    let entry = table.find(&seen.station);
    let Some(entry) = entry.filter(|entry| !entry.is_static() && !entry.nexthop.is_set()) else {
        return;
    };
    let Some(old) = entry.remotes.first(&table) else {
        return;
    };
    let new = Target {
        addr: seen.source,
        ifindex: seen.ifindex,
        ..old.target
    };
    // Another CPU may have been faster.
    if new == old.target {
        return;
    }
    let from = old.target.addr;
    // Without memory the station stays where it was known to be, until its next packet.
    if point_at(dev, entry, &new, old.is_offloaded(), &table).is_err() {
        return;
    }
    log::moved(dev, seen.station.mac, from, seen.source);
    let moved = entry.shown(&table);
    let offered = moved.map_or(Ok(()), |moved| {
        fdb_switch::offer(dev, entry, moved, Audience::All, &ExtAck::none())
    });
    // A switch that refuses does not keep the station from moving, but users are not told then.
    if offered.is_ok() {
        fdb_notify::tell(dev, config, entry, moved, Kind::New, &table);
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
