// SPDX-License-Identifier: GPL-2.0

//! Nexthop objects, and the news of their end.
//!
//! C header: [`include/net/nexthop.h`](srctree/include/net/nexthop.h)

use super::{
    bindings,
    netns::{
        Namespace,
        Net, //
    },
    once::dereference,
    rcu::{
        AtomicDrop,
        RcuProof, //
    },
    rtnl::Rtnl, //
};
use core::{
    marker::PhantomData,
    mem::forget,
    ops::Deref,
    ptr::{
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    },
    types::Opaque, //
};

/// A nexthop, or a group of them.
///
/// # Invariants
///
/// A reference stands for a nexthop that is freed a grace period after its last counted reference went,
/// and not earlier.
#[repr(transparent)]
pub(crate) struct Nexthop(Opaque<bindings::nexthop>);

// SAFETY: What is read here never changes, or changes under RCU.
unsafe impl Sync for Nexthop {}

/// Where a packet goes by a nexthop.
pub(crate) enum Gateway {
    /// An IPv4 address.
    V4([u8; 4]),
    /// An IPv6 address.
    V6([u8; 16]),
}

impl Nexthop {
    /// Finds a nexthop by its id.
    pub(crate) fn find<'a>(net: &Net, id: u32, _reader: &'a impl RcuProof) -> Option<&'a Self> {
        // SAFETY: The namespace is valid and `_reader` is in a critical section, for `'a`; nexthops are
        // freed after a grace period. The type is transparent.
        unsafe {
            bindings::nexthop_find_by_id(net.as_ptr(), id)
                .cast::<Self>()
                .as_ref()
        }
    }

    fn as_ptr(&self) -> *mut bindings::nexthop {
        self.0.get()
    }

    /// Counts a reference, unless the last one is gone.
    pub(crate) fn hold(&self) -> Option<NexthopRef> {
        // SAFETY: The nexthop is valid.
        let held = unsafe { bindings::shim_nexthop_get(self.as_ptr()) };
        // INVARIANT: We have a reference now.
        held.then(|| NexthopRef(NonNull::from(self)))
    }

    /// Returns the id.
    pub(crate) fn id(&self) -> u32 {
        // SAFETY: The nexthop is valid; its id never changes.
        unsafe { (*self.as_ptr()).id }
    }

    /// Returns whether it is for forwarding tables.
    pub(crate) fn is_fdb(&self, _reader: &impl RcuProof) -> bool {
        // SAFETY: The nexthop is valid and `_reader` is in a critical section.
        unsafe { bindings::shim_nexthop_is_fdb(self.as_ptr()) }
    }

    /// Returns whether it is a group of which each packet takes one.
    pub(crate) fn is_multipath(&self, _reader: &impl RcuProof) -> bool {
        // SAFETY: As above.
        unsafe { bindings::shim_nexthop_is_multipath(self.as_ptr()) }
    }

    /// Returns whether it is a group with IPv4 members.
    pub(crate) fn has_v4(&self, _reader: &impl RcuProof) -> bool {
        // SAFETY: As above.
        unsafe { bindings::shim_nexthop_has_v4(self.as_ptr()) }
    }

    /// Chooses a member of a group by a packet's hash. Returns its gateway and UDP port, in host order,
    /// 0 for none.
    pub(crate) fn select(&self, hash: u32, _reader: &impl RcuProof) -> Option<(Gateway, u16)> {
        let mut address = [0u8; 16];
        let mut port = 0u16;
        // SAFETY: The nexthop is valid, `_reader` is in a critical section, `address` has room for both
        // kinds of addresses.
        let family = unsafe {
            bindings::shim_nexthop_select(self.as_ptr(), hash, address.as_mut_ptr(), &mut port)
        };
        let [a, b, c, d, ..] = address;
        match u32::from(family) {
            bindings::AF_INET => Some((Gateway::V4([a, b, c, d]), port)),
            bindings::AF_INET6 => Some((Gateway::V6(address), port)),
            _ => None,
        }
    }
}

/// A counted reference to a nexthop.
///
/// # Invariants
///
/// We own a reference.
pub(crate) struct NexthopRef(NonNull<Nexthop>);

// SAFETY: References move between CPUs freely.
unsafe impl Send for NexthopRef {}
// SAFETY: As above.
unsafe impl Sync for NexthopRef {}

impl Deref for NexthopRef {
    type Target = Nexthop;

    fn deref(&self) -> &Nexthop {
        // SAFETY: By the invariants the nexthop is valid.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for NexthopRef {
    fn drop(&mut self) {
        // SAFETY: By the invariants we own a reference, which ends here.
        unsafe { bindings::shim_nexthop_put(self.as_ptr()) };
    }
}

/// A pointer to a nexthop, possibly null, which readers follow while it is exchanged.
///
/// # Invariants
///
/// `ptr` is null or that of a nexthop to which this cell owns a reference.
pub(crate) struct NexthopCell(Atomic<*mut bindings::nexthop>);

// SAFETY: As `NexthopRef`.
unsafe impl Send for NexthopCell {}
// SAFETY: As `NexthopRef`; the pointer is exchanged atomically.
unsafe impl Sync for NexthopCell {}
impl AtomicDrop for NexthopCell {}

impl NexthopCell {
    /// Makes a cell.
    pub(crate) fn new(nexthop: Option<NexthopRef>) -> Self {
        // INVARIANT: The reference becomes the cell's.
        Self(Atomic::new(into_raw(nexthop)))
    }

    /// Returns whether there is a nexthop.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        !dereference(&self.0).is_null()
    }

    /// Returns the nexthop. It stays valid as long as `_reader`, whatever is stored meanwhile.
    #[inline]
    pub(crate) fn load<'a>(&'a self, _reader: &'a impl RcuProof) -> Option<&'a Nexthop> {
        // SAFETY: By the invariants the nexthop was held within this critical section, and is freed a
        // grace period after that at the earliest. The type is transparent.
        unsafe { dereference(&self.0).cast::<Nexthop>().as_ref() }
    }

    /// Stores a nexthop and returns what was there.
    pub(crate) fn replace(&self, nexthop: Option<NexthopRef>) -> Option<NexthopRef> {
        let old = self.0.xchg(into_raw(nexthop), Full);
        // INVARIANT: The cell's reference becomes the caller's.
        NonNull::new(old.cast()).map(NexthopRef)
    }
}

impl Drop for NexthopCell {
    fn drop(&mut self) {
        drop(self.replace(None));
    }
}

fn into_raw(nexthop: Option<NexthopRef>) -> *mut bindings::nexthop {
    nexthop.map_or(null_mut(), |nexthop| {
        let ptr = nexthop.as_ptr();
        forget(nexthop);
        ptr
    })
}

/// The registration for the news of nexthops of a namespace that end.
#[pin_data(PinnedDrop)]
pub(super) struct Watch<N> {
    #[pin]
    block: Opaque<bindings::notifier_block>,
    net: *mut bindings::net,
    registered: Atomic<bool>,
    _of: PhantomData<N>,
}

impl<N: Namespace> Watch<N> {
    /// Registers. Takes RTNL.
    ///
    /// # Safety
    ///
    /// The state of `net` is initialised but for this value, and `net` outlives it.
    pub(super) unsafe fn register(net: *mut bindings::net) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            block <- Opaque::try_ffi_init(move |slot: *mut bindings::notifier_block| {
                let block = bindings::notifier_block {
                    notifier_call: Some(event::<N>),
                    ..pin_init::zeroed()
                };
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(block) };
                // SAFETY: The block is initialised and pinned until it is unregistered.
                to_result(unsafe {
                    bindings::register_nexthop_notifier(net, slot, null_mut())
                })
            }),
            net,
            registered: Atomic::new(true),
            _of: PhantomData,
        }? Error)
    }
}

impl<N> Watch<N> {
    /// Ends the registration. Each nexthop that there is is reported as ending.
    pub(super) fn end(&self, _rtnl: &Rtnl<'_>) {
        if self.registered.xchg(false, Full) {
            // SAFETY: The block is registered, and RTNL is held.
            unsafe { bindings::__unregister_nexthop_notifier(self.net, self.block.get()) };
        }
    }
}

#[pinned_drop]
impl<N> PinnedDrop for Watch<N> {
    fn drop(self: Pin<&mut Self>) {
        if self.registered.load(Relaxed) {
            // SAFETY: The block is registered.
            unsafe { bindings::unregister_nexthop_notifier(self.net, self.block.get()) };
        }
    }
}

/// # Safety
///
/// Called by the core with RTNL held and an event of a namespace whose state is initialised.
unsafe extern "C" fn event<N: Namespace>(
    _block: *mut bindings::notifier_block,
    event: c_ulong,
    info: *mut c_void,
) -> c_int {
    if event == bindings::nexthop_event_type_NEXTHOP_EVENT_DEL as c_ulong {
        // SAFETY: By this function's contract.
        let (net, id, rtnl) = unsafe {
            let info = info.cast::<bindings::nh_notifier_info>();
            (Net::from_raw((*info).net), (*info).id, Rtnl::assume())
        };
        N::nexthop_ends(net, id, &rtnl);
    }
    bindings::NOTIFY_DONE as c_int
}
