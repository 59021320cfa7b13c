// SPDX-License-Identifier: GPL-2.0

//! The change of a device's configuration: all of it, or nothing.
//!
//! What can fail comes first, each step with what takes it back; then what cannot.

#![forbid(unsafe_code)]

use crate::{
    abi,
    config::{
        Config,
        Sizes, //
    },
    device::{
        self,
        Device, //
    },
    fdb_update,
    mcast,
    net::{
        device::{
            AnyDevice,
            NetDev, //
        },
        lower::LowerChange,
        netlink::ExtAck,
        netns::Net,
        rcu::Prepared,
        rtnl::Rtnl, //
    },
    sock::ScopeChange, //
};
use kernel::prelude::*;

/// Has a device follow `new` instead of `old`. A change that fails leaves the device, its table, its
/// group, its lower device and its sizes as they were.
pub(crate) fn change(
    dev: &NetDev<Device>,
    old: &Config,
    new: &Config,
    net: &Net,
    rtnl: &Rtnl<'_>,
    ack: &ExtAck<'_>,
) -> Result {
    device::refuse_known_vni(net, new, Some(dev), ack)?;
    let snapshot = Prepared::new(new.clone())?;
    let below = match new.ifindex == old.ifindex {
        true => None,
        false => net.device(new.ifindex, rtnl),
    };
    let Some(below) = below else {
        change_but_lower(dev, old, new, net, rtnl, ack)?;
        publish(dev, old, new, snapshot, None, rtnl);
        return Ok(());
    };
    let link = dev.take_lower(rtnl);
    let change = match LowerChange::prepare(dev, link, below, rtnl, ack) {
        Ok(change) => change,
        Err((error, link)) => {
            dev.set_lower(link, rtnl);
            return Err(error);
        }
    };
    if let Err(error) = change_but_lower(dev, old, new, net, rtnl, ack) {
        dev.set_lower(change.abort(), rtnl);
        return Err(error);
    }
    dev.set_lower(Some(change.commit()), rtnl);
    publish(dev, old, new, snapshot, Some(below), rtnl);
    Ok(())
}

/// Changes all but the link to the lower device that others than the data path see.
fn change_but_lower(
    dev: &NetDev<Device>,
    old: &Config,
    new: &Config,
    net: &Net,
    rtnl: &Rtnl<'_>,
    ack: &ExtAck<'_>,
) -> Result {
    let scope = ScopeChange::prepare(dev, old, new, net, rtnl)?;
    if let Err(error) = change_group_and_default(dev, old, new, rtnl, ack) {
        scope.undo(dev, net);
        return Err(error);
    }
    scope.finish(dev, net);
    Ok(())
}

fn change_group_and_default(
    dev: &NetDev<Device>,
    old: &Config,
    new: &Config,
    rtnl: &Rtnl<'_>,
    ack: &ExtAck<'_>,
) -> Result {
    let moves = old.remote != new.remote;
    let regroups = dev.is_running() && (moves || old.ifindex != new.ifindex);
    // The new group first: the old one could not be had back for sure. At the limit of memberships of
    // a socket (`igmp_max_memberships`) the change fails then, where the stock driver's would not.
    if regroups {
        mcast::join(dev, new, rtnl)?;
    }
    if moves {
        fdb_update::move_default(dev, old, new, ack).inspect_err(|_| {
            if regroups {
                mcast::leave(dev, new, rtnl);
            }
        })?;
    }
    if regroups {
        mcast::leave(dev, old, rtnl);
    }
    Ok(())
}

/// Has everybody see the new configuration. Cannot fail.
fn publish(
    dev: &NetDev<Device>,
    old: &Config,
    new: &Config,
    snapshot: Prepared<Config>,
    below: Option<&AnyDevice>,
    rtnl: &Rtnl<'_>,
) {
    if let Some(below) = below {
        let lower = device::rules_of(below, rtnl);
        let mtu = dev.mtu();
        let sizes = Sizes::new(mtu, Some(mtu), new, Some(&lower));
        dev.inherit(below, rtnl);
        dev.set_sizes(sizes.mtu, sizes.needed_headroom, rtnl);
    }
    abi::publish_change(dev, new, rtnl);
    dev.publish(snapshot, rtnl);
    if old.local != new.local {
        // A cached route brings its source address along, and packets under way cache some yet.
        rtnl.wait_for_packets();
        dev.fdb.vteps.forget_routes();
    }
    if dev.is_running() && old.age_interval != new.age_interval {
        // The work finds out when the next entry is due.
        dev.schedule(0);
    }
}
