// SPDX-License-Identifier: GPL-2.0

//! The forwarding table and switches that forward by it too.

#![forbid(unsafe_code)]

use crate::{
    device::Device,
    fdb::{
        identity,
        Entry,
        Key,
        Remote,
        Target,
        ADDED_BY_USER, //
    },
    fdb_update::{
        self,
        Update, //
    },
    net::{
        device::NetDev,
        neigh::{
            flag,
            mode,
            state, //
        },
        netlink::ExtAck,
        switchdev::{
            self,
            FdbInfo,
            SwitchFdb, //
        },
        table::Position, //
    },
    wire::ethernet::MacAddr, //
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// Who is told of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Users and switches.
    All,
    /// Users: it is a switch that made the change.
    Users,
}

fn info(entry: &Entry, remote: &Remote) -> FdbInfo {
    let target = &remote.target;
    FdbInfo {
        mac: entry.key.mac,
        source_vni: entry.key.vni,
        addr: target.addr,
        port: target.port,
        vni: target.vni,
        ifindex: target.ifindex,
        offloaded: remote.is_offloaded(),
        by_user: entry.flags() & ADDED_BY_USER != 0,
    }
}

fn target(info: &FdbInfo) -> Target {
    Target {
        addr: info.addr,
        port: info.port,
        vni: info.vni,
        ifindex: info.ifindex,
    }
}

/// Offers a remote, new or changed, to switches. Fails as the one that refuses it says.
pub(crate) fn offer(
    dev: &NetDev<Device>,
    entry: &Entry,
    remote: &Remote,
    audience: Audience,
    ack: &ExtAck<'_>,
) -> Result {
    if audience == Audience::Users || !switchdev::PRESENT {
        return Ok(());
    }
    switchdev::tell(dev, true, &info(entry, remote), ack)
}

/// Tells switches that a remote is gone.
pub(crate) fn withdraw(dev: &NetDev<Device>, entry: &Entry, remote: &Remote, audience: Audience) {
    if audience == Audience::All && switchdev::PRESENT {
        // What is gone cannot be refused.
        let _ = switchdev::tell(dev, false, &info(entry, remote), &ExtAck::none());
    }
}

impl SwitchFdb for Device {
    fn mark(dev: &NetDev<Self>, info: &FdbInfo) {
        let config = dev.config_copy();
        let table = dev.fdb.table.lock();
        let key = Key::new(&config, info.mac, info.source_vni);
        let (Some(entry), Some(vtep)) = (table.find(&key), dev.fdb.vteps.find(&target(info)))
        else {
            return;
        };
        if let Ok(Some(remote)) = entry.remotes.find(identity(&vtep), &table) {
            remote.set_offloaded(info.offloaded);
        }
    }

    fn learned(dev: &NetDev<Self>, info: &FdbInfo, ack: &ExtAck<'_>) -> Result {
        let learned = Update {
            mac: info.mac,
            source_vni: info.source_vni,
            target: target(info),
            nexthop: 0,
            state: state::REACHABLE,
            flags: flag::USE | flag::SELF | flag::EXT_LEARNED,
            mode: mode::CREATE | mode::REPLACE,
            audience: Audience::Users,
        };
        fdb_update::update(dev, &dev.config_copy(), &learned, ack)
    }

    fn forgotten(dev: &NetDev<Self>, info: &FdbInfo) -> Result {
        let config = dev.config_copy();
        let mut table = dev.fdb.table.lock();
        let entry = table
            .find(&Key::new(&config, info.mac, info.source_vni))
            .ok_or(ENOENT)?;
        if entry.flags() & flag::EXT_LEARNED == 0 {
            return Ok(());
        }
        let key = entry.key;
        fdb_update::delete_locked(
            dev,
            &config,
            &mut table,
            &key,
            &target(info),
            Audience::Users,
        )
    }

    fn find(dev: &NetDev<Self>, mac: MacAddr, vni: u32) -> Option<FdbInfo> {
        let guard = rcu::read_lock();
        let config = dev.config(&guard);
        let entry = dev.fdb.find(&Key::new(config, mac, vni), &guard)?;
        entry.shown(&guard).map(|remote| info(entry, remote))
    }

    fn replay(dev: &NetDev<Self>, vni: u32, show: &mut dyn FnMut(&FdbInfo) -> Result) -> Result {
        // Under the lock, so that no change is told in between.
        let table = dev.fdb.table.lock();
        for entry in dev.fdb.iter_from(Position::START, &table) {
            if entry.key.vni != vni {
                continue;
            }
            for remote in entry.remotes.iter(&table) {
                show(&info(entry, remote))?;
            }
        }
        Ok(())
    }

    fn unmark_all(dev: &NetDev<Self>, vni: u32) {
        let guard = rcu::read_lock();
        for entry in dev.fdb.iter_from(Position::START, &guard) {
            if entry.key.vni != vni {
                continue;
            }
            for remote in entry.remotes.iter(&guard) {
                remote.set_offloaded(false);
            }
        }
    }
}
