// SPDX-License-Identifier: GPL-2.0

//! UDP sockets of the kernel's own that carry a tunnel.
//!
//! C header: [`include/net/udp_tunnel.h`](srctree/include/net/udp_tunnel.h)

use super::{
    bindings,
    device::{
        AnyDevice,
        NetDev,
        NetDevice, //
    },
    dst::{
        Flow,
        Route, //
    },
    gro,
    netns::Net,
    once::dereference,
    rcu::{
        AtomicDrop,
        RcuProof,
        Softirq, //
    },
    rtnl::Rtnl,
    skb::{
        DropReason,
        SkBuff, //
    },
    underlay::{
        in6_addr,
        Underlay, //
    }, //
};
use crate::wire::ip::{
    Addr,
    Family, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::null_mut, //
};
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Release, //
        },
        Arc, //
    }, //
};

/// What a tunnel does with the packets of its socket.
pub(crate) trait Tunnel: Send + Sync + 'static {
    /// Returns what network devices know the port by. It never changes.
    fn port_type(&self) -> PortType;

    /// Takes a packet; its data starts with the UDP header.
    fn receive(&self, skb: SkBuff, softirq: &Softirq<'_>);

    /// Returns whether a packet quoted by an ICMP error is this tunnel's.
    fn owns_error(&self, skb: &mut BorrowedSkb<'_>, softirq: &Softirq<'_>) -> Result;

    /// Returns how GRO treats the packets of the socket. It never changes.
    fn gro_kind(&self) -> gro::Kind;

    /// Takes the tunnel's header off a packet under way through GRO, behind its UDP header
    /// ([`gro::Kind::Plain`]).
    fn gro_receive(packet: &mut gro::Packet<'_>) -> gro::Verdict;

    /// The same for packets of other kinds.
    fn gro_receive_other(&self, packet: &mut gro::Packet<'_>) -> gro::Verdict;

    /// Returns the ethertype of what follows a tunnel header, None for a packet that GRO has nothing to
    /// do with ([`gro::Kind::Protocols`]).
    fn gro_protocol(header: [u8; gro::HEADER_LEN]) -> Option<u16>;
}

/// A packet that is somebody else's, lent for a look.
pub(crate) struct BorrowedSkb<'a>(ManuallyDrop<SkBuff>, PhantomData<&'a ()>);

impl BorrowedSkb<'_> {
    /// Brings the transport header and `len` octets behind it into the linear part.
    pub(crate) fn may_pull_transport(&mut self, len: u32) -> Result<(), DropReason> {
        self.0.may_pull_transport(len)
    }

    /// Returns the index of the device that the packet came by.
    pub(crate) fn ifindex(&self) -> u32 {
        self.0.ifindex()
    }

    /// Copies octets that start `offset` behind the transport header.
    pub(crate) fn transport_header<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.transport_header(offset)
    }
}

/// What network devices know a tunnel's port by, to parse its packets (`enum
/// udp_parsable_tunnel_type`).
#[derive(Clone, Copy)]
pub(crate) struct PortType(u16);

impl PortType {
    /// VXLAN, RFC 7348.
    pub(crate) const VXLAN: Self =
        Self(bindings::udp_parsable_tunnel_type_UDP_TUNNEL_TYPE_VXLAN as u16);

    /// VXLAN with the generic protocol extension.
    pub(crate) const VXLAN_GPE: Self =
        Self(bindings::udp_parsable_tunnel_type_UDP_TUNNEL_TYPE_VXLAN_GPE as u16);
}

/// What becomes of a tunnel's port on a network device.
#[derive(Clone, Copy)]
pub(crate) enum PortOffer {
    /// The device may parse its packets.
    Push,
    /// The device no longer does.
    Drop,
}

/// The sending end of a socket, shared by all who send.
///
/// # Invariants
///
/// The pointer is null or that of a UDP socket which is freed after a grace period from when it
/// becomes null (`SOCK_RCU_FREE`, which binding a UDP port sets).
pub(crate) struct Sender(Atomic<*mut bindings::sock>);

// SAFETY: Sending locks what it has to; the pointer is atomic.
unsafe impl Send for Sender {}
// SAFETY: As above.
unsafe impl Sync for Sender {}
impl AtomicDrop for Arc<Sender> {}

impl Sender {
    /// Returns the socket, None once it is closed.
    #[inline]
    pub(crate) fn socket<'a>(&'a self, _reader: &'a impl RcuProof) -> Option<Socket<'a>> {
        let sk = dereference(&self.0);
        // INVARIANT: The socket outlives the reader.
        (!sk.is_null()).then_some(Socket(sk, PhantomData))
    }
}

/// An open socket.
///
/// # Invariants
///
/// The pointer is that of a UDP socket, valid during `'a`.
pub(crate) struct Socket<'a>(*mut bindings::sock, PhantomData<&'a ()>);

/// The fields of the outer headers that the flow does not say.
pub(crate) struct Outer<A> {
    /// Source address.
    pub(crate) source: A,
    /// DSCP and ECN.
    pub(crate) tos: u8,
    /// Time to live or hop limit.
    pub(crate) ttl: u8,
    /// Whether routers must not fragment, IPv4.
    pub(crate) df: bool,
    /// Whether the UDP checksum is computed.
    pub(crate) checksum: bool,
    /// Whether the packet leaves its namespace.
    pub(crate) crosses: bool,
    /// Whether a packet to a group is routed by this host's multicast router.
    pub(crate) mc_route: bool,
}

impl Socket<'_> {
    pub(super) fn as_ptr(&self) -> *mut bindings::sock {
        self.0
    }

    /// Returns the device that the socket is bound to, 0 for none.
    #[inline]
    pub(crate) fn bound_ifindex(&self) -> u32 {
        // SAFETY: The socket is valid by the invariants. The field may be bound anew: it is read whole.
        unsafe { (&raw const (*self.0).__sk_common.skc_bound_dev_if).read_volatile() as u32 }
    }

    /// Puts UDP and IP headers in front of a packet that `dev` has encapsulated, and sends it. It is
    /// counted as sent, or as an error, on `dev`.
    #[inline(always)]
    pub(crate) fn send<T: NetDevice, A: Underlay>(
        &self,
        dev: &NetDev<T>,
        skb: SkBuff,
        route: Route<A>,
        flow: &Flow<A>,
        outer: &Outer<A>,
        softirq: &Softirq<'_>,
    ) {
        A::send(self, dev, skb, route, flow, outer, softirq);
    }
}

/// Where a socket listens.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint {
    /// The IP version. An IPv6 socket takes IPv6 packets only.
    pub(crate) family: Family,
    /// The UDP port, in host order.
    pub(crate) port: u16,
    /// The VRF that the socket is bound to, 0 for none.
    pub(crate) ifindex: u32,
    /// Whether packets over IPv6 must have a UDP checksum.
    pub(crate) checksum6: bool,
}

/// A bound socket whose packets go to `T`.
///
/// # Invariants
///
/// `sk` is an open UDP socket of `family` whose user data is `tunnel`, a counted reference.
pub(crate) struct Listener<T: Tunnel> {
    sk: *mut bindings::sock,
    family: Family,
    tunnel: *const T,
    sender: Arc<Sender>,
    _owns: PhantomData<Arc<T>>,
}

// SAFETY: The socket may be closed on any thread.
unsafe impl<T: Tunnel> Send for Listener<T> {}

impl<T: Tunnel> Listener<T> {
    /// Opens a socket. Fails with EAFNOSUPPORT for IPv6 if the kernel was started without.
    pub(crate) fn open(net: &Net, at: Endpoint, tunnel: Arc<T>, _rtnl: &Rtnl<'_>) -> Result<Self> {
        let sender = Arc::new(Sender(Atomic::new(null_mut())), GFP_KERNEL)?;
        let mut sk = null_mut();
        // SAFETY: The namespace is valid, `sk` is valid for writes.
        to_result(unsafe {
            bindings::shim_udp_sock_create(
                net.as_ptr(),
                at.family == Family::V6,
                at.port,
                at.ifindex as c_int,
                at.checksum6,
                &mut sk,
            )
        })?;
        let port_type = tunnel.port_type();
        let (receive_in_gro, complete_in_gro) = gro::functions::<T>(tunnel.gro_kind());
        let tunnel = Arc::into_raw(tunnel);
        let mut cfg = bindings::udp_tunnel_sock_cfg {
            sk_user_data: tunnel.cast_mut().cast(),
            encap_type: 1,
            encap_rcv: Some(receive::<T>),
            encap_err_lookup: Some(error_lookup::<T>),
            gro_receive: Some(receive_in_gro),
            gro_complete: Some(complete_in_gro),
            ..pin_init::zeroed()
        };
        // SAFETY: The socket is new and ours; the functions expect a `T` as its user data, and it is
        // one, with a reference of its own.
        unsafe {
            bindings::udp_tunnel_notify_add_rx_port(sk, port_type.0);
            bindings::setup_udp_tunnel_sock(net.as_ptr(), sk, &mut cfg);
        }
        sender.0.store(sk, Release);
        // INVARIANT: The socket is open, and its user data as the type says.
        Ok(Self {
            sk,
            family: at.family,
            tunnel,
            sender,
            _owns: PhantomData,
        })
    }

    /// Returns the sending end.
    pub(crate) fn sender(&self) -> Arc<Sender> {
        self.sender.clone()
    }

    /// Joins a group, of the socket's family, on a device. Fails with EADDRINUSE if the socket is a
    /// member already.
    pub(crate) fn join(&self, group: Addr, ifindex: u32, _rtnl: &Rtnl<'_>) -> Result {
        // SAFETY: The socket is open, and of the family: the functions of the other would not find
        // their part of it.
        to_result(unsafe {
            match self.member(group)? {
                Group::V4(group) => bindings::shim_igmp_join(self.sk, group, ifindex as c_int),
                Group::V6(group) => bindings::shim_mld_join(self.sk, &group, ifindex as c_int),
            }
        })
    }

    /// Leaves a group.
    pub(crate) fn leave(&self, group: Addr, ifindex: u32, _rtnl: &Rtnl<'_>) -> Result {
        // SAFETY: As above.
        to_result(unsafe {
            match self.member(group)? {
                Group::V4(group) => bindings::shim_igmp_leave(self.sk, group, ifindex as c_int),
                Group::V6(group) => bindings::shim_mld_leave(self.sk, &group, ifindex as c_int),
            }
        })
    }

    /// Returns a group as C has it. Fails with EAFNOSUPPORT unless it is of the socket's family.
    fn member(&self, group: Addr) -> Result<Group> {
        match (group, self.family) {
            (Addr::V4(octets), Family::V4) => Ok(Group::V4(u32::from_ne_bytes(octets))),
            (Addr::V6(octets), Family::V6) => Ok(Group::V6(in6_addr(octets))),
            _ => Err(EAFNOSUPPORT),
        }
    }

    /// Tells a network device of the socket's port, or that it is no longer to be parsed.
    pub(crate) fn offer_port(&self, nic: &AnyDevice, offer: PortOffer, _rtnl: &Rtnl<'_>) {
        // SAFETY: The tunnel lives as long as the socket, which is open; the device is valid, and RTNL
        // is held.
        unsafe {
            let port_type = (*self.tunnel).port_type().0;
            match offer {
                PortOffer::Push => {
                    bindings::udp_tunnel_push_rx_port(nic.as_ptr(), self.sk, port_type);
                }
                PortOffer::Drop => {
                    bindings::udp_tunnel_drop_rx_port(nic.as_ptr(), self.sk, port_type);
                }
            }
        }
    }

    /// Closes the socket and waits until nobody uses it. Sleeps.
    pub(crate) fn close(self, _rtnl: &Rtnl<'_>) {
        let this = ManuallyDrop::new(self);
        this.sender.0.store(null_mut(), Release);
        // SAFETY: By the invariants the socket is open and its user data a counted reference. After the
        // release no packet finds the user data, after the grace period nobody uses it. The fields are
        // not used again: each ends here, once.
        unsafe {
            bindings::udp_tunnel_notify_del_rx_port(this.sk, (*this.tunnel).port_type().0);
            bindings::udp_tunnel_sock_release(this.sk);
            bindings::synchronize_net();
            drop(Arc::from_raw(this.tunnel));
            drop(core::ptr::read(&this.sender));
        }
    }
}

impl<T: Tunnel> Drop for Listener<T> {
    /// Somebody has lost a socket that calls into this module, and closing it may sleep where we are:
    /// the socket stays, and so does the module.
    fn drop(&mut self) {
        pr_err!("a socket was not closed: the module stays loaded\n");
        // SAFETY: We run, so the module is loaded.
        unsafe { bindings::shim_pin_module() };
    }
}

/// A group as C has it.
enum Group {
    V4(u32),
    V6(bindings::in6_addr),
}

/// Returns the tunnel of a socket, None if it is being closed.
///
/// # Safety
///
/// The socket was set up by `Listener::<T>::open`, and the caller is in a read-side critical section
/// that lasts for `'a`.
#[inline]
pub(super) unsafe fn tunnel<'a, T: Tunnel>(sk: *mut bindings::sock) -> Option<&'a T> {
    // SAFETY: By this function's contract; `close` waits for readers before it drops the reference.
    unsafe { bindings::shim_sk_user_data(sk).cast::<T>().as_ref() }
}

/// # Safety
///
/// Called by UDP for a socket of `T`, in softirq, with a packet to keep.
unsafe extern "C" fn receive<T: Tunnel>(
    sk: *mut bindings::sock,
    skb: *mut bindings::sk_buff,
) -> c_int {
    // SAFETY: By this function's contract.
    let (skb, softirq, tunnel) =
        unsafe { (SkBuff::from_raw(skb), Softirq::assume(), tunnel::<T>(sk)) };
    if let Some(tunnel) = tunnel {
        tunnel.receive(skb, &softirq);
    }
    0
}

/// # Safety
///
/// Called by UDP for a socket of `T`, in softirq, with a packet that stays the caller's.
unsafe extern "C" fn error_lookup<T: Tunnel>(
    sk: *mut bindings::sock,
    skb: *mut bindings::sk_buff,
) -> c_int {
    // SAFETY: By this function's contract; the borrowed packet is not dropped.
    let (skb, softirq, tunnel) =
        unsafe { (SkBuff::from_raw(skb), Softirq::assume(), tunnel::<T>(sk)) };
    let mut skb = BorrowedSkb(ManuallyDrop::new(skb), PhantomData);
    from_result(|| {
        tunnel
            .ok_or(ENOENT)?
            .owns_error(&mut skb, &softirq)
            .map(|()| 0)
    })
}
