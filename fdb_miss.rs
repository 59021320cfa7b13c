// SPDX-License-Identifier: GPL-2.0

//! Notifications that something is not in the table: user space may then add it (`l2miss`, `l3miss`).
//!
//! They are `RTM_GETNEIGH` messages, as if the kernel asked.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    fdb_notify::{
        put_addr,
        put_link_net,
        put_times, //
    },
    net::{
        device::NetDev,
        neigh::{
            self,
            attr,
            state,
            CacheInfo,
            Kind,
            Neigh, //
        },
        netlink::{
            attr_size,
            Message, //
        },
        rcu::Softirq,
        time::Jiffies, //
    },
    wire::{
        ethernet::{
            MacAddr,
            ADDR_LEN, //
        },
        ip::{
            Addr,
            Family, //
        }, //
    }, //
};
use kernel::prelude::*;

/// The VNI that a message about an IP address carries, `VXLAN_N_VID`: none of those there are.
const NO_VNI: u32 = 1 << 24;

/// Tells that no remote is known for a station.
pub(crate) fn unknown_station(
    dev: &NetDev<Device>,
    config: &Config,
    station: MacAddr,
    softirq: &Softirq<'_>,
) {
    notify(dev, Family::V4, softirq, |message| {
        if !station.is_zero() {
            message.put(attr::LLADDR, &station.octets())?;
        }
        // The message is about VNI 0, which is left out if it is the device's own.
        if config.vni.get() != 0 {
            message.put(attr::VNI, &0u32.to_ne_bytes())?;
        }
        Ok(())
    });
}

/// Tells that no station is known to have an IP address.
pub(crate) fn unknown_ip(dev: &NetDev<Device>, addr: Addr, softirq: &Softirq<'_>) {
    // Nothing is named of the unspecified address, not even its family.
    let family = match addr.is_any() {
        true => Family::V4,
        false => addr.family(),
    };
    notify(dev, family, softirq, |message| {
        match addr {
            _ if addr.is_any() => {}
            addr => put_addr(message, addr)?,
        }
        message.put(attr::VNI, &NO_VNI.to_ne_bytes())
    });
}

fn notify(
    dev: &NetDev<Device>,
    family: Family,
    softirq: &Softirq<'_>,
    about: impl FnOnce(&mut Message<'_>) -> Result,
) {
    const SIZE: usize = attr_size(4)
        + attr_size(ADDR_LEN)
        + attr_size(16)
        + attr_size(4)
        + attr_size(CacheInfo::LEN);
    let header = Neigh {
        family: neigh::family(family),
        state: state::STALE,
        flags: 0,
        ifindex: dev.ifindex(),
    };
    let net = dev.net(softirq);
    if !neigh::has_listeners(net) {
        return;
    }
    neigh::notify(net, Kind::Get, &header, SIZE, |message| {
        put_link_net(message, dev, softirq)?;
        about(message)?;
        // There is no entry that was ever used or changed: the times are those since zero.
        put_times(message, Jiffies::from_raw(0), Jiffies::from_raw(0))
    });
}
