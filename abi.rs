// SPDX-License-Identifier: GPL-2.0

//! The start of a device's private data as C knows it.
//!
//! Other drivers recognise the kind by its name and read `struct vxlan_dev` of `<net/vxlan.h>` there
//! (mlx5 the lower device, mlxsw the configuration). What stands there is a copy for them: [`publish`]
//! is its only writer, and the data path does not read it.

use crate::{
    config::Config,
    device::Device,
    net::{
        mirror,
        netns::Net,
        register::Allocated, //
    },
    wire::ip::Addr, //
};

/// `struct vxlan_dev`.
pub(crate) type Prefix = mirror::VxlanDev;

/// Copies the configuration of a device to where C reads it, before the device is registered: then
/// nobody reads it yet.
pub(crate) fn publish(dev: &mut Allocated<'_, Device>, config: &Config, net: &Net) {
    let prefix = dev.abi();
    let remote = address(config.remote);
    // SAFETY: The prefix is valid as long as the device, which is ours alone.
    unsafe {
        (*prefix).dev = dev.as_ptr();
        (*prefix).net = net.as_ptr();
        let cfg = &raw mut (*prefix).cfg;
        (*cfg).remote_ip = remote;
        (*cfg).saddr = address(config.local);
        (*cfg).vni = config.vni.get().to_be();
        (*cfg).remote_ifindex = config.ifindex as i32;
        (*cfg).dst_port = config.port.to_be();
        (*cfg).port_min = config.source_ports.low;
        (*cfg).port_max = config.source_ports.high;
        (*cfg).tos = config.tos;
        (*cfg).ttl = config.ttl;
        (*cfg).flags = flags(config);
        (*cfg).age_interval = config.age_interval as usize;
        (*cfg).addrmax = config.limit;
        let default = &raw mut (*prefix).default_dst;
        (*default).remote_ip = remote;
        (*default).remote_vni = config.vni.get().to_be();
        (*default).remote_ifindex = config.ifindex;
    }
}

fn address(addr: Addr) -> mirror::VxlanAddr {
    let Addr::V4(octets) = addr;
    let mut value: mirror::VxlanAddr = pin_init::zeroed();
    value.sin.sin_family = mirror::AF_INET;
    value.sin.sin_addr.s_addr = u32::from_ne_bytes(octets);
    value
}

fn flags(config: &Config) -> u32 {
    [
        (config.learning, mirror::F_LEARN),
        (!config.udp_csum, mirror::F_UDP_ZERO_CSUM_TX),
        (config.ttl_inherit, mirror::F_TTL_INHERIT),
        (config.local_bypass, mirror::F_LOCALBYPASS),
    ]
    .into_iter()
    .filter(|(on, _)| *on)
    .fold(0, |flags, (_, flag)| flags | flag)
}
