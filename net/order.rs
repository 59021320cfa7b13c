// SPDX-License-Identifier: GPL-2.0

//! An order of items by number, which readers walk under RCU from any place on.
//!
//! It is what tables and sets keep their items in. The numbers of items never change, so that a walk
//! that was broken off goes on where it was, whatever came or went meanwhile. Items may be marked, and
//! walks may pass over all others.
//!
//! C header: [`include/linux/xarray.h`](srctree/include/linux/xarray.h)

use super::{
    bindings,
    once::dereference,
    rcu::RcuProof, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::atomic::Atomic,
    types::Opaque, //
};

/// Items by number. It owns nothing: who stores items keeps them valid for a grace period after they
/// are erased.
#[pin_data]
pub(super) struct Order {
    #[pin]
    array: Opaque<bindings::xarray>,
}

/// Which items a walk visits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// All.
    All,
    /// Those that are marked.
    Marked,
}

impl Order {
    /// Makes an empty order.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes.
            array <- Opaque::ffi_init(|slot| unsafe { bindings::shim_order_init(slot) }),
        })
    }

    /// Stores an item, in the place of one that has the number already. Does not fail in that case,
    /// else perhaps with ENOMEM.
    ///
    /// # Safety
    ///
    /// Nobody else changes the order meanwhile, and bottom halves are off: the array's lock is taken in
    /// softirqs too. `item` is aligned to four octets and valid until a
    /// grace period after it is erased or replaced.
    pub(super) unsafe fn store(&self, number: usize, item: *mut c_void) -> Result {
        // SAFETY: The array is initialised; an aligned pointer is what it takes.
        to_result(unsafe { bindings::shim_order_store(self.array.get(), number, item) })
    }

    /// Erases the item with a number.
    ///
    /// # Safety
    ///
    /// Nobody else changes the order meanwhile, and bottom halves are off: the array's lock is taken in
    /// softirqs too.
    pub(super) unsafe fn erase(&self, number: usize) {
        // SAFETY: The array is initialised.
        unsafe { bindings::xa_erase(self.array.get(), number) };
    }

    /// Marks the item with a number, if there is one, or takes the mark away.
    pub(super) fn mark(&self, number: usize, on: bool) {
        // SAFETY: The array is initialised; its own lock guards the marks.
        unsafe { bindings::shim_order_mark(self.array.get(), number, on) };
    }

    /// Returns the item if there is no other and its number is 0.
    #[inline]
    pub(super) fn sole(&self) -> Option<NonNull<c_void>> {
        /// The bits that tell a pointer to an item from what the array keeps for itself.
        const INTERNAL: usize = 3;
        // SAFETY: The array is initialised, and its head changes atomically.
        let head = dereference(unsafe { Atomic::from_ptr(&raw mut (*self.array.get()).xa_head) });
        NonNull::new(head).filter(|head| head.addr().get() & INTERNAL == 0)
    }

    /// Walks the items whose number is `from` or higher, in ascending order.
    pub(super) fn walk<'a>(
        &'a self,
        from: usize,
        visit: Visit,
        _reader: &'a impl RcuProof,
    ) -> Walk<'a> {
        let state = Opaque::uninit();
        // SAFETY: The array is initialised, the state is valid for writes.
        unsafe { bindings::shim_walk_init(state.get(), self.array.get(), from) };
        Walk {
            state,
            visit,
            _order: PhantomData,
        }
    }

    /// Frees what the array keeps for itself. It is empty then.
    ///
    /// # Safety
    ///
    /// Nobody else uses the order meanwhile.
    pub(super) unsafe fn clear(&self) {
        // SAFETY: The array is initialised.
        unsafe { bindings::xa_destroy(self.array.get()) };
    }
}

/// The walk over an [`Order`].
///
/// # Invariants
///
/// The state is initialised, and belongs to an array that is there during `'a`, all in one critical
/// section.
pub(crate) struct Walk<'a> {
    state: Opaque<bindings::xa_state>,
    visit: Visit,
    _order: PhantomData<&'a Order>,
}

impl Walk<'_> {
    /// Returns the next item. One that is erased meanwhile may or may not be seen.
    #[inline]
    pub(super) fn next(&mut self) -> Option<NonNull<c_void>> {
        // SAFETY: By the invariants.
        let item =
            unsafe { bindings::shim_walk_next(self.state.get(), self.visit == Visit::Marked) };
        NonNull::new(item)
    }
}
