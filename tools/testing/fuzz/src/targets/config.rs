// SPDX-License-Identifier: GPL-2.0

//! A new device: the judgement of its request, and what the data path gets.

use super::{
    device,
    input::Input,
    request, //
};
use crate::config::{
    validate,
    Config,
    Df,
    Env,
    Errno,
    Flags,
    Request, //
};
use crate::wire::{
    ip::{
        Addr,
        Summary, //
    },
    vxlan::Bits, //
};

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let (request, env) = (request::request(&mut input), request::env(&mut input));
    let kind = input.u8();
    let (octets, mtu): ([u8; 8], _) = (input.array(), input.u32() >> (input.u8() % 32));
    let address = (kind & 1 != 0).then_some(&octets[..if kind & 2 != 0 { 6 } else { 8 }]);
    let mtu = (kind & 4 != 0).then_some(mtu);
    let given = (kind & 8 == 0).then_some(&request);
    let judged = validate(address, mtu, given);
    let expected = device::expected_validate(address, mtu, given);
    assert_eq!(judged.err().map(|refusal| refusal.errno), expected);
    if let Err(refusal) = judged {
        device::assert_explained(&refusal, &request);
    }
    if validate(None, None, Some(&request)).is_err() {
        return;
    }

    let built = Config::build(&request, &env);
    let errno = built.as_ref().err().map(|refusal| refusal.errno);
    assert_eq!(errno, expected_build(&request, &env));
    match built {
        Err(refusal) => device::assert_explained(&refusal, &request),
        Ok(config) => {
            device::assert_sound(&config, &env, true);
            arrived(&config, &request, &env);
            let protocol = if input.bool() { 0x0800 } else { 0x86dd };
            let inner = Summary::parse(protocol, input.array()).expect("IP");
            outer(&config, inner);
        }
    }
}

/// With each setting that decides about an outer header: like the pairs of ECN they are no branches.
fn outer(config: &Config, inner: Summary) {
    for df in [Df::Unset, Df::Set, Df::Inherit] {
        for inherit in [false, true] {
            let config = Config {
                df,
                tos: if inherit { 1 } else { config.tos },
                flags: config.flags.set(Flags::TTL_INHERIT, inherit),
                ..config.clone()
            };
            device::assert_outer(&config, inner, config.remote);
            device::assert_outer(&config, Summary::NOT_IP, Addr::V4([239, 0, 0, 1]));
        }
    }
}

fn on(flag: Option<bool>) -> bool {
    flag == Some(true)
}

/// The rules of stock's `vxlan_nl2conf` and `vxlan_config_validate` in their order, on attributes
/// alone.
fn expected_build(r: &Request, env: &Env) -> Option<Errno> {
    let metadata = on(r.collect_metadata);
    if on(r.vnifilter) && metadata {
        return Some(Errno::OpNotSupp);
    }
    let used = u64::from_be_bytes(used_bits(r));
    let overlap = r
        .reserved_bits
        .is_some_and(|bits| u64::from_be_bytes(bits) & used != 0);
    let with_gpe = [
        r.proxy,
        r.rsc,
        r.l2miss,
        r.l3miss,
        r.remcsum_tx,
        r.remcsum_rx,
    ];
    let beside_gpe = with_gpe.into_iter().any(on)
        || (r.learning != Some(false) || r.gbp || r.ttl_inherit || r.remcsum_nopartial)
        || !metadata;
    if overlap || on(r.vnifilter) || (r.gpe && beside_gpe) {
        return Some(Errno::Inval);
    }
    let remote = r.group.map(Addr::V4).or(r.group6.map(Addr::V6));
    let local = r.local.map(Addr::V4).or(r.local6.map(Addr::V6));
    let is_six = |addr: Option<Addr>| matches!(addr, Some(Addr::V6(_)));
    let mixed = remote.is_some() && local.is_some() && is_six(remote) != is_six(local);
    let six = is_six(remote) || is_six(local);
    let group = |addr: Option<Addr>| addr.is_some_and(Addr::is_multicast);
    let unicast = |addr: Option<Addr>| addr.is_some_and(Addr::is_link_local_unicast);
    let on_link = unicast(local);
    let remote_fits = match remote {
        None => true,
        Some(addr) if on_link => addr.is_any() || addr.is_link_local(),
        Some(addr) => !addr.is_link_local_unicast(),
    };
    let label = r.label.unwrap_or(0) % (1 << 20) != 0 || r.label_policy == Some(1);
    if mixed || group(local) || (six && !metadata && !remote_fits) || (label && !six) {
        return Some(Errno::Inval);
    }
    match (r.link.unwrap_or(0), env.lower) {
        (0, _) => (group(remote) || (on_link && !metadata)).then_some(Errno::Inval),
        (_, None) => Some(Errno::NoDev),
        (_, Some(lower)) => (six && lower.ipv6_disabled).then_some(Errno::Perm),
    }
}

/// The header bits that a device uses, by the extensions that are asked for.
fn used_bits(r: &Request) -> [u8; 8] {
    let mut used = [0x08, 0, 0, 0, 0xff, 0xff, 0xff, 0];
    let mut add = |given, bits: [u8; 8]| {
        for (octet, more) in used.iter_mut().zip(bits) {
            *octet |= if given { more } else { 0 };
        }
    };
    add(r.remcsum_rx.is_some(), [0, 0x20, 0, 0, 0, 0, 0, 0xff]);
    add(r.gbp, [0x80, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    add(r.gpe, [0x35, 0, 0, 0xff, 0, 0, 0, 0]);
    used
}

/// Each value of the request is in the configuration.
fn arrived(c: &Config, r: &Request, env: &Env) {
    assert_eq!(c.vni.get(), r.id.unwrap_or(0));
    let any = c.family().any();
    let pick = |four: Option<[u8; 4]>, six: Option<[u8; 16]>| {
        four.map(Addr::V4).or(six.map(Addr::V6)).unwrap_or(any)
    };
    assert_eq!(c.remote, pick(r.group, r.group6));
    assert_eq!(c.local, pick(r.local, r.local6));
    assert_eq!(c.ifindex, r.link.unwrap_or(0));
    let default = if r.gpe { 4790 } else { env.default_port };
    assert_eq!(c.port, r.port.filter(|port| *port != 0).unwrap_or(default));
    assert_eq!(c.source_ports, r.port_range.unwrap_or_default());
    assert_eq!((c.ttl, c.tos), (r.ttl.unwrap_or(0), r.tos.unwrap_or(0)));
    assert_eq!(c.label, r.label.unwrap_or(0) & 0xf_ffff);
    assert_eq!(c.label_policy as u32, r.label_policy.unwrap_or(0));
    assert_eq!(c.df as u8, r.df.unwrap_or(0));
    assert_eq!(c.age_interval, r.ageing.filter(|n| *n != 0).unwrap_or(300));
    assert_eq!(c.limit, r.limit.unwrap_or(0));
    let default = Bits::from_octets(used_bits(r)).complement();
    assert_eq!(
        c.reserved,
        r.reserved_bits.map_or(default, Bits::from_octets)
    );
    flags(c, r);
}

fn flags(c: &Config, r: &Request) {
    let expected = [
        (Flags::LEARN, r.learning != Some(false)),
        (Flags::LOCALBYPASS, r.localbypass != Some(false)),
        (Flags::UDP_ZERO_CSUM_TX, r.udp_csum == Some(false)),
        (Flags::PROXY, on(r.proxy)),
        (Flags::RSC, on(r.rsc)),
        (Flags::L2MISS, on(r.l2miss)),
        (Flags::L3MISS, on(r.l3miss)),
        (Flags::COLLECT_METADATA, on(r.collect_metadata)),
        (Flags::UDP_ZERO_CSUM6_TX, on(r.udp_zero_csum6_tx)),
        (Flags::UDP_ZERO_CSUM6_RX, on(r.udp_zero_csum6_rx)),
        (Flags::REMCSUM_TX, on(r.remcsum_tx)),
        (Flags::REMCSUM_RX, on(r.remcsum_rx)),
        (Flags::REMCSUM_NOPARTIAL, r.remcsum_nopartial),
        (Flags::TTL_INHERIT, r.ttl_inherit),
        (Flags::GBP, r.gbp),
        (Flags::GPE, r.gpe),
        (Flags::MC_ROUTE, on(r.mc_route)),
    ];
    let mut rest = c.flags;
    for (flag, wanted) in expected {
        assert_eq!(c.flags.has(flag), wanted, "{:#x}", flag.bits());
        rest = rest.set(flag, false);
    }
    let of_addresses = Flags::IPV6.with(Flags::IPV6_LINKLOCAL);
    assert!(!rest.exceeds(of_addresses), "{:#x}", rest.bits());
}
