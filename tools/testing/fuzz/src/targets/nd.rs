// SPDX-License-Identifier: GPL-2.0

//! Neighbour discovery: solicitations, their options, and each octet of an advertisement.

use super::input::Input;
use crate::wire::{
    ethernet::MacAddr,
    nd, //
};
use std::{
    cell::Cell,
    net::Ipv6Addr, //
};

const UNIT: usize = nd::OPTION_LEN;

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let (to, owner) = (input.array(), input.array());
    let router = input.bool();
    let packet: [u8; nd::SOLICITATION_LEN] = input.array();
    solicited(packet, to, owner, router);
    options(input.rest());
}

fn solicited(packet: [u8; nd::SOLICITATION_LEN], to: [u8; 6], owner: [u8; 6], router: bool) {
    let parsed = nd::Solicitation::parse(packet);
    let expected = packet[6] == 58 && packet[40..42] == [135, 0];
    assert_eq!(parsed.is_some(), expected);
    let Some(message) = parsed else { return };

    let address = |at: usize| <[u8; 16]>::try_from(&packet[at..at + 16]).unwrap();
    let (source, destination, target) = (address(8), address(24), address(48));
    let answered =
        !Ipv6Addr::from(target).is_multicast() && !Ipv6Addr::from(destination).is_loopback();
    assert_eq!(message.target(), answered.then_some(target));

    let frame = message.advertisement(MacAddr::new(to), MacAddr::new(owner), router);
    let flags = if router { 0xe0 } else { 0x60 };
    let body = [
        &[136, 0, 0, 0, flags, 0, 0, 0][..],
        &target,
        &[2, 1],
        &owner,
    ]
    .concat();
    let sum = icmpv6_sum(&target, &source, &body);
    let expected = [
        &to[..],
        &owner,
        &[0x86, 0xdd],
        &[0x60 | (packet[0] & 0x0f), 0, 0, 0, 0, 32, 58, 255],
        &target,
        &source,
        &[136, 0],
        &sum.to_be_bytes(),
        &body[4..],
    ]
    .concat();
    assert_eq!(frame[..], expected[..]);
    // An answer is never answered.
    let answer: [u8; nd::SOLICITATION_LEN] =
        frame[14..][..nd::SOLICITATION_LEN].try_into().unwrap();
    assert_eq!(nd::Solicitation::parse(answer), None);
}

/// RFC 8200 section 8.1: over the pseudo header, whose words come in any order, and the message.
fn icmpv6_sum(source: &[u8; 16], destination: &[u8; 16], body: &[u8]) -> u16 {
    let all = [source, destination, body].concat();
    let words = all
        .chunks(2)
        .map(|pair| u64::from(pair[0]) * 256 + u64::from(pair[1]));
    let sum = words.sum::<u64>() + body.len() as u64 + 58;
    // 2^16 is 1 modulo 65535, which is what folding does; a sum that is not zero folds to no zero.
    !(((sum - 1) % 0xffff + 1) as u16)
}

/// RFC 4861 section 4.6, as one would read it: the first source address, if all before it is well.
fn expected(options: &[u8]) -> Result<Option<[u8; 6]>, nd::Malformed> {
    let mut rest = options;
    while rest.len() > 1 {
        let len = usize::from(rest[1]) * UNIT;
        if len == 0 || len > rest.len() {
            return Err(nd::Malformed);
        }
        if rest[0] == 1 {
            return Ok(Some(rest[2..8].try_into().unwrap()));
        }
        rest = &rest[len..];
    }
    Ok(None)
}

fn options(options: &[u8]) {
    let expected = expected(options);
    let walk = |read: &dyn Fn(usize) -> Option<[u8; UNIT]>| {
        let next = Cell::new(0);
        let found = nd::source_address(options.len(), |at| {
            assert!(
                at + 2 <= options.len(),
                "reads at {at} of {}",
                options.len()
            );
            assert!(at % UNIT == 0 && at >= next.get(), "does not advance");
            next.set(at + UNIT);
            read(at)
        });
        found.map(|found| found.map(MacAddr::octets))
    };
    let within = |at| options.get(at..at + UNIT)?.try_into().ok();
    assert_eq!(walk(&within), expected);

    // A packet may have padding behind the message, which is not the message's.
    let padded = [options, &[1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
    let beyond = |at| padded.get(at..at + UNIT)?.try_into().ok();
    assert_eq!(walk(&beyond), expected);
}
