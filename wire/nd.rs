// SPDX-License-Identifier: GPL-2.0

//! Neighbour discovery for IPv6, RFC 4861: solicitations, and the advertisements that answer them.

#![forbid(unsafe_code)]

use super::{
    ethernet::{
        self,
        ethertype,
        MacAddr, //
    },
    octets, //
};

/// Octets of an IPv6 header.
const IPV6_LEN: usize = 40;

/// Octets of a solicitation or advertisement, options not included.
const MESSAGE_LEN: usize = 24;

/// Octets of the option that carries an Ethernet address, and the unit of the length of all options.
pub(crate) const OPTION_LEN: usize = 8;

/// Octets of a solicitation from the IPv6 header to where its options start.
pub(crate) const SOLICITATION_LEN: usize = IPV6_LEN + MESSAGE_LEN;

/// Octets of the frame that answers.
pub(crate) const FRAME_LEN: usize = ethernet::HEADER_LEN + IPV6_LEN + MESSAGE_LEN + OPTION_LEN;

/// The next header number of ICMPv6.
const ICMPV6: u8 = 58;

/// Message types.
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// Option types: the link layer address of the sender, of the target.
const SOURCE_ADDRESS: u8 = 1;
const TARGET_ADDRESS: u8 = 2;

/// The flags of an advertisement: from a router, asked for, overrides what was known.
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// The options of a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Somebody asks who has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Solicitation {
    /// The four high bits of the traffic class, which the answer takes over.
    class: u8,
    source: [u8; 16],
    destination: [u8; 16],
    target: [u8; 16],
}

impl Solicitation {
    /// Reads an IPv6 packet up to the options. None if it is no solicitation.
    pub(crate) fn parse(packet: [u8; SOLICITATION_LEN]) -> Option<Self> {
        let (header, message) = packet.split_first_chunk::<IPV6_LEN>()?;
        let [first, _, _, _, _, _, next, _, addresses @ ..] = *header;
        let (source, rest) = addresses.split_first_chunk::<16>()?;
        let (destination, _) = rest.split_first_chunk::<16>()?;
        let (icmp, target) = message.split_first_chunk::<8>()?;
        let (target, _) = target.split_first_chunk::<16>()?;
        let [kind, code, ..] = *icmp;
        if next != ICMPV6 || kind != SOLICITATION || code != 0 {
            return None;
        }
        Some(Self {
            class: first & 0x0f,
            source: *source,
            destination: *destination,
            target: *target,
        })
    }

    /// Returns the address asked for, None if no station has it (a group), or if the packet is to the
    /// loopback address.
    pub(crate) fn target(&self) -> Option<[u8; 16]> {
        const LOOPBACK: [u8; 16] = 1u128.to_be_bytes();
        let [first, ..] = self.target;
        (first != 0xff && self.destination != LOOPBACK).then_some(self.target)
    }

    /// Returns the frame that answers `to`: `owner` has the address, and is a router or not.
    pub(crate) fn advertisement(
        &self,
        to: MacAddr,
        owner: MacAddr,
        router: bool,
    ) -> [u8; FRAME_LEN] {
        const LENGTH: u16 = (MESSAGE_LEN + OPTION_LEN) as u16;
        const HOP_LIMIT: u8 = 255;
        let flags = SOLICITED | OVERRIDE | if router { ROUTER } else { 0 };
        let address = owner.octets();
        // Under the checksum goes the pseudo header, too (RFC 8200 section 8.1).
        let sum = octets::checksum(&[
            &self.target,
            &self.source,
            &LENGTH.to_be_bytes(),
            &[0, ICMPV6],
            &[ADVERTISEMENT, 0],
            &[flags, 0],
            &self.target,
            &[TARGET_ADDRESS, 1],
            &address,
        ]);
        octets::concat(&[
            &to.octets(),
            &address,
            &ethertype::IPV6.to_be_bytes(),
            &[0x60 | self.class, 0, 0, 0],
            &LENGTH.to_be_bytes(),
            &[ICMPV6, HOP_LIMIT],
            &self.target,
            &self.source,
            &[ADVERTISEMENT, 0],
            &sum.to_be_bytes(),
            &[flags, 0, 0, 0],
            &self.target,
            &[TARGET_ADDRESS, 1],
            &address,
        ])
    }
}

/// Finds the link layer address that the sender of a message gives, None if it gives none.
///
/// The options are `len` octets; `read` returns those from an offset on. Every option has a length of
/// at least one unit and ends within the message (RFC 4861 section 4.6); a message with one that has
/// not is [`Malformed`]. So the walk goes on by eight octets at least, and never past the end.
pub(crate) fn source_address(
    len: usize,
    read: impl Fn(usize) -> Option<[u8; OPTION_LEN]>,
) -> Result<Option<MacAddr>, Malformed> {
    let mut at = 0usize;
    // A single octet at the end is no option.
    while len.saturating_sub(at) > 1 {
        let [kind, units, address @ ..] = read(at).ok_or(Malformed)?;
        let end = at.saturating_add(usize::from(units).wrapping_mul(OPTION_LEN));
        if units == 0 || end > len {
            return Err(Malformed);
        }
        if kind == SOURCE_ADDRESS {
            return Ok(Some(MacAddr::new(address)));
        }
        at = end;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
    const OWNER: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 2]);

    /// 2001:db8::`last`.
    fn address(last: u8) -> [u8; 16] {
        (0x2001_0db8_u128 << 96 | u128::from(last)).to_be_bytes()
    }

    fn asked() -> [u8; SOLICITATION_LEN] {
        octets::concat(&[
            &[0x6e, 0xd0, 0, 0, 0, 24, 58, 255],
            &address(1),
            &address(2),
            &[135, 0, 0xaa, 0xbb, 0, 0, 0, 0],
            &address(2),
        ])
    }

    #[test]
    fn the_answer_is_that_of_the_rfc() {
        let message = Solicitation::parse(asked()).expect("a solicitation");
        assert_eq!(message.target(), Some(address(2)));
        let frame = message.advertisement(ASKER, OWNER, true);
        let (head, body) = frame.split_at(14 + 40);
        let ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
        assert_eq!(head[..14], ethernet);
        assert_eq!(head[14..22], [0x6e, 0, 0, 0, 0, 32, 58, 255]);
        assert_eq!(head[22..38], address(2));
        assert_eq!(head[38..], address(1));
        assert_eq!(body[..2], [136, 0]);
        assert_eq!(body[4..8], [0xe0, 0, 0, 0]);
        assert_eq!(body[8..24], address(2));
        assert_eq!(body[24..], [2, 1, 2, 0, 0, 0, 0, 2]);
        // The sum over the pseudo header and the message, checksum included, is zero.
        let sum = octets::checksum(&[&head[22..], &[0, 32, 0, 58], body]);
        assert_eq!(sum, 0);
        let host = message.advertisement(ASKER, OWNER, false);
        assert_eq!(host[14 + 40 + 4], 0x60);
    }

    #[test]
    fn what_is_not_answered() {
        for (at, value) in [(6, 17), (40, 136), (40, 133), (41, 1)] {
            let mut octets = asked();
            octets[at] = value;
            assert_eq!(Solicitation::parse(octets), None, "octet {at} is {value}");
        }
        let mut group = asked();
        group[48] = 0xff;
        assert_eq!(Solicitation::parse(group).and_then(|m| m.target()), None);
        let mut loopback = asked();
        loopback[24..40].copy_from_slice(&1u128.to_be_bytes());
        assert_eq!(Solicitation::parse(loopback).and_then(|m| m.target()), None);
    }

    /// Parses `options`, failing the test if more than is there is asked for.
    fn parse(options: &[u8]) -> Result<Option<MacAddr>, Malformed> {
        source_address(options.len(), |at| {
            assert!(at < options.len());
            options.get(at..at + OPTION_LEN)?.try_into().ok()
        })
    }

    #[test]
    fn options_are_walked_to_the_source_address() {
        let source = [1, 1, 2, 0, 0, 0, 0, 1];
        let nonce = [14, 1, 1, 2, 3, 4, 5, 6];
        let mut long = [0; 24];
        long[..2].copy_from_slice(&[1, 3]);
        long[2..8].copy_from_slice(&ASKER.octets());
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&[0]), Ok(None));
        assert_eq!(parse(&nonce), Ok(None));
        assert_eq!(parse(&source), Ok(Some(ASKER)));
        assert_eq!(parse(&[nonce, source].concat()), Ok(Some(ASKER)));
        assert_eq!(parse(&long), Ok(Some(ASKER)));
    }

    #[test]
    fn malformed_options_are_refused() {
        let nonce = [14, 1, 1, 2, 3, 4, 5, 6];
        assert_eq!(parse(&[0, 0]), Err(Malformed));
        assert_eq!(parse(&[1, 0, 0, 0, 0, 0, 0, 0]), Err(Malformed));
        assert_eq!(parse(&[1, 1, 0]), Err(Malformed));
        assert_eq!(parse(&[1, 2, 0, 0, 0, 0, 0, 0]), Err(Malformed));
        assert_eq!(parse(&[1, 255, 0, 0, 0, 0, 0, 0]), Err(Malformed));
        assert_eq!(parse(&[&nonce[..], &[1, 1]].concat()), Err(Malformed));
        assert_eq!(parse(&[&nonce[..], &[0, 0]].concat()), Err(Malformed));
    }
}
