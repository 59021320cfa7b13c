// SPDX-License-Identifier: GPL-2.0

//! All that a driver of a link kind registers, in the one order that is safe.

use super::{
    device::NetDevice,
    layout,
    netns::Pernet,
    notifier::{
        Events,
        Notifier, //
    },
    rcu::Barrier,
    rtnl::{
        LinkKind,
        Registration, //
    },
    switchdev::{
        SwitchFdb,
        Switches, //
    },
    table, //
};
use kernel::prelude::*;

/// A registered driver.
///
/// The fields end in the order in which they stand: the kind and with it all devices, the events, the
/// state in the namespaces, which devices and events use, and last the RCU callbacks that these have
/// left behind, whose code is the module's. They are registered the other way round.
#[pin_data]
pub(crate) struct Driver<K: LinkKind, E: Events>
where
    K::Device: SwitchFdb,
{
    #[pin]
    links: Registration<K>,
    #[pin]
    switches: Switches<K::Device>,
    #[pin]
    events: Notifier<E>,
    #[pin]
    namespaces: Pernet<<K::Device as NetDevice>::Namespace>,
    barrier: Barrier,
}

impl<K: LinkKind, E: Events> Driver<K, E>
where
    K::Device: SwitchFdb,
{
    /// Registers the driver. Fails with EEXIST if the kind is another's, with EINVAL if the kernel's
    /// structures are not those that the module was built for.
    pub(crate) fn register() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _: { layout::check()? },
            _: { table::prepare() },
            barrier: Barrier,
            namespaces <- Pernet::register(),
            events <- Notifier::register(),
            switches <- Switches::register(),
            links <- Registration::register(),
        }? Error)
    }
}
