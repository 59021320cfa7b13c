// SPDX-License-Identifier: GPL-2.0

//! The start of a device's private data as C knows it.
//!
//! Other drivers recognise the kind by its name and read `struct vxlan_dev` of `<net/vxlan.h>` there
//! (mlx5 the lower device, mlxsw the configuration). What stands there is a copy for them: [`publish_new`]
//! and [`publish_change`] are its only writers, and the data path does not read it.

use crate::{
    config::{
        Config,
        Flags, //
    },
    device::Device,
    net::{
        device::NetDev,
        mirror,
        netns::Net,
        register::Allocated,
        rtnl::Rtnl,
        switchdev, //
    },
    wire::ip::Addr, //
};
use kernel::ffi::{
    c_int,
    c_void, //
};

/// `struct vxlan_dev`.
pub(crate) type Prefix = mirror::VxlanDev;

/// Copies the configuration of a device to where C reads it, before the device is registered: then
/// nobody reads it yet. `mtu` is the one that was asked for, if any.
pub(crate) fn publish_new(
    dev: &mut Allocated<'_, Device>,
    config: &Config,
    mtu: Option<u32>,
    net: &Net,
) {
    let prefix = dev.abi();
    // SAFETY: The prefix is valid as long as the device, which is ours alone.
    unsafe {
        (*prefix).dev = dev.as_ptr();
        (*prefix).net = net.as_ptr();
        (*prefix).cfg.mtu = mtu.unwrap_or(0) as c_int;
        write(prefix, config);
    }
}

/// Copies a changed configuration. Those who read it hold RTNL too.
pub(crate) fn publish_change(dev: &NetDev<Device>, config: &Config, rtnl: &Rtnl<'_>) {
    // SAFETY: The prefix is valid as long as the device, and RTNL keeps all others off it.
    unsafe { write(dev.abi(rtnl), config) };
}

/// # Safety
///
/// `prefix` is valid, and nobody else uses it now.
unsafe fn write(prefix: *mut Prefix, config: &Config) {
    const { assert!(numbers_agree()) };
    let remote = address(config.remote);
    // SAFETY: By this function's contract.
    unsafe {
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
        (*cfg).label = config.label.to_be();
        (*cfg).label_policy = config.label_policy as u32;
        (*cfg).flags = config.flags.bits();
        (*cfg).age_interval = config.age_interval as usize;
        (*cfg).addrmax = config.limit;
        (*cfg).df = config.df as u32;
        (*cfg).reserved_bits = mirror::reserved(config.reserved.octets());
        let default = &raw mut (*prefix).default_dst;
        (*default).remote_ip = remote;
        (*default).remote_vni = config.vni.get().to_be();
        (*default).remote_ifindex = config.ifindex;
    }
}

fn address(addr: Addr) -> mirror::VxlanAddr {
    let mut value: mirror::VxlanAddr = pin_init::zeroed();
    match addr {
        Addr::V4(octets) => {
            value.sin.sin_family = mirror::AF_INET;
            value.sin.sin_addr.s_addr = u32::from_ne_bytes(octets);
        }
        Addr::V6(octets) => {
            value.sin6.sin6_family = mirror::AF_INET6;
            value.sin6.sin6_addr.in6_u.u6_addr8 = octets;
        }
    }
    value
}

/// Whether the options have the numbers that C knows them by.
const fn numbers_agree() -> bool {
    let numbers = [
        (Flags::LEARN, mirror::F_LEARN),
        (Flags::PROXY, mirror::F_PROXY),
        (Flags::RSC, mirror::F_RSC),
        (Flags::L2MISS, mirror::F_L2MISS),
        (Flags::L3MISS, mirror::F_L3MISS),
        (Flags::IPV6, mirror::F_IPV6),
        (Flags::UDP_ZERO_CSUM_TX, mirror::F_UDP_ZERO_CSUM_TX),
        (Flags::UDP_ZERO_CSUM6_TX, mirror::F_UDP_ZERO_CSUM6_TX),
        (Flags::UDP_ZERO_CSUM6_RX, mirror::F_UDP_ZERO_CSUM6_RX),
        (Flags::REMCSUM_TX, mirror::F_REMCSUM_TX),
        (Flags::REMCSUM_RX, mirror::F_REMCSUM_RX),
        (Flags::GBP, mirror::F_GBP),
        (Flags::REMCSUM_NOPARTIAL, mirror::F_REMCSUM_NOPARTIAL),
        (Flags::COLLECT_METADATA, mirror::F_COLLECT_METADATA),
        (Flags::GPE, mirror::F_GPE),
        (Flags::IPV6_LINKLOCAL, mirror::F_IPV6_LINKLOCAL),
        (Flags::TTL_INHERIT, mirror::F_TTL_INHERIT),
        (Flags::VNIFILTER, mirror::F_VNIFILTER),
        (Flags::LOCALBYPASS, mirror::F_LOCALBYPASS),
        (Flags::MC_ROUTE, mirror::F_MC_ROUTE),
    ];
    let mut i = 0;
    while i < numbers.len() {
        if numbers[i].0.bits() != numbers[i].1 {
            return false;
        }
        i += 1;
    }
    true
}

/// `vxlan_fdb_find_uc()` without what C does for it (net/shim_fdb.c).
///
/// # Safety
///
/// See [`switchdev::find`].
#[no_mangle]
unsafe extern "C" fn vxlan_rs_fdb_find(
    dev: *mut mirror::NetDevice,
    mac: *const u8,
    vni: u32,
    info: *mut mirror::FdbInfo,
) -> c_int {
    // SAFETY: By this function's contract.
    unsafe { switchdev::find::<Device>(dev, mac, vni, info) }
}

/// `vxlan_fdb_replay()`, likewise.
///
/// # Safety
///
/// See [`switchdev::replay`].
#[no_mangle]
unsafe extern "C" fn vxlan_rs_fdb_replay(
    dev: *mut mirror::NetDevice,
    vni: u32,
    show: unsafe extern "C" fn(*mut c_void, *const mirror::FdbInfo) -> c_int,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: By this function's contract.
    unsafe { switchdev::replay::<Device>(dev, vni, show, arg) }
}

/// `vxlan_fdb_clear_offload()`, likewise.
///
/// # Safety
///
/// See [`switchdev::unmark_all`].
#[no_mangle]
unsafe extern "C" fn vxlan_rs_fdb_unmark(dev: *mut mirror::NetDevice, vni: u32) {
    // SAFETY: By this function's contract.
    unsafe { switchdev::unmark_all::<Device>(dev, vni) }
}
