// SPDX-License-Identifier: GPL-2.0

//! The generic protocol extension of the VXLAN header, draft-ietf-nvo3-vxlan-gpe section 3.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |R|R|Ver|I|P|B|O|          reserved             | next protocol |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

#![forbid(unsafe_code)]

use super::{
    ethernet::ethertype,
    vxlan::{
        Header,
        HEADER_LEN, //
    }, //
};

/// The version, in the first octet.
const VERSION: u8 = 0x30;

/// The P flag in the first octet: there is a next protocol.
const FLAG_PROTOCOL: u8 = 0x04;

/// The O flag in the first octet: the packet is for operation, administration and maintenance.
const FLAG_OAM: u8 = 0x01;

/// What follows the header, by the numbers of the draft and of RFC 8300.
const PROTOCOLS: [(u8, u16); 5] = [
    (1, ethertype::IPV4),
    (2, ethertype::IPV6),
    (3, ethertype::TEB),
    (4, ethertype::NSH),
    (5, ethertype::MPLS),
];

/// Returns the ethertype of what follows the header, in host order. None for a packet to be dropped:
/// the P flag is missing, the version is not 0, it is an OAM packet, or its protocol is unknown.
pub(crate) fn parse(header: Header) -> Option<u16> {
    let [flags, _, _, next] = header.flags().to_be_bytes();
    if flags & (FLAG_PROTOCOL | VERSION | FLAG_OAM) != FLAG_PROTOCOL {
        return None;
    }
    PROTOCOLS
        .iter()
        .find_map(|(number, ethertype)| (*number == next).then_some(*ethertype))
}

/// Writes what follows into a header. None for a protocol that has no number.
pub(crate) fn put(protocol: u16, header: [u8; HEADER_LEN]) -> Option<[u8; HEADER_LEN]> {
    let [a, b, c, _, e, f, g, h] = header;
    PROTOCOLS.iter().find_map(|(number, ethertype)| {
        (*ethertype == protocol).then_some([a | FLAG_PROTOCOL, b, c, *number, e, f, g, h])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vxlan::Vni;

    #[test]
    fn each_protocol_there_and_back() {
        let plain = Header::for_vni(Vni::truncate(0x12_3456));
        for (number, protocol) in [
            (1, 0x0800),
            (2, 0x86dd),
            (3, 0x6558),
            (4, 0x894f),
            (5, 0x8847),
        ] {
            let octets = [0x0c, 0, 0, number, 0x12, 0x34, 0x56, 0];
            assert_eq!(put(protocol, plain), Some(octets));
            assert_eq!(parse(Header::parse(octets)), Some(protocol));
        }
        for protocol in [0, 0x0806, 0x8848, 0x88b5] {
            assert_eq!(put(protocol, plain), None);
        }
    }

    #[test]
    fn what_is_dropped() {
        let parse = |flags, next| parse(Header::parse([flags, 0, 0, next, 0, 0, 1, 0]));
        assert_eq!(parse(0x0c, 1), Some(ethertype::IPV4));
        for (flags, next) in [
            (0x08, 1),
            (0x0d, 1),
            (0x1c, 1),
            (0x2c, 1),
            (0x0c, 0),
            (0x0c, 6),
            (0x0c, 0xff),
        ] {
            assert_eq!(parse(flags, next), None, "{flags:#x} {next}");
        }
        // Reserved bits are the business of the device's `reserved_bits`.
        assert_eq!(parse(0xce, 2), Some(ethertype::IPV6));
    }
}
