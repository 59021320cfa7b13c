// SPDX-License-Identifier: GPL-2.0

//! The life of a network device: from its allocation to the list of those that a namespace carries.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::{
    bindings,
    device::{
        private,
        AnyDevice,
        DevRef,
        NetDev,
        NetDevice, //
    },
    device_ops,
    lower,
    netns::{
        self,
        Net, //
    },
    rcu::RcuProof,
    rtnl::{
        KillList,
        Rtnl, //
    },
    table::{
        NewEntry,
        Table,
        TableKey, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::forget,
    ops::Deref,
    ptr::null_mut, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        atomic::Release,
        LockClassKey, //
    }, //
};

/// The address of a device, as the key of a table of devices.
#[derive(Clone, Copy)]
struct DeviceKey(usize);

impl DeviceKey {
    fn of<T>(dev: &NetDev<T>) -> Self {
        Self(core::ptr::from_ref(dev).addr())
    }
}

impl TableKey for DeviceKey {
    fn words(&self) -> [u32; 3] {
        let address = self.0 as u64;
        [address as u32, (address >> 32) as u32, 0]
    }
}

/// The devices whose packets one namespace carries.
#[pin_data]
pub(crate) struct Devices<T: NetDevice> {
    #[pin]
    table: Table<DeviceKey, DevRef<T>>,
}

impl<T: NetDevice> Devices<T> {
    pub(super) fn new(
        name: &'static CStr,
        class: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            table <- Table::new(name, class),
        }? Error)
    }

    /// Returns the devices of `net`.
    pub(crate) fn of(net: &Net) -> &Self {
        netns::devices::<T::Namespace>(net)
    }

    /// Walks the devices, the newest first.
    pub(crate) fn iter<'a>(
        &'a self,
        reader: &'a impl RcuProof,
    ) -> impl Iterator<Item = &'a NetDev<T>> {
        self.table.iter(reader).map(|entry| -> &NetDev<T> { entry })
    }

    pub(super) fn remove(&self, dev: &NetDev<T>) {
        drop(self.table.lock().remove(&DeviceKey::of(dev)));
    }

    /// Queues those devices that `matches` for unregistration.
    pub(crate) fn dismantle_all(
        &self,
        rtnl: &Rtnl<'_>,
        kill: &KillList<'_>,
        matches: impl Fn(&NetDev<T>) -> bool,
    ) {
        loop {
            // What `dismantle` does may sleep, so the walk ends at each device found and starts again;
            // the device is off the list then.
            let guard = kernel::sync::rcu::read_lock();
            let Some(dev) = self.iter(&guard).find(|dev| matches(dev)).map(NetDev::hold) else {
                return;
            };
            drop(guard);
            dev.dismantle(rtnl, kill);
        }
    }
}

/// A device that is allocated but not registered: what `newlink` starts with.
///
/// # Invariants
///
/// The device is as `alloc_netdev` and the `setup` of `T` leave it; `data` is not initialised. The
/// last field says whether [`Allocated::make_raw`] was called.
pub(crate) struct Allocated<'a, T>(*mut bindings::net_device, PhantomData<(&'a (), T)>, bool);

impl<'a, T: NetDevice> Allocated<'a, T> {
    /// Takes the device.
    ///
    /// # Safety
    ///
    /// The invariants of the type hold for `dev`, and nobody else uses it during `'a`.
    pub(super) unsafe fn from_raw(dev: *mut bindings::net_device) -> Self {
        // INVARIANT: By this function's contract.
        Self(dev, PhantomData, false)
    }

    /// Returns the MTU that the device has unless one is set.
    pub(crate) fn mtu(&self) -> u32 {
        // SAFETY: The device is valid by the invariants.
        unsafe { (*self.0).mtu }
    }

    /// Sets the MTU and the headroom that the device wants.
    pub(crate) fn set_sizes(&mut self, mtu: u32, headroom: u16) {
        // SAFETY: The device is valid by the invariants, and nobody else knows it.
        unsafe {
            (*self.0).mtu = mtu;
            (*self.0).needed_headroom = headroom;
        }
    }

    /// Takes over what the device below can do with large packets, and the tailroom it wants.
    pub(crate) fn inherit(&mut self, lower: &AnyDevice) {
        // SAFETY: The device is valid, and nobody else knows it.
        unsafe { lower::inherit(self.0, lower) };
    }

    /// Makes a device that sends packets without a link layer of its own, to one other station.
    pub(crate) fn make_raw(&mut self) {
        // SAFETY: The device is valid by the invariants, and nobody else knows it.
        unsafe { bindings::shim_device_make_raw(self.0) };
        self.2 = true;
    }

    /// Returns the C structure at the start of the private data.
    pub(crate) fn abi(&mut self) -> *mut T::Abi {
        // SAFETY: The device has room for `Private<T>`.
        unsafe { (*private::<T>(self.0)).abi() }
    }

    /// Returns the device as C structures point to it.
    pub(crate) fn as_ptr(&self) -> *mut bindings::net_device {
        self.0
    }

    /// Initialises the driver's data and registers the device; `net` carries its packets.
    ///
    /// On failure the data is dropped, and the device is as the core frees it.
    pub(crate) fn register(
        self,
        data: impl PinInit<T, Error>,
        net: &Net,
        rtnl: &'a Rtnl<'_>,
    ) -> Result<Registered<'a, T>> {
        let dev = self.0;
        // SAFETY: The device has room for `Private<T>`, zeroed, and nobody else uses it.
        let private = unsafe { &raw mut *private::<T>(dev) };
        // SAFETY: As above; the data does not move until it is dropped.
        unsafe { data.__init((&raw mut (*private).data).cast::<T>())? };
        // SAFETY: As above. The operations are those of `T`, whose data is initialised now.
        unsafe {
            (*private).dev = dev;
            (*private).link_net.store(net.as_ptr(), Release);
            bindings::shim_delayed_work_init((*private).work.get(), Some(device_ops::work::<T>));
            (*dev).netdev_ops = if self.2 {
                device_ops::Table::<T>::RAW
            } else {
                device_ops::Table::<T>::NETDEV
            };
            (*dev).ethtool_ops = device_ops::Table::<T>::ETHTOOL;
        }
        // SAFETY: The device is ready, and RTNL is held.
        let result = to_result(unsafe { bindings::register_netdevice(dev) });
        // SAFETY: The device is valid, registered or not.
        let state = unsafe { (*dev).reg_state };
        let dismantling = state == bindings::netdev_reg_state_NETREG_UNREGISTERING as u8;
        match result {
            Err(error) if !dismantling => {
                // SAFETY: The core has unwound the registration: nobody knows the device, and the core
                // will not run a destructor.
                unsafe { (*private).data.assume_init_drop() };
                Err(error)
            }
            result => {
                // SAFETY: RTNL is held, so the device is not destroyed before the destructor is set.
                unsafe { (*dev).priv_destructor = Some(device_ops::destroy::<T>) };
                result?;
                let registered = Registered::<T> {
                    dev,
                    rtnl,
                    _of: PhantomData,
                };
                registered.list(net)?;
                Ok(registered)
            }
        }
    }
}

/// Evidence that a device was registered and stays so: what `newlink` ends with.
pub(crate) struct Created(*mut bindings::net_device);

impl Created {
    /// Returns whether the evidence is of `dev`.
    pub(super) fn is_of(&self, dev: *mut bindings::net_device) -> bool {
        self.0 == dev
    }
}

/// A device that was registered just now. Dropping it unregisters it, [`Registered::keep`] does not.
///
/// # Invariants
///
/// `dev` is a registered device of `T`.
pub(crate) struct Registered<'a, T: NetDevice> {
    dev: *mut bindings::net_device,
    rtnl: &'a Rtnl<'a>,
    _of: PhantomData<T>,
}

impl<T: NetDevice> Registered<'_, T> {
    fn list(&self, net: &Net) -> Result {
        let entry = NewEntry::of(&DeviceKey::of::<T>(self), self.hold(), GFP_KERNEL)?;
        Devices::<T>::of(net).table.lock().insert(entry)
    }

    /// Announces the device (`rtnl_configure_link`), as the core would after us.
    pub(crate) fn announce(&self) -> Result {
        // SAFETY: The device is registered and RTNL is held.
        let result = unsafe { bindings::rtnl_configure_link(self.dev, null_mut(), 0, null_mut()) };
        to_result(result.min(0))
    }

    /// Ends the creation: the device stays.
    pub(crate) fn keep(self) -> Created {
        let dev = self.dev;
        forget(self);
        Created(dev)
    }
}

impl<T: NetDevice> Deref for Registered<'_, T> {
    type Target = NetDev<T>;

    fn deref(&self) -> &NetDev<T> {
        // SAFETY: By the invariants.
        unsafe { NetDev::from_raw(self.dev) }
    }
}

impl<T: NetDevice> Drop for Registered<'_, T> {
    fn drop(&mut self) {
        // A list that does not exist means: at once.
        // SAFETY: A null list is what `unregister_netdevice_queue` takes for that.
        let kill = unsafe { KillList::from_raw(null_mut()) };
        self.dismantle(self.rtnl, &kill);
    }
}
