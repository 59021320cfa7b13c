// SPDX-License-Identifier: GPL-2.0

//! Membership in the group that a device floods to.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    net::{
        device::NetDev,
        register::Devices,
        rtnl::Rtnl, //
    },
    sock::Socket, //
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// Joins the group of a device that is up, if it has one.
pub(crate) fn join(dev: &NetDev<Device>, config: &Config, rtnl: &Rtnl<'_>) -> Result {
    if !config.remote.is_multicast() {
        return Ok(());
    }
    let socket = dev.socket(config.family(), rtnl).ok_or(ENODEV)?;
    match socket.with_listener(|listener| listener.join(config.remote, config.ifindex, rtnl)) {
        // Another device of the socket is a member already.
        Err(error) if error == EADDRINUSE => Ok(()),
        result => result,
    }
}

/// Leaves the group of a device that is up, unless another device on its socket needs it.
pub(crate) fn leave(dev: &NetDev<Device>, config: &Config, rtnl: &Rtnl<'_>) {
    let Some(socket) = dev.socket(config.family(), rtnl) else {
        return;
    };
    if !config.remote.is_multicast() || needed_by_another(dev, config, &socket, rtnl) {
        return;
    }
    // It fails if the lower device is gone, and the membership with it.
    let _ = socket.with_listener(|listener| listener.leave(config.remote, config.ifindex, rtnl));
}

fn needed_by_another(
    dev: &NetDev<Device>,
    config: &Config,
    socket: &Socket,
    rtnl: &Rtnl<'_>,
) -> bool {
    let net = dev.link_net_rtnl(rtnl);
    let Some(net) = net.filter(|_| socket.users() > 1) else {
        return false;
    };
    let family = config.family();
    let guard = rcu::read_lock();
    let shares_socket =
        |other: &NetDev<Device>| match (dev.sender(family, &guard), other.sender(family, &guard)) {
            (Some(ours), Some(theirs)) => core::ptr::eq(ours, theirs),
            _ => false,
        };
    let needed = Devices::of(net).iter(&guard).any(|other: &NetDev<Device>| {
        let theirs = other.config(&guard);
        !other.is(dev)
            && theirs.remote == config.remote
            && theirs.ifindex == config.ifindex
            && shares_socket(other)
    });
    needed
}
