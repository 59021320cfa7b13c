// SPDX-License-Identifier: GPL-2.0

//! Single accesses to words that others change at the same time, inlined.
//!
//! On kernels built as Debian's are, the kernel crate's `Atomic` calls a C function for each load, which
//! costs more than the load. What is read for each packet goes by these; all else goes by `Atomic`.
//!
//! C header: [`include/asm-generic/rwonce.h`](srctree/include/asm-generic/rwonce.h)

use core::cell::UnsafeCell;
use kernel::sync::atomic::Atomic;

/// Follows a pointer that others exchange (`rcu_dereference`): what the pointee held before it was
/// published is seen through the pointer, by address dependency.
#[inline]
pub(super) fn dereference<T>(pointer: &Atomic<*mut T>) -> *mut T
where
    *mut T: kernel::sync::atomic::AtomicType,
{
    // SAFETY: The pointer is valid and aligned. A volatile access is the kernel's `READ_ONCE()`, which
    // may meet marked writes without a data race (tools/memory-model); the writers are atomic.
    unsafe { pointer.as_ptr().read_volatile() }
}

/// What one instruction reads or writes whole.
///
/// # Safety
///
/// The type is an integer of no more than the machine's word, aligned to its size.
pub(crate) unsafe trait Whole: Copy + Send + 'static {}

// SAFETY: It is.
unsafe impl Whole for u32 {}
// SAFETY: It is.
unsafe impl Whole for usize {}

/// A number that many read and write, each time whole, without order to other accesses (`READ_ONCE`,
/// `WRITE_ONCE`).
#[repr(transparent)]
pub(crate) struct Word<T>(UnsafeCell<T>);

// SAFETY: All accesses are single and volatile.
unsafe impl<T: Whole> Sync for Word<T> {}

impl<T: Whole> Word<T> {
    /// Makes a number.
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Reads the number.
    #[inline]
    pub(crate) fn get(&self) -> T {
        // SAFETY: The cell is valid and aligned, and each access to it is volatile and whole, which is
        // the kernel's `READ_ONCE()`.
        unsafe { self.0.get().read_volatile() }
    }

    /// Writes the number.
    #[inline]
    pub(crate) fn set(&self, value: T) {
        // SAFETY: As above, `WRITE_ONCE()`.
        unsafe { self.0.get().write_volatile(value) };
    }
}
