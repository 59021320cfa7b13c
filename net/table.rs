// SPDX-License-Identifier: GPL-2.0

//! A hash table with an order: found by key under RCU, changed under a lock of its own.
//!
//! The hash is the kernel's rhashtable, which grows, shrinks and rehashes against flooding. All
//! entries are also in an order, the newest first, for walks that may be broken off and go on.
//!
//! C header: [`include/linux/rhashtable.h`](srctree/include/linux/rhashtable.h)

use super::{
    bindings,
    lock::{
        LockId,
        SpinLockBh,
        SpinLockBhGuard,
        WriteProof, //
    },
    once::dereference,
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
    ptr::{
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Release, //
        },
        lock::Lock,
        LockClassKey, //
    },
    types::Opaque, //
};

/// Draws the secret of the hash, once, before the first table is made.
pub(super) fn prepare() {
    // SAFETY: No table is there yet, so nobody reads the secret.
    unsafe { bindings::shim_table_prepare() };
}

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

/// The number that the first entry of a table gets; each later one gets the next lower number. It is
/// as high as not to be used up: a million insertions a second take 50 days.
const FIRST: usize = (1 << 42) - 1;

/// A place in the order of a table, from which a walk can go on. It stays the place of its entry as
/// long as that is in the table, and is never another's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position(usize);

impl Position {
    /// Before all entries.
    pub(crate) const START: Self = Self(0);

    /// Returns the place as a number, to be kept.
    pub(super) const fn number(self) -> usize {
        self.0
    }

    /// Takes a number that was kept.
    pub(super) const fn from_number(number: usize) -> Self {
        Self(number)
    }
}

impl<V> Entry<V> {
    /// Returns the entry's place in the order of its table.
    pub(crate) fn position(&self) -> Position {
        // SAFETY: The number is written before the entry is shared.
        Position(unsafe { (*self.node.get()).number })
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
                    unsafe {
                        (&raw mut (*slot).key).write(words);
                        (&raw mut (*slot).number).write(0);
                    }
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

/// What the lock of a table guards beside its entries.
struct Census {
    /// The number of entries.
    count: u32,
    /// The number that the next entry gets.
    next: usize,
}

/// The table.
///
/// # Invariants
///
/// `hash` is an initialised rhashtable. `hash` and `order` hold the same entries, boxed, pinned and
/// owned by the table, except between the two steps of an insertion or a removal, which happen under
/// `lock`. `sole` is the entry of a table of one, null in any other, with the same exception; it never
/// is an entry that was retired. A removed entry is freed after a grace period.
#[pin_data(PinnedDrop)]
pub(crate) struct Table<K, V: AtomicDrop> {
    #[pin]
    hash: Opaque<bindings::rhashtable>,
    #[pin]
    order: Order,
    sole: Atomic<*mut Entry<V>>,
    #[pin]
    lock: SpinLockBh<Census>,
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
            order <- Order::new(),
            sole: Atomic::new(null_mut()),
            lock <- Lock::new(
                Census {
                    count: 0,
                    next: FIRST,
                },
                name,
                key,
            ),
            _owns: PhantomData,
        }? Error)
    }

    /// Returns the id of the table's lock, for sets that hang on its entries.
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

    /// As [`Table::lookup`], without the hash if the table has that entry alone.
    #[inline(always)]
    pub(crate) fn lookup_sole<'a>(
        &'a self,
        key: &K,
        reader: &'a impl RcuProof,
    ) -> Option<&'a Entry<V>> {
        // SAFETY: By the invariants the pointer is null or that of an entry which was in the table within
        // this critical section, and is freed after a grace period, which `reader` puts off beyond `'a`.
        let sole = unsafe { dereference(&self.sole).as_ref() };
        match sole {
            // SAFETY: The key is written before the entry is shared, and never again.
            Some(entry) if unsafe { (*entry.node.get()).key } == key.words() => Some(entry),
            _ => self.lookup(key, reader),
        }
    }

    /// Walks the entries, the newest first. One that is removed meanwhile may or may not be seen.
    pub(crate) fn iter<'a>(&'a self, reader: &'a impl RcuProof) -> Iter<'a, V> {
        self.iter_from(Position::START, reader)
    }

    /// As [`Table::iter`], from a place on.
    pub(crate) fn iter_from<'a>(
        &'a self,
        from: Position,
        reader: &'a impl RcuProof,
    ) -> Iter<'a, V> {
        Iter {
            walk: self.order.walk(from.0, Visit::All, reader),
            _table: PhantomData,
        }
    }

    /// As [`Table::iter_from`], of the marked entries only.
    pub(crate) fn iter_marked_from<'a>(
        &'a self,
        from: Position,
        reader: &'a impl RcuProof,
    ) -> Iter<'a, V> {
        Iter {
            walk: self.order.walk(from.0, Visit::Marked, reader),
            _table: PhantomData,
        }
    }

    /// Takes the lock, to change the table.
    pub(crate) fn lock(&self) -> TableGuard<'_, K, V> {
        TableGuard {
            census: self.lock.lock(),
            table: self,
        }
    }
}

#[pinned_drop]
impl<K, V: AtomicDrop> PinnedDrop for Table<K, V> {
    /// Sleeps: waits for a resize of the hash that is under way.
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: No reader or writer borrows the table any more, so that nobody else uses hash or order.
        // `free_now` frees entries, and those are what the hash holds.
        unsafe {
            self.order.clear();
            bindings::rhashtable_free_and_destroy(self.hash.get(), Some(free_now::<V>), null_mut());
        };
    }
}

/// The table, locked.
pub(crate) struct TableGuard<'a, K, V: AtomicDrop> {
    census: SpinLockBhGuard<'a, Census>,
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
        self.census.count
    }

    /// Finds an entry.
    pub(crate) fn find<'g>(&'g self, key: &K) -> Option<&'g Entry<V>> {
        self.table.lookup(key, self)
    }

    /// Marks an entry of the table, or takes the mark away.
    pub(crate) fn mark(&self, entry: &Entry<V>, on: bool) {
        self.table.order.mark(entry.position().0, on);
    }

    /// Inserts an entry before all others. Fails with EEXIST if its key is there, or with what hash and
    /// order say (ENOMEM, E2BIG); the entry is then dropped.
    pub(crate) fn insert(&mut self, mut entry: NewEntry<V>) -> Result {
        let number = self.census.next;
        let next = number.checked_sub(1).ok_or(ENOSPC)?;
        // SAFETY: The entry is not moved.
        let node = unsafe { Pin::get_unchecked_mut(entry.0.as_mut()) }
            .node
            .get();
        // SAFETY: The entry is ours alone so far.
        unsafe { (*node).number = number };
        // SAFETY: The lock is held. The node is in a box, freed a grace period after it is erased. On
        // failure the order does not have it.
        unsafe { self.table.order.store(number, node.cast())? };
        // SAFETY: The entry is not moved: it stays in its box until it is freed.
        let entry = KBox::into_raw(unsafe { Pin::into_inner_unchecked(entry.0) });
        // SAFETY: The node is valid, and its key is initialised. The hash links it or leaves it.
        let status = unsafe { bindings::shim_table_insert(self.table.hash.get(), node) };
        if let Err(error) = to_result(status) {
            // SAFETY: The lock is held. Then the entry is in the table no more, so it is ours alone but
            // for those who walk.
            unsafe { self.table.order.erase(number) };
            // SAFETY: As above.
            drop(NonNull::new(entry).map(|entry| unsafe { Retired::new(entry) }));
            return Err(error);
        }
        self.census.next = next;
        self.census.count = self.census.count.wrapping_add(1);
        self.note_sole();
        Ok(())
    }

    /// Keeps the table's invariant about `sole`, after an insertion or a removal.
    fn note_sole(&mut self) {
        let sole = match self.census.count {
            1 => self.table.iter(self).next().map(core::ptr::from_ref),
            0 | 2 => None,
            // It was null before.
            _ => return,
        };
        let sole = sole.map_or(null_mut(), <*const Entry<V>>::cast_mut);
        self.table.sole.store(sole, Release);
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
        // SAFETY: The node was found in this table under its lock, so it is in the hash and in the order.
        unsafe {
            bindings::shim_table_remove(self.table.hash.get(), node);
            self.table.order.erase((*node).number);
        }
        self.census.count = self.census.count.wrapping_sub(1);
        // Before the entry is retired: who still finds it there is within the grace period.
        self.note_sole();
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
    walk: Walk<'a>,
    _table: PhantomData<&'a V>,
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = &'a Entry<V>;

    fn next(&mut self) -> Option<&'a Entry<V>> {
        let node = self.walk.next()?;
        // SAFETY: Every item is a node, the first field of an entry, freed after a grace period.
        Some(unsafe { node.cast::<Entry<V>>().as_ref() })
    }
}
