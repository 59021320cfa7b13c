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
    fmt,
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
    pr_info!(
        "{}: {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x} migrated from {} to {}\n",
        BStr::from_bytes(name.octets()),
        m0,
        m1,
        m2,
        m3,
        m4,
        m5,
        Shown(from),
        Shown(to),
    );
}

/// The ECN marks of a packet from `source` contradict each other.
pub(crate) fn non_ect(source: Addr, tos: u8) {
    if !may_log() {
        return;
    }
    match source {
        Addr::V4(_) => pr_info!("non-ECT from {} with TOS={:#x}\n", Shown(source), tos),
        Addr::V6(_) => pr_info!("non-ECT from {}\n", Shown(source)),
    }
}

/// An address as the kernel's `%pI4` and `%pI6` print it.
struct Shown(Addr);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Addr::V4([a, b, c, d]) => write!(f, "{a}.{b}.{c}.{d}"),
            Addr::V6(octets) => {
                for (index, octet) in octets.into_iter().enumerate() {
                    if index != 0 && index % 2 == 0 {
                        f.write_str(":")?;
                    }
                    write!(f, "{octet:02x}")?;
                }
                Ok(())
            }
        }
    }
}
