// SPDX-License-Identifier: GPL-2.0

//! An Ethernet frame that is encapsulated: its header, its IP header, and what of those the outer
//! header takes over; ECN both ways.

use super::input::Input;
use crate::wire::{
    ecn::{
        self,
        Decapsulation, //
    },
    ethernet::{
        Header,
        MacAddr, //
    },
    ip::{
        Addr,
        Family,
        Summary, //
    }, //
};
use std::net::{
    Ipv4Addr,
    Ipv6Addr, //
};

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let octets: [u8; 14] = input.array();
    let network: [u8; 40] = input.array();
    let outer = input.u8();
    let header = ethernet(octets);
    ip(header.ethertype, network);
    addresses(network[24..40].try_into().unwrap());
    // All sixteen pairs each time: they are no branches in the machine code, and so the fuzzer does not
    // see that one is missing.
    for pair in 0..16 {
        congestion((outer & !3) | (pair / 4), (network[1] & !3) | (pair % 4));
    }
}

fn ethernet(octets: [u8; 14]) -> Header {
    let header = Header::parse(octets);
    let again = [
        &header.destination.octets()[..],
        &header.source.octets(),
        &header.ethertype.to_be_bytes(),
    ]
    .concat();
    assert_eq!(again, octets);
    for mac in [header.destination, header.source] {
        let number = mac
            .octets()
            .iter()
            .fold(0u64, |n, o| (n << 8) | u64::from(*o));
        assert_eq!(mac.is_zero(), number == 0);
        assert_eq!(mac.is_multicast(), (number >> 40) & 1 == 1);
        assert_eq!(mac.is_valid(), number != 0 && !mac.is_multicast());
        assert_eq!(MacAddr::from_slice(&mac.octets()), Some(mac));
    }
    assert_eq!(MacAddr::from_slice(&octets).is_some(), false);
    assert_eq!(MacAddr::from_slice(&octets[..5]), None);
    header
}

/// The fields as RFC 791 and RFC 8200 draw them, cut out of 32-bit words.
fn ip(protocol: u16, octets: [u8; 40]) {
    let word = |i: usize| u32::from_be_bytes(octets[i * 4..i * 4 + 4].try_into().unwrap());
    let first = octets[..9].try_into().unwrap();
    let v4 = Summary {
        dsfield: (word(0) >> 16) as u8,
        ttl: (word(2) >> 24) as u8,
        flow_label: 0,
        dont_fragment: (word(1) >> 14) & 1 == 1,
    };
    let v6 = Summary {
        dsfield: (word(0) >> 20) as u8,
        ttl: word(1) as u8,
        flow_label: word(0) & 0xf_ffff,
        dont_fragment: false,
    };
    assert_eq!(Summary::parse(0x0800, first), Some(v4));
    assert_eq!(Summary::parse(0x86dd, first), Some(v6));
    let either = matches!(protocol, 0x0800 | 0x86dd);
    assert_eq!(Summary::parse(protocol, first).is_some(), either);
}

fn addresses(octets: [u8; 16]) {
    let (six, std6) = (Addr::V6(octets), Ipv6Addr::from(octets));
    assert_eq!(six.family(), Family::V6);
    assert_eq!(six.is_any(), std6.is_unspecified());
    assert_eq!(six.is_multicast(), std6.is_multicast());
    assert_eq!(six.is_link_local_unicast(), std6.is_unicast_link_local());
    let scope = std6.segments()[0] & 0x000f;
    let link = std6.is_unicast_link_local() || (std6.is_multicast() && scope == 2);
    assert_eq!(six.is_link_local(), link);

    let octets: [u8; 4] = octets[..4].try_into().unwrap();
    let (four, std4) = (Addr::V4(octets), Ipv4Addr::from(octets));
    assert_eq!(four.family(), Family::V4);
    assert_eq!(four.is_any(), std4.is_unspecified());
    assert_eq!(four.is_multicast(), std4.is_multicast());
    assert!(!four.is_link_local() && !four.is_link_local_unicast());
}

/// RFC 6040 figure 4 for what comes, and its normal mode, with RFC 3168's choice for CE, for what
/// goes.
fn congestion(outer: u8, inner: u8) {
    use Decapsulation::{
        Drop,
        Keep,
        SetCe,
        SetEct1,
        Warn, //
    };
    // Rows are the inner field, columns the outer one: 00, 01 (ECT 1), 10 (ECT 0), 11 (CE).
    const FIGURE: [[Decapsulation; 4]; 4] = [
        [Keep, Warn, Warn, Drop],
        [Keep, Keep, Keep, SetCe],
        [Keep, SetEct1, Keep, SetCe],
        [Keep, Keep, Keep, Keep],
    ];
    let (row, column) = (usize::from(inner % 4), usize::from(outer % 4));
    assert_eq!(ecn::decapsulate(outer, inner), FIGURE[row][column]);

    let sent = ecn::encapsulate(outer, inner);
    assert_eq!(sent / 4, outer / 4, "the class is that of the tunnel");
    assert_eq!(sent % 4, [0, 1, 2, 2][row]);
    // On a path without congestion nothing happens to the packet.
    let back = ecn::decapsulate(sent, inner);
    assert_eq!(back, Keep);
}
