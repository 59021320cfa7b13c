# SPDX-License-Identifier: GPL-2.0
"""Remote checksum offload: the receiver computes the inner transport checksum."""

import socket
import struct

import pytest

from lib import packets
from lib.netns import await_stat
from lib.packets import Frame
from lib.trace import DropTrace
from test_gro import inner_tcp_with_data, stream

VNI = 10
RCO = 0x08200000
UDP = 0x80
ADDRESSES = "192.168.7.1", "192.168.7.2"
ADDRESSES6 = "2001:db8::1", "2001:db8::2"


def ends(a, b, left=None, right=None):
    """Two ends that know each other, with addresses of both families."""
    for host, peer, options in ((a, b, left or {}), (b, a, right or {})):
        host.vxlan(dev="u0", remote=peer.ip, **options)
        host.ipv6("vx0")
    for host, peer, mine, theirs in ((a, b, 0, 1), (b, a, 1, 0)):
        host.address("vx0", ADDRESSES[mine], 24)
        host.address("vx0", ADDRESSES6[mine], 64)
        for both in (ADDRESSES, ADDRESSES6):
            host.neighbour("vx0", both[theirs], peer.mac("vx0"))


def folded(data):
    """The sum that a checksum is the complement of."""
    return ~packets.checksum(data) & 0xFFFF


def pseudo(ends_, proto, length):
    if ":" in ends_[0]:
        raw = b"".join(socket.inet_pton(socket.AF_INET6, end) for end in ends_)
        return raw + struct.pack("!II", length, proto)
    raw = b"".join(socket.inet_aton(end) for end in ends_)
    return raw + struct.pack("!BBH", 0, proto, length)


def header(first, last):
    return struct.pack("!II", first, VNI << 8 | last)


def udp_socket(host, family, address=None):
    with host:
        sock = host.keep(socket.socket(family, socket.SOCK_DGRAM))
    if address:
        sock.bind((address, 5000))
        sock.settimeout(20)
    return sock


def carries(proto):
    """Tunnel packets that carry this protocol, over IPv4 or IPv6."""
    def accept(data):
        inner = Frame(data).inner if packets.is_vxlan(data) else b""
        return (inner[12:14], inner[23:24]) == (b"\x08\x00", bytes([proto])) or \
            (inner[12:14], inner[20:21]) == (b"\x86\xdd", bytes([proto]))
    return accept


# -- Sending ------------------------------------------------------------------

@pytest.mark.parametrize("family, start", [
    (socket.AF_INET, 34), (socket.AF_INET6, 54)], ids=("v4", "v6"))
def test_send_udp(pair, family, start):
    """The header says where; the field holds the sum of the pseudo header alone."""
    a, b = pair
    ends(a, b, {"remcsum_tx": 1})
    both = ADDRESSES if family == socket.AF_INET else ADDRESSES6
    wire = b.tap("u0")
    udp_socket(a, family).sendto(b"payload!", (both[1], 5000))
    got = Frame(wire.one(carries(17)))
    assert got.vxlan_header == header(RCO, UDP | start // 2)
    field, = struct.unpack_from("!H", got.inner, start + 6)
    assert field == folded(pseudo(both, 17, 16))
    assert got.inner[start + 8:] == b"payload!"


@pytest.mark.parametrize("family, start", [
    (socket.AF_INET, 34), (socket.AF_INET6, 54)], ids=("v4", "v6"))
def test_send_tcp(pair, family, start):
    a, b = pair
    ends(a, b, {"remcsum_tx": 1})
    both = ADDRESSES if family == socket.AF_INET else ADDRESSES6
    wire = b.tap("u0")
    with a:
        sock = a.keep(socket.socket(family, socket.SOCK_STREAM))
    sock.setblocking(False)
    sock.connect_ex((both[1], 5000))
    got = Frame(wire.one(carries(6)))
    assert got.vxlan_header == header(RCO, start // 2)
    field, = struct.unpack_from("!H", got.inner, start + 16)
    assert field == folded(pseudo(both, 6, len(got.inner) - start))


def test_nothing_is_left_that_is_done(pair):
    """A frame whose checksum needs no work, and one that is no IP."""
    a, b = pair
    a.vxlan(remote=b.ip, remcsum_tx=1)
    inside, wire = a.tap("vx0"), b.tap("u0")
    for frame in (packets.inner("02:00:00:00:aa:01", a.mac("vx0")),
                  packets.ethernet("02:00:00:00:aa:01", a.mac("vx0"), bytes(46), 0x88B5)):
        inside.send(frame)
        got = Frame(wire.one(packets.is_vxlan))
        assert got.vxlan_header == header(0x08000000, 0) and got.inner == frame


def test_off(pair):
    """Without the option, or with that of receiving, the header is plain."""
    a, b = pair
    ends(a, b, {"remcsum_rx": 1})
    wire = b.tap("u0")
    udp_socket(a, socket.AF_INET).sendto(b"x", (ADDRESSES[1], 5000))
    assert Frame(wire.one(carries(17))).vxlan_header == header(0x08000000, 0)


# -- Receiving ----------------------------------------------------------------

def datagram(host, checksum, tag=b"payload!"):
    """An inner UDP datagram to a host with this in the checksum field."""
    udp = struct.pack("!HHHH", 4000, 5000, 8 + len(tag), checksum) + tag
    return packets.ethernet(host.mac("vx0"), "02:00:00:00:aa:01",
                            packets.ipv4(*ADDRESSES, udp))


PARTIAL = folded(pseudo(ADDRESSES, 17, 16))


@pytest.mark.parametrize("nopartial", [False, True], ids=("partial", "nopartial"))
def test_receive(pair, nopartial):
    """The stack takes a datagram that is right once its checksum is computed."""
    a, b = pair
    ends(a, b, None, {"remcsum_rx": 1, **({"nopartial": True} if nopartial else {})})
    sock, wire, outside = udp_socket(b, socket.AF_INET, ADDRESSES[1]), a.tap("u0"), b.tap("vx0")
    frame = datagram(b, PARTIAL)
    wire.send(packets.outer(a, struct.pack("!II", RCO, VNI << 8 | UDP | 17) + frame))
    assert sock.recv(100) == b"payload!"
    whole = ~folded(pseudo(ADDRESSES, 17, 16) + frame[34:40] + frame[42:]) & 0xFFFF
    seen = outside.one(lambda data: data[:6] == frame[:6])
    assert seen == (datagram(b, whole) if nopartial else frame)


def test_nopartial_repairs_what_it_is_told_to(pair):
    """The sum may start anywhere: here at the IP header, for the field of UDP there."""
    a, b = pair
    b.vxlan(remcsum_rx=1, nopartial=True)
    wire, outside = a.tap("u0"), b.tap("vx0")
    frame = packets.ethernet(b.mac("vx0"), "02:00:00:00:aa:01", bytes(range(1, 61)), 0x88B5)
    wire.send(packets.outer(a, struct.pack("!II", RCO, VNI << 8 | UDP | 7) + frame))
    expected = bytearray(frame)
    expected[20:22] = struct.pack("!H", ~folded(frame[14:]) & 0xFFFF)
    assert outside.one() == bytes(expected)


@pytest.mark.parametrize("first, last", [(0x08000000, 0x91), (0x08000000, 0)],
                         ids=("start-only", "plain"))
def test_not_asked_for(pair, first, last):
    """Without the C flag the last octet is nothing, and no fault: it is in use."""
    a, b = pair
    b.vxlan(remcsum_rx=1, nopartial=True)
    wire, outside = a.tap("u0"), b.tap("vx0")
    frame = datagram(b, 0xBAD)
    wire.send(packets.outer(a, struct.pack("!II", first, VNI << 8 | last) + frame))
    assert outside.one() == frame


@pytest.mark.parametrize("first, last", [(RCO, 0x91), (0x08000000, 0x91), (RCO, 0)],
                         ids=("both", "start", "flag"))
def test_device_without(pair, first, last):
    """The bits are reserved then."""
    a, b = pair
    b.vxlan()
    wire = a.tap("u0")
    with DropTrace() as trace:
        wire.send(packets.outer(a, struct.pack("!II", first, VNI << 8 | last)
                                + datagram(b, PARTIAL)))
        trace.expect("VXLAN_INVALID_HDR", 1)
    await_stat(b, "vx0", "rx_frame_errors", 1)


@pytest.mark.parametrize("nopartial", [False, True], ids=("partial", "nopartial"))
@pytest.mark.parametrize("last", [0x7F, 0xFF, 0x80 | 23])
def test_past_the_end(pair, nopartial, last):
    """A field behind the end of the packet: it is dropped, and not counted."""
    a, b = pair
    b.vxlan(remcsum_rx=1, **({"nopartial": True} if nopartial else {}))
    wire = a.tap("u0")
    with DropTrace() as trace:
        wire.send(packets.outer(a, struct.pack("!II", RCO, VNI << 8 | last)
                                + datagram(b, PARTIAL)))
        trace.expect("PKT_TOO_SMALL", 1)
    assert {k: v for k, v in b.stats("vx0").items() if v} == {}


@pytest.mark.parametrize("last", [0x80 | 21, 21, 0])
def test_just_within(pair, last):
    """The field may be the last octets of the packet, or the Ethernet header."""
    a, b = pair
    b.vxlan(remcsum_rx=1, nopartial=True)
    wire, outside = a.tap("u0"), b.tap("vx0")
    frame = packets.ethernet("ff:ff:ff:ff:ff:ff", "02:00:00:00:aa:01", bytes(range(1, 47)), 0x88B5)
    wire.send(packets.outer(a, struct.pack("!II", RCO, VNI << 8 | last) + frame))
    start = (last & 0x7F) * 2
    field = start + (6 if last & 0x80 else 16)
    expected = bytearray(frame)
    expected[field:field + 2] = struct.pack("!H", ~folded(frame[start:]) & 0xFFFF)
    assert outside.one() == bytes(expected)


# -- Both ---------------------------------------------------------------------

@pytest.mark.parametrize("nopartial", [False, True], ids=("partial", "nopartial"))
@pytest.mark.parametrize("gro", ["on", "off"])
@pytest.mark.parametrize("gso", ["on", "off"])
def test_stream(pair, nopartial, gro, gso):
    """A TCP stream arrives as it was sent, whoever segments and gathers."""
    a, b = pair
    more = {"nopartial": True} if nopartial else {}
    ends(a, b, {"remcsum_tx": 1, "remcsum_rx": 1, **more},
         {"remcsum_tx": 1, "remcsum_rx": 1, **more})
    for host in (a, b):
        host.run("ethtool", "-K", "u0", "gro", gro, "tso", gso, "gso", gso,
                 "tx-udp_tnl-segmentation", gso, "tx-udp_tnl-csum-segmentation", gso)
    wire = a.tap("u0")
    stream(a, b)
    sent = wire.pending(inner_tcp_with_data, outgoing=True)
    assert sent and {Frame(frame).vxlan_header[1] for frame in sent} == {0x20}
    for host in (a, b):
        stats = host.stats("vx0")
        assert stats["rx_errors"] == stats["rx_dropped"] == stats["tx_dropped"] == 0
    assert b.read("/proc/net/snmp").split("\nTcp:")[2].split()[13] == "0"   # InCsumErrors
