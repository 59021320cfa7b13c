# SPDX-License-Identifier: GPL-2.0
"""Segmentation and its reverse: a TCP stream in packets of the wire's size, gathered
again on the receiving side before the tunnel's own device sees them."""

import socket
import struct
import threading

import pytest

from lib import packets
from lib.wait import wait_for

AMOUNT = 1 << 20
SEGMENT_LIMIT = 1450 + 14


def connect(a, b, **options):
    """Two tunnel ends, 192.168.7.1 and .2, that know each other."""
    for host, peer, number in ((a, b, 1), (b, a, 2)):
        host.vxlan(dev="u0", remote=peer.ip, **options)
        host.address("vx0", f"192.168.7.{number}", 24)
    for host, peer, number in ((a, b, 2), (b, a, 1)):
        host.neighbour("vx0", f"192.168.7.{number}", peer.mac("vx0"))


def send_small(host):
    """Have a host's link send nothing larger than its MTU."""
    host.run("ethtool", "-K", "u0", "tso", "off", "gso", "off",
             "tx-udp_tnl-segmentation", "off", "tx-udp_tnl-csum-segmentation", "off")


@pytest.fixture
def tunnel(pair):
    """Two tunnel ends; a's link sends nothing larger than its MTU, b's may gather."""
    a, b = pair
    send_small(a)
    connect(a, b)
    return a, b


def stream(a, b):
    """Send AMOUNT bytes by TCP from a to b; they arrive unchanged."""
    with b:
        listener = socket.create_server(("192.168.7.2", 5001))
    with a:
        client = socket.socket()
    data = bytes(range(256)) * (AMOUNT // 256)
    with listener, client:
        client.settimeout(60)
        listener.settimeout(60)
        client.connect(("192.168.7.2", 5001))
        server, _ = listener.accept()
        sender = threading.Thread(target=client.sendall, args=(data,))
        with server:
            server.settimeout(60)
            sender.start()
            got = bytearray()
            while len(got) < AMOUNT:
                piece = server.recv(1 << 20)
                assert piece, f"stream ended after {len(got)} bytes"
                got += piece
            sender.join()
    assert got == data


def tcp_with_data(frame):
    """An inner frame of the stream that carries data."""
    return len(frame) > 200 and frame[23] == 6


def inner_tcp_with_data(frame):
    return packets.is_vxlan(frame) and len(frame) > 250


NO_CHECKSUM = {"udp_csum": 0, "zero_csum6_tx": 1, "zero_csum6_rx": 1}


@pytest.mark.parametrize("options", [{}, NO_CHECKSUM], ids=("csum", "nocsum"))
def test_receiver_gathers(either, options):
    a, b = either
    send_small(a)
    connect(a, b, **options)
    b.run("ethtool", "-K", "u0", "gro", "on")
    b.run("ethtool", "-K", "vx0", "gro", "off")    # It would gather them, too.
    wire, inside = a.tap("u0"), b.tap("vx0")
    stream(a, b)
    sent = wire.pending(inner_tcp_with_data, outgoing=True)
    got = inside.pending(tcp_with_data)
    assert max(len(frame) for frame in sent) <= 1514
    assert len(sent) >= AMOUNT // SEGMENT_LIMIT
    assert len(got) < len(sent) / 2
    assert max(len(frame) for frame in got) > 2 * SEGMENT_LIMIT


def test_without_gro(tunnel):
    """The same stream with GRO off on both devices: every packet comes alone."""
    a, b = tunnel
    b.run("ethtool", "-K", "u0", "gro", "off")
    b.run("ethtool", "-K", "vx0", "gro", "off")
    inside = b.tap("vx0")
    stream(a, b)
    got = inside.pending(tcp_with_data)
    assert len(got) >= AMOUNT // SEGMENT_LIMIT
    assert max(len(frame) for frame in got) <= SEGMENT_LIMIT


def test_gathering_at_the_tunnel(tunnel):
    """GRO cells: with GRO off below, the tunnel's own device gathers."""
    a, b = tunnel
    b.run("ethtool", "-K", "u0", "gro", "off")
    inside = b.tap("vx0")                # And no tap below: shared packets stay alone.

    def gathered():
        stream(a, b)
        return len(inside.pending(tcp_with_data)) < AMOUNT // SEGMENT_LIMIT

    wait_for(gathered, "fewer segments than packets", timeout=60)
    assert b.stats("vx0")["rx_packets"] >= AMOUNT // SEGMENT_LIMIT


# -- Packet by packet ------------------------------------------------------------

PIECE = 400


def segment(number):
    """One of a row of TCP segments, each a continuation of the one before."""
    payload = bytes([number]) * PIECE
    head = struct.pack("!HHIIBBHHH", 1000, 2000, number * PIECE, 1, 0x50, 0x10, 500, 0, 0)
    pseudo = socket.inet_aton("192.0.2.1") + socket.inet_aton("192.0.2.2") + \
        struct.pack("!BBH", 0, 6, 20 + PIECE)
    total = packets.checksum(pseudo + head + payload)
    head = head[:16] + struct.pack("!H", total) + head[18:]
    ip = packets.ipv4("192.0.2.1", "192.0.2.2", head + payload, proto=6, frag=0x4000)
    return packets.ethernet("ff:ff:ff:ff:ff:ff", "02:00:00:00:aa:01", ip)


class Burst:
    """A row of eight segments whose tunnel headers differ in turn.

    b's link holds on to what it gathers until the clock ticks, so of several bursts
    some are gathered whole or in part; which ones is up to the clock.
    """

    COUNT = 8

    def __init__(self, a, b, *headers):
        a.run("ethtool", "-K", "u0", "tso", "off")    # veth gathers only then.
        b.run("ethtool", "-K", "u0", "gro", "on")
        with b.sysfs() as root, open(f"{root}/class/net/u0/gro_flush_timeout", "w",
                                     encoding="ascii") as stream:
            stream.write("50000000")
        self.wire = a.tap("u0")
        self.packets = [packets.outer(a, headers[n % len(headers)] + segment(n),
                                      frag=0x4000)
                        for n in range(self.COUNT)]

    def send(self):
        for packet in self.packets:
            self.wire.send(packet)


def payloads(tap, count):
    """The TCP payload of what arrives, frame by frame, until `count` segments came."""
    found = []
    while sum(map(len, found)) < count * PIECE:
        found.append(tap.one(tcp_with_data)[54:])
    return found


def test_segments_of_one_flow_are_merged(either):
    a, b = either
    b.vxlan(local=b.ip)
    b.run("ethtool", "-K", "vx0", "gro", "off")
    inside, burst = b.tap("vx0"), Burst(a, b, packets.vxlan(10, b""))

    def merged():
        burst.send()
        found = payloads(inside, burst.COUNT)
        assert b"".join(found) == b"".join(bytes([n]) * PIECE for n in range(burst.COUNT))
        return len(found) < burst.COUNT

    wait_for(merged, "merged segments")


def test_other_header_is_not_merged(pair):
    """Any difference of the tunnel header keeps packets apart."""
    a, b = pair
    b.vxlan(reserved_bits="00" * 8)
    b.run("ethtool", "-K", "vx0", "gro", "off")
    inside = b.tap("vx0")
    burst = Burst(a, b, packets.vxlan(10, b""), packets.vxlan(10, b"", reserved=1),
                  packets.vxlan(10, b"", flags=0x08000001))
    for _ in range(20):
        burst.send()
        assert payloads(inside, burst.COUNT) == [bytes([n]) * PIECE
                                                 for n in range(burst.COUNT)]


def test_vnis_are_not_merged(pair):
    """Segments of two VNIs, side by side in one outer flow: each to its own device."""
    a, b = pair
    taps = []
    for name, vni in (("v10", 10), ("v20", 20)):
        b.vxlan(name, id=vni)
        b.run("ethtool", "-K", name, "gro", "off")
        taps.append(b.tap(name))
    burst = Burst(a, b, packets.vxlan(10, b""), packets.vxlan(20, b""))
    for _ in range(20):
        burst.send()
        for first, tap in enumerate(taps):
            assert payloads(tap, burst.COUNT // 2) == [
                bytes([n]) * PIECE for n in range(first, burst.COUNT, 2)]


def test_large_send_without_segmentation_below(either):
    """Both links offload: frames larger than the MTU cross the pair whole."""
    a, b = either
    connect(a, b)
    wire = a.tap("u0")
    stream(a, b)
    sent = wire.pending(inner_tcp_with_data, outgoing=True)
    assert max(len(frame) for frame in sent) > 4000
