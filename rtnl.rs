// SPDX-License-Identifier: GPL-2.0

//! The link kind "vxlan": its attributes, and what is made of them.

#![forbid(unsafe_code)]

use crate::{
    change,
    config::{
        self,
        Attr,
        Config,
        Env,
        Errno,
        Flags,
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
            ChangeLink,
            LinkKind,
            NewLink,
            Rtnl, //
        }, //
    },
    wire::{
        ip::{
            Addr,
            Family, //
        },
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
    match invalid.msg {
        config::Message::Text(text) => ack.attr(attr, text),
        config::Message::Overlap(used, reserved) => {
            let octets = config::Message::overlap(used, reserved);
            ack.attr(attr, core::str::from_utf8(&octets).unwrap_or_default());
        }
    }
    match invalid.errno {
        Errno::AddrNotAvail => EADDRNOTAVAIL,
        Errno::Inval => EINVAL,
        Errno::NoDev => ENODEV,
        Errno::OpNotSupp => EOPNOTSUPP,
        Errno::Perm => EPERM,
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
            lower: lower.map(|lower| device::rules_of(lower, rtnl)),
        };
        let config = Config::build(&request, &env)
            .map_err(|invalid| refuse(invalid, &new.link, Some(&data), ack))?;
        let mtu = new.link.get(IFLA_MTU).and_then(|attr| attr.u32());
        device::create(dev, config, mtu, new.net, rtnl, ack)
    }

    fn change_link(
        dev: &NetDev<Device>,
        change: &ChangeLink<'_>,
        rtnl: &Rtnl<'_>,
        ack: &ExtAck<'_>,
    ) -> Result {
        let data = change.data.ok_or(EINVAL)?;
        let request = request(&data);
        let old = dev.config_copy();
        let ifindex = request.link.unwrap_or(old.ifindex);
        let lower = change.net.device(ifindex, rtnl);
        let env = Env {
            default_port: params::udp_port(),
            lower: lower.map(|lower| device::rules_of(lower, rtnl)),
        };
        let mtu = change.link.get(IFLA_MTU).and_then(|attr| attr.u32());
        let new = old
            .change(&request, mtu, &env)
            .map_err(|invalid| refuse(invalid, &change.link, Some(&data), ack))?;
        change::change(dev, &old, &new, change.net, rtnl, ack)
    }

    fn info_size() -> usize {
        const NUMBERS: usize = 8;
        const OCTETS: usize = 20;
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

/// Writes a configuration, in the order of `vxlan_fill_info`.
fn put_config(message: &mut Message<'_>, config: &Config) -> Result {
    put_addresses(message, config)?;
    let has = |flag| [u8::from(config.flags.has(flag))];
    let mut put = |attr: Attr, payload: &[u8]| message.put(attr as u16, payload);
    put(Attr::Ttl, &[config.ttl])?;
    put(Attr::TtlInherit, &has(Flags::TTL_INHERIT))?;
    put(Attr::Tos, &[config.tos])?;
    put(Attr::Df, &[config.df as u8])?;
    put(Attr::Label, &config.label.to_be_bytes())?;
    let policy = u32::from(config.label_policy as u8);
    put(Attr::LabelPolicy, &policy.to_ne_bytes())?;
    put(Attr::Learning, &has(Flags::LEARN))?;
    put(Attr::Proxy, &has(Flags::PROXY))?;
    put(Attr::Rsc, &has(Flags::RSC))?;
    put(Attr::L2Miss, &has(Flags::L2MISS))?;
    put(Attr::L3Miss, &has(Flags::L3MISS))?;
    put(Attr::CollectMetadata, &has(Flags::COLLECT_METADATA))?;
    put(Attr::Ageing, &config.age_interval.to_ne_bytes())?;
    put(Attr::Limit, &config.limit.to_ne_bytes())?;
    put(Attr::Port, &config.port.to_be_bytes())?;
    put(Attr::UdpCsum, &[config.udp_checksum(Family::V4).into()])?;
    put(Attr::UdpZeroCsum6Tx, &has(Flags::UDP_ZERO_CSUM6_TX))?;
    put(Attr::UdpZeroCsum6Rx, &has(Flags::UDP_ZERO_CSUM6_RX))?;
    put(Attr::RemcsumTx, &has(Flags::REMCSUM_TX))?;
    put(Attr::RemcsumRx, &has(Flags::REMCSUM_RX))?;
    put(Attr::LocalBypass, &has(Flags::LOCALBYPASS))?;
    let PortRange { low, high } = config.source_ports;
    let ([low0, low1], [high0, high1]) = (low.to_be_bytes(), high.to_be_bytes());
    put(Attr::PortRange, &[low0, low1, high0, high1])?;
    for (flag, attr) in [
        (Flags::GBP, Attr::Gbp),
        (Flags::GPE, Attr::Gpe),
        (Flags::REMCSUM_NOPARTIAL, Attr::RemcsumNopartial),
    ] {
        if config.flags.has(flag) {
            put(attr, &[])?;
        }
    }
    if config.flags.has(Flags::VNIFILTER) {
        put(Attr::VniFilter, &[1])?;
    }
    put(Attr::ReservedBits, &config.reserved.octets())
}

/// Writes where a device sends to, and from where.
fn put_addresses(message: &mut Message<'_>, config: &Config) -> Result {
    let mut put = |attr: Attr, payload: &[u8]| message.put(attr as u16, payload);
    put(Attr::Id, &config.vni.get().to_ne_bytes())?;
    match config.remote {
        addr if addr.is_any() => {}
        Addr::V4(octets) => put(Attr::Group, &octets)?,
        Addr::V6(octets) => put(Attr::Group6, &octets)?,
    }
    if config.ifindex != 0 {
        put(Attr::Link, &config.ifindex.to_ne_bytes())?;
    }
    match config.local {
        addr if addr.is_any() => Ok(()),
        Addr::V4(octets) => put(Attr::Local, &octets),
        Addr::V6(octets) => put(Attr::Local6, &octets),
    }
}
