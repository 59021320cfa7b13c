// SPDX-License-Identifier: GPL-2.0

//! Time in jiffies, as the table's entries and netlink count it.
//!
//! C header: [`include/linux/jiffies.h`](srctree/include/linux/jiffies.h)

use super::bindings;

/// Jiffies in a second.
pub(crate) const HZ: usize = bindings::shim_hz as usize;

/// A moment. Moments wrap around, so they are compared by their distance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jiffies(usize);

impl Jiffies {
    /// Returns the present moment.
    #[inline]
    pub(crate) fn now() -> Self {
        // SAFETY: The kernel's clock is always there, and reads of it are volatile in C too.
        Self(unsafe { (&raw const bindings::jiffies).read_volatile() })
    }

    /// Returns the moment as the kernel counts it.
    #[inline]
    pub(crate) const fn get(self) -> usize {
        self.0
    }

    /// Takes a moment as [`Jiffies::get`] gave it.
    #[inline]
    pub(crate) const fn from_raw(raw: usize) -> Self {
        Self(raw)
    }

    /// Returns the jiffies from `earlier` to this moment, 0 if that is in fact later.
    pub(crate) const fn since(self, earlier: Self) -> usize {
        let distance = self.0.wrapping_sub(earlier.0);
        if distance > usize::MAX / 2 {
            0
        } else {
            distance
        }
    }
}

/// Converts a number of jiffies to clock ticks, which user space counts in.
pub(crate) fn clock_ticks(jiffies: usize) -> u32 {
    // SAFETY: No requirements.
    unsafe { bindings::shim_jiffies_to_clock_t(jiffies) as u32 }
}

/// Returns whether one more message may be logged now (`net_ratelimit`).
pub(crate) fn may_log() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::net_ratelimit() != 0 }
}

/// Lets others run who wait for this CPU. It may sleep.
pub(crate) fn give_way() {
    // SAFETY: No requirements but process context; in any other the kernel complains.
    unsafe { bindings::shim_cond_resched() };
}
