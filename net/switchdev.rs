// SPDX-License-Identifier: GPL-2.0

//! Forwarding entries and switches: what drivers of hardware are told and asked, and what they tell.
//!
//! In a kernel without switchdev nobody is told anything, and nobody tells anything.
//!
//! C headers: [`include/net/switchdev.h`](srctree/include/net/switchdev.h),
//! [`include/net/vxlan.h`](srctree/include/net/vxlan.h)

use super::{
    bindings,
    device::{
        NetDev,
        NetDevice, //
    },
    device_ops,
    netlink::ExtAck, //
};
use crate::wire::{
    ethernet::MacAddr,
    ip::Addr, //
};
use core::{
    marker::PhantomData,
    ptr::null_mut, //
};
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// One remote of an entry, as drivers of switches know it.
#[derive(Clone, Copy)]
pub(crate) struct FdbInfo {
    /// The station.
    pub(crate) mac: MacAddr,
    /// The VNI that the entry belongs to.
    pub(crate) source_vni: u32,
    /// The remote.
    pub(crate) addr: Addr,
    /// Its UDP port, in host order.
    pub(crate) port: u16,
    /// The VNI that it is sent.
    pub(crate) vni: u32,
    /// The device to send by, 0 for any.
    pub(crate) ifindex: u32,
    /// A switch has taken the entry over.
    pub(crate) offloaded: bool,
    /// A user added the entry.
    pub(crate) by_user: bool,
}

impl FdbInfo {
    fn to_c(self) -> bindings::shim_fdb_info {
        let mut info = bindings::shim_fdb_info {
            mac: self.mac.octets(),
            source_vni: self.source_vni,
            port: self.port,
            vni: self.vni,
            ifindex: self.ifindex,
            offloaded: self.offloaded,
            by_user: self.by_user,
            ..pin_init::zeroed()
        };
        match self.addr {
            Addr::V4(octets) => {
                info.family = bindings::AF_INET as u16;
                for (to, from) in info.address.iter_mut().zip(octets) {
                    *to = from;
                }
            }
            Addr::V6(octets) => {
                info.family = bindings::AF_INET6 as u16;
                info.address = octets;
            }
        }
        info
    }

    /// None if the address is of neither family, unless `any` makes it the IPv4 address of no host.
    fn of_c(info: &bindings::shim_fdb_info, any: bool) -> Option<Self> {
        let [a, b, c, d, ..] = info.address;
        let addr = match u32::from(info.family) {
            bindings::AF_INET => Addr::V4([a, b, c, d]),
            bindings::AF_INET6 => Addr::V6(info.address),
            _ if any => Addr::V4([0; 4]),
            _ => return None,
        };
        Some(Self {
            mac: MacAddr::new(info.mac),
            source_vni: info.source_vni,
            addr,
            port: info.port,
            vni: info.vni,
            ifindex: info.ifindex,
            offloaded: info.offloaded,
            by_user: info.by_user,
        })
    }
}

/// What a driver of tunnels does for drivers of switches. All of it may be called in any context.
pub(crate) trait SwitchFdb: NetDevice {
    /// A switch has taken over the remote of an entry, or has given it up.
    fn mark(dev: &NetDev<Self>, info: &FdbInfo);

    /// A switch has learned an entry.
    fn learned(dev: &NetDev<Self>, info: &FdbInfo, ack: &ExtAck<'_>) -> Result;

    /// A switch has forgotten an entry.
    fn forgotten(dev: &NetDev<Self>, info: &FdbInfo) -> Result;

    /// Returns the first remote of a station.
    fn find(dev: &NetDev<Self>, mac: MacAddr, vni: u32) -> Option<FdbInfo>;

    /// Shows all remotes of the entries that belong to a VNI, until one is refused.
    fn replay(dev: &NetDev<Self>, vni: u32, show: &mut dyn FnMut(&FdbInfo) -> Result) -> Result;

    /// Takes away the marks from the entries that belong to a VNI.
    fn unmark_all(dev: &NetDev<Self>, vni: u32);
}

/// Whether the kernel has switchdev.
pub(crate) const PRESENT: bool = bindings::shim_has_switchdev != 0;

/// Tells switches that a remote is there, or is gone. Any of them may refuse what is added.
pub(crate) fn tell<T: NetDevice>(
    dev: &NetDev<T>,
    adding: bool,
    info: &FdbInfo,
    ack: &ExtAck<'_>,
) -> Result {
    // SAFETY: All pointers are valid for the call.
    to_result(unsafe {
        bindings::shim_switchdev_tell(dev.as_ptr(), adding, &info.to_c(), ack.as_ptr())
    })
}

/// The registration for what drivers of switches tell.
#[pin_data(PinnedDrop)]
pub(crate) struct Switches<T: SwitchFdb> {
    #[pin]
    block: Opaque<bindings::notifier_block>,
    _of: PhantomData<T>,
}

// SAFETY: The registration may end on any thread.
unsafe impl<T: SwitchFdb> Send for Switches<T> {}
// SAFETY: There are no methods on a shared registration.
unsafe impl<T: SwitchFdb> Sync for Switches<T> {}

impl<T: SwitchFdb> Switches<T> {
    /// Registers.
    pub(super) fn register() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            block <- Opaque::try_ffi_init(|slot: *mut bindings::notifier_block| {
                let block = bindings::notifier_block {
                    notifier_call: Some(event::<T>),
                    ..pin_init::zeroed()
                };
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(block) };
                // SAFETY: The block is initialised and pinned until it is unregistered.
                to_result(unsafe { bindings::shim_register_switchdev_notifier(slot) })
            }),
            _of: PhantomData,
        }? Error)
    }
}

#[pinned_drop]
impl<T: SwitchFdb> PinnedDrop for Switches<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Registered when this value was made.
        unsafe { bindings::shim_unregister_switchdev_notifier(self.block.get()) };
    }
}

/// Returns the device if it is one of `T`.
///
/// # Safety
///
/// `dev` is a device that stays valid during `'a`, and is no other driver's that uses operations of ours.
unsafe fn ours<'a, T: NetDevice>(dev: *mut bindings::net_device) -> Option<&'a NetDev<T>> {
    // SAFETY: By this function's contract. A device gets the operations of `T` when its data is
    // initialised, and keeps both until nobody can refer to it.
    unsafe {
        let ops = (*dev).netdev_ops;
        let ours = core::ptr::eq(ops, device_ops::Table::<T>::NETDEV)
            || core::ptr::eq(ops, device_ops::Table::<T>::RAW);
        ours.then(|| NetDev::from_raw(dev))
    }
}

/// # Safety
///
/// Called by the notifier chain of switchdev, in any context, with what belongs to the event.
unsafe extern "C" fn event<T: SwitchFdb>(
    _block: *mut bindings::notifier_block,
    event: c_ulong,
    info: *mut c_void,
) -> c_int {
    // SAFETY: No requirements.
    let kind = unsafe { bindings::shim_switchdev_kind(event) };
    if kind == 0 {
        return 0;
    }
    let mut ack = null_mut();
    let mut dev = null_mut();
    let mut flat: bindings::shim_fdb_info = pin_init::zeroed();
    // SAFETY: The info is that of an event about a forwarding entry.
    unsafe { bindings::shim_switchdev_read(info, &mut flat, &mut dev, &mut ack) };
    // SAFETY: By this function's contract.
    let (Some(dev), ack) = (unsafe { (ours::<T>(dev), ExtAck::from_raw(ack)) }) else {
        return 0;
    };
    // A switch that forgets a station need not say where it was.
    let any = kind == bindings::SHIM_SWITCHDEV_DEL;
    let told = FdbInfo::of_c(&flat, any);
    let told = told.ok_or(EAFNOSUPPORT).and_then(|told| {
        let offloaded = match kind {
            bindings::SHIM_SWITCHDEV_ADD => {
                T::learned(dev, &told, &ack)?;
                true
            }
            bindings::SHIM_SWITCHDEV_DEL => {
                T::forgotten(dev, &told)?;
                false
            }
            _ => told.offloaded,
        };
        let told = FdbInfo { offloaded, ..told };
        T::mark(dev, &told);
        Ok(offloaded)
    });
    match told {
        Ok(offloaded) => {
            // SAFETY: As above.
            unsafe { bindings::shim_switchdev_set_offloaded(info, offloaded) };
            0
        }
        // Nothing is marked.
        Err(_) if kind == bindings::SHIM_SWITCHDEV_OFFLOADED => 0,
        // SAFETY: No requirements.
        Err(error) => unsafe { bindings::shim_notifier_from_errno(error.to_errno()) },
    }
}

/// `vxlan_fdb_find_uc()`. Returns ENOENT or EINVAL, negative, as a C function does.
///
/// # Safety
///
/// `dev` is valid, and `mac` has six octets, and `info` is valid for writes.
pub(crate) unsafe fn find<T: SwitchFdb>(
    dev: *mut bindings::net_device,
    mac: *const u8,
    vni: u32,
    info: *mut bindings::shim_fdb_info,
) -> c_int {
    // SAFETY: By this function's contract.
    let (dev, mac) = unsafe { (ours::<T>(dev), MacAddr::new(mac.cast::<[u8; 6]>().read())) };
    let found = dev
        .ok_or(EINVAL)
        .and_then(|dev| T::find(dev, mac, vni).ok_or(ENOENT));
    match found {
        Ok(found) => {
            // SAFETY: By this function's contract.
            unsafe { info.write(found.to_c()) };
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// `vxlan_fdb_replay()`, with `show` to be called for each remote; that returns a negative errno.
///
/// # Safety
///
/// `dev` is valid; `show` may be called with `arg` during the call.
pub(crate) unsafe fn replay<T: SwitchFdb>(
    dev: *mut bindings::net_device,
    vni: u32,
    show: unsafe extern "C" fn(*mut c_void, *const bindings::shim_fdb_info) -> c_int,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: By this function's contract.
    let Some(dev) = (unsafe { ours::<T>(dev) }) else {
        return EINVAL.to_errno();
    };
    let result = T::replay(dev, vni, &mut |info| {
        // SAFETY: By this function's contract.
        to_result(unsafe { show(arg, &info.to_c()) })
    });
    result.map_or_else(Error::to_errno, |()| 0)
}

/// `vxlan_fdb_clear_offload()`.
///
/// # Safety
///
/// `dev` is valid.
pub(crate) unsafe fn unmark_all<T: SwitchFdb>(dev: *mut bindings::net_device, vni: u32) {
    // SAFETY: By this function's contract.
    if let Some(dev) = unsafe { ours::<T>(dev) } {
        T::unmark_all(dev, vni);
    }
}
