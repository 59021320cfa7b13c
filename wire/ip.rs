// SPDX-License-Identifier: GPL-2.0

//! What the driver reads of IP headers, inner and outer (RFC 791, RFC 8200).

#![forbid(unsafe_code)]

use super::ethernet::ethertype;

/// The address of a tunnel endpoint or group in the underlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Addr {
    /// IPv4, octets in the order of the wire.
    V4([u8; 4]),
}

impl Addr {
    /// 0.0.0.0: no address.
    pub(crate) const ANY_V4: Self = Self::V4([0; 4]);

    /// Returns true for the unspecified address.
    pub(crate) const fn is_any(self) -> bool {
        match self {
            Self::V4(octets) => matches!(octets, [0, 0, 0, 0]),
        }
    }

    /// Returns true for a group: 224.0.0.0/4.
    pub(crate) const fn is_multicast(self) -> bool {
        match self {
            Self::V4([first, ..]) => first & 0xf0 == 0xe0,
        }
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
}

impl Summary {
    /// For a payload that is not IP, the kernel's tunnels take zero for both fields.
    pub(crate) const NOT_IP: Self = Self { dsfield: 0, ttl: 0 };

    /// Reads a header whose version `protocol` says, an ethertype in host order (as
    /// `ip_tunnel_get_dsfield` and `ip_tunnel_get_ttl`; the version field is not looked at).
    /// Returns None if `protocol` is not IP.
    pub(crate) const fn parse(protocol: u16, octets: [u8; SUMMARY_LEN]) -> Option<Self> {
        let [first, second, _, _, _, _, _, eighth, ninth] = octets;
        match protocol {
            ethertype::IPV4 => Some(Self {
                dsfield: second,
                ttl: ninth,
            }),
            ethertype::IPV6 => Some(Self {
                dsfield: (first << 4) | (second >> 4),
                ttl: eighth,
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
        let expected = |ttl| Some(Summary { dsfield: 0xb9, ttl });
        assert_eq!(Summary::parse(ethertype::IPV4, v4), expected(63));
        assert_eq!(Summary::parse(ethertype::IPV6, v6), expected(62));
        assert_eq!(Summary::parse(ethertype::TEB, v4), None);
    }

    #[test]
    fn groups_are_class_d() {
        for (octets, group) in [
            ([223, 255, 255, 255], false),
            ([224, 0, 0, 0], true),
            ([239, 255, 255, 255], true),
            ([240, 0, 0, 0], false),
        ] {
            assert_eq!(Addr::V4(octets).is_multicast(), group);
        }
        assert!(Addr::ANY_V4.is_any() && !Addr::V4([0, 0, 0, 1]).is_any());
    }
}
