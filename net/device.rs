// SPDX-License-Identifier: GPL-2.0

//! Network devices.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::{
    bindings,
    lower,
    metadata::Inquiry,
    netns::{
        Namespace,
        Net, //
    },
    once::dereference,
    rcu::{
        AtomicDrop,
        RcuProof,
        Softirq, //
    },
    register::Devices,
    rtnl::{
        KillList,
        Rtnl, //
    },
    skb::SkBuff, //
};
use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic, //
    },
    types::Opaque, //
};

pub(crate) use super::fdb::FdbOps;

/// What a driver of virtual devices provides. `Self` is the state of one device.
pub(crate) trait NetDevice: FdbOps + Send + Sync + Sized + 'static {
    /// A C structure at the start of the private data, zeroed at first, for others that know the kind.
    type Abi;
    /// The state of the namespaces that carry the devices' packets.
    type Namespace: Namespace<Device = Self>;
    /// `DEVTYPE` in the device's events, and the driver's name for ethtool.
    const NAME: &'static CStr;
    /// The driver's version for ethtool.
    const VERSION: &'static CStr;

    /// The device goes up.
    fn open(dev: &NetDev<Self>, rtnl: &Rtnl<'_>) -> Result;

    /// The device goes down.
    fn stop(dev: &NetDev<Self>, rtnl: &Rtnl<'_>);

    /// Sends a packet.
    fn transmit(dev: &NetDev<Self>, skb: SkBuff, softirq: &Softirq<'_>);

    /// Completes what the metadata of a packet say of how it would be tunnelled.
    fn fill_metadata(dev: &NetDev<Self>, inquiry: Inquiry<'_>, softirq: &Softirq<'_>) -> Result;

    /// Judges a new MTU.
    fn check_mtu(dev: &NetDev<Self>, mtu: u32, rtnl: &Rtnl<'_>) -> Result;

    /// Runs in process context when the time of [`NetDev::schedule`] has come.
    fn work(dev: &NetDev<Self>);

    /// Ends what outlives the device otherwise, before it is unregistered; it may still be up.
    fn dismantle(dev: &NetDev<Self>, rtnl: &Rtnl<'_>);

    /// Returns the index of the device below, for link settings, 0 for none.
    fn lower_ifindex(dev: &NetDev<Self>, rtnl: &Rtnl<'_>) -> u32;
}

/// Private data, behind `struct net_device`.
#[repr(C)]
pub(super) struct Private<T: NetDevice> {
    abi: Opaque<T::Abi>,
    pub(super) dev: *mut bindings::net_device,
    /// The namespace that carries the packets, null before registration and after `ndo_uninit`.
    pub(super) link_net: Atomic<*mut bindings::net>,
    pub(super) gro: Opaque<bindings::gro_cells>,
    pub(super) work: Opaque<bindings::delayed_work>,
    pub(super) data: MaybeUninit<T>,
}

impl<T: NetDevice> Private<T> {
    /// Returns the C structure at the start.
    pub(super) fn abi(&self) -> *mut T::Abi {
        self.abi.get()
    }
}

/// A device of the driver `T`.
///
/// # Invariants
///
/// A reference stands for a valid `net_device` whose private data is a [`Private<T>`] with `data`
/// initialised.
#[repr(transparent)]
pub(crate) struct NetDev<T>(Opaque<bindings::net_device>, PhantomData<T>);

// SAFETY: A shared device gives access to a shared `T`, which is `Sync`; its own methods are those that
// the kernel lets any CPU call.
unsafe impl<T: NetDevice> Sync for NetDev<T> {}

impl<T: NetDevice> Deref for NetDev<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the invariants the private data is initialised.
        unsafe { (*private::<T>(self.as_ptr())).data.assume_init_ref() }
    }
}

/// Returns the private data of a device.
///
/// # Safety
///
/// `dev` was allocated with room for a `Private<T>`.
#[inline]
pub(super) unsafe fn private<T: NetDevice>(dev: *mut bindings::net_device) -> *mut Private<T> {
    // SAFETY: By this function's contract there is private data, and it follows the structure at once:
    // `layout` has compared the place with C's `offsetof(struct net_device, priv)`.
    unsafe { dev.add(1).cast() }
}

/// Returns the namespace of a device (`dev_net`).
///
/// # Safety
///
/// `dev` is valid.
#[inline]
pub(super) unsafe fn net_of(dev: *mut bindings::net_device) -> *mut bindings::net {
    // SAFETY: By this function's contract. The pointer changes as the device moves; it is read whole.
    unsafe { (&raw const (*dev).nd_net.net).read_volatile() }
}

impl<T: NetDevice> NetDev<T> {
    /// Makes a reference.
    ///
    /// # Safety
    ///
    /// The invariants of the type hold for `dev` during `'a`.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(dev: *mut bindings::net_device) -> &'a Self {
        // SAFETY: By this function's contract; the type is transparent.
        unsafe { &*dev.cast() }
    }

    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut bindings::net_device {
        self.0.get()
    }

    #[inline]
    fn private(&self) -> *mut Private<T> {
        // SAFETY: By the invariants.
        unsafe { private(self.as_ptr()) }
    }

    /// Returns the namespace that the device is in.
    #[inline]
    pub(crate) fn net<'a>(&'a self, _reader: &'a impl RcuProof) -> &'a Net {
        // SAFETY: A namespace moves its devices out or ends them, and waits for readers, before it exits.
        unsafe { Net::from_raw(net_of(self.as_ptr())) }
    }

    /// Returns the namespace that carries the packets, None once the device is being unregistered.
    #[inline]
    pub(crate) fn link_net<'a>(&'a self, _reader: &'a impl RcuProof) -> Option<&'a Net> {
        // SAFETY: By the invariants the private data is valid.
        let net = dereference(unsafe { &(*self.private()).link_net });
        if net.is_null() {
            return None;
        }
        // SAFETY: The namespace unregisters the device, which clears the pointer, and waits for readers
        // before it exits.
        Some(unsafe { Net::from_raw(net) })
    }

    /// As [`NetDev::net`], for those who hold RTNL.
    pub(crate) fn net_rtnl<'a>(&'a self, _rtnl: &'a Rtnl<'_>) -> &'a Net {
        // SAFETY: A device changes its namespace under RTNL, and a namespace rids itself of its devices
        // under RTNL before it exits.
        unsafe { Net::from_raw(net_of(self.as_ptr())) }
    }

    /// As [`NetDev::link_net`], for those who hold RTNL.
    pub(crate) fn link_net_rtnl<'a>(&'a self, _rtnl: &'a Rtnl<'_>) -> Option<&'a Net> {
        // SAFETY: By the invariants the private data is valid.
        let net = unsafe { &(*self.private()).link_net }.load(Acquire);
        if net.is_null() {
            return None;
        }
        // SAFETY: The namespace unregisters the device under RTNL, which clears the pointer, before it
        // exits.
        Some(unsafe { Net::from_raw(net) })
    }

    /// Returns the index.
    #[inline]
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: The device is valid; readers of the index take what they see (`READ_ONCE` in C).
        unsafe { (&raw const (*self.as_ptr()).ifindex).read_volatile() as u32 }
    }

    /// Copies the name. It may change meanwhile: then the copy may be of both names.
    pub(crate) fn name(&self) -> DevName {
        // SAFETY: The device is valid.
        DevName(unsafe {
            (&raw const (*self.as_ptr()).name)
                .cast::<[u8; 16]>()
                .read_volatile()
        })
    }

    /// Copies the link layer address.
    #[inline]
    pub(crate) fn address(&self) -> [u8; 6] {
        // SAFETY: The address of an Ethernet device has six octets, and its storage lives as long as the
        // device. It may change meanwhile, as everywhere in the kernel: then the copy may be torn.
        unsafe { (*self.as_ptr()).dev_addr.cast::<[u8; 6]>().read_volatile() }
    }

    /// Returns whether the device is administratively up.
    #[inline]
    pub(crate) fn is_up(&self) -> bool {
        // SAFETY: The device is valid.
        let flags = unsafe { (&raw const (*self.as_ptr()).flags).read_volatile() };
        flags & bindings::net_device_flags_IFF_UP != 0
    }

    /// Returns whether the device resolves addresses by ARP.
    pub(crate) fn does_arp(&self) -> bool {
        // SAFETY: The device is valid.
        let flags = unsafe { (&raw const (*self.as_ptr()).flags).read_volatile() };
        flags & bindings::net_device_flags_IFF_NOARP == 0
    }

    /// Returns whether the device is between open and stop.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        // SAFETY: The device is valid.
        unsafe { bindings::shim_netif_running(self.as_ptr()) }
    }

    /// Counts a packet received.
    #[inline]
    pub(crate) fn count_rx(&self, len: u32, _softirq: &Softirq<'_>) {
        // SAFETY: The device has `dstats`, as set up in `setup`; bottom halves are off.
        unsafe { bindings::shim_dstats_rx_add(self.as_ptr(), len) };
    }

    /// Counts a packet sent without encapsulation.
    pub(crate) fn count_tx(&self, len: u32, _softirq: &Softirq<'_>) {
        // SAFETY: As above.
        unsafe { bindings::shim_dstats_tx_add(self.as_ptr(), len) };
    }

    /// Counts a received packet that is dropped.
    pub(crate) fn count_rx_dropped(&self, _softirq: &Softirq<'_>) {
        // SAFETY: As above.
        unsafe { bindings::shim_dstats_rx_dropped(self.as_ptr()) };
    }

    /// Counts a packet to be sent that is dropped.
    pub(crate) fn count_tx_dropped(&self, _softirq: &Softirq<'_>) {
        // SAFETY: As above.
        unsafe { bindings::shim_dstats_tx_dropped(self.as_ptr()) };
    }

    /// Counts an error.
    pub(crate) fn count(&self, stat: Stat) {
        // SAFETY: The device is valid; the counters are atomic.
        unsafe { bindings::shim_dev_stats_inc(self.as_ptr(), stat as bindings::shim_stat) };
    }

    /// Hands a packet to the stack through the device's GRO cells.
    #[inline]
    pub(crate) fn gro_receive(&self, skb: SkBuff, _softirq: &Softirq<'_>) {
        // SAFETY: The cells are zeroed or initialised, and freed after a grace period, which the token
        // puts off; the kernel takes both.
        unsafe { bindings::gro_cells_receive((*self.private()).gro.get(), skb.into_raw()) };
    }

    /// Has [`NetDevice::work`] run after `delay` jiffies, and not at an earlier time set before.
    pub(crate) fn schedule(&self, delay: usize) {
        // SAFETY: The work is initialised; once it is disabled in `ndo_uninit`, this does nothing.
        unsafe { bindings::shim_delayed_work_queue((*self.private()).work.get(), delay) };
    }

    /// Forgets what was scheduled, and waits for [`NetDevice::work`] if it runs.
    pub(crate) fn cancel_work(&self, _rtnl: &Rtnl<'_>) {
        // SAFETY: The work is initialised.
        unsafe { bindings::cancel_delayed_work_sync((*self.private()).work.get()) };
    }

    /// Returns the MTU.
    pub(crate) fn mtu(&self) -> u32 {
        // SAFETY: The device is valid; readers take the old or the new value.
        unsafe { (&raw const (*self.as_ptr()).mtu).read_volatile() }
    }

    /// Sets the MTU and the headroom that the device wants, without asking anybody.
    pub(crate) fn set_sizes(&self, mtu: u32, headroom: u16, _rtnl: &Rtnl<'_>) {
        // SAFETY: The device is valid, and RTNL is held; readers take the old or the new values.
        unsafe {
            (&raw mut (*self.as_ptr()).mtu).write_volatile(mtu);
            (&raw mut (*self.as_ptr()).needed_headroom).write_volatile(headroom);
        }
    }

    /// Takes over what the device below can do with large packets, and the tailroom it wants.
    pub(crate) fn inherit(&self, lower: &AnyDevice, _rtnl: &Rtnl<'_>) {
        // SAFETY: Both devices are valid, and RTNL is held.
        unsafe { lower::inherit(self.as_ptr(), lower) };
    }

    /// Returns the C structure at the start of the private data. It is written under RTNL.
    pub(crate) fn abi(&self, _rtnl: &Rtnl<'_>) -> *mut T::Abi {
        // SAFETY: By the invariants the private data is valid.
        unsafe { (*self.private()).abi() }
    }

    /// Holds the device.
    pub(crate) fn hold(&self) -> DevRef<T> {
        // SAFETY: The device is valid.
        unsafe { bindings::shim_dev_hold(self.as_ptr()) };
        // INVARIANT: We have a reference now, and `data` is initialised as long as there are any.
        DevRef(NonNull::from(self))
    }

    /// Returns whether both are the same device.
    pub(crate) fn is(&self, other: &NetDev<T>) -> bool {
        core::ptr::eq(self, other)
    }

    /// Takes the device off the list of its namespace and lets the driver end what outlives it.
    pub(super) fn dismantle(&self, rtnl: &Rtnl<'_>, kill: &KillList<'_>) {
        T::dismantle(self, rtnl);
        // SAFETY: By the invariants the private data is valid.
        let net = unsafe { &(*self.private()).link_net }.load(Acquire);
        if !net.is_null() {
            // SAFETY: The namespace has the device on its list, so it has not seen `exit`.
            let net = unsafe { Net::from_raw(net) };
            Devices::<T>::of(net).remove(self);
        }
        // SAFETY: The device is registered, RTNL is held, and the list is that of our caller.
        unsafe { bindings::unregister_netdevice_queue(self.as_ptr(), kill.as_ptr()) };
    }
}

/// The name of a device.
pub(crate) struct DevName([u8; 16]);

impl DevName {
    /// Returns the octets of the name, which need not be text.
    pub(crate) fn octets(&self) -> &[u8] {
        let end = self.0.iter().position(|octet| *octet == 0);
        end.and_then(|end| self.0.get(..end)).unwrap_or(&self.0)
    }
}

/// Counters of `rtnl_link_stats64` that are not per CPU.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Stat {
    /// Received, and wrong.
    RxErrors = bindings::shim_stat_SHIM_STAT_RX_ERRORS,
    /// Received with a wrong header.
    RxFrameErrors = bindings::shim_stat_SHIM_STAT_RX_FRAME_ERRORS,
    /// Received too short.
    RxLengthErrors = bindings::shim_stat_SHIM_STAT_RX_LENGTH_ERRORS,
    /// Not sent.
    TxErrors = bindings::shim_stat_SHIM_STAT_TX_ERRORS,
    /// Not sent as there is no network.
    TxCarrierErrors = bindings::shim_stat_SHIM_STAT_TX_CARRIER_ERRORS,
    /// Not sent as the route leads back to the device.
    Collisions = bindings::shim_stat_SHIM_STAT_COLLISIONS,
}

/// A counted reference to a device.
///
/// # Invariants
///
/// We own a reference to the device. The destructor of its data runs after the last one is gone.
pub(crate) struct DevRef<T: NetDevice>(NonNull<NetDev<T>>);

// SAFETY: References move between CPUs freely; see `NetDev`.
unsafe impl<T: NetDevice> Send for DevRef<T> {}
// SAFETY: As above.
unsafe impl<T: NetDevice> Sync for DevRef<T> {}
impl<T: NetDevice> AtomicDrop for DevRef<T> {}

impl<T: NetDevice> Deref for DevRef<T> {
    type Target = NetDev<T>;

    #[inline]
    fn deref(&self) -> &NetDev<T> {
        // SAFETY: By the invariants the device is valid.
        unsafe { self.0.as_ref() }
    }
}

impl<T: NetDevice> Drop for DevRef<T> {
    fn drop(&mut self) {
        // SAFETY: By the invariants we own a reference, which ends here.
        unsafe { bindings::shim_dev_put(self.as_ptr()) };
    }
}

/// A device of any driver.
///
/// # Invariants
///
/// A reference stands for a valid `net_device`.
#[repr(transparent)]
pub(crate) struct AnyDevice(Opaque<bindings::net_device>);

impl AnyDevice {
    /// Makes a reference.
    ///
    /// # Safety
    ///
    /// `dev` is valid during `'a`.
    pub(super) unsafe fn from_raw<'a>(dev: *mut bindings::net_device) -> &'a Self {
        // SAFETY: By this function's contract; the type is transparent.
        unsafe { &*dev.cast() }
    }

    pub(crate) fn as_ptr(&self) -> *mut bindings::net_device {
        self.0.get()
    }

    /// Returns the index.
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: The device is valid.
        unsafe { (*self.as_ptr()).ifindex as u32 }
    }

    /// Returns the MTU.
    pub(crate) fn mtu(&self) -> u32 {
        // SAFETY: The device is valid.
        unsafe { (&raw const (*self.as_ptr()).mtu).read_volatile() }
    }

    /// Returns whether the administrator has turned IPv6 off on the device.
    pub(crate) fn ipv6_disabled(&self, _rtnl: &Rtnl<'_>) -> bool {
        // SAFETY: The device is valid, and RTNL is held.
        unsafe { bindings::shim_ipv6_disabled(self.as_ptr()) }
    }

    /// Returns the length of the link header, and the further headroom and tailroom that it wants.
    pub(crate) fn rooms(&self) -> (u16, u16, u16) {
        // SAFETY: The device is valid.
        unsafe {
            let dev = self.as_ptr();
            (
                (*dev).hard_header_len,
                (*dev).needed_headroom,
                (*dev).needed_tailroom,
            )
        }
    }
}
