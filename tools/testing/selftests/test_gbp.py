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
from lib.wait import wait_for

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


# -- Marks that others set and look at -----------------------------------------------

def spoken(a, b):
    """Two ends with addresses; a function that sends a datagram from a to b's `sock`."""
    for host, peer, number in ((a, b, 1), (b, a, 2)):
        host.vxlan(remote=peer.ip, gbp=True)
        host.address("vx0", f"192.168.7.{number}", 24)
    for host, peer, number in ((a, b, 2), (b, a, 1)):
        host.neighbour("vx0", f"192.168.7.{number}", peer.mac("vx0"))
    with a:
        sender = a.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with b:
        sock = b.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sock.bind(("192.168.7.2", 5000))
    sock.settimeout(20)
    return lambda text, port=5000: sender.sendto(text, ("192.168.7.2", port)), sock


def test_marked_and_matched_by_nftables(pair):
    """A policy by port at one end; the other end lets in what has the right policy."""
    a, b = pair
    say, sock = spoken(a, b)
    wire = b.tap("u0")
    a.run("nft", """table inet own { chain out { type filter hook output priority 0;
        oif "vx0" udp dport 5000 meta mark set 0x77; }; }""")
    b.run("nft", """table inet own { chain in { type filter hook input priority 0;
        iif "vx0" meta l4proto udp meta mark != 0x77 drop; }; }""")
    say(b"one")
    assert sock.recv(100) == b"one"
    assert Frame(wire.one(packets.is_vxlan)).vxlan_header == header(0x88000077)
    a.run("nft", "flush", "table", "inet", "own")
    say(b"two")
    assert Frame(wire.one(packets.is_vxlan)).vxlan_header == header(0x08000000)
    a.run("nft", 'add rule inet own out oif "vx0" meta mark set 0x400077')
    b.run("nft", "flush", "table", "inet", "own")
    b.run("nft", 'add rule inet own in iif "vx0" meta l4proto udp meta mark != 0x400077 drop')
    say(b"three")
    assert sock.recv(100) == b"three"


def test_marked_and_matched_by_tc(pair):
    a, b = pair
    say, sock = spoken(a, b)
    wire = b.tap("u0")
    a.run("tc", "qdisc", "add", "dev", "vx0", "clsact")
    a.run("tc", "filter", "add", "dev", "vx0", "egress", "protocol", "ip", "flower",
          "ip_proto", "udp", "dst_port", "5000", "action", "skbedit", "mark", "0x99")
    b.run("tc", "qdisc", "add", "dev", "vx0", "clsact")
    b.run("tc", "filter", "add", "dev", "vx0", "ingress", "protocol", "ip", "pref", "1",
          "handle", "0x98", "fw", "action", "drop")
    b.run("tc", "filter", "add", "dev", "vx0", "ingress", "protocol", "ip", "pref", "2",
          "handle", "0x99", "fw", "action", "skbedit", "mark", "0x55")
    b.run("nft", """table inet own { chain in { type filter hook input priority 0;
        iif "vx0" meta l4proto udp meta mark != 0x55 drop; }; }""")
    say(b"one")
    assert sock.recv(100) == b"one"
    assert Frame(wire.one(packets.is_vxlan)).vxlan_header == header(0x88000099)
    b.run("nft", "flush", "table", "inet", "own")
    foreign = packets.ethernet(b.mac("vx0"), a.mac("vx0"), packets.ipv4(
        "192.168.7.1", "192.168.7.2", packets.udp(1, 5000, b"not this")))
    a.tap("u0").send(packets.outer(a, packets.vxlan(VNI, foreign, flags=0x88000098)))
    say(b"two")
    assert sock.recv(100) == b"two"


def test_mark_of_a_bridged_packet(pair):
    """What comes with one policy and is sent on keeps it, unless it is changed."""
    a, b = pair
    b.vxlan("vx0", gbp=True)
    b.vxlan("vx1", id=11, remote=a.ip, gbp=True)
    b.link_add("br0", "bridge", [(23, b"\0")])
    for name in ("vx0", "vx1"):
        b.link_set(name, attrs=[(10, b.index("br0").to_bytes(4, "little"))])
    b.link_set("br0", up=True)
    for name in ("vx0", "vx1"):
        wait_for(lambda link=name: "forwarding" in b.run("bridge", "link", "show", "dev", link),
                 f"{name} forwarding")
    wire = a.tap("u0")
    frame = packets.inner(STATION, "02:00:00:00:bb:02")
    wire.send(packets.outer(a, packets.vxlan(VNI, frame, flags=0x88080123)))
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.vxlan_header, got.inner) == (header(0x88080123, 11), frame)


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
