// SPDX-License-Identifier: GPL-2.0

//! Errors of C functions as results. As the functions of the same names in the kernel crate, but
//! inlined: they are called for each packet.
//!
//! C header: [`include/linux/err.h`](srctree/include/linux/err.h)

use kernel::prelude::*;

/// The highest errno that a pointer can stand for, `MAX_ERRNO`.
const MAX_ERRNO: usize = 4095;

/// Turns a C function's status into a result: negative is an error.
#[inline]
pub(super) fn to_result(status: c_int) -> Result {
    match status {
        ..0 => Err(Error::from_errno(status)),
        _ => Ok(()),
    }
}

/// Turns a pointer that may stand for an error (`IS_ERR`) into a result.
#[inline]
pub(super) fn from_err_ptr<T>(pointer: *mut T) -> Result<*mut T> {
    match pointer.addr() >= MAX_ERRNO.wrapping_neg() {
        true => Err(Error::from_errno(pointer.addr() as c_int)),
        false => Ok(pointer),
    }
}
