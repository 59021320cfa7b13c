// SPDX-License-Identifier: GPL-2.0

//! Link requests and what is around them, out of the octets of an input.

use super::input::Input;
use crate::config::{
    Attr,
    Env,
    Lower,
    PortRange,
    Request, //
};

/// An address, mostly one that a rule is about.
fn v4(input: &mut Input<'_>) -> [u8; 4] {
    match input.u8() % 8 {
        0 => [0; 4],
        1 => [239, 1, 1, input.u8()],
        2 => [127, 0, 0, 1],
        3 => [255; 4],
        4 | 5 => [192, 0, 2, input.u8()],
        _ => input.array(),
    }
}

fn v6(input: &mut Input<'_>) -> [u8; 16] {
    let under = |prefix: [u8; 2], last| {
        let mut octets = [0; 16];
        octets[..2].copy_from_slice(&prefix);
        octets[15] = last;
        octets
    };
    match input.u8() % 8 {
        0 => [0; 16],
        1 => under([0xfe, 0x80], input.u8()),
        2 => under([0xff, 0x02], input.u8()),
        3 => under([0xff, 0x0e], input.u8()),
        4 | 5 => under([0x20, 0x01], input.u8()),
        6 => under([0, 0], 1),
        _ => input.array(),
    }
}

/// The bits in the mask of [`request_of`] of what a change may give: from `id` to `ttl`, from `tos` to
/// `ageing`, `df`, `localbypass` and `mc_route`.
pub(super) const CHANGEABLE: u64 = 0x7f | 0x1f << 8 | 1 << 29 | 1 << 31 | 1 << 33;

/// A request, which may have any of the attributes.
pub(super) fn request(input: &mut Input<'_>) -> Request {
    request_of(input, u64::MAX)
}

/// A request, which may have the attributes of which the bit is in `mask`, in the order below.
pub(super) fn request_of(input: &mut Input<'_>, mask: u64) -> Request {
    let mut present = input.u64() & mask;
    let mut has = || {
        let first = present & 1 != 0;
        present >>= 1;
        first
    };
    // One bit each, whether it is there; the value follows for those that are.
    Request {
        id: has().then(|| input.u32() >> (input.u8() % 16)),
        group: has().then(|| v4(input)),
        group6: has().then(|| v6(input)),
        link: has().then(|| u32::from(input.u8() % 4)),
        local: has().then(|| v4(input)),
        local6: has().then(|| v6(input)),
        ttl: has().then(|| input.u8()),
        ttl_inherit: has(),
        tos: has().then(|| input.u8()),
        label: has().then(|| input.u32()),
        label_policy: has().then(|| u32::from(input.bool())),
        learning: has().then(|| input.bool()),
        ageing: has().then(|| input.u32()),
        limit: has().then(|| input.u32()),
        port_range: has().then(|| PortRange {
            low: input.u16(),
            high: input.u16(),
        }),
        port: has().then(|| input.u16()),
        proxy: has().then(|| input.bool()),
        rsc: has().then(|| input.bool()),
        l2miss: has().then(|| input.bool()),
        l3miss: has().then(|| input.bool()),
        collect_metadata: has().then(|| input.bool()),
        udp_csum: has().then(|| input.bool()),
        udp_zero_csum6_tx: has().then(|| input.bool()),
        udp_zero_csum6_rx: has().then(|| input.bool()),
        remcsum_tx: has().then(|| input.bool()),
        remcsum_rx: has().then(|| input.bool()),
        remcsum_nopartial: has(),
        gbp: has(),
        gpe: has(),
        df: has().then(|| input.u8() % 5),
        vnifilter: has().then(|| input.bool()),
        localbypass: has().then(|| input.bool()),
        reserved_bits: has().then(|| input.array()),
        mc_route: has().then(|| input.bool()),
    }
}

/// The world around a request: a lower device in some.
pub(super) fn env(input: &mut Input<'_>) -> Env {
    let default_port = input.u16();
    let kind = input.u8();
    let lower = Lower {
        mtu: input.u32() >> (kind & 0x18),
        hard_header_len: input.u16(),
        needed_headroom: input.u16(),
        ipv6_disabled: kind & 2 != 0,
    };
    Env {
        default_port,
        lower: (kind & 1 != 0).then_some(lower),
    }
}

/// Whether a request has an attribute.
pub(super) fn gives(r: &Request, attr: Attr) -> bool {
    match attr {
        Attr::Id => r.id.is_some(),
        Attr::Group => r.group.is_some(),
        Attr::Link => r.link.is_some(),
        Attr::Local => r.local.is_some(),
        Attr::Ttl => r.ttl.is_some(),
        Attr::Tos => r.tos.is_some(),
        Attr::Learning => r.learning.is_some(),
        Attr::Ageing => r.ageing.is_some(),
        Attr::Limit => r.limit.is_some(),
        Attr::PortRange => r.port_range.is_some(),
        Attr::Proxy => r.proxy.is_some(),
        Attr::Rsc => r.rsc.is_some(),
        Attr::L2Miss => r.l2miss.is_some(),
        Attr::L3Miss => r.l3miss.is_some(),
        Attr::Port => r.port.is_some(),
        Attr::Group6 => r.group6.is_some(),
        Attr::Local6 => r.local6.is_some(),
        Attr::UdpCsum => r.udp_csum.is_some(),
        Attr::UdpZeroCsum6Tx => r.udp_zero_csum6_tx.is_some(),
        Attr::UdpZeroCsum6Rx => r.udp_zero_csum6_rx.is_some(),
        Attr::RemcsumTx => r.remcsum_tx.is_some(),
        Attr::RemcsumRx => r.remcsum_rx.is_some(),
        Attr::Gbp => r.gbp,
        Attr::RemcsumNopartial => r.remcsum_nopartial,
        Attr::CollectMetadata => r.collect_metadata.is_some(),
        Attr::Label => r.label.is_some(),
        Attr::Gpe => r.gpe,
        Attr::TtlInherit => r.ttl_inherit,
        Attr::Df => r.df.is_some(),
        Attr::VniFilter => r.vnifilter.is_some(),
        Attr::LocalBypass => r.localbypass.is_some(),
        Attr::LabelPolicy => r.label_policy.is_some(),
        Attr::ReservedBits => r.reserved_bits.is_some(),
        Attr::McRoute => r.mc_route.is_some(),
    }
}
