// SPDX-License-Identifier: GPL-2.0

//! What happens elsewhere and concerns the driver.

#![forbid(unsafe_code)]

use crate::{
    device::Device,
    net::{
        device::{
            AnyDevice,
            NetDev, //
        },
        netns::Net,
        notifier::Events,
        register::Devices,
        rtnl::{
            KillList,
            Rtnl, //
        },
        udp_tunnel::PortOffer, //
    },
    sock, //
};
use kernel::sync::rcu;

/// Events of network devices.
pub(crate) struct NetdeviceEvents;

impl Events for NetdeviceEvents {
    /// A device goes with the one that carries its packets.
    fn unregistering(dev: &AnyDevice, net: &Net, rtnl: &Rtnl<'_>) {
        let ifindex = dev.ifindex();
        let above = |dev: &NetDev<Device>| {
            let guard = rcu::read_lock();
            dev.config(&guard).ifindex == ifindex
        };
        KillList::with(rtnl, |kill| {
            Devices::of(net).dismantle_all(rtnl, kill, above)
        });
    }

    fn udp_tunnel_ports(nic: &AnyDevice, net: &Net, offer: PortOffer, rtnl: &Rtnl<'_>) {
        sock::offer_ports(net, nic, offer, rtnl);
    }
}
