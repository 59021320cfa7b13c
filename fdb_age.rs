// SPDX-License-Identifier: GPL-2.0

//! Ageing: what no packet has confirmed for the configured time is removed.
//!
//! The table marks the entries that age, and only those are visited. They are visited some at a time,
//! in process context, with the table unlocked but for the removal of one entry.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    fdb::{
        Entry,
        AGE_INTERVAL, //
    },
    fdb_switch::Audience,
    fdb_update::destroy,
    net::{
        device::NetDev,
        neigh::state,
        table::Position,
        time::{
            give_way,
            HZ, //
        }, //
    }, //
};
use kernel::sync::rcu;

/// How many entries are visited without giving up the CPU.
const SLICE: usize = 1024;

/// How many entries may be visited for each jiffy that passes. A walk of a larger table is put off a
/// little, so that ageing never takes more than a small part of a CPU.
const PER_JIFFY: usize = 2048;

/// What a walk has seen so far.
struct Walk {
    visited: usize,
    /// Jiffies until the next entry is due.
    next: usize,
}

/// Removes the entries whose time is over. Returns the jiffies until the next walk: until the next entry
/// is due, [`AGE_INTERVAL`] at most.
pub(crate) fn age(dev: &NetDev<Device>) -> usize {
    let mut walk = Walk {
        visited: 0,
        next: AGE_INTERVAL,
    };
    let mut from = Some(Position::START);
    while let Some(start) = from.filter(|_| dev.is_running()) {
        from = age_slice(dev, start, &mut walk);
        give_way();
    }
    walk.next.max(walk.visited / PER_JIFFY)
}

/// Visits some entries. Returns where to go on.
fn age_slice(dev: &NetDev<Device>, from: Position, walk: &mut Walk) -> Option<Position> {
    let guard = rcu::read_lock();
    let config = dev.config(&guard);
    let lifetime = (config.age_interval as usize).saturating_mul(HZ);
    let end = walk.visited.wrapping_add(SLICE);
    for entry in dev.fdb.table.iter_marked_from(from, &guard) {
        if walk.visited == end {
            return Some(entry.position());
        }
        walk.visited = walk.visited.wrapping_add(1);
        let left = lifetime.saturating_sub(entry.idle());
        if left > 0 {
            walk.next = walk.next.min(left);
        } else {
            expire(dev, config, entry, lifetime);
        }
    }
    None
}

fn expire(dev: &NetDev<Device>, config: &Config, entry: &Entry, lifetime: usize) {
    let mut table = dev.fdb.table.lock();
    let Some(entry) = table.find(&entry.key) else {
        return;
    };
    // It may have been confirmed, or made anew, before the lock was taken.
    if entry.ages() && entry.idle() >= lifetime {
        let key = entry.key;
        entry.set_kind(state::STALE, entry.flags());
        destroy(dev, config, &mut table, &key, Audience::All);
    }
}
