# SPDX-License-Identifier: GPL-2.0
"""Groups and multicast routers: on the way, and with `mcroute` on the sender itself."""

import pytest

from conftest import _settle, _veth
from lib import packets
from lib.mrouter import Router
from lib.packets import Frame
from test_metadata import SENDER, STATION

BROADCAST = "ff:ff:ff:ff:ff:ff"
FRAME = packets.inner(BROADCAST, SENDER)


class Net:
    """Addresses of one family: numbers of networks and hosts as an address."""

    def __init__(self, six):
        self.six, self.bits = six, 64 if six else 24
        self.group = "ff05::1:2:3" if six else "239.1.2.3"

    def at(self, net, number):
        return f"fd0{net}::{number:x}" if self.six else f"10.{net}.0.{number}"

    def give(self, host, link, net, number):
        if self.six:
            for name in ("lo", link):
                host.ipv6(name)
        host.address(link, self.at(net, number), self.bits)
        host.link_set(link, up=True)

    def via(self, host, net, link, gateway, lladdr):
        """A route to a network by a gateway that is known."""
        host.run("ip", "route", "add", f"{self.at(net, 0)}/{self.bits}", "via", gateway)
        host.neighbour(link, gateway, lladdr)


@pytest.fixture(params=[False, True], ids=("over4", "over6"))
def net(request):
    return Net(request.param)


# -- The sender is the router -------------------------------------------------

@pytest.fixture
def sender(hosts, net):
    """a, whose link d0 leads nowhere: b and c are behind u1 and u2."""
    a, b, c = (hosts(name) for name in "abc")
    _veth(a, "d0", a, "d0peer", ("02:00:00:00:01:01", "02:00:00:00:02:01"))
    a.link_set("d0peer", up=True)
    net.give(a, "d0", 1, 1)
    for number, host in ((2, b), (3, c)):
        name = f"u{number - 1}"
        host.mac_u0 = f"02:00:00:00:00:{number:02x}"
        _veth(a, name, host, "u0", (f"02:00:00:00:01:{number:02x}", host.mac_u0))
        net.give(a, name, number, 1)
        net.give(host, "u0", number, number)
        net.via(host, 1, "u0", net.at(number, 1), f"02:00:00:00:01:{number:02x}")
        a.neighbour(name, net.at(number, number), host.mac_u0)
    for host in (a, b, c):
        _settle(host)
    return a, b, c


def seen(tap, outgoing=False):
    return [Frame(data) for data in tap.pending(packets.is_vxlan, outgoing)]


def test_routed(sender, net):
    """A packet goes where the router's entry says, one hop further, and not out of the
    device's own link."""
    a, b, c = sender
    Router(a, net.six, "d0", "u1", "u2").route(net.at(1, 1), net.group, "d0", "u1", "u2")
    a.vxlan(remote=net.group, dev="d0", local=net.at(1, 1), mcroute=1, ttl=5)
    inside, own, taps = a.tap("vx0"), a.tap("d0"), (b.tap("u0"), c.tap("u0"))
    inside.send(FRAME)
    for tap in taps:
        got = Frame(tap.one(packets.is_vxlan))
        assert (got.ip_src, got.ip_dst, got.ttl) == (net.at(1, 1), net.group, 4)
        assert (got.vni, got.inner) == (10, FRAME)
    assert seen(own, outgoing=True) == [] and not seen(taps[0]) and not seen(taps[1])
    stats = a.stats("vx0")
    assert (stats["tx_packets"], stats["tx_errors"], stats["tx_dropped"]) == (1, 0, 0)


def test_not_asked_for(sender, net):
    """Without the option the same packet leaves by the device's own link."""
    a, b, _ = sender
    Router(a, net.six, "d0", "u1", "u2").route(net.at(1, 1), net.group, "d0", "u1", "u2")
    a.vxlan(remote=net.group, dev="d0", local=net.at(1, 1), ttl=5)
    inside, own, other = a.tap("vx0"), a.tap("d0"), b.tap("u0")
    inside.send(FRAME)
    assert Frame(own.one(packets.is_vxlan, outgoing=True)).ip_dst == net.group
    assert seen(other) == []


def test_router_is_asked(sender, net):
    """A packet that the router does not know waits for the daemon's answer."""
    a, b, _ = sender
    router = Router(a, net.six, "d0", "u1", "u2")
    a.vxlan(remote=net.group, dev="d0", local=net.at(1, 1), mcroute=1, ttl=5)
    inside, own, wire = a.tap("vx0"), a.tap("d0"), b.tap("u0")
    inside.send(FRAME)
    assert router.asked() == ("d0", net.at(1, 1), net.group)
    assert seen(wire) == []
    router.route(net.at(1, 1), net.group, "d0", "u1")
    assert Frame(wire.one(packets.is_vxlan)).inner == FRAME
    assert seen(own, outgoing=True) == []


def test_link_without_a_router(sender, net):
    """The router is for other links than the device's: its own is used."""
    a, b, _ = sender
    Router(a, net.six, "u1", "u2").route(net.at(1, 1), net.group, "u1", "u2")
    a.vxlan(remote=net.group, dev="d0", local=net.at(1, 1), mcroute=1, ttl=5)
    inside, own, other = a.tap("vx0"), a.tap("d0"), b.tap("u0")
    inside.send(FRAME)
    assert Frame(own.one(packets.is_vxlan, outgoing=True)).ip_dst == net.group
    assert seen(other) == []


def test_unicast_remote(sender, net):
    """The option is for groups: a packet to one host goes by its route."""
    a, b, _ = sender
    Router(a, net.six, "d0", "u1", "u2").route(net.at(1, 1), net.group, "d0", "u2")
    a.vxlan(remote=net.at(2, 2), mcroute=1)
    inside, wire = a.tap("vx0"), b.tap("u0")
    inside.send(FRAME)
    assert Frame(wire.one(packets.is_vxlan)).ip_dst == net.at(2, 2)


def test_group_beside_a_remote(sender, net):
    """A copy for the router, and one for a host that is not in the group."""
    a, b, c = sender
    Router(a, net.six, "d0", "u1", "u2").route(net.at(1, 1), net.group, "d0", "u2")
    a.vxlan(remote=net.group, dev="d0", local=net.at(1, 1), mcroute=1, ttl=5)
    a.fdb_add("00:00:00:00:00:00", net.at(2, 2), how=0x400 | 0x800, via=a.index("u1"))
    inside, at_b, at_c = a.tap("vx0"), b.tap("u0"), c.tap("u0")
    inside.send(FRAME)
    assert Frame(at_b.one(packets.is_vxlan)).ip_dst == net.at(2, 2)
    assert Frame(at_c.one(packets.is_vxlan)).ip_dst == net.group
    assert not seen(at_b) and not seen(at_c)


def test_ping(sender, net):
    """Members behind the router answer by what they learned."""
    a, b, c = sender
    Router(a, net.six, "d0", "u1", "u2").route(net.at(1, 1), net.group, "d0", "u1", "u2")
    a.vxlan(remote=net.group, dev="d0", local=net.at(1, 1), mcroute=1, ttl=5)
    a.address("vx0", "192.168.7.1", 24)
    for number, host in ((2, b), (3, c)):
        host.vxlan(remote=net.group, dev="u0")
        host.address("vx0", f"192.168.7.{number}", 24)
    for number in (2, 3):
        out = a.run("ping", "-c", "2", "-i", "0.05", "-W", "20", f"192.168.7.{number}")
        assert "2 packets transmitted, 2 received" in out
    assert net.at(1, 1) in b.fdb()[a.mac("vx0")]


# -- A router between two ends --------------------------------------------------

@pytest.fixture
def apart(hosts, net):
    """a and b in networks of their own, joined by r."""
    a, r, b = (hosts(name) for name in "arb")
    for number, host in ((1, a), (2, b)):
        mine, theirs = f"02:00:00:00:00:{number:02x}", f"02:00:00:00:01:{number:02x}"
        host.mac_u0 = mine
        _veth(r, f"u{number}", host, "u0", (theirs, mine))
        net.give(r, f"u{number}", number, 9)
        net.give(host, "u0", number, number)
        net.via(host, 3 - number, "u0", net.at(number, 9), theirs)
        r.neighbour(f"u{number}", net.at(number, number), mine)
    r.sysctl("net/ipv6/conf/all/forwarding" if net.six else "net/ipv4/ip_forward", 1)
    for host in (a, r, b):
        _settle(host)
    return a, r, b


@pytest.mark.parametrize("mcroute", [0, 1])
def test_router_between(apart, net, mcroute):
    a, r, b = apart
    router = Router(r, net.six, "u1", "u2")
    router.route(net.at(1, 1), net.group, "u1", "u2")
    for host in (a, b):
        host.vxlan(remote=net.group, dev="u0", ttl=5, mcroute=mcroute)
    inside, outside, wire = a.tap("vx0"), b.tap("vx0"), b.tap("u0")
    inside.send(FRAME)
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.ip_src, got.ip_dst, got.ttl) == (net.at(1, 1), net.group, 4)
    assert outside.one() == FRAME
    reply = packets.inner(SENDER, STATION)
    outside.send(reply)
    assert inside.one() == reply


def test_own_hop_limit_does_not_pass(apart, net):
    """A group's packets have a TTL of 1 unless it is set: no router passes them on."""
    a, r, b = apart
    Router(r, net.six, "u1", "u2").route(net.at(1, 1), net.group, "u1", "u2")
    a.vxlan(remote=net.group, dev="u0")
    b.vxlan(remote=net.group, dev="u0")
    inside, between, outside = a.tap("vx0"), r.tap("u1"), b.tap("u0")
    inside.send(FRAME)
    assert Frame(between.one(packets.is_vxlan)).ttl == 1
    assert seen(outside) == []
