# SPDX-License-Identifier: GPL-2.0
"""VXLAN links as a user sees them: attributes, sysfs, ethtool, changes that work."""

import os
import struct

import pytest

from lib import rtnl
from lib import uapi as u
from lib.uapi import IFLA, INFO, VX
from lib.wait import wait_for

RESERVED = bytes.fromhex("f7ffffff000000ff")

# IFLA_INFO_DATA of `id 10 dstport 4789`, every attribute in the order stock sends.
DEFAULT = [
    (VX.ID, rtnl.u32(10)),
    (VX.TTL, rtnl.u8(0)),
    (VX.TTL_INHERIT, rtnl.u8(0)),
    (VX.TOS, rtnl.u8(0)),
    (VX.DF, rtnl.u8(0)),
    (VX.LABEL, bytes(4)),
    (VX.LABEL_POLICY, rtnl.u32(0)),
    (VX.LEARNING, rtnl.u8(1)),
    (VX.PROXY, rtnl.u8(0)),
    (VX.RSC, rtnl.u8(0)),
    (VX.L2MISS, rtnl.u8(0)),
    (VX.L3MISS, rtnl.u8(0)),
    (VX.COLLECT_METADATA, rtnl.u8(0)),
    (VX.AGEING, rtnl.u32(300)),
    (VX.LIMIT, rtnl.u32(0)),
    (VX.PORT, rtnl.be16(4789)),
    (VX.UDP_CSUM, rtnl.u8(1)),
    (VX.UDP_ZERO_CSUM6_TX, rtnl.u8(0)),
    (VX.UDP_ZERO_CSUM6_RX, rtnl.u8(0)),
    (VX.REMCSUM_TX, rtnl.u8(0)),
    (VX.REMCSUM_RX, rtnl.u8(0)),
    (VX.LOCALBYPASS, rtnl.u8(1)),
    (VX.PORT_RANGE, bytes(4)),
    (VX.RESERVED_BITS, RESERVED),
]

FULL_OPTIONS = {
    "id": 0xABCDEF, "remote": "239.1.2.3", "local": "10.0.0.1", "ttl": 17,
    "tos": 0x68, "learning": 0, "ageing": 77, "limit": 1234,
    "srcport": (40000, 50000), "port": 5555, "udp_csum": 0,
}

DEFAULT_JSON = {
    "id": 10, "port_range": {"low": 0, "high": 0}, "port": 4789, "ttl": 0,
    "df": "unset", "ageing": 300, "reserved_bits": "0xf7ffffff000000ff",
    "external": False, "learning": True, "proxy": False, "rsc": False,
    "l2miss": False, "l3miss": False, "udp_csum": True,
    "udp_zero_csum6_tx": False, "udp_zero_csum6_rx": False,
    "remcsum_tx": False, "remcsum_rx": False, "localbypass": True,
}


def info(host, name="vx0"):
    """(kind, IFLA_INFO_DATA) of a link, as decoded lists."""
    nest = dict(rtnl.decode(host.link_get(name).get(IFLA.LINKINFO)))
    return nest[INFO.KIND], rtnl.decode(nest[INFO.DATA])


def shown(host, name="vx0"):
    return host.json("ip", "-d", "-j", "link", "show", name)[0]


def test_default_attributes(host):
    """A device with nothing asked for reports stock's defaults, in stock's order."""
    host.vxlan(up=False)
    assert info(host) == (b"vxlan\0", DEFAULT)


def test_all_options_attributes(host):
    """Every option of the contract's first slice comes back with its value."""
    host.vxlan(up=False, dev="u0", **FULL_OPTIONS)
    want = dict(DEFAULT)
    want.update({
        VX.ID: rtnl.u32(0xABCDEF), VX.TTL: rtnl.u8(17), VX.TOS: rtnl.u8(0x68),
        VX.LEARNING: rtnl.u8(0), VX.AGEING: rtnl.u32(77),
        VX.LIMIT: rtnl.u32(1234), VX.PORT: rtnl.be16(5555),
        VX.UDP_CSUM: rtnl.u8(0),
        VX.PORT_RANGE: struct.pack("!HH", 40000, 50000),
    })
    want = list(want.items())
    want[1:1] = [(VX.GROUP, rtnl.ip4("239.1.2.3")),
                 (VX.LINK, rtnl.u32(host.index("u0"))),
                 (VX.LOCAL, rtnl.ip4("10.0.0.1"))]
    assert info(host) == (b"vxlan\0", want)


def test_default_json(host):
    host.vxlan(up=False)
    link = shown(host)
    address = link.pop("address")
    index = link.pop("ifindex")
    assert index == host.index("vx0") and address == host.mac("vx0")
    assert link == {
        "ifname": "vx0", "flags": ["BROADCAST", "MULTICAST"], "mtu": 1500,
        "qdisc": "noop", "operstate": "DOWN", "linkmode": "DEFAULT",
        "group": "default", "txqlen": 1000, "link_type": "ether",
        "broadcast": "ff:ff:ff:ff:ff:ff", "promiscuity": 0, "allmulti": 0,
        "min_mtu": 68, "max_mtu": 65535,
        "linkinfo": {"info_kind": "vxlan", "info_data": DEFAULT_JSON},
        "inet6_addr_gen_mode": "eui64", "num_tx_queues": 1, "num_rx_queues": 1,
        "gso_max_size": 65536, "gso_max_segs": 65535, "tso_max_size": 524280,
        "tso_max_segs": 65535, "gro_max_size": 65536,
        "gso_ipv4_max_size": 65536, "gro_ipv4_max_size": 65536,
    }


def test_all_options_json(host):
    host.vxlan(up=False, dev="u0", **FULL_OPTIONS)
    data = shown(host)["linkinfo"]["info_data"]
    assert data == {
        **DEFAULT_JSON, "id": 0xABCDEF, "group": "239.1.2.3", "link": "u0",
        "local": "10.0.0.1", "port_range": {"low": 40000, "high": 50000},
        "port": 5555, "ttl": 17, "tos": "0x68", "learning": False, "ageing": 77,
        "limit": 1234, "udp_csum": False,
    }


@pytest.mark.parametrize("words, changed", [
    ("remote 10.0.0.2", {"remote": "10.0.0.2"}),
    ("group 239.9.9.9 dev u0", {"group": "239.9.9.9", "link": "u0"}),
    ("local 10.0.0.1", {"local": "10.0.0.1"}),
    ("dev u0", {"link": "u0"}),
    ("ttl 255", {"ttl": 255}),
    ("ttl inherit", {"ttl": None}),
    ("localbypass", {}),
    ("nolocalbypass", {"localbypass": False}),
    ("tos 0x10", {"tos": "0x10"}),
    ("tos inherit", {"tos": "0x1"}),
    ("nolearning", {"learning": False}),
    ("ageing 1", {"ageing": 1}),
    ("ageing 0", {"ageing": 300}),
    ("maxaddress 7", {"limit": 7}),
    ("noudpcsum", {"udp_csum": False}),
    ("srcport 1000 2000", {"port_range": {"low": 1000, "high": 2000}}),
    ("srcport 1 65535", {"port_range": {"low": 1, "high": 65535}}),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_option_by_iproute2(host, words, changed):
    """One option given to `ip link add` changes that one thing in `ip link show`.

    None stands for a key that goes away.
    """
    host.run("ip", "link", "add", "vx0", "type", "vxlan", "id", "10",
             "dstport", "4789", *words.split())
    want = {**DEFAULT_JSON, **changed}
    assert shown(host)["linkinfo"]["info_data"] == {
        key: value for key, value in want.items() if value is not None}


def test_reserved_bits(host):
    """Bits that the caller does not want checked are left out of the mask."""
    host.vxlan(up=False, reserved_bits="0700000000000001")
    assert dict(info(host)[1])[VX.RESERVED_BITS] == bytes.fromhex("0700000000000001")
    assert shown(host)["linkinfo"]["info_data"]["reserved_bits"] == "0x700000000000001"


def test_missing_id_is_vni_zero(host):
    """iproute2 demands an id; the kernel takes its absence for VNI 0."""
    host.vxlan(up=False, id=None)
    assert info(host)[1][0] == (VX.ID, rtnl.u32(0))


@pytest.mark.parametrize("vni", [0, 1, 0xFFFFFF])
def test_vni_extremes(host, vni):
    host.vxlan(up=False, id=vni)
    assert info(host)[1][0] == (VX.ID, rtnl.u32(vni))


def test_notification_carries_the_same(host):
    """RTM_NEWLINK to listeners and RTM_GETLINK agree about IFLA_LINKINFO."""
    events = host.listen(u.RTNLGRP_LINK)
    host.vxlan(up=False, dev="u0", **FULL_OPTIONS)
    mine = rtnl.text("vx0")
    found = events.events(1, accept=lambda m: m.get(IFLA.IFNAME) == mine)
    assert found[0].kind == u.RTM_NEWLINK
    assert found[0].get(IFLA.LINKINFO) == host.link_get("vx0").get(IFLA.LINKINFO)


@pytest.mark.parametrize("lower, asked, got", [
    (None, None, 1500), (None, 9000, 9000), (1500, None, 1450),
    (1500, 1400, 1400), (1500, 1500, 1450), (9000, None, 8950),
    (100, None, 68), (None, 68, 68), (None, 65535, 65535),
])
def test_mtu_at_creation(host, lower, asked, got):
    """The MTU leaves 50 bytes of the lower device's, and never goes under 68."""
    if lower:
        host.link_set("u0", attrs=[(IFLA.MTU, rtnl.u32(lower))])
    host.vxlan(up=False, dev="u0" if lower else None,
               attrs=[(IFLA.MTU, rtnl.u32(asked))] if asked else [])
    assert host.link_get("vx0").get(IFLA.MTU) == rtnl.u32(got)


def test_mtu_stays_when_lower_changes(host):
    host.vxlan(up=False, dev="u0")
    host.link_set("u0", attrs=[(IFLA.MTU, rtnl.u32(9000))])
    assert shown(host)["mtu"] == 1450
    host.link_set("vx0", attrs=[(IFLA.MTU, rtnl.u32(8950))])
    assert shown(host)["mtu"] == 8950


def test_sysfs(host):
    """What udev and scripts read: type, DEVTYPE, assignment of address and name."""
    host.vxlan(dev="u0")
    index = host.index("vx0")
    want = {
        "type": "1", "addr_len": "6", "addr_assign_type": "1", "mtu": "1450",
        "tx_queue_len": "1000", "flags": "0x1003", "iflink": str(index),
        "ifindex": str(index), "dev_id": "0x0", "name_assign_type": "3",
        "proto_down": "0", "carrier": "1", "operstate": "unknown",
        "uevent": f"DEVTYPE=vxlan\nINTERFACE=vx0\nIFINDEX={index}",
    }
    with host.sysfs() as root:
        got = {}
        for name in want:
            with open(f"{root}/class/net/vx0/{name}", encoding="ascii") as stream:
                got[name] = stream.read().strip()
    assert got == want


def test_random_address(host):
    """Each device gets a local unicast address of its own."""
    host.vxlan("vx0", up=False, id=1)
    host.vxlan("vx1", up=False, id=2)
    first, second = (int(host.mac(name)[:2], 16) for name in ("vx0", "vx1"))
    assert first & 3 == 2 and second & 3 == 2
    assert host.mac("vx0") != host.mac("vx1")


def test_given_address(host):
    host.vxlan(up=False, attrs=[(IFLA.ADDRESS, rtnl.mac("02:11:22:33:44:55"))])
    assert host.mac("vx0") == "02:11:22:33:44:55"
    with host.sysfs() as root, \
            open(f"{root}/class/net/vx0/addr_assign_type", encoding="ascii") as stream:
        assert stream.read() == "3\n"


def test_lower_and_upper_links(host):
    host.vxlan(dev="u0")
    with host.sysfs() as root:
        net = f"{root}/class/net"
        assert os.path.realpath(f"{net}/vx0/lower_u0") == os.path.realpath(f"{net}/u0")
        assert os.path.realpath(f"{net}/u0/upper_vx0") == os.path.realpath(f"{net}/vx0")
        host.link_del("vx0")
        assert not os.path.islink(f"{net}/u0/upper_vx0")


def test_up_device(host):
    host.vxlan()
    link = shown(host)
    assert link["qdisc"] == "noqueue"
    assert link["operstate"] == "UNKNOWN"
    assert link["flags"] == ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"]


def test_no_link_attribute(host):
    """IFLA_LINK and its namespace are for devices that have them; VXLAN has not."""
    host.vxlan(dev="u0")
    link = host.link_get("vx0")
    assert link.get(IFLA.LINK) is None
    assert link.get(IFLA.LINK_NETNSID) is None


def test_rename(host):
    host.vxlan()
    host.run("ip", "link", "set", "vx0", "name", "tunnel9")
    assert shown(host, "tunnel9")["linkinfo"]["info_data"] == DEFAULT_JSON
    assert host.udp_ports() == [4789]


def test_change_address(host):
    host.vxlan()
    host.run("ip", "link", "set", "vx0", "address", "02:aa:bb:cc:dd:ee")
    assert host.mac("vx0") == "02:aa:bb:cc:dd:ee"


def test_change_queue_length(host):
    host.vxlan()
    host.run("ip", "link", "set", "vx0", "txqueuelen", "77")
    assert shown(host)["txqlen"] == 77


def test_proto_down(host):
    host.vxlan()
    host.run("ip", "link", "set", "vx0", "protodown", "on")
    assert shown(host)["proto_down"] is True
    host.run("ip", "link", "set", "vx0", "protodown", "off")
    assert "proto_down" not in shown(host)


def test_socket_follows_the_devices(host):
    """The UDP port is open while a device that uses it is up, shared by all of them."""
    host.vxlan("vx0", up=False, id=1)
    assert host.udp_ports() == []
    host.link_set("vx0", up=True)
    host.vxlan("vx1", id=2)
    host.vxlan("vx2", id=2, port=5000)
    assert host.udp_ports() == [4789, 5000]
    host.link_set("vx0", up=False)
    assert host.udp_ports() == [4789, 5000]
    host.link_set("vx1", up=False)
    assert host.udp_ports() == [5000]
    host.link_set("vx0", up=True)
    host.link_del("vx2")
    assert host.udp_ports() == [4789]


def test_deleting_the_lower_deletes_the_tunnel(host):
    events = host.listen(u.RTNLGRP_LINK)
    host.vxlan(dev="u0")
    host.vxlan("free", id=2)
    host.link_del("u0")
    assert sorted(host.links()) == ["free"]
    gone = [m.get(IFLA.IFNAME)[:-1] for m in events.drain()
            if m.kind == u.RTM_DELLINK]
    assert b"vx0" in gone


def test_many_devices(host):
    """A hundred VNIs on one port: one socket, and all of it gone afterwards."""
    for vni in range(100):
        host.vxlan(f"v{vni}", id=vni + 1)
    assert host.udp_ports() == [4789]
    assert len(host.links()) == 102
    for vni in range(100):
        host.link_del(f"v{vni}")
    wait_for(lambda: host.udp_ports() == [], "closed port")
