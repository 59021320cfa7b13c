# SPDX-License-Identifier: GPL-2.0
"""Every byte on the wire, against the same packet built by scapy."""

import struct

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from lib import packets
from lib.host import ZERO_MAC
from lib.packets import Frame

STATION, SOURCE = "02:00:00:00:aa:01", "02:00:00:00:aa:02"

INNER = {
    "udp": Ether(dst=STATION, src=SOURCE) / IP(src="192.0.2.1", dst="192.0.2.2", tos=0xB8)
           / UDP(sport=1234, dport=53) / Raw(b"question"),
    "tcp": Ether(dst=STATION, src=SOURCE) / IP(src="192.0.2.1", dst="192.0.2.2", flags="DF")
           / TCP(sport=1234, dport=80, flags="S", seq=7),
    "icmp": Ether(dst=STATION, src=SOURCE) / IP(src="192.0.2.1", dst="192.0.2.2")
            / ICMP(id=5, seq=6) / Raw(bytes(range(256)) * 4),
    "arp": Ether(dst="ff:ff:ff:ff:ff:ff", src=SOURCE)
           / ARP(op=1, hwsrc=SOURCE, psrc="192.0.2.1", pdst="192.0.2.2"),
    "vlan": Ether(dst=STATION, src=SOURCE) / Dot1Q(vlan=42)
            / IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=1, dport=2) / Raw(b"tagged"),
}


def encapsulated(sender, frame, vni=10, dport=4789, **fields):
    """The outer packet as scapy would send it; checksums and lengths are scapy's."""
    ip = {"src": sender.ip, "dst": sender.peer_ip, "ttl": 64, "id": 0, **fields}
    return (Ether(dst=sender.peer_mac, src=sender.mac_u0) / IP(**ip)
            / UDP(sport=49152, dport=dport) / VXLAN(vni=vni, flags="Instance")
            / Raw(bytes(frame)))


def alike(got, want, checksum):
    """`got` is `want`, but for the IP id, the source port, and what depends on them."""
    ident = struct.unpack_from("!H", got, 18)[0]
    sport = struct.unpack_from("!H", got, 34)[0]
    want = Ether(bytes(want))
    want[IP].id, want[UDP].sport = ident, sport
    del want[IP].chksum
    if checksum:
        del want[UDP].chksum
    else:
        want[UDP].chksum = 0
    assert got.hex() == bytes(want).hex()


@pytest.mark.parametrize("kind", INNER)
@pytest.mark.parametrize("checksum", [1, 0], ids=("csum", "nocsum"))
def test_transmitted_packet(pair, kind, checksum):
    a, b = pair
    a.run("ethtool", "-K", "u0", "tx", "off")
    a.vxlan(remote=b.ip, udp_csum=checksum)
    inside, wire = a.tap("vx0"), b.tap("u0")
    frame = bytes(INNER[kind])
    inside.send(frame)
    got = wire.one(packets.is_vxlan)
    alike(got, encapsulated(a, frame, tos=0), checksum)
    assert (struct.unpack_from("!H", got, 40)[0] != 0) == bool(checksum)


def test_transmitted_packet_with_options(pair):
    """All that a device may set at once: port, VNI, TTL, TOS, local address."""
    a, b = pair
    a.run("ethtool", "-K", "u0", "tx", "off")
    a.address("u0", "10.0.0.50", 24)
    a.vxlan(remote=b.ip, id=0xFFFFFE, port=5555, ttl=9, tos=0x48, local="10.0.0.50")
    inside, wire = a.tap("vx0"), b.tap("u0")
    frame = bytes(INNER["udp"])
    inside.send(frame)
    got = wire.one(lambda data: packets.is_vxlan(data, 5555))
    alike(got, encapsulated(a, frame, vni=0xFFFFFE, dport=5555, ttl=9, tos=0x48,
                            src="10.0.0.50"), True)


def test_df_is_clear(pair):
    """The outer DF flag is not the inner one's: it stays clear unless asked for."""
    a, b = pair
    a.vxlan(remote=b.ip)
    inside, wire = a.tap("vx0"), b.tap("u0")
    inside.send(bytes(INNER["tcp"]))
    assert Frame(wire.one(packets.is_vxlan)).frag == 0


@pytest.mark.parametrize("low, high", [(40000, 40010), (1, 65535), (0, 0), (777, 778),
                                       (777, 777)])
def test_source_ports(pair, low, high):
    """From the whole of the range, one port for one flow. A range of one port, or of
    none, stands for the namespace's own."""
    a, b = pair
    a.vxlan(remote=b.ip, srcport=(low, high))
    with a, open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as stream:
        default = tuple(map(int, stream.read().split()))
    inside, wire = a.tap("vx0"), b.tap("u0")

    def port_of(sport):
        ip = packets.ipv4("192.0.2.1", "192.0.2.2", packets.udp(sport, 9, b"x"))
        inside.send(packets.ethernet(STATION, SOURCE, ip))
        return Frame(wire.one(packets.is_vxlan)).ports[0]

    ports = [port_of(sport) for sport in range(1000, 1040)]
    first, last = (low, high) if low < high else default
    assert all(first <= port <= last for port in ports), ports
    assert len(set(ports)) > 1
    assert {port_of(1000) for _ in range(3)} == {ports[0]}


@pytest.mark.parametrize("kind", INNER)
@pytest.mark.parametrize("checksum", [True, False], ids=("csum", "nocsum"))
def test_received_packet(pair, kind, checksum):
    """A packet that scapy built is delivered exactly, with or without a checksum."""
    a, b = pair
    b.vxlan()
    wire, inside = a.tap("u0"), b.tap("vx0")
    packet = encapsulated(a, bytes(INNER[kind]))
    if not checksum:
        packet[UDP].chksum = 0
    wire.send(bytes(packet))
    if kind == "vlan":
        got = inside.one()
        assert got == bytes(INNER[kind])[:12] + bytes(INNER[kind])[16:]
    else:
        assert inside.one() == bytes(INNER[kind])
    assert b.fdb() == {SOURCE: [a.ip]}


def test_scapy_reads_what_we_send(pair):
    a, b = pair
    a.vxlan()
    a.fdb_add(ZERO_MAC, b.ip, vni=0x123456)
    inside, wire = a.tap("vx0"), b.tap("u0")
    inside.send(bytes(INNER["icmp"]))
    got = Ether(wire.one(packets.is_vxlan))
    assert got[VXLAN].vni == 0x123456
    assert got[VXLAN].flags == "Instance"
    assert (got[VXLAN].reserved1, got[VXLAN].reserved2) == (0, 0)
    assert bytes(got[VXLAN].payload) == bytes(INNER["icmp"])


def test_padding_and_long_frames(pair):
    """Frames of every length from the least to the largest arrive whole."""
    a, b = pair
    a.vxlan(dev="u0", remote=b.ip)
    b.vxlan()
    inside, outside = a.tap("vx0"), b.tap("vx0")
    for length in (14, 15, 59, 60, 61, 1000, 1463, 1464):
        frame = packets.ethernet(STATION, SOURCE, bytes(length - 14), 0x88B5)
        inside.send(frame)
        assert outside.one() == frame
