// SPDX-License-Identifier: GPL-2.0

//! ARP for IPv4 over Ethernet, RFC 826.

#![forbid(unsafe_code)]

use super::{
    ethernet::{
        self,
        ethertype,
        MacAddr, //
    },
    octets, //
};

/// Octets of a packet for IPv4 over Ethernet.
pub(crate) const LEN: usize = 28;

/// Octets of a frame that carries one.
pub(crate) const FRAME_LEN: usize = ethernet::HEADER_LEN + LEN;

/// Hardware types, RFC 826 and RFC 1042.
const ETHERNET: u16 = 1;
const IEEE_802: u16 = 6;

/// Operations.
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// Somebody asks who has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Who asks.
    sender: MacAddr,
    /// Its address.
    sender_ip: [u8; 4],
    /// The address asked for.
    target_ip: [u8; 4],
}

impl Request {
    /// Reads a packet, None unless it asks for an IPv4 address over Ethernet that a station can have.
    pub(crate) const fn parse(octets: [u8; LEN]) -> Option<Self> {
        // Types and lengths; then who asks, whose address is asked for, and six octets between.
        let [h0, h1, p0, p1, hlen, plen, o0, o1, rest @ ..] = octets;
        let [a, b, c, d, e, f, s0, s1, s2, s3, rest @ ..] = rest;
        let [_, _, _, _, _, _, t0, t1, t2, t3] = rest;
        let hardware = u16::from_be_bytes([h0, h1]);
        let fits = matches!(hardware, ETHERNET | IEEE_802)
            && u16::from_be_bytes([p0, p1]) == ethertype::IPV4
            && hlen as usize == ethernet::ADDR_LEN
            && plen == 4
            && u16::from_be_bytes([o0, o1]) == REQUEST;
        // Loopback and group addresses are no station's.
        if !fits || t0 == 127 || t0 & 0xf0 == 0xe0 {
            return None;
        }
        Some(Self {
            sender: MacAddr::new([a, b, c, d, e, f]),
            sender_ip: [s0, s1, s2, s3],
            target_ip: [t0, t1, t2, t3],
        })
    }

    /// Returns the address asked for.
    pub(crate) const fn target_ip(&self) -> [u8; 4] {
        self.target_ip
    }

    /// Returns the frame that answers: `owner` has the address.
    pub(crate) fn reply(&self, owner: MacAddr) -> [u8; FRAME_LEN] {
        octets::concat(&[
            &self.sender.octets(),
            &owner.octets(),
            &ethertype::ARP.to_be_bytes(),
            &ETHERNET.to_be_bytes(),
            &ethertype::IPV4.to_be_bytes(),
            &[ethernet::ADDR_LEN as u8, 4],
            &REPLY.to_be_bytes(),
            &owner.octets(),
            &self.target_ip,
            &self.sender.octets(),
            &self.sender_ip,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
    const OWNER: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 2]);
    const ASKED: [u8; LEN] = [
        0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
    ];

    #[test]
    fn the_reply_is_that_of_the_rfc() {
        let request = Request::parse(ASKED).expect("a request");
        assert_eq!(request.target_ip(), [10, 0, 0, 2]);
        assert_eq!(request.sender, ASKER);
        let expected = [
            2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, // Ethernet
            0, 1, 8, 0, 6, 4, 0, 2, // reply
            2, 0, 0, 0, 0, 2, 10, 0, 0, 2, // owner
            2, 0, 0, 0, 0, 1, 10, 0, 0, 1, // asker
        ];
        assert_eq!(request.reply(OWNER), expected);
    }

    #[test]
    fn what_is_no_request_for_a_station() {
        // Hardware type, protocol, lengths, operation, loopback, group.
        for (at, value) in [
            (0, 1),
            (1, 2),
            (2, 0x86),
            (4, 8),
            (5, 16),
            (7, 2),
            (6, 1),
            (24, 127),
            (24, 224),
            (24, 239),
        ] {
            let mut octets = ASKED;
            octets[at] = value;
            assert_eq!(Request::parse(octets), None, "octet {at} is {value}");
        }
        let mut ieee = ASKED;
        ieee[1] = 6;
        assert!(Request::parse(ieee).is_some());
    }
}
