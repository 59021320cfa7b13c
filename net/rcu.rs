// SPDX-License-Identifier: GPL-2.0

//! Read-copy-update: evidence of a reader, pointers that readers follow, deferred destruction.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use super::{
    bindings,
    once::dereference, //
};
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

/// Evidence of an RCU read-side critical section, of whatever flavour. C code that checks for
/// `rcu_read_lock()` itself takes it itself, in its shim.
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
/// Bottom halves are disabled while a value exists.
pub(crate) struct Softirq<'a>(PhantomData<&'a ()>, NotThreadSafe);

impl Softirq<'_> {
    /// Takes the caller's word.
    ///
    /// # Safety
    ///
    /// The caller is called with bottom halves disabled, and the value does not outlive that call.
    pub(super) unsafe fn assume() -> Self {
        // INVARIANT: By this function's contract.
        Self(PhantomData, NotThreadSafe)
    }
}

// SAFETY: Disabled bottom halves are a read-side critical section since the flavours of RCU were
// merged (Documentation/RCU/Design/Requirements, "RCU flavor consolidation"), on PREEMPT_RT because
// `local_bh_disable()` takes the RCU read lock there.
unsafe impl RcuProof for Softirq<'_> {}

/// A value whose destructor may run in an RCU callback: it does not sleep.
///
/// Sockets, work items and resizable tables are no such values; they have an explicit end. A type
/// that breaks this sleeps in softirq, which the kernel reports; it is not undefined behaviour.
pub(crate) trait AtomicDrop: Send + Sync + 'static {}

/// A value in a box together with what `call_rcu()` needs.
///
/// # Safety
///
/// At [`Node::RCU`] octets from the start of the type lies a `callback_head`, which nobody but
/// [`Retired`] uses.
pub(crate) unsafe trait Node: 'static {
    /// What readers see of the node.
    type Value: AtomicDrop;
    /// Where the `callback_head` is.
    const RCU: usize;

    /// Returns the value.
    fn value(&self) -> &Self::Value;
}

/// A node taken from where readers find it. Dropping it runs the destructor after a grace period.
///
/// # Invariants
///
/// The pointer is that of a pinned box which nobody else owns, and new readers do not find.
pub(crate) struct Retired<N: Node>(NonNull<N>);

impl<N: Node> Retired<N> {
    /// Takes over a node.
    ///
    /// # Safety
    ///
    /// The invariants of the type hold for `node`.
    pub(super) unsafe fn new(node: NonNull<N>) -> Self {
        // INVARIANT: By this function's contract.
        Self(node)
    }
}

impl<N: Node> Deref for Retired<N> {
    type Target = N::Value;

    fn deref(&self) -> &N::Value {
        // SAFETY: By the invariants the box is live and only shared with readers.
        unsafe { self.0.as_ref() }.value()
    }
}

impl<N: Node> Drop for Retired<N> {
    fn drop(&mut self) {
        // SAFETY: The head lies within the box, which lives until the callback frees it; by the
        // invariants nobody else queues it.
        unsafe { bindings::call_rcu(self.0.as_ptr().byte_add(N::RCU).cast(), Some(free::<N>)) };
    }
}

/// The RCU callback of [`Retired`].
///
/// # Safety
///
/// `head` is that of a node in a pinned box which the caller owns, and no reader is left.
unsafe extern "C" fn free<N: Node>(head: *mut bindings::callback_head) {
    // SAFETY: By this function's contract and that of `Node`.
    drop(unsafe { Pin::new_unchecked(KBox::from_raw(head.byte_sub(N::RCU).cast::<N>())) });
}

/// The node of the pointers in this file.
#[repr(C)]
pub(crate) struct Published<T> {
    rcu: Opaque<bindings::callback_head>,
    value: T,
}

// SAFETY: The head is the first field.
unsafe impl<T: AtomicDrop> Node for Published<T> {
    type Value = T;
    const RCU: usize = 0;

    fn value(&self) -> &T {
        &self.value
    }
}

/// A value that is ready to be published, allocated beforehand so that publishing cannot fail.
pub(crate) struct Prepared<T>(KBox<Published<T>>);

impl<T> Prepared<T> {
    /// Allocates room for `value`.
    pub(crate) fn new(value: T) -> Result<Self> {
        let node = Published {
            rcu: Opaque::uninit(),
            value,
        };
        Ok(Self(KBox::new(node, GFP_KERNEL)?))
    }
}

/// A pointer to a value, possibly null, which readers follow while it is exchanged.
///
/// # Invariants
///
/// `ptr` is null or a box's pointer that this cell owns. Once exchanged, a node is freed only after a
/// grace period.
pub(crate) struct RcuCell<T: AtomicDrop> {
    ptr: Atomic<*mut Published<T>>,
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
        let node = dereference(&self.ptr);
        // SAFETY: By the invariants the node is null or was live within this critical section, and is
        // freed after a grace period at the earliest, which `_reader` puts off beyond `'a`.
        unsafe { node.as_ref() }.map(|node| &node.value)
    }

    /// Publishes `value`, or empties the cell, and returns what was there.
    pub(crate) fn replace(&self, value: Option<Prepared<T>>) -> Option<Retired<Published<T>>> {
        let new = value.map_or(null_mut(), |prepared| KBox::into_raw(prepared.0));
        // INVARIANT: The new node came from a box; the old one belongs to `Retired` now.
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

/// A pointer to a value, never null, which readers follow while it is exchanged.
///
/// # Invariants
///
/// The cell is not empty.
pub(crate) struct RcuBox<T: AtomicDrop>(RcuCell<T>);

impl<T: AtomicDrop> RcuBox<T> {
    /// Publishes the first value.
    pub(crate) fn new(value: Prepared<T>) -> Self {
        // INVARIANT: The pointer of a box is not null.
        Self(RcuCell {
            ptr: Atomic::new(KBox::into_raw(value.0)),
            _owns: PhantomData,
        })
    }

    /// Returns the current value. It stays valid as long as `_reader`, whatever is stored meanwhile.
    #[inline]
    pub(crate) fn load<'a>(&'a self, _reader: &'a impl RcuProof) -> &'a T {
        // SAFETY: As in `RcuCell::load`; by the invariants the pointer is not null.
        unsafe { &(*dereference(&self.0.ptr)).value }
    }

    /// Publishes `value`, and returns what was there.
    pub(crate) fn replace(&self, value: Prepared<T>) -> Option<Retired<Published<T>>> {
        // INVARIANT: The new pointer is not null.
        self.0.replace(Some(value))
    }
}

/// Waits, when dropped, for all RCU callbacks queued so far: their code is this module's.
///
/// It is the last field of whatever can queue callbacks until it is dropped.
pub(super) struct Barrier;

impl Drop for Barrier {
    fn drop(&mut self) {
        rcu::rcu_barrier();
    }
}
