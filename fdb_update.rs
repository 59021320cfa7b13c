// SPDX-License-Identifier: GPL-2.0

//! Changes to the forwarding table by user space: add, append, replace, delete.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    fdb::{
        identity,
        pack,
        Entry,
        Key,
        Locked,
        Pointer,
        Remote,
        Target,
        ADDED_BY_USER,
        STATIC, //
    },
    fdb_nexthop,
    fdb_notify,
    fdb_switch::{
        self,
        Audience, //
    },
    fdb_vtep::Claim,
    net::{
        device::NetDev,
        neigh::{
            flag,
            mode,
            state,
            Kind, //
        },
        netlink::ExtAck,
        nexthop::{
            NexthopCell,
            NexthopRef, //
        },
        once::Word,
        set::{
            Identified,
            Item,
            RcuSet, //
        },
        table::{
            self,
            NewEntry, //
        },
        time::Jiffies, //
    },
    wire::ethernet::MacAddr, //
};
use kernel::prelude::*;

/// A change to one entry.
pub(crate) struct Update {
    pub(crate) mac: MacAddr,
    /// The VNI of an entry that is made anew.
    pub(crate) source_vni: u32,
    pub(crate) target: Target,
    /// The id of a nexthop in place of the target, 0 for none.
    pub(crate) nexthop: u32,
    /// `NUD_*`.
    pub(crate) state: u16,
    /// `NTF_*` and [`ADDED_BY_USER`].
    pub(crate) flags: u16,
    /// `NLM_F_*`.
    pub(crate) mode: u16,
    /// Who is told.
    pub(crate) audience: Audience,
}

/// Makes or changes an entry as the netlink mode says, and notifies (`vxlan_fdb_update`).
///
/// Fails, and changes nothing, with EEXIST, ENOENT, ENOSPC at the limit, EOPNOTSUPP for what the mode
/// cannot do to this kind of entry, ENOMEM.
pub(crate) fn update(
    dev: &NetDev<Device>,
    config: &Config,
    update: &Update,
    ack: &ExtAck<'_>,
) -> Result {
    let mut table = dev.fdb.table.lock();
    change(dev, config, &mut table, update, ack)
}

pub(crate) fn change(
    dev: &NetDev<Device>,
    config: &Config,
    table: &mut Locked<'_>,
    update: &Update,
    ack: &ExtAck<'_>,
) -> Result {
    let key = Key::new(config, update.mac, update.source_vni);
    match table.find(&key) {
        Some(_) if update.mode & mode::EXCL != 0 => Err(EEXIST),
        Some(entry) => change_existing(dev, config, table, entry, update, ack),
        None if update.mode & mode::CREATE == 0 => Err(ENOENT),
        None => insert(dev, config, table, update, ack),
    }
}

/// Whether an entry may have many remotes, to which packets are replicated: groups and the default.
fn replicates(mac: MacAddr) -> bool {
    mac.is_multicast() || mac.is_zero()
}

fn change_existing(
    dev: &NetDev<Device>,
    config: &Config,
    table: &Locked<'_>,
    entry: &table::Entry<Entry>,
    update: &Update,
    ack: &ExtAck<'_>,
) -> Result {
    check_nexthop(entry, update, ack)?;
    let replace = update.mode & mode::REPLACE != 0;
    if replace && replicates(update.mac) {
        ack.message("Cannot replace non-unicast fdb entries");
        return Err(EOPNOTSUPP);
    }
    let append = update.mode & mode::APPEND != 0 && replicates(update.mac);
    let exchanged = replace
        && update.nexthop != 0
        && fdb_nexthop::exchange(dev, config, entry, update.nexthop, table, ack)?;
    let claim = if update.nexthop == 0 && (append || replace && !entry.nexthop.is_set()) {
        claim_new(dev, table, entry, &update.target)?
    } else {
        None
    };
    let added = claim.is_some();

    let before = (entry.state(), entry.flags());
    let flags = update.flags & !flag::USE;
    // What was learned elsewhere does not take over what a user added.
    let takes_over = flags & flag::EXT_LEARNED == 0 || entry.flags() & ADDED_BY_USER == 0;
    let changed = takes_over && before != (update.state, flags);
    if changed {
        entry.set_kind(update.state, flags);
    }
    let told = match claim {
        Some(claim) => add_remote(dev, table, entry, claim, replace, update.audience, ack),
        None => Ok(entry.shown(table)),
    };
    let told = told.and_then(|told| {
        // What was added has been offered.
        if let (Some(told), true, false) = (told, changed, added) {
            fdb_switch::offer(dev, entry, told, update.audience, ack)?;
        }
        Ok(told)
    });
    let told = told.inspect_err(|_| entry.set_kind(before.0, before.1))?;
    table.mark(entry, entry.ages());
    let changed = changed || added || exchanged;
    if changed || update.flags & flag::USE != 0 {
        entry.confirm();
    }
    if changed {
        fdb_notify::tell(dev, config, entry, told, Kind::New, table);
    }
    Ok(())
}

/// Has an entry point at one more VTEP, or at another if it is to be replaced. Returns the remote that
/// users are told of. If a switch refuses it, the entry is as before.
fn add_remote<'a>(
    dev: &NetDev<Device>,
    table: &'a Locked<'_>,
    entry: &'a Entry,
    claim: Claim<'_>,
    replace: bool,
    audience: Audience,
    ack: &ExtAck<'_>,
) -> Result<Option<&'a Remote>> {
    let item = Remote::item(claim.vtep().clone(), false)?;
    let identity = item.identity();
    if replace {
        fdb_switch::offer(dev, entry, &item, audience, ack)?;
        put_in_place(dev, entry, item, table)?;
    } else {
        entry.remotes.push_back(item, table)?;
    }
    let remote = entry.remotes.find(identity, table)?;
    if let (Some(remote), false) = (remote, replace) {
        if let Err(refusal) = fdb_switch::offer(dev, entry, remote, audience, ack) {
            drop(entry.remotes.remove(identity, table)?);
            return Err(refusal);
        }
    }
    claim.keep();
    Ok(remote)
}

/// An entry with a nexthop keeps one, and no other entry gets one.
fn check_nexthop(entry: &Entry, update: &Update, ack: &ExtAck<'_>) -> Result {
    let has = entry.nexthop.is_set();
    let text = if update.nexthop != 0 && !has {
        "Cannot replace an existing non nexthop fdb with a nexthop"
    } else if update.nexthop != 0 && update.mode & mode::APPEND != 0 {
        "Cannot append to a nexthop fdb"
    } else if has && update.state & STATIC == 0 {
        "Cannot make a nexthop fdb dynamic"
    } else {
        return Ok(());
    };
    ack.message(text);
    Err(EOPNOTSUPP)
}

/// Claims the VTEP of a target for an entry, unless the entry points at it.
fn claim_new<'a>(
    dev: &'a NetDev<Device>,
    table: &Locked<'_>,
    entry: &Entry,
    target: &Target,
) -> Result<Option<Claim<'a>>> {
    let claim = dev.fdb.vteps.claim(target)?;
    let known = entry.remotes.find(identity(claim.vtep()), table)?;
    Ok(known.is_none().then_some(claim))
}

/// Turns an entry to another remote; what is there already is given back.
pub(crate) fn put_in_place(
    dev: &NetDev<Device>,
    entry: &Entry,
    item: Item<Pointer>,
    table: &Locked<'_>,
) -> Result {
    let old = entry.remotes.replace_first(item, table)?;
    dev.fdb.vteps.release(&old);
    Ok(())
}

fn insert(
    dev: &NetDev<Device>,
    config: &Config,
    table: &mut Locked<'_>,
    update: &Update,
    ack: &ExtAck<'_>,
) -> Result {
    // Replacing makes a unicast entry if there is none, but no other.
    if update.mode & mode::REPLACE != 0 && replicates(update.mac) {
        return Err(EOPNOTSUPP);
    }
    if config.limit != 0 && table.len() >= config.limit {
        return Err(ENOSPC);
    }
    let key = Key {
        mac: update.mac,
        vni: update.source_vni,
    };
    if update.nexthop != 0 {
        let chosen = fdb_nexthop::choose(dev, config, &key, update.nexthop, table, ack)?;
        table.insert(new_entry(dev, &key, update, Some(chosen.nexthop))?)?;
        dev.fdb.by_nexthop.list(chosen.room);
    } else {
        let claim = dev.fdb.vteps.claim(&update.target)?;
        let entry = new_entry(dev, &key, update, None)?;
        let first = Remote::item(claim.vtep().clone(), false)?;
        entry.remotes.push_back(first, table)?;
        table.insert(entry)?;
        claim.keep();
    }
    let Some(entry) = table.find(&key) else {
        return Ok(());
    };
    let shown = entry.shown(table);
    let offered = match shown {
        Some(remote) => fdb_switch::offer(dev, entry, remote, update.audience, ack),
        None => Ok(()),
    };
    if offered.is_err() {
        dev.fdb.remove(table, &key, |_, _| ());
        return offered;
    }
    table.mark(entry, entry.ages());
    fdb_notify::tell(dev, config, entry, shown, Kind::New, table);
    Ok(())
}

fn new_entry(
    dev: &NetDev<Device>,
    key: &Key,
    update: &Update,
    nexthop: Option<NexthopRef>,
) -> Result<NewEntry<Entry>> {
    let now = Jiffies::now().get();
    let lock = dev.fdb.table.lock_id();
    let value = try_pin_init!(Entry {
        key: *key,
        kind: Word::new(pack(update.state, update.flags & !flag::USE)),
        updated: Word::new(now),
        used: Word::new(now),
        nexthop: NexthopCell::new(nexthop),
        remotes <- RcuSet::new(lock),
    }? Error);
    NewEntry::new(key, value, GFP_ATOMIC)
}

/// Adds the entry for all that have none of their own, to the configured remote.
pub(crate) fn add_default(dev: &NetDev<Device>, config: &Config, ack: &ExtAck<'_>) -> Result {
    let default = default_update(config, mode::EXCL | mode::CREATE);
    update(dev, config, &default, ack)
}

/// Has that entry lead to the remote of `new` instead of that of `old`; other remotes of it stay. On
/// failure nothing is changed.
pub(crate) fn move_default(
    dev: &NetDev<Device>,
    old: &Config,
    new: &Config,
    ack: &ExtAck<'_>,
) -> Result {
    let mut table = dev.fdb.table.lock();
    if !new.remote.is_any() {
        let default = default_update(new, mode::APPEND | mode::CREATE);
        change(dev, old, &mut table, &default, ack)?;
    }
    if !old.remote.is_any() {
        let target = default_target(old);
        // A user may have removed it: then there is none to remove.
        let key = Key::new(old, MacAddr::ZERO, old.vni.get());
        let _ = delete_locked(dev, old, &mut table, &key, &target, Audience::All);
    }
    Ok(())
}

fn default_target(config: &Config) -> Target {
    Target {
        addr: config.remote,
        port: config.port,
        vni: config.vni.get(),
        ifindex: config.ifindex,
    }
}

fn default_update(config: &Config, mode: u16) -> Update {
    Update {
        mac: MacAddr::ZERO,
        source_vni: config.vni.get(),
        target: default_target(config),
        nexthop: 0,
        state: state::REACHABLE | state::PERMANENT,
        flags: flag::SELF,
        mode,
        audience: Audience::All,
    }
}

/// Removes one remote of an entry, or the entry if it has no other or `target` has no address
/// (`__vxlan_fdb_delete`). Fails with ENOENT if there is no entry; a remote that is not there is none
/// to remove, and no failure.
pub(crate) fn delete(dev: &NetDev<Device>, config: &Config, key: &Key, target: &Target) -> Result {
    let mut table = dev.fdb.table.lock();
    delete_locked(dev, config, &mut table, key, target, Audience::All)
}

pub(crate) fn delete_locked(
    dev: &NetDev<Device>,
    config: &Config,
    table: &mut Locked<'_>,
    key: &Key,
    target: &Target,
    audience: Audience,
) -> Result {
    let entry = table.find(key).ok_or(ENOENT)?;
    if !target.addr.is_any() {
        let vtep = dev.fdb.vteps.find(target);
        let remote = match &vtep {
            Some(vtep) => entry.remotes.find(identity(vtep), table)?,
            None => None,
        };
        let Some(remote) = remote else {
            return Ok(());
        };
        if entry.remotes.len() > 1 {
            return remove_remote(dev, config, table, entry, remote.identity(), audience);
        }
    }
    destroy(dev, config, table, key, audience);
    Ok(())
}

/// Takes one of several remotes from an entry, and tells of it.
pub(crate) fn remove_remote(
    dev: &NetDev<Device>,
    config: &Config,
    table: &Locked<'_>,
    entry: &Entry,
    remote: usize,
    audience: Audience,
) -> Result {
    if let Some(removed) = entry.remotes.remove(remote, table)? {
        tell_gone(dev, config, table, entry, &removed, audience);
        dev.fdb.vteps.release(&removed);
    }
    Ok(())
}

fn tell_gone(
    dev: &NetDev<Device>,
    config: &Config,
    table: &Locked<'_>,
    entry: &Entry,
    remote: &Remote,
    audience: Audience,
) {
    fdb_switch::withdraw(dev, entry, remote, audience);
    fdb_notify::tell(dev, config, entry, Some(remote), Kind::Del, table);
}

/// Removes an entry, and tells of its nexthop or of each of its remotes.
pub(crate) fn destroy(
    dev: &NetDev<Device>,
    config: &Config,
    table: &mut Locked<'_>,
    key: &Key,
    audience: Audience,
) {
    dev.fdb.remove(table, key, |entry, table| {
        if entry.nexthop.is_set() {
            fdb_notify::tell(dev, config, entry, None, Kind::Del, table);
            return;
        }
        for remote in entry.remotes.iter(table) {
            tell_gone(dev, config, table, entry, remote, audience);
        }
    });
}
