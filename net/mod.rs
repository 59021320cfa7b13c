// SPDX-License-Identifier: GPL-2.0

//! Sound abstractions over the kernel's networking C.
//!
//! All `unsafe` of the module stands here (and in `abi.rs`). What VXLAN means is known elsewhere: but
//! for `params.rs`, `mirror.rs` and constants by that name, a file could go upstream as
//! `rust/kernel/net/<name>.rs`.

pub(crate) mod device;
pub(crate) mod driver;
pub(crate) mod dst;
pub(crate) mod encapsulate;
pub(crate) mod fdb;
pub(crate) mod gro;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod lower;
pub(crate) mod metadata;
pub(crate) mod mirror;
pub(crate) mod neigh;
pub(crate) mod neighbour;
pub(crate) mod netlink;
pub(crate) mod netns;
pub(crate) mod nexthop;
pub(crate) mod notifier;
pub(crate) mod once;
pub(crate) mod params;
pub(crate) mod rcu;
pub(crate) mod register;
pub(crate) mod rtnl;
pub(crate) mod set;
pub(crate) mod skb;
pub(crate) mod switchdev;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod udp_tunnel;
pub(crate) mod underlay;

mod decapsulate;
mod device_ops;
mod errno;
mod frame;
mod order;
mod remcsum;

/// The generated bindings. Private: no C type is seen outside `net/` and `abi.rs`.
#[allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    improper_ctypes,
    unknown_lints,
    clippy::all,
    clippy::as_underscore,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    reason = "generated code"
)]
mod bindings {
    use pin_init::{MaybeZeroable, Zeroable};

    type __kernel_size_t = usize;
    type __kernel_ssize_t = isize;
    type __kernel_ptrdiff_t = isize;

    // SAFETY: A bit field's unit is a wrapper around its storage.
    unsafe impl<Storage: Zeroable> Zeroable for __BindgenBitfieldUnit<Storage> {}

    include!(env!("VXLAN_BINDINGS"));
}
