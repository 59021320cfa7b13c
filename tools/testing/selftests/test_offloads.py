# SPDX-License-Identifier: GPL-2.0
"""Segmentation, gathering and checksums of all that goes through a tunnel.

Each cell sends one kind of traffic through one kind of tunnel over one kind of link: it
arrives octet for octet, in as many pieces as by the stock driver, and no packet on the
way has a checksum that is wrong, whoever had to compute it.
"""

import itertools
import random

import pytest

from lib import packets, rtnl
from lib.cable import Cable
from lib.checksums import (GSO_NONE, GSO_UDP_L4, Capture, Packet, faults,
                           innermost, outer_checksum)
from lib.traffic import STREAM_PORT, DATAGRAM_PORT, Idle, datagrams, stream
from lib.wait import wait_for

INSIDE = {4: "192.168.7.2", 6: "fd07::2"}
DATA = random.Random(1).randbytes(1 << 18)
UDP = 17

CUT = ("tso", "gso", "tx-udp-segmentation",
       "tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation")
LINKS = {
    # What is off at the sender; what is on or off at the receiver, and at its tunnel.
    "offloads": ((), (), ()),
    "no-tunnels": (CUT[3:], (), ()),
    "segments": (CUT, ("gro", "on"), ("gro", "off")),
    "nothing": (("tx", "rx", "sg", *CUT), ("tx", "off", "rx", "off"), ()),
    "wire": ((), (), ()),
}

# How many packets with data there are on stock, on the wire and behind the tunnel. Alone
# the stream's segments are at least 187; gathered they are 11 to 25 there.
ALONE, GATHERED = range(187, 400), range(1, 94)
PIECES = {
    "offloads": {"tcp": (GATHERED, GATHERED), "gso": (range(1, 2), range(1, 2))},
    "no-tunnels": {"tcp": (ALONE, ALONE), "gso": (range(41, 42), range(41, 42))},
    "segments": {"tcp": (ALONE, GATHERED), "gso": (range(41, 42), range(41, 42))},
    "nothing": {"tcp": (None, GATHERED), "gso": (None, range(1, 20))},
    "wire": {"tcp": (ALONE, ALONE), "gso": (range(41, 42), range(41, 42))},
}


class Tunnel:
    """vx0 of two hosts on one kind of link, 192.168.7.1 and .2, fd07::1 and ::2."""

    def __init__(self, kind, pair, cable):
        self.kind = kind
        self.a, self.b = pair
        self.cable = cable
        self.under = self.csum = self.wire = self.inside = self.before = None

    def build(self, under, csum):
        self.under, self.csum = under, csum
        ends = (self.a, self.b, 1, 2), (self.b, self.a, 2, 1)
        for host, peer, _, _ in ends:
            local, remote = (host.ip4, peer.ip4) if under == 4 else (host.ip, peer.ip)
            host.vxlan(dev="u0", local=local, remote=remote, udp_csum=csum,
                       zero_csum6_tx=1 - csum, zero_csum6_rx=1 - csum)
        for host, peer, here, there in ends:
            host.ipv6("vx0")
            for prefix, length in ("192.168.7.", 24), ("fd07::", 64):
                host.address("vx0", f"{prefix}{here}", length)
                host.neighbour("vx0", f"{prefix}{there}", peer.mac("vx0"))
        if LINKS[self.kind][2]:
            self.b.run("ethtool", "-K", "vx0", *LINKS[self.kind][2])
        self._look_on()
        self.before = self._counters()

    def _look_on(self):
        """At the wire as well, unless that keeps packets from being gathered later."""
        if self.kind not in ("nothing", "wire"):
            with self.a:
                self.wire = self.a.keep(Capture("u0", outgoing=True))
        with self.b:
            self.inside = self.b.keep(Capture("vx0", outgoing=False))

    def clear(self):
        """Silently: a last report would be a packet that the other side is no more part of."""
        for host in (self.a, self.b):
            host.close_sockets()
            host.sysctl("net/ipv6/conf/vx0/disable_ipv6", 1)
        for host in (self.a, self.b):
            host.link_del("vx0")
        self.cable.discard()
        self.wire = None

    def room(self, inner):
        """Octets of the largest datagram that goes in one packet."""
        return 1500 - {4: 50, 6: 70}[self.under] - {4: 28, 6: 48}[inner]

    def seen(self, port):
        """(on the wire, behind the tunnel): packets with data for a port, every one good."""
        below, self.cable.seen = self.cable.seen, []
        both = self.wire.packets() if self.wire else below, self.inside.packets()
        for packet in itertools.chain(*both):
            assert not faults(packet), (faults(packet), packet)
        return [[packet for packet in those if innermost(packet)[1] == port
                 and innermost(packet)[2]] for those in both]

    def trouble(self):
        """Counters of bad packets that went up, on both sides, since the tunnel is there."""
        return {key: value - self.before[key] for key, value in self._counters().items()
                if value != self.before[key]}

    def _counters(self):
        found = {}
        for host in (self.a, self.b):
            found.update(checksum_errors(host))
            for name, kinds in ("u0", ("errors",)), ("vx0", ("errors", "dropped")):
                found.update({(host.name, name, key): value
                              for key, value in host.stats(name).items()
                              if key.endswith(kinds)})
        return found


def checksum_errors(host):
    """Checksum errors that a host's protocols have seen."""
    found = {}
    lines = host.read("/proc/net/snmp").splitlines()
    for names, values in zip(lines[::2], lines[1::2]):
        kind = names.split()[0]
        for name, value in zip(names.split()[1:], values.split()[1:]):
            found[host.name, kind + name] = int(value)
    for line in host.read("/proc/net/snmp6").splitlines():
        name, value = line.split()
        found[host.name, name] = int(value)
    return {key: value for key, value in found.items() if "CsumErrors" in key[1]}


@pytest.fixture(scope="module", params=LINKS)
def link(lasting_pair, request):
    kind, cable = request.param, Idle()

    def join(a, b, macs):
        nonlocal cable
        cable = Cable((a, b), macs)

    off, receiver, _ = LINKS[kind]
    with lasting_pair(**({"join": join} if kind == "wire" else {})) as (a, b):
        if off:
            a.run("ethtool", "-K", "u0", *(word for name in off for word in (name, "off")))
        if receiver:
            b.run("ethtool", "-K", "u0", *receiver)
        yield Tunnel(kind, (a, b), cable)
        cable.close()


def tunnel_id(param):
    return f"over{param[0]}-{'csum' if param[1] else 'nocsum'}"


@pytest.fixture(scope="module", params=itertools.product((4, 6), (1, 0)), ids=tunnel_id)
def tunnel(link, request):
    link.build(*request.param)
    yield link
    link.clear()


def as_expected(tunnel, wire, traffic):
    """Who computes the checksums: the stack leaves them to links that say they can."""
    outer = [outer_checksum(packet) != 0 for packet in wire]
    assert outer == [bool(tunnel.csum)] * len(wire)
    left = tunnel.kind in ("offloads", "no-tunnels", "segments")
    assert [packet.partial for packet in wire] == [left] * len(wire)
    if tunnel.kind != "offloads":
        assert all(packet.gso == GSO_NONE and len(packet) <= 1514 for packet in wire)
    elif traffic == "gso":
        assert [packet.gso for packet in wire] == [GSO_UDP_L4]


@pytest.mark.parametrize("inner", (4, 6), ids=("inner4", "inner6"))
def test_tcp(tunnel, inner):
    def attempt():
        assert stream(tunnel.a, tunnel.b, INSIDE[inner], DATA, tunnel.cable) == DATA
        wire, inside = tunnel.seen(STREAM_PORT)
        as_expected(tunnel, wire, "tcp")
        assert sum(innermost(packet)[2] for packet in inside) >= len(DATA)
        counts.append((len(wire), len(inside)))
        below, above = PIECES[tunnel.kind]["tcp"]
        return (below is None or len(wire) in below) and len(inside) in above

    # How much is gathered depends on the clock: once it has to be as much as on stock.
    counts = []
    wait_for(attempt, lambda: f"gathering as on stock: {counts}")
    assert tunnel.trouble() == {}


@pytest.mark.parametrize("inner", (4, 6), ids=("inner4", "inner6"))
def test_udp(tunnel, inner):
    """Datagrams of odd and even sizes, up to the largest that fits."""
    room = tunnel.room(inner)
    sizes = (1, 2, 3, 17, 600, 601, 1000, room - 1, room)
    sent = [DATA[at:at + size] for at, size in enumerate(sizes)]
    assert datagrams(tunnel.a, tunnel.b, INSIDE[inner], sent, None, tunnel.cable) == sent
    wire, inside = tunnel.seen(DATAGRAM_PORT)
    as_expected(tunnel, wire, "udp")
    for those in (wire, inside) if tunnel.kind != "nothing" else (inside,):
        assert tuple(innermost(packet)[2] for packet in those) == sizes
    assert tunnel.trouble() == {}


@pytest.mark.parametrize("inner", (4, 6), ids=("inner4", "inner6"))
def test_udp_gso(tunnel, inner):
    """One call of 41 datagrams, the last one short."""
    data, size = DATA[:40 * 1201 + 7], 1201
    sent = [data[at:at + size] for at in range(0, len(data), size)]

    def attempt():
        assert datagrams(tunnel.a, tunnel.b, INSIDE[inner], data, size,
                         tunnel.cable) == sent
        wire, inside = tunnel.seen(DATAGRAM_PORT)
        as_expected(tunnel, wire, "gso")
        assert sum(innermost(packet)[2] for packet in inside) == len(data)
        counts.append((len(wire), len(inside)))
        below, above = PIECES[tunnel.kind]["gso"]
        assert below is None or len(wire) in below, counts
        return len(inside) in above

    counts = []
    wait_for(attempt, lambda: f"gathering as on stock: {counts}")
    assert tunnel.trouble() == {}


@pytest.mark.parametrize("inner", (4, 6), ids=("inner4", "inner6"))
@pytest.mark.parametrize("tunnel", ((4, 1), (4, 0), (6, 1)), indirect=True, ids=tunnel_id)
@pytest.mark.parametrize("link", ("offloads",), indirect=True)
def test_tunnel_without_offloads(tunnel, inner):
    """Finished packets go into the tunnel: the link is left their outer checksum alone."""
    tunnel.a.run("ethtool", "-K", "vx0", "tx", "off", "tso", "off", "gso", "off",
                 "tx-udp-segmentation", "off")
    sent = [DATA[:1], DATA[1:1000]]
    assert stream(tunnel.a, tunnel.b, INSIDE[inner], DATA) == DATA
    packets_of_stream = tunnel.seen(STREAM_PORT)
    assert datagrams(tunnel.a, tunnel.b, INSIDE[inner], sent) == sent
    packets_of_datagrams = tunnel.seen(DATAGRAM_PORT)
    assert len(packets_of_stream[0]) in ALONE and len(packets_of_datagrams[0]) == 2
    for packet in packets_of_stream[0] + packets_of_datagrams[0]:
        at = {4: 34, 6: 54}[tunnel.under]
        assert (packet.partial, packet.start) == ((True, at) if tunnel.csum else (False, 0))
        assert packet.gso == GSO_NONE and len(packet) <= 1514
    tunnel.a.run("ethtool", "-K", "vx0", "tx", "on", "tso", "on", "gso", "on",
                 "tx-udp-segmentation", "on")
    assert tunnel.trouble() == {}


# -- The check itself -------------------------------------------------------------------

def wrong_by_one_octet(frame, at):
    return Packet(frame[:at] + bytes([frame[at] ^ 0x5A]) + frame[at + 1:])


class Ends:
    """The two ends of an outer packet that packets.outer() makes."""

    def __init__(self, ip, peer_ip):
        self.ip, self.peer_ip = ip, peer_ip
        self.mac_u0 = self.peer_mac = "02:00:00:00:00:01"


def test_check_finds_what_is_wrong():
    """Each checksum, and only that, is seen to be wrong, in packets over IPv6 in IPv6."""
    inner = packets.inner6("02:00:00:00:aa:01", "02:00:00:00:aa:02")
    good = packets.outer(Ends("fd00::1", "fd00::2"), packets.vxlan(10, inner))
    assert faults(Packet(good)) == []
    assert innermost(Packet(good)) == (UDP, 2222, 5)
    # The outer checksum covers the inner packet; the inner one nothing of the outer.
    assert faults(wrong_by_one_octet(good, len(good) - 1)) == ["outer UDP", "inner UDP"]
    assert faults(wrong_by_one_octet(good, 54 + 12)) == ["outer UDP"]
    without = packets.ethernet(
        "02:00:00:00:00:01", "02:00:00:00:00:02", packets.ipv4(
            "10.0.0.1", "10.0.0.2", packets.udp(1, 4789, packets.vxlan(10, inner))))
    assert faults(Packet(without)) == []
    assert faults(wrong_by_one_octet(without, 22)) == ["outer IPv4 header"]
    assert faults(wrong_by_one_octet(without, len(without) - 1)) == ["inner UDP"]
    naked = packets.inner("02:00:00:00:aa:01", "02:00:00:00:aa:02")
    assert faults(Packet(naked)) == ["outer UDP has none"]


# -- BIG TCP -------------------------------------------------------------------------

BIG = 180000
GSO_GRO_LIMITS = (41, 58, 63, 64)       # IFLA_{GSO,GRO}_MAX_SIZE, _IPV4_MAX_SIZE


@pytest.fixture
def big_tunnel(tunnel):
    """All links take segments of more than 64 KB, and TCP makes them soon."""
    for host in (tunnel.a, tunnel.b):
        for name in ("u0", "vx0"):
            host.link_set(name, attrs=[(kind, rtnl.u32(BIG)) for kind in GSO_GRO_LIMITS])
        host.sysctl("net/ipv4/tcp_min_tso_segs", 120)
        for key in ("wmem", "rmem"):
            host.sysctl(f"net/ipv4/tcp_{key}", f"4096 {4 << 20} {8 << 20}")
    yield tunnel
    for host in (tunnel.a, tunnel.b):
        for name in ("u0", "vx0"):
            host.link_set(name, attrs=[(kind, rtnl.u32(65536)) for kind in GSO_GRO_LIMITS])
        host.sysctl("net/ipv4/tcp_min_tso_segs", 2)


@pytest.mark.parametrize("inner", (4, 6), ids=("inner4", "inner6"))
@pytest.mark.parametrize("tunnel", ((4, 1), (6, 1)), indirect=True, ids=tunnel_id)
@pytest.mark.parametrize("link", ("offloads", "nothing"), indirect=True)
def test_big_tcp(big_tunnel, inner):
    """Packets of more than 64 KB cross a link whole, or are cut up and gathered again."""
    tunnel, data = big_tunnel, DATA * 8

    def attempt():
        assert stream(tunnel.a, tunnel.b, INSIDE[inner], data, tunnel.cable) == data
        wire, inside = tunnel.seen(STREAM_PORT)
        sizes.append([max(map(len, those), default=0) for those in (wire, inside)])
        return (tunnel.kind == "nothing" or sizes[-1][0] > 65536) and sizes[-1][1] > 65536

    sizes = []
    wait_for(attempt, lambda: f"big packet: {sizes}")
    assert tunnel.trouble() == {}
