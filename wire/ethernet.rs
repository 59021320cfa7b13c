// SPDX-License-Identifier: GPL-2.0

//! Ethernet: addresses, the header, the types that the driver tells apart (IEEE 802.3).

#![forbid(unsafe_code)]

/// Length of the header in octets: two addresses and the type.
pub(crate) const HEADER_LEN: usize = 14;

/// Length of an address in octets.
pub(crate) const ADDR_LEN: usize = 6;

/// Types of payload, in host order (`<linux/if_ether.h>`).
pub(crate) mod ethertype {
    /// Internet Protocol version 4.
    pub(crate) const IPV4: u16 = 0x0800;
    /// Address Resolution Protocol.
    pub(crate) const ARP: u16 = 0x0806;
    /// Internet Protocol version 6.
    pub(crate) const IPV6: u16 = 0x86dd;
    /// Transparent Ethernet bridging: the payload is an Ethernet frame.
    pub(crate) const TEB: u16 = 0x6558;
    /// A customer's VLAN tag, IEEE 802.1Q.
    pub(crate) const VLAN: u16 = 0x8100;
    /// A provider's VLAN tag, IEEE 802.1ad.
    pub(crate) const SERVICE_VLAN: u16 = 0x88a8;
    /// Multiprotocol Label Switching.
    pub(crate) const MPLS: u16 = 0x8847;
    /// Network Service Header.
    pub(crate) const NSH: u16 = 0x894f;
}

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MacAddr([u8; ADDR_LEN]);

impl MacAddr {
    /// The all-zeros address, the key of the forwarding table's default entry.
    pub(crate) const ZERO: Self = Self([0; ADDR_LEN]);

    /// Takes the octets in the order of transmission.
    pub(crate) const fn new(octets: [u8; ADDR_LEN]) -> Self {
        Self(octets)
    }

    /// Takes an address of unknown length, as an attribute carries it. None if it is not six
    /// octets.
    pub(crate) fn from_slice(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }

    /// Returns the octets in the order of transmission.
    pub(crate) const fn octets(self) -> [u8; ADDR_LEN] {
        self.0
    }

    /// Returns true for 00:00:00:00:00:00.
    pub(crate) const fn is_zero(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Returns true if the group bit is set, which the broadcast address has too.
    pub(crate) const fn is_multicast(self) -> bool {
        let [first, ..] = self.0;
        first & 1 != 0
    }

    /// Returns true if a station may own the address: neither a group nor zero
    /// (`is_valid_ether_addr`).
    pub(crate) const fn is_valid(self) -> bool {
        !self.is_multicast() && !self.is_zero()
    }
}

/// A parsed Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Who the frame is for.
    pub(crate) destination: MacAddr,
    /// Who sent it.
    pub(crate) source: MacAddr,
    /// The type field, in host order; below 1536 it is a length.
    pub(crate) ethertype: u16,
}

impl Header {
    /// Takes the first octets of a frame.
    pub(crate) const fn parse(octets: [u8; HEADER_LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = octets;
        Self {
            destination: MacAddr([a, b, c, d, e, f]),
            source: MacAddr([g, h, i, j, k, l]),
            ethertype: u16::from_be_bytes([m, n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_classified_as_by_the_kernel() {
        let valid = MacAddr::new([0x02, 0, 0, 0, 0, 0x01]);
        let group = MacAddr::new([0x01, 0, 0x5e, 0, 0, 0x01]);
        let broadcast = MacAddr::new([0xff; ADDR_LEN]);
        assert!(valid.is_valid() && !valid.is_multicast() && !valid.is_zero());
        assert!(!MacAddr::ZERO.is_valid() && MacAddr::ZERO.is_zero());
        assert!(!group.is_valid() && group.is_multicast());
        assert!(!broadcast.is_valid() && broadcast.is_multicast());
    }

    #[test]
    fn a_header_is_two_addresses_and_a_type() {
        let header = Header::parse([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x86, 0xdd]);
        assert_eq!(header.destination.octets(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(header.source.octets(), [7, 8, 9, 10, 11, 12]);
        assert_eq!(header.ethertype, ethertype::IPV6);
    }
}
