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
        netns::{
            Namespace as _,
            Net, //
        },
        rcu::Softirq,
        register::Devices,
        table::{
            NewEntry,
            TableKey, //
        }, //
    },
    sock::Namespace,
    wire::{
        ip::Family,
        vxlan::Vni, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Relaxed,
        rcu, //
    }, //
};

/// What no two devices of a namespace may share.
#[derive(Clone, Copy)]
pub(crate) struct VniKey {
    vni: Vni,
    port: u16,
    /// Of [`Flags::RECEIVE`] and [`Flags::IPV6`] what is on.
    flags: Flags,
    /// As [`Config::scope`].
    scope: u32,
}

impl VniKey {
    fn of(config: &Config) -> Self {
        Self {
            vni: config.vni,
            port: config.port,
            flags: config.flags.and(Flags::RECEIVE.with(Flags::IPV6)),
            scope: config.scope(),
        }
    }
}

impl VniKey {
    /// The words of the key, whatever the scope.
    fn unscoped(self) -> [u32; 3] {
        Self { scope: 0, ..self }.words()
    }
}

impl TableKey for VniKey {
    /// The VNI has 24 bits, and the flags no more than 18.
    fn words(&self) -> [u32; 3] {
        let [high, low] = self.port.to_be_bytes().map(|octet| u32::from(octet) << 24);
        [high | self.vni.get(), low | self.flags.bits(), self.scope]
    }
}

/// Returns the device of the namespace, up or down, that excludes one of `config`
/// (`vxlan_vni_in_use`): it has the same VNI, port, family and receive flags, and unless both are told
/// apart by the link of their link-local addresses. `dev`, whose configuration may be about to become
/// this one, does not count.
pub(crate) fn vni_owner(
    net: &Net,
    config: &Config,
    dev: Option<&NetDev<Device>>,
) -> Option<DevRef<Device>> {
    let state = Namespace::of(net);
    let guard = rcu::read_lock();
    let key = VniKey::of(config);
    let other = |owner: &&NetDev<Device>| !dev.is_some_and(|dev| owner.is(dev));
    let find = |scope| {
        let found = state.vnis.lookup(&VniKey { scope, ..key }, &guard)?;
        Some(found)
            .map(|dev| -> &NetDev<Device> { dev })
            .filter(other)
    };
    let owner = match key.scope {
        // One that takes the packets of all links excludes all others.
        0 => find(0).or_else(|| {
            let mut scoped = Devices::of(net).iter(&guard).filter(other);
            (state.scoped.load(Relaxed) != 0)
                .then(|| {
                    scoped.find(|dev| VniKey::of(dev.config(&guard)).unscoped() == key.words())
                })
                .flatten()
        }),
        scope => find(scope)
            .or_else(|| find(0).filter(|dev| dev.config(&guard).ifindex == config.ifindex)),
    };
    owner.map(NetDev::hold)
}

/// Notes that `dev` has its VNI and port.
pub(crate) fn claim_vni(net: &Net, config: &Config, dev: &NetDev<Device>) -> Result {
    let key = VniKey::of(config);
    let entry = NewEntry::of(&key, dev.hold(), GFP_KERNEL)?;
    let state = Namespace::of(net);
    state.vnis.lock().insert(entry)?;
    if key.scope != 0 {
        state.scoped.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// Takes back what [`claim_vni`] noted, if it did so for `dev`.
pub(crate) fn release_vni(net: &Net, config: &Config, dev: &NetDev<Device>) {
    let key = VniKey::of(config);
    let state = Namespace::of(net);
    let mut vnis = state.vnis.lock();
    if vnis.find(&key).is_some_and(|owner| owner.is(dev)) {
        drop(vnis.remove(&key));
        if key.scope != 0 {
            state.scoped.fetch_sub(1, Relaxed);
        }
    }
}

/// Finds the device that a packet of `config` to this very host, port and VNI would reach, None
/// unless it is up and its socket is bound as `ifindex` says.
pub(crate) fn local_device<'a>(
    net: &'a Net,
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
    let vnis = &Namespace::of(net).vnis;
    let flags = config.flags.and(Flags::RECEIVE.with(Flags::IPV6));
    let find = |scope| {
        let key = VniKey {
            vni,
            port,
            flags,
            scope,
        };
        vnis.lookup(&key, softirq)
    };
    let dev: &NetDev<Device> = match config.family() {
        Family::V4 => find(0)?,
        Family::V6 => find(ifindex).or_else(|| find(0))?,
    };
    let socket = dev.sender(config.family(), softirq)?.socket(softirq)?;
    (socket.bound_ifindex() == ifindex).then_some(dev)
}
