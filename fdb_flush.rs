// SPDX-License-Identifier: GPL-2.0

//! Removal of many entries at once. The lock is taken anew for each, and the CPU given up in between.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    fdb::{
        Entry,
        Target,
        STATIC, //
    },
    fdb_switch::Audience,
    fdb_update::{
        destroy,
        remove_remote, //
    },
    net::{
        device::NetDev,
        nexthop::Nexthop,
        rcu::RcuProof,
        set::Identified,
        table::Position,
        time::give_way, //
    },
    wire::ip::Addr, //
};
use kernel::sync::rcu;

/// How many entries are looked at without giving up the CPU.
const SLICE: usize = 512;

/// How many remotes are removed with the lock held at a stretch.
const REMOTES: usize = 64;

/// Which entries are removed, or which of their remotes: those that every matcher matches.
#[derive(Default)]
pub(crate) struct Flush {
    /// The default entry stays.
    pub(crate) spare_default: bool,
    /// The bits of the state that count, and what they are.
    pub(crate) state: Masked,
    /// The bits of the flags that count, and what they are.
    pub(crate) flags: Masked,
    /// The VNI that the entry belongs to, 0 for any.
    pub(crate) source_vni: u32,
    /// The nexthop that the entry has in place of remotes, 0 for any.
    pub(crate) nexthop: u32,
    /// Only the remotes with this address.
    pub(crate) addr: Option<Addr>,
    /// Only the remotes with this port, 0 for any.
    pub(crate) port: u16,
    /// Only the remotes with this VNI, 0 for any.
    pub(crate) vni: u32,
}

/// What some bits of a number are.
#[derive(Clone, Copy, Default)]
pub(crate) struct Masked {
    pub(crate) value: u16,
    pub(crate) mask: u16,
}

impl Masked {
    /// An empty mask matches all.
    fn matches(self, number: u16) -> bool {
        self.mask == 0 || number & self.mask == self.value
    }
}

impl Flush {
    /// What goes when the device goes down: what is not static, but never the default.
    pub(crate) fn dynamic() -> Self {
        Self {
            spare_default: true,
            state: Masked {
                value: 0,
                mask: STATIC,
            },
            ..Self::default()
        }
    }

    fn matches(&self, entry: &Entry, config: &Config, reader: &impl RcuProof) -> bool {
        let nexthop = entry.nexthop.load(reader).map(Nexthop::id);
        let default = entry.key.mac.is_zero() && entry.key.vni == config.vni.get();
        self.state.matches(entry.state())
            && self.flags.matches(entry.flags())
            && !(self.spare_default && default)
            && (self.source_vni == 0 || entry.key.vni == self.source_vni)
            && (self.nexthop == 0 || nexthop == Some(self.nexthop))
    }

    /// Whether remotes are removed, and entries only with their last.
    fn is_about_remotes(&self) -> bool {
        self.vni != 0 || self.port != 0 || self.addr.is_some()
    }

    fn matches_remote(&self, target: &Target) -> bool {
        (self.vni == 0 || target.vni == self.vni)
            && (self.port == 0 || target.port == self.port)
            && self.addr.is_none_or(|addr| target.addr == addr)
    }
}

/// Removes entries, the newest first, and tells of it (`vxlan_flush`).
pub(crate) fn flush(dev: &NetDev<Device>, flush: &Flush) {
    let config = dev.config_copy();
    let mut from = Some((Position::START, 0));
    while let Some(start) = from {
        from = flush_slice(dev, &config, flush, start);
        give_way();
    }
}

/// Looks at some entries, the first of them from one of its remotes on. Returns where to go on.
fn flush_slice(
    dev: &NetDev<Device>,
    config: &Config,
    flush: &Flush,
    (from, place): (Position, usize),
) -> Option<(Position, usize)> {
    let guard = rcu::read_lock();
    let mut seen = 0usize;
    for entry in dev.fdb.iter_from(from, &guard) {
        let position = entry.position();
        if seen == SLICE {
            return Some((position, 0));
        }
        seen = seen.wrapping_add(1);
        if !flush.matches(entry, config, &guard) {
            continue;
        }
        // The entry of that place may be gone.
        let place = if position == from { place } else { 0 };
        if let Some(next) = flush_entry(dev, config, flush, entry, place) {
            return Some((position, next));
        }
    }
    None
}

/// Removes an entry that matched when it was looked at, or some of its remotes. If there are too many
/// remotes for one hold of the lock, returns the place of the one to go on with.
fn flush_entry(
    dev: &NetDev<Device>,
    config: &Config,
    flush: &Flush,
    entry: &Entry,
    from: usize,
) -> Option<usize> {
    let mut table = dev.fdb.table.lock();
    let still = table.find(&entry.key);
    if !still.is_some_and(|still| core::ptr::eq::<Entry>(&**still, entry)) {
        return None;
    }
    let about_remotes = flush.is_about_remotes();
    if !about_remotes && entry.remotes.len() <= REMOTES {
        destroy(dev, config, &mut table, &entry.key, Audience::All);
        return None;
    }
    let matching = entry
        .remotes
        .iter_from(from, &table)
        .filter(|remote| !about_remotes || flush.matches_remote(&remote.target));
    let mut removed = 0usize;
    for remote in matching {
        if entry.remotes.len() == 1 {
            destroy(dev, config, &mut table, &entry.key, Audience::All);
            return None;
        }
        if removed == REMOTES {
            return Some(remote.place());
        }
        removed = removed.wrapping_add(1);
        remove_remote(dev, config, &table, entry, remote.identity(), Audience::All).ok()?;
    }
    None
}
