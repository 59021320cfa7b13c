// SPDX-License-Identifier: GPL-2.0

//! The VXLAN header, RFC 7348 section 5.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |R|R|R|R|I|R|R|R|                 reserved                      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      VXLAN network identifier (VNI)           |   reserved    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

#![forbid(unsafe_code)]

/// Length of the header in octets.
pub(crate) const HEADER_LEN: usize = 8;

/// The I flag as it stands in the first word: the VNI is valid.
const FLAG_VNI: u32 = 0x0800_0000;

/// The bits of the remote checksum offload extension, as [`Bits`] name them.
const RCO: [u8; HEADER_LEN] = [0, 0x20, 0, 0, 0, 0, 0, 0xff];

/// A VXLAN network identifier: 24 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Vni(u32);

impl Vni {
    /// Identifiers are below this number.
    const LIMIT: u32 = 1 << 24;

    /// The identifier zero, which a link request without `IFLA_VXLAN_ID` gets.
    pub(crate) const ZERO: Self = Self(0);

    /// Returns the identifier if it fits in 24 bits.
    pub(crate) const fn new(value: u32) -> Option<Self> {
        if value < Self::LIMIT {
            Some(Self(value))
        } else {
            None
        }
    }

    /// Returns the low 24 bits of `value`, as the field of the header would hold them.
    pub(crate) const fn truncate(value: u32) -> Self {
        Self(value & (Self::LIMIT - 1))
    }

    /// Returns the number, in host order and below 2^24.
    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

/// A set of header bits, in the order of the wire: what `IFLA_VXLAN_RESERVED_BITS` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bits(u64);

impl Bits {
    /// The bits that every VXLAN packet uses: the I flag and the VNI.
    pub(crate) const BASE: Self = Self::from_octets([0x08, 0, 0, 0, 0xff, 0xff, 0xff, 0]);

    /// The bits that remote checksum offload uses in addition.
    pub(crate) const REMOTE_CHECKSUM: Self = Self::from_octets(RCO);

    /// The bits that group based policy uses in addition, `VXLAN_GBP_USED_BITS`.
    pub(crate) const GROUP_POLICY: Self = Self::from_octets([0x80, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

    /// The bits that the generic protocol extension uses in addition, `VXLAN_GPE_USED_BITS`.
    pub(crate) const GENERIC_PROTOCOL: Self = Self::from_octets([0x35, 0, 0, 0xff, 0, 0, 0, 0]);

    /// Reads the set from the eight octets of a header.
    pub(crate) const fn from_octets(octets: [u8; HEADER_LEN]) -> Self {
        Self(u64::from_be_bytes(octets))
    }

    /// Returns the set as the eight octets of a header.
    pub(crate) const fn octets(self) -> [u8; HEADER_LEN] {
        self.0.to_be_bytes()
    }

    /// Returns the bits in either set.
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the bits outside the set.
    pub(crate) const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// Returns true if a bit is in both sets.
    pub(crate) const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A header as it was received. Any eight octets are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header([u8; HEADER_LEN]);

impl Header {
    /// Takes the octets that follow the UDP header.
    pub(crate) const fn parse(octets: [u8; HEADER_LEN]) -> Self {
        Self(octets)
    }

    /// Returns the header for a packet to `vni`: the I flag, the identifier, all else zero
    /// (RFC 7348 section 5: reserved fields are zero on transmission).
    pub(crate) const fn for_vni(vni: Vni) -> [u8; HEADER_LEN] {
        /// The I flag in a header that is one word.
        const FLAG: u64 = (FLAG_VNI as u64) << 32;
        (FLAG | (vni.0 as u64) << 8).to_be_bytes()
    }

    /// Returns the octets as they were received.
    pub(crate) const fn octets(self) -> [u8; HEADER_LEN] {
        self.0
    }

    /// Returns the first word, flags and reserved bits, in host order.
    pub(crate) const fn flags(self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Returns true if the I flag is set; a packet without it is not VXLAN.
    pub(crate) const fn has_vni(self) -> bool {
        self.flags() & FLAG_VNI != 0
    }

    /// Returns the network identifier.
    pub(crate) const fn vni(self) -> Vni {
        let [_, _, _, _, a, b, c, _] = self.0;
        Vni(u32::from_be_bytes([0, a, b, c]))
    }

    /// Returns true if the header has a bit set that the device holds to be reserved: the packet is
    /// malformed (`vxlan_rcv`). RFC 7348 would ignore such bits; the device's `reserved_bits`
    /// decides.
    pub(crate) const fn sets_any(self, reserved: Bits) -> bool {
        Bits::from_octets(self.0).intersects(reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet to VNI 0x123456 as RFC 7348 draws it.
    const OCTETS: [u8; HEADER_LEN] = [0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0];

    #[test]
    fn a_vni_has_24_bits() {
        assert_eq!(Vni::new(0), Some(Vni::ZERO));
        assert_eq!(Vni::new(0xff_ffff).map(Vni::get), Some(0xff_ffff));
        assert_eq!(Vni::new(0x100_0000), None);
        assert_eq!(Vni::new(u32::MAX), None);
    }

    #[test]
    fn the_header_is_that_of_the_rfc() {
        let header = Header::parse(OCTETS);
        assert_eq!(header.flags(), 0x0800_0000);
        assert!(header.has_vni());
        assert_eq!(header.vni().get(), 0x12_3456);
        assert_eq!(Header::for_vni(header.vni()), OCTETS);
    }

    #[test]
    fn by_default_all_but_the_flag_and_the_vni_is_reserved() {
        let reserved = Bits::BASE.complement();
        assert_eq!(reserved.octets(), [0xf7, 0xff, 0xff, 0xff, 0, 0, 0, 0xff]);
        assert!(!Header::parse(OCTETS).sets_any(reserved));
        assert!(Header::parse([0x08, 0, 0, 0, 0x12, 0x34, 0x56, 1]).sets_any(reserved));
    }
}
