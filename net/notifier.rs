// SPDX-License-Identifier: GPL-2.0

//! Events of network devices.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::{
    bindings,
    device::{
        net_of,
        AnyDevice, //
    },
    netns::Net,
    rtnl::Rtnl,
    udp_tunnel::PortOffer, //
};
use core::marker::PhantomData;
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// What a driver does on events.
pub(crate) trait Events: 'static {
    /// A device of `net` is about to go.
    fn unregistering(dev: &AnyDevice, net: &Net, rtnl: &Rtnl<'_>);

    /// A network device of `net` asks for the ports of UDP tunnels, or wants them no longer.
    fn udp_tunnel_ports(dev: &AnyDevice, net: &Net, offer: PortOffer, rtnl: &Rtnl<'_>);
}

/// The registration for events.
#[pin_data(PinnedDrop)]
pub(crate) struct Notifier<E: Events> {
    #[pin]
    block: Opaque<bindings::notifier_block>,
    _events: PhantomData<E>,
}

// SAFETY: The registration may end on any thread.
unsafe impl<E: Events> Send for Notifier<E> {}
// SAFETY: There are no methods on a shared registration.
unsafe impl<E: Events> Sync for Notifier<E> {}

impl<E: Events> Notifier<E> {
    /// Registers for events.
    pub(super) fn register() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            block <- Opaque::try_ffi_init(|slot: *mut bindings::notifier_block| {
                let block = bindings::notifier_block {
                    notifier_call: Some(event::<E>),
                    ..pin_init::zeroed()
                };
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(block) };
                // SAFETY: The block is initialised and pinned until it is unregistered.
                to_result(unsafe { bindings::register_netdevice_notifier(slot) })
            }),
            _events: PhantomData,
        }? Error)
    }
}

#[pinned_drop]
impl<E: Events> PinnedDrop for Notifier<E> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Registered when this value was made. It fails only for a block that is not.
        unsafe { bindings::unregister_netdevice_notifier(self.block.get()) };
    }
}

/// # Safety
///
/// Called by the core with RTNL held and a `netdev_notifier_info`.
unsafe extern "C" fn event<E: Events>(
    _block: *mut bindings::notifier_block,
    event: c_ulong,
    info: *mut c_void,
) -> c_int {
    const UNREGISTER: c_ulong = bindings::netdev_cmd_NETDEV_UNREGISTER as c_ulong;
    const PUSH: c_ulong = bindings::netdev_cmd_NETDEV_UDP_TUNNEL_PUSH_INFO as c_ulong;
    const DROP: c_ulong = bindings::netdev_cmd_NETDEV_UDP_TUNNEL_DROP_INFO as c_ulong;

    if !matches!(event, UNREGISTER | PUSH | DROP) {
        return bindings::NOTIFY_DONE as c_int;
    }
    // SAFETY: By this function's contract; a device that is going has not left its namespace.
    let (dev, net, rtnl) = unsafe {
        let dev = (*info.cast::<bindings::netdev_notifier_info>()).dev;
        (
            AnyDevice::from_raw(dev),
            Net::from_raw(net_of(dev)),
            Rtnl::assume(),
        )
    };
    match event {
        UNREGISTER => E::unregistering(dev, net, &rtnl),
        PUSH => E::udp_tunnel_ports(dev, net, PortOffer::Push, &rtnl),
        _ => E::udp_tunnel_ports(dev, net, PortOffer::Drop, &rtnl),
    }
    bindings::NOTIFY_DONE as c_int
}
