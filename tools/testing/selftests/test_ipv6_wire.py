# SPDX-License-Identifier: GPL-2.0
"""Outer IPv6 headers on the wire: every byte against scapy, and what sets each field."""

import struct

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from lib import packets
from lib.netns import await_stat
from lib.packets import Frame
from lib.trace import DropTrace
from test_wire import INNER

STATION = "02:00:00:00:aa:01"
BROADCAST = "ff:ff:ff:ff:ff:ff"
GROUP = "ff0e::1:2:3"


def encapsulated(sender, frame, vni=10, dport=4789, **fields):
    """The outer packet as scapy would send it; checksum and lengths are scapy's."""
    ip = {"src": sender.ip, "dst": sender.peer_ip, "hlim": 64, "tc": 0, "fl": 0, **fields}
    return (Ether(dst=sender.peer_mac, src=sender.mac_u0) / IPv6(**ip)
            / UDP(sport=49152, dport=dport) / VXLAN(vni=vni, flags="Instance")
            / Raw(bytes(frame)))


def alike(got, want, checksum):
    """`got` is `want`, but for the source port, and what depends on it."""
    want = Ether(bytes(want))
    want[UDP].sport = struct.unpack_from("!H", got, 54)[0]
    if checksum:
        del want[UDP].chksum
    else:
        want[UDP].chksum = 0
    assert got.hex() == bytes(want).hex()


@pytest.mark.parametrize("zero", [0, 1], ids=("csum", "nocsum"))
def test_transmitted_packet(pair6, zero):
    """With the UDP checksum that IPv6 wants, unless told to leave it out."""
    a, b = pair6
    a.run("ethtool", "-K", "u0", "tx", "off")
    a.vxlan(remote=b.ip, zero_csum6_tx=zero)
    inside, wire = a.tap("vx0"), b.tap("u0")
    for frame in map(bytes, INNER.values()):
        inside.send(frame)
        got = wire.one(packets.is_vxlan)
        alike(got, encapsulated(a, frame), checksum=not zero)
        assert (Frame(got).udp_checksum == 0) == bool(zero)


def test_transmitted_packet_with_options(pair6):
    """All that a device may set at once: port, VNI, hop limit, traffic class, flow
    label, local address."""
    a, b = pair6
    a.run("ethtool", "-K", "u0", "tx", "off")
    a.address("u0", "fd00::50", 64)
    a.vxlan(remote=b.ip, id=0xFFFFFE, port=5555, ttl=9, tos=0x48, label=0xABCDE,
            local="fd00::50")
    inside, wire = a.tap("vx0"), b.tap("u0")
    frame = bytes(INNER["udp"])
    inside.send(frame)
    got = wire.one(lambda data: packets.is_vxlan(data, 5555))
    alike(got, encapsulated(a, frame, vni=0xFFFFFE, dport=5555, hlim=9, tc=0x48,
                            fl=0xABCDE, src="fd00::50"), True)


def test_udp_csum_is_of_ipv4_only(pair6):
    """`udpcsum off` says nothing about IPv6."""
    a, b = pair6
    a.vxlan(remote=b.ip, udp_csum=0)
    inside, wire = a.tap("vx0"), b.tap("u0")
    inside.send(bytes(INNER["udp"]))
    assert Frame(wire.one(packets.is_vxlan)).udp_checksum != 0


@pytest.mark.parametrize("low, high", [(40000, 40010), (0, 0)])
def test_source_ports(pair6, low, high):
    a, b = pair6
    a.vxlan(remote=b.ip, srcport=(low, high))
    first, last = (low, high) if low < high else tuple(
        map(int, a.read("/proc/sys/net/ipv4/ip_local_port_range").split()))
    inside, wire = a.tap("vx0"), b.tap("u0")
    ports = set()
    for _ in range(2):
        seen = []
        for sport in range(1000, 1020):
            ip = packets.ipv4("192.0.2.1", "192.0.2.2", packets.udp(sport, 9, b"x"))
            inside.send(packets.ethernet(STATION, a.mac("vx0"), ip))
            seen.append(Frame(wire.one(packets.is_vxlan)).ports[0])
        ports.add(tuple(seen))
    (ports,) = ports
    assert all(first <= port <= last for port in ports) and len(set(ports)) > 1


# -- Reception ------------------------------------------------------------------

def test_received_packet(pair6):
    """A packet that scapy built is delivered exactly."""
    a, b = pair6
    b.vxlan(local=b.ip)
    wire, inside = a.tap("u0"), b.tap("vx0")
    for kind, frame in INNER.items():
        if kind == "vlan":      # A packet socket shows the tag beside the frame.
            continue
        wire.send(bytes(encapsulated(a, bytes(frame), fl=0x54321)))
        assert inside.one() == bytes(frame), kind
        assert b.fdb() == {frame.src: [a.ip]}


def snmp6(host):
    return {key: int(value) for key, value in
            (line.split() for line in host.read("/proc/net/snmp6").splitlines())}


def without_checksum(sender, frame):
    packet = bytearray(packets.outer(sender, packets.vxlan(10, frame)))
    packet[60:62] = bytes(2)
    return bytes(packet)


def test_zero_checksum_is_refused(pair6):
    """UDP over IPv6 drops it and counts it; the tunnel never sees it."""
    a, b = pair6
    b.vxlan(local=b.ip)
    wire, inside = a.tap("u0"), b.tap("vx0")
    frame = packets.inner(BROADCAST, STATION)
    with DropTrace() as trace:
        for _ in range(3):
            wire.send(without_checksum(a, frame))
        trace.expect("UDP_CSUM", 3)
    counters = snmp6(b)
    assert (counters["Udp6InErrors"], counters["Udp6InCsumErrors"]) == (3, 3)
    assert b.stats("vx0")["rx_packets"] == b.stats("vx0")["rx_errors"] == 0
    assert inside.pending() == [] and b.fdb() == {}


def test_zero_checksum_is_taken(pair6):
    """With udp6zerocsumrx packets with and without one are welcome, false ones not."""
    a, b = pair6
    b.vxlan(local=b.ip, zero_csum6_rx=1)
    wire, inside = a.tap("u0"), b.tap("vx0")
    frame = packets.inner(BROADCAST, STATION)
    wire.send(without_checksum(a, frame))
    assert inside.one() == frame
    wire.send(packets.outer(a, packets.vxlan(10, frame)))
    assert inside.one() == frame
    wrong = bytearray(without_checksum(a, frame))
    wrong[60:62] = b"\xde\xad"
    with DropTrace() as trace:
        wire.send(bytes(wrong))
        trace.expect("UDP_CSUM", 1)
    assert b.stats("vx0")["rx_packets"] == 2


# -- Hop limit --------------------------------------------------------------------

def test_hop_limit(pair6):
    """A set one is used; else 1 for groups and the route's for the rest."""
    a, b = pair6
    wire = b.tap("u0")
    for remote, ttl, seen in ((b.ip, None, 64), (b.ip, 1, 1), (b.ip, 255, 255),
                              (GROUP, None, 1), (GROUP, 9, 9)):
        a.vxlan(dev="u0", remote=remote, ttl=ttl)
        a.tap("vx0").send(packets.inner(BROADCAST, a.mac("vx0")))
        assert Frame(wire.one(packets.is_vxlan)).ttl == seen, (remote, ttl)
        a.link_del("vx0")


def test_hop_limit_of_the_link_and_the_route(pair6):
    a, b = pair6
    a.sysctl("net/ipv6/conf/u0/hop_limit", 33)
    a.vxlan(remote=b.ip)
    wire, inside = b.tap("u0"), a.tap("vx0")
    inside.send(packets.inner(STATION, a.mac("vx0")))
    assert Frame(wire.one(packets.is_vxlan)).ttl == 33
    a.run("ip", "-6", "route", "add", f"{b.ip}/128", "dev", "u0", "hoplimit", "77")
    inside.send(packets.inner(STATION, a.mac("vx0")))
    assert Frame(wire.one(packets.is_vxlan)).ttl == 77


def test_hop_limit_inherited(pair6):
    """From the inner TTL or hop limit; what has none goes with the route's."""
    a, b = pair6
    a.vxlan(remote=b.ip, ttl_inherit=True)
    wire, inside = b.tap("u0"), a.tap("vx0")
    for ttl in (1, 5, 200):
        ip = packets.ipv4("192.0.2.1", "192.0.2.2", packets.udp(1, 2, b"x"), ttl=ttl)
        for frame in (packets.ethernet(STATION, a.mac("vx0"), ip),
                      packets.inner6(STATION, a.mac("vx0"), ttl=ttl)):
            inside.send(frame)
            assert Frame(wire.one(packets.is_vxlan)).ttl == ttl
    inside.send(packets.ethernet(STATION, a.mac("vx0"), bytes(46), 0x0806))
    assert Frame(wire.one(packets.is_vxlan)).ttl == 64


# -- Flow label -------------------------------------------------------------------

def labels(sender, wire, frames):
    inside = sender.tap("vx0")
    for frame in frames:
        inside.send(frame)
        yield Frame(wire.one(packets.is_vxlan)).label


def some_frames(host):
    """IPv6 with a flow label, IPv6 without, IPv4, ARP."""
    source = host.mac("vx0")
    return [packets.inner6(STATION, source, label=0x12345),
            packets.inner6(STATION, source), packets.inner(STATION, source),
            packets.ethernet(STATION, source, bytes(46), 0x0806)]


def test_flow_label(pair6):
    a, b = pair6
    wire = b.tap("u0")
    for options, seen in (({}, [0, 0, 0, 0]),
                          ({"label": 0xFEDCB}, [0xFEDCB] * 4),
                          ({"label": 0xFEDCB, "label_policy": 0}, [0xFEDCB] * 4),
                          ({"label_policy": 1}, [0x12345, 0, 0, 0])):
        a.vxlan(remote=b.ip, **options)
        assert list(labels(a, wire, some_frames(a))) == seen, options
        a.link_del("vx0")


def test_flow_label_of_a_tagged_frame(pair6):
    """Behind a VLAN tag the inner header is found all the same."""
    a, b = pair6
    a.vxlan(remote=b.ip, label_policy=1)
    plain = packets.inner6(STATION, a.mac("vx0"), label=0x777)
    tagged = plain[:12] + struct.pack("!HH", 0x8100, 42) + plain[12:]
    assert list(labels(a, b.tap("u0"), [tagged])) == [0x777]


# -- Others -----------------------------------------------------------------------

def test_mcroute_is_accepted(either):
    """The flag changes nothing for a packet that no multicast router wants."""
    a, b = either
    wire = b.tap("u0")
    for remote in (b.ip, GROUP if ":" in b.ip else "239.1.2.3"):
        a.vxlan(dev="u0", remote=remote, mcroute=1)
        frame = packets.inner(BROADCAST, a.mac("vx0"))
        a.tap("vx0").send(frame)
        seen = Frame(wire.one(packets.is_vxlan))
        assert (seen.ip_dst, seen.inner) == (remote, frame)
        await_stat(a, "vx0", "tx_packets", 1)
        a.link_del("vx0")
