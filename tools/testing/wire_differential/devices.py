# SPDX-License-Identifier: GPL-2.0
"""Random set-ups: tunnels with every option of the data path, their tables, and changes."""

import struct
from dataclasses import dataclass, field

import values
from lib import rtnl
from lib import uapi as u
from lib.uapi import NDA, VX
from links import CREATE, ifinfomsg, linkinfo
from message import Attr, Message, NsFd
from names import IFLA, NHA, RTM_NEWNEXTHOP

OWN = {4: ("10.0.0.1", "10.0.1.1"), 6: ("fd00::1", "fd01::1")}
REMOTES = {4: ("10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.1.2", "10.0.1.3"),
           6: ("fd00::2", "fd00::3", "fd00::4", "fd01::2", "fd01::3")}
ODD_REMOTES = {4: ("198.51.100.7", "203.0.113.5", "192.0.2.77", "10.0.0.77", "127.0.0.1",
                   "10.0.0.255", "255.255.255.255", *OWN[4], *OWN[4]),
               6: ("2001:db8:7::7", "2001:db8:bad::1", "2001:db8:ffff::1", "fd00::77", "::1",
                   "fe80::2", *OWN[6], *OWN[6])}
GROUPS = {4: ("239.1.1.1", "239.1.1.2"), 6: ("ff05::1", "ff02::99")}
STATIONS = tuple(bytes.fromhex("02d1ff0002") + bytes([number]) for number in range(1, 7))
BROADCAST, MULTICAST, ZERO = b"\xff" * 6, b"\x01\0\x5e\1\1\1", bytes(6)
VNIS, PORTS = (10, 11, 12, 13), (4789, 4789, 4789, 8472)
NEIGHBOURS = {4: tuple(f"192.0.2.{number}" for number in range(1, 7)),
              6: tuple(f"2001:db8:1::{number}" for number in range(1, 7))}
BRIDGE, TAP = 5, 4
OPTION_CLASSES = ("external", "gpe", "gbp", "remcsum", "proxy", "miss", "df", "mcroute", "netns",
                  "bridge", "nexthop", "groups", "limit", "reserved", "changes", "offloads",
                  "fragments", "errors", "mutations", "ipv6", "clones", "mtu")


@dataclass
class Tunnel:
    """A device as the generator made it, so that packets can be aimed at it."""

    number: int
    family: int
    vni: int
    port: int
    ns: str = "a"
    shares: bool = False                # the socket of the first one
    options: dict = field(default_factory=dict)

    @property
    def index(self):
        return 11 + self.number

    @property
    def name(self):
        return f"vx{self.number}"

    @property
    def mac(self):
        return b"\2\xd1\xff\0\0" + bytes([self.index])

    def has(self, option):
        return bool(self.options.get(option))


@dataclass
class Setup:
    """What a case starts with."""

    rng: object
    wanted: frozenset
    steps: list = field(default_factory=list)
    tunnels: list = field(default_factory=list)
    bridged: object = None

    def may(self, kind, chance):
        return kind in self.wanted and self.rng.random() < chance


def address(family, text):
    return rtnl.ip6(text) if family == 6 else rtnl.ip4(text)


def remote(setup, family, groups=0.1, odd=0.2):
    rng = setup.rng
    if setup.may("groups", groups):
        return rng.choice(GROUPS[family])
    return rng.choice(ODD_REMOTES[family] if rng.random() < odd else REMOTES[family])


def _choose(setup, chance, kind=None):
    return setup.rng.random() < chance and (kind is None or kind in setup.wanted)


# Attribute: chance, class, values.
COMMON = {
    VX.TTL: (0.25, None, (b"\1", b"\x40", b"\xff", b"\0")),
    VX.TTL_INHERIT: (0.15, None, (b"",)),
    VX.TOS: (0.45, None, tuple(bytes([tos]) for tos in (1, 1, 1, 1, 2, 3, 0x48, 0xB8, 0xBA, 0xFF))),
    VX.DF: (0.4, "df", (b"\0", b"\1", b"\2", b"\2")),
    VX.LEARNING: (0.3, None, (b"\0", b"\1")),
    VX.PORT_RANGE: (0.3, None, tuple(struct.pack("!HH", *ports) for ports in (
        (3000, 4000), (5, 6), (1, 65535), (32768, 61000), (0, 0), (7000, 7001)))),
    VX.PROXY: (0.25, "proxy", (b"\1",)),
    VX.RSC: (0.2, "proxy", (b"\1",)),
    VX.L2MISS: (0.25, "miss", (b"\1",)),
    VX.L3MISS: (0.3, "miss", (b"\1",)),
    VX.UDP_CSUM: (0.4, None, (b"\0", b"\1")),
    VX.UDP_ZERO_CSUM6_TX: (0.4, "ipv6", (b"\0", b"\1")),
    VX.UDP_ZERO_CSUM6_RX: (0.4, "ipv6", (b"\0", b"\1")),
    VX.REMCSUM_TX: (0.2, "remcsum", (b"\1",)),
    VX.REMCSUM_RX: (0.25, "remcsum", (b"\1", b"\1", b"\0")),
    VX.REMCSUM_NOPARTIAL: (0.15, "remcsum", (b"",)),
    VX.GBP: (0.2, "gbp", (b"",)),
    VX.LOCALBYPASS: (0.3, None, (b"\0", b"\0", b"\1")),
    VX.MC_ROUTE: (0.1, "mcroute", (b"\1",)),
    VX.LIMIT: (0.15, "limit", tuple(rtnl.u32(limit) for limit in (1, 2, 3, 5))),
}
LABEL = {
    VX.LABEL: (0.4, "ipv6", tuple(struct.pack("!I", label) for label in (0, 1, 0xABCDE, 0xFFFFF))),
    VX.LABEL_POLICY: (0.3, "ipv6", (rtnl.u32(0), rtnl.u32(1), rtnl.u32(1))),
}
# Of a device with the generic protocol extension.
WITH_GPE = {VX.UDP_CSUM, VX.UDP_ZERO_CSUM6_TX, VX.UDP_ZERO_CSUM6_RX, VX.TTL, VX.TTL_INHERIT, VX.TOS,
            VX.DF, VX.PORT_RANGE, VX.LOCALBYPASS}
RECEIVE = (VX.UDP_ZERO_CSUM6_RX, VX.REMCSUM_RX, VX.REMCSUM_NOPARTIAL, VX.GBP)
CHANGEABLE = (VX.TTL, VX.TOS, VX.DF, VX.LEARNING, VX.LOCALBYPASS)


def _options(setup, tunnel):
    """IFLA_INFO_DATA of a new tunnel."""
    rng, family = setup.rng, tunnel.family
    options = {VX.ID: rtnl.u32(tunnel.vni), VX.PORT: rtnl.be16(tunnel.port)}
    table = {**COMMON, **(LABEL if family == 6 else {})}
    external = _choose(setup, 0.16, "external") and not tunnel.shares
    gpe = external and _choose(setup, 0.35, "gpe")
    for option, (chance, kind, choice) in table.items():
        if _choose(setup, chance, kind) and not (gpe and option not in WITH_GPE):
            options[option] = rng.choice(choice)
    if external:
        options[VX.COLLECT_METADATA] = b"\1"
        if gpe:
            options[VX.GPE] = b""
    if not external or rng.random() < 0.2:
        _addresses(setup, tunnel, options)
    elif family == 6:
        options[VX.LOCAL6] = bytes(16)
    if tunnel.shares:
        _same_socket(setup.tunnels[0].options, options)
    if _choose(setup, 0.2, "reserved"):
        options[VX.RESERVED_BITS] = _reserved(rng, options)
    return options


def _same_socket(first, options):
    """One socket is shared by tunnels that receive in the same way."""
    for option in RECEIVE:
        if option in first:
            options[option] = first[option]
        else:
            options.pop(option, None)


def _reserved(rng, options):
    """Bits that a peer may not set, mostly without those that an option uses."""
    used = 0x08000000_FFFFFF00
    used |= 0x00200000_000000FF if VX.REMCSUM_RX in options else 0
    used |= 0x8048FFFF_00000000 if VX.GBP in options else 0
    used |= 0x370000FF_00000000 if VX.GPE in options else 0
    bits = int.from_bytes(values.reserved(rng), "big")
    if rng.random() < 0.3:
        bits = rng.getrandbits(64)
    return (bits if rng.random() < 0.03 else bits & ~used).to_bytes(8, "big")


def _addresses(setup, tunnel, options):
    rng, family = setup.rng, tunnel.family
    group, local = (VX.GROUP6, VX.LOCAL6) if family == 6 else (VX.GROUP, VX.LOCAL)
    link = rng.choice((0, 0, 2, 2, 3))
    if rng.random() < 0.75:
        options[group] = address(family, remote(setup, family, 0.25, 0.25))
        if options[group][0] & 0xF0 == 0xE0 or options[group][0] in (0xFF, 0xFE):
            link = link or 2
    if rng.random() < 0.4:
        options[local] = address(family, rng.choice(OWN[family]))
    elif family == 6 and group not in options:
        options[local] = bytes(16)
    if link:
        options[VX.LINK] = rtnl.u32(link)


def tunnel(setup, number):
    """The messages that make a tunnel."""
    rng = setup.rng
    family = 6 if setup.may("ipv6", 0.42) else 4
    found = Tunnel(number, family, VNIS[number] if rng.random() < 0.9 else rng.choice(VNIS),
                   rng.choice(PORTS))
    if number:
        first = setup.tunnels[0]
        found.shares = rng.random() < 0.75 and not first.has(VX.COLLECT_METADATA)
        if found.shares:
            found.family, found.port = first.family, first.port
        elif rng.random() < 0.95:
            found.port = 5000 + number
    found.options = _options(setup, found)
    if found.has(VX.COLLECT_METADATA) and VX.GPE in found.options:
        found.port = 4790
        found.options[VX.PORT] = rtnl.be16(4790)
    if found.port == 8472 and rng.random() < 0.6:
        del found.options[VX.PORT]                      # It is the default.
    setup.tunnels.append(found)
    data = [Attr(kind, value) for kind, value in found.options.items()]
    attrs = [Attr(IFLA.IFNAME, rtnl.text(found.name)), Attr(IFLA.ADDRESS, found.mac),
             linkinfo(data)]
    if setup.may("mtu", 0.25):
        attrs.append(Attr(IFLA.MTU, rtnl.u32(rng.choice((68, 1280, 1430, 1450, 1500, 9000)))))
    if setup.may("netns", 0.12):
        found.ns = "b"
        attrs.append(Attr(IFLA.NET_NS_FD, NsFd("b")))
    up = 0 if rng.random() < 0.04 else u.IFF_UP
    setup.steps.append(Message("a", u.RTM_NEWLINK, CREATE, ifinfomsg(found.index, up, up), attrs))
    return found


def entry(setup, into, how=None):
    """A message that puts an entry into a tunnel's table."""
    rng, family = setup.rng, into.family
    station = rng.choice(STATIONS) if rng.random() < 0.7 else rng.choice(
        (ZERO, ZERO, BROADCAST, MULTICAST, into.mac, rng.choice(setup.tunnels).mac))
    attrs = [Attr(NDA.LLADDR, station), Attr(NDA.DST, address(family, remote(setup, family)))]
    if rng.random() < 0.06:
        attrs[1].value = bytes(len(attrs[1].value))     # Where the station is on this side.
    if rng.random() < 0.15:
        attrs.append(Attr(NDA.PORT, rtnl.be16(rng.choice((4789, 8472, 5000)))))
    if rng.random() < 0.2:
        attrs.append(Attr(NDA.VNI, rtnl.u32(rng.choice((*VNIS, 0, 0xFFFFFF)))))
    if rng.random() < 0.2 or attrs[1].value[0] in (0xFE, 0xFF, 0xEF):
        attrs.append(Attr(NDA.IFINDEX, rtnl.u32(rng.choice((2, 2, 3)))))
    if into.has(VX.COLLECT_METADATA):
        attrs.append(Attr(NDA.SRC_VNI, rtnl.u32(rng.choice(VNIS))))
    group = station[0] & 1 or station == ZERO
    how = how or (u.NLM_F_APPEND if group else rng.choice((u.NLM_F_EXCL, u.NLM_F_REPLACE)))
    flags = u.NTF_SELF | (u.NTF_ROUTER if rng.random() < 0.3 else 0)
    state = rng.choice((u.NUD_PERMANENT, u.NUD_REACHABLE, u.NUD_NOARP | u.NUD_REACHABLE))
    return Message(into.ns, u.RTM_NEWNEIGH, u.NLM_F_ACK | u.NLM_F_CREATE | how,
                   values.header(into.index, state, flags), attrs)


def nexthops(setup, into):
    """Nexthops, a group of them, and a station behind it."""
    rng, family = setup.rng, into.family
    number = 1 + 10 * into.number
    kind = u.AF_BRIDGE and (10 if family == 6 else 2)
    for which, gateway in enumerate(rng.sample(REMOTES[family], 2)):
        yield Message(into.ns, RTM_NEWNEXTHOP, u.NLM_F_ACK | u.NLM_F_CREATE,
                      struct.pack("=BBBBI", kind, 0, 0, 0, 0),
                      [Attr(NHA.ID, rtnl.u32(number + which)), Attr(NHA.FDB, b""),
                       Attr(NHA.GATEWAY, address(family, gateway))])
    members = b"".join(struct.pack("=IBBH", number + which, rng.choice((0, 2)), 0, 0)
                       for which in range(2))
    yield Message(into.ns, RTM_NEWNEXTHOP, u.NLM_F_ACK | u.NLM_F_CREATE, bytes(8),
                  [Attr(NHA.ID, rtnl.u32(100 + number)), Attr(NHA.GROUP, members), Attr(NHA.FDB, b"")])
    for station in rng.sample(STATIONS, 2):
        attrs = [Attr(NDA.LLADDR, station), Attr(NDA.NH_ID, rtnl.u32(100 + number))]
        if into.has(VX.COLLECT_METADATA):
            attrs.append(Attr(NDA.SRC_VNI, rtnl.u32(rng.choice(VNIS))))
        yield Message(into.ns, u.RTM_NEWNEIGH, u.NLM_F_ACK | u.NLM_F_CREATE,
                      values.header(into.index, u.NUD_PERMANENT), attrs)


def neighbour(setup, into):
    """Somebody whose address is known on the tunnel, to be answered for."""
    rng = setup.rng
    family = rng.choice((4, 6))
    attrs = [Attr(NDA.DST, address(family, rng.choice(NEIGHBOURS[family]))),
             Attr(NDA.LLADDR, rng.choice(STATIONS) if rng.random() < 0.9 else into.mac)]
    state = rng.choice((u.NUD_PERMANENT, u.NUD_PERMANENT, u.NUD_NOARP, u.NUD_STALE))
    return Message(into.ns, u.RTM_NEWNEIGH, u.NLM_F_ACK | u.NLM_F_CREATE | u.NLM_F_REPLACE,
                   values.header(into.index, state, 0, 10 if family == 6 else 2), attrs)


def bridged(port):
    """A message that puts a tunnel into the bridge."""
    return Message("a", u.RTM_SETLINK, u.NLM_F_ACK, ifinfomsg(port.index),
                   [Attr(IFLA.MASTER, rtnl.u32(BRIDGE))])


def change(setup, of):
    """A change of a tunnel, of its table, or of what is below."""
    rng, roll = setup.rng, setup.rng.random()
    if roll < 0.4:
        options = {option: rng.choice(COMMON[option][2])
                   for option in rng.sample(CHANGEABLE, rng.choice((1, 1, 2)))}
        return Message(of.ns, u.RTM_NEWLINK, u.NLM_F_ACK, ifinfomsg(of.index),
                       [linkinfo([Attr(kind, value) for kind, value in options.items()])])
    if roll < 0.65:
        return entry(setup, of)
    if roll < 0.75:
        return Message(of.ns, u.RTM_DELNEIGH, u.NLM_F_ACK, values.header(of.index),
                       [Attr(NDA.LLADDR, rng.choice((*STATIONS, ZERO)))])
    if roll < 0.85:
        up = rng.choice((0, u.IFF_UP, u.IFF_UP))
        return Message(of.ns, u.RTM_SETLINK, u.NLM_F_ACK, ifinfomsg(of.index, up, u.IFF_UP))
    mtu = rtnl.u32(rng.choice((1280, 1350, 1400, 1500, 1500)))
    index = rng.choice((2, 3)) if rng.random() < 0.7 else of.index
    return Message("a" if index < 10 else of.ns, u.RTM_SETLINK, u.NLM_F_ACK, ifinfomsg(index),
                   [Attr(IFLA.MTU, mtu)])
