// SPDX-License-Identifier: GPL-2.0

//! A hash table with an order: found by key under RCU, changed under a lock of its own.
//!
//! The hash is the kernel's rhashtable, which grows, shrinks and rehashes against flooding. All
//! entries are also on a list, the newest first, for walks.
//!
//! C header: [`include/linux/rhashtable.h`](srctree/include/linux/rhashtable.h)

use super::{
    bindings,
    list::{
        Cursor,
        LockId,
        WriteProof, //
    },
    lock::{
        SpinLockBh,
        SpinLockBhGuard, //
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
    ptr::{
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        lock::Lock,
        LockClassKey, //
    },
    types::Opaque, //
};

/// A key of up to 12 octets, which is what all tables of the module need: one compiled lookup.
pub(crate) trait TableKey: Copy + Send + Sync + 'static {
    /// The key as the table compares it: equal keys give equal words.
    fn words(&self) -> [u32; 3];
}

/// An entry: what the table needs, then the value.
#[repr(C)]
#[pin_data]
pub(crate) struct Entry<V> {
    #[pin]
    node: Opaque<bindings::shim_node>,
    #[pin]
    value: V,
}

// SAFETY: The head of the node, which is the first field, is used for nothing else.
unsafe impl<V: AtomicDrop> Node for Entry<V> {
    type Value = V;
    const RCU: usize = offset_of!(bindings::shim_node, rcu);

    fn value(&self) -> &V {
        &self.value
    }
}

impl<V> Deref for Entry<V> {
    type Target = V;

    #[inline]
    fn deref(&self) -> &V {
        &self.value
    }
}

/// An entry that is ready to be inserted.
pub(crate) struct NewEntry<V>(Pin<KBox<Entry<V>>>);

impl<V> Deref for NewEntry<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.0.value
    }
}

impl<V> NewEntry<V> {
    /// Allocates an entry for `key` and initialises its value in place.
    pub(crate) fn new<K: TableKey>(
        key: &K,
        value: impl PinInit<V, Error>,
        flags: kernel::alloc::Flags,
    ) -> Result<Self> {
        let words = key.words();
        let entry = KBox::try_pin_init(
            try_pin_init!(Entry {
                node <- Opaque::ffi_init(move |slot: *mut bindings::shim_node| {
                    // SAFETY: `slot` is valid for writes.
                    unsafe { (&raw mut (*slot).key).write(words) }
                }),
                value <- value,
            }? Error),
            flags,
        )?;
        Ok(Self(entry))
    }

    /// As [`NewEntry::new`], with a value that may be moved.
    pub(crate) fn of<K: TableKey>(key: &K, value: V, flags: kernel::alloc::Flags) -> Result<Self> {
        // SAFETY: The slot is valid for writes and initialised by them.
        let init = unsafe {
            pin_init::init_from_closure(|slot: *mut V| {
                slot.write(value);
                Ok::<(), Error>(())
            })
        };
        Self::new(key, init, flags)
    }
}

/// The table.
///
/// # Invariants
///
/// `hash` is an initialised rhashtable and `order` an initialised list head. Both hold the same
/// entries, boxed, pinned and owned by the table, except between the two steps of an insertion or a
/// removal, which happen under `lock`. A removed entry is freed after a grace period.
#[pin_data(PinnedDrop)]
pub(crate) struct Table<K, V: AtomicDrop> {
    #[pin]
    hash: Opaque<bindings::rhashtable>,
    #[pin]
    order: Opaque<bindings::list_head>,
    /// The number of entries.
    #[pin]
    lock: SpinLockBh<u32>,
    _owns: PhantomData<(K, V)>,
}

// SAFETY: The table owns values of `V`, which `AtomicDrop` says is `Send`.
unsafe impl<K, V: AtomicDrop> Send for Table<K, V> {}
// SAFETY: A shared table hands out `&V` and takes and returns `V`: `AtomicDrop` says `V: Send + Sync`.
unsafe impl<K, V: AtomicDrop> Sync for Table<K, V> {}

impl<K: TableKey, V: AtomicDrop> Table<K, V> {
    /// Makes an empty table. `name` and `key` are for lockdep.
    pub(crate) fn new(
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            hash <- Opaque::try_ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                to_result(unsafe { bindings::shim_table_init(slot) })
            }),
            // SAFETY: `slot` is valid for writes.
            order <- Opaque::ffi_init(|slot| unsafe { bindings::shim_list_init(slot) }),
            lock <- Lock::new(0, name, key),
            _owns: PhantomData,
        }? Error)
    }

    /// Returns the id of the table's lock, for lists that hang on its entries.
    pub(crate) fn lock_id(&self) -> LockId {
        LockId::of_address(core::ptr::from_ref(&self.lock).addr())
    }

    /// Finds an entry.
    #[inline]
    pub(crate) fn lookup<'a>(
        &'a self,
        key: &K,
        _reader: &'a impl RcuProof,
    ) -> Option<&'a Entry<V>> {
        let words = key.words();
        // SAFETY: The hash is initialised, `words` is of the length of its keys, and `_reader` is in a
        // critical section.
        let node = unsafe { bindings::shim_table_lookup(self.hash.get(), words.as_ptr()) };
        // SAFETY: A node found is the first field of an entry that is freed after a grace period,
        // which `_reader` puts off beyond `'a`.
        unsafe { node.cast::<Entry<V>>().as_ref() }
    }

    /// Walks the entries, the newest first. One that is removed meanwhile may or may not be seen.
    pub(crate) fn iter<'a>(&'a self, _reader: &'a impl RcuProof) -> Iter<'a, V> {
        Iter {
            // SAFETY: By the invariants of the table, and `_reader` is in a critical section for `'a`.
            cursor: unsafe { Cursor::new(self.order.get()) },
            _table: PhantomData,
        }
    }

    /// Takes the lock, to change the table.
    pub(crate) fn lock(&self) -> TableGuard<'_, K, V> {
        TableGuard {
            count: self.lock.lock(),
            table: self,
        }
    }
}

#[pinned_drop]
impl<K, V: AtomicDrop> PinnedDrop for Table<K, V> {
    /// Sleeps: waits for a resize of the hash that is under way.
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: No reader or writer borrows the table any more, so that nobody else uses the hash.
        // `free_now` frees entries, and those are what the hash holds.
        unsafe {
            bindings::rhashtable_free_and_destroy(self.hash.get(), Some(free_now::<V>), null_mut())
        };
    }
}

/// The table, locked.
pub(crate) struct TableGuard<'a, K, V: AtomicDrop> {
    count: SpinLockBhGuard<'a, u32>,
    table: &'a Table<K, V>,
}

// SAFETY: The lock is a BH lock: bottom halves are disabled while it is held, on PREEMPT_RT the RCU
// read lock is.
unsafe impl<K, V: AtomicDrop> RcuProof for TableGuard<'_, K, V> {}

// SAFETY: The id is the address of a lock that is held while the guard exists.
unsafe impl<K: TableKey, V: AtomicDrop> WriteProof for TableGuard<'_, K, V> {
    fn lock_id(&self) -> LockId {
        self.table.lock_id()
    }
}

impl<'a, K: TableKey, V: AtomicDrop> TableGuard<'a, K, V> {
    /// Returns the number of entries.
    pub(crate) fn len(&self) -> u32 {
        *self.count
    }

    /// Finds an entry.
    pub(crate) fn find<'g>(&'g self, key: &K) -> Option<&'g Entry<V>> {
        self.table.lookup(key, self)
    }

    /// Inserts an entry before all others. Fails with EEXIST if its key is there, or with what the
    /// hash says (ENOMEM, E2BIG); the entry is then dropped.
    pub(crate) fn insert(&mut self, entry: NewEntry<V>) -> Result {
        // SAFETY: The entry is not moved: it stays in its box until it is freed.
        let entry = KBox::into_raw(unsafe { Pin::into_inner_unchecked(entry.0) });
        // SAFETY: `entry` is valid, and its node's key is initialised. The hash links it or leaves it.
        let node = unsafe { Opaque::cast_into(&raw const (*entry).node) };
        // SAFETY: As above.
        let status = unsafe { bindings::shim_table_insert(self.table.hash.get(), node) };
        if let Err(error) = to_result(status) {
            // SAFETY: The hash did not take the entry, so it is ours alone.
            drop(unsafe { Pin::new_unchecked(KBox::from_raw(entry)) });
            return Err(error);
        }
        // SAFETY: `order` is initialised and the lock is held; the node is on no list.
        unsafe { bindings::shim_list_add_rcu(&raw mut (*node).order, self.table.order.get()) };
        *self.count = self.count.wrapping_add(1);
        Ok(())
    }

    /// Removes the entry with a key, to be freed after a grace period.
    pub(crate) fn remove(&mut self, key: &K) -> Option<Retired<Entry<V>>> {
        let words = key.words();
        // SAFETY: The hash is initialised, `words` is of the length of its keys, and the lock is held,
        // which makes a critical section.
        let node = unsafe { bindings::shim_table_lookup(self.table.hash.get(), words.as_ptr()) };
        if node.is_null() {
            return None;
        }
        // SAFETY: The node was found in this table under its lock, so it is in the hash and on the list.
        unsafe {
            bindings::shim_table_remove(self.table.hash.get(), node);
            bindings::shim_list_del_rcu(&raw mut (*node).order);
        }
        *self.count = self.count.wrapping_sub(1);
        // SAFETY: The entry is in the table no more, so it is ours alone but for readers.
        NonNull::new(node.cast::<Entry<V>>()).map(|entry| unsafe { Retired::new(entry) })
    }
}

/// Frees an entry at once, for `rhashtable_free_and_destroy()`.
///
/// # Safety
///
/// `entry` is an entry in a box which the caller owns, and no reader is left.
unsafe extern "C" fn free_now<V>(entry: *mut c_void, _arg: *mut c_void) {
    // The hash gives the address of the node, the first field of the entry.
    // SAFETY: By this function's contract.
    drop(unsafe { Pin::new_unchecked(KBox::from_raw(entry.cast::<Entry<V>>())) });
}

/// The walk over a [`Table`].
pub(crate) struct Iter<'a, V> {
    cursor: Cursor,
    _table: PhantomData<&'a V>,
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = &'a Entry<V>;

    fn next(&mut self) -> Option<&'a Entry<V>> {
        let link = self.cursor.next()?;
        let offset = offset_of!(bindings::shim_node, order);
        // SAFETY: Every link but the head is that of a node, the first field of an entry.
        Some(unsafe { &*link.byte_sub(offset).cast::<Entry<V>>() })
    }
}
