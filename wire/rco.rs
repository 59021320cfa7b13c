// SPDX-License-Identifier: GPL-2.0

//! Remote checksum offload in the VXLAN header, draft-herbert-vxlan-rco section 2.
//!
//! The sender leaves the inner transport checksum to the receiver: the checksum field holds the sum
//! of the pseudo header, and the VXLAN header says where to start to sum and where the field is.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |R|R|R|R|I|R|R|R|R|R|C|              reserved                   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      VXLAN network identifier (VNI)           |O| start / 2   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

#![forbid(unsafe_code)]

use super::vxlan::{
    Header,
    HEADER_LEN, //
};

/// The C flag in the second octet: there is a checksum to be computed.
const FLAG: u8 = 0x20;

/// The O bit of the last octet: the field is where UDP has it, else where TCP has it.
const UDP: u8 = 0x80;

/// Where the checksum field is in the header of UDP and of TCP.
const UDP_FIELD: u16 = 6;
const TCP_FIELD: u16 = 16;

/// A checksum that is left to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    /// Where the sum starts, in octets behind the VXLAN header: even, at most 254.
    start: u16,
    /// Whether the transport is UDP, else it is TCP.
    udp: bool,
}

impl Checksum {
    /// Reads what a header says, None if it leaves nothing to the receiver.
    pub(crate) const fn parse(header: Header) -> Option<Self> {
        let [_, flags, ..] = header.octets();
        if flags & FLAG == 0 {
            return None;
        }
        let [.., last] = header.octets();
        Some(Self {
            start: ((last & !UDP) as u16) << 1,
            udp: last & UDP != 0,
        })
    }

    /// Takes a checksum of which the sum starts `start` octets into the frame and whose field is
    /// `offset` behind that. None if the header cannot say so.
    pub(crate) const fn new(start: u32, offset: u16) -> Option<Self> {
        if start > 254 || start & 1 != 0 {
            return None;
        }
        let udp = match offset {
            UDP_FIELD => true,
            TCP_FIELD => false,
            _ => return None,
        };
        Some(Self {
            start: start as u16,
            udp,
        })
    }

    /// Returns where the sum starts, in octets behind the VXLAN header.
    pub(crate) const fn start(self) -> u16 {
        self.start
    }

    /// Returns where the field is, in octets behind the VXLAN header.
    pub(crate) const fn field(self) -> u16 {
        let offset = if self.udp { UDP_FIELD } else { TCP_FIELD };
        self.start.wrapping_add(offset)
    }

    /// Writes into a header.
    pub(crate) const fn put(self, header: [u8; HEADER_LEN]) -> [u8; HEADER_LEN] {
        let [a, b, c, d, e, f, g, h] = header;
        let last = (self.start >> 1) as u8 | if self.udp { UDP } else { 0 };
        [a, b | FLAG, c, d, e, f, g, h | last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vxlan::Vni;

    #[test]
    fn the_header_is_that_of_the_draft() {
        let plain = Header::for_vni(Vni::truncate(0x12_3456));
        let put = |start, offset| Checksum::new(start, offset).map(|sum| sum.put(plain));
        let octets = |last| Some([0x08, 0x20, 0, 0, 0x12, 0x34, 0x56, last]);
        assert_eq!(put(34, 16), octets(17));
        assert_eq!(put(34, 6), octets(0x80 | 17));
        assert_eq!(put(254, 6), octets(0xff));
        assert_eq!(put(0, 16), octets(0));
    }

    #[test]
    fn what_the_header_cannot_say() {
        for (start, offset) in [(256, 16), (35, 16), (34, 10), (u32::MAX, 6), (1 << 16, 6)] {
            assert_eq!(Checksum::new(start, offset), None, "{start} {offset}");
        }
    }
}
