# SPDX-License-Identifier: GPL-2.0
"""Tunnels over IPv6: who gets the frames, groups, learning, links with addresses of
their own, sockets."""

import errno
import socket

import pytest

from lib import packets, rtnl
from lib import uapi as u
from lib.host import APPEND, DYNAMIC, PERMANENT, STATIC, ZERO_MAC
from lib.netns import await_stat
from lib.packets import Frame
from lib.rtnl import NetlinkError
from lib.trace import DropTrace
from lib.wait import wait_for
from test_data import addressed_to, deliver
from test_ecn import setting

STATION, OTHER = "02:00:00:00:aa:01", "02:00:00:00:aa:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"
GROUP, GROUP2 = "ff0e::1:2:3", "ff0e::4:5:6"
ELSEWHERE = "fd00::77"


def members(host, link="u0"):
    """How often each IPv6 group is joined on a link."""
    found = {}
    for line in host.read("/proc/net/igmp6").splitlines():
        _, name, group, users, _, _ = line.split()
        if name == link:
            text = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(group))
            found[text] = int(users)
    return found


# -- Unicast and flood -----------------------------------------------------------

def test_ping(pair6):
    """Static entries on one side, learning on the other, and ping crosses."""
    a, b = pair6
    a.vxlan(local=a.ip)
    b.vxlan(local=b.ip)
    for host, number in ((a, 1), (b, 2)):
        host.address("vx0", f"192.168.7.{number}", 24)
    a.fdb_add(BROADCAST, b.ip)
    a.fdb_add(b.mac("vx0"), b.ip)
    out = a.run("ping", "-c", "3", "-i", "0.05", "-W", "20", "192.168.7.2")
    assert "3 packets transmitted, 3 received, 0% packet loss" in out
    assert b.fdb() == {a.mac("vx0"): [a.ip]}


def test_exact_delivery_and_counters(pair6):
    """1,430 bytes of inner IP make 1,500 outside: one packet, no fragment."""
    a, b = pair6
    a.vxlan(dev="u0", remote=b.ip)
    b.vxlan(local=b.ip)
    inside, wire, outside = a.tap("vx0"), b.tap("u0"), b.tap("vx0")
    sizes = (60, 61, 500, 1444)
    for size in sizes:
        frame = packets.inner(b.mac("vx0"), STATION, size=size)
        inside.send(frame)
        assert outside.one() == frame
        assert Frame(wire.one(packets.is_vxlan)).total == size + 56
    total = sum(sizes) - 14 * len(sizes)
    sent, got = a.stats("vx0"), b.stats("vx0")
    assert {k: v for k, v in sent.items() if v} == {"tx_packets": 4, "tx_bytes": total}
    assert {k: v for k, v in got.items() if v} == {"rx_packets": 4, "rx_bytes": total}
    with pytest.raises(OSError, match="Message too long"):
        inside.send(packets.inner(b.mac("vx0"), STATION, size=1445))


def test_other_ethertypes(pair6):
    a, b = pair6
    a.vxlan(remote=b.ip)
    b.vxlan(local=b.ip)
    inside, outside = a.tap("vx0"), b.tap("vx0")
    for frame in (packets.ethernet(STATION, OTHER, bytes(46), 0x0806),
                  packets.ethernet(STATION, OTHER, b"anything" * 7, 0x88B5),
                  packets.inner6(STATION, OTHER)):
        inside.send(frame)
        assert outside.one() == frame


def test_unicast_goes_to_its_remote_only(trio6):
    a, b, c = trio6
    a.vxlan(local=a.ip)
    a.fdb_add(STATION, b.ip)
    a.fdb_add(OTHER, c.ip)
    inside, at_b, at_c = a.tap("vx0"), b.tap("u0"), c.tap("u0")
    for lladdr, to, here, there in ((STATION, b, at_b, at_c), (OTHER, c, at_c, at_b)):
        frame = packets.inner(lladdr, a.mac("vx0"))
        inside.send(frame)
        assert Frame(here.one(addressed_to(to))).inner == frame
        assert there.pending(lambda data, to=to: packets.is_vxlan(data)
                             and Frame(data).ip_dst != to.ip) == []


def test_flood_to_every_remote(trio6):
    a, b, c = trio6
    for host in trio6:
        host.vxlan(local=host.ip)
    a.fdb_add(ZERO_MAC, b.ip)
    a.fdb_add(ZERO_MAC, c.ip, how=APPEND)
    inside, at_b, at_c = a.tap("vx0"), b.tap("vx0"), c.tap("vx0")
    for dst in (BROADCAST, "01:00:5e:00:00:05", STATION):
        frame = packets.inner(dst, a.mac("vx0"))
        inside.send(frame)
        assert at_b.one() == frame and at_c.one() == frame
    assert a.stats("vx0")["tx_packets"] == 6
    assert b.fdb() == c.fdb() == {a.mac("vx0"): [a.ip]}


def test_remote_port_vni_and_device(pair6):
    """An entry's own port and VNI decide how its frames go."""
    a, b = pair6
    a.vxlan(local=a.ip)
    a.fdb_add(STATION, b.ip, port=5000, vni=77, via=a.index("u0"))
    (entry,) = a.fdb_dump()
    assert (entry.dst, entry.port, entry.vni, entry.via) == (b.ip, 5000, 77,
                                                             a.index("u0"))
    inside, wire = a.tap("vx0"), b.tap("u0")
    inside.send(packets.inner(STATION, a.mac("vx0")))
    seen = Frame(wire.one(lambda data: packets.is_vxlan(data, 5000)))
    assert (seen.ip_dst, seen.vni) == (b.ip, 77)


@pytest.mark.parametrize("own, other", [("fd00::1", "10.0.0.2"), ("10.0.0.1", "fd00::2")])
def test_entries_are_of_the_devices_family(pair6, own, other):
    a, _ = pair6
    a.vxlan(local=own)
    with pytest.raises(NetlinkError) as caught:
        a.fdb_add(STATION, other)
    assert caught.value.errno == errno.EAFNOSUPPORT
    assert a.fdb() == {}


@pytest.mark.parametrize("bypass", [0, 1])
def test_local_bypass(host6, bypass):
    """With it a local frame skips the encapsulation, and is learned from ::1."""
    host6.vxlan("v10", id=10, local=host6.ip, localbypass=bypass)
    host6.vxlan("v20", id=20, local="fd00::99")
    host6.fdb_add(STATION, host6.ip, name="v10", vni=20)
    inside, outside, loop = host6.tap("v10"), host6.tap("v20"), host6.tap("lo")
    frame = packets.inner(STATION, host6.mac("v10"))
    inside.send(frame)
    assert outside.one() == frame
    assert host6.fdb("v20") == {host6.mac("v10"): ["::1" if bypass else host6.ip]}
    assert len(loop.pending(packets.is_vxlan)) == (0 if bypass else 1)
    assert host6.stats("v10")["tx_packets"] == host6.stats("v20")["rx_packets"] == 1


def test_local_bypass_without_target(host6):
    """A local remote of a VNI that only an IPv4 device has: dropped, and an error."""
    host6.vxlan(local=host6.ip)
    host6.vxlan("v20", id=20, local=host6.ip4)
    host6.fdb_add(STATION, host6.ip, vni=20)
    inside = host6.tap("vx0")
    with DropTrace() as trace:
        inside.send(packets.inner(STATION, host6.mac("vx0")))
        trace.expect("VXLAN_VNI_NOT_FOUND", 1)
    await_stat(host6, "vx0", "tx_errors", 1)
    assert host6.stats("v20")["rx_packets"] == 0


# -- Groups -----------------------------------------------------------------------

def test_group_flood(trio6):
    """Broadcast by an underlay group; the answer is unicast by what was learned."""
    a, b, c = trio6
    for host in trio6:
        host.vxlan(remote=GROUP, dev="u0")
    inside, wire = a.tap("vx0"), b.tap("u0")
    at_b, at_c = b.tap("vx0"), c.tap("vx0")
    frame = packets.inner(BROADCAST, a.mac("vx0"))
    inside.send(frame)
    seen = Frame(wire.one(packets.is_vxlan))
    assert (seen.dst, seen.ip_dst, seen.ttl) == ("33:33:00:02:00:03", GROUP, 1)
    assert at_b.one() == frame and at_c.one() == frame
    assert b.fdb()[a.mac("vx0")] == [seen.ip_src]
    reply = packets.inner(a.mac("vx0"), b.mac("vx0"))
    at_b.send(reply)
    assert inside.one() == reply
    assert at_c.pending() == []


def test_group_membership_follows_the_device(host6):
    """Joined while up. Devices of one socket are one member, until the last leaves."""
    host6.vxlan(up=False, remote=GROUP, dev="u0")
    assert GROUP not in members(host6)
    host6.link_set("vx0", up=True)
    assert members(host6)[GROUP] == 1
    host6.vxlan("vx1", id=11, remote=GROUP, dev="u0")
    assert members(host6)[GROUP] == 1
    host6.link_del("vx0")
    assert members(host6)[GROUP] == 1
    host6.link_set("vx1", up=False)
    assert GROUP not in members(host6)
    host6.link_set("vx1", up=True)
    assert members(host6)[GROUP] == 1
    host6.link_del("vx1")
    assert GROUP not in members(host6)


def test_group_of_two_sockets(host6):
    """Another port is another socket, and a member of its own."""
    host6.vxlan(remote=GROUP, dev="u0")
    host6.vxlan("vx1", port=5000, remote=GROUP, dev="u0")
    assert members(host6)[GROUP] == 2
    host6.link_set("vx0", up=False)
    assert members(host6)[GROUP] == 1


def test_change_of_group(pair6):
    """The device is a member of the new group only, and floods to it."""
    a, b = pair6
    a.vxlan(remote=GROUP, dev="u0")
    a.vxlan("vx1", id=11, remote=GROUP, dev="u0")
    inside, wire = a.tap("vx0"), b.tap("u0")
    a.vxlan_change(remote=GROUP2)
    assert members(a)[GROUP2] == 1 and members(a)[GROUP] == 1      # vx1's.
    inside.send(packets.inner(BROADCAST, STATION))
    seen = Frame(wire.one(packets.is_vxlan))
    assert (seen.dst, seen.ip_dst) == ("33:33:00:05:00:06", GROUP2)
    assert a.fdb() == {ZERO_MAC: [GROUP2]}
    a.link_del("vx1")
    assert GROUP not in members(a)
    a.vxlan_change(remote=b.ip)
    assert GROUP2 not in members(a)
    inside.send(packets.inner(BROADCAST, STATION))
    assert Frame(wire.one(packets.is_vxlan)).ip_dst == b.ip


def test_change_of_group_while_down(host6):
    host6.vxlan(up=False, remote=GROUP, dev="u0")
    host6.vxlan_change(remote=GROUP2)
    assert not {GROUP, GROUP2} & set(members(host6))
    host6.link_set("vx0", up=True)
    assert GROUP2 in members(host6) and GROUP not in members(host6)


# -- Learning -----------------------------------------------------------------------

@pytest.fixture
def learner(pair6):
    """b learns from what `wire` in a sends."""
    a, b = pair6
    b.vxlan(local=b.ip)
    return a, b, a.tap("u0"), b.tap("vx0")


def test_learning(learner):
    a, b, wire, inside = learner
    deliver(a, wire, packets.inner(BROADCAST, STATION))
    inside.one()
    (entry,) = b.fdb_dump()
    assert (entry.lladdr, entry.dst, entry.state) == (STATION, a.ip, DYNAMIC)
    assert (entry.flags, entry.port, entry.vni, entry.via) == (u.NTF_SELF,) + (None,) * 3
    reply = packets.inner(STATION, b.mac("vx0"))
    inside.send(reply)
    seen = Frame(wire.one(packets.is_vxlan))
    assert (seen.ip_dst, seen.inner) == (a.ip, reply)


def test_learning_from_a_link_local_source(learner):
    """The entry has the link, without which the address says nothing."""
    a, b, wire, inside = learner
    deliver(a, wire, packets.inner(BROADCAST, STATION), src=a.local6)
    inside.one()
    (entry,) = b.fdb_dump()
    assert (entry.dst, entry.via) == (a.local6, b.index("u0"))
    b.link_del("vx0")
    b.vxlan(local=b.local6, dev="u0")
    inside = b.tap("vx0")
    deliver(a, wire, packets.inner(BROADCAST, STATION), src=a.local6, dst=b.local6)
    inside.one()
    reply = packets.inner(STATION, b.mac("vx0"))
    inside.send(reply)
    seen = Frame(wire.one(packets.is_vxlan))
    assert (seen.ip_src, seen.ip_dst, seen.inner) == (b.local6, a.local6, reply)


def test_station_moves(learner, kernel_log):
    """The entry follows the station, traffic for it goes to the new place, and the
    kernel log tells."""
    a, b, wire, inside = learner
    b.neighbour("u0", ELSEWHERE, "02:00:00:00:00:77")
    reply = packets.inner(STATION, b.mac("vx0"))
    with setting("/proc/sys/net/core/message_cost", "0"):
        for place, lladdr in ((None, a.mac_u0), (ELSEWHERE, "02:00:00:00:00:77"),
                              (None, a.mac_u0)):
            deliver(a, wire, packets.inner(BROADCAST, STATION), src=place)
            inside.one()
            assert b.fdb() == {STATION: [place or a.ip]}
            inside.send(reply)
            seen = Frame(wire.one(packets.is_vxlan))
            assert (seen.ip_dst, seen.dst) == (place or a.ip, lladdr)
    lines = [line for line in kernel_log.read() if "migrated" in line]
    one, other = (f"fd00:{'0000:' * 6}00{n}" for n in ("01", "77"))
    assert [line.partition("vx0: ")[2] for line in lines] == [
        f"{STATION} migrated from {one} to {other}",
        f"{STATION} migrated from {other} to {one}"]


@pytest.mark.parametrize("state", [PERMANENT, STATIC])
def test_fixed_station_does_not_move(learner, state):
    a, b, wire, inside = learner
    b.fdb_add(STATION, ELSEWHERE, state=state)
    deliver(a, wire, packets.inner(BROADCAST, STATION))
    deliver(a, wire, packets.inner(BROADCAST, OTHER))
    assert Frame(inside.one()).src == OTHER
    assert b.fdb()[STATION] == [ELSEWHERE]


# -- Links with addresses of their own ---------------------------------------------

@pytest.fixture
def two_links(pair6):
    """a and b joined by a second link, w0, where they are fe80::1 and fe80::2 as well."""
    a, b = pair6
    end = [(u.IFLA.IFNAME, rtnl.text("w0")),
           (u.IFLA.ADDRESS, rtnl.mac("02:00:00:00:00:12")),
           (u.IFLA.NET_NS_FD, b.fd.to_bytes(4, "little"))]
    a.link_add("w0", "veth", [(1, bytes(16) + rtnl.encode(end))],
               [(u.IFLA.ADDRESS, rtnl.mac("02:00:00:00:00:11"))])
    for host in (a, b):
        host.ipv6("w0")
        host.address("w0", host.local6, 64)
        host.link_set("w0", up=True)
    for host, lladdr in ((a, "02:00:00:00:00:12"), (b, "02:00:00:00:00:11")):
        wait_for(lambda one=host: one.link_get("w0").get(u.IFLA.OPERSTATE) == b"\6"
                 and one.link_get("w0").get(u.IFLA.QDISC) == b"noqueue\0", "carrier")
        host.neighbour("w0", host.peer_local6, lladdr)
    return a, b


def test_same_vni_on_two_links(two_links):
    """Each device sends by its own link, and receives only what comes by it."""
    a, b = two_links
    for host in (a, b):
        host.vxlan("v1", local=host.local6, remote=host.peer_local6, dev="u0")
        host.vxlan("v2", local=host.local6, remote=host.peer_local6, dev="w0")
    assert a.udp6_ports() == [packets.PORT]
    here, there = ({name: host.tap(name) for name in ("v1", "v2")} for host in (a, b))
    wires = {"v1": b.tap("u0"), "v2": b.tap("w0")}
    for name, other in (("v1", "v2"), ("v2", "v1")):
        frame = packets.inner(BROADCAST, a.mac(name), tag=name.encode())
        here[name].send(frame)
        assert there[name].one() == frame
        wires[name].one(packets.is_vxlan)
        assert wires[other].pending(packets.is_vxlan) == []
        assert there[other].pending() == []
    for name, link in (("v1", "u0"), ("v2", "w0")):
        (entry,) = [entry for entry in b.fdb_dump(name) if entry.lladdr == a.mac(name)]
        assert (entry.dst, entry.via) == (a.local6, b.index(link))


def test_link_local_device_is_deaf_to_other_links(two_links):
    a, b = two_links
    b.vxlan(local=b.local6, dev="u0")
    frame = packets.inner(BROADCAST, STATION)
    wire, side, inside = a.tap("u0"), a.tap("w0"), b.tap("vx0")
    packet = packets.outer(a, packets.vxlan(10, frame), src=a.local6, dst=b.local6)
    with DropTrace() as trace:
        side.send(packets.mac("02:00:00:00:00:12") + packet[6:])
        trace.expect("VXLAN_VNI_NOT_FOUND", 1)
    wire.send(packet)
    assert inside.one() == frame
    assert b.stats("vx0")["rx_packets"] == 1


def test_who_may_share_a_vni(two_links):
    """A link-local device is told apart by its link from those that were there before.
    A link of None is a device with a global address and no link."""
    a, _ = two_links

    def make(name, link):
        a.vxlan(name, dev=link, local=a.local6 if link else a.ip,
                remote=a.peer_local6 if link else a.peer_ip)

    for first, second, refused in (("u0", "w0", False), ("u0", "u0", True),
                                   ("w0", None, True), (None, "w0", False),
                                   (None, None, True)):
        make("v1", first)
        if refused:
            with pytest.raises(NetlinkError) as caught:
                make("v2", second)
            assert caught.value.errno == errno.EEXIST
        else:
            make("v2", second)
            a.link_del("v2")
        a.link_del("v1")


# -- Sockets -------------------------------------------------------------------------

def test_devices_share_a_socket(pair6):
    a, b = pair6
    b.vxlan("v1", id=1, local=b.ip)
    b.vxlan("v2", id=2, local=b.ip, zero_csum6_tx=1, learning=0, ttl=3)
    assert b.udp6_ports() == [packets.PORT]
    b.link_del("v1")
    assert b.udp6_ports() == [packets.PORT]
    wire, inside = a.tap("u0"), b.tap("v2")
    frame = packets.inner(BROADCAST, STATION)
    deliver(a, wire, frame, 1)
    deliver(a, wire, frame, 2)
    assert inside.one() == frame
    assert b.stats("v2")["rx_packets"] == 1
    b.link_del("v2")
    assert b.udp6_ports() == []


def test_receive_flags_keep_sockets_apart(host6):
    """A device that receives differently needs a port of its own."""
    host6.vxlan("v1", id=1, local=host6.ip)
    host6.vxlan("v2", up=False, id=2, local=host6.ip, zero_csum6_rx=1)
    with pytest.raises(NetlinkError) as caught:
        host6.link_set("v2", up=True)
    assert caught.value.errno == errno.EADDRINUSE
    host6.vxlan("v3", id=2, port=5000, local=host6.ip, zero_csum6_rx=1)
    assert host6.udp6_ports() == [packets.PORT, 5000]
    host6.link_del("v1")
    host6.link_set("v2", up=True)
    assert host6.udp6_ports() == [packets.PORT, 5000]


def test_both_families_side_by_side(pair6):
    """A VNI and port of IPv4 and the same of IPv6 are two networks."""
    a, b = pair6
    for host in (a, b):
        peer = b if host is a else a
        host.vxlan("v4", remote=peer.ip4)
        host.vxlan("v6", remote=peer.ip)
        assert (host.udp_ports(), host.udp6_ports()) == ([packets.PORT],) * 2
    wire = b.tap("u0")
    for name, ip, other in (("v4", b.ip4, "v6"), ("v6", b.ip, "v4")):
        inside, outside, aside = a.tap(name), b.tap(name), b.tap(other)
        frame = packets.inner(BROADCAST, a.mac(name), tag=name.encode())
        inside.send(frame)
        assert outside.one() == frame
        assert Frame(wire.one(packets.is_vxlan)).ip_dst == ip
        assert aside.pending() == []
    b.link_del("v4")
    assert (b.udp_ports(), b.udp6_ports()) == ([], [packets.PORT])


def test_down_and_up_again(pair6):
    a, b = pair6
    b.vxlan(local=b.ip)
    for _ in range(3):
        b.link_set("vx0", up=False)
        assert b.udp6_ports() == []
        b.link_set("vx0", up=True)
    wire, inside = a.tap("u0"), b.tap("vx0")
    frame = packets.inner(BROADCAST, STATION)
    deliver(a, wire, frame)
    assert inside.one() == frame
