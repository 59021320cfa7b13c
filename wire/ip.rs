// SPDX-License-Identifier: GPL-2.0

//! What the driver reads of IP headers, inner and outer (RFC 791, RFC 8200).

#![forbid(unsafe_code)]

use super::ethernet::ethertype;

/// The address of a tunnel endpoint or group in the underlay, its octets in the order of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Addr {
    /// IPv4.
    V4([u8; 4]),
    /// IPv6.
    V6([u8; 16]),
}

/// The IP version of an underlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Returns the unspecified address of the family.
    pub(crate) const fn any(self) -> Addr {
        match self {
            Self::V4 => Addr::V4([0; 4]),
            Self::V6 => Addr::V6([0; 16]),
        }
    }

    /// Returns the address by which a host of the family reaches itself.
    pub(crate) const fn loopback(self) -> Addr {
        match self {
            Self::V4 => Addr::V4([127, 0, 0, 1]),
            Self::V6 => Addr::V6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        }
    }

    /// Returns the length of an IP header without options.
    pub(crate) const fn header_len(self) -> u16 {
        match self {
            Self::V4 => 20,
            Self::V6 => 40,
        }
    }
}

impl Addr {
    /// Returns the family.
    #[inline]
    pub(crate) const fn family(self) -> Family {
        match self {
            Self::V4(_) => Family::V4,
            Self::V6(_) => Family::V6,
        }
    }

    /// Returns true for the unspecified address: 0.0.0.0, `::`.
    #[inline]
    pub(crate) const fn is_any(self) -> bool {
        match self {
            Self::V4(octets) => u32::from_ne_bytes(octets) == 0,
            Self::V6(octets) => u128::from_ne_bytes(octets) == 0,
        }
    }

    /// Returns true for a group: 224.0.0.0/4, `ff00::/8`.
    #[inline]
    pub(crate) const fn is_multicast(self) -> bool {
        match self {
            Self::V4([first, ..]) => first & 0xf0 == 0xe0,
            Self::V6([first, ..]) => first == 0xff,
        }
    }

    /// Returns true for a station's address that is valid on one link only: `fe80::/10` (RFC 4291
    /// section 2.5.6). IPv4's 169.254.0.0/16 is not treated so.
    pub(crate) const fn is_link_local_unicast(self) -> bool {
        match self {
            Self::V4(_) => false,
            Self::V6([first, second, ..]) => first == 0xfe && second & 0xc0 == 0x80,
        }
    }

    /// Returns true for an address, of a station or a group, whose scope is the link: `fe80::/10`,
    /// and `ffx2::/16` (RFC 4291 section 2.7).
    pub(crate) const fn is_link_local(self) -> bool {
        match self {
            Self::V6([0xff, second, ..]) => second & 0x0f == 2,
            _ => self.is_link_local_unicast(),
        }
    }
}

/// Returns the DS field, six bits of DSCP and two of ECN, of the IP header that starts with `octets`,
/// whose version `protocol` says, an ethertype in host order. None if it is not IP.
#[inline]
pub(crate) const fn dsfield(protocol: u16, octets: [u8; 2]) -> Option<u8> {
    let [first, second] = octets;
    match protocol {
        ethertype::IPV4 => Some(second),
        ethertype::IPV6 => Some((first << 4) | (second >> 4)),
        _ => None,
    }
}

/// Octets from the start of an IP header, of either version, that [`Summary::parse`] looks at.
pub(crate) const SUMMARY_LEN: usize = 9;

/// The fields of an inner IP header that an outer header may take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// IPv4 type of service, IPv6 traffic class: six bits of DSCP, then two of ECN.
    pub(crate) dsfield: u8,
    /// IPv4 time to live, IPv6 hop limit.
    pub(crate) ttl: u8,
    /// IPv6 flow label, 20 bits; 0 for IPv4.
    pub(crate) flow_label: u32,
    /// The IPv4 don't-fragment flag.
    pub(crate) dont_fragment: bool,
}

impl Summary {
    /// For a payload that is not IP, the kernel's tunnels take zero for all fields.
    pub(crate) const NOT_IP: Self = Self {
        dsfield: 0,
        ttl: 0,
        flow_label: 0,
        dont_fragment: false,
    };

    /// Reads a header whose version `protocol` says, an ethertype in host order (as
    /// `ip_tunnel_get_dsfield` and its like do; the version field is not looked at).
    /// Returns None if `protocol` is not IP.
    pub(crate) const fn parse(protocol: u16, octets: [u8; SUMMARY_LEN]) -> Option<Self> {
        let [first, second, third, fourth, _, _, seventh, eighth, ninth] = octets;
        match protocol {
            ethertype::IPV4 => Some(Self {
                dsfield: second,
                ttl: ninth,
                flow_label: 0,
                dont_fragment: seventh & 0x40 != 0,
            }),
            ethertype::IPV6 => Some(Self {
                dsfield: (first << 4) | (second >> 4),
                ttl: eighth,
                flow_label: u32::from_be_bytes([0, second & 0x0f, third, fourth]),
                dont_fragment: false,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_versions_keep_their_fields_in_different_places() {
        let v4 = [0x45, 0xb9, 0, 84, 0x12, 0x34, 0x40, 0, 63];
        let v6 = [0x6b, 0x95, 0x67, 0x89, 0, 64, 58, 62, 0xfe];
        let summary = |ttl, flow_label, dont_fragment| {
            Some(Summary {
                dsfield: 0xb9,
                ttl,
                flow_label,
                dont_fragment,
            })
        };
        assert_eq!(Summary::parse(ethertype::IPV4, v4), summary(63, 0, true));
        assert_eq!(
            Summary::parse(ethertype::IPV6, v6),
            summary(62, 0x56789, false)
        );
        assert_eq!(Summary::parse(ethertype::TEB, v4), None);
    }

    #[test]
    fn groups_are_class_d_and_ff() {
        for (octets, group) in [
            ([223, 255, 255, 255], false),
            ([224, 0, 0, 0], true),
            ([239, 255, 255, 255], true),
            ([240, 0, 0, 0], false),
        ] {
            assert_eq!(Addr::V4(octets).is_multicast(), group);
        }
        assert!(v6(0xff, 0x0e).is_multicast() && !v6(0xfe, 0xff).is_multicast());
    }

    fn v6(first: u8, second: u8) -> Addr {
        Addr::V6([first, second, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    }

    #[test]
    fn the_unspecified_address_is_all_zero() {
        for family in [Family::V4, Family::V6] {
            assert!(family.any().is_any() && !family.loopback().is_any());
            assert_eq!(family.any().family(), family);
            assert_eq!(family.loopback().family(), family);
        }
    }

    #[test]
    fn link_scope_is_of_ipv6_alone() {
        for (first, second, unicast, any) in [
            (0xfe, 0x80, true, true),
            (0xfe, 0xbf, true, true),
            (0xfe, 0xc0, false, false),
            (0xfe, 0x7f, false, false),
            (0xff, 0x02, false, true),
            (0xff, 0x12, false, true),
            (0xff, 0x05, false, false),
            (0x20, 0x01, false, false),
        ] {
            assert_eq!(v6(first, second).is_link_local_unicast(), unicast);
            assert_eq!(v6(first, second).is_link_local(), any);
        }
        assert!(!Addr::V4([169, 254, 0, 1]).is_link_local());
    }
}
