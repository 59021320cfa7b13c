// SPDX-License-Identifier: GPL-2.0

//! UDP sockets, shared by the devices of one port.

#![forbid(unsafe_code)]

use crate::{
    config::{
        Config,
        Flags, //
    },
    device::Device,
    fdb_nexthop,
    gro,
    net::{
        device::{
            AnyDevice,
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
        once::Word,
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
            Endpoint,
            Listener,
            PortOffer,
            PortType,
            Sender,
            Tunnel, //
        }, //
    },
    recv,
    vni::Owners,
    wire::{
        gpe,
        ip::Family,
        vxlan::{
            self,
            Vni, //
        }, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::RBTree,
    static_lock_class,
    sync::{
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
    /// Who has which VNI.
    #[pin]
    pub(crate) owners: Owners,
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
            owners <- Owners::new(),
        }? Error)
    }

    fn nexthop_ends(net: &Net, id: u32, rtnl: &Rtnl<'_>) {
        fdb_nexthop::flush(net, id, rtnl);
    }
}

/// What a device shares a socket by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SocketKey {
    family: Family,
    /// The port, in host order.
    port: u16,
    /// The VRF that the socket is bound to, 0 for none.
    ifindex: u32,
    /// The bits of [`Flags::RECEIVE`] that are on.
    receive: u32,
}

impl SocketKey {
    fn has(&self, flag: Flags) -> bool {
        self.receive & flag.bits() != 0
    }
}

/// The devices of a socket, by VNI, [`Config::scope`] and the family of their configured addresses,
/// which is that of the socket but in metadata mode.
#[derive(Clone, Copy)]
struct Member(Vni, u32, Family);

impl Member {
    fn of(config: &Config) -> Self {
        Self(config.vni, config.scope(), config.family())
    }
}

impl TableKey for Member {
    fn words(&self) -> [u32; 3] {
        [self.0.get(), self.1, self.2 as u32]
    }
}

/// An open socket and the devices that are up on it.
#[pin_data]
pub(crate) struct Socket {
    key: SocketKey,
    #[pin]
    members: Table<Member, DevRef<Device>>,
    /// Not 0 if a member has, or had, a scope.
    scoped: Word<u32>,
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
                scoped: Word::new(0),
                listener <- new_mutex!(None, "vxlan::Socket::listener"),
            }? Error),
            GFP_KERNEL,
        )?;
        let at = Endpoint {
            family: key.family,
            port: key.port,
            ifindex: key.ifindex,
            checksum6: !key.has(Flags::UDP_ZERO_CSUM6_RX),
        };
        let listener = Listener::open(net, at, socket.clone(), rtnl)?;
        *socket.listener.lock() = Some(listener);
        Ok(socket)
    }

    /// Returns the IP version.
    #[inline]
    pub(crate) fn family(&self) -> Family {
        self.key.family
    }

    /// Returns the sending end.
    pub(crate) fn sender(&self) -> Option<Arc<Sender>> {
        self.listener.lock().as_ref().map(Listener::sender)
    }

    /// Runs `f` with the open socket.
    pub(crate) fn with_listener<R>(
        &self,
        f: impl FnOnce(&Listener<Self>) -> Result<R>,
    ) -> Result<R> {
        self.listener.lock().as_ref().map_or(Err(ENODEV), f)
    }

    /// Puts a device on the socket, which `config` says how to find. A packet that comes meanwhile and
    /// does not see `scoped` yet came before the device did.
    fn insert(&self, config: &Config, member: NewEntry<DevRef<Device>>) -> Result {
        if config.scope() != 0 {
            self.scoped.set(1);
        }
        self.members.lock().insert(member)
    }

    /// Returns how many devices are up on the socket.
    pub(crate) fn users(&self) -> u32 {
        self.members.lock().len()
    }

    /// Finds the device for a VNI in a packet that came by device `ifindex`.
    #[inline(always)]
    pub(crate) fn device<'a>(
        &'a self,
        vni: Vni,
        ifindex: u32,
        reader: &'a impl RcuProof,
    ) -> Option<&'a NetDev<Device>> {
        let find = |vni, scope, family| -> Option<&'a NetDev<Device>> {
            let found = self
                .members
                .lookup_sole(&Member(vni, scope, family), reader)?;
            Some(found)
        };
        let family = self.key.family;
        if self.key.has(Flags::COLLECT_METADATA) {
            // Devices in metadata mode take all packets, as VNI 0, whatever their own addresses. They have
            // no scope.
            return find(Vni::ZERO, 0, Family::V4).or_else(|| find(Vni::ZERO, 0, Family::V6));
        }
        if family == Family::V6 && self.scoped.get() != 0 {
            let local = find(vni, ifindex, family);
            if local.is_some() {
                return local;
            }
        }
        find(vni, 0, family)
    }
}

impl Tunnel for Socket {
    fn port_type(&self) -> PortType {
        match self.key.has(Flags::GPE) {
            true => PortType::VXLAN_GPE,
            false => PortType::VXLAN,
        }
    }

    #[inline(always)]
    fn receive(&self, skb: SkBuff, softirq: &Softirq<'_>) {
        recv::receive(self, skb, softirq);
    }

    fn owns_error(&self, skb: &mut BorrowedSkb<'_>, softirq: &Softirq<'_>) -> Result {
        recv::owns_error(self, skb, softirq)
    }

    fn gro_kind(&self) -> net_gro::Kind {
        if self.key.has(Flags::GPE) {
            net_gro::Kind::Protocols
        } else if self.key.has(Flags::REMCSUM_RX) {
            net_gro::Kind::RemoteChecksum
        } else {
            net_gro::Kind::Plain
        }
    }

    fn gro_receive(packet: &mut net_gro::Packet<'_>) -> net_gro::Verdict {
        gro::receive(packet)
    }

    fn gro_receive_other(&self, packet: &mut net_gro::Packet<'_>) -> net_gro::Verdict {
        match self.key.has(Flags::GPE) {
            true => gro::receive_protocol(packet),
            false => gro::receive_checksum(packet, !self.key.has(Flags::REMCSUM_NOPARTIAL)),
        }
    }

    fn gro_protocol(header: [u8; vxlan::HEADER_LEN]) -> Option<u16> {
        gpe::parse(vxlan::Header::parse(header))
    }
}

/// Puts a device that goes up on the socket of `family` for its configuration, which is opened if need
/// be.
pub(crate) fn attach(
    dev: &NetDev<Device>,
    config: &Config,
    family: Family,
    rtnl: &Rtnl<'_>,
) -> Result<Arc<Socket>> {
    let net = dev.link_net_rtnl(rtnl).ok_or(ENODEV)?;
    let ifindex = match config.ifindex {
        0 => 0,
        lower => net.l3_master(lower),
    };
    let key = SocketKey {
        family,
        port: config.port,
        ifindex,
        receive: config.flags.and(Flags::RECEIVE).bits(),
    };
    let member = NewEntry::of(&Member::of(config), dev.hold(), GFP_KERNEL)?;
    // Not locked while a socket is opened or closed: that takes locks of network devices, which are
    // held where they ask for the ports. RTNL keeps others from opening the same.
    let sockets = &Namespace::of(net).sockets;
    let known = sockets.lock().get(&key).cloned();
    let socket = match known {
        Some(socket) => socket,
        None => {
            let socket = Socket::open(net, key, rtnl)?;
            let listed = sockets
                .lock()
                .try_create_and_insert(key, socket.clone(), GFP_KERNEL);
            if let Err(error) = listed {
                close(&socket, rtnl);
                return Err(error);
            }
            socket
        }
    };
    let inserted = socket.insert(config, member);
    if let Err(error) = inserted {
        close_if_unused(net, &socket, rtnl);
        return Err(error);
    }
    Ok(socket)
}

/// Takes a device that goes down off its socket, which is closed if it was the last one.
pub(crate) fn detach(dev: &NetDev<Device>, config: &Config, socket: Arc<Socket>, rtnl: &Rtnl<'_>) {
    drop(socket.members.lock().remove(&Member::of(config)));
    // A device that is up is registered, and so has a namespace.
    if let Some(net) = dev.link_net_rtnl(rtnl) {
        close_if_unused(net, &socket, rtnl);
    }
}

/// A change of a device's scope: it is found by the old and by the new one until
/// [`ScopeChange::finish`] or [`ScopeChange::undo`] leaves one of them.
#[must_use = "the device is found by both scopes until the change is ended"]
pub(crate) struct ScopeChange<'a> {
    old: &'a Config,
    new: &'a Config,
    /// The socket of a device that is up.
    socket: Option<Arc<Socket>>,
}

impl<'a> ScopeChange<'a> {
    /// Has `dev` found as `new` says too, which is free and differs from `old` in the scope at most.
    pub(crate) fn prepare(
        dev: &NetDev<Device>,
        old: &'a Config,
        new: &'a Config,
        net: &Net,
        rtnl: &Rtnl<'_>,
    ) -> Result<Self> {
        let socket = dev.socket(new.family(), rtnl);
        let change = Self { old, new, socket };
        if old.scope() == new.scope() {
            return Ok(change);
        }
        let owners = &Namespace::of(net).owners;
        owners.claim(new, dev)?;
        if let Some(socket) = &change.socket {
            let result = NewEntry::of(&Member::of(new), dev.hold(), GFP_KERNEL)
                .and_then(|member| socket.insert(new, member));
            result.inspect_err(|_| owners.release(new, dev))?;
        }
        Ok(change)
    }

    /// Has the device found by its new scope only.
    pub(crate) fn finish(self, dev: &NetDev<Device>, net: &Net) {
        self.leave(self.old, dev, net);
    }

    /// Has the device found by its old scope only.
    pub(crate) fn undo(self, dev: &NetDev<Device>, net: &Net) {
        self.leave(self.new, dev, net);
    }

    fn leave(&self, config: &Config, dev: &NetDev<Device>, net: &Net) {
        if self.old.scope() == self.new.scope() {
            return;
        }
        Namespace::of(net).owners.release(config, dev);
        if let Some(socket) = &self.socket {
            drop(socket.members.lock().remove(&Member::of(config)));
        }
    }
}

fn close_if_unused(net: &Net, socket: &Socket, rtnl: &Rtnl<'_>) {
    if socket.users() == 0 {
        drop(Namespace::of(net).sockets.lock().remove(&socket.key));
        close(socket, rtnl);
    }
}

fn close(socket: &Socket, rtnl: &Rtnl<'_>) {
    let listener = socket.listener.lock().take();
    if let Some(listener) = listener {
        listener.close(rtnl);
    }
}

/// Tells a network device of the open sockets' ports, or that they are no longer to be parsed.
pub(crate) fn offer_ports(net: &Net, nic: &AnyDevice, offer: PortOffer, rtnl: &Rtnl<'_>) {
    for socket in Namespace::of(net).sockets.lock().values() {
        // It fails for a socket that is closed, which has no port to offer.
        let _ = socket.with_listener(|listener| {
            listener.offer_port(nic, offer, rtnl);
            Ok(())
        });
    }
}
