# SPDX-License-Identifier: GPL-2.0
"""Every attribute of a link: what is taken, what is reported, what follows from it."""

import struct

import pytest

from lib import rtnl
from lib.uapi import IFLA, INFO, VX
from test_link import DEFAULT, DEFAULT_JSON, info, shown

HERE6, THERE6, GROUP6 = "fd00::1", "fd00::2", "ff05::100"
ON, OFF = rtnl.u8(1), rtnl.u8(0)


def bits(text):
    return {VX.RESERVED_BITS: bytes.fromhex(text)}


def prepare(host):
    """What `bench` has: an IPv6 address on u0 too."""
    host.ipv6("u0")
    host.address("u0", HERE6, 64)


# One thing asked for; what IFLA_INFO_DATA then has that DEFAULT has not.
ONE = {
    "ttl": ({"ttl": 255}, {VX.TTL: rtnl.u8(255)}),
    "ttl-inherit": ({"ttl_inherit": True}, {VX.TTL_INHERIT: ON}),
    "ttl-and-inherit": ({"ttl": 9, "ttl_inherit": True},
                        {VX.TTL: rtnl.u8(9), VX.TTL_INHERIT: ON}),
    "tos": ({"tos": 0xFF}, {VX.TOS: rtnl.u8(0xFF)}),
    "df-set": ({"df": 1}, {VX.DF: ON}),
    "df-inherit": ({"df": 2}, {VX.DF: rtnl.u8(2)}),
    "df-unset": ({"df": 0}, {}),
    "learning-2": ({"learning": 2}, {}),
    "learning-0": ({"learning": 0}, {VX.LEARNING: OFF}),
    "proxy": ({"proxy": 1}, {VX.PROXY: ON}),
    "proxy-255": ({"proxy": 255}, {VX.PROXY: ON}),
    "rsc": ({"rsc": 2}, {VX.RSC: ON}),
    "l2miss": ({"l2miss": 1}, {VX.L2MISS: ON}),
    "l3miss": ({"l3miss": 128}, {VX.L3MISS: ON}),
    "external": ({"external": 1}, {VX.COLLECT_METADATA: ON}),
    "external-2": ({"external": 2}, {VX.COLLECT_METADATA: ON}),
    "external-with-id": ({"external": 1, "id": 77},
                         {VX.COLLECT_METADATA: ON, VX.ID: rtnl.u32(77)}),
    "ageing-max": ({"ageing": 0xFFFFFFFF}, {VX.AGEING: rtnl.u32(0xFFFFFFFF)}),
    "ageing-0": ({"ageing": 0}, {}),
    "limit-max": ({"limit": 0xFFFFFFFF}, {VX.LIMIT: rtnl.u32(0xFFFFFFFF)}),
    "port-max": ({"port": 65535}, {VX.PORT: rtnl.be16(65535)}),
    "udp-csum-2": ({"udp_csum": 2}, {}),
    "udp-csum-0": ({"udp_csum": 0}, {VX.UDP_CSUM: OFF}),
    "zero-csum6-tx": ({"zero_csum6_tx": 1}, {VX.UDP_ZERO_CSUM6_TX: ON}),
    "zero-csum6-rx": ({"zero_csum6_rx": 3}, {VX.UDP_ZERO_CSUM6_RX: ON}),
    "remcsum-tx": ({"remcsum_tx": 1}, {VX.REMCSUM_TX: ON}),
    "remcsum-rx": ({"remcsum_rx": 1},
                   {VX.REMCSUM_RX: ON, **bits("f7dfffff00000000")}),
    "remcsum-rx-0": ({"remcsum_rx": 0}, bits("f7dfffff00000000")),
    "nopartial": ({"nopartial": True}, {VX.REMCSUM_NOPARTIAL: b""}),
    "gbp": ({"gbp": True}, {VX.GBP: b"", **bits("77000000000000ff")}),
    "gbp-and-remcsum": ({"gbp": True, "remcsum_rx": 1},
                        {VX.GBP: b"", VX.REMCSUM_RX: ON, **bits("7700000000000000")}),
    "reserved-none": ({"reserved_bits": "00" * 8}, bits("00" * 8)),
    "reserved-all-free": ({"reserved_bits": "f7ffffff000000ff"}, {}),
    "reserved-beside-gbp": ({"gbp": True, "reserved_bits": "4000000000000000"},
                            {VX.GBP: b"", **bits("4000000000000000")}),
    "localbypass-0": ({"localbypass": 0}, {VX.LOCALBYPASS: OFF}),
    "localbypass-1": ({"localbypass": 1}, {}),
    "mcroute": ({"mcroute": 1}, {}),
    "mcroute-0": ({"mcroute": 0}, {}),
    "label-0": ({"label": 0, "label_policy": 0}, {}),
    "label-beyond-20-bits": ({"label": 0xFFF00000}, {}),
    "remote-any": ({"remote": "0.0.0.0"}, {}),
    "remote-broadcast": ({"remote": "255.255.255.255"},
                         {VX.GROUP: rtnl.ip4("255.255.255.255")}),
    "local-any": ({"local": "0.0.0.0"}, {}),
    "local-broadcast": ({"local": "255.255.255.255"},
                        {VX.LOCAL: rtnl.ip4("255.255.255.255")}),
    "local-of-nobody": ({"local": "192.0.2.77"}, {VX.LOCAL: rtnl.ip4("192.0.2.77")}),
    "remote6": ({"remote": THERE6}, {VX.GROUP6: rtnl.ip6(THERE6)}),
    "local6": ({"local": HERE6}, {VX.LOCAL6: rtnl.ip6(HERE6)}),
    "remote6-any": ({"remote6": "::"}, {}),
    "local6-any": ({"local6": "::"}, {}),
    "local6-loopback": ({"local6": "::1"}, {VX.LOCAL6: rtnl.ip6("::1")}),
    "mapped-remote6": ({"remote6": "::ffff:10.0.0.2"},
                       {VX.GROUP6: rtnl.ip6("::ffff:10.0.0.2")}),
    "label": ({"local": HERE6, "label": 0xABCDE},
              {VX.LOCAL6: rtnl.ip6(HERE6), VX.LABEL: bytes.fromhex("000abcde")}),
    "label-is-masked": ({"local": HERE6, "label": 0xFFFFFFFF},
                        {VX.LOCAL6: rtnl.ip6(HERE6), VX.LABEL: bytes.fromhex("000fffff")}),
    "label-policy": ({"local": HERE6, "label_policy": 1},
                     {VX.LOCAL6: rtnl.ip6(HERE6), VX.LABEL_POLICY: rtnl.u32(1)}),
    "label-for-any6": ({"local6": "::", "label": 5},
                       {VX.LABEL: bytes.fromhex("00000005")}),
    "remote-wins-over-remote6": ({"remote": "10.0.0.2", "remote6": THERE6},
                                 {VX.GROUP: rtnl.ip4("10.0.0.2")}),
    "local-wins-over-local6": ({"local6": HERE6, "local": "10.0.0.1"},
                               {VX.LOCAL: rtnl.ip4("10.0.0.1")}),
    "external-link-local": ({"external": 1, "local": "fe80::1"},
                            {VX.COLLECT_METADATA: ON, VX.LOCAL6: rtnl.ip6("fe80::1")}),
    "vnifilter-0": ({"vnifilter": 0}, {}),
}


@pytest.mark.parametrize("name", ONE)
def test_one_option(bench, name):
    options, changed = ONE[name]
    bench.vxlan(up=False, **options)
    assert bench.vxlan_info() == {**dict(DEFAULT), **changed}


def test_port_0_is_the_parameter(bench):
    with open("/sys/module/vxlan/parameters/udp_port", encoding="ascii") as stream:
        port = int(stream.read())
    for asked in (0, None):
        bench.vxlan(up=False, port=asked)
        assert bench.vxlan_info()[VX.PORT] == rtnl.be16(port)
        bench.link_del("vx0")


FULL6 = {
    "id": 0x123456, "remote": GROUP6, "dev": "u0", "local": HERE6, "ttl": 33,
    "tos": 0xB8, "df": 2, "label": 0x54321, "label_policy": 1, "learning": 0,
    "proxy": 1, "rsc": 1, "l2miss": 1, "l3miss": 1, "ageing": 12, "limit": 34,
    "port": 4444, "udp_csum": 0, "zero_csum6_tx": 1, "zero_csum6_rx": 1,
    "remcsum_tx": 1, "remcsum_rx": 1, "localbypass": 0, "srcport": (1, 65535),
    "gbp": True, "nopartial": True, "reserved_bits": "0100000000000000",
    "mcroute": 1,
}


def test_full_ipv6_attributes(bench):
    """Everything at once, in the order and the sizes that stock sends."""
    bench.vxlan(up=False, **FULL6)
    assert info(bench) == (b"vxlan\0", [
        (VX.ID, rtnl.u32(0x123456)),
        (VX.GROUP6, rtnl.ip6(GROUP6)),
        (VX.LINK, rtnl.u32(bench.index("u0"))),
        (VX.LOCAL6, rtnl.ip6(HERE6)),
        (VX.TTL, rtnl.u8(33)),
        (VX.TTL_INHERIT, OFF),
        (VX.TOS, rtnl.u8(0xB8)),
        (VX.DF, rtnl.u8(2)),
        (VX.LABEL, bytes.fromhex("00054321")),
        (VX.LABEL_POLICY, rtnl.u32(1)),
        (VX.LEARNING, OFF), (VX.PROXY, ON), (VX.RSC, ON), (VX.L2MISS, ON),
        (VX.L3MISS, ON), (VX.COLLECT_METADATA, OFF),
        (VX.AGEING, rtnl.u32(12)),
        (VX.LIMIT, rtnl.u32(34)),
        (VX.PORT, rtnl.be16(4444)),
        (VX.UDP_CSUM, OFF), (VX.UDP_ZERO_CSUM6_TX, ON), (VX.UDP_ZERO_CSUM6_RX, ON),
        (VX.REMCSUM_TX, ON), (VX.REMCSUM_RX, ON), (VX.LOCALBYPASS, OFF),
        (VX.PORT_RANGE, struct.pack("!HH", 1, 65535)),
        (VX.GBP, b""),
        (VX.REMCSUM_NOPARTIAL, b""),
        (VX.RESERVED_BITS, bytes.fromhex("0100000000000000")),
    ])


def test_full_ipv6_json(bench):
    bench.vxlan(up=False, **FULL6)
    link = shown(bench)
    assert (link["mtu"], link["min_mtu"], link["max_mtu"]) == (1430, 68, 65535)
    assert link["linkinfo"]["info_data"] == {
        "id": 0x123456, "group6": GROUP6, "link": "u0", "local6": HERE6,
        "port_range": {"low": 1, "high": 65535}, "port": 4444, "ttl": 33,
        "tos": "0xb8", "df": "inherit", "label": "0x54321", "ageing": 12,
        "limit": 34, "learning": False, "proxy": True, "rsc": True,
        "l2miss": True, "l3miss": True, "external": False, "udp_csum": False,
        "udp_zero_csum6_tx": True, "udp_zero_csum6_rx": True,
        "remcsum_tx": True, "remcsum_rx": True, "localbypass": False,
        "gbp": None,
        "reserved_bits": "0x100000000000000",
    }


@pytest.mark.parametrize("words, changed", [
    ("remote fd00::2", {"remote6": "fd00::2"}),
    ("group ff02::5 dev u0", {"group6": "ff02::5", "link": "u0"}),
    ("local fd00::1", {"local6": "fd00::1"}),
    ("local fe80::1 dev u0", {"local6": "fe80::1", "link": "u0"}),
    ("local fd00::1 flowlabel 0x77", {"local6": "fd00::1", "label": "0x77"}),
    ("df set", {"df": "set"}),
    ("df inherit", {"df": "inherit"}),
    ("proxy rsc l2miss l3miss",
     {"proxy": True, "rsc": True, "l2miss": True, "l3miss": True}),
    ("udp6zerocsumtx", {"udp_zero_csum6_tx": True}),
    ("udp6zerocsumrx", {"udp_zero_csum6_rx": True}),
    ("remcsumtx", {"remcsum_tx": True}),
    ("remcsumrx", {"remcsum_rx": True, "reserved_bits": "0xf7dfffff00000000"}),
    ("gbp", {"gbp": None, "reserved_bits": "0x77000000000000ff"}),
    ("external", {"id": 0, "external": True, "learning": False}),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_option_by_iproute2(bench, words, changed):
    ident = [] if words == "external" else ["id", "10"]
    bench.run("ip", "link", "add", "vx0", "type", "vxlan", *ident, "dstport", "4789",
              *words.split())
    assert shown(bench)["linkinfo"]["info_data"] == {**DEFAULT_JSON, **changed}


# -- Generic protocol extension -----------------------------------------------------

GPE = {"gpe": True, "external": 1, "learning": 0}


def test_gpe_attributes(bench):
    bench.vxlan(up=False, **GPE)
    assert bench.vxlan_info() == {
        **dict(DEFAULT), VX.LEARNING: OFF, VX.COLLECT_METADATA: ON, VX.GPE: b"",
        **bits("c2ffff00000000ff")}


@pytest.mark.parametrize("port, want", [(None, 4790), (0, 4790), (4789, 4789)])
def test_gpe_port(bench, port, want):
    """Without a port, or with port 0, it is the one that IANA gave GPE."""
    bench.vxlan(up=False, port=port, **GPE)
    assert bench.vxlan_info()[VX.PORT] == rtnl.be16(want)


def test_gpe_has_no_link_layer(bench):
    bench.vxlan(up=False, dev="u0", **GPE)
    link = shown(bench)
    assert {key: link.get(key) for key in (
        "link_type", "flags", "address", "broadcast", "mtu", "txqlen",
        "min_mtu", "max_mtu")} == {
            "link_type": "none", "flags": ["POINTOPOINT", "MULTICAST", "NOARP"],
            "address": None, "broadcast": None, "mtu": 1464, "txqlen": 1000,
            "min_mtu": 68, "max_mtu": 65535}
    assert bench.link_get("vx0").get(IFLA.ADDRESS) is None
    with bench.sysfs() as root:
        got = {}
        for name in ("type", "addr_len", "address", "uevent"):
            with open(f"{root}/class/net/vx0/{name}", encoding="ascii") as stream:
                got[name] = stream.read().strip()
    assert got == {"type": "65534", "addr_len": "0", "address": "",
                   "uevent": f"DEVTYPE=vxlan\nINTERFACE=vx0\nIFINDEX={bench.index('vx0')}"}


@pytest.mark.parametrize("options, mtu", [
    ({}, 1450), ({"local": HERE6}, 1430), ({"external": 1}, 1450),
    ({"external": 1, "local": HERE6}, 1430), (GPE, 1464),
    ({**GPE, "local": HERE6}, 1444),
], ids=["ipv4", "ipv6", "external", "external-ipv6", "gpe", "gpe-ipv6"])
def test_mtu_by_kind(bench, options, mtu):
    """What the headers take: 50 bytes, 20 more for IPv6, 14 less for GPE."""
    bench.vxlan(up=False, dev="u0", **options)
    assert bench.link_get("vx0").get(IFLA.MTU) == rtnl.u32(mtu)


@pytest.mark.parametrize("options", [
    {"zero_csum6_tx": 1}, {"zero_csum6_rx": 1}, {"udp_csum": 0}, {"localbypass": 0},
    {"mcroute": 1}, {"ttl": 3}, {"df": 1}, {"ageing": 3}, {"nopartial": None},
], ids=lambda options: "-".join(options))
def test_gpe_goes_with(bench, options):
    bench.vxlan(up=False, **GPE, **options)
    assert bench.vxlan_info()[VX.GPE] == b""


# -- What comes with the device being there --------------------------------------------

def test_reported_in_every_message(bench):
    """The kind and all of its attributes, in a dump as in the answer for one link."""
    bench.vxlan(up=False, **FULL6)
    dump = bench.link_message(16 + 2, flags=0x300)
    mine = [m for m in dump if m.get(IFLA.IFNAME) == b"vx0\0"]
    assert len(mine) == 1
    assert mine[0].get(IFLA.LINKINFO) == bench.link_get("vx0").get(IFLA.LINKINFO)
    assert rtnl.decode(mine[0].get(IFLA.LINKINFO))[0] == (INFO.KIND, b"vxlan\0")


@pytest.mark.parametrize("options, four, six", [
    ({}, [4789], []), ({"local": HERE6}, [], [4789]), ({"remote": THERE6}, [], [4789]),
    ({"local6": "::"}, [], [4789]), ({"external": 1}, [4789], [4789]),
    ({"external": 1, "local": HERE6}, [4789], [4789]), (GPE, [4789], [4789]),
], ids=["ipv4", "local6", "remote6", "any6", "external", "external6", "gpe"])
def test_sockets_by_family(bench, options, four, six):
    """A device opens the socket of its family, in metadata mode both."""
    bench.vxlan(**options)
    assert (bench.udp_ports(), bench.udp6_ports()) == (four, six)
    bench.link_set("vx0", up=False)
    assert (bench.udp_ports(), bench.udp6_ports()) == ([], [])


def test_families_share_a_port(bench):
    """The IPv6 socket is for IPv6 alone, so that both families can have the port."""
    bench.vxlan("v4", id=1)
    bench.vxlan("v6", id=1, local=HERE6)
    assert (bench.udp_ports(), bench.udp6_ports()) == ([4789], [4789])
    bench.link_del("v4")
    assert (bench.udp_ports(), bench.udp6_ports()) == ([], [4789])
