// SPDX-License-Identifier: GPL-2.0

//! Netlink attributes, policies, extended acks and messages.
//!
//! C header: [`include/net/netlink.h`](srctree/include/net/netlink.h)

use super::{
    bindings,
    device::DevName, //
};
use core::marker::PhantomData;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// What the core checks of an attribute before anybody sees it, `struct nla_policy`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Policy(bindings::nla_policy);

// SAFETY: The policies made here hold numbers only.
unsafe impl Sync for Policy {}

impl Policy {
    const fn of(kind: u32) -> Self {
        let mut policy: bindings::nla_policy = pin_init::zeroed();
        policy.type_ = kind as u8;
        Self(policy)
    }

    /// No attribute: strict parsing refuses it.
    pub(crate) const NONE: Self = Self::of(bindings::NLA_UNSPEC);
    /// An 8-bit number.
    pub(crate) const U8: Self = Self::of(bindings::NLA_U8);
    /// A 16-bit number.
    pub(crate) const U16: Self = Self::of(bindings::NLA_U16);
    /// A 32-bit number.
    pub(crate) const U32: Self = Self::of(bindings::NLA_U32);
    /// No payload: its presence says it all.
    pub(crate) const FLAG: Self = Self::of(bindings::NLA_FLAG);

    /// The entry of attribute 0: attributes from `first` on are validated strictly.
    pub(crate) const fn strict_from(first: u16) -> Self {
        let mut policy = Self::of(bindings::NLA_UNSPEC);
        policy.0.__bindgen_anon_1.strict_start_type = first;
        policy
    }

    /// At least `len` octets.
    pub(crate) const fn at_least(len: u16) -> Self {
        let mut policy = Self::of(bindings::NLA_UNSPEC);
        policy.0.len = len;
        policy
    }

    /// Exactly `len` octets.
    pub(crate) const fn exactly(len: u16) -> Self {
        Self::of(bindings::NLA_BINARY).range(
            bindings::nla_policy_validation_NLA_VALIDATE_RANGE,
            len,
            len,
        )
    }

    /// From `min` to `max` octets.
    pub(crate) const fn between(min: u16, max: u16) -> Self {
        Self::of(bindings::NLA_BINARY).range(
            bindings::nla_policy_validation_NLA_VALIDATE_RANGE,
            min,
            max,
        )
    }

    /// This number, at most `max`.
    pub(crate) const fn max(self, max: u16) -> Self {
        self.range(bindings::nla_policy_validation_NLA_VALIDATE_MAX, 0, max)
    }

    const fn range(mut self, validation: u32, min: u16, max: u16) -> Self {
        self.0.validation_type = validation as u8;
        self.0.__bindgen_anon_1.__bindgen_anon_1 =
            bindings::nla_policy__bindgen_ty_1__bindgen_ty_1 {
                min: min as i16,
                max: max as i16,
            };
        self
    }
}

/// An attribute.
///
/// # Invariants
///
/// The pointer is that of an attribute, header and payload, valid during `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Attr<'a>(*const bindings::nlattr, PhantomData<&'a bindings::nlattr>);

impl<'a> Attr<'a> {
    /// Returns the payload.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        // SAFETY: The header is valid by the invariants.
        let len = usize::from(unsafe { (*self.0).nla_len }).saturating_sub(NLA_HDRLEN);
        // SAFETY: The payload follows the header and is of this length by the invariants.
        unsafe { core::slice::from_raw_parts(self.0.cast::<u8>().add(NLA_HDRLEN), len) }
    }

    /// Returns the first `N` octets of the payload, None if it is shorter.
    pub(crate) fn first<const N: usize>(&self) -> Option<[u8; N]> {
        self.bytes().first_chunk().copied()
    }

    /// Returns the payload as an 8-bit number.
    pub(crate) fn u8(&self) -> Option<u8> {
        self.first().map(u8::from_ne_bytes)
    }

    /// Returns the payload as a 32-bit number in host order.
    pub(crate) fn u32(&self) -> Option<u32> {
        self.first().map(u32::from_ne_bytes)
    }

    /// Returns the payload, a 16-bit number in network order, in host order.
    pub(crate) fn be16(&self) -> Option<u16> {
        self.first().map(u16::from_be_bytes)
    }

    /// Returns the payload, a 32-bit number in network order, in host order.
    pub(crate) fn be32(&self) -> Option<u32> {
        self.first().map(u32::from_be_bytes)
    }
}

/// Length of an attribute's header.
const NLA_HDRLEN: usize = 4;

/// Parsed attributes, by number.
///
/// # Invariants
///
/// The pointer is an array of `max + 1` pointers, each null or that of an attribute valid during `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Attrs<'a> {
    table: *const *mut bindings::nlattr,
    max: u16,
    _request: PhantomData<&'a bindings::nlattr>,
}

impl<'a> Attrs<'a> {
    /// Takes what the core parsed.
    ///
    /// # Safety
    ///
    /// The invariants of the type hold during `'a`.
    pub(super) unsafe fn from_raw(table: *const *mut bindings::nlattr, max: u16) -> Self {
        // INVARIANT: By this function's contract.
        Self {
            table,
            max,
            _request: PhantomData,
        }
    }

    /// Returns an attribute, None if the request has none of this number.
    pub(crate) fn get(&self, number: u16) -> Option<Attr<'a>> {
        if number > self.max {
            return None;
        }
        // SAFETY: The number is within the array.
        let attr = unsafe { *self.table.add(usize::from(number)) };
        // INVARIANT: What is not null is valid during `'a`.
        (!attr.is_null()).then_some(Attr(attr, PhantomData))
    }
}

/// Where the reason of a refusal goes.
///
/// # Invariants
///
/// The pointer is null, or valid during `'a` and used by this thread only.
pub(crate) struct ExtAck<'a>(*mut bindings::netlink_ext_ack, PhantomData<&'a ()>);

impl ExtAck<'_> {
    /// Takes what the core calls with.
    ///
    /// # Safety
    ///
    /// The invariants of the type hold for `ack` while the value exists.
    pub(super) unsafe fn from_raw(ack: *mut bindings::netlink_ext_ack) -> Self {
        // INVARIANT: By this function's contract.
        Self(ack, PhantomData)
    }

    /// Returns a place for reasons that nobody reads.
    pub(crate) fn none() -> Self {
        // INVARIANT: Null.
        Self(core::ptr::null_mut(), PhantomData)
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::netlink_ext_ack {
        self.0
    }

    /// Gives the reason in words; what exceeds the kernel's buffer of 80 octets is cut off.
    pub(crate) fn message(&self, text: &str) {
        self.octets(text.bytes());
    }

    /// Gives the reason in words that end with the name of a device.
    pub(crate) fn message_of(&self, text: &str, name: &DevName) {
        self.octets(Iterator::chain(text.bytes(), name.octets().iter().copied()));
    }

    fn octets(&self, text: impl Iterator<Item = u8>) {
        // SAFETY: By the invariants the structure is null or ours.
        let Some(ack) = (unsafe { self.0.as_mut() }) else {
            return;
        };
        ack._msg_buf = pin_init::zeroed();
        let room = ack._msg_buf.len().saturating_sub(1);
        for (to, from) in ack._msg_buf.iter_mut().take(room).zip(text) {
            *to = from as c_char;
        }
        ack._msg = ack._msg_buf.as_ptr();
    }

    /// Gives the reason in words and names the attribute.
    pub(crate) fn attr(&self, attr: Option<Attr<'_>>, text: &str) {
        self.message(text);
        // SAFETY: By the invariants the structure is null or ours.
        if let (Some(ack), Some(attr)) = (unsafe { self.0.as_mut() }, attr) {
            ack.bad_attr = attr.0;
            ack.policy = core::ptr::null();
        }
    }
}

/// A message that is being written.
///
/// # Invariants
///
/// The pointer is that of a netlink message's packet, valid during `'a` and ours to write to.
pub(crate) struct Message<'a>(*mut bindings::sk_buff, PhantomData<&'a mut ()>);

impl Message<'_> {
    /// Takes the packet.
    ///
    /// # Safety
    ///
    /// The invariants of the type hold for `skb` while the value exists.
    pub(super) unsafe fn from_raw(skb: *mut bindings::sk_buff) -> Self {
        // INVARIANT: By this function's contract.
        Self(skb, PhantomData)
    }

    /// Appends an attribute. Fails with EMSGSIZE if there is no room.
    pub(crate) fn put(&mut self, number: u16, payload: &[u8]) -> Result {
        // SAFETY: The packet is valid by the invariants, the payload by its type.
        to_result(unsafe {
            bindings::nla_put(
                self.0,
                c_int::from(number),
                payload.len() as c_int,
                payload.as_ptr().cast(),
            )
        })
    }
}

/// Returns the room that an attribute with `payload` octets takes (`nla_total_size`).
pub(crate) const fn attr_size(payload: usize) -> usize {
    payload.wrapping_add(NLA_HDRLEN).wrapping_add(3) & !3
}
