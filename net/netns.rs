// SPDX-License-Identifier: GPL-2.0

//! Network namespaces and the module's state in each.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use super::{
    bindings,
    device::{
        AnyDevice,
        NetDevice, //
    },
    nexthop::Watch,
    register::Devices,
    rtnl::{
        KillList,
        Rtnl, //
    }, //
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ptr::drop_in_place, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        LockClassKey, //
    },
    types::Opaque, //
};

/// A network namespace.
///
/// # Invariants
///
/// A reference to it stands for a namespace whose `exit` has not run.
#[repr(transparent)]
pub(crate) struct Net(Opaque<bindings::net>);

impl Net {
    /// Makes a reference.
    ///
    /// # Safety
    ///
    /// `net` is a namespace whose `exit` does not run during `'a`.
    pub(super) unsafe fn from_raw<'a>(net: *mut bindings::net) -> &'a Self {
        // SAFETY: By this function's contract; the type is transparent.
        unsafe { &*net.cast() }
    }

    pub(crate) fn as_ptr(&self) -> *mut bindings::net {
        self.0.get()
    }

    /// Finds a device by its index.
    pub(crate) fn device<'a>(&'a self, ifindex: u32, _rtnl: &'a Rtnl<'_>) -> Option<&'a AnyDevice> {
        // SAFETY: The namespace is valid and RTNL is held, under which devices neither come nor go.
        let dev = unsafe { bindings::__dev_get_by_index(self.as_ptr(), ifindex as c_int) };
        if dev.is_null() {
            return None;
        }
        // SAFETY: A device found is valid while RTNL is held, which `'a` is bound to.
        Some(unsafe { AnyDevice::from_raw(dev) })
    }

    /// Returns the index of the VRF that device `ifindex` is in, 0 for none.
    pub(crate) fn l3_master(&self, ifindex: u32) -> u32 {
        // SAFETY: The namespace is valid.
        unsafe { bindings::shim_l3mdev_index(self.as_ptr(), ifindex as c_int) as u32 }
    }

    /// Returns the number by which this namespace knows `other`, -1 if it does not.
    pub(crate) fn id_of(&self, other: &Net) -> i32 {
        // SAFETY: Both are valid.
        unsafe { bindings::peernet2id(self.as_ptr(), other.as_ptr()) }
    }

    /// Returns whether both are the same namespace.
    pub(crate) fn is(&self, other: &Net) -> bool {
        core::ptr::eq(self, other)
    }
}

/// Where the kernel keeps the number of the state `N` among those of a namespace. It belongs to one
/// type, so that a slot found by it holds that type.
pub(crate) struct PernetId<N>(UnsafeCell<c_uint>, PhantomData<fn() -> N>);

// SAFETY: Registration writes the number once, before any namespace has the state.
unsafe impl<N> Sync for PernetId<N> {}

impl<N> PernetId<N> {
    /// Makes an unassigned number.
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(0), PhantomData)
    }

    fn get(&self) -> c_uint {
        // SAFETY: The number is aligned and lives forever; accesses are atomic.
        unsafe { Atomic::<u32>::from_ptr(self.0.get()) }.load(Relaxed)
    }
}

/// The module's state in a namespace.
pub(crate) trait Namespace: Send + Sync + Sized + 'static {
    /// The kind of device whose packets this namespace carries.
    type Device: NetDevice<Namespace = Self>;
    /// For lockdep: the name and class of the device list's lock.
    const LOCK: (&'static CStr, fn() -> Pin<&'static LockClassKey>);

    /// Returns a number of its own.
    fn id() -> &'static PernetId<Self>;

    /// Makes the state of a new namespace.
    fn new() -> impl PinInit<Self, Error>;

    /// A nexthop of the namespace is about to end.
    fn nexthop_ends(net: &Net, id: u32, rtnl: &Rtnl<'_>);

    /// Returns the state of a namespace.
    fn of(net: &Net) -> &Self {
        // SAFETY: The namespace has not seen `exit`, see `Net`.
        unsafe { &(*slot::<Self>(net)).inner }
    }
}

/// Returns the devices whose packets `net` carries.
pub(super) fn devices<N: Namespace>(net: &Net) -> &Devices<N::Device> {
    // SAFETY: The namespace has not seen `exit`, see `Net`.
    unsafe { &(*slot::<N>(net)).devices }
}

fn slot<N: Namespace>(net: &Net) -> *mut Slot<N> {
    // SAFETY: The namespace is valid. A `Net` is seen by the module only between the registration of
    // its state, which assigns the number, and the end of that.
    unsafe { bindings::shim_net_generic(net.as_ptr(), N::id().get()).cast() }
}

/// What `net_generic()` points to.
#[pin_data]
struct Slot<N: Namespace> {
    /// Devices that exist as long as this namespace at most: they are unregistered on its exit.
    #[pin]
    devices: Devices<N::Device>,
    #[pin]
    inner: N,
    /// Initialised last, as events may come from then on.
    #[pin]
    nexthops: Watch<N>,
}

/// The registration of a kind of state with all namespaces, present and future.
#[pin_data(PinnedDrop)]
pub(crate) struct Pernet<N: Namespace> {
    #[pin]
    ops: Opaque<bindings::pernet_operations>,
    _state: PhantomData<N>,
}

// SAFETY: The registration may end on any thread.
unsafe impl<N: Namespace> Send for Pernet<N> {}
// SAFETY: There are no methods on a shared registration.
unsafe impl<N: Namespace> Sync for Pernet<N> {}

impl<N: Namespace> Pernet<N> {
    /// Registers the state, which makes one in each namespace.
    pub(super) fn register() -> impl PinInit<Self, Error> {
        // The core allocates the slot by `kzalloc()`.
        const { assert!(align_of::<Slot<N>>() <= 8) };
        try_pin_init!(Self {
            ops <- Opaque::try_ffi_init(|slot: *mut bindings::pernet_operations| {
                let ops = bindings::pernet_operations {
                    init: Some(init::<N>),
                    exit: Some(exit::<N>),
                    exit_rtnl: Some(exit_rtnl::<N>),
                    id: N::id().0.get(),
                    size: size_of::<Slot<N>>(),
                    ..pin_init::zeroed()
                };
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(ops) };
                // SAFETY: The operations are initialised and pinned until they are unregistered.
                to_result(unsafe { bindings::register_pernet_subsys(slot) })
            }),
            _state: PhantomData,
        }? Error)
    }
}

#[pinned_drop]
impl<N: Namespace> PinnedDrop for Pernet<N> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Registered when this value was made.
        unsafe { bindings::unregister_pernet_subsys(self.ops.get()) };
    }
}

/// # Safety
///
/// Called by the core with a new namespace, whose slot is zeroed memory of the registered size.
unsafe extern "C" fn init<N: Namespace>(net: *mut bindings::net) -> c_int {
    let (name, class) = N::LOCK;
    let value = try_pin_init!(Slot::<N> {
        devices <- Devices::new(name, class()),
        inner <- N::new(),
        // SAFETY: The fields before are initialised, and the slot ends before the namespace.
        nexthops <- unsafe { Watch::register(net) },
    }? Error);
    // SAFETY: By this function's contract; the core allocates the slot aligned to pointers.
    let slot = unsafe { bindings::shim_net_generic(net, N::id().get()) }.cast::<Slot<N>>();
    // SAFETY: The slot is valid for writes and does not move; on failure the core does not use it.
    match unsafe { value.__init(slot) } {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// Called by the core, once, with a namespace whose slot `init` has initialised.
unsafe extern "C" fn exit<N: Namespace>(net: *mut bindings::net) {
    // SAFETY: By this function's contract. All devices are gone, and with them all users of the slot.
    unsafe { drop_in_place(bindings::shim_net_generic(net, N::id().get()).cast::<Slot<N>>()) };
}

/// # Safety
///
/// Called by the core, once, with RTNL held, before `exit`.
unsafe extern "C" fn exit_rtnl<N: Namespace>(
    net: *mut bindings::net,
    head: *mut bindings::list_head,
) {
    // SAFETY: By this function's contract.
    let (net, rtnl, kill) =
        unsafe { (Net::from_raw(net), Rtnl::assume(), KillList::from_raw(head)) };
    // SAFETY: The slot is initialised.
    unsafe { &(*slot::<N>(net)).nexthops }.end(&rtnl);
    devices::<N>(net).dismantle_all(&rtnl, &kill, |_| true);
}
