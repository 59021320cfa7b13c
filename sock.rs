// SPDX-License-Identifier: GPL-2.0

//! UDP sockets, shared by the devices of one port, and who has which VNI.

#![forbid(unsafe_code)]

use crate::{
    config::Config,
    device::Device,
    gro,
    net::{
        device::{
            DevRef,
            NetDev, //
        },
        gro as net_gro,
        netns::{
            self,
            Namespace as _,
            Net,
            PernetId, //
        },
        rcu::{
            RcuProof,
            Softirq, //
        },
        rtnl::Rtnl,
        skb::SkBuff,
        table::{
            NewEntry,
            Table,
            TableKey, //
        },
        udp_tunnel::{
            BorrowedSkb,
            Listener,
            PortType,
            Sender,
            Tunnel, //
        }, //
    },
    recv,
    wire::vxlan::{
        self,
        Vni, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::RBTree,
    static_lock_class,
    sync::{
        rcu,
        Arc,
        LockClassKey,
        Mutex, //
    }, //
};

/// The module's state in a namespace.
#[pin_data]
pub(crate) struct Namespace {
    /// Open sockets.
    #[pin]
    sockets: Mutex<RBTree<SocketKey, Arc<Socket>>>,
    /// Devices, up or down, by what must be unique.
    #[pin]
    vnis: Table<VniKey, DevRef<Device>>,
}

static ID: PernetId<Namespace> = PernetId::new();

impl netns::Namespace for Namespace {
    type Device = Device;
    const LOCK: (&'static CStr, fn() -> Pin<&'static LockClassKey>) =
        (c"vxlan::Devices", || static_lock_class!());

    fn id() -> &'static PernetId<Self> {
        &ID
    }

    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            sockets <- new_mutex!(RBTree::new(), "vxlan::Namespace::sockets"),
            vnis <- Table::new(c"vxlan::Namespace::vnis", static_lock_class!()),
        }? Error)
    }
}

/// What a device shares a socket by: the port, in host order, and the VRF that it is bound to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SocketKey {
    port: u16,
    ifindex: u32,
}

/// What no two devices of a namespace may share.
#[derive(Clone, Copy)]
struct VniKey {
    vni: Vni,
    port: u16,
}

impl VniKey {
    fn of(config: &Config) -> Self {
        Self {
            vni: config.vni,
            port: config.port,
        }
    }
}

impl TableKey for VniKey {
    fn words(&self) -> [u32; 3] {
        [self.vni.get(), u32::from(self.port), 0]
    }
}

/// The devices of a socket, by VNI.
#[derive(Clone, Copy)]
struct Member(Vni);

impl TableKey for Member {
    fn words(&self) -> [u32; 3] {
        [self.0.get(), 0, 0]
    }
}

/// An open socket and the devices that are up on it.
#[pin_data]
pub(crate) struct Socket {
    key: SocketKey,
    #[pin]
    members: Table<Member, DevRef<Device>>,
    /// None before the socket is open and once it is closed.
    #[pin]
    listener: Mutex<Option<Listener<Socket>>>,
}

impl Socket {
    fn open(net: &Net, key: SocketKey, rtnl: &Rtnl<'_>) -> Result<Arc<Self>> {
        let socket = Arc::pin_init(
            try_pin_init!(Self {
                key,
                members <- Table::new(c"vxlan::Socket::members", static_lock_class!()),
                listener <- new_mutex!(None, "vxlan::Socket::listener"),
            }? Error),
            GFP_KERNEL,
        )?;
        let listener = Listener::open4(net, key.port, key.ifindex, socket.clone(), rtnl)?;
        *socket.listener.lock() = Some(listener);
        Ok(socket)
    }

    /// Returns the sending end.
    pub(crate) fn sender(&self) -> Option<Arc<Sender>> {
        self.listener.lock().as_ref().map(Listener::sender)
    }

    /// Runs `f` with the open socket.
    pub(crate) fn with_listener(&self, f: impl FnOnce(&Listener<Self>) -> Result) -> Result {
        self.listener.lock().as_ref().map_or(Err(ENODEV), f)
    }

    /// Returns how many devices are up on the socket.
    pub(crate) fn users(&self) -> u32 {
        self.members.lock().len()
    }

    /// Finds the device for a VNI.
    #[inline]
    pub(crate) fn device<'a>(
        &'a self,
        vni: Vni,
        reader: &'a impl RcuProof,
    ) -> Option<&'a NetDev<Device>> {
        self.members
            .lookup(&Member(vni), reader)
            .map(|dev| -> &NetDev<Device> { dev })
    }
}

impl Tunnel for Socket {
    const PORT_TYPE: PortType = PortType::VXLAN;
    const HEADER_LEN: u16 = vxlan::HEADER_LEN as u16;

    fn receive(&self, skb: SkBuff, softirq: &Softirq<'_>) {
        recv::receive(self, skb, softirq);
    }

    fn owns_error(&self, skb: &mut BorrowedSkb<'_>, softirq: &Softirq<'_>) -> Result {
        recv::owns_error(self, skb, softirq)
    }

    fn gro_receive(packet: &mut net_gro::Packet<'_>) -> net_gro::Verdict {
        gro::receive(packet)
    }
}

/// Puts a device that goes up on the socket for its configuration, which is opened if need be.
pub(crate) fn attach(
    dev: &NetDev<Device>,
    config: &Config,
    rtnl: &Rtnl<'_>,
) -> Result<Arc<Socket>> {
    let net = dev.link_net_rtnl(rtnl).ok_or(ENODEV)?;
    let ifindex = match config.ifindex {
        0 => 0,
        lower => net.l3_master(lower),
    };
    let key = SocketKey {
        port: config.port,
        ifindex,
    };
    let member = NewEntry::of(&Member(config.vni), dev.hold(), GFP_KERNEL)?;
    let mut sockets = Namespace::of(net).sockets.lock();
    let socket = match sockets.get(&key) {
        Some(socket) => socket.clone(),
        None => {
            let socket = Socket::open(net, key, rtnl)?;
            if let Err(error) = sockets.try_create_and_insert(key, socket.clone(), GFP_KERNEL) {
                close(&socket, rtnl);
                return Err(error);
            }
            socket
        }
    };
    let inserted = socket.members.lock().insert(member);
    if let Err(error) = inserted {
        close_if_unused(&mut sockets, &socket, rtnl);
        return Err(error);
    }
    Ok(socket)
}

/// Takes a device that goes down off its socket, which is closed if it was the last one.
pub(crate) fn detach(dev: &NetDev<Device>, config: &Config, socket: Arc<Socket>, rtnl: &Rtnl<'_>) {
    drop(socket.members.lock().remove(&Member(config.vni)));
    // A device that is up is registered, and so has a namespace.
    if let Some(net) = dev.link_net_rtnl(rtnl) {
        close_if_unused(&mut Namespace::of(net).sockets.lock(), &socket, rtnl);
    }
}

fn close_if_unused(sockets: &mut RBTree<SocketKey, Arc<Socket>>, socket: &Socket, rtnl: &Rtnl<'_>) {
    if socket.users() == 0 {
        drop(sockets.remove(&socket.key));
        close(socket, rtnl);
    }
}

fn close(socket: &Socket, rtnl: &Rtnl<'_>) {
    let listener = socket.listener.lock().take();
    if let Some(listener) = listener {
        listener.close(rtnl);
    }
}

/// Returns the device of the namespace, up or down, that has the VNI and port of `config`.
pub(crate) fn vni_owner(net: &Net, config: &Config) -> Option<DevRef<Device>> {
    let guard = rcu::read_lock();
    let owner = Namespace::of(net)
        .vnis
        .lookup(&VniKey::of(config), &guard)?;
    Some(owner.hold())
}

/// Notes that `dev` has its VNI and port.
pub(crate) fn claim_vni(net: &Net, config: &Config, dev: &NetDev<Device>) -> Result {
    let entry = NewEntry::of(&VniKey::of(config), dev.hold(), GFP_KERNEL)?;
    let inserted = Namespace::of(net).vnis.lock().insert(entry);
    inserted
}

/// Takes back what [`claim_vni`] noted, if it did so for `dev`.
pub(crate) fn release_vni(net: &Net, config: &Config, dev: &NetDev<Device>) {
    let key = VniKey::of(config);
    let mut vnis = Namespace::of(net).vnis.lock();
    if vnis.find(&key).is_some_and(|owner| owner.is(dev)) {
        drop(vnis.remove(&key));
    }
}

/// Finds the device that a packet to this very host, port and VNI would reach, None unless it is up
/// and its socket is bound as `ifindex` says.
pub(crate) fn local_device<'a>(
    net: &'a Net,
    vni: Vni,
    port: u16,
    ifindex: u32,
    softirq: &'a Softirq<'_>,
) -> Option<&'a NetDev<Device>> {
    let dev = Namespace::of(net)
        .vnis
        .lookup(&VniKey { vni, port }, softirq)?;
    let socket = dev.sender(softirq)?.socket(softirq)?;
    (socket.bound_ifindex() == ifindex).then_some(dev)
}
