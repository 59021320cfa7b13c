// SPDX-License-Identifier: GPL-2.0

//! The configuration of a device: from what a netlink request says to what the data path uses.
//!
//! Pure code: `core` and [`crate::wire`] alone, so that every rule is tested on the host. The
//! rules, their order and their error numbers are those of `vxlan_validate`, `vxlan_nl2conf` and
//! `vxlan_config_validate` in Linux 7.3, as scripts depend on them. Attributes that ask for a
//! function the driver has not are refused; those that ask for nothing (iproute2 sends several) are
//! taken.

#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod attr;
mod flags;
mod request;
mod rules;
mod sizes;

pub(crate) use self::{
    attr::{
        Attr,
        Errno,
        Invalid,
        LinkAttr,
        Message,
        Place, //
    },
    flags::Flags,
    request::{
        validate,
        Request, //
    },
    sizes::{
        largest_mtu,
        Sizes, //
    }, //
};

use crate::wire::{
    ethernet::ethertype,
    ip::{
        Addr,
        Family,
        Summary, //
    },
    vxlan::{
        Bits,
        Vni, //
    }, //
};

/// The lowest MTU of a device, `ETH_MIN_MTU`.
const MIN_MTU: u32 = 68;

/// The highest MTU of a device, `ETH_MAX_MTU`.
const MAX_MTU: u32 = 65535;

/// The value of `IFLA_VXLAN_TOS` that means "take it from the inner header".
const TOS_INHERIT: u8 = 1;

/// UDP source ports to choose from, in host order, both ends included.
///
/// As `udp_flow_src_port` has it, a range with `low >= high` (0 and 0 unless configured) stands for
/// the namespace's local port range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortRange {
    /// The first port.
    pub(crate) low: u16,
    /// The last port.
    pub(crate) high: u16,
}

/// What the rules need of a lower device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lower {
    /// `net_device::mtu`.
    pub(crate) mtu: u32,
    /// `net_device::hard_header_len`.
    pub(crate) hard_header_len: u16,
    /// `net_device::needed_headroom`.
    pub(crate) needed_headroom: u16,
    /// The administrator has turned IPv6 off on it.
    pub(crate) ipv6_disabled: bool,
}

/// Where the flow label of an outer IPv6 packet comes from, `IFLA_VXLAN_LABEL_POLICY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum LabelPolicy {
    /// It is the configured one.
    #[default]
    Fixed = 0,
    /// It is that of the inner packet, 0 unless that is IPv6.
    Inherit = 1,
}

/// When the don't-fragment flag of an outer IPv4 packet is set, `IFLA_VXLAN_DF`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Df {
    /// Never.
    #[default]
    Unset = 0,
    /// Always.
    Set = 1,
    /// If the inner packet must not be fragmented: it is IPv6, or IPv4 with the flag.
    Inherit = 2,
}

/// What the rules need of the world outside the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Env {
    /// The module parameter `udp_port`, in host order.
    pub(crate) default_port: u16,
    /// The device that [`Request::link`], or the configuration before a change, names, if there is one
    /// in the link namespace.
    pub(crate) lower: Option<Lower>,
}

/// A device's configuration. A value is never changed in place: the data path holds a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// The network.
    pub(crate) vni: Vni,
    /// Where the default entry sends to, [`Addr::is_any`] if there is none.
    pub(crate) remote: Addr,
    /// The source address, [`Addr::is_any`] if the route chooses. Of the family of `remote`.
    pub(crate) local: Addr,
    /// Index of the lower device in the link namespace, 0 for none.
    pub(crate) ifindex: u32,
    /// Destination port, in host order. 0 only by the module parameter `udp_port`: any free port.
    pub(crate) port: u16,
    /// Source ports.
    pub(crate) source_ports: PortRange,
    /// Outer TTL as configured; see [`Config::outer_ttl`].
    pub(crate) ttl: u8,
    /// Outer TOS as configured; see [`Config::outer_tos`].
    pub(crate) tos: u8,
    /// The flow label of outer IPv6 packets, 20 bits.
    pub(crate) label: u32,
    /// Whether that label is used.
    pub(crate) label_policy: LabelPolicy,
    /// When outer IPv4 packets must not be fragmented.
    pub(crate) df: Df,
    /// What is on and off.
    pub(crate) flags: Flags,
    /// Seconds until a learned entry ages out, never 0.
    pub(crate) age_interval: u32,
    /// Most entries of the table, learned or added, 0 for no limit.
    pub(crate) limit: u32,
    /// Header bits that make a received packet malformed.
    pub(crate) reserved: Bits,
}

impl Config {
    /// Returns the family of the configured addresses. In metadata mode packets of both are carried.
    #[inline]
    pub(crate) const fn family(&self) -> Family {
        self.local.family()
    }

    /// Returns whether entries are learned from received packets.
    #[inline]
    pub(crate) const fn learning(&self) -> bool {
        self.flags.has(Flags::LEARN)
    }

    /// Returns the VNI whose stations are looked up for a packet of `vni`: in metadata mode the device
    /// has a table for each, else one for its own.
    #[inline]
    pub(crate) const fn table(&self, vni: u32) -> u32 {
        if self.flags.has(Flags::COLLECT_METADATA) {
            vni
        } else {
            self.vni.get()
        }
    }

    /// Returns the device that a packet must have come by for this device to receive it, 0 for any:
    /// link-local addresses are unique on a link only.
    pub(crate) const fn scope(&self) -> u32 {
        if self.flags.has(Flags::IPV6_LINKLOCAL) {
            self.ifindex
        } else {
            0
        }
    }

    /// Returns whether the device has a socket of `family`.
    pub(crate) fn uses(&self, family: Family) -> bool {
        self.flags.has(Flags::COLLECT_METADATA) || self.family() == family
    }

    /// Returns whether outer packets of `family` carry a UDP checksum.
    #[inline]
    pub(crate) const fn udp_checksum(&self, family: Family) -> bool {
        match family {
            Family::V4 => !self.flags.has(Flags::UDP_ZERO_CSUM_TX),
            Family::V6 => !self.flags.has(Flags::UDP_ZERO_CSUM6_TX),
        }
    }

    /// Returns the octets that encapsulation over `family` puts in front of the inner payload: the
    /// outer IP, UDP and VXLAN headers, and the inner Ethernet header if there is one
    /// (`vxlan_headroom`).
    #[inline]
    pub(crate) const fn headroom(&self, family: Family) -> u16 {
        let ethernet: u16 = if self.flags.has(Flags::GPE) { 0 } else { 14 };
        family
            .header_len()
            .saturating_add(16)
            .saturating_add(ethernet)
    }

    /// Returns the TTL of an outer packet to `remote`; `inner` finds the fields of the inner IP header,
    /// as in all functions below. 0 stands for the hop limit of the route.
    #[inline]
    pub(crate) fn outer_ttl(&self, inner: impl FnOnce() -> Summary, remote: Addr) -> u8 {
        if self.flags.has(Flags::TTL_INHERIT) {
            inner().ttl
        } else if self.ttl == 0 && remote.is_multicast() {
            1
        } else {
            self.ttl
        }
    }

    /// Returns the TOS that the route of an outer packet is looked up with; `inner` is the DS field
    /// of the inner IP header, 0 if there is none. The packet itself gets
    /// [`crate::wire::ecn::encapsulate`] of the two. Unless 0, the route cache is not used.
    #[inline]
    pub(crate) const fn outer_tos(&self, inner: u8) -> u8 {
        if self.tos == TOS_INHERIT {
            inner
        } else {
            self.tos
        }
    }

    /// Returns the flow label of an outer IPv6 packet.
    #[inline]
    pub(crate) fn outer_label(&self, inner: impl FnOnce() -> Summary) -> u32 {
        match self.label_policy {
            LabelPolicy::Fixed => self.label,
            LabelPolicy::Inherit => inner().flow_label,
        }
    }

    /// Returns whether an outer IPv4 packet must not be fragmented; `frame` finds the ethertype in the
    /// inner frame's header and what follows it, read as that.
    #[inline]
    pub(crate) fn outer_df(&self, frame: impl FnOnce() -> (u16, Summary)) -> bool {
        match self.df {
            Df::Unset => false,
            Df::Set => true,
            Df::Inherit => match frame() {
                (ethertype::IPV6, _) => true,
                (ethertype::IPV4, inner) => inner.dont_fragment,
                _ => false,
            },
        }
    }
}
