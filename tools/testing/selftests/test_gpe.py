# SPDX-License-Identifier: GPL-2.0
"""`gpe`: the header says what follows, and that need not be an Ethernet frame."""

import socket
import struct

import pytest

from lib import packets
from lib.netns import await_stat
from lib.packets import Frame
from lib.trace import DropTrace
from test_gro import stream
from test_metadata import BASE, egress, routed

PORT = 4790
PAYLOAD = {
    0x0800: packets.ipv4("192.0.2.1", "192.0.2.2", packets.udp(1, 2, b"hello")),
    0x86DD: b"\x60\0\0\0\0\x0d\x11\x40" + bytes(31) + b"\1" + packets.udp(1, 2, b"hello"),
    0x6558: packets.inner("02:00:00:00:aa:01", "02:00:00:00:bb:02"),
    0x894F: b"\x0f\xc6\1\3" + bytes(20) + b"nsh",
    0x8847: b"\0\1\x01\x40" + packets.ipv4("192.0.2.1", "192.0.2.2", b"mpls"),
}
NUMBERS = {0x0800: 1, 0x86DD: 2, 0x6558: 3, 0x894F: 4, 0x8847: 5}


def device(host, **options):
    host.vxlan(id=None, port=None, external=1, gpe=True, learning=0, **options)


def raw(host, name="vx0"):
    """A packet socket that gives the protocol of what it sends."""
    with host:
        sock = host.keep(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0))
    return lambda payload, protocol: sock.sendto(payload, (name, protocol))


def gpe(payload, first=0x0C000001, vni=100):
    return struct.pack("!II", first, vni << 8) + payload


def is_gpe(data):
    return packets.is_vxlan(data, PORT)


def test_link(pair):
    """A device without a link layer, on the port of the extension."""
    a, _ = pair
    device(a)
    assert a.udp_ports() == [PORT]
    shown = a.json("ip", "-d", "-j", "link", "show", "vx0")[0]
    assert shown["link_type"] == "none" and "address" not in shown
    assert {"POINTOPOINT", "NOARP", "MULTICAST"} <= set(shown["flags"])
    code, _ = a.run("bridge", "fdb", "add", "02:00:00:00:aa:01", "dev", "vx0", "dst",
                    "10.0.0.2", "self", check=False)
    assert code != 0


@pytest.mark.parametrize("protocol", NUMBERS, ids=hex)
def test_send(pair, protocol):
    a, b = pair
    device(a)
    egress(a, *BASE)
    wire = b.tap("u0")
    raw(a)(PAYLOAD[protocol], protocol)
    got = Frame(wire.one(is_gpe))
    assert got.vxlan_header == struct.pack("!II", 0x0C000000 | NUMBERS[protocol], 100 << 8)
    assert got.inner == PAYLOAD[protocol]


def test_send_a_protocol_without_a_number(pair):
    a, b = pair
    device(a)
    egress(a, *BASE)
    wire, send = b.tap("u0"), raw(a)
    with DropTrace() as trace:
        send(bytes(60), 0x88B5)
        trace.expect("NOMEM", 1)
    assert a.stats("vx0")["tx_errors"] == 1
    send(PAYLOAD[0x0800], 0x0800)
    assert Frame(wire.one(is_gpe)).inner == PAYLOAD[0x0800]


@pytest.mark.parametrize("protocol", NUMBERS, ids=hex)
def test_receive(pair, protocol):
    """The device hands up what followed the header, by its protocol."""
    a, b = pair
    device(b)
    outside, wire = b.tap("vx0"), a.tap("u0")
    wire.send(packets.outer(a, gpe(PAYLOAD[protocol], 0x0C000000 | NUMBERS[protocol]),
                            dport=PORT))
    data = outside.one()
    assert data == PAYLOAD[protocol]
    assert b.stats("vx0")["rx_packets"] == 1


def test_protocol_of_what_is_received(pair):
    a, b = pair
    device(b)
    with b:
        sock = b.keep(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)))
    sock.bind(("vx0", 3))
    sock.settimeout(20)
    wire = a.tap("u0")
    for protocol, number in NUMBERS.items():
        wire.send(packets.outer(a, gpe(PAYLOAD[protocol], 0x0C000000 | number), dport=PORT))
        data, where = sock.recvfrom(2000)
        assert (data, where[1], where[2]) == (PAYLOAD[protocol], protocol,
                                              socket.PACKET_HOST)


@pytest.mark.parametrize("first", [
    0x08000001, 0x0D000001, 0x1C000001, 0x2C000001, 0x3C000001, 0x0C000000, 0x0C000006,
    0x0C0000FF,
], ids=hex)
def test_unwanted(pair, first):
    """No next protocol, another version, an OAM packet, an unknown protocol."""
    a, b = pair
    device(b)
    outside, wire = b.tap("vx0"), a.tap("u0")
    with DropTrace() as trace:
        wire.send(packets.outer(a, gpe(PAYLOAD[0x0800], first), dport=PORT))
        trace.expect("NOT_SPECIFIED", 1)
    assert {k: v for k, v in b.stats("vx0").items() if v} == {}
    assert outside.pending() == []


@pytest.mark.parametrize("first", [0x4C000001, 0x0C000101, 0x0E000001], ids=hex)
def test_reserved(pair, first):
    a, b = pair
    device(b)
    a.tap("u0").send(packets.outer(a, gpe(PAYLOAD[0x0800], first), dport=PORT))
    await_stat(b, "vx0", "rx_frame_errors", 1)


@pytest.mark.parametrize("protocol, size", [(0x0800, 19), (0x86DD, 39), (0x0800, 0)])
def test_short(pair, protocol, size):
    """Less than an IP header."""
    a, b = pair
    device(b)
    a.tap("u0").send(packets.outer(a, gpe(PAYLOAD[protocol][:size],
                                          0x0C000000 | NUMBERS[protocol]), dport=PORT))
    await_stat(b, "vx0", "rx_length_errors", 1)
    assert b.stats("vx0")["rx_errors"] == 1


def test_ecn(pair):
    """The congestion mark goes to the inner IP header, which is the first here."""
    a, b = pair
    device(b)
    outside, wire = b.tap("vx0"), a.tap("u0")
    inner = packets.ipv4("192.0.2.1", "192.0.2.2", packets.udp(1, 2, b"x"), tos=2)
    wire.send(packets.outer(a, gpe(inner), dport=PORT, tos=3))
    assert outside.one()[1] == 3


def test_ping(pair):
    a, b = pair
    routed(a, b, port=None, gpe=True, learning=0)
    wire = b.tap("u0")
    out = a.run("ping", "-c", "2", "-i", "0.05", "-W", "20", "192.168.7.2")
    assert "2 packets transmitted, 2 received" in out
    assert Frame(wire.one(is_gpe)).vxlan_header == bytes.fromhex("0c00000100006400")


@pytest.mark.parametrize("gro", ["on", "off"])
@pytest.mark.parametrize("gso", ["on", "off"])
def test_stream(pair, gro, gso):
    """A TCP stream arrives as it was sent, whoever segments and gathers."""
    a, b = pair
    routed(a, b, port=None, gpe=True, learning=0)
    for host in pair:
        host.run("ethtool", "-K", "u0", "gro", gro, "tso", gso, "gso", gso,
                 "tx-udp_tnl-segmentation", gso, "tx-udp_tnl-csum-segmentation", gso)
    stream(a, b)
    assert b.stats("vx0")["rx_errors"] == b.stats("vx0")["rx_dropped"] == 0
