// SPDX-License-Identifier: GPL-2.0

//! The forwarding table: which remotes a station, by Ethernet address and VNI, is behind.
//!
//! Readers go by RCU; changes are made under the table's lock, from netlink, the data path (learning)
//! and the ageing work. A remote is never changed: a move replaces it, and its route cache with it.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    fdb_nexthop::ByNexthop,
    fdb_vtep::{
        Vtep,
        Vteps, //
    },
    net::{
        neigh::{
            flag,
            state, //
        },
        nexthop::{
            Nexthop,
            NexthopCell, //
        },
        once::Word,
        rcu::{
            AtomicDrop,
            RcuProof,
            Softirq, //
        },
        set::{
            Identified,
            Item,
            Member,
            RcuSet, //
        },
        table::{
            self,
            Position,
            Table,
            TableGuard,
            TableKey, //
        },
        time::{
            Jiffies,
            HZ, //
        }, //
    },
    wire::{
        ethernet::MacAddr,
        ip::Addr, //
    }, //
};
use core::ops::Deref;
use kernel::{
    prelude::*,
    static_lock_class,
    sync::{
        atomic::Relaxed,
        Arc, //
    }, //
};

/// Jiffies between two walks in search of aged entries, if none is due earlier.
pub(crate) const AGE_INTERVAL: usize = HZ.wrapping_mul(10);

/// A flag of an entry that no message carries: a user added it, so that nobody who learned it
/// elsewhere may take it over.
pub(crate) const ADDED_BY_USER: u16 = 0x100;

/// States in which an entry neither ages nor moves.
pub(crate) const STATIC: u16 = state::PERMANENT | state::NOARP;

/// What an entry is found by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// The station, or the group, or zero for all that have no entry of their own.
    pub(crate) mac: MacAddr,
    /// The VNI, as netlink gave it.
    pub(crate) vni: u32,
}

impl Key {
    /// Returns the key of a station's entry. Only a device that is told the VNI with each packet has
    /// entries of more than one VNI.
    #[inline]
    pub(crate) fn new(config: &Config, mac: MacAddr, vni: u32) -> Self {
        Self {
            mac,
            vni: config.table(vni),
        }
    }
}

impl TableKey for Key {
    #[inline]
    fn words(&self) -> [u32; 3] {
        let [a, b, c, d, e, f] = self.mac.octets();
        [
            u32::from_ne_bytes([a, b, c, d]),
            u32::from_ne_bytes([e, f, 0, 0]),
            self.vni,
        ]
    }
}

/// Where packets are sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    /// The remote VTEP, or a group.
    pub(crate) addr: Addr,
    /// Its UDP port, in host order, 0 for the device's.
    pub(crate) port: u16,
    /// The VNI to send, as netlink gave it; the header has room for 24 bits of it.
    pub(crate) vni: u32,
    /// The device to send by, 0 for any.
    pub(crate) ifindex: u32,
}

impl Target {
    /// The lowest of all.
    pub(crate) const FIRST: Self = Self {
        addr: Addr::V4([0; 4]),
        port: 0,
        vni: 0,
        ifindex: 0,
    };
}

/// That an entry points at a VTEP.
pub(crate) struct Pointer(Arc<Vtep>);

impl AtomicDrop for Pointer {}

impl Identified for Pointer {
    fn identity(&self) -> usize {
        identity(&self.0)
    }
}

/// Returns what tells the remotes of an entry apart: a device has one VTEP for each target.
pub(crate) fn identity(vtep: &Arc<Vtep>) -> usize {
    core::ptr::from_ref::<Vtep>(vtep).addr()
}

impl Deref for Pointer {
    type Target = Vtep;

    #[inline]
    fn deref(&self) -> &Vtep {
        &self.0
    }
}

/// One of the VTEPs that an entry points at.
pub(crate) type Remote = Member<Pointer>;

impl Remote {
    pub(crate) fn item(vtep: Arc<Vtep>, offloaded: bool) -> Result<Item<Pointer>> {
        let item = Item::new(Pointer(vtep), GFP_ATOMIC)?;
        item.set_offloaded(offloaded);
        Ok(item)
    }

    /// Returns whether a switch has taken the entry over.
    pub(crate) fn is_offloaded(&self) -> bool {
        self.tag().load(Relaxed) != 0
    }

    pub(crate) fn set_offloaded(&self, offloaded: bool) {
        self.tag().store(u32::from(offloaded), Relaxed);
    }
}

/// An entry.
#[pin_data]
pub(crate) struct Entry {
    pub(crate) key: Key,
    /// State in the high half, flags in the low one.
    pub(crate) kind: Word<u32>,
    /// When the entry was last confirmed by a packet received, or changed.
    pub(crate) updated: Word<usize>,
    /// When the entry was last used by a packet sent.
    pub(crate) used: Word<usize>,
    /// The nexthop that packets are sent by. Then there are no remotes, or they do not count.
    pub(crate) nexthop: NexthopCell,
    /// The remotes, none only if there is a nexthop.
    #[pin]
    pub(crate) remotes: RcuSet<Pointer>,
}

impl AtomicDrop for Entry {}

impl Entry {
    /// Returns the state, `NUD_*`.
    pub(crate) fn state(&self) -> u16 {
        (self.kind.get() >> 16) as u16
    }

    /// Returns the flags, `NTF_*` and [`ADDED_BY_USER`].
    pub(crate) fn flags(&self) -> u16 {
        self.kind.get() as u16
    }

    pub(crate) fn set_kind(&self, state: u16, flags: u16) {
        self.kind.set(pack(state, flags));
    }

    /// Returns when the entry was last confirmed or changed.
    pub(crate) fn updated(&self) -> Jiffies {
        Jiffies::from_raw(self.updated.get())
    }

    /// Returns when the entry was last used.
    pub(crate) fn used(&self) -> Jiffies {
        Jiffies::from_raw(self.used.get())
    }

    /// Returns the jiffies since the entry was last confirmed.
    pub(crate) fn idle(&self) -> usize {
        // The entry may be confirmed at any moment: the clock is read after, so that it is not behind.
        let updated = self.updated();
        Jiffies::now().since(updated)
    }

    pub(crate) fn confirm(&self) {
        touch(&self.updated);
    }

    pub(crate) fn is_static(&self) -> bool {
        self.state() & STATIC != 0
    }

    /// Returns the remote that the entry is shown with, none if it has a nexthop.
    pub(crate) fn shown<'a>(&'a self, reader: &'a impl RcuProof) -> Option<&'a Remote> {
        if self.nexthop.is_set() {
            return None;
        }
        self.remotes.first(reader)
    }

    pub(crate) fn ages(&self) -> bool {
        !self.is_static() && self.flags() & flag::EXT_LEARNED == 0
    }
}

pub(crate) fn pack(state: u16, flags: u16) -> u32 {
    u32::from(state) << 16 | u32::from(flags)
}

/// Notes the present moment, without writing to a shared cache line when it is noted already.
#[inline]
fn touch(moment: &Word<usize>) {
    let now = Jiffies::now().get();
    if moment.get() != now {
        moment.set(now);
    }
}

/// The table of a device.
#[pin_data]
pub(crate) struct Fdb {
    #[pin]
    pub(crate) table: Table<Key, Entry>,
    /// The VTEPs that entries point at.
    #[pin]
    pub(crate) vteps: Vteps,
    #[pin]
    pub(crate) by_nexthop: ByNexthop,
}

/// The table, locked.
pub(crate) type Locked<'a> = TableGuard<'a, Key, Entry>;

impl Fdb {
    /// Makes an empty table.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            table <- Table::new(c"vxlan::Fdb", static_lock_class!()),
            vteps <- Vteps::new(),
            by_nexthop <- ByNexthop::new(),
        }? Error)
    }

    /// Finds an entry.
    #[inline]
    pub(crate) fn find<'a>(&'a self, key: &Key, reader: &'a impl RcuProof) -> Option<&'a Entry> {
        self.table
            .lookup(key, reader)
            .map(|entry| -> &Entry { entry })
    }

    /// As [`Fdb::find`], for a packet to be sent: the entry counts as used.
    #[inline]
    pub(crate) fn find_for_packet<'a>(
        &'a self,
        key: &Key,
        softirq: &'a Softirq<'_>,
    ) -> Option<&'a Entry> {
        let entry = self.find(key, softirq)?;
        touch(&entry.used);
        Some(entry)
    }

    /// Removes an entry, of which `last` is told before.
    pub(crate) fn remove(
        &self,
        table: &mut Locked<'_>,
        key: &Key,
        last: impl FnOnce(&Entry, &Locked<'_>),
    ) {
        let Some(entry) = table.find(key) else {
            return;
        };
        last(entry, table);
        if let Some(id) = entry.nexthop.load(table).map(Nexthop::id) {
            self.by_nexthop.remove(id, key);
        }
        for remote in entry.remotes.iter(table) {
            self.vteps.release(remote);
        }
        drop(table.remove(key));
    }

    /// Walks the entries from a place on, the newest first.
    pub(crate) fn iter_from<'a>(
        &'a self,
        from: Position,
        reader: &'a impl RcuProof,
    ) -> table::Iter<'a, Entry> {
        self.table.iter_from(from, reader)
    }
}
