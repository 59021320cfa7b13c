// SPDX-License-Identifier: GPL-2.0

//! A spinlock that is taken in softirq and in process context.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use super::{
    bindings,
    rcu::RcuProof, //
};
use kernel::{
    prelude::*,
    sync::lock::{
        Backend,
        Guard,
        Lock, //
    }, //
};

/// Names a lock, so that what it guards can tell whether the guard it is shown is the right one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LockId(usize);

impl LockId {
    /// Names the lock at an address.
    pub(super) const fn of_address(address: usize) -> Self {
        Self(address)
    }
}

/// Evidence that a lock is held, and bottom halves are off with it.
///
/// # Safety
///
/// At any time at most one value with a given [`LockId`] exists, and bottom halves are disabled
/// meanwhile.
pub(crate) unsafe trait WriteProof: RcuProof {
    /// Which lock.
    fn lock_id(&self) -> LockId;
}

/// A `spinlock_t` taken by `spin_lock_bh()`.
pub(crate) struct SpinLockBhBackend;

/// A spinlock whose holder cannot be interrupted by softirqs, so that both contexts may take it.
pub(crate) type SpinLockBh<T> = Lock<T, SpinLockBhBackend>;

/// Evidence that a [`SpinLockBh`] is held.
pub(crate) type SpinLockBhGuard<'a, T> = Guard<'a, T, SpinLockBhBackend>;

// SAFETY: `spinlock_t` gives mutual exclusion. `relock` keeps its default, which locks anew.
unsafe impl Backend for SpinLockBhBackend {
    type State = bindings::spinlock_t;
    type GuardState = ();

    unsafe fn init(
        ptr: *mut Self::State,
        name: *const c_char,
        key: *mut kernel::bindings::lock_class_key,
    ) {
        // SAFETY: By this function's contract `ptr` is valid for writes and `name` and `key` are
        // valid forever. Both bindings are of the same C structure.
        unsafe { kernel::bindings::__spin_lock_init(ptr.cast(), name, key) }
    }

    #[inline]
    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState {
        // SAFETY: By this function's contract `ptr` is an initialised lock.
        unsafe { bindings::shim_spin_lock_bh(ptr) }
    }

    #[inline]
    unsafe fn unlock(ptr: *mut Self::State, _guard_state: &Self::GuardState) {
        // SAFETY: By this function's contract `ptr` is a lock that the caller holds.
        unsafe { bindings::shim_spin_unlock_bh(ptr) }
    }

    #[inline]
    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState> {
        // SAFETY: By this function's contract `ptr` is an initialised lock.
        unsafe { bindings::shim_spin_trylock_bh(ptr) }.then_some(())
    }

    #[inline]
    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // SAFETY: By this function's contract `ptr` is an initialised lock.
        unsafe { bindings::shim_assert_spin_locked(ptr) }
    }
}
