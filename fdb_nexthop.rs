// SPDX-License-Identifier: GPL-2.0

//! Entries that have a nexthop in place of remotes.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    fdb::{
        Entry,
        Key,
        Locked, //
    },
    net::{
        device::NetDev,
        lock::SpinLockBh,
        netlink::ExtAck,
        netns::Net,
        nexthop::{
            Nexthop,
            NexthopRef, //
        },
        rcu::RcuProof,
        register::Devices,
        rtnl::Rtnl,
        time::give_way, //
    },
    wire::{
        ethernet::MacAddr,
        ip::Family, //
    }, //
};
use kernel::{
    alloc::flags::GFP_ATOMIC,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    static_lock_class,
    sync::{
        lock::Lock,
        rcu, //
    }, //
};

/// How many entries are removed without giving up the CPU.
const SLICE: usize = 128;

/// The entries of a device that have a nexthop, by its id.
#[pin_data]
pub(crate) struct ByNexthop {
    /// Taken within the lock of the forwarding table.
    #[pin]
    listed: SpinLockBh<RBTree<(u32, Key), ()>>,
}

impl ByNexthop {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            listed <- Lock::new(RBTree::new(), c"vxlan::ByNexthop", static_lock_class!()),
        })
    }

    pub(crate) fn list(&self, room: RBTreeNode<(u32, Key), ()>) {
        drop(self.listed.lock().insert(room));
    }

    pub(crate) fn remove(&self, id: u32, key: &Key) {
        drop(self.listed.lock().remove_node(&(id, *key)));
    }

    /// Returns an entry that has the nexthop.
    fn any_of(&self, id: u32) -> Option<Key> {
        const FIRST: Key = Key {
            mac: MacAddr::ZERO,
            vni: 0,
        };
        let mut listed = self.listed.lock();
        let found = listed.cursor_lower_bound_mut(&(id, FIRST))?;
        let ((of, key), ()) = found.current();
        (*of == id).then_some(*key)
    }
}

/// A nexthop for an entry, and the room to list the entry by it.
pub(crate) struct Chosen {
    pub(crate) nexthop: NexthopRef,
    pub(crate) room: RBTreeNode<(u32, Key), ()>,
}

/// Finds the nexthop for an entry (`vxlan_fdb_nh_update`): the same checks in the same order.
pub(crate) fn choose(
    dev: &NetDev<Device>,
    config: &Config,
    key: &Key,
    id: u32,
    reader: &impl RcuProof,
    ack: &ExtAck<'_>,
) -> Result<Chosen> {
    let refuse = |text, errno| {
        ack.message(text);
        Err(errno)
    };
    let found = dev
        .link_net(reader)
        .and_then(|net| Nexthop::find(net, id, reader));
    let Some(found) = found else {
        return refuse("Nexthop id does not exist", EINVAL);
    };
    let Some(nexthop) = found.hold() else {
        return refuse("Nexthop has been deleted", EINVAL);
    };
    if !nexthop.is_fdb(reader) {
        return refuse("Nexthop is not a fdb nexthop", EINVAL);
    }
    if !nexthop.is_multipath(reader) {
        return refuse("Nexthop is not a multipath group", EINVAL);
    }
    if nexthop.has_v4(reader) != (config.family() == Family::V4) {
        return refuse("Nexthop group family not supported", EAFNOSUPPORT);
    }
    let room = RBTreeNode::new((id, *key), (), GFP_ATOMIC)?;
    Ok(Chosen { nexthop, room })
}

/// Gives an entry another nexthop. Returns whether that changes it.
pub(crate) fn exchange(
    dev: &NetDev<Device>,
    config: &Config,
    entry: &Entry,
    id: u32,
    table: &Locked<'_>,
    ack: &ExtAck<'_>,
) -> Result<bool> {
    let old = entry.nexthop.load(table).map(Nexthop::id);
    if old == Some(id) {
        return Ok(false);
    }
    let Chosen { nexthop, room } = choose(dev, config, &entry.key, id, table, ack)?;
    dev.fdb.by_nexthop.list(room);
    drop(entry.nexthop.replace(Some(nexthop)));
    if let Some(old) = old {
        dev.fdb.by_nexthop.remove(old, &entry.key);
    }
    Ok(true)
}

/// A nexthop ends: the entries that have it go, and nobody is told (`vxlan_fdb_nh_flush`).
pub(crate) fn flush(net: &Net, id: u32, _rtnl: &Rtnl<'_>) {
    loop {
        let guard = rcu::read_lock();
        let concerned = Devices::of(net)
            .iter(&guard)
            .find(|dev: &&NetDev<Device>| dev.fdb.by_nexthop.any_of(id).is_some())
            .map(NetDev::hold);
        drop(guard);
        let Some(dev) = concerned else {
            return;
        };
        while flush_slice(&dev, id) {
            give_way();
        }
    }
}

/// Removes some of a device's entries. Returns whether there may be more.
fn flush_slice(dev: &NetDev<Device>, id: u32) -> bool {
    for _ in 0..SLICE {
        let mut table = dev.fdb.table.lock();
        let Some(key) = dev.fdb.by_nexthop.any_of(id) else {
            return false;
        };
        dev.fdb.remove(&mut table, &key, |_, _| ());
        // Whatever the table says, the entry is not listed again.
        dev.fdb.by_nexthop.remove(id, &key);
    }
    true
}
