# SPDX-License-Identifier: GPL-2.0
"""Which link of the underlay is used: `dev`, VRFs, and routes that change."""

import errno

import pytest

from conftest import _settle, _veth
from lib import packets
from lib.netns import await_stat
from lib.packets import Frame
from lib.rtnl import u32
from lib.uapi import IFLA
from test_metadata import SENDER, STATION

FRAME = packets.inner(STATION, SENDER)


@pytest.fixture(params=[False, True], ids=("over4", "over6"))
def doubled(hosts, request):
    """a with two links, u0 and w0, to b and c, which have the same address."""
    six = request.param
    a, b, c = (hosts(name) for name in "abc")
    addrs, bits = (("fd00::1", "fd00::2"), 64) if six else (("10.0.0.1", "10.0.0.2"), 24)
    a.ip, a.peer_ip = addrs
    a.mac_u0 = "02:00:00:00:00:01"
    for number, (name, host) in enumerate((("u0", b), ("w0", c)), 2):
        host.mac_u0, host.peer_mac = f"02:00:00:00:00:{number:02x}", f"02:00:00:00:01:{number:02x}"
        host.ip, host.peer_ip = reversed(addrs)
        _veth(a, name, host, "u0", (host.peer_mac, host.mac_u0))
        if six:
            for end, link in ((a, "lo"), (a, name), (host, "lo"), (host, "u0")):
                end.ipv6(link)
        host.address("u0", addrs[1], bits)
        for end, link in ((a, name), (host, "u0")):
            end.link_set(link, up=True)
    for host in (a, b, c):
        _settle(host)
    return a, b, c


def give(host, link, number=1, bits=True):
    """One more address of the same network."""
    six = ":" in host.ip
    host.address(link, f"fd00::{number}" if six else f"10.0.0.{number}",
                 (64 if six else 24) if bits else (128 if six else 32))
    host.neighbour(link, host.peer_ip, {"u0": "02:00:00:00:00:02", "w0": "02:00:00:00:00:03"}[link])


@pytest.mark.parametrize("link", ["u0", "w0"])
def test_dev_is_the_way_out(doubled, link):
    """Two routes to one address: the device's link says which."""
    a, b, c = doubled
    give(a, "u0", 1)
    give(a, "w0", 9)
    a.vxlan(remote=a.peer_ip, dev=link)
    inside, taps = a.tap("vx0"), {"u0": b.tap("u0"), "w0": c.tap("u0")}
    inside.send(FRAME)
    got = Frame(taps.pop(link).one(packets.is_vxlan))
    assert got.ip_src.endswith("1" if link == "u0" else "9")
    assert taps.popitem()[1].pending(packets.is_vxlan) == []


def test_dev_is_not_the_way_in(doubled):
    """Packets are taken from every link, whichever the device's is."""
    a, b, c = doubled
    give(a, "u0", 1)
    give(a, "w0", 9)
    a.vxlan(remote=a.peer_ip, dev="u0")
    inside = a.tap("vx0")
    for host in (b, c):
        frame = packets.inner(SENDER, STATION, tag=host.name.encode())
        host.tap("u0").send(packets.outer(host, packets.vxlan(10, frame)))
        assert inside.one() == frame


def test_remote_s_own_link(doubled):
    """An entry's link goes before the device's."""
    a, b, c = doubled
    give(a, "u0", 1)
    give(a, "w0", 9)
    a.vxlan(local=a.ip, dev="u0")
    a.fdb_add(STATION, a.peer_ip, via=a.index("w0"))
    inside, at_b, at_c = a.tap("vx0"), b.tap("u0"), c.tap("u0")
    inside.send(FRAME)
    assert Frame(at_c.one(packets.is_vxlan)).inner == FRAME
    assert at_b.pending(packets.is_vxlan) == []


def test_route_changes(doubled):
    """The next packet follows a route that has changed, though the old one was kept."""
    a, b, c = doubled
    give(a, "u0", 1)
    a.vxlan(remote=a.peer_ip)
    inside, at_b, at_c = a.tap("vx0"), b.tap("u0"), c.tap("u0")
    inside.send(FRAME)
    assert at_b.one(packets.is_vxlan)
    give(a, "w0", 9, bits=False)
    a.run("ip", "route", "add", a.peer_ip, "dev", "w0")
    inside.send(FRAME)
    assert Frame(at_c.one(packets.is_vxlan)).inner == FRAME
    a.run("ip", "route", "del", a.peer_ip, "dev", "w0")
    inside.send(FRAME)
    assert at_b.one(packets.is_vxlan)
    assert at_c.pending(packets.is_vxlan) == []


# -- VRF --------------------------------------------------------------------------

def into_vrf(host, link, name, table):
    """A VRF for a link, which gets the host's address there."""
    host.run("ip", "link", "add", name, "type", "vrf", "table", table)
    host.link_set(name, up=True)
    host.link_set(link, attrs=[(IFLA.MASTER, u32(host.index(name)))])
    if ":" in host.ip:
        host.ipv6(name)
        host.ipv6(link)
    give(host, link)


@pytest.mark.parametrize("dev", [("u0", "w0"), ("red", "blue")], ids=("port", "vrf"))
def test_vrf(doubled, dev):
    """Devices of two VRFs have sockets of their own, on one port, and keep apart."""
    a, b, c = doubled
    into_vrf(a, "u0", "red", "10")
    into_vrf(a, "w0", "blue", "20")
    a.vxlan("vx0", id=10, dev=dev[0], remote=a.peer_ip)
    a.vxlan("vx1", id=11, dev=dev[1], remote=a.peer_ip)
    assert (a.udp6_ports() if ":" in a.ip else a.udp_ports()) == [4789, 4789]
    for name, vni, near, far in (("vx0", 10, b, c), ("vx1", 11, c, b)):
        inside, wire, other = a.tap(name), near.tap("u0"), far.tap("u0")
        inside.send(FRAME)
        got = Frame(wire.one(packets.is_vxlan))
        assert (got.ip_src, got.ip_dst, got.vni, got.inner) == (a.ip, a.peer_ip, vni, FRAME)
        assert other.pending(packets.is_vxlan) == []
        frames = [packets.inner(SENDER, STATION, tag=tag) for tag in (b"far", b"near")]
        other.send(packets.outer(far, packets.vxlan(vni, frames[0])))
        wire.send(packets.outer(near, packets.vxlan(vni, frames[1])))
        assert inside.one() == frames[1]
        await_stat(a, name, "rx_packets", 1)


def test_vrf_is_not_heard_outside(doubled):
    """A device without a link is not of the VRF: it neither sends nor hears there."""
    a, b, c = doubled
    into_vrf(a, "u0", "red", "10")
    give(a, "w0")
    a.vxlan(remote=a.peer_ip)
    inside, at_b, at_c = a.tap("vx0"), b.tap("u0"), c.tap("u0")
    inside.send(FRAME)
    assert at_c.one(packets.is_vxlan)
    at_b.send(packets.outer(b, packets.vxlan(10, packets.inner(SENDER, STATION))))
    at_c.send(packets.outer(c, packets.vxlan(10, packets.inner(SENDER, STATION, tag=b"c"))))
    assert inside.one() == packets.inner(SENDER, STATION, tag=b"c")
    await_stat(a, "vx0", "rx_packets", 1)
    assert at_b.pending(packets.is_vxlan) == []


def test_vrf_and_none_on_one_port(doubled, refused):
    """The port of a VRF is not free for who listens everywhere, nor the other way round."""
    a, _, _ = doubled
    into_vrf(a, "u0", "red", "10")
    for first, second in (("u0", "w0"), ("w0", "u0")):
        a.vxlan("vx0", id=10, dev=first, remote=a.peer_ip)
        a.vxlan("vx1", id=11, dev=second, remote=a.peer_ip, up=False)
        with refused(errno.EADDRINUSE):
            a.link_set("vx1", up=True)
        a.link_del("vx0")
        a.link_set("vx1", up=True)
        a.link_del("vx1")
