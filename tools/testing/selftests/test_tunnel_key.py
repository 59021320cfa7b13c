# SPDX-License-Identifier: GPL-2.0
"""Metadata that tc and routes set, take off and look at: over IPv6, with checksums, GBP, in
another namespace, and by redirection between a link and the tunnel's device."""

import socket

import pytest

from lib import packets
from lib.netns import await_stat
from lib.packets import Frame
from lib.rtnl import u32
from lib.trace import DropTrace
from lib.uapi import IFLA
from test_gro import stream
from test_metadata import BASE, SENDER, SIX, STATION, egress, external, matched

BASE6 = ("src_ip", SIX[0], "dst_ip", SIX[1], "id", "100")
FRAME = packets.inner(STATION, SENDER)


def base(pair):
    return BASE6 if ":" in pair[0].ip else BASE


def plain(host):
    """Checksums are complete on the wire then."""
    host.run("ethtool", "-K", "u0", "tx", "off")


def instead(host, *how):
    """tc gives what the device sends these properties, and no others."""
    host.run("tc", "qdisc", "del", "dev", "vx0", "clsact", check=False)
    egress(host, *how)


# -- tc -------------------------------------------------------------------------

@pytest.mark.parametrize("how, valid", [((), True), (("csum",), True), (("nocsum",), False)],
                         ids=("unsaid", "csum", "nocsum"))
def test_checksum(either, how, valid):
    a, b = either
    plain(a)
    inside, wire = external(a), b.tap("u0")
    egress(a, *base(either), *how)
    inside.send(FRAME)
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.vni, got.inner) == (100, FRAME)
    if not valid:
        assert got.udp_checksum == 0
    elif ":" in a.ip:
        assert packets.checksum6(a.ip, b.ip, got.body, 17) == 0
    else:
        pseudo = got.data[26:34] + b"\0\x11" + len(got.body).to_bytes(2, "big")
        assert got.udp_checksum != 0 and packets.checksum(pseudo + got.body) == 0


@pytest.mark.parametrize("allowed", [0, 1])
def test_no_checksum_is_received(pair6, allowed):
    """Over IPv6 the receiving device must allow it, in metadata mode too."""
    a, b = pair6
    inside, outside = external(a), external(b, zero_csum6_rx=allowed)
    egress(a, *BASE6, "nocsum")
    inside.send(FRAME)
    if allowed:
        assert outside.one() == FRAME
    instead(a, *BASE6, "csum")
    last = packets.inner(STATION, SENDER, tag=b"last")
    inside.send(last)
    assert outside.one() == last
    assert b.stats("vx0")["rx_packets"] == 1 + allowed


def test_properties_over_ipv6(pair6):
    a, b = pair6
    inside, wire = external(a, gbp=True), b.tap("u0")
    for how, field, value in (
            (("tos", "0x48"), "tos", 0x48),
            (("ttl", "7"), "ttl", 7),
            (("nofrag",), "label", 0),
            (("dst_port", "7777"), "ports", 7777),
            (("vxlan_opts", "1234"), "vxlan_header", bytes.fromhex("880004d200006400"))):
        instead(a, *BASE6, *how)
        inside.send(FRAME)
        got = Frame(wire.one(lambda data: Frame(data).is_udp))
        assert got.inner == FRAME
        got = getattr(got, field)
        assert (got[1] if field == "ports" else got) == value, how


def test_congestion(either):
    """The inner packet's ECN goes into the TOS that the metadata give."""
    a, b = either
    inside, wire = external(a), b.tap("u0")
    egress(a, *base(either), "tos", "0x48")
    for inner, outer in ((0, 0x48), (1, 0x49), (2, 0x4A), (3, 0x4A)):
        inside.send(packets.inner(STATION, SENDER, tos=inner))
        assert Frame(wire.one(packets.is_vxlan)).tos == outer


def test_too_large_with_nofrag(pair):
    """A packet that may not be cut up and does not fit is dropped."""
    a, b = pair
    inside, wire = external(a), b.tap("u0")
    a.run("ip", "link", "set", "vx0", "mtu", "3000")
    large = packets.inner(STATION, SENDER, size=2000)
    egress(a, *BASE, "nofrag")
    inside.send(large)
    instead(a, *BASE)
    inside.send(large)
    # Two fragments of the second one alone.
    found = [Frame(data) for data in wire.expect(lambda data: Frame(data).is_ip and
                                                 Frame(data).proto == 17, 2)]
    assert [got.frag & 0x6000 for got in found] == [0x2000, 0]
    assert wire.pending() == []


def redirected(host, name, to, *actions):
    """All that comes in by a link goes, after the actions, out by another."""
    host.run("tc", "qdisc", "replace", "dev", name, "clsact")
    host.run("tc", "filter", "add", "dev", name, "ingress", "pref", "1", "matchall", *actions,
             "action", "mirred", "egress", "redirect", "dev", to)


def test_gateway(either):
    """A link's frames go into the tunnel and back, with no bridge: set here, unset there."""
    a, b = either
    for host in (a, b):
        external(host)
        host.run("ip", "link", "add", "s0", "type", "veth", "peer", "name", "h0")
        for name in ("s0", "h0"):
            host.link_set(name, up=True)
    for host, peer in ((a, b), (b, a)):
        redirected(host, "s0", "vx0", "action", "tunnel_key", "set", "src_ip", host.ip,
                   "dst_ip", peer.ip, "id", "5")
        redirected(host, "vx0", "s0", "action", "tunnel_key", "unset")
    ends = a.tap("h0"), b.tap("h0")
    for one, other in (ends, reversed(ends)):
        one.send(FRAME)
        assert other.one(lambda data: data == FRAME)


def test_metadata_of_what_came_is_for_nobody_else(pair):
    """A packet that came by one tunnel and goes into another without new metadata."""
    a, b = pair
    external(b)
    b.vxlan("vx1", id=None, external=1, port=7777)
    redirected(b, "vx0", "vx1")
    wire = a.tap("u0")
    with DropTrace() as trace:
        wire.send(packets.outer(a, packets.vxlan(100, FRAME)))
        trace.expect("TUNNEL_TXINFO", 1)
    assert wire.pending(lambda data: Frame(data).is_udp) == []


def test_from_tunnel_to_tunnel(pair):
    """With new metadata it goes on, with the new VNI and port."""
    a, b = pair
    external(b)
    b.vxlan("vx1", id=None, external=1, port=7777)
    redirected(b, "vx0", "vx1", "action", "tunnel_key", "unset", "action", "tunnel_key", "set",
               "src_ip", "10.0.0.2", "dst_ip", "10.0.0.1", "id", "200")
    wire = a.tap("u0")
    wire.send(packets.outer(a, packets.vxlan(100, FRAME)))
    got = Frame(wire.one(lambda data: packets.is_vxlan(data, 7777)))
    assert (got.vni, got.inner) == (200, FRAME)


def test_receive_over_ipv6(pair6):
    """What the outer headers said is to be read at the device."""
    a, b = pair6
    outside, wire = external(b, gbp=True), a.tap("u0")
    for keys, matches in (
            (("enc_src_ip", SIX[0], "enc_dst_ip", SIX[1]), 1),
            (("enc_src_ip", SIX[1], "enc_dst_ip", SIX[0]), 0),
            (("enc_dst_ip", SIX[1], "enc_tos", "0x48/0xff"), 1),
            (("enc_dst_ip", SIX[1], "enc_ttl", "64/0xff"), 1),
            (("enc_dst_ip", SIX[1], "vxlan_opts", "7/0xffffffff"), 1),
            (("enc_dst_ip", SIX[1], "vxlan_opts", "8/0xffffffff"), 0)):
        b.run("tc", "qdisc", "del", "dev", "vx0", "clsact", check=False)
        count = matched(b, *keys)
        wire.send(packets.outer(a, packets.vxlan(100, FRAME, flags=0x88000007), tos=0x48))
        assert outside.one() == FRAME
        assert count() == matches, keys


# -- Routes -----------------------------------------------------------------------

def routed(a, b, *how, inside, **options):
    """Two ends whose routes say how to encapsulate; `inside` has their addresses there."""
    six = ":" in a.ip
    for host, peer, mine, theirs in ((a, b, *inside), (b, a, *reversed(inside))):
        host.vxlan(id=None, external=1, **options)
        if ":" in mine:
            host.ipv6("vx0")
        host.address("vx0", mine, 128 if ":" in mine else 32)
        host.run("ip", "route", "add", theirs, "encap", "ip6" if six else "ip", "id", "100",
                 "dst", peer.ip, *how, "dev", "vx0")
    for host, peer, theirs in ((a, b, inside[1]), (b, a, inside[0])):
        host.neighbour("vx0", theirs, peer.mac("vx0"))


INSIDE = ("192.168.7.1", "192.168.7.2"), ("2001:db8::1", "2001:db8::2")


@pytest.mark.parametrize("inside", INSIDE, ids=("inner4", "inner6"))
def test_route(either, inside):
    a, b = either
    # Over IPv6 routes set no checksum, so that it must be allowed to be none.
    routed(a, b, inside=inside, zero_csum6_rx=1)
    wire = b.tap("u0")
    out = a.run("ping", "-c", "2", "-i", "0.05", "-W", "20", inside[1])
    assert "2 packets transmitted, 2 received" in out
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.vni, got.ip_src, got.ip_dst) == (100, a.ip, b.ip)
    assert (got.tos, got.ttl, got.udp_checksum) == (0, 64, 0)


@pytest.mark.parametrize("checksum", [(), ("csum",)], ids=("nocsum", "csum"))
def test_route_s_properties(either, checksum):
    a, b = either
    how = ("hoplimit", "7", "tc", "0x48") if ":" in a.ip else ("ttl", "7", "tos", "0x48")
    routed(a, b, *how, *checksum, "vxlan_opts", "1234", inside=INSIDE[0], gbp=True,
           zero_csum6_rx=1)
    wire = b.tap("u0")
    with a:
        sock = a.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sock.sendto(b"hello", (INSIDE[0][1], 9))
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.tos, got.ttl, got.udp_checksum != 0) == (0x48, 7, bool(checksum))
    assert got.vxlan_header == bytes.fromhex("880004d200006400")


def test_stream_over_ipv6(pair6):
    a, b = pair6
    routed(a, b, "csum", inside=INSIDE[0])
    stream(a, b)


# -- Another namespace --------------------------------------------------------------

@pytest.fixture
def guest(hosts, either):
    """A namespace with the device, whose underlay stays in a."""
    a, b = either
    inner = hosts("guest")
    a.vxlan(up=False, id=None, external=1)
    a.link_set("vx0", attrs=[(IFLA.NET_NS_FD, u32(inner.fd))])
    inner.link_set("vx0", up=True)
    inner.peer_ip = b.ip
    return inner


def test_sent_from_another_namespace(guest, either):
    a, b = either
    egress(guest, *base(either), "tos", "0x48")
    inside, wire = guest.tap("vx0"), b.tap("u0")
    inside.send(FRAME)
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.ip_src, got.ip_dst, got.vni, got.tos) == (a.ip, b.ip, 100, 0x48)
    assert got.inner == FRAME and guest.udp_ports() == []


def test_received_in_another_namespace(guest, either):
    """The metadata go along."""
    a, b = either
    count = matched(guest, "enc_key_id", "100", "enc_src_ip", b.ip, "enc_dst_ip", a.ip)
    inside = guest.tap("vx0")
    b.tap("u0").send(packets.outer(b, packets.vxlan(100, FRAME)))
    assert inside.one() == FRAME and count() == 1
    await_stat(guest, "vx0", "rx_packets", 1)
