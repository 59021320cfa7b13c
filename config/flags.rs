// SPDX-License-Identifier: GPL-2.0

//! The options of a device that are on or off, as one word.

#![forbid(unsafe_code)]

/// A set of options. The bits are those of `VXLAN_F_*` in `<net/vxlan.h>`, which the C mirror of the
/// configuration carries; `abi.rs` compares them when it is compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u32);

impl Flags {
    /// Entries are learned from received packets.
    pub(crate) const LEARN: Self = Self(0x1);
    /// The device answers ARP requests and neighbour solicitations.
    pub(crate) const PROXY: Self = Self(0x2);
    /// Routed packets are sent to the remote of their next hop.
    pub(crate) const RSC: Self = Self(0x4);
    /// Unknown Ethernet addresses are told to user space.
    pub(crate) const L2MISS: Self = Self(0x8);
    /// Unknown IP addresses are told to user space.
    pub(crate) const L3MISS: Self = Self(0x10);
    /// The configured addresses are IPv6.
    pub(crate) const IPV6: Self = Self(0x20);
    /// No UDP checksum is sent over IPv4.
    pub(crate) const UDP_ZERO_CSUM_TX: Self = Self(0x40);
    /// No UDP checksum is sent over IPv6.
    pub(crate) const UDP_ZERO_CSUM6_TX: Self = Self(0x80);
    /// No UDP checksum is needed over IPv6.
    pub(crate) const UDP_ZERO_CSUM6_RX: Self = Self(0x100);
    /// Remote checksum offload is used when sending.
    pub(crate) const REMCSUM_TX: Self = Self(0x200);
    /// Remote checksum offload is understood when receiving.
    pub(crate) const REMCSUM_RX: Self = Self(0x400);
    /// Group based policy.
    pub(crate) const GBP: Self = Self(0x800);
    /// Remote checksum offload makes no partial checksums.
    pub(crate) const REMCSUM_NOPARTIAL: Self = Self(0x1000);
    /// The remote of each packet is told with the packet ("external").
    pub(crate) const COLLECT_METADATA: Self = Self(0x2000);
    /// Generic protocol extension.
    pub(crate) const GPE: Self = Self(0x4000);
    /// The configured addresses are valid on one link only.
    pub(crate) const IPV6_LINKLOCAL: Self = Self(0x8000);
    /// The outer TTL is the inner one.
    pub(crate) const TTL_INHERIT: Self = Self(0x1_0000);
    /// The device has a table of the VNIs that it receives.
    pub(crate) const VNIFILTER: Self = Self(0x2_0000);
    /// Packets to a device of the same host are handed over without encapsulation.
    pub(crate) const LOCALBYPASS: Self = Self(0x8_0000);
    /// Outer packets to groups are routed by the host's multicast router.
    pub(crate) const MC_ROUTE: Self = Self(0x10_0000);

    /// No option.
    pub(crate) const NONE: Self = Self(0);

    /// What the devices of a socket must have in common, `VXLAN_F_RCV_FLAGS`.
    pub(crate) const RECEIVE: Self = Self::NONE
        .with(Self::GBP)
        .with(Self::GPE)
        .with(Self::UDP_ZERO_CSUM6_RX)
        .with(Self::REMCSUM_RX)
        .with(Self::REMCSUM_NOPARTIAL)
        .with(Self::COLLECT_METADATA)
        .with(Self::VNIFILTER);

    /// What goes together with [`Flags::GPE`], `VXLAN_F_ALLOWED_GPE`.
    pub(crate) const ALLOWED_WITH_GPE: Self = Self::NONE
        .with(Self::GPE)
        .with(Self::IPV6)
        .with(Self::IPV6_LINKLOCAL)
        .with(Self::UDP_ZERO_CSUM_TX)
        .with(Self::UDP_ZERO_CSUM6_TX)
        .with(Self::UDP_ZERO_CSUM6_RX)
        .with(Self::COLLECT_METADATA)
        .with(Self::VNIFILTER)
        .with(Self::LOCALBYPASS)
        .with(Self::MC_ROUTE);

    /// What makes sending a frame more than a look into the table.
    pub(crate) const TRANSMIT_OTHERWISE: Self = Self::NONE
        .with(Self::PROXY)
        .with(Self::RSC)
        .with(Self::COLLECT_METADATA);

    /// What puts more than the VNI into a header that is sent.
    pub(crate) const EXTENDED_HEADER: Self = Self::NONE
        .with(Self::REMCSUM_TX)
        .with(Self::GBP)
        .with(Self::GPE);

    /// What makes more of a received header than the VNI.
    pub(crate) const EXTENDED_RECEIVE: Self = Self::NONE
        .with(Self::REMCSUM_RX)
        .with(Self::GBP)
        .with(Self::GPE);

    /// Returns the bits.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Returns whether all options of `other` are on.
    #[inline]
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether any option of `other` is on.
    #[inline]
    pub(crate) const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns whether an option is on that is not in `other`.
    pub(crate) const fn exceeds(self, other: Self) -> bool {
        self.0 & !other.0 != 0
    }

    /// Returns the set with the options of `other` on.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the options that are in both sets.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the set with the options of `other` on or off.
    pub(crate) const fn set(self, other: Self, on: bool) -> Self {
        if on {
            self.with(other)
        } else {
            Self(self.0 & !other.0)
        }
    }
}
