// SPDX-License-Identifier: GPL-2.0

//! Read-copy-update: evidence of a reader, a pointer that readers follow, deferred destruction.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use super::bindings;
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::{
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        rcu, //
    },
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// Evidence of an RCU read-side critical section.
///
/// # Safety
///
/// While a value exists, the current CPU is in a read-side critical section, and stays in it until
/// the value ends.
pub(crate) unsafe trait RcuProof {}

// SAFETY: A guard holds the RCU read lock.
unsafe impl RcuProof for rcu::Guard {}

/// Evidence that softirqs are off on this CPU, as in `ndo_start_xmit` and in packet reception.
///
/// # Invariants
///
/// Bottom halves are disabled, or the RCU read lock is held, while a value exists.
pub(crate) struct Softirq<'a>(PhantomData<&'a ()>, NotThreadSafe);

impl Softirq<'_> {
    /// Takes the caller's word.
    ///
    /// # Safety
    ///
    /// The caller is called with bottom halves disabled or the RCU read lock held, and the value does
    /// not outlive that call.
    pub(super) unsafe fn assume() -> Self {
        // INVARIANT: By this function's contract.
        Self(PhantomData, NotThreadSafe)
    }
}

// SAFETY: Disabled bottom halves are a read-side critical section since RCU flavours were merged
// (Documentation/RCU/Design/Requirements, "RCU flavor consolidation"); otherwise the read lock is held.
unsafe impl RcuProof for Softirq<'_> {}

/// A value whose destructor may run in an RCU callback: it does not sleep.
///
/// Sockets, work items and resizable tables are no such values; they have an explicit end.
pub(crate) trait AtomicDrop: Send + Sync + 'static {}

/// A value with room for what `call_rcu()` needs.
///
/// `rcu` stands first, so that the address of the node is that of the head.
#[repr(C)]
struct Node<T> {
    rcu: Opaque<bindings::callback_head>,
    value: T,
}

/// A value that is ready to be published, allocated beforehand so that publishing cannot fail.
pub(crate) struct Prepared<T>(KBox<Node<T>>);

impl<T> Prepared<T> {
    /// Allocates room for `value`.
    pub(crate) fn new(value: T, flags: kernel::alloc::Flags) -> Result<Self> {
        let node = Node {
            rcu: Opaque::uninit(),
            value,
        };
        Ok(Self(KBox::new(node, flags)?))
    }
}

/// A pointer to a value, null at first, which readers follow while it is exchanged.
///
/// # Invariants
///
/// `ptr` is null or a box's pointer that this cell owns. Once exchanged, a node is freed only after a
/// grace period.
pub(crate) struct RcuCell<T: AtomicDrop> {
    ptr: Atomic<*mut Node<T>>,
    _owns: PhantomData<T>,
}

// SAFETY: The cell owns a `T`, which `AtomicDrop` says is `Send`.
unsafe impl<T: AtomicDrop> Send for RcuCell<T> {}
// SAFETY: A shared cell hands out `&T` and takes and returns `T`: `AtomicDrop` says `T: Send + Sync`.
unsafe impl<T: AtomicDrop> Sync for RcuCell<T> {}

impl<T: AtomicDrop> RcuCell<T> {
    /// Returns an empty cell.
    pub(crate) fn empty() -> Self {
        // INVARIANT: Null owns nothing.
        Self {
            ptr: Atomic::new(null_mut()),
            _owns: PhantomData,
        }
    }

    /// Returns the current value. It stays valid as long as `_reader`, whatever is stored meanwhile.
    #[inline]
    pub(crate) fn load<'a>(&'a self, _reader: &'a impl RcuProof) -> Option<&'a T> {
        let node = self.ptr.load(Acquire);
        // SAFETY: By the invariants the node is null or was live within this critical section, and is
        // freed after a grace period at the earliest, which `_reader` puts off beyond `'a`.
        unsafe { node.as_ref() }.map(|node| &node.value)
    }

    /// Publishes `value`, or empties the cell, and returns what was there.
    pub(crate) fn replace(&self, value: Option<Prepared<T>>) -> Option<Retired<T>> {
        let new = value.map_or(null_mut(), |prepared| KBox::into_raw(prepared.0));
        // INVARIANT: The new node came from a box; the old one now belongs to `Retired`.
        NonNull::new(self.ptr.xchg(new, Full)).map(Retired)
    }
}

impl<T: AtomicDrop> Drop for RcuCell<T> {
    fn drop(&mut self) {
        let node = *self.ptr.get_mut();
        if !node.is_null() {
            // SAFETY: By the invariants the cell owns the box. Readers borrow the cell, and there is
            // no borrow left.
            drop(unsafe { KBox::from_raw(node) });
        }
    }
}

/// A value taken from where readers find it. Dropping it runs `T`'s destructor after a grace period.
///
/// # Invariants
///
/// The pointer is that of a box which nobody else owns, and new readers do not find.
pub(crate) struct Retired<T: AtomicDrop>(NonNull<Node<T>>);

impl<T: AtomicDrop> Deref for Retired<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the invariants the box is live and only shared with readers.
        unsafe { &self.0.as_ref().value }
    }
}

impl<T: AtomicDrop> Drop for Retired<T> {
    fn drop(&mut self) {
        // SAFETY: `rcu` lies within the box, which lives until the callback frees it; by the
        // invariants nobody else queues it.
        unsafe {
            bindings::call_rcu(
                Opaque::cast_into(&raw const (*self.0.as_ptr()).rcu),
                Some(free::<T>),
            )
        };
    }
}

/// The RCU callback of [`Retired`].
///
/// # Safety
///
/// `head` is the first field of a boxed `Node<T>` that the caller owns, and no reader is left.
unsafe extern "C" fn free<T>(head: *mut bindings::callback_head) {
    // SAFETY: By this function's contract; `rcu` is at offset 0 of the `repr(C)` node.
    drop(unsafe { KBox::from_raw(head.cast::<Node<T>>()) });
}

/// Waits, when dropped, for all RCU callbacks queued so far: their code is this module's.
///
/// It is the last field of whatever can queue callbacks until it is dropped.
pub(crate) struct Barrier;

impl Drop for Barrier {
    fn drop(&mut self) {
        rcu::rcu_barrier();
    }
}
