// SPDX-License-Identifier: GPL-2.0

//! What a link request says, and the rules that each attribute is under by itself.

#![forbid(unsafe_code)]

use super::{
    attr::{
        Attr,
        Errno,
        Invalid,
        LinkAttr,
        Message,
        Place, //
    },
    flags::Flags,
    Df,
    LabelPolicy,
    PortRange,
    MAX_MTU,
    MIN_MTU, //
};
use crate::wire::{
    ethernet::MacAddr,
    ip::Addr,
    vxlan::{
        Bits,
        Vni,
        HEADER_LEN, //
    }, //
};

/// The highest value of `IFLA_VXLAN_DF`, `VXLAN_DF_MAX`.
const MAX_DF: u8 = 2;

/// What a request says in `IFLA_INFO_DATA`, typed but not judged. None: the attribute is absent.
/// Attributes without a value (`NLA_FLAG`) are plain `bool`s; multi-octet numbers are in host
/// order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// [`Attr::Id`].
    pub(crate) id: Option<u32>,
    /// [`Attr::Group`].
    pub(crate) group: Option<[u8; 4]>,
    /// [`Attr::Group6`].
    pub(crate) group6: Option<[u8; 16]>,
    /// [`Attr::Link`].
    pub(crate) link: Option<u32>,
    /// [`Attr::Local`].
    pub(crate) local: Option<[u8; 4]>,
    /// [`Attr::Local6`].
    pub(crate) local6: Option<[u8; 16]>,
    /// [`Attr::Ttl`].
    pub(crate) ttl: Option<u8>,
    /// [`Attr::TtlInherit`].
    pub(crate) ttl_inherit: bool,
    /// [`Attr::Tos`].
    pub(crate) tos: Option<u8>,
    /// [`Attr::Label`].
    pub(crate) label: Option<u32>,
    /// [`Attr::LabelPolicy`].
    pub(crate) label_policy: Option<u32>,
    /// [`Attr::Learning`].
    pub(crate) learning: Option<bool>,
    /// [`Attr::Ageing`], seconds.
    pub(crate) ageing: Option<u32>,
    /// [`Attr::Limit`], entries.
    pub(crate) limit: Option<u32>,
    /// [`Attr::PortRange`].
    pub(crate) port_range: Option<PortRange>,
    /// [`Attr::Port`].
    pub(crate) port: Option<u16>,
    /// [`Attr::Proxy`].
    pub(crate) proxy: Option<bool>,
    /// [`Attr::Rsc`].
    pub(crate) rsc: Option<bool>,
    /// [`Attr::L2Miss`].
    pub(crate) l2miss: Option<bool>,
    /// [`Attr::L3Miss`].
    pub(crate) l3miss: Option<bool>,
    /// [`Attr::CollectMetadata`].
    pub(crate) collect_metadata: Option<bool>,
    /// [`Attr::UdpCsum`].
    pub(crate) udp_csum: Option<bool>,
    /// [`Attr::UdpZeroCsum6Tx`].
    pub(crate) udp_zero_csum6_tx: Option<bool>,
    /// [`Attr::UdpZeroCsum6Rx`].
    pub(crate) udp_zero_csum6_rx: Option<bool>,
    /// [`Attr::RemcsumTx`].
    pub(crate) remcsum_tx: Option<bool>,
    /// [`Attr::RemcsumRx`].
    pub(crate) remcsum_rx: Option<bool>,
    /// [`Attr::RemcsumNopartial`].
    pub(crate) remcsum_nopartial: bool,
    /// [`Attr::Gbp`].
    pub(crate) gbp: bool,
    /// [`Attr::Gpe`].
    pub(crate) gpe: bool,
    /// [`Attr::Df`].
    pub(crate) df: Option<u8>,
    /// [`Attr::VniFilter`].
    pub(crate) vnifilter: Option<bool>,
    /// [`Attr::LocalBypass`].
    pub(crate) localbypass: Option<bool>,
    /// [`Attr::ReservedBits`].
    pub(crate) reserved_bits: Option<[u8; HEADER_LEN]>,
    /// [`Attr::McRoute`].
    pub(crate) mc_route: Option<bool>,
}

/// Judges a request before anything is made: the `validate` operation of the link kind, for
/// creation and change alike. `address` is `IFLA_ADDRESS` as it came, `mtu` is `IFLA_MTU`.
pub(crate) fn validate(
    address: Option<&[u8]>,
    mtu: Option<u32>,
    request: Option<&Request>,
) -> Result<(), Invalid> {
    if let Some(octets) = address {
        validate_address(octets)?;
    }
    if let Some(mtu) = mtu {
        if !(MIN_MTU..=MAX_MTU).contains(&mtu) {
            return Err(Invalid::link(
                LinkAttr::Mtu,
                Errno::Inval,
                "MTU must be between 68 and 65535",
            ));
        }
    }
    let Some(request) = request else {
        return Err(Invalid {
            place: Place::Request,
            msg: Message::Text("Required attributes not provided to perform the operation"),
            errno: Errno::Inval,
        });
    };
    request.vni()?;
    if let Some(range) = request.port_range {
        if range.high < range.low {
            return Err(Invalid::attr(
                Attr::PortRange,
                Errno::Inval,
                "Invalid source port range",
            ));
        }
    }
    match request.df {
        Some(df) if df > MAX_DF => Err(Invalid::attr(
            Attr::Df,
            Errno::Inval,
            "Invalid DF attribute",
        )),
        _ => Ok(()),
    }
}

fn validate_address(octets: &[u8]) -> Result<(), Invalid> {
    match MacAddr::from_slice(octets) {
        None => Err(Invalid::link(
            LinkAttr::Address,
            Errno::Inval,
            "Provided link layer address is not Ethernet",
        )),
        Some(address) if !address.is_valid() => Err(Invalid::link(
            LinkAttr::Address,
            Errno::AddrNotAvail,
            "Provided Ethernet address is not unicast",
        )),
        Some(_) => Ok(()),
    }
}

impl Request {
    /// Returns the VNI, zero unless given.
    pub(super) fn vni(&self) -> Result<Vni, Invalid> {
        match self.id {
            None => Ok(Vni::ZERO),
            Some(id) => Vni::new(id).ok_or(Invalid::attr(
                Attr::Id,
                Errno::Range,
                "VXLAN ID must be lower than 16777216",
            )),
        }
    }

    /// Refuses what the driver cannot do yet. An attribute that leaves a function off passes.
    pub(super) fn refuse_unsupported(&self) -> Result<(), Invalid> {
        if self.vnifilter == Some(true) && self.collect_metadata == Some(true) {
            return Err(Invalid::attr(
                Attr::VniFilter,
                Errno::OpNotSupp,
                "vxlan: a table of VNIs (vnifilter) is not supported by this driver yet",
            ));
        }
        Ok(())
    }

    /// Returns the options of a new device.
    pub(super) fn flags(&self) -> Flags {
        let on = |flag: Option<bool>| flag.unwrap_or(false);
        [
            (Flags::TTL_INHERIT, self.ttl_inherit),
            (Flags::LEARN, self.learning.unwrap_or(true)),
            (Flags::PROXY, on(self.proxy)),
            (Flags::RSC, on(self.rsc)),
            (Flags::L2MISS, on(self.l2miss)),
            (Flags::L3MISS, on(self.l3miss)),
            (Flags::COLLECT_METADATA, on(self.collect_metadata)),
            (Flags::UDP_ZERO_CSUM_TX, self.udp_csum == Some(false)),
            (Flags::LOCALBYPASS, self.localbypass.unwrap_or(true)),
            (Flags::UDP_ZERO_CSUM6_TX, on(self.udp_zero_csum6_tx)),
            (Flags::UDP_ZERO_CSUM6_RX, on(self.udp_zero_csum6_rx)),
            (Flags::REMCSUM_TX, on(self.remcsum_tx)),
            (Flags::REMCSUM_RX, on(self.remcsum_rx)),
            (Flags::GBP, self.gbp),
            (Flags::GPE, self.gpe),
            (Flags::REMCSUM_NOPARTIAL, self.remcsum_nopartial),
            (Flags::MC_ROUTE, on(self.mc_route)),
            (Flags::VNIFILTER, on(self.vnifilter)),
        ]
        .into_iter()
        .fold(Flags::NONE, |flags, (flag, on)| flags.set(flag, on))
    }

    /// Returns the address of the group or remote. An IPv4 attribute hides the IPv6 one beside it.
    pub(super) fn remote(&self) -> Option<Addr> {
        self.group
            .map(Addr::V4)
            .or_else(|| self.group6.map(Addr::V6))
    }

    /// Returns the attribute that [`Request::remote`] comes from, if from any.
    pub(super) fn remote_attr(&self) -> Attr {
        if self.group.is_some() {
            Attr::Group
        } else {
            Attr::Group6
        }
    }

    /// Returns the source address. An IPv4 attribute hides the IPv6 one beside it.
    pub(super) fn local(&self) -> Option<Addr> {
        self.local
            .map(Addr::V4)
            .or_else(|| self.local6.map(Addr::V6))
    }

    /// Returns the attribute that [`Request::local`] comes from, if from any.
    pub(super) fn local_attr(&self) -> Attr {
        if self.local.is_some() {
            Attr::Local
        } else {
            Attr::Local6
        }
    }

    /// Returns where the flow label comes from. The policy of the kind has checked the number.
    pub(super) fn label_policy(&self) -> Option<LabelPolicy> {
        self.label_policy.map(|policy| match policy {
            0 => LabelPolicy::Fixed,
            _ => LabelPolicy::Inherit,
        })
    }

    /// Returns when the don't-fragment flag is set. [`validate`] has checked the number.
    pub(super) fn df(&self) -> Option<Df> {
        self.df.map(|df| match df {
            0 => Df::Unset,
            1 => Df::Set,
            _ => Df::Inherit,
        })
    }

    /// Returns the header bits that make a packet malformed.
    pub(super) fn reserved(&self) -> Result<Bits, Invalid> {
        let used = [
            // The stock driver looks at the presence, not at the value.
            (self.remcsum_rx.is_some(), Bits::REMOTE_CHECKSUM),
            (self.gbp, Bits::GROUP_POLICY),
            (self.gpe, Bits::GENERIC_PROTOCOL),
        ]
        .into_iter()
        .filter(|(asked, _)| *asked)
        .fold(Bits::BASE, |used, (_, bits)| used.union(bits));
        let Some(octets) = self.reserved_bits else {
            return Ok(used.complement());
        };
        let reserved = Bits::from_octets(octets);
        if reserved.intersects(used) {
            return Err(Invalid {
                place: Place::Vxlan(Attr::ReservedBits),
                msg: Message::Overlap(used, reserved),
                errno: Errno::Inval,
            });
        }
        Ok(reserved)
    }
}
