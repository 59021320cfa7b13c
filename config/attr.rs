// SPDX-License-Identifier: GPL-2.0

//! The attributes of a link request and how a refusal names them.

#![forbid(unsafe_code)]

use crate::wire::vxlan::Bits;

/// Attributes within `IFLA_INFO_DATA` of a "vxlan" link, `IFLA_VXLAN_*` of `<linux/if_link.h>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Attr {
    /// VNI, u32.
    Id = 1,
    /// IPv4 group or remote, 4 octets.
    Group = 2,
    /// Index of the lower device, u32.
    Link = 3,
    /// IPv4 source address, 4 octets.
    Local = 4,
    /// Outer TTL, u8; 0 leaves it to the route.
    Ttl = 5,
    /// Outer TOS, u8; 1 inherits it.
    Tos = 6,
    /// Learning from received packets, u8 as bool.
    Learning = 7,
    /// Ageing time in seconds, u32.
    Ageing = 8,
    /// Most entries that are learned, u32; 0 is no limit.
    Limit = 9,
    /// Source ports, two big-endian u16: low, high.
    PortRange = 10,
    /// ARP/ND proxy, u8 as bool.
    Proxy = 11,
    /// Route short-circuit, u8 as bool.
    Rsc = 12,
    /// Notification of unknown Ethernet addresses, u8 as bool.
    L2Miss = 13,
    /// Notification of unknown IP addresses, u8 as bool.
    L3Miss = 14,
    /// Destination port, big-endian u16.
    Port = 15,
    /// IPv6 group or remote, 16 octets.
    Group6 = 16,
    /// IPv6 source address, 16 octets.
    Local6 = 17,
    /// UDP checksums over IPv4, u8 as bool.
    UdpCsum = 18,
    /// Zero UDP checksums sent over IPv6, u8 as bool.
    UdpZeroCsum6Tx = 19,
    /// Zero UDP checksums accepted over IPv6, u8 as bool.
    UdpZeroCsum6Rx = 20,
    /// Remote checksum offload when sending, u8 as bool.
    RemcsumTx = 21,
    /// Remote checksum offload when receiving, u8 as bool.
    RemcsumRx = 22,
    /// Group policy extension, flag.
    Gbp = 23,
    /// Remote checksum offload without partial checksums, flag.
    RemcsumNopartial = 24,
    /// Metadata mode ("external"), u8 as bool.
    CollectMetadata = 25,
    /// IPv6 flow label, big-endian u32.
    Label = 26,
    /// Generic protocol extension, flag.
    Gpe = 27,
    /// Outer TTL from the inner header, flag.
    TtlInherit = 28,
    /// Don't-fragment bit, u8: unset, set, inherit.
    Df = 29,
    /// Table of VNIs, u8 as bool.
    VniFilter = 30,
    /// Short cut to a device of the same host, u8 as bool.
    LocalBypass = 31,
    /// Where the flow label comes from, u32.
    LabelPolicy = 32,
    /// Header bits that must be zero, 8 octets.
    ReservedBits = 33,
    /// Multicast routing of the outer packet, u8 as bool.
    McRoute = 34,
}

/// Attributes of any link that the driver has rules for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkAttr {
    /// `IFLA_ADDRESS`.
    Address,
    /// `IFLA_MTU`.
    Mtu,
}

/// What a refusal points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The request as a whole: something is missing.
    Request,
    /// An attribute of the link.
    Link(LinkAttr),
    /// An attribute of the kind.
    Vxlan(Attr),
}

/// The error numbers that refusals carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errno {
    /// EADDRNOTAVAIL.
    AddrNotAvail,
    /// EINVAL.
    Inval,
    /// ENODEV.
    NoDev,
    /// EOPNOTSUPP.
    OpNotSupp,
    /// EPERM.
    Perm,
    /// ERANGE.
    Range,
}

/// What a refusal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A text.
    Text(&'static str),
    /// Header bits are in use that must be zero: those used, those that must be zero.
    Overlap(Bits, Bits),
}

impl Message {
    /// The length of the text that [`Message::Overlap`] makes.
    pub(crate) const OVERLAP_LEN: usize = 76;

    /// Writes the text of [`Message::Overlap`].
    pub(crate) fn overlap(used: Bits, reserved: Bits) -> [u8; Self::OVERLAP_LEN] {
        const TEXT: &[u8; Message::OVERLAP_LEN] =
            b"Used bits 0x0000000000000000 cannot overlap reserved bits 0x0000000000000000";
        let mut text = *TEXT;
        write_hex(&mut text, 12, used);
        write_hex(&mut text, 60, reserved);
        text
    }
}

/// Writes the sixteen digits of `bits` over those at `offset`.
fn write_hex(text: &mut [u8], offset: usize, bits: Bits) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bits
        .octets()
        .into_iter()
        .flat_map(|octet| [octet >> 4, octet & 15]);
    for (to, nibble) in text.iter_mut().skip(offset).zip(nibbles) {
        *to = DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'?');
    }
}

/// A refusal, for the extended ack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// What is at fault.
    pub(crate) place: Place,
    /// A message for people.
    pub(crate) msg: Message,
    /// The number for programs.
    pub(crate) errno: Errno,
}

impl Invalid {
    pub(super) const fn attr(attr: Attr, errno: Errno, msg: &'static str) -> Self {
        Self {
            place: Place::Vxlan(attr),
            msg: Message::Text(msg),
            errno,
        }
    }

    pub(super) const fn link(attr: LinkAttr, errno: Errno, msg: &'static str) -> Self {
        Self {
            place: Place::Link(attr),
            msg: Message::Text(msg),
            errno,
        }
    }
}
