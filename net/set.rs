// SPDX-License-Identifier: GPL-2.0

//! A set of items in the order in which they came, which readers walk under RCU while one writer at a
//! time changes it. A writer finds an item by its identity without a walk.
//!
//! C headers: [`include/linux/xarray.h`](srctree/include/linux/xarray.h),
//! [`include/linux/rbtree.h`](srctree/include/linux/rbtree.h)

use super::{
    bindings,
    lock::{
        LockId,
        WriteProof, //
    },
    order::{
        Order,
        Visit,
        Walk, //
    },
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
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        rcu, //
    },
    types::Opaque, //
};

/// What can be in a set.
pub(crate) trait Identified: AtomicDrop {
    /// Returns what tells the item from all others of a set. It never changes.
    fn identity(&self) -> usize;
}

/// An item in its place: what the set needs, then the value.
#[repr(C)]
pub(crate) struct Member<T> {
    node: Opaque<bindings::shim_member>,
    value: T,
}

// SAFETY: The node's parts that change belong to the set, whose writers exclude each other, or are
// atomic; the value is `Send`.
unsafe impl<T: AtomicDrop> Send for Member<T> {}
// SAFETY: As above; the value is `Sync`.
unsafe impl<T: AtomicDrop> Sync for Member<T> {}
impl<T: AtomicDrop> AtomicDrop for Member<T> {}

// SAFETY: The head of the node, which is the first field, is used for nothing else.
unsafe impl<T: AtomicDrop> Node for Member<T> {
    type Value = Self;
    const RCU: usize = offset_of!(bindings::shim_member, rcu);

    fn value(&self) -> &Self {
        self
    }
}

impl<T> Deref for Member<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Member<T> {
    /// Returns the item's place in the order of its set.
    pub(crate) fn place(&self) -> usize {
        // SAFETY: The number is written before the item is shared.
        unsafe { (*self.node.get()).number as usize }
    }

    /// Returns a number that the set keeps with the item for its owner, 0 at first.
    pub(crate) fn tag(&self) -> &Atomic<u32> {
        // SAFETY: The node is valid, and its tag is read and written here only.
        unsafe { Atomic::from_ptr(&raw mut (*self.node.get()).tag) }
    }
}

/// An item that is ready to be added.
pub(crate) struct Item<T>(KBox<Member<T>>);

impl<T: Identified> Item<T> {
    /// Allocates room for `value`.
    pub(crate) fn new(value: T, flags: kernel::alloc::Flags) -> Result<Self> {
        let identity = value.identity();
        let node = Opaque::zeroed();
        let item = KBox::new(Member { node, value }, flags)?;
        let node: *mut bindings::shim_member = item.node.get();
        // SAFETY: The node is ours alone so far.
        unsafe { (*node).identity = identity };
        Ok(Self(item))
    }
}

impl<T> Deref for Item<T> {
    type Target = Member<T>;

    fn deref(&self) -> &Member<T> {
        &self.0
    }
}

/// The set. All changes need the guard of one lock, whose id is given at creation.
///
/// # Invariants
///
/// `order` and `index` hold the same members, boxed and owned by the set, except between the two steps
/// of a change, which happen under the lock named `lock`. `index` is used under that lock only. Members
/// are freed a grace period after they are taken out. A sole first member has the number 0.
#[pin_data(PinnedDrop)]
pub(crate) struct RcuSet<T: Identified> {
    #[pin]
    order: Order,
    index: Opaque<bindings::rb_root>,
    /// The number that the next item gets; changed under the lock.
    next: Atomic<u32>,
    /// The number of items; changed under the lock.
    len: Atomic<u32>,
    lock: LockId,
    _owns: PhantomData<T>,
}

// SAFETY: The set owns values of `T`, which `AtomicDrop` says is `Send`.
unsafe impl<T: Identified> Send for RcuSet<T> {}
// SAFETY: A shared set hands out `&T` and takes and returns `T`: `AtomicDrop` says `T: Send + Sync`.
unsafe impl<T: Identified> Sync for RcuSet<T> {}

impl<T: Identified> RcuSet<T> {
    /// Returns an empty set that the lock named `lock` guards.
    pub(crate) fn new(lock: LockId) -> impl PinInit<Self> {
        pin_init!(Self {
            order <- Order::new(),
            // The root of an empty tree is null.
            index: Opaque::zeroed(),
            next: Atomic::new(0),
            len: Atomic::new(0),
            lock,
            _owns: PhantomData,
        })
    }

    /// Returns the number of items.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Relaxed) as usize
    }

    /// Returns the item of a set of one, None for one that has more, or none, or had.
    #[inline]
    pub(crate) fn sole<'a>(&'a self, _reader: &'a impl RcuProof) -> Option<&'a Member<T>> {
        let sole = self.order.sole()?;
        // SAFETY: What the order holds is the first field of a member, freed after a grace period,
        // which the reader puts off beyond `'a`.
        Some(unsafe { sole.cast::<Member<T>>().as_ref() })
    }

    /// Walks the set. An item that is removed meanwhile may or may not be seen, and stays valid.
    #[inline]
    pub(crate) fn iter<'a>(&'a self, reader: &'a impl RcuProof) -> Iter<'a, T> {
        match self.sole(reader) {
            Some(sole) => Iter::Sole(Some(sole)),
            None => Iter::Many(self.order.walk(0, Visit::All, reader)),
        }
    }

    /// Walks the set from a place on.
    pub(crate) fn iter_from<'a>(&'a self, place: usize, reader: &'a impl RcuProof) -> Iter<'a, T> {
        Iter::Many(self.order.walk(place, Visit::All, reader))
    }

    /// Returns the first item.
    #[inline]
    pub(crate) fn first<'a>(&'a self, reader: &'a impl RcuProof) -> Option<&'a Member<T>> {
        self.iter(reader).next()
    }

    /// Finds an item, at a cost that hardly grows with the set. Fails with EINVAL if `writer` is not of
    /// this set's lock.
    pub(crate) fn find<'a>(
        &'a self,
        identity: usize,
        writer: &'a impl WriteProof,
    ) -> Result<Option<&'a Member<T>>> {
        self.check(writer)?;
        // SAFETY: The index is initialised, and the lock is held. A member stays at least as long.
        unsafe {
            let node = bindings::shim_member_find(self.index.get(), identity);
            Ok(node.cast::<Member<T>>().as_ref())
        }
    }

    /// Adds an item at the end. Fails, unchanged, with EEXIST if there is one with its identity, with
    /// ENOMEM, with EOVERFLOW after 2^32 additions, or with EINVAL if `writer` is not of this set's lock.
    pub(crate) fn push_back(&self, item: Item<T>, writer: &impl WriteProof) -> Result {
        if self.find(item.identity(), writer)?.is_some() {
            return Err(EEXIST);
        }
        let number = self.next.load(Relaxed);
        let next = number.checked_add(1).ok_or(EOVERFLOW)?;
        // SAFETY: The caller is the only writer.
        unsafe { self.place(item, number)? };
        self.next.store(next, Relaxed);
        self.len
            .store(self.len.load(Relaxed).wrapping_add(1), Relaxed);
        Ok(())
    }

    /// Takes an item out. Fails with EINVAL if `writer` is not of this set's lock.
    pub(crate) fn remove(
        &self,
        identity: usize,
        writer: &impl WriteProof,
    ) -> Result<Option<Retired<Member<T>>>> {
        let Some(member) = self.find(identity, writer)?.map(NonNull::from) else {
            return Ok(None);
        };
        // SAFETY: The member is in order and index, whose only writer is the caller.
        unsafe {
            let node = member.cast::<bindings::shim_member>().as_ptr();
            self.order.erase((*node).number as usize);
            bindings::shim_member_unlink(self.index.get(), node);
        }
        self.len
            .store(self.len.load(Relaxed).wrapping_sub(1), Relaxed);
        // SAFETY: The member is in the set no more, which does not own it now.
        Ok(Some(unsafe { Retired::new(member) }))
    }

    /// Puts `item` in the place of the first item. Readers see the one or the other. Fails, unchanged,
    /// with ENOENT if the set is empty, with EINVAL if `writer` is not of this set's lock.
    pub(crate) fn replace_first(
        &self,
        item: Item<T>,
        writer: &impl WriteProof,
    ) -> Result<Retired<Member<T>>> {
        self.check(writer)?;
        let reader = rcu::read_lock();
        let old = NonNull::from(self.first(&reader).ok_or(ENOENT)?);
        // SAFETY: The member is valid, and the caller is the only writer. A number that is taken is
        // stored to without fail; then the index has the new member, and the old one goes.
        unsafe {
            let node = old.cast::<bindings::shim_member>().as_ptr();
            self.place(item, (*node).number)?;
            bindings::shim_member_unlink(self.index.get(), node);
        }
        // SAFETY: The member is in the set no more, which does not own it now.
        Ok(unsafe { Retired::new(old) })
    }

    /// Puts an item into order and index. Fails, unchanged, with ENOMEM.
    ///
    /// # Safety
    ///
    /// The caller is the only writer.
    unsafe fn place(&self, item: Item<T>, number: u32) -> Result {
        let node: *mut bindings::shim_member = item.0.node.get();
        // SAFETY: The node is ours alone so far. The box is freed a grace period after it is erased,
        // and on failure the order does not have it.
        unsafe {
            (*node).number = number;
            self.order.store(number as usize, node.cast())?;
        }
        let member = KBox::into_raw(item.0);
        // SAFETY: The index is initialised, the node is in it not yet and now owned by the set.
        unsafe { bindings::shim_member_link(self.index.get(), member.cast()) };
        Ok(())
    }

    fn check(&self, writer: &impl WriteProof) -> Result {
        if writer.lock_id() == self.lock {
            Ok(())
        } else {
            Err(EINVAL)
        }
    }
}

#[pinned_drop]
impl<T: Identified> PinnedDrop for RcuSet<T> {
    fn drop(self: Pin<&mut Self>) {
        if let Some(sole) = self.order.sole() {
            // SAFETY: The item is the first field of a box that the set owns, and nobody borrows the set
            // any more. An order of one item keeps nothing for itself.
            drop(unsafe { KBox::from_raw(sole.cast::<Member<T>>().as_ptr()) });
            return;
        }
        let guard = rcu::read_lock();
        let mut walk = self.order.walk(0, Visit::All, &guard);
        while let Some(node) = walk.next() {
            // SAFETY: Every item is the first field of a box that the set owns, and nobody borrows the
            // set any more. The walk is past the item.
            drop(unsafe { KBox::from_raw(node.cast::<Member<T>>().as_ptr()) });
        }
        // SAFETY: As above; the items are not looked at again.
        unsafe { self.order.clear() };
    }
}

/// The walk over an [`RcuSet`].
pub(crate) enum Iter<'a, T> {
    /// Over a set of one.
    Sole(Option<&'a Member<T>>),
    /// Over any set.
    Many(Walk<'a>),
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a Member<T>;

    #[inline]
    fn next(&mut self) -> Option<&'a Member<T>> {
        match self {
            Self::Sole(sole) => sole.take(),
            Self::Many(walk) => {
                let node = walk.next()?;
                // SAFETY: Every item is the first field of a member, freed after a grace period.
                Some(unsafe { node.cast::<Member<T>>().as_ref() })
            }
        }
    }
}
