// SPDX-License-Identifier: GPL-2.0

//! What is true of every device, however it was made, and of every refusal.

use super::request::gives;
use crate::config::{
    Attr,
    Config,
    Df,
    Env,
    Errno,
    Flags,
    Invalid,
    LabelPolicy,
    Message,
    Place,
    Request, //
};
use crate::wire::{
    ip::{
        Addr,
        Family,
        Summary, //
    },
    vxlan::Bits, //
};
use std::net::Ipv6Addr;

/// Asserts the invariants of a configuration that was accepted in `env`, where its lower device was
/// looked for, or was not.
pub(super) fn assert_sound(config: &Config, env: &Env, looked: bool) {
    assert!(config.vni.get() < 1 << 24);
    assert_eq!(config.local.family(), config.remote.family());
    assert!(!config.local.is_multicast());
    assert!(config.label < 1 << 20);
    assert_ne!(config.age_interval, 0);
    assert!(config.port != 0 || env.default_port == 0);

    let v6 = config.family() == Family::V6;
    assert_eq!(config.flags.has(Flags::IPV6), v6);
    if !v6 {
        assert_eq!((config.label, config.label_policy), (0, LabelPolicy::Fixed));
    }
    let metadata = config.flags.has(Flags::COLLECT_METADATA);
    let on_link = matches!(config.local, Addr::V6(o) if Ipv6Addr::from(o).is_unicast_link_local());
    assert_eq!(
        config.flags.has(Flags::IPV6_LINKLOCAL),
        on_link && !metadata
    );
    if !metadata && v6 && !config.remote.is_any() && !config.remote.is_multicast() {
        let remote = config.remote.is_link_local_unicast();
        assert_eq!(remote, on_link, "addresses of different scopes");
    }

    if config.ifindex == 0 {
        assert!(!config.remote.is_multicast() && config.scope() == 0);
        assert!(!config.flags.has(Flags::IPV6_LINKLOCAL));
    } else if looked {
        let lower = env.lower.expect("a lower device");
        assert!(!(v6 && lower.ipv6_disabled));
    }
    if config.flags.has(Flags::GPE) {
        assert!(metadata && !config.flags.exceeds(Flags::ALLOWED_WITH_GPE));
    }
    assert!(!config.flags.has(Flags::VNIFILTER), "not yet");
    assert!(!config.reserved.intersects(Bits::BASE));
    let scoped = config.flags.has(Flags::IPV6_LINKLOCAL);
    assert_eq!(config.scope(), if scoped { config.ifindex } else { 0 });
    assert_eq!(config.learning(), config.flags.bits() & 1 != 0);
    assert!(config.uses(config.family()));
    assert_eq!(config.uses(Family::V4) && config.uses(Family::V6), metadata);
    assert_eq!(config.table(7), if metadata { 7 } else { config.vni.get() });
}

/// Asserts that a refusal of `request` says what is wrong, by an attribute that the request has.
pub(super) fn assert_explained(refusal: &Invalid, request: &Request) {
    let text = match refusal.msg {
        Message::Text(text) => text.to_string(),
        Message::Overlap(used, reserved) => {
            let number = |bits: Bits| u64::from_be_bytes(bits.octets());
            let text = String::from_utf8(Message::overlap(used, reserved).into()).unwrap();
            let (used, reserved) = (number(used), number(reserved));
            assert_ne!(used & reserved, 0);
            let expected =
                format!("Used bits {used:#018x} cannot overlap reserved bits {reserved:#018x}");
            assert_eq!(text, expected);
            text
        }
    };
    assert!(text.len() > 10, "{text}");
    if let Place::Vxlan(attr) = refusal.place {
        assert!(
            gives(request, attr),
            "{attr:?} is not in the request: {text}"
        );
    }
}

/// Asserts what the outer header takes over from the inner one.
pub(super) fn assert_outer(config: &Config, inner: Summary, remote: Addr) {
    let inherit = config.flags.has(Flags::TTL_INHERIT);
    let ttl = match (inherit, config.ttl) {
        (true, _) => inner.ttl,
        (false, 0) if remote.is_multicast() => 1,
        (false, ttl) => ttl,
    };
    assert_eq!(config.outer_ttl(|| inner, remote), ttl);
    let tos = if config.tos == 1 {
        inner.dsfield
    } else {
        config.tos
    };
    assert_eq!(config.outer_tos(inner.dsfield), tos);
    let label = config.outer_label(|| inner);
    assert!(label == config.label || label == inner.flow_label);
    assert!(label < 1 << 20);
    for (protocol, inherited) in [
        (0x86dd, true),
        (0x0800, inner.dont_fragment),
        (0x0806, false),
    ] {
        let df = config.df == Df::Set || (config.df == Df::Inherit && inherited);
        assert_eq!(config.outer_df(|| (protocol, inner)), df);
    }
    for (family, ip, checksum) in [
        (Family::V4, 20, Flags::UDP_ZERO_CSUM_TX),
        (Family::V6, 40, Flags::UDP_ZERO_CSUM6_TX),
    ] {
        let ethernet = if config.flags.has(Flags::GPE) { 0 } else { 14 };
        assert_eq!(config.headroom(family), ip + 8 + 8 + ethernet);
        assert_eq!(config.udp_checksum(family), !config.flags.has(checksum));
    }
}

/// What stock's `vxlan_validate` refuses of a request.
pub(super) fn expected_validate(
    address: Option<&[u8]>,
    mtu: Option<u32>,
    request: Option<&Request>,
) -> Option<Errno> {
    if let Some(octets) = address {
        if octets.len() != 6 {
            return Some(Errno::Inval);
        }
        if octets[0] % 2 == 1 || octets.iter().all(|octet| *octet == 0) {
            return Some(Errno::AddrNotAvail);
        }
    }
    if mtu.is_some_and(|mtu| !(68..=65535).contains(&mtu)) {
        return Some(Errno::Inval);
    }
    let Some(request) = request else {
        return Some(Errno::Inval);
    };
    if request.id.is_some_and(|id| id > 0xff_ffff) {
        return Some(Errno::Range);
    }
    let range = request
        .port_range
        .is_some_and(|range| range.low > range.high);
    let df = request.df.is_some_and(|df| df > 2);
    (range || df).then_some(Errno::Inval)
}

/// Whether a change gives something that only a new device takes.
pub(super) fn expected_fixed(old: &Config, request: &Request) -> bool {
    let four = old.family() == Family::V4;
    let group = request
        .group
        .map(|_| true)
        .or(request.group6.map(|_| false));
    let local = request
        .local
        .map(|_| true)
        .or(request.local6.map(|_| false));
    let fixed = [
        Attr::TtlInherit,
        Attr::Proxy,
        Attr::Rsc,
        Attr::L2Miss,
        Attr::L3Miss,
        Attr::Limit,
        Attr::CollectMetadata,
        Attr::PortRange,
        Attr::Port,
        Attr::UdpCsum,
        Attr::UdpZeroCsum6Tx,
        Attr::UdpZeroCsum6Rx,
        Attr::RemcsumTx,
        Attr::RemcsumRx,
        Attr::RemcsumNopartial,
        Attr::Gbp,
        Attr::Gpe,
        Attr::ReservedBits,
        Attr::VniFilter,
    ];
    request.id.is_some_and(|id| id != old.vni.get())
        || group.is_some_and(|is_four| is_four != four)
        || local.is_some_and(|is_four| is_four != four)
        || fixed.into_iter().any(|attr| gives(request, attr))
}
