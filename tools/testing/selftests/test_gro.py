# SPDX-License-Identifier: GPL-2.0
"""Segmentation and its reverse: a TCP stream in packets of the wire's size, gathered
again on the receiving side before the tunnel's own device sees them."""

import socket
import threading

import pytest

from lib import packets

AMOUNT = 1 << 20
SEGMENT_LIMIT = 1450 + 14


@pytest.fixture
def tunnel(pair):
    """Two tunnel ends; a's link sends nothing larger than its MTU, b's may gather."""
    a, b = pair
    a.run("ethtool", "-K", "u0", "tso", "off", "gso", "off",
          "tx-udp_tnl-segmentation", "off", "tx-udp_tnl-csum-segmentation", "off")
    for host, peer, number in ((a, b, 1), (b, a, 2)):
        host.vxlan(dev="u0", remote=peer.ip)
        host.address("vx0", f"192.168.7.{number}", 24)
    for host, peer, number in ((a, b, 2), (b, a, 1)):
        host.neighbour("vx0", f"192.168.7.{number}", peer.mac("vx0"))
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


@pytest.mark.parametrize("checksum", [1, 0], ids=("csum", "nocsum"))
def test_receiver_gathers(pair, tunnel, checksum):
    a, b = tunnel
    if not checksum:
        for host, peer, number in ((a, b, 1), (b, a, 2)):
            address = host.mac("vx0")
            host.link_del("vx0")
            host.vxlan(dev="u0", remote=peer.ip, udp_csum=0)
            host.run("ip", "link", "set", "vx0", "address", address)
            host.address("vx0", f"192.168.7.{number}", 24)
        for host, peer, number in ((a, b, 2), (b, a, 1)):
            host.neighbour("vx0", f"192.168.7.{number}", peer.mac("vx0"))
    b.run("ethtool", "-K", "u0", "gro", "on")
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
    """GRO cells: with GRO off below, the tunnel's own device still may gather."""
    a, b = tunnel
    b.run("ethtool", "-K", "u0", "gro", "off")
    stream(a, b)
    assert b.stats("vx0")["rx_packets"] >= AMOUNT // SEGMENT_LIMIT


def test_two_vnis_are_not_mixed(pair):
    """Packets of two VNIs with one outer flow, side by side: each to its own device."""
    a, b = pair
    b.run("ethtool", "-K", "u0", "gro", "on")
    b.vxlan("v10", id=10)
    b.vxlan("v20", id=20)
    wire = a.tap("u0")
    taps = {10: b.tap("v10"), 20: b.tap("v20")}
    frames = {10: [], 20: []}
    for number in range(60):
        vni = (10, 20)[number % 2]
        frame = packets.inner("ff:ff:ff:ff:ff:ff", "02:00:00:00:aa:01",
                              tag=number.to_bytes(4, "big"), size=200)
        frames[vni].append(frame)
        wire.send(packets.outer(a, packets.vxlan(vni, frame)))
    for vni, tap in taps.items():
        assert tap.expect(lambda data: True, 30) == frames[vni]


def test_large_send_without_segmentation_below(pair):
    """Both links offload: frames larger than the MTU cross the pair whole."""
    a, b = pair
    for host, peer, number in ((a, b, 1), (b, a, 2)):
        host.vxlan(dev="u0", remote=peer.ip)
        host.address("vx0", f"192.168.7.{number}", 24)
    for host, peer, number in ((a, b, 2), (b, a, 1)):
        host.neighbour("vx0", f"192.168.7.{number}", peer.mac("vx0"))
    wire = a.tap("u0")
    stream(a, b)
    sent = wire.pending(inner_tcp_with_data, outgoing=True)
    assert max(len(frame) for frame in sent) > 4000
