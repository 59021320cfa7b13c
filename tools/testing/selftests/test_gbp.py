# SPDX-License-Identifier: GPL-2.0
"""`gbp`: a group policy goes along in the header, as the mark of the packet."""

import contextlib
import errno
import socket
import struct

import pytest

from lib import packets
from lib.netns import await_stat
from lib.packets import Frame
from lib.rtnl import NetlinkError
from lib.trace import DropTrace

STATION = "02:00:00:00:aa:01"
VNI = 10
# D and A as the mark has them.
DONT_LEARN, APPLIED = 1 << 22, 1 << 19


def header(first, vni=VNI):
    return first.to_bytes(4, "big") + (vni << 8).to_bytes(4, "big")


@contextlib.contextmanager
def marks(host, link):
    """nftables collects the marks of what a link receives."""
    host.run("nft", f"""
        table netdev seen {{
            set marks {{ typeof meta mark; flags dynamic; }}
            chain in {{
                type filter hook ingress device "{link}" priority 0;
                add @marks {{ meta mark }}
            }}
        }}""")
    yield lambda: {element for table in host.json(
        "nft", "-j", "list", "set", "netdev", "seen", "marks")["nftables"]
        for element in table.get("set", {}).get("elem", [])}
    host.run("nft", "delete", "table", "netdev", "seen")


class Marked:
    """A packet socket whose frames carry a mark."""

    def __init__(self, host, name):
        self.tap = host.tap(name)

    def send(self, frame, mark):
        self.tap.sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK,
                                 struct.pack("=I", mark))
        self.tap.send(frame)


@pytest.mark.parametrize("mark, first", [
    (0, 0x08000000),
    (1, 0x88000001),
    (0x1234, 0x88001234),
    (0xFFFF, 0x8800FFFF),
    (DONT_LEARN | 5, 0x88400005),
    (APPLIED | 5, 0x88080005),
    (DONT_LEARN | APPLIED | 0xBEEF, 0x8848BEEF),
    (0xFFFFFFFF, 0x8848FFFF),
    # The mark is not zero, so there is a policy, though the header has no room for it.
    (0x80000000, 0x88000000),
    (DONT_LEARN, 0x88400000),
])
def test_send(pair, mark, first):
    a, b = pair
    a.vxlan(remote=b.ip, gbp=True)
    inside, wire = Marked(a, "vx0"), b.tap("u0")
    frame = packets.inner(STATION, a.mac("vx0"))
    inside.send(frame, mark)
    got = Frame(wire.one(packets.is_vxlan))
    assert got.vxlan_header == header(first) and got.inner == frame


def test_send_without_gbp(pair):
    a, b = pair
    a.vxlan(remote=b.ip)
    inside, wire = Marked(a, "vx0"), b.tap("u0")
    inside.send(packets.inner(STATION, a.mac("vx0")), 0x1234)
    assert Frame(wire.one(packets.is_vxlan)).vxlan_header == header(0x08000000)


def test_send_to_many(trio):
    """Each copy carries the policy."""
    a, b, c = trio
    a.vxlan(gbp=True)
    for host in (b, c):
        a.fdb_add("00:00:00:00:00:00", host.ip, how=0x400 | 0x800)
    inside, at_b, at_c = Marked(a, "vx0"), b.tap("u0"), c.tap("u0")
    inside.send(packets.inner(STATION, a.mac("vx0")), 77)
    for tap, host in ((at_b, b), (at_c, c)):
        got = Frame(tap.one(lambda data, ip=host.ip: packets.is_vxlan(data)
                            and Frame(data).ip_dst == ip))
        assert got.vxlan_header == header(0x8800004D)


@pytest.mark.parametrize("first, mark", [
    (0x08000000, 0),
    (0x88000001, 1),
    (0x8800FFFF, 0xFFFF),
    (0x88400005, DONT_LEARN | 5),
    (0x88080005, APPLIED | 5),
    (0x8848BEEF, DONT_LEARN | APPLIED | 0xBEEF),
    (0x88000000, 0),
    # Without the G flag the rest is nothing, and no fault: the bits are in use.
    (0x08481234, 0),
    (0x88FF1234, DONT_LEARN | APPLIED | 0x1234),
])
def test_receive(pair, first, mark):
    a, b = pair
    b.vxlan(gbp=True)
    outside, wire = b.tap("vx0"), a.tap("u0")
    frame = packets.inner(b.mac("vx0"), STATION)
    with marks(b, "vx0") as seen:
        wire.send(packets.outer(a, packets.vxlan(VNI, frame, flags=first)))
        assert outside.one() == frame
        assert seen() == {mark}


def test_don_t_learn_is_for_others(pair):
    """The D flag is handed on. The station is learned all the same."""
    a, b = pair
    b.vxlan(gbp=True)
    outside, wire = b.tap("vx0"), a.tap("u0")
    wire.send(packets.outer(a, packets.vxlan(VNI, packets.inner(b.mac("vx0"), STATION),
                                             flags=0x88400005)))
    outside.one()
    assert b.fdb() == {STATION: [a.ip]}


@pytest.mark.parametrize("first", [0x88000001, 0x08400000, 0x08000001])
def test_receive_without_gbp(pair, first):
    """The bits are reserved then."""
    a, b = pair
    b.vxlan()
    wire = a.tap("u0")
    with DropTrace() as trace:
        wire.send(packets.outer(a, packets.vxlan(
            VNI, packets.inner(b.mac("vx0"), STATION), flags=first)))
        trace.expect("VXLAN_INVALID_HDR", 1)
    await_stat(b, "vx0", "rx_frame_errors", 1)


@pytest.mark.parametrize("first", [0xA8000001, 0x89000001])
def test_bits_that_gbp_does_not_use(pair, first):
    a, b = pair
    b.vxlan(gbp=True)
    wire = a.tap("u0")
    wire.send(packets.outer(a, packets.vxlan(
        VNI, packets.inner(b.mac("vx0"), STATION), flags=first)))
    await_stat(b, "vx0", "rx_frame_errors", 1)


def test_the_underlay_s_mark_is_overwritten(pair):
    """A packet without policy has the mark zero on the device."""
    a, b = pair
    b.vxlan(gbp=True)
    outside, wire = b.tap("vx0"), a.tap("u0")
    b.run("nft", 'table netdev under { chain in { type filter hook ingress device "u0" '
                 'priority 0; meta mark set 0x99; }; }')
    frame = packets.inner(b.mac("vx0"), STATION)
    with marks(b, "vx0") as seen:
        for first in (0x08000000, 0x88000007):
            wire.send(packets.outer(a, packets.vxlan(VNI, frame, flags=first)))
            assert outside.one() == frame
        assert seen() == {0x99, 7}
    b.run("nft", "delete", "table", "netdev", "under")


def test_end_to_end(pair):
    """What one end marks the other end sees."""
    a, b = pair
    a.vxlan(remote=b.ip, gbp=True)
    b.vxlan(remote=a.ip, gbp=True)
    inside, outside = Marked(a, "vx0"), b.tap("vx0")
    frame = packets.inner(b.mac("vx0"), a.mac("vx0"))
    with marks(b, "vx0") as seen:
        for mark in (3, 4, 0xFFFF):
            inside.send(frame, mark)
            assert outside.one() == frame
        assert seen() == {3, 4, 0xFFFF}


def test_one_port_is_for_one_kind(pair):
    """A device without GBP needs a socket of its own, and the port is taken."""
    _, b = pair
    b.vxlan("vx0", id=10, gbp=True)
    b.vxlan("vx1", id=11, gbp=True)
    assert b.udp_ports() == [packets.PORT]
    with pytest.raises(NetlinkError) as caught:
        b.vxlan("vx2", id=12)
    assert caught.value.errno == errno.EADDRINUSE
    b.link_set("vx0", up=False)
    b.link_set("vx1", up=False)
    b.link_set("vx2", up=True)
