// SPDX-License-Identifier: GPL-2.0

//! The rules between attributes, for new devices and for changes (`vxlan_nl2conf`,
//! `vxlan_config_validate`).

#![forbid(unsafe_code)]

use super::{
    attr::{
        Attr,
        Errno,
        Invalid,
        LinkAttr, //
    },
    request::Request,
    Config,
    Env,
    Flags,
    LabelPolicy, //
};
use crate::wire::{
    ip::{
        Addr,
        Family, //
    },
    vxlan::Bits, //
};

/// Seconds after which a learned entry ages out unless configured, `FDB_AGE_DEFAULT`.
const DEFAULT_AGE_INTERVAL: u32 = 300;

/// The destination port of a device with the generic protocol extension, `IANA_VXLAN_GPE_UDP_PORT`.
const GPE_PORT: u16 = 4790;

/// The bits of an IPv6 flow label in `IFLA_VXLAN_LABEL`, `IPV6_FLOWLABEL_MASK`.
const LABEL_MASK: u32 = 0x000f_ffff;

impl Config {
    /// Makes the configuration of a new device. The request has passed [`super::validate`]. Whether
    /// the VNI is free is for the caller to ask afterwards.
    pub(crate) fn build(request: &Request, env: &Env) -> Result<Self, Invalid> {
        let vni = request.vni()?;
        request.refuse_unsupported()?;
        let reserved = request.reserved()?;
        let flags = request.flags();
        if flags.has(Flags::VNIFILTER) && !flags.has(Flags::COLLECT_METADATA) {
            return Err(Invalid::attr(
                Attr::VniFilter,
                Errno::Inval,
                "vxlan vnifilter only valid in collect metadata mode",
            ));
        }
        let (remote, local) = (request.remote(), request.local());
        let family = remote.or(local).map_or(Family::V4, |addr| addr.family());
        Self {
            vni,
            remote: remote.unwrap_or(family.any()),
            local: local.unwrap_or(family.any()),
            ifindex: request.link.unwrap_or(0),
            port: request.port.unwrap_or(0),
            source_ports: request.port_range.unwrap_or_default(),
            ttl: request.ttl.unwrap_or(0),
            tos: request.tos.unwrap_or(0),
            label: request.label.unwrap_or(0) & LABEL_MASK,
            label_policy: request.label_policy().unwrap_or_default(),
            df: request.df().unwrap_or_default(),
            flags,
            age_interval: request.ageing.unwrap_or(0),
            limit: request.limit.unwrap_or(0),
            reserved,
        }
        .validated(request, env)
    }

    /// Makes the configuration that a change leads to. The request has passed [`super::validate`];
    /// `mtu` is `IFLA_MTU`.
    pub(crate) fn change(
        &self,
        request: &Request,
        mtu: Option<u32>,
        env: &Env,
    ) -> Result<Self, Invalid> {
        self.refuse_fixed(request, mtu)?;
        let on = |flag: Option<bool>, flags: Flags, which| match flag {
            Some(on) => flags.set(which, on),
            None => flags,
        };
        let flags = on(request.learning, self.flags, Flags::LEARN);
        let flags = on(request.localbypass, flags, Flags::LOCALBYPASS);
        let flags = on(request.mc_route, flags, Flags::MC_ROUTE);
        let new = Self {
            remote: request.remote().unwrap_or(self.remote),
            local: request.local().unwrap_or(self.local),
            ifindex: request.link.unwrap_or(self.ifindex),
            ttl: request.ttl.unwrap_or(self.ttl),
            tos: request.tos.unwrap_or(self.tos),
            label: request.label.map_or(self.label, |label| label & LABEL_MASK),
            label_policy: request.label_policy().unwrap_or(self.label_policy),
            df: request.df().unwrap_or(self.df),
            age_interval: request.ageing.unwrap_or(self.age_interval),
            flags,
            // The stock driver works the bits out from each request anew, and a change cannot ask for
            // an extension: it ends up with the bits of a device that has none.
            reserved: Bits::BASE.complement(),
            ..self.clone()
        }
        .validated(request, env)?;
        // A device is not taken off the lower one by a change: 0 keeps it.
        let ifindex = match new.ifindex {
            0 => self.ifindex,
            ifindex => ifindex,
        };
        Ok(Self { ifindex, ..new })
    }

    /// Refuses the change of what is fixed when a device is made, in the order of `vxlan_nl2conf`.
    fn refuse_fixed(&self, request: &Request, mtu: Option<u32>) -> Result<(), Invalid> {
        let refuse = |attr, msg| Err(Invalid::attr(attr, Errno::OpNotSupp, msg));
        if request.id.is_some_and(|id| id != self.vni.get()) {
            return refuse(Attr::Id, "Cannot change VNI");
        }
        let other = |addr: Option<Addr>| addr.is_some_and(|addr| addr.family() != self.family());
        if other(request.remote()) {
            let attr = request.remote_attr();
            return refuse(attr, "New group address family does not match old group");
        }
        if other(request.local()) {
            let attr = request.local_attr();
            return refuse(attr, "New local address family does not match old");
        }
        if let Some((_, attr, msg)) = fixed(request).into_iter().find(|(given, ..)| *given) {
            return refuse(attr, msg);
        }
        if mtu.is_some() {
            let errno = Errno::OpNotSupp;
            return Err(Invalid::link(LinkAttr::Mtu, errno, "Cannot change mtu"));
        }
        if request.vnifilter.is_some() {
            return refuse(Attr::VniFilter, "vxlan: cannot change flag");
        }
        Ok(())
    }

    /// Applies the rules between attributes, and fills in what is left open.
    fn validated(mut self, request: &Request, env: &Env) -> Result<Self, Invalid> {
        let refuse = |attr, msg| Err(Invalid::attr(attr, Errno::Inval, msg));
        let gpe = self.flags.has(Flags::GPE);
        if gpe
            && (self.flags.exceeds(Flags::ALLOWED_WITH_GPE)
                || !self.flags.has(Flags::COLLECT_METADATA))
        {
            // A change can only ask for learning.
            let attr = if request.gpe {
                Attr::Gpe
            } else {
                Attr::Learning
            };
            let msg = "VXLAN GPE does not support this combination of attributes";
            return refuse(attr, msg);
        }
        if self.local.family() != self.remote.family() {
            let attr = match self.remote.family() {
                Family::V6 => Attr::Group6,
                Family::V4 => Attr::Local6,
            };
            let msg = "Local and remote address must be from the same family";
            return refuse(attr, msg);
        }
        if self.local.is_multicast() {
            return refuse(request.local_attr(), "Local address cannot be multicast");
        }
        self.flags = self.flags.set(Flags::IPV6, self.family() == Family::V6);
        if self.family() == Family::V6 && !self.flags.has(Flags::COLLECT_METADATA) {
            self.validate_scopes(request)?;
        }
        if self.family() == Family::V4 && self.label != 0 {
            let msg = "Label attribute only applies to IPv6 VXLAN devices";
            return refuse(Attr::Label, msg);
        }
        if self.family() == Family::V4 && self.label_policy != LabelPolicy::Fixed {
            let msg = "Label policy only applies to IPv6 VXLAN devices";
            return refuse(Attr::LabelPolicy, msg);
        }
        self.validate_lower(request, env)?;
        self.port = match (self.port, gpe) {
            (0, true) => GPE_PORT,
            (0, false) => env.default_port,
            (port, _) => port,
        };
        if self.age_interval == 0 {
            self.age_interval = DEFAULT_AGE_INTERVAL;
        }
        Ok(self)
    }

    /// Link-local addresses go with link-local ones. In a change one of the two may be the old one.
    fn validate_scopes(&mut self, request: &Request) -> Result<(), Invalid> {
        let local = self.local.is_link_local_unicast();
        let fits = if local {
            self.remote.is_any() || self.remote.is_link_local()
        } else {
            !self.remote.is_link_local_unicast()
        };
        if !fits {
            let attr = match (request.local(), request.remote()) {
                (Some(_), None) => Attr::Local6,
                (Some(_), _) if local => Attr::Local6,
                _ => Attr::Group6,
            };
            let msg = "Invalid combination of local and remote address scopes";
            return Err(Invalid::attr(attr, Errno::Inval, msg));
        }
        self.flags = self.flags.set(Flags::IPV6_LINKLOCAL, local);
        Ok(())
    }

    fn validate_lower(&self, request: &Request, env: &Env) -> Result<(), Invalid> {
        let refuse = |attr, errno, msg| Err(Invalid::attr(attr, errno, msg));
        if self.ifindex == 0 {
            // A change may ask for no lower device and leave the addresses, which need one.
            if self.remote.is_multicast() {
                let attr = request
                    .remote()
                    .map_or(Attr::Link, |_| request.remote_attr());
                let msg = "Local interface required for multicast remote destination";
                return refuse(attr, Errno::Inval, msg);
            }
            if self.flags.has(Flags::IPV6_LINKLOCAL) {
                let attr = request.local().map_or(Attr::Link, |_| Attr::Local6);
                let msg = "Local interface required for link-local local/remote addresses";
                return refuse(attr, Errno::Inval, msg);
            }
            return Ok(());
        }
        match env.lower {
            None => refuse(
                Attr::Link,
                Errno::NoDev,
                "Invalid local interface, device not found",
            ),
            Some(lower) if lower.ipv6_disabled && self.family() == Family::V6 => refuse(
                Attr::Link,
                Errno::Perm,
                "IPv6 support disabled by administrator",
            ),
            Some(_) => Ok(()),
        }
    }
}

/// Returns whether a request gives what is fixed when a device is made, the attribute, and what it is
/// refused with.
fn fixed(request: &Request) -> [(bool, Attr, &'static str); 18] {
    macro_rules! flag {
        ($given:expr, $attr:ident, $name:literal) => {
            (
                $given,
                Attr::$attr,
                concat!("vxlan: cannot change ", $name, " flag"),
            )
        };
    }
    let r = request;
    [
        flag!(r.ttl_inherit, TtlInherit, "TTL_INHERIT"),
        flag!(r.proxy.is_some(), Proxy, "PROXY"),
        flag!(r.rsc.is_some(), Rsc, "RSC"),
        flag!(r.l2miss.is_some(), L2Miss, "L2MISS"),
        flag!(r.l3miss.is_some(), L3Miss, "L3MISS"),
        (r.limit.is_some(), Attr::Limit, "Cannot change limit"),
        flag!(
            r.collect_metadata.is_some(),
            CollectMetadata,
            "COLLECT_METADATA"
        ),
        (
            r.port_range.is_some(),
            Attr::PortRange,
            "Cannot change port range",
        ),
        (r.port.is_some(), Attr::Port, "Cannot change port"),
        (
            r.udp_csum.is_some(),
            Attr::UdpCsum,
            "Cannot change UDP_CSUM flag",
        ),
        flag!(
            r.udp_zero_csum6_tx.is_some(),
            UdpZeroCsum6Tx,
            "UDP_ZERO_CSUM6_TX"
        ),
        flag!(
            r.udp_zero_csum6_rx.is_some(),
            UdpZeroCsum6Rx,
            "UDP_ZERO_CSUM6_RX"
        ),
        flag!(r.remcsum_tx.is_some(), RemcsumTx, "REMCSUM_TX"),
        flag!(r.remcsum_rx.is_some(), RemcsumRx, "REMCSUM_RX"),
        flag!(r.gbp, Gbp, "GBP"),
        flag!(r.gpe, Gpe, "GPE"),
        (
            r.reserved_bits.is_some(),
            Attr::ReservedBits,
            "Cannot change reserved_bits",
        ),
        flag!(r.remcsum_nopartial, RemcsumNopartial, "REMCSUM_NOPARTIAL"),
    ]
}
