// SPDX-License-Identifier: GPL-2.0

//! VXLAN (RFC 7348): a network device driver.
//!
//! Loaded as `vxlan.ko` it takes the place of the kernel's own driver: the same netlink messages, the
//! same packets. The driver's logic is safe code; what is not stands in `net/`.

use crate::{
    net::driver::Driver,
    notify::NetdeviceEvents,
    rtnl::Vxlan, //
};
use kernel::prelude::*;

mod abi;
mod change;
mod config;
mod device;
mod fdb;
mod fdb_age;
mod fdb_flush;
mod fdb_learn;
mod fdb_miss;
mod fdb_nexthop;
mod fdb_nl;
mod fdb_notify;
mod fdb_switch;
mod fdb_update;
mod fdb_vtep;
mod gro;
mod log;
mod mcast;
mod neigh;
mod net;
mod notify;
mod recv;
mod recv_meta;
mod rtnl;
mod sock;
mod vni;
mod wire;
mod xmit;
mod xmit_drop;
mod xmit_header;
mod xmit_meta;

module! {
    type: Module,
    name: "vxlan",
    authors: ["The vxlan_rs developers"],
    description: "Driver for VXLAN encapsulated traffic",
    license: "GPL",
    alias: ["rtnl-link-vxlan"],
}

/// What lives as long as the module is loaded.
#[pin_data]
struct Module {
    #[pin]
    driver: Driver<Vxlan, NetdeviceEvents>,
}

impl kernel::InPlaceModule for Module {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            driver <- Driver::register(),
        }? Error)
    }
}
