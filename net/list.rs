// SPDX-License-Identifier: GPL-2.0

//! A list that readers walk under RCU while one writer at a time changes it.
//!
//! C header: [`include/linux/rculist.h`](srctree/include/linux/rculist.h)

use super::{
    bindings,
    rcu::{
        AtomicDrop,
        Node,
        RcuProof,
        Retired, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::offset_of,
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

/// Names a lock, so that a list can tell whether the guard it is shown is the right one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LockId(usize);

impl LockId {
    /// Names the lock at an address.
    pub(super) const fn of_address(address: usize) -> Self {
        Self(address)
    }
}

/// Evidence that a lock is held.
///
/// # Safety
///
/// At any time at most one value with a given [`LockId`] exists.
pub(crate) unsafe trait WriteProof {
    /// Which lock.
    fn lock_id(&self) -> LockId;
}

/// An item in its place: the links, then the value.
#[repr(C)]
pub(crate) struct Linked<T> {
    link: Opaque<bindings::list_head>,
    rcu: Opaque<bindings::callback_head>,
    value: T,
}

// SAFETY: `rcu` is used for nothing else.
unsafe impl<T: AtomicDrop> Node for Linked<T> {
    type Value = T;
    const RCU: usize = offset_of!(Self, rcu);

    fn value(&self) -> &T {
        &self.value
    }
}

/// An item that is ready to be linked, allocated beforehand so that linking cannot fail.
pub(crate) struct Item<T>(KBox<Linked<T>>);

impl<T> Item<T> {
    /// Allocates room for `value`.
    pub(crate) fn new(value: T, flags: kernel::alloc::Flags) -> Result<Self> {
        let node = Linked {
            link: Opaque::uninit(),
            rcu: Opaque::uninit(),
            value,
        };
        Ok(Self(KBox::new(node, flags)?))
    }
}

/// The list. All changes need the guard of one lock, whose id is given at creation.
///
/// # Invariants
///
/// `head` is an initialised, pinned list head; every other link in the ring is that of a boxed
/// `Linked<T>` owned by the list. Nodes are unlinked under the lock named `lock` and freed after a grace
/// period.
#[pin_data(PinnedDrop)]
pub(crate) struct RcuList<T: AtomicDrop> {
    #[pin]
    head: Opaque<bindings::list_head>,
    lock: LockId,
    _owns: PhantomData<T>,
}

// SAFETY: The list owns values of `T`, which `AtomicDrop` says is `Send`.
unsafe impl<T: AtomicDrop> Send for RcuList<T> {}
// SAFETY: A shared list hands out `&T` and takes and returns `T`: `AtomicDrop` says `T: Send + Sync`.
unsafe impl<T: AtomicDrop> Sync for RcuList<T> {}

impl<T: AtomicDrop> RcuList<T> {
    /// Returns an empty list that the lock named `lock` guards.
    pub(crate) fn new(lock: LockId) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes.
            head <- Opaque::ffi_init(|slot| unsafe { bindings::shim_list_init(slot) }),
            lock,
            _owns: PhantomData,
        })
    }

    /// Walks the list. An item that is removed meanwhile may or may not be seen, and stays valid.
    #[inline]
    pub(crate) fn iter<'a>(&'a self, _reader: &'a impl RcuProof) -> Iter<'a, T> {
        Iter {
            // SAFETY: By the invariants of the list, and `_reader` is in a critical section for `'a`.
            cursor: unsafe { Cursor::new(self.head.get()) },
            _list: PhantomData,
        }
    }

    /// Returns the first item.
    #[inline]
    pub(crate) fn first<'a>(&'a self, reader: &'a impl RcuProof) -> Option<&'a T> {
        self.iter(reader).next()
    }

    /// Links `item` at the end. Fails with EINVAL, unchanged, if `writer` is not of this list's lock.
    pub(crate) fn push_back(&self, item: Item<T>, writer: &impl WriteProof) -> Result {
        self.check(writer)?;
        let node = KBox::into_raw(item.0);
        // SAFETY: The node is unlinked and now owned by the list, whose only writer is the caller.
        unsafe {
            bindings::shim_list_add_tail_rcu(
                Opaque::cast_into(&raw const (*node).link),
                self.head.get(),
            )
        };
        Ok(())
    }

    /// Unlinks the first item that `matches`.
    pub(crate) fn remove(
        &self,
        writer: &impl WriteProof,
        matches: impl FnMut(&T) -> bool,
    ) -> Result<Option<Retired<Linked<T>>>> {
        let Some(node) = self.find(writer, matches)? else {
            return Ok(None);
        };
        // SAFETY: The node is linked in this list, whose only writer is the caller.
        unsafe { bindings::shim_list_del_rcu(Opaque::cast_into(&raw const (*node.as_ptr()).link)) };
        // SAFETY: The node is out of the list, which does not own it any more.
        Ok(Some(unsafe { Retired::new(node) }))
    }

    /// Puts `item` in the place of the first item that `matches`. Readers see the one or the other.
    pub(crate) fn replace(
        &self,
        item: Item<T>,
        writer: &impl WriteProof,
        matches: impl FnMut(&T) -> bool,
    ) -> Result<Option<Retired<Linked<T>>>> {
        let Some(old) = self.find(writer, matches)? else {
            return Ok(None);
        };
        let new = KBox::into_raw(item.0);
        // SAFETY: `old` is linked in this list, whose only writer is the caller; `new` is unlinked and
        // now owned by the list.
        unsafe {
            bindings::shim_list_replace_rcu(
                Opaque::cast_into(&raw const (*old.as_ptr()).link),
                Opaque::cast_into(&raw const (*new).link),
            )
        };
        // SAFETY: The node is out of the list, which does not own it any more.
        Ok(Some(unsafe { Retired::new(old) }))
    }

    fn check(&self, writer: &impl WriteProof) -> Result {
        if writer.lock_id() == self.lock {
            Ok(())
        } else {
            Err(EINVAL)
        }
    }

    fn find(
        &self,
        writer: &impl WriteProof,
        mut matches: impl FnMut(&T) -> bool,
    ) -> Result<Option<NonNull<Linked<T>>>> {
        self.check(writer)?;
        let head = self.head.get();
        // SAFETY: The head is initialised, and the lock keeps the ring as it is.
        let mut at = unsafe { (*head).next };
        while at != head {
            // The link is the first field of the `repr(C)` node.
            let node = at.cast::<Linked<T>>();
            // SAFETY: Every link but the head is that of a live node.
            if matches(unsafe { &(*node).value }) {
                return Ok(NonNull::new(node));
            }
            // SAFETY: As above.
            at = unsafe { (*at).next };
        }
        Ok(None)
    }
}

#[pinned_drop]
impl<T: AtomicDrop> PinnedDrop for RcuList<T> {
    fn drop(self: Pin<&mut Self>) {
        let head = self.head.get();
        // SAFETY: The head is initialised; no reader or writer borrows the list any more.
        let mut at = unsafe { (*head).next };
        while at != head {
            // SAFETY: Every link but the head is that of a box that the list owns.
            let node = unsafe { KBox::from_raw(at.cast::<Linked<T>>()) };
            // SAFETY: `link` is initialised in a linked node.
            at = unsafe { (*node.link.get()).next };
        }
    }
}

/// A walk along a ring of links, which ends where it began.
///
/// # Invariants
///
/// `head` and `at` are links of one ring that is changed by the RCU list operations only, and whose
/// links are freed after a grace period; the walk is within one critical section.
pub(super) struct Cursor {
    head: *mut bindings::list_head,
    at: *mut bindings::list_head,
}

impl Cursor {
    /// Starts at the head.
    ///
    /// # Safety
    ///
    /// The invariants of the type hold for `head` as long as the cursor is used.
    pub(super) unsafe fn new(head: *mut bindings::list_head) -> Self {
        // INVARIANT: By this function's contract.
        Self { head, at: head }
    }

    /// Returns the next link, None at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Option<*mut bindings::list_head> {
        // SAFETY: By the invariants `at` is valid, and so is its `next`, which unlinking leaves.
        let next = unsafe { Atomic::from_ptr(&raw mut (*self.at).next) }.load(Acquire);
        if next == self.head {
            return None;
        }
        self.at = next;
        Some(next)
    }
}

/// The walk over an [`RcuList`].
pub(crate) struct Iter<'a, T> {
    cursor: Cursor,
    _list: PhantomData<&'a T>,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        let link = self.cursor.next()?;
        // SAFETY: Every link but the head is the first field of a node.
        Some(unsafe { &(*link.cast::<Linked<T>>()).value })
    }
}
