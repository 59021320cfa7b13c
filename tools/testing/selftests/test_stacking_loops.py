# SPDX-License-Identifier: GPL-2.0
"""Tunnels in tunnels, through several namespaces, and in circles, which the kernel cuts."""

import errno
import random
import socket
import struct

import pytest

from lib import packets, rtnl
from lib import uapi as u
from lib.packets import Frame
from lib.state import state
from lib.trace import DropTrace
from lib.traffic import stream
from lib.uapi import IFLA
from lib.wait import wait_for
from test_stacking import add, carries, enslave, settle, tunnel     # noqa: F401

BROADCAST = "ff:ff:ff:ff:ff:ff"
DATA = random.Random(3).randbytes(1 << 16)


def counters(host, name):
    return {key: value for key, value in host.stats(name).items() if value}


# -- Tunnels in tunnels --------------------------------------------------------------

def raise_tower(a, b, levels):
    """vx1 over vx0 and so on, over IPv6 each, vxN with VNI 10 + N. Returns the topmost."""
    for level in range(1, levels):
        lower = f"vx{level - 1}"
        for host, peer, here, there in (a, b, 1, 2), (b, a, 2, 1):
            settle(host, lower)
            host.run("ip", "link", "set", lower, "arp", "off")      # No group, so no report.
            host.ipv6(lower)
            host.address(lower, f"fd0{level}::{here}", 64)
            host.neighbour(lower, f"fd0{level}::{there}", peer.mac(lower))
        for host, here, there in (a, 1, 2), (b, 2, 1):
            host.vxlan(f"vx{level}", id=10 + level, dev=lower,
                       local=f"fd0{level}::{here}", remote=f"fd0{level}::{there}")
    return f"vx{levels - 1}"


@pytest.mark.parametrize("levels", (2, 3))
def test_vxlan_in_vxlan(tunnel, levels):
    a, b = tunnel
    top = raise_tower(a, b, levels)
    mtus = [struct.unpack("=I", a.link_get(f"vx{level}").get(IFLA.MTU))[0]
            for level in range(levels)]
    assert mtus == [1450, 1380, 1310][:levels]
    frame = packets.inner(b.mac(top), a.mac(top))
    wire, far = b.tap("u0"), b.tap(top)
    a.tap(top).send(frame)
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.ip_src, got.ip_dst, got.vni) == ("10.0.0.1", "10.0.0.2", 10)
    for level in range(1, levels):
        lower = f"vx{level - 1}"
        got = Frame(got.inner)
        assert (got.src, got.dst) == (a.mac(lower), b.mac(lower))
        assert (got.ip_src, got.ip_dst) == (f"fd0{level}::1", f"fd0{level}::2")
        assert (got.vni, got.ttl, got.tos, got.label) == (10 + level, 64, 0, 0)
    assert got.inner == frame
    assert far.one() == frame
    # What is sent is counted from the innermost but one IP header on, so 103 however deep.
    for level in range(levels):
        down = levels - 1 - level
        assert counters(a, f"vx{level}") == {"tx_packets": 1, "tx_bytes": 103 if down else 33}
        assert counters(b, f"vx{level}") == {"rx_packets": 1, "rx_bytes": 33 + 70 * down}
    carries(a, b, top)


def test_four_levels_are_too_many(pair):
    """The kernel takes what is in so many tunnels for a circle."""
    a, b = pair
    for host, peer in (a, b), (b, a):
        host.vxlan(dev="u0", remote=peer.ip, local=host.ip)
    top = raise_tower(a, b, 4)
    with DropTrace() as trace:
        a.tap(top).send(packets.inner(b.mac(top), a.mac(top)))
        trace.expect("RECURSION_LIMIT", 1)
    assert [counters(a, f"vx{level}") for level in range(4)] == [
        {"tx_errors": 1}, {"tx_packets": 1, "tx_bytes": 103},
        {"tx_packets": 1, "tx_bytes": 103}, {"tx_packets": 1, "tx_bytes": 33}]


# -- Circles of routes ---------------------------------------------------------------

FAR = {4: ("10.1.0.2", "10.2.0.2"), 6: ("fd01::2", "fd02::2")}


def route(host, address, name):
    """Send what is for one address out of a link, which needs no neighbour for it."""
    six = ":" in address
    raw, length = (rtnl.ip6(address), 128) if six else (rtnl.ip4(address), 32)
    head = struct.pack("=BBBBBBBBI", socket.AF_INET6 if six else socket.AF_INET, length,
                       0, 0, 254, 3, 253, 1, 0)
    host.nl.request(u.RTM_NEWROUTE, head, [(1, raw), (4, rtnl.u32(host.index(name)))],
                    u.NLM_F_ACK | u.NLM_F_CREATE)
    host.neighbour(name, address, "02:00:00:00:bb:01")


@pytest.mark.parametrize("family", (4, 6))
def test_two_that_go_through_each_other(host6, family):
    """A packet grows at each turn until the kernel ends it, and both go on working."""
    for name, vni, far in zip(("vx0", "vx1"), (10, 11), FAR[family]):
        host6.vxlan(name, id=vni, remote=far)
        host6.run("ip", "link", "set", name, "arp", "off")      # No group, so no report.
    for name, far in zip(("vx1", "vx0"), FAR[family]):
        if family == 6:
            host6.ipv6(name)
        route(host6, far, name)
    frame = packets.inner(BROADCAST, host6.mac("vx0"))
    larger = {4: 83, 6: 103}[family]    # As every tunnel but the first counts it.
    with DropTrace() as trace:
        host6.tap("vx0").send(frame)
        trace.expect("RECURSION_LIMIT", 1)
        assert (counters(host6, "vx0"), counters(host6, "vx1")) == (
            {"tx_packets": 2, "tx_bytes": 33 + larger},
            {"tx_packets": 1, "tx_bytes": larger, "tx_errors": 1})
        host6.tap("vx1").send(frame)
        trace.expect("RECURSION_LIMIT", 2)
    each = {"tx_packets": 3, "tx_bytes": 33 + 2 * larger, "tx_errors": 1}
    assert (counters(host6, "vx0"), counters(host6, "vx1")) == (each, each)


# -- Circles of links ----------------------------------------------------------------

def test_circles_of_links_are_refused(host, refused):
    host.vxlan("v1", up=False, id=1, dev="u0")
    host.vxlan("v2", up=False, id=2, dev="v1")
    add(host, "br0", "bridge", up=False)
    host.vxlan("v3", up=False, id=3, dev="br0")
    add(host, "macvlan0", "macvlan", lower="v3", up=False)
    add(host, "vlan7", "vlan", "id", "7", lower="macvlan0", up=False)
    enslave(host, "v2", "br0")
    for name, lower in (("v1", "v1"), ("v1", "v2"), ("v1", "br0"), ("v2", "br0"),
                        ("v2", "v3"), ("v1", "vlan7"), ("v3", "macvlan0"), ("v3", "vlan7")):
        before = state(host, name)
        with refused(errno.EBUSY):
            host.vxlan_change(name, dev=lower)
        assert state(host, name) == before
    with refused(errno.EBUSY):
        enslave(host, "v3", "br0")


def test_links_stand_on_each_other_only_so_high(host, refused):
    lower = "u0"
    for level in range(1, 8):
        host.vxlan(f"v{level}", up=False, id=level, dev=lower)
        lower = f"v{level}"
    links = host.links()
    with refused(errno.EMLINK):
        host.vxlan("v8", up=False, id=8, dev="v7")
    assert host.links() == links
    # Two that stand on each other: by a change they get as high as the others, no higher.
    host.vxlan("w1", up=False, id=101)
    host.vxlan("w2", up=False, id=102, dev="w1")
    before = state(host, "w1")
    with refused(errno.EMLINK):
        host.vxlan_change("w1", dev="v6")
    assert state(host, "w1") == before
    host.vxlan_change("w1", dev="v5")
    host.vxlan_change("w1", dev="v4")
    host.vxlan_change("w1", dev="v5")


# -- Namespaces in each other --------------------------------------------------------

def move(host, name, to):
    host.link_set(name, attrs=[(IFLA.NET_NS_FD, rtnl.u32(to.fd))])
    to.link_set(name, up=True)


def test_nested_namespaces(pair, hosts):
    """On both sides vx0 is of the underlay, in a guest; vx1 over it, in the guest's guest."""
    sides = [(host, hosts(f"{host.name}-guest"), hosts(f"{host.name}-guest2"))
             for host in pair]
    for (under, guest, _), peer, number in zip(sides, pair[::-1], (1, 2)):
        under.vxlan(dev="u0", remote=peer.ip, local=under.ip, up=False)
        move(under, "vx0", guest)
        guest.address("vx0", f"10.1.0.{number}", 24)
    for (_, guest, top), (_, other, _), number in zip(sides, sides[::-1], (1, 2)):
        guest.neighbour("vx0", f"10.1.0.{3 - number}", other.mac("vx0"))
        guest.vxlan("vx1", id=11, dev="vx0", remote=f"10.1.0.{3 - number}", up=False)
        move(guest, "vx1", top)
    (under, guest, top), (_, _, far) = sides
    for host, peer, number in (top, far, 1), (far, top, 2):
        host.ipv6("vx1")
        for prefix, length in ("10.2.0.", 24), ("fd02::", 64):
            host.address("vx1", f"{prefix}{number}", length)
            host.neighbour("vx1", f"{prefix}{3 - number}", peer.mac("vx1"))
    for address in "10.2.0.2", "fd02::2":
        top.run("ping", "-c1", "-W9", address)
        assert stream(top, far, address, DATA) == DATA
    # With the guest in the middle both end: one lives there, one has its underlay there.
    guest.close()
    wait_for(lambda: top.links() == {}, "end of the device of the guest's guest")
    wait_for(lambda: under.udp_ports() == [], "closed port")
    assert set(under.links()) == {"u0"}
