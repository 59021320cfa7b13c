// SPDX-License-Identifier: GPL-2.0

//! The link kind "vxlan": its attributes, and what is made of them.

#![forbid(unsafe_code)]

use crate::{
    config::{
        self,
        Attr,
        Config,
        Env,
        Errno,
        Invalid,
        LinkAttr,
        Place,
        PortRange,
        Request, //
    },
    device::{
        self,
        Device, //
    },
    net::{
        device::NetDev,
        netlink::{
            attr_size,
            Attrs,
            ExtAck,
            Message,
            Policy, //
        },
        params,
        register::{
            Allocated,
            Created, //
        },
        rtnl::{
            LinkKind,
            NewLink,
            Rtnl, //
        }, //
    },
    wire::{
        ip::Addr,
        vxlan::HEADER_LEN, //
    }, //
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// `IFLA_ADDRESS`.
const IFLA_ADDRESS: u16 = 1;
/// `IFLA_MTU`.
const IFLA_MTU: u16 = 4;

/// The kind.
pub(crate) struct Vxlan;

/// What the core checks of each attribute, by number; the same as the stock driver's, so that the same
/// requests are malformed.
static POLICY: [Policy; 35] = [
    Policy::strict_from(Attr::LocalBypass as u16),
    Policy::U32,          // Id
    Policy::at_least(4),  // Group
    Policy::U32,          // Link
    Policy::at_least(4),  // Local
    Policy::U8,           // Ttl
    Policy::U8,           // Tos
    Policy::U8,           // Learning
    Policy::U32,          // Ageing
    Policy::U32,          // Limit
    Policy::at_least(4),  // PortRange
    Policy::U8,           // Proxy
    Policy::U8,           // Rsc
    Policy::U8,           // L2Miss
    Policy::U8,           // L3Miss
    Policy::U16,          // Port
    Policy::at_least(16), // Group6
    Policy::at_least(16), // Local6
    Policy::U8,           // UdpCsum
    Policy::U8,           // UdpZeroCsum6Tx
    Policy::U8,           // UdpZeroCsum6Rx
    Policy::U8,           // RemcsumTx
    Policy::U8,           // RemcsumRx
    Policy::FLAG,         // Gbp
    Policy::FLAG,         // RemcsumNopartial
    Policy::U8,           // CollectMetadata
    Policy::U32,          // Label
    Policy::FLAG,         // Gpe
    Policy::FLAG,         // TtlInherit
    Policy::U8,           // Df
    Policy::U8,           // VniFilter
    Policy::U8.max(1),    // LocalBypass
    Policy::U32.max(1),   // LabelPolicy
    Policy::exactly(8),   // ReservedBits
    Policy::U8.max(1),    // McRoute
];

/// Reads the attributes of a request. Their lengths have been checked by the policy.
fn request(data: &Attrs<'_>) -> Request {
    let get = |attr: Attr| data.get(attr as u16);
    let u8 = |attr| get(attr).and_then(|a| a.u8());
    let u32 = |attr| get(attr).and_then(|a| a.u32());
    let flag = |attr| u8(attr).map(|value| value != 0);
    let has = |attr| get(attr).is_some();
    Request {
        id: u32(Attr::Id),
        group: get(Attr::Group).and_then(|a| a.first()),
        group6: get(Attr::Group6).and_then(|a| a.first()),
        link: u32(Attr::Link),
        local: get(Attr::Local).and_then(|a| a.first()),
        local6: get(Attr::Local6).and_then(|a| a.first()),
        ttl: u8(Attr::Ttl),
        ttl_inherit: has(Attr::TtlInherit),
        tos: u8(Attr::Tos),
        label: get(Attr::Label).and_then(|a| a.be32()),
        label_policy: u32(Attr::LabelPolicy),
        learning: flag(Attr::Learning),
        ageing: u32(Attr::Ageing),
        limit: u32(Attr::Limit),
        port_range: get(Attr::PortRange).and_then(|a| a.first()).map(port_range),
        port: get(Attr::Port).and_then(|a| a.be16()),
        proxy: flag(Attr::Proxy),
        rsc: flag(Attr::Rsc),
        l2miss: flag(Attr::L2Miss),
        l3miss: flag(Attr::L3Miss),
        collect_metadata: flag(Attr::CollectMetadata),
        udp_csum: flag(Attr::UdpCsum),
        udp_zero_csum6_tx: flag(Attr::UdpZeroCsum6Tx),
        udp_zero_csum6_rx: flag(Attr::UdpZeroCsum6Rx),
        remcsum_tx: flag(Attr::RemcsumTx),
        remcsum_rx: flag(Attr::RemcsumRx),
        remcsum_nopartial: has(Attr::RemcsumNopartial),
        gbp: has(Attr::Gbp),
        gpe: has(Attr::Gpe),
        df: u8(Attr::Df),
        vnifilter: flag(Attr::VniFilter),
        localbypass: flag(Attr::LocalBypass),
        reserved_bits: get(Attr::ReservedBits).and_then(|a| a.first()),
        mc_route: flag(Attr::McRoute),
    }
}

fn port_range([a, b, c, d]: [u8; 4]) -> PortRange {
    PortRange {
        low: u16::from_be_bytes([a, b]),
        high: u16::from_be_bytes([c, d]),
    }
}

/// Tells the requester why, and of which attribute.
fn refuse(invalid: Invalid, link: &Attrs<'_>, data: Option<&Attrs<'_>>, ack: &ExtAck<'_>) -> Error {
    let attr = match invalid.place {
        Place::Request => None,
        Place::Link(LinkAttr::Address) => link.get(IFLA_ADDRESS),
        Place::Link(LinkAttr::Mtu) => link.get(IFLA_MTU),
        Place::Vxlan(attr) => data.and_then(|data| data.get(attr as u16)),
    };
    ack.attr(attr, invalid.msg);
    match invalid.errno {
        Errno::AddrNotAvail => EADDRNOTAVAIL,
        Errno::AfNoSupport => EAFNOSUPPORT,
        Errno::Inval => EINVAL,
        Errno::NoDev => ENODEV,
        Errno::OpNotSupp => EOPNOTSUPP,
        Errno::Range => ERANGE,
    }
}

impl LinkKind for Vxlan {
    const KIND: &'static CStr = c"vxlan";
    const POLICY: &'static [Policy] = &POLICY;
    type Device = Device;

    fn validate(link: &Attrs<'_>, data: Option<&Attrs<'_>>, ack: &ExtAck<'_>) -> Result {
        let address = link.get(IFLA_ADDRESS).map(|attr| attr.bytes());
        let mtu = link.get(IFLA_MTU).and_then(|attr| attr.u32());
        let request = data.map(request);
        config::validate(address, mtu, request.as_ref())
            .map_err(|invalid| refuse(invalid, link, data, ack))
    }

    fn new_link(
        dev: Allocated<'_, Device>,
        new: &NewLink<'_>,
        rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result<Created> {
        let data = new.data.ok_or(EINVAL)?;
        let request = request(&data);
        let lower = request
            .link
            .and_then(|ifindex| new.net.device(ifindex, rtnl));
        let env = Env {
            default_port: params::udp_port(),
            lower: lower.map(device::rules_of),
        };
        let config = Config::build(&request, &env)
            .map_err(|invalid| refuse(invalid, &new.link, Some(&data), ack))?;
        let mtu = new.link.get(IFLA_MTU).and_then(|attr| attr.u32());
        device::create(dev, config, mtu, new.net, rtnl, ack)
    }

    /// There is no change of a device yet: the requester is told so, and the device stays as it is.
    fn change_link(
        _dev: &NetDev<Device>,
        _data: Option<&Attrs<'_>>,
        _rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result {
        ack.message("vxlan: changing a device is not supported by this driver yet");
        Err(EOPNOTSUPP)
    }

    fn info_size() -> usize {
        const NUMBERS: usize = 8;
        const OCTETS: usize = 16;
        let addresses = attr_size(16).saturating_mul(2);
        let words = attr_size(4).saturating_mul(NUMBERS);
        let bytes = attr_size(1).saturating_mul(OCTETS);
        let bits = attr_size(HEADER_LEN);
        addresses
            .saturating_add(words)
            .saturating_add(bytes)
            .saturating_add(bits)
    }

    fn fill_info(dev: &NetDev<Device>, message: &mut Message<'_>, guard: &rcu::Guard) -> Result {
        put_config(message, dev.config(guard))
    }
}

/// Writes a configuration, in the order of `vxlan_fill_info`. What the driver does not do yet is off.
fn put_config(message: &mut Message<'_>, config: &Config) -> Result {
    let mut put = |attr: Attr, payload: &[u8]| message.put(attr as u16, payload);
    let PortRange { low, high } = config.source_ports;
    let ([low0, low1], [high0, high1]) = (low.to_be_bytes(), high.to_be_bytes());
    let Addr::V4(remote) = config.remote;
    let Addr::V4(local) = config.local;

    put(Attr::Id, &config.vni.get().to_ne_bytes())?;
    if !config.remote.is_any() {
        put(Attr::Group, &remote)?;
    }
    if config.ifindex != 0 {
        put(Attr::Link, &config.ifindex.to_ne_bytes())?;
    }
    if !config.local.is_any() {
        put(Attr::Local, &local)?;
    }
    put(Attr::Ttl, &[config.ttl])?;
    put(Attr::TtlInherit, &[config.ttl_inherit.into()])?;
    put(Attr::Tos, &[config.tos])?;
    put(Attr::Df, &[0])?;
    put(Attr::Label, &[0; 4])?;
    put(Attr::LabelPolicy, &[0; 4])?;
    put(Attr::Learning, &[config.learning.into()])?;
    put(Attr::Proxy, &[0])?;
    put(Attr::Rsc, &[0])?;
    put(Attr::L2Miss, &[0])?;
    put(Attr::L3Miss, &[0])?;
    put(Attr::CollectMetadata, &[0])?;
    put(Attr::Ageing, &config.age_interval.to_ne_bytes())?;
    put(Attr::Limit, &config.limit.to_ne_bytes())?;
    put(Attr::Port, &config.port.to_be_bytes())?;
    put(Attr::UdpCsum, &[config.udp_csum.into()])?;
    put(Attr::UdpZeroCsum6Tx, &[0])?;
    put(Attr::UdpZeroCsum6Rx, &[0])?;
    put(Attr::RemcsumTx, &[0])?;
    put(Attr::RemcsumRx, &[0])?;
    put(Attr::LocalBypass, &[config.local_bypass.into()])?;
    put(Attr::PortRange, &[low0, low1, high0, high1])?;
    put(Attr::ReservedBits, &config.reserved.octets())
}
