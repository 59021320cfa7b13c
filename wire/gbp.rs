// SPDX-License-Identifier: GPL-2.0

//! Group policy in the VXLAN header, draft-smith-vxlan-group-policy section 2.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |G|R|R|R|I|R|R|R|R|D|R|R|A|R|R|R|        group policy id        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

#![forbid(unsafe_code)]

use super::vxlan::{
    Header,
    HEADER_LEN, //
};

/// The G flag in the first octet: there is a policy.
const FLAG_POLICY: u8 = 0x80;

/// The bits that the header and the mark of a packet share, D, A and the id: `VXLAN_GBP_MASK`. The
/// mark has them where the first word of the header has them.
const MASK: u32 = 0x0048_ffff;

/// A policy as the mark of a packet, or the option of its metadata, carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy(u32);

impl Policy {
    /// Reads the policy of a header, None if it has none.
    pub(crate) const fn parse(header: Header) -> Option<Self> {
        let flags = header.flags();
        if flags & u32::from_be_bytes([FLAG_POLICY, 0, 0, 0]) == 0 {
            return None;
        }
        Some(Self(flags & MASK))
    }

    /// Takes a mark, None for zero. Bits that are not the policy's do not go into the header, but
    /// they make a mark one that sends a policy (`vxlan_build_gbp_hdr`).
    pub(crate) const fn from_mark(mark: u32) -> Option<Self> {
        match mark {
            0 => None,
            mark => Some(Self(mark & MASK)),
        }
    }

    /// Returns the mark.
    pub(crate) const fn mark(self) -> u32 {
        self.0
    }

    /// Writes the policy into a header.
    pub(crate) const fn put(self, header: [u8; HEADER_LEN]) -> [u8; HEADER_LEN] {
        let [a, b, c, d, rest @ ..] = header;
        let [_, x, y, z] = self.0.to_be_bytes();
        let [e, f, g, h] = rest;
        [a | FLAG_POLICY, b | x, c | y, d | z, e, f, g, h]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vxlan::Vni;

    #[test]
    fn the_header_is_that_of_the_draft() {
        let plain = Header::for_vni(Vni::truncate(0x12_3456));
        let put = |mark| Policy::from_mark(mark).map(|policy| policy.put(plain));
        let octets = |b, c, d| Some([0x88, b, c, d, 0x12, 0x34, 0x56, 0]);
        assert_eq!(put(0), None);
        assert_eq!(put(0x1234), octets(0, 0x12, 0x34));
        // D is the bit 9 of the header, A the bit 12.
        assert_eq!(put(0x0040_0001), octets(0x40, 0, 1));
        assert_eq!(put(0x0008_0001), octets(0x08, 0, 1));
        assert_eq!(put(0xffff_ffff), octets(0x48, 0xff, 0xff));
        assert_eq!(put(0x8000_0000), octets(0, 0, 0));
    }

    #[test]
    fn a_mark_is_read_only_where_the_flag_says_so() {
        let parse = |octets| Policy::parse(Header::parse(octets)).map(Policy::mark);
        assert_eq!(parse([0x08, 0xff, 0x12, 0x34, 0, 0, 1, 0]), None);
        assert_eq!(parse([0x88, 0, 0, 0, 0, 0, 1, 0]), Some(0));
        assert_eq!(
            parse([0x88, 0xff, 0x12, 0x34, 0, 0, 1, 0]),
            Some(0x0048_1234)
        );
    }
}
