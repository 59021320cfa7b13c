// SPDX-License-Identifier: GPL-2.0

//! Devices that stand above others.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::{
    bindings,
    device::{
        AnyDevice,
        NetDev,
        NetDevice, //
    },
    netlink::ExtAck,
    rtnl::Rtnl, //
};
use core::ptr::null_mut;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// Takes over what `lower` can do with large packets, and the tailroom it wants.
///
/// # Safety
///
/// `dev` is valid, and nobody else writes to it now.
pub(super) unsafe fn inherit(dev: *mut bindings::net_device, lower: &AnyDevice) {
    let (_, _, tailroom) = lower.rooms();
    // SAFETY: By this function's contract; the lower device is valid.
    unsafe {
        bindings::netif_inherit_tso_max(dev, lower.as_ptr());
        (&raw mut (*dev).needed_tailroom).write_volatile(tailroom);
    }
}

/// That one device stands above another.
///
/// # Invariants
///
/// The devices are linked; the link holds references to both.
#[must_use = "a link that is never taken back keeps both devices from going"]
pub(crate) struct LowerLink {
    lower: *mut bindings::net_device,
    upper: *mut bindings::net_device,
}

// SAFETY: The pointers are counted references.
unsafe impl Send for LowerLink {}

impl LowerLink {
    /// Links `dev` above `lower`.
    pub(crate) fn new<T: NetDevice>(
        dev: &NetDev<T>,
        lower: &AnyDevice,
        _rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result<Self> {
        // SAFETY: Both devices are valid and RTNL is held.
        to_result(unsafe {
            bindings::netdev_upper_dev_link(lower.as_ptr(), dev.as_ptr(), ack.as_ptr())
        })?;
        // INVARIANT: The devices are linked now.
        Ok(Self {
            lower: lower.as_ptr(),
            upper: dev.as_ptr(),
        })
    }

    /// Takes the devices apart.
    pub(crate) fn unlink(self, _rtnl: &Rtnl<'_>) {
        // SAFETY: By the invariants the devices are valid and linked; RTNL is held.
        unsafe { bindings::netdev_upper_dev_unlink(self.lower, self.upper) };
    }
}

/// A device on its way from one lower device to another: linked above both, where there was one
/// before. [`LowerChange::commit`] or [`LowerChange::abort`] ends it.
///
/// # Invariants
///
/// `new` is a link that was made while the old one, if any, was disabled.
#[must_use = "a change that is never ended leaves the device above both"]
pub(crate) struct LowerChange<'a> {
    old: Option<LowerLink>,
    new: LowerLink,
    _rtnl: &'a Rtnl<'a>,
}

impl<'a> LowerChange<'a> {
    /// Links `dev` above `lower`, which is not the device of `old`; `old` is `dev`'s link so far.
    ///
    /// On failure all is as it was, and `old` comes back.
    pub(crate) fn prepare<T: NetDevice>(
        dev: &NetDev<T>,
        old: Option<LowerLink>,
        lower: &AnyDevice,
        rtnl: &'a Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result<Self, (Error, Option<LowerLink>)> {
        let below = old.as_ref().map_or(null_mut(), |old| old.lower);
        let is_ours = old.as_ref().is_none_or(|old| old.upper == dev.as_ptr());
        if !is_ours || below == lower.as_ptr() {
            return Err((EINVAL, old));
        }
        // SAFETY: All devices are valid, `old` is a link of `dev`, and RTNL is held.
        let result = to_result(unsafe {
            bindings::netdev_adjacent_change_prepare(
                below,
                lower.as_ptr(),
                dev.as_ptr(),
                ack.as_ptr(),
            )
        });
        if let Err(error) = result {
            return Err((error, old));
        }
        // INVARIANT: The devices are linked now, and the old link, if any, is disabled.
        Ok(Self {
            old,
            new: LowerLink {
                lower: lower.as_ptr(),
                upper: dev.as_ptr(),
            },
            _rtnl: rtnl,
        })
    }

    /// Ends the old link, and returns the new one.
    pub(crate) fn commit(self) -> LowerLink {
        let old = self.old.map_or(null_mut(), |old| old.lower);
        // SAFETY: By the invariants; RTNL is held. The function takes a null pointer for no device.
        unsafe {
            bindings::netdev_adjacent_change_commit(old, self.new.lower, self.new.upper);
        }
        self.new
    }

    /// Ends the new link, and returns the old one.
    pub(crate) fn abort(self) -> Option<LowerLink> {
        let old = self.old.as_ref().map_or(null_mut(), |old| old.lower);
        // SAFETY: As above.
        unsafe {
            bindings::netdev_adjacent_change_abort(old, self.new.lower, self.new.upper);
        }
        self.old
    }
}
