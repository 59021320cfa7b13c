// SPDX-License-Identifier: GPL-2.0

//! The RTNL lock and kinds of links.
//!
//! C header: [`include/net/rtnetlink.h`](srctree/include/net/rtnetlink.h)

use super::{
    bindings,
    device::{
        NetDev,
        NetDevice,
        Private, //
    },
    device_ops,
    netlink::{
        Attrs,
        ExtAck,
        Message,
        Policy, //
    },
    netns::Net,
    register::{
        Allocated,
        Created, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::rcu,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// Evidence that RTNL is held.
///
/// # Invariants
///
/// The current thread holds RTNL while a value exists.
pub(crate) struct Rtnl<'a>(PhantomData<&'a ()>, NotThreadSafe);

impl Rtnl<'_> {
    /// Takes the caller's word; the kernel warns if it is plainly wrong.
    ///
    /// # Safety
    ///
    /// The caller holds RTNL, and keeps it longer than the value.
    pub(super) unsafe fn assume() -> Self {
        // SAFETY: No requirements.
        unsafe { bindings::shim_assert_rtnl() };
        // INVARIANT: By this function's contract.
        Self(PhantomData, NotThreadSafe)
    }

    /// Waits until all packets that are under way now are through. Sleeps.
    pub(crate) fn wait_for_packets(&self) {
        // SAFETY: No requirements but to be able to sleep, as whoever holds RTNL is.
        unsafe { bindings::synchronize_net() };
    }
}

/// Devices that are to be unregistered together.
///
/// # Invariants
///
/// The pointer is a list head that the caller unregisters, or null for "at once".
pub(crate) struct KillList<'a>(*mut bindings::list_head, PhantomData<&'a ()>);

impl KillList<'_> {
    /// Takes a list.
    ///
    /// # Safety
    ///
    /// The invariants of the type hold for `head` while the value exists.
    pub(super) unsafe fn from_raw(head: *mut bindings::list_head) -> Self {
        // INVARIANT: By this function's contract.
        Self(head, PhantomData)
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::list_head {
        self.0
    }

    /// Runs `f` with an empty list, and unregisters the devices that it put there.
    pub(crate) fn with(_rtnl: &Rtnl<'_>, f: impl FnOnce(&KillList<'_>)) {
        let head = Opaque::<bindings::list_head>::uninit();
        // SAFETY: The head is valid for writes and stays where it is.
        unsafe { bindings::shim_list_init(head.get()) };
        f(&KillList(head.get(), PhantomData));
        // SAFETY: The list holds registered devices, and RTNL is held.
        unsafe { bindings::unregister_netdevice_many(head.get()) };
    }
}

/// What a request to create a link comes with.
pub(crate) struct NewLink<'a> {
    /// `IFLA_*`.
    pub(crate) link: Attrs<'a>,
    /// The attributes of the kind, None without `IFLA_INFO_DATA`.
    pub(crate) data: Option<Attrs<'a>>,
    /// The namespace that carries the packets.
    pub(crate) net: &'a Net,
}

/// What a request to change a link comes with. The requester may administer both namespaces of the
/// device, the one that it is in and the one that carries its packets.
pub(crate) struct ChangeLink<'a> {
    /// `IFLA_*`.
    pub(crate) link: Attrs<'a>,
    /// The attributes of the kind, None without `IFLA_INFO_DATA`.
    pub(crate) data: Option<Attrs<'a>>,
    /// The namespace that carries the packets.
    pub(crate) net: &'a Net,
}

/// A kind of link.
pub(crate) trait LinkKind: 'static {
    /// Its name.
    const KIND: &'static CStr;
    /// The policy of its attributes.
    const POLICY: &'static [Policy];
    /// Its devices.
    type Device: NetDevice;

    /// Judges a request to create or change a link.
    fn validate(link: &Attrs<'_>, data: Option<&Attrs<'_>>, ack: &ExtAck<'_>) -> Result;

    /// Creates a device.
    fn new_link(
        dev: Allocated<'_, Self::Device>,
        request: &NewLink<'_>,
        rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result<Created>;

    /// Changes a device.
    fn change_link(
        dev: &NetDev<Self::Device>,
        change: &ChangeLink<'_>,
        rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result;

    /// Returns the octets that [`LinkKind::fill_info`] needs at most.
    fn info_size() -> usize;

    /// Writes the attributes of a device.
    fn fill_info(
        dev: &NetDev<Self::Device>,
        message: &mut Message<'_>,
        guard: &rcu::Guard,
    ) -> Result;
}

/// The registration of a kind.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration<K: LinkKind> {
    /// Pinned and mutable: the core keeps its list and SRCU in it.
    #[pin]
    ops: Opaque<bindings::rtnl_link_ops>,
    _kind: PhantomData<K>,
}

// SAFETY: The registration may end on any thread.
unsafe impl<K: LinkKind> Send for Registration<K> {}
// SAFETY: There are no methods on a shared registration.
unsafe impl<K: LinkKind> Sync for Registration<K> {}

impl<K: LinkKind> Registration<K> {
    /// Registers the kind. Fails with EEXIST if there is one of this name.
    pub(super) fn register() -> impl PinInit<Self, Error> {
        // Private data is aligned to at least 32 octets (`NETDEV_ALIGN`).
        const { assert!(align_of::<Private<K::Device>>() <= 32) };
        try_pin_init!(Self {
            ops <- Opaque::try_ffi_init(|slot: *mut bindings::rtnl_link_ops| {
                let max = K::POLICY.len().saturating_sub(1);
                let ops = bindings::rtnl_link_ops {
                    kind: K::KIND.as_char_ptr(),
                    maxtype: max as c_uint,
                    policy: K::POLICY.as_ptr().cast(),
                    priv_size: size_of::<Private<K::Device>>(),
                    setup: Some(device_ops::setup::<K::Device>),
                    validate: Some(validate::<K>),
                    newlink: Some(new_link::<K>),
                    changelink: Some(change_link::<K>),
                    dellink: Some(del_link::<K>),
                    get_size: Some(get_size::<K>),
                    fill_info: Some(fill_info::<K>),
                    get_link_net: Some(get_link_net::<K>),
                    ..pin_init::zeroed()
                };
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(ops) };
                // SAFETY: The operations are initialised and pinned until they are unregistered.
                to_result(unsafe { bindings::rtnl_link_register(slot) })
            }),
            _kind: PhantomData,
        }? Error)
    }
}

#[pinned_drop]
impl<K: LinkKind> PinnedDrop for Registration<K> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Registered when this value was made.
        unsafe { bindings::rtnl_link_unregister(self.ops.get()) };
    }
}

/// The highest `IFLA_*` that the core parses.
const IFLA_MAX: u16 = (bindings::__IFLA_MAX - 1) as u16;

/// Wraps the attributes of a kind.
///
/// # Safety
///
/// `data` is null or what the core parsed by the kind's policy, during `'a`.
unsafe fn kind_attrs<'a, K: LinkKind>(data: *mut *mut bindings::nlattr) -> Option<Attrs<'a>> {
    if data.is_null() {
        return None;
    }
    let max = K::POLICY.len().saturating_sub(1) as u16;
    // SAFETY: By this function's contract.
    Some(unsafe { Attrs::from_raw(data, max) })
}

/// # Safety
///
/// Called by the core with attributes parsed by the policies, and RTNL held.
unsafe extern "C" fn validate<K: LinkKind>(
    tb: *mut *mut bindings::nlattr,
    data: *mut *mut bindings::nlattr,
    extack: *mut bindings::netlink_ext_ack,
) -> c_int {
    // SAFETY: By this function's contract.
    let (link, data, ack) = unsafe {
        (
            Attrs::from_raw(tb, IFLA_MAX),
            kind_attrs::<K>(data),
            ExtAck::from_raw(extack),
        )
    };
    from_result(|| K::validate(&link, data.as_ref(), &ack).map(|()| 0))
}

/// # Safety
///
/// Called by the core with a device allocated for this kind, its request, and RTNL held.
unsafe extern "C" fn new_link<K: LinkKind>(
    raw: *mut bindings::net_device,
    params: *mut bindings::rtnl_newlink_params,
    extack: *mut bindings::netlink_ext_ack,
) -> c_int {
    // SAFETY: By this function's contract. The requester's namespaces live as long as the request.
    let (dev, request, rtnl, ack) = unsafe {
        let params = &*params;
        let net = if params.link_net.is_null() {
            params.src_net
        } else {
            params.link_net
        };
        let request = NewLink {
            link: Attrs::from_raw(params.tb, IFLA_MAX),
            data: kind_attrs::<K>(params.data),
            net: Net::from_raw(net),
        };
        (
            Allocated::from_raw(raw),
            request,
            Rtnl::assume(),
            ExtAck::from_raw(extack),
        )
    };
    from_result(|| {
        let created = K::new_link(dev, &request, &rtnl, &ack)?;
        if created.is_of(raw) {
            Ok(0)
        } else {
            Err(EINVAL)
        }
    })
}

/// # Safety
///
/// Called by the core with a registered device of this kind, a request to change it, and RTNL held.
unsafe extern "C" fn change_link<K: LinkKind>(
    dev: *mut bindings::net_device,
    tb: *mut *mut bindings::nlattr,
    data: *mut *mut bindings::nlattr,
    extack: *mut bindings::netlink_ext_ack,
) -> c_int {
    // SAFETY: By this function's contract.
    let (dev, link, data, rtnl, ack) = unsafe {
        (
            NetDev::<K::Device>::from_raw(dev),
            Attrs::from_raw(tb, IFLA_MAX),
            kind_attrs::<K>(data),
            Rtnl::assume(),
            ExtAck::from_raw(extack),
        )
    };
    from_result(|| {
        let net = dev.link_net_rtnl(&rtnl).ok_or(ENODEV)?;
        // The core has asked for the namespace that the device is in.
        // SAFETY: The device and the namespace are valid.
        if !unsafe { bindings::rtnl_dev_link_net_capable(dev.as_ptr(), net.as_ptr()) } {
            return Err(EPERM);
        }
        let change = ChangeLink { link, data, net };
        K::change_link(dev, &change, &rtnl, &ack).map(|()| 0)
    })
}

/// # Safety
///
/// Called by the core with a registered device of this kind and RTNL held.
unsafe extern "C" fn del_link<K: LinkKind>(
    dev: *mut bindings::net_device,
    head: *mut bindings::list_head,
) {
    // SAFETY: By this function's contract.
    let (dev, rtnl, kill) = unsafe {
        (
            NetDev::<K::Device>::from_raw(dev),
            Rtnl::assume(),
            KillList::from_raw(head),
        )
    };
    dev.dismantle(&rtnl, &kill);
}

/// # Safety
///
/// None.
unsafe extern "C" fn get_size<K: LinkKind>(_dev: *const bindings::net_device) -> usize {
    K::info_size()
}

/// # Safety
///
/// Called by the core with a message to write to and a registered device of this kind.
unsafe extern "C" fn fill_info<K: LinkKind>(
    skb: *mut bindings::sk_buff,
    dev: *const bindings::net_device,
) -> c_int {
    // SAFETY: By this function's contract.
    let (mut message, dev) = unsafe {
        (
            Message::from_raw(skb),
            NetDev::<K::Device>::from_raw(dev.cast_mut()),
        )
    };
    let guard = rcu::read_lock();
    from_result(|| K::fill_info(dev, &mut message, &guard).map(|()| 0))
}

/// # Safety
///
/// Called by the core with a registered device of this kind, under RCU or RTNL.
unsafe extern "C" fn get_link_net<K: LinkKind>(
    dev: *const bindings::net_device,
) -> *mut bindings::net {
    // SAFETY: By this function's contract.
    let dev = unsafe { NetDev::<K::Device>::from_raw(dev.cast_mut()) };
    let guard = rcu::read_lock();
    match dev.link_net(&guard) {
        Some(net) => net.as_ptr(),
        None => dev.net(&guard).as_ptr(),
    }
}
