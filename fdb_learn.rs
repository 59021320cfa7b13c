// SPDX-License-Identifier: GPL-2.0

//! Changes to the forwarding table by itself: learning, ageing, flushing.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    fdb::{
        Entry,
        Key,
        Remote,
        Target,
        AGE_INTERVAL, //
    },
    fdb_nl,
    fdb_update::{
        change,
        destroy,
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
        skb::DropReason,
        time::HZ, //
    },
    wire::{
        ethernet::MacAddr,
        ip::Addr, //
    }, //
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

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
    let Some(entry) = entry.filter(|entry| !entry.is_static()) else {
        return;
    };
    let Some(old) = entry.remotes.first(&table).map(|remote| remote.target) else {
        return;
    };
    let new = Target {
        addr: source,
        ifindex,
        ..old
    };
    // Another CPU may have been faster.
    if new == old {
        return;
    }
    // Without memory the station stays where it was known to be, until its next packet.
    let Ok(item) = Remote::item(new) else {
        return;
    };
    if entry.remotes.replace(item, &table, |_| true).is_ok() {
        log::moved(dev, mac, old.addr, source);
        let moved = entry.remotes.first(&table);
        fdb_nl::notify(dev, config, entry, moved, Kind::New, &table);
    }
}

/// Which entries are flushed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// All.
    All,
    /// Those that are not static, but never the default: the device goes down.
    Dynamic,
}

impl Flush {
    fn concerns(self, entry: &Entry, config: &Config) -> bool {
        let default = entry.key.mac.is_zero() && entry.key.vni == config.vni.get();
        self == Self::All || !(entry.is_static() || default)
    }
}

/// Removes many entries. The lock is taken anew for each.
pub(crate) fn flush(dev: &NetDev<Device>, which: Flush) {
    let config = dev.config_copy();
    let guard = rcu::read_lock();
    for entry in dev
        .fdb
        .iter(&guard)
        .filter(|entry| which.concerns(entry, &config))
    {
        let mut table = dev.fdb.table.lock();
        let still = table
            .find(&entry.key)
            .is_some_and(|entry| which.concerns(entry, &config));
        if still {
            destroy(dev, &config, &mut table, &entry.key);
        }
    }
}

/// Removes the entries that no packet has confirmed for the configured time. Returns the jiffies until
/// the next of them is due, [`AGE_INTERVAL`] at most.
pub(crate) fn age(dev: &NetDev<Device>) -> usize {
    let guard = rcu::read_lock();
    let config = dev.config(&guard);
    let lifetime = (config.age_interval as usize).saturating_mul(HZ);
    let mut next = AGE_INTERVAL;
    for entry in dev.fdb.iter(&guard).filter(|entry| entry.ages()) {
        let left = lifetime.saturating_sub(entry.idle());
        if left > 0 {
            next = next.min(left);
        } else {
            expire(dev, config, &entry.key, lifetime);
        }
    }
    next
}

fn expire(dev: &NetDev<Device>, config: &Config, key: &Key, lifetime: usize) {
    let mut table = dev.fdb.table.lock();
    let Some(entry) = table.find(key) else {
        return;
    };
    // It may have been confirmed, or made anew, before the lock was taken.
    if entry.ages() && entry.idle() >= lifetime {
        entry.set_kind(state::STALE, entry.flags());
        destroy(dev, config, &mut table, key);
    }
}
