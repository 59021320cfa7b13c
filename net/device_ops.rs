// SPDX-License-Identifier: GPL-2.0

//! The functions through which the core calls a [`NetDevice`].

use super::{
    bindings,
    device::{
        private,
        NetDev,
        NetDevice,
        Private, //
    },
    fdb,
    metadata::Inquiry,
    rcu::Softirq,
    rtnl::Rtnl,
    skb::SkBuff, //
};
use core::{
    marker::PhantomData,
    ptr::null_mut, //
};
use kernel::{
    error::from_result,
    prelude::*,
    sync::atomic::Release,
    types::Opaque, //
};

/// The tables of operations of a driver.
pub(super) struct Table<T>(PhantomData<T>);

impl<T: NetDevice> Table<T> {
    /// `struct net_device_ops`.
    pub(super) const NETDEV: &'static bindings::net_device_ops = &bindings::net_device_ops {
        ndo_init: Some(init::<T>),
        ndo_uninit: Some(uninit::<T>),
        ndo_open: Some(open::<T>),
        ndo_stop: Some(stop::<T>),
        ndo_start_xmit: Some(start_xmit::<T>),
        ndo_set_rx_mode: Some(set_rx_mode),
        ndo_change_mtu: Some(change_mtu::<T>),
        ndo_fill_metadata_dst: Some(fill_metadata::<T>),
        ndo_validate_addr: Some(bindings::eth_validate_addr),
        ndo_set_mac_address: Some(bindings::eth_mac_addr),
        ndo_fdb_add: Some(fdb::fdb_add::<T>),
        ndo_fdb_del: Some(fdb::fdb_del::<T>),
        ndo_fdb_del_bulk: Some(fdb::fdb_del_bulk::<T>),
        ndo_fdb_dump: Some(fdb::fdb_dump::<T>),
        ndo_fdb_get: Some(fdb::fdb_get::<T>),
        ..pin_init::zeroed()
    };

    /// The same for a device without a link layer.
    pub(super) const RAW: &'static bindings::net_device_ops = &bindings::net_device_ops {
        ndo_init: Some(init::<T>),
        ndo_uninit: Some(uninit::<T>),
        ndo_open: Some(open::<T>),
        ndo_stop: Some(stop::<T>),
        ndo_start_xmit: Some(start_xmit::<T>),
        ndo_change_mtu: Some(change_mtu::<T>),
        ndo_fill_metadata_dst: Some(fill_metadata::<T>),
        ..pin_init::zeroed()
    };

    /// `struct ethtool_ops`.
    pub(super) const ETHTOOL: &'static bindings::ethtool_ops = &bindings::ethtool_ops {
        get_drvinfo: Some(get_drvinfo::<T>),
        get_link: Some(bindings::ethtool_op_get_link),
        get_link_ksettings: Some(get_link_ksettings::<T>),
        ..pin_init::zeroed()
    };

    /// `struct device_type`.
    pub(super) const TYPE: &'static bindings::device_type = &bindings::device_type {
        name: kernel::str::as_char_ptr_in_const_context(T::NAME),
        ..pin_init::zeroed()
    };
}

/// `rtnl_link_ops::setup`.
///
/// # Safety
///
/// Called by the core with a new device that has room for a `Private<T>`, zeroed.
pub(super) unsafe extern "C" fn setup<T: NetDevice>(dev: *mut bindings::net_device) {
    // SAFETY: The device is valid and nobody else knows it; the type lives as long as the module.
    unsafe { bindings::shim_device_setup(dev, Table::<T>::TYPE) };
}

/// `net_device::priv_destructor`.
///
/// # Safety
///
/// Called by the core, once, in process context, for a device whose data is initialised and which
/// nobody refers to any more.
pub(super) unsafe extern "C" fn destroy<T: NetDevice>(dev: *mut bindings::net_device) {
    // SAFETY: By this function's contract.
    unsafe { (*private::<T>(dev)).data.assume_init_drop() };
}

/// The function of the delayed work.
///
/// # Safety
///
/// `work` is the first field of the `work` of a `Private<T>`, whose data is initialised.
pub(super) unsafe extern "C" fn work<T: NetDevice>(work: *mut bindings::work_struct) {
    let delayed = work.cast::<Opaque<bindings::delayed_work>>();
    let offset = core::mem::offset_of!(Private<T>, work);
    // SAFETY: By this function's contract. The work is disabled, and waited for, before the device ends.
    let dev: &NetDev<T> =
        unsafe { NetDev::from_raw((*delayed.byte_sub(offset).cast::<Private<T>>()).dev) };
    T::work(dev);
}

/// # Safety
///
/// Called by the core while it registers the device, with RTNL held.
unsafe extern "C" fn init<T: NetDevice>(dev: *mut bindings::net_device) -> c_int {
    // SAFETY: By this function's contract; the cells are zeroed.
    unsafe {
        let err = bindings::gro_cells_init((*private::<T>(dev)).gro.get(), dev);
        if err != 0 {
            return err;
        }
        bindings::shim_netdev_lockdep_set_classes(dev);
    }
    0
}

/// # Safety
///
/// Called by the core, once after a successful `init`, with RTNL held and no packet under way.
unsafe extern "C" fn uninit<T: NetDevice>(dev: *mut bindings::net_device) {
    // SAFETY: By this function's contract. The work cannot be queued again once it is disabled.
    unsafe {
        let private = private::<T>(dev);
        bindings::disable_delayed_work_sync((*private).work.get());
        (*private).link_net.store(null_mut(), Release);
        bindings::gro_cells_destroy((*private).gro.get());
    }
}

/// # Safety
///
/// Called by the core for a registered device, with RTNL held.
unsafe extern "C" fn open<T: NetDevice>(dev: *mut bindings::net_device) -> c_int {
    // SAFETY: By this function's contract.
    let (dev, rtnl) = unsafe { (NetDev::<T>::from_raw(dev), Rtnl::assume()) };
    from_result(|| T::open(dev, &rtnl).map(|()| 0))
}

/// # Safety
///
/// Called by the core for a device that is open, with RTNL held.
unsafe extern "C" fn stop<T: NetDevice>(dev: *mut bindings::net_device) -> c_int {
    // SAFETY: By this function's contract.
    let (dev, rtnl) = unsafe { (NetDev::<T>::from_raw(dev), Rtnl::assume()) };
    T::stop(dev, &rtnl);
    0
}

/// # Safety
///
/// Called by the core for a device that is up, with bottom halves disabled and a packet to keep.
unsafe extern "C" fn start_xmit<T: NetDevice>(
    skb: *mut bindings::sk_buff,
    dev: *mut bindings::net_device,
) -> bindings::netdev_tx_t {
    // SAFETY: By this function's contract.
    let (dev, skb, softirq) = unsafe {
        (
            NetDev::<T>::from_raw(dev),
            SkBuff::from_raw(skb),
            Softirq::assume(),
        )
    };
    T::transmit(dev, skb, &softirq);
    bindings::netdev_tx_NETDEV_TX_OK
}

/// # Safety
///
/// Called by the core for a registered device, with bottom halves disabled, with a packet that stays
/// the caller's and that has metadata of its own, for a packet to be sent.
unsafe extern "C" fn fill_metadata<T: NetDevice>(
    dev: *mut bindings::net_device,
    skb: *mut bindings::sk_buff,
) -> c_int {
    // SAFETY: By this function's contract.
    let (dev, inquiry, softirq) = unsafe {
        (
            NetDev::<T>::from_raw(dev),
            Inquiry::new(skb),
            Softirq::assume(),
        )
    };
    from_result(|| T::fill_metadata(dev, inquiry, &softirq).map(|()| 0))
}

/// Any address is received: there is no filter to set.
///
/// # Safety
///
/// None.
unsafe extern "C" fn set_rx_mode(_dev: *mut bindings::net_device) {}

/// # Safety
///
/// Called by the core for a registered device, with RTNL held.
unsafe extern "C" fn change_mtu<T: NetDevice>(dev: *mut bindings::net_device, mtu: c_int) -> c_int {
    // SAFETY: By this function's contract.
    let (device, rtnl) = unsafe { (NetDev::<T>::from_raw(dev), Rtnl::assume()) };
    from_result(|| {
        T::check_mtu(device, u32::try_from(mtu).map_err(|_| EINVAL)?, &rtnl)?;
        // SAFETY: The device is valid; readers take the old or the new value.
        unsafe {
            (&raw mut (*dev).mtu).write_volatile(mtu as u32);
        }
        Ok(0)
    })
}

/// # Safety
///
/// Called by ethtool for a registered device, with a structure to fill.
unsafe extern "C" fn get_drvinfo<T: NetDevice>(
    _dev: *mut bindings::net_device,
    info: *mut bindings::ethtool_drvinfo,
) {
    fn fill<const N: usize>(field: &mut [c_char; N], text: &CStr) {
        // The core has filled in a string of its own; the last octet stays to end ours.
        let mut octets = text.to_bytes().iter();
        for to in field.iter_mut().take(N.saturating_sub(1)) {
            *to = octets.next().map_or(0, |from| *from as c_char);
        }
    }
    // SAFETY: By this function's contract.
    let info = unsafe { &mut *info };
    fill(&mut info.driver, T::NAME);
    fill(&mut info.version, T::VERSION);
}

/// # Safety
///
/// Called by ethtool for a registered device, with RTNL held and a structure to fill.
unsafe extern "C" fn get_link_ksettings<T: NetDevice>(
    dev: *mut bindings::net_device,
    settings: *mut bindings::ethtool_link_ksettings,
) -> c_int {
    // SAFETY: By this function's contract.
    let (dev, rtnl) = unsafe { (NetDev::<T>::from_raw(dev), Rtnl::assume()) };
    let lower = dev
        .link_net_rtnl(&rtnl)
        .and_then(|net| net.device(T::lower_ifindex(dev, &rtnl), &rtnl))
        .map(|lower| lower.as_ptr());
    match lower {
        // SAFETY: The device was found under RTNL, which is still held.
        Some(lower) => unsafe { bindings::__ethtool_get_link_ksettings(lower, settings) },
        None => {
            // SAFETY: By this function's contract.
            let base = unsafe { &mut (*settings).base };
            base.duplex = bindings::DUPLEX_UNKNOWN as u8;
            base.port = bindings::PORT_OTHER as u8;
            base.speed = bindings::SPEED_UNKNOWN as u32;
            0
        }
    }
}
