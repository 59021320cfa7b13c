// SPDX-License-Identifier: GPL-2.0

//! Who has which VNI: what no two devices of a namespace may share, up or down.

#![forbid(unsafe_code)]

use crate::{
    config::{
        Config,
        Flags, //
    },
    device::Device,
    net::{
        device::{
            DevRef,
            NetDev, //
        },
        netns::Net,
        rcu::Softirq,
        register::Devices,
        table::{
            NewEntry,
            Table,
            TableKey, //
        }, //
    },
    wire::{
        ip::Family,
        vxlan::Vni, //
    }, //
};
use kernel::{
    prelude::*,
    static_lock_class,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        rcu, //
    }, //
};

/// What no two devices of a namespace may share.
#[derive(Clone, Copy)]
struct Key {
    vni: Vni,
    port: u16,
    /// Of [`Flags::RECEIVE`] and [`Flags::IPV6`] what is on.
    flags: Flags,
    /// As [`Config::scope`].
    scope: u32,
}

impl Key {
    fn of(config: &Config) -> Self {
        Self {
            vni: config.vni,
            port: config.port,
            flags: config.flags.and(Flags::RECEIVE.with(Flags::IPV6)),
            scope: config.scope(),
        }
    }

    /// The words of the key, whatever the scope.
    fn unscoped(self) -> [u32; 3] {
        Self { scope: 0, ..self }.words()
    }
}

impl TableKey for Key {
    /// The VNI has 24 bits, and the flags no more than 18.
    fn words(&self) -> [u32; 3] {
        let [high, low] = self.port.to_be_bytes().map(|octet| u32::from(octet) << 24);
        [high | self.vni.get(), low | self.flags.bits(), self.scope]
    }
}

/// The devices of a namespace, up or down, by what must be unique.
#[pin_data]
pub(crate) struct Owners {
    #[pin]
    table: Table<Key, DevRef<Device>>,
    /// How many of them have a scope.
    scoped: Atomic<u32>,
}

impl Owners {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            table <- Table::new(c"vxlan::Owners", static_lock_class!()),
            scoped: Atomic::new(0),
        }? Error)
    }

    /// Returns the device of the namespace, which is `net`, that excludes one of `config`
    /// (`vxlan_vni_in_use`): it has the same VNI, port, family and receive flags, and unless both are
    /// told apart by the link of their link-local addresses. `dev`, whose configuration may be about to
    /// become this one, does not count.
    pub(crate) fn find(
        &self,
        net: &Net,
        config: &Config,
        dev: Option<&NetDev<Device>>,
    ) -> Option<DevRef<Device>> {
        let guard = rcu::read_lock();
        let key = Key::of(config);
        let other = |owner: &&NetDev<Device>| !dev.is_some_and(|dev| owner.is(dev));
        let find = |scope| {
            let found = self.table.lookup(&Key { scope, ..key }, &guard)?;
            Some(found)
                .map(|dev| -> &NetDev<Device> { dev })
                .filter(other)
        };
        let owner = match key.scope {
            // One that takes the packets of all links excludes all others.
            0 => find(0).or_else(|| {
                let mut scoped = Devices::of(net).iter(&guard).filter(other);
                (self.scoped.load(Relaxed) != 0)
                    .then(|| {
                        scoped.find(|dev| Key::of(dev.config(&guard)).unscoped() == key.words())
                    })
                    .flatten()
            }),
            scope => find(scope)
                .or_else(|| find(0).filter(|dev| dev.config(&guard).ifindex == config.ifindex)),
        };
        owner.map(NetDev::hold)
    }

    /// Notes that `dev` has its VNI and port.
    pub(crate) fn claim(&self, config: &Config, dev: &NetDev<Device>) -> Result {
        let key = Key::of(config);
        let entry = NewEntry::of(&key, dev.hold(), GFP_KERNEL)?;
        self.table.lock().insert(entry)?;
        if key.scope != 0 {
            self.scoped.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Takes back what [`Owners::claim`] noted, if it did so for `dev`.
    pub(crate) fn release(&self, config: &Config, dev: &NetDev<Device>) {
        let key = Key::of(config);
        let mut table = self.table.lock();
        if table.find(&key).is_some_and(|owner| owner.is(dev)) {
            drop(table.remove(&key));
            if key.scope != 0 {
                self.scoped.fetch_sub(1, Relaxed);
            }
        }
    }

    /// Finds the device that a packet of `config` to this very host, port and VNI would reach, None
    /// unless it is up and its socket is bound as `ifindex` says.
    pub(crate) fn local_device<'a>(
        &'a self,
        config: &Config,
        vni: Vni,
        port: u16,
        ifindex: u32,
        softirq: &'a Softirq<'_>,
    ) -> Option<&'a NetDev<Device>> {
        let vni = match config.flags.has(Flags::COLLECT_METADATA) {
            true => Vni::ZERO,
            false => vni,
        };
        let flags = config.flags.and(Flags::RECEIVE.with(Flags::IPV6));
        let find = |scope| {
            let key = Key {
                vni,
                port,
                flags,
                scope,
            };
            self.table.lookup(&key, softirq)
        };
        let dev: &NetDev<Device> = match config.family() {
            Family::V4 => find(0)?,
            Family::V6 => find(ifindex).or_else(|| find(0))?,
        };
        let socket = dev.sender(config.family(), softirq)?.socket(softirq)?;
        (socket.bound_ifindex() == ifindex).then_some(dev)
    }
}
