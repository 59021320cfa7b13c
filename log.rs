// SPDX-License-Identifier: GPL-2.0

//! What the driver tells the kernel log about packets, at a limited rate.

#![forbid(unsafe_code)]

use crate::{
    device::Device,
    net::{
        device::NetDev,
        time::may_log, //
    },
    wire::{
        ethernet::MacAddr,
        ip::Addr, //
    }, //
};
use kernel::{
    prelude::*,
    str::BStr, //
};

/// A station has moved from one remote to another.
pub(crate) fn moved(dev: &NetDev<Device>, mac: MacAddr, from: Addr, to: Addr) {
    if !may_log() {
        return;
    }
    let name = dev.name();
    let [m0, m1, m2, m3, m4, m5] = mac.octets();
    let (Addr::V4([f0, f1, f2, f3]), Addr::V4([t0, t1, t2, t3])) = (from, to);
    pr_info!(
        "{}: {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x} migrated from {}.{}.{}.{} to {}.{}.{}.{}\n",
        BStr::from_bytes(name.octets()),
        m0,
        m1,
        m2,
        m3,
        m4,
        m5,
        f0,
        f1,
        f2,
        f3,
        t0,
        t1,
        t2,
        t3,
    );
}

/// The ECN marks of a packet from `source` contradict each other.
pub(crate) fn non_ect(source: Addr, tos: u8) {
    if !may_log() {
        return;
    }
    let Addr::V4([a, b, c, d]) = source;
    pr_info!("non-ECT from {}.{}.{}.{} with TOS={:#x}\n", a, b, c, d, tos);
}
