# SPDX-License-Identifier: GPL-2.0
"""`l2miss` and `l3miss`: user space is told of addresses that nobody knows."""

import socket
import struct

import pytest

from lib import packets, rtnl
from lib import uapi as u
from lib.packets import ethernet
from lib.trace import DropTrace
from test_proxy import ARP, BROADCAST, IPV6, arp, solicit
from test_rsc import ROUTER, v4, v6

SENDER, STATION = "02:00:00:00:aa:01", "02:00:00:00:bb:02"
NO_VNI = rtnl.u32(1 << 24)


class Misses:
    """RTM_GETNEIGH notifications of a namespace."""

    def __init__(self, host):
        self.host = host
        self.sock = host.listen(u.RTNLGRP_NEIGH)

    @staticmethod
    def accept(message):
        return message.kind == u.RTM_GETNEIGH

    def one(self):
        """The only one: family, state, flags, type, and the attributes but the last."""
        (message,) = self.sock.events(1, accept=self.accept)
        assert self.sock.drain(self.accept) == []
        family, ifindex, state, flags, kind = struct.unpack("=BxxxiHBB", message.header)
        assert ifindex == self.host.index("vx0")
        attrs = list(message.attrs)
        number, times = attrs.pop()
        assert number == u.NDA.CACHEINFO and len(times) == 16
        confirmed, used, updated, count = struct.unpack("=4I", times)
        assert confirmed == count == 0 and used == updated
        return family, state, flags, kind, attrs

    def none(self):
        assert self.sock.drain(self.accept) == []


def device(host, **options):
    host.vxlan(**options)
    host.ipv6("vx0")
    return host.tap("vx0"), Misses(host)


def about_station(lladdr, vni=((u.NDA.VNI, rtnl.u32(0)),)):
    return (socket.AF_INET, u.NUD_STALE, 0, 1, [(u.NDA.LLADDR, rtnl.mac(lladdr)), *vni])


def about_ip(addr):
    six = ":" in addr
    raw = rtnl.ip6(addr) if six else rtnl.ip4(addr)
    return (socket.AF_INET6 if six else socket.AF_INET, u.NUD_STALE, 0, 1,
            [(u.NDA.DST, raw), (u.NDA.VNI, NO_VNI)])


def test_l2miss(host):
    """Each packet tells, and is dropped as without the option."""
    inside, misses = device(host, l2miss=1)
    for number in (1, 2):
        with DropTrace() as trace:
            inside.send(packets.inner(STATION, SENDER))
            assert misses.one() == about_station(STATION)
            trace.expect("NO_TX_TARGET", 1)
        assert host.stats("vx0")["tx_dropped"] == number


def test_l2miss_of_vni_0(host):
    """The message is about VNI 0, which goes without saying on such a device."""
    inside, misses = device(host, l2miss=1, id=0)
    inside.send(packets.inner(STATION, SENDER))
    assert misses.one() == about_station(STATION, ())


@pytest.mark.parametrize("lladdr", [BROADCAST, "01:00:5e:00:00:01"])
def test_no_l2miss_of_groups(host, lladdr):
    inside, misses = device(host, l2miss=1)
    inside.send(packets.inner(lladdr, SENDER))
    assert host.stats("vx0")["tx_dropped"] == 1
    misses.none()


def test_no_l2miss_where_a_packet_goes(host):
    """An entry, or one for all others, and nothing is missing."""
    inside, misses = device(host, l2miss=1)
    host.fdb_add(STATION, "10.0.0.2")
    inside.send(packets.inner(STATION, SENDER))
    host.fdb_add("00:00:00:00:00:00", "10.0.0.2")
    inside.send(packets.inner(SENDER, STATION))
    assert host.stats("vx0")["tx_packets"] == 2
    misses.none()


@pytest.mark.parametrize("option", ["l2miss", "l3miss", "proxy", "rsc"])
def test_no_miss_by_other_options(host, option):
    """l2miss tells of no IP address, l3miss of no station, the others of neither."""
    inside, misses = device(host, **{option: 1})
    host.fdb_add(ROUTER, "10.0.0.2", ntf=u.NTF_SELF | u.NTF_ROUTER)
    if option != "l2miss":
        inside.send(packets.inner(STATION, SENDER))
    inside.send(ethernet(BROADCAST, SENDER, arp(), ARP))
    inside.send(ethernet(BROADCAST, SENDER, solicit(), IPV6))
    inside.send(ethernet(ROUTER, SENDER, v4()))
    misses.none()


def test_l3miss_of_the_proxy(host):
    inside, misses = device(host, proxy=1, l3miss=1)
    inside.send(ethernet(BROADCAST, SENDER, arp(), ARP))
    assert misses.one() == about_ip("192.168.7.2")
    inside.send(ethernet(BROADCAST, SENDER, solicit(), IPV6))
    assert misses.one() == about_ip("2001:db8::2")
    assert host.stats("vx0")["tx_dropped"] == 0


def test_l3miss_of_the_zero_address(host):
    """There is nothing to name."""
    inside, misses = device(host, proxy=1, l3miss=1)
    inside.send(ethernet(BROADCAST, SENDER, arp(target_ip="0.0.0.0"), ARP))
    assert misses.one() == (socket.AF_INET, u.NUD_STALE, 0, 1, [(u.NDA.VNI, NO_VNI)])
    inside.send(ethernet(BROADCAST, SENDER, solicit(target="::"), IPV6))
    assert misses.one() == (socket.AF_INET, u.NUD_STALE, 0, 1, [(u.NDA.VNI, NO_VNI)])


def test_no_l3miss_of_what_is_known(host):
    """A neighbour that is not fit to answer for is known all the same."""
    inside, misses = device(host, proxy=1, l3miss=1)
    for addr in ("192.168.7.2", "2001:db8::2"):
        host.run("ip", "neigh", "replace", addr, "lladdr", STATION, "dev", "vx0",
                 "nud", "stale")
    inside.send(ethernet(BROADCAST, SENDER, arp(), ARP))
    inside.send(ethernet(BROADCAST, SENDER, solicit(), IPV6))
    misses.none()
    assert inside.pending() == []


@pytest.mark.parametrize("payload, ethertype, addr", [
    (v4(), 0x0800, "192.168.9.9"), (v6(), IPV6, "2001:db8::9"),
], ids=("v4", "v6"))
def test_l3miss_of_the_short_circuit(pair, payload, ethertype, addr):
    """The packet then goes to the router."""
    a, b = pair
    inside, misses = device(a, rsc=1, l3miss=1)
    a.fdb_add(ROUTER, b.ip, ntf=u.NTF_SELF | u.NTF_ROUTER)
    wire = b.tap("u0")
    frame = ethernet(ROUTER, SENDER, payload, ethertype)
    inside.send(frame)
    assert misses.one() == about_ip(addr)
    assert packets.Frame(wire.one(packets.is_vxlan)).inner == frame


def test_link_in_another_namespace(hosts):
    """The message says by what namespace the packets go."""
    there, here = hosts("there"), hosts("here")
    there.link_add("vx0", "vxlan", there.vxlan_data(l2miss=1),
                   [(u.IFLA.NET_NS_FD, here.fd.to_bytes(4, "little"))])
    here.link_set("vx0", up=True)
    inside, misses = here.tap("vx0"), Misses(here)
    inside.send(packets.inner(STATION, SENDER))
    family, _, _, _, attrs = misses.one()
    assert family == socket.AF_INET
    assert [number for number, _ in attrs] == [
        u.NDA.LINK_NETNSID, u.NDA.LLADDR, u.NDA.VNI]
