# SPDX-License-Identifier: GPL-2.0
"""Values that attributes may have: the usual, the odd, the edges."""

import struct

from lib import rtnl
from lib import uapi as u
from lib.uapi import VX

ADDRESSES = ("10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.1.9", "127.0.0.1", "0.0.0.0",
             "255.255.255.255")
GROUPS = ("239.1.1.1", "239.1.1.2", "224.0.0.1")
ADDRESSES6 = ("fd00::2", "fd00::3", "fd00::4", "2001:db8::9", "::1", "::", "fe80::2", "fe80::3",
              "::ffff:10.0.0.2")
GROUPS6 = ("ff05::1", "ff05::2", "ff02::99")
STATIONS = tuple(f"02:d1:ff:00:02:{number:02x}" for number in range(1, 6))
ODD_STATIONS = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01",
                "33:33:00:00:00:01", "02:d1:ff:00:00:0b")
PORTS = (4789, 8472, 4790, 5000, 1, 65535, 0)
VNIS = (10, 11, 12, 13, 0, 1, 0xFFFFFF)
BAD_VNIS = (0x1000000, 0xFFFFFFFF)
# Nothing may get old while a sequence runs.
AGES = (30, 60, 300, 1000, 86400, 0)
NUD = {"permanent": 0x80, "reachable": 0x02, "static": 0x42, "noarp": 0x40, "both": 0xC0}
ODD_NUD = (0, 0x04, 0x01, 0x20, 0xFF, 0xFFFF, 0xC2)
NTF = (0x02, 0x02, 0x02, 0x82, 0x12, 0x92)
ODD_NTF = (0x00, 0x03, 0x04, 0x06, 0x0A, 0x22, 0x42, 0xFE, 0xFF)


def rarely(rng, chance=0.06):
    return rng.random() < chance


def ip4(rng, groups=0.2):
    return rtnl.ip4(rng.choice(GROUPS if rng.random() < groups else ADDRESSES))


def ip6(rng, groups=0.2):
    return rtnl.ip6(rng.choice(GROUPS6 if rng.random() < groups else ADDRESSES6))


def vni(rng):
    if rarely(rng, 0.04):
        return rtnl.u32(rng.choice(BAD_VNIS))
    return rtnl.u32(rng.choice(VNIS[:4] if rng.random() < 0.7 else VNIS))


def port(rng):
    return rtnl.be16(rng.choice(PORTS[:2] if rng.random() < 0.6 else PORTS))


def lladdr(rng):
    return rtnl.mac(rng.choice(ODD_STATIONS if rarely(rng, 0.15) else STATIONS))


def lower(rng, ns):
    """Index of a device to tunnel over, sometimes one that is no such."""
    if rarely(rng, 0.08):
        return rng.choice((0, 1, 999, 11, 12, 0xFFFFFFFF))
    return rng.choice((2, 2, 2, 3, 3, 4)) if ns == "a" else 5


def boolean(rng):
    return bytes([rng.choice((0, 1, 1, 1, 2, 255))])


def bit(rng):
    """Of the attributes whose policy knows but 0 and 1."""
    return bytes([2 if rarely(rng) else rng.choice((0, 1))])


def octet(rng):
    return bytes([rng.choice((0, 1, 2, 3, 64, 252, 255))])


def count(rng):
    return rtnl.u32(rng.choice((0, 1, 2, 3, 5, 1000, 0xFFFFFFFF)))


def source_ports(rng):
    low, high = rng.choice(((0, 0), (0, 0), (3000, 4000), (1000, 2000), (5, 5), (1, 65535), (32768, 61000),
                            (2000, 1000), (0, 1), (1, 0)))
    return struct.pack("!HH", low, high)


def reserved(rng):
    return bytes.fromhex(rng.choice((
        "0000000000000000", "f7ffffff000000ff", "0000000000000001", "00000000000000ff",
        "0800000000000000", "ffffffffffffffff", "8000000000000000", "0020000000000000",
        "77800000000000ff", "f400000000000000")))


def label(rng):
    return struct.pack("!I", rng.choice((0, 1, 0xABCDE, 0xFFFFF, 0x100000, 0xFFFFFFFF)))


def mtu(rng):
    if rarely(rng, 0.15):
        return rtnl.u32(rng.choice((67, 0, 65536, 0xFFFFFFFF)))
    return rtnl.u32(rng.choice((68, 1280, 1400, 1430, 1450, 1500, 8950, 9000, 65535)))


# Attribute: how to make a value, how often it is there, which class it belongs to.
OPTIONS = {
    VX.ID: (vni, 0.97, None),
    VX.GROUP: (ip4, 0.35, None),
    VX.GROUP6: (ip6, 0.35, "ipv6"),
    VX.LINK: (count, 0.5, None),
    VX.LOCAL: (lambda rng: ip4(rng, 0.05), 0.25, None),
    VX.LOCAL6: (lambda rng: ip6(rng, 0.05), 0.25, "ipv6"),
    VX.TTL: (octet, 0.2, None),
    VX.TOS: (octet, 0.2, None),
    VX.LEARNING: (boolean, 0.2, None),
    VX.AGEING: (lambda rng: rtnl.u32(rng.choice(AGES)), 0.2, None),
    VX.LIMIT: (count, 0.1, None),
    VX.PORT_RANGE: (source_ports, 0.1, None),
    VX.PROXY: (boolean, 0.1, "proxy"),
    VX.RSC: (boolean, 0.1, "proxy"),
    VX.L2MISS: (boolean, 0.1, "proxy"),
    VX.L3MISS: (boolean, 0.1, "proxy"),
    VX.PORT: (port, 0.7, None),
    VX.UDP_CSUM: (boolean, 0.15, None),
    VX.UDP_ZERO_CSUM6_TX: (boolean, 0.1, "ipv6"),
    VX.UDP_ZERO_CSUM6_RX: (boolean, 0.1, "ipv6"),
    VX.REMCSUM_TX: (boolean, 0.06, "extensions"),
    VX.REMCSUM_RX: (boolean, 0.06, "extensions"),
    VX.GBP: (lambda rng: b"", 0.08, "extensions"),
    VX.REMCSUM_NOPARTIAL: (lambda rng: b"", 0.06, "extensions"),
    VX.COLLECT_METADATA: (boolean, 0.12, "external"),
    VX.LABEL: (label, 0.12, "ipv6"),
    VX.GPE: (lambda rng: b"", 0.06, "external"),
    VX.TTL_INHERIT: (lambda rng: b"", 0.08, None),
    VX.DF: (lambda rng: bytes([rng.choice((0, 1, 2) * 4 + (3, 255))]), 0.12, "df"),
    VX.VNIFILTER: (boolean, 0.08, "vnifilter"),
    VX.LOCALBYPASS: (bit, 0.12, None),
    VX.LABEL_POLICY: (lambda rng: rtnl.u32(rng.choice((0, 1) * 5 + (2,))), 0.08, "ipv6"),
    VX.RESERVED_BITS: (reserved, 0.1, None),
    VX.MC_ROUTE: (bit, 0.08, "mcroute"),
}
# What cannot be changed is asked for less often when changing.
FIXED = {VX.ID, VX.LIMIT, VX.PORT_RANGE, VX.PORT, VX.UDP_CSUM, VX.RESERVED_BITS, VX.GBP, VX.GPE,
         VX.COLLECT_METADATA, VX.REMCSUM_TX, VX.REMCSUM_RX, VX.REMCSUM_NOPARTIAL, VX.PROXY,
         VX.RSC, VX.L2MISS, VX.L3MISS, VX.VNIFILTER}


def neighbour_state(rng):
    return rng.choice(ODD_NUD) if rarely(rng) else rng.choice(
        (NUD["permanent"],) * 3 + (NUD["reachable"], NUD["static"]) * 2 + (NUD["both"],))


def neighbour_flags(rng):
    return rng.choice(ODD_NTF) if rarely(rng) else rng.choice(NTF)


def header(index, state=0, flags=u.NTF_SELF, family=u.AF_BRIDGE):
    """struct ndmsg."""
    return struct.pack("=BxHiHBB", family, 0, index, state, flags, 0)
