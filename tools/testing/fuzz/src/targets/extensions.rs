// SPDX-License-Identifier: GPL-2.0

//! Group policy, generic protocol, remote checksum offload: what they read, and that each writes its
//! own bits and leaves all others.

use super::input::Input;
use crate::wire::{
    gbp,
    gpe,
    rco,
    vxlan::{
        Bits,
        Header,
        Vni, //
    }, //
};

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let received: [u8; 8] = input.array();
    let plain = Header::for_vni(Vni::truncate(input.u32()));
    let (mark, start, offset) = (input.u32(), input.u32(), input.u16());
    let protocol = input.u16();
    read_policy(received);
    read_protocol(received);
    read_checksum(received);
    written_together(plain, mark, start, offset);
    write_protocol(plain, protocol);
}

/// Asserts that `after` differs from `before` in bits of `own` alone.
fn own_bits_only(before: [u8; 8], after: [u8; 8], own: Bits) {
    let changed = core::array::from_fn(|i| before[i] ^ after[i]);
    assert!(!Bits::from_octets(changed).intersects(own.complement()));
    let (before, after) = (Header::parse(before), Header::parse(after));
    assert_eq!(before.vni(), after.vni());
    assert!(after.has_vni());
}

/// draft-smith-vxlan-group-policy: G is bit 0, D bit 9, A bit 12, the id is 16 to 31.
fn read_policy(octets: [u8; 8]) {
    let read = gbp::Policy::parse(Header::parse(octets)).map(gbp::Policy::mark);
    if octets[0] & 0x80 == 0 {
        assert_eq!(read, None);
        return;
    }
    let mark = read.expect("a policy");
    assert_eq!(mark as u16, u16::from_be_bytes([octets[2], octets[3]]));
    assert_eq!(mark & 0x40_0000 != 0, octets[1] & 0x40 != 0);
    assert_eq!(mark & 0x08_0000 != 0, octets[1] & 0x08 != 0);
    assert_eq!(mark & !0x48_ffff, 0);
}

/// draft-ietf-nvo3-vxlan-gpe: version 0, P set, O clear, one of the five protocols.
fn read_protocol(octets: [u8; 8]) {
    let [flags, _, _, next, ..] = octets;
    let (version, p, o) = ((flags >> 4) & 3, flags & 4 != 0, flags & 1 != 0);
    let known = match next {
        1 => Some(0x0800),
        2 => Some(0x86dd),
        3 => Some(0x6558),
        4 => Some(0x894f),
        5 => Some(0x8847),
        _ => None,
    };
    let expected = known.filter(|_| version == 0 && p && !o);
    assert_eq!(gpe::parse(Header::parse(octets)), expected);
}

/// draft-herbert-vxlan-rco: C is bit 10; the last octet has O, and half the start.
fn read_checksum(octets: [u8; 8]) {
    let read = rco::Checksum::parse(Header::parse(octets));
    assert_eq!(read.is_some(), octets[1] & 0x20 != 0);
    let Some(sum) = read else { return };
    let start = u16::from(octets[7] % 128) * 2;
    assert_eq!(sum.start(), start);
    let field = if octets[7] >= 128 { 6 } else { 16 };
    assert_eq!(sum.field(), start + field);
    assert!(sum.start() <= 254 && sum.field() <= 270);
    // What was read can be said again, in the same octet.
    let again = rco::Checksum::new(u32::from(sum.start()), field).expect("sayable");
    assert_eq!(again, sum);
    let put = again.put(Header::for_vni(Vni::ZERO));
    assert_eq!(put[7], octets[7]);
}

/// A packet may carry both; stock puts the checksum first.
fn written_together(plain: [u8; 8], mark: u32, start: u32, offset: u16) {
    let sum = rco::Checksum::new(start, offset);
    let sayable = start <= 254 && start % 2 == 0 && matches!(offset, 6 | 16);
    assert_eq!(sum.is_some(), sayable);
    let policy = gbp::Policy::from_mark(mark);
    assert_eq!(policy.is_some(), mark != 0);

    let with_sum = sum.map_or(plain, |sum| sum.put(plain));
    own_bits_only(plain, with_sum, Bits::REMOTE_CHECKSUM);
    let both = policy.map_or(with_sum, |policy| policy.put(with_sum));
    own_bits_only(with_sum, both, Bits::GROUP_POLICY);

    let header = Header::parse(both);
    assert_eq!(rco::Checksum::parse(header), sum);
    let read = gbp::Policy::parse(header).map(gbp::Policy::mark);
    assert_eq!(read, (mark != 0).then_some(mark & 0x48_ffff));
    // What we send, a device with both extensions takes.
    let used = Bits::BASE
        .union(Bits::REMOTE_CHECKSUM)
        .union(Bits::GROUP_POLICY);
    assert!(!header.sets_any(used.complement()));
}

fn write_protocol(plain: [u8; 8], protocol: u16) {
    let known = matches!(protocol, 0x0800 | 0x86dd | 0x6558 | 0x894f | 0x8847);
    let put = gpe::put(protocol, plain);
    assert_eq!(put.is_some(), known);
    let Some(octets) = put else { return };
    own_bits_only(plain, octets, Bits::GENERIC_PROTOCOL);
    let header = Header::parse(octets);
    assert_eq!(gpe::parse(header), Some(protocol));
    let used = Bits::BASE.union(Bits::GENERIC_PROTOCOL);
    assert!(!header.sets_any(used.complement()));
}
