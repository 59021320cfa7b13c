// SPDX-License-Identifier: GPL-2.0

//! The VXLAN header and sets of its bits.

use super::input::Input;
use crate::wire::vxlan::{
    Bits,
    Header,
    Vni, //
};

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let octets: [u8; 8] = input.array();
    let reserved: [u8; 8] = input.array();
    let number = input.u32();
    received(octets, reserved);
    made(number);
    sets(octets, reserved);
}

fn received(octets: [u8; 8], reserved: [u8; 8]) {
    let header = Header::parse(octets);
    assert_eq!(header.octets(), octets);
    assert_eq!(header.flags(), (u64::from_be_bytes(octets) >> 32) as u32);
    assert_eq!(header.has_vni(), octets[0] & 0x08 != 0);
    let vni = (u64::from_be_bytes(octets) >> 8) as u32 & 0xff_ffff;
    assert_eq!(header.vni().get(), vni);
    assert_eq!(Vni::new(vni), Some(header.vni()));
    let any = (0..8).any(|i| octets[i] & reserved[i] != 0);
    assert_eq!(header.sets_any(Bits::from_octets(reserved)), any);
}

/// RFC 7348 section 5: the I flag, the number, and nothing else.
fn made(number: u32) {
    let vni = Vni::truncate(number);
    assert_eq!(vni.get(), number % (1 << 24));
    assert_eq!(Vni::new(number), (number < 1 << 24).then_some(vni));
    let octets = Header::for_vni(vni);
    let whole = (0x0800_0000_u64 << 32) | (u64::from(vni.get()) << 8);
    assert_eq!(u64::from_be_bytes(octets), whole);
    let header = Header::parse(octets);
    assert!(header.has_vni() && header.vni() == vni);
    // What we send, a device without extensions takes.
    assert!(!header.sets_any(Bits::BASE.complement()));
}

fn sets(a: [u8; 8], b: [u8; 8]) {
    let (x, y) = (Bits::from_octets(a), Bits::from_octets(b));
    let each = |f: fn(u8, u8) -> u8| -> [u8; 8] { core::array::from_fn(|i| f(a[i], b[i])) };
    assert_eq!(x.octets(), a);
    assert_eq!(x.union(y).octets(), each(|a, b| a | b));
    assert_eq!(x.complement().octets(), each(|a, _| !a));
    assert_eq!(x.intersects(y), each(|a, b| a & b) != [0; 8]);
    assert!(!x.intersects(x.complement()));
    assert_eq!(x.union(x.complement()).octets(), [0xff; 8]);
}
