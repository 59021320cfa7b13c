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
mod request;

pub(crate) use self::{
    attr::{
        Attr,
        Errno,
        Invalid,
        LinkAttr,
        Place, //
    },
    request::{
        validate,
        Request, //
    }, //
};

use crate::wire::{
    ip::Addr,
    vxlan::{
        Bits,
        Vni,
        HEADROOM_V4, //
    }, //
};

/// The lowest MTU of a device, `ETH_MIN_MTU`.
pub(crate) const MIN_MTU: u32 = 68;

/// The highest MTU of a device, `ETH_MAX_MTU`.
pub(crate) const MAX_MTU: u32 = 65535;

/// Seconds after which a learned entry ages out unless configured, `FDB_AGE_DEFAULT`.
const DEFAULT_AGE_INTERVAL: u32 = 300;

/// The value of `IFLA_VXLAN_TOS` that means "take it from the inner header".
const TOS_INHERIT: u8 = 1;

/// The bits of an IPv6 flow label in `IFLA_VXLAN_LABEL`, `IPV6_FLOWLABEL_MASK`.
const LABEL_MASK: u32 = 0x000f_ffff;

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
}

/// What the rules need of the world outside the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Env {
    /// The module parameter `udp_port`, in host order.
    pub(crate) default_port: u16,
    /// The device that [`Request::link`] names, if there is one in the link namespace.
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
    /// Destination port, in host order, never 0.
    pub(crate) port: u16,
    /// Source ports.
    pub(crate) source_ports: PortRange,
    /// Outer TTL as configured; see [`Config::outer_ttl`].
    pub(crate) ttl: u8,
    /// The outer TTL is the inner one.
    pub(crate) ttl_inherit: bool,
    /// Outer TOS as configured; see [`Config::outer_tos`].
    pub(crate) tos: u8,
    /// Entries are learned from received packets.
    pub(crate) learning: bool,
    /// Seconds until a learned entry ages out, never 0.
    pub(crate) age_interval: u32,
    /// Most entries of the table, learned or added, 0 for no limit.
    pub(crate) limit: u32,
    /// UDP checksums are sent over IPv4.
    pub(crate) udp_csum: bool,
    /// Packets to a device of the same host are handed over without encapsulation.
    pub(crate) local_bypass: bool,
    /// Header bits that make a received packet malformed.
    pub(crate) reserved: Bits,
}

impl Config {
    /// Makes the configuration of a new device. The request has passed [`validate`]. Whether the
    /// VNI is free is for the caller to ask afterwards.
    pub(crate) fn build(request: &Request, env: &Env) -> Result<Self, Invalid> {
        let vni = request.vni()?;
        request.refuse_unsupported()?;
        let reserved = request.reserved()?;
        if request.vnifilter == Some(true) {
            // Metadata mode, without which there is no filter, has been refused above.
            return Err(Invalid::attr(
                Attr::VniFilter,
                Errno::Inval,
                "vxlan vnifilter only valid in collect metadata mode",
            ));
        }
        let (remote, local) = request.addresses()?;
        let ifindex = request.link.unwrap_or(0);
        Self::validate_combination(request, remote, local, ifindex, env.lower.as_ref())?;
        Ok(Self {
            vni,
            remote,
            local,
            ifindex,
            port: non_zero_or(request.port, env.default_port),
            source_ports: request.port_range.unwrap_or_default(),
            ttl: request.ttl.unwrap_or(0),
            ttl_inherit: request.ttl_inherit,
            tos: request.tos.unwrap_or(0),
            learning: request.learning.unwrap_or(true),
            age_interval: non_zero_or(request.ageing, DEFAULT_AGE_INTERVAL),
            limit: request.limit.unwrap_or(0),
            udp_csum: request.udp_csum.unwrap_or(true),
            local_bypass: request.localbypass.unwrap_or(true),
            reserved,
        })
    }

    /// The rules between attributes, `vxlan_config_validate`.
    fn validate_combination(
        request: &Request,
        remote: Addr,
        local: Addr,
        ifindex: u32,
        lower: Option<&Lower>,
    ) -> Result<(), Invalid> {
        if local.is_multicast() {
            return Err(Invalid::attr(
                Attr::Local,
                Errno::Inval,
                "Local address cannot be multicast",
            ));
        }
        if request.label.unwrap_or(0) & LABEL_MASK != 0 {
            return Err(Invalid::attr(
                Attr::Label,
                Errno::Inval,
                "Label attribute only applies to IPv6 VXLAN devices",
            ));
        }
        if request.label_policy.unwrap_or(0) != 0 {
            return Err(Invalid::attr(
                Attr::LabelPolicy,
                Errno::Inval,
                "Label policy only applies to IPv6 VXLAN devices",
            ));
        }
        if ifindex != 0 && lower.is_none() {
            return Err(Invalid::attr(
                Attr::Link,
                Errno::NoDev,
                "Invalid local interface, device not found",
            ));
        }
        if ifindex == 0 && remote.is_multicast() {
            return Err(Invalid::attr(
                Attr::Group,
                Errno::Inval,
                "Local interface required for multicast remote destination",
            ));
        }
        Ok(())
    }

    /// Returns the octets that encapsulation puts in front of the inner payload.
    pub(crate) const fn headroom(&self) -> u16 {
        match self.local {
            Addr::V4(_) => HEADROOM_V4,
        }
    }

    /// Returns the TTL of an outer packet to `remote`; `inner` is the TTL of the inner IP header, 0
    /// if there is none. 0 stands for the hop limit of the route.
    pub(crate) const fn outer_ttl(&self, inner: u8, remote: Addr) -> u8 {
        if self.ttl_inherit {
            inner
        } else if self.ttl == 0 && remote.is_multicast() {
            1
        } else {
            self.ttl
        }
    }

    /// Returns the TOS that the route of an outer packet is looked up with; `inner` is the DS field
    /// of the inner IP header, 0 if there is none. The packet itself gets
    /// [`crate::wire::ecn::encapsulate`] of the two. Unless 0, the route cache is not used.
    pub(crate) const fn outer_tos(&self, inner: u8) -> u8 {
        if self.tos == TOS_INHERIT {
            inner
        } else {
            self.tos
        }
    }
}

/// Returns the value if there is one that is not zero.
fn non_zero_or<T: Default + PartialEq>(value: Option<T>, default: T) -> T {
    value.filter(|v| *v != T::default()).unwrap_or(default)
}

/// The sizes that a device gets, `vxlan_config_apply`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// `net_device::mtu`.
    pub(crate) mtu: u32,
    /// `net_device::needed_headroom`.
    pub(crate) needed_headroom: u16,
}

impl Sizes {
    /// Computes the sizes of a new device that encapsulates with `headroom` octets.
    ///
    /// `initial` is the MTU before, `requested` is `IFLA_MTU`. A device over a lower one takes all
    /// that fits in the lower MTU unless less is requested; one without keeps what it has.
    pub(crate) fn new(
        initial: u32,
        requested: Option<u32>,
        headroom: u16,
        lower: Option<&Lower>,
    ) -> Self {
        /// The Ethernet header, where no lower device tells its own.
        const LINK_HEADER: u16 = 14;

        let Some(lower) = lower else {
            return Self {
                mtu: requested.unwrap_or(initial).min(MAX_MTU),
                needed_headroom: LINK_HEADER.saturating_add(headroom),
            };
        };
        let fits = largest_mtu(lower.mtu, headroom).max(MIN_MTU);
        Self {
            mtu: requested.unwrap_or(fits).min(fits),
            needed_headroom: lower
                .hard_header_len
                .saturating_add(lower.needed_headroom)
                .saturating_add(headroom),
        }
    }
}

/// Returns the largest MTU that encapsulates into packets of `lower_mtu` octets: the bound of
/// `ndo_change_mtu` (`vxlan_change_mtu`) over a lower device. It may be below [`MIN_MTU`].
pub(crate) const fn largest_mtu(lower_mtu: u32, headroom: u16) -> u32 {
    lower_mtu.saturating_sub(headroom as u32)
}
