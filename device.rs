// SPDX-License-Identifier: GPL-2.0

//! One VXLAN device: its state, and what becomes of it when it goes up, down and away.

#![forbid(unsafe_code)]

use crate::{
    abi,
    config::{
        largest_mtu,
        Config,
        Lower,
        Sizes, //
    },
    fdb::{
        Fdb,
        AGE_INTERVAL, //
    },
    fdb_learn::{
        self,
        Flush, //
    },
    fdb_update,
    mcast,
    net::{
        device::{
            AnyDevice,
            LowerLink,
            NetDev,
            NetDevice, //
        },
        netlink::ExtAck,
        netns::Net,
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
    xmit, //
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
    /// The sending end of the socket, while the device is up.
    sender: RcuCell<Arc<Sender>>,
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
    /// The socket, while the device is up.
    socket: Option<Arc<Socket>>,
    /// The link to the lower device.
    lower: Option<LowerLink>,
}

impl Device {
    fn new(config: Prepared<Config>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            config: RcuBox::new(config),
            sender: RcuCell::empty(),
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

    /// Returns the sending end of the socket, None while the device is down.
    #[inline]
    pub(crate) fn sender<'a>(&'a self, reader: &'a impl RcuProof) -> Option<&'a Sender> {
        self.sender.load(reader).map(|sender| &**sender)
    }

    /// Returns the socket, None while the device is down.
    pub(crate) fn socket(&self, _rtnl: &Rtnl<'_>) -> Option<Arc<Socket>> {
        self.control.lock().socket.clone()
    }

    fn set_socket(&self, socket: Option<Arc<Socket>>, _rtnl: &Rtnl<'_>) -> Option<Arc<Socket>> {
        core::mem::replace(&mut self.control.lock().socket, socket)
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
    if let Some(owner) = sock::vni_owner(net, &config) {
        ack.message_of(
            "A VXLAN device with the specified VNI already exists: ",
            &owner.name(),
        );
        return Err(EEXIST);
    }
    let below = net.device(config.ifindex, rtnl);
    let lower = below.map(rules_of);
    let sizes = Sizes::new(dev.mtu(), requested_mtu, config.headroom(), lower.as_ref());
    dev.set_sizes(sizes.mtu, sizes.needed_headroom);
    if let Some(below) = below {
        dev.inherit(below);
    }
    abi::publish(&mut dev, &config, net);

    let snapshot = Prepared::new(config.clone())?;
    let dev = dev.register(Device::new(snapshot), net, rtnl)?;
    if let Some(below) = below {
        let link = dev.link_above(below, rtnl, ack)?;
        dev.control.lock().lower = Some(link);
    }
    dev.announce()?;
    if !config.remote.is_any() {
        fdb_update::add_default(&dev, &config, ack)?;
    }
    sock::claim_vni(net, &config, &dev)?;
    Ok(dev.keep())
}

/// Returns what the rules of configuration need of a lower device.
pub(crate) fn rules_of(below: &AnyDevice) -> Lower {
    let (hard_header_len, needed_headroom, _) = below.rooms();
    Lower {
        mtu: below.mtu(),
        hard_header_len,
        needed_headroom,
    }
}

impl NetDevice for Device {
    type Abi = abi::Prefix;
    type Namespace = Namespace;
    const NAME: &'static CStr = c"vxlan";
    const VERSION: &'static CStr = c"0.1";

    fn open(dev: &NetDev<Self>, rtnl: &Rtnl<'_>) -> Result {
        let config = dev.config_copy();
        let socket = sock::attach(dev, &config, rtnl)?;
        let sender = socket.sender().ok_or(ENODEV).and_then(Prepared::new);
        let joined = sender.and_then(|sender| {
            mcast::join(&socket, &config, rtnl)?;
            Ok(sender)
        });
        match joined {
            Ok(sender) => drop(dev.sender.replace(Some(sender))),
            Err(error) => {
                sock::detach(dev, &config, socket, rtnl);
                return Err(error);
            }
        }
        drop(dev.set_socket(Some(socket), rtnl));
        dev.schedule(AGE_INTERVAL);
        Ok(())
    }

    fn stop(dev: &NetDev<Self>, rtnl: &Rtnl<'_>) {
        let config = dev.config_copy();
        mcast::leave(dev, &config, rtnl);
        dev.cancel_work(rtnl);
        fdb_learn::flush(dev, Flush::Dynamic);
        drop(dev.sender.replace(None));
        if let Some(socket) = dev.set_socket(None, rtnl) {
            sock::detach(dev, &config, socket, rtnl);
        }
    }

    fn transmit(dev: &NetDev<Self>, skb: SkBuff, softirq: &Softirq<'_>) {
        xmit::start(dev, skb, softirq);
    }

    fn check_mtu(dev: &NetDev<Self>, mtu: u32, rtnl: &Rtnl<'_>) -> Result {
        let config = dev.config_copy();
        let lower = dev
            .link_net_rtnl(rtnl)
            .and_then(|net| net.device(config.ifindex, rtnl));
        match lower {
            Some(lower) if mtu > largest_mtu(lower.mtu(), config.headroom()) => Err(EINVAL),
            _ => Ok(()),
        }
    }

    fn work(dev: &NetDev<Self>) {
        if dev.is_running() {
            let delay = fdb_learn::age(dev);
            dev.schedule(delay);
        }
    }

    fn dismantle(dev: &NetDev<Self>, rtnl: &Rtnl<'_>) {
        fdb_learn::flush(dev, Flush::All);
        if let Some(net) = dev.link_net_rtnl(rtnl) {
            sock::release_vni(net, &dev.config_copy(), dev);
        }
        let link = dev.control.lock().lower.take();
        if let Some(link) = link {
            link.unlink(rtnl);
        }
    }

    fn lower_ifindex(dev: &NetDev<Self>, _rtnl: &Rtnl<'_>) -> u32 {
        dev.config_copy().ifindex
    }
}
