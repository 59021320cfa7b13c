// SPDX-License-Identifier: GPL-2.0

//! ARP: which packets are answered, and each octet of the answer.

use super::input::Input;
use crate::wire::{
    arp,
    ethernet::MacAddr, //
};
use std::net::Ipv4Addr;

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let packet: [u8; arp::LEN] = input.array();
    let owner: [u8; 6] = input.array();
    let target: [u8; 4] = packet[24..28].try_into().unwrap();
    let station = !Ipv4Addr::from(target).is_loopback() && !Ipv4Addr::from(target).is_multicast();
    let is_request = matches!(packet[..2], [0, 1] | [0, 6]) && packet[2..8] == [8, 0, 6, 4, 0, 1];

    let parsed = arp::Request::parse(packet);
    assert_eq!(parsed.is_some(), is_request && station);
    let Some(request) = parsed else { return };
    assert_eq!(request.target_ip(), target);

    let frame = request.reply(MacAddr::new(owner));
    let (sender, sender_ip) = (&packet[8..14], &packet[14..18]);
    let expected = [
        sender,
        &owner,
        &[8, 6],
        &[0, 1, 8, 0, 6, 4, 0, 2],
        &owner,
        &target,
        sender,
        sender_ip,
    ]
    .concat();
    assert_eq!(frame[..], expected[..]);
    // An answer is never answered.
    let answer: [u8; arp::LEN] = frame[14..].try_into().unwrap();
    assert_eq!(arp::Request::parse(answer), None);
}
