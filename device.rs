// SPDX-License-Identifier: GPL-2.0

//! One VXLAN device: its state, and what becomes of it when it goes up, down and away.

#![forbid(unsafe_code)]

use crate::{
    abi,
    config::{
        largest_mtu,
        Config,
        Flags,
        Lower,
        Sizes, //
    },
    fdb::{
        Fdb,
        AGE_INTERVAL, //
    },
    fdb_age,
    fdb_flush::{
        flush,
        Flush, //
    },
    fdb_update,
    mcast,
    net::{
        device::{
            AnyDevice,
            NetDev,
            NetDevice, //
        },
        lower::LowerLink,
        metadata::Inquiry,
        netlink::ExtAck,
        netns::{
            Namespace as _,
            Net, //
        },
        rcu::{
            AtomicDrop,
            Prepared,
            RcuBox,
            RcuCell,
            RcuProof,
            Softirq, //
        },
        register::{
            Allocated,
            Created, //
        },
        rtnl::Rtnl,
        skb::SkBuff,
        udp_tunnel::Sender, //
    },
    sock::{
        self,
        Namespace,
        Socket, //
    },
    wire::ip::Family,
    xmit,
    xmit_meta, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        rcu,
        Arc,
        Mutex, //
    }, //
};

impl AtomicDrop for Config {}

/// The state of a device.
#[pin_data]
pub(crate) struct Device {
    /// What the data path reads, whole: one snapshot a packet.
    config: RcuBox<Config>,
    /// The sending end of the IPv4 socket, while the device is up.
    sender4: RcuCell<Arc<Sender>>,
    /// The sending end of the IPv6 socket, while the device is up.
    sender6: RcuCell<Arc<Sender>>,
    /// The forwarding table.
    #[pin]
    pub(crate) fdb: Fdb,
    /// What changes under RTNL.
    #[pin]
    control: Mutex<Control>,
}

/// The state that only RTNL holders look at.
#[derive(Default)]
struct Control {
    /// The sockets, while the device is up: one, or in metadata mode both.
    sockets: Sockets,
    /// The link to the lower device.
    lower: Option<LowerLink>,
}

#[derive(Default)]
struct Sockets {
    v4: Option<Arc<Socket>>,
    v6: Option<Arc<Socket>>,
}

impl Sockets {
    fn of(&mut self, family: Family) -> &mut Option<Arc<Socket>> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

impl Device {
    fn new(config: Prepared<Config>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            config: RcuBox::new(config),
            sender4: RcuCell::empty(),
            sender6: RcuCell::empty(),
            fdb <- Fdb::new(),
            control <- new_mutex!(Control::default(), "vxlan::Device::control"),
        }? Error)
    }

    /// Returns the configuration.
    #[inline]
    pub(crate) fn config<'a>(&'a self, reader: &'a impl RcuProof) -> &'a Config {
        self.config.load(reader)
    }

    /// Returns a copy of the configuration, for those who sleep.
    pub(crate) fn config_copy(&self) -> Config {
        self.config.load(&rcu::read_lock()).clone()
    }

    /// Returns the sending end of the socket of `family`, None while there is none.
    #[inline]
    pub(crate) fn sender<'a>(
        &'a self,
        family: Family,
        reader: &'a impl RcuProof,
    ) -> Option<&'a Sender> {
        let sender = self.sender_cell(family).load(reader)?;
        Some(sender)
    }

    #[inline]
    fn sender_cell(&self, family: Family) -> &RcuCell<Arc<Sender>> {
        match family {
            Family::V4 => &self.sender4,
            Family::V6 => &self.sender6,
        }
    }

    /// Returns the socket of `family`, None while there is none.
    pub(crate) fn socket(&self, family: Family, _rtnl: &Rtnl<'_>) -> Option<Arc<Socket>> {
        self.control.lock().sockets.of(family).clone()
    }

    /// Has the data path use `config` from now on.
    pub(crate) fn publish(&self, config: Prepared<Config>, _rtnl: &Rtnl<'_>) {
        drop(self.config.replace(config));
    }

    /// Takes the link to the lower device, to put another there.
    pub(crate) fn take_lower(&self, _rtnl: &Rtnl<'_>) -> Option<LowerLink> {
        self.control.lock().lower.take()
    }

    /// Notes the link to the lower device.
    pub(crate) fn set_lower(&self, link: Option<LowerLink>, _rtnl: &Rtnl<'_>) {
        self.control.lock().lower = link;
    }
}

/// Creates a device: registers it, links it above the lower device, adds the default entry. When a
/// step fails, those before it are undone.
pub(crate) fn create(
    mut dev: Allocated<'_, Device>,
    config: Config,
    requested_mtu: Option<u32>,
    net: &Net,
    rtnl: &Rtnl<'_>,
    ack: &ExtAck<'_>,
) -> Result<Created> {
    refuse_known_vni(net, &config, None, ack)?;
    let below = net.device(config.ifindex, rtnl);
    let lower = below.map(|below| rules_of(below, rtnl));
    let sizes = Sizes::new(dev.mtu(), requested_mtu, &config, lower.as_ref());
    if config.flags.has(Flags::GPE) {
        dev.make_raw();
    }
    dev.set_sizes(sizes.mtu, sizes.needed_headroom);
    if let Some(below) = below {
        dev.inherit(below);
    }
    abi::publish_new(&mut dev, &config, requested_mtu, net);

    let snapshot = Prepared::new(config.clone())?;
    let dev = dev.register(Device::new(snapshot), net, rtnl)?;
    if let Some(below) = below {
        let link = LowerLink::new(&dev, below, rtnl, ack)?;
        dev.set_lower(Some(link), rtnl);
    }
    dev.announce()?;
    if !config.remote.is_any() {
        fdb_update::add_default(&dev, &config, ack)?;
    }
    Namespace::of(net).owners.claim(&config, &dev)?;
    Ok(dev.keep())
}

/// Fails with EEXIST, and says which, if another device than `dev` excludes one of `config`.
pub(crate) fn refuse_known_vni(
    net: &Net,
    config: &Config,
    dev: Option<&NetDev<Device>>,
    ack: &ExtAck<'_>,
) -> Result {
    let Some(owner) = Namespace::of(net).owners.find(net, config, dev) else {
        return Ok(());
    };
    ack.message_of(
        "A VXLAN device with the specified VNI already exists: ",
        &owner.name(),
    );
    Err(EEXIST)
}

/// Returns what the rules of configuration need of a lower device.
pub(crate) fn rules_of(below: &AnyDevice, rtnl: &Rtnl<'_>) -> Lower {
    let (hard_header_len, needed_headroom, _) = below.rooms();
    Lower {
        mtu: below.mtu(),
        hard_header_len,
        needed_headroom,
        ipv6_disabled: below.ipv6_disabled(rtnl),
    }
}

/// Puts a device on the sockets of its configuration. On failure it may be on one: [`detach`] it.
fn attach(dev: &NetDev<Device>, config: &Config, rtnl: &Rtnl<'_>) -> Result {
    // IPv6 first, as it may be absent: in metadata mode IPv4 is enough then.
    for family in [Family::V6, Family::V4] {
        if !config.uses(family) {
            continue;
        }
        let socket = match sock::attach(dev, config, family, rtnl) {
            Err(error) if error == EAFNOSUPPORT && config.uses(Family::V4) => continue,
            socket => socket?,
        };
        let sender = socket.sender().ok_or(ENODEV).and_then(Prepared::new);
        *dev.control.lock().sockets.of(family) = Some(socket);
        drop(dev.sender_cell(family).replace(Some(sender?)));
    }
    Ok(())
}

/// Takes a device off its sockets.
fn detach(dev: &NetDev<Device>, config: &Config, rtnl: &Rtnl<'_>) {
    for family in [Family::V6, Family::V4] {
        drop(dev.sender_cell(family).replace(None));
    }
    let Sockets { v4, v6 } = core::mem::take(&mut dev.control.lock().sockets);
    for socket in [v6, v4].into_iter().flatten() {
        sock::detach(dev, config, socket, rtnl);
    }
}

impl NetDevice for Device {
    type Abi = abi::Prefix;
    type Namespace = Namespace;
    const NAME: &'static CStr = c"vxlan";
    const VERSION: &'static CStr = c"0.1";

    fn open(dev: &NetDev<Self>, rtnl: &Rtnl<'_>) -> Result {
        let config = dev.config_copy();
        let result = attach(dev, &config, rtnl).and_then(|()| mcast::join(dev, &config, rtnl));
        if let Err(error) = result {
            detach(dev, &config, rtnl);
            return Err(error);
        }
        // The socket may be bound to another VRF than the last one was.
        dev.fdb.vteps.forget_routes();
        dev.schedule(AGE_INTERVAL);
        Ok(())
    }

    fn stop(dev: &NetDev<Self>, rtnl: &Rtnl<'_>) {
        let config = dev.config_copy();
        mcast::leave(dev, &config, rtnl);
        dev.cancel_work(rtnl);
        flush(dev, &Flush::dynamic());
        detach(dev, &config, rtnl);
    }

    #[inline]
    fn transmit(dev: &NetDev<Self>, skb: SkBuff, softirq: &Softirq<'_>) {
        xmit::start(dev, skb, softirq);
    }

    fn fill_metadata(dev: &NetDev<Self>, inquiry: Inquiry<'_>, softirq: &Softirq<'_>) -> Result {
        xmit_meta::fill(dev, inquiry, softirq)
    }

    fn check_mtu(dev: &NetDev<Self>, mtu: u32, rtnl: &Rtnl<'_>) -> Result {
        let config = dev.config_copy();
        let lower = dev
            .link_net_rtnl(rtnl)
            .and_then(|net| net.device(config.ifindex, rtnl));
        match lower {
            Some(lower) if mtu > largest_mtu(lower.mtu(), &config) => Err(EINVAL),
            _ => Ok(()),
        }
    }

    fn work(dev: &NetDev<Self>) {
        if dev.is_running() {
            let delay = fdb_age::age(dev);
            dev.schedule(delay);
        }
    }

    fn dismantle(dev: &NetDev<Self>, rtnl: &Rtnl<'_>) {
        flush(dev, &Flush::default());
        if let Some(net) = dev.link_net_rtnl(rtnl) {
            Namespace::of(net).owners.release(&dev.config_copy(), dev);
        }
        if let Some(link) = dev.take_lower(rtnl) {
            link.unlink(rtnl);
        }
    }

    fn lower_ifindex(dev: &NetDev<Self>, _rtnl: &Rtnl<'_>) -> u32 {
        dev.config_copy().ifindex
    }
}
