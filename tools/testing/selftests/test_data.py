# SPDX-License-Identifier: GPL-2.0
"""Frames through the tunnel: who gets them, what is learned, what is counted."""

import struct
import time

import pytest

from lib import packets
from lib import uapi as u
from lib.host import APPEND, DYNAMIC, PERMANENT, STATIC, ZERO_MAC, Entry
from lib.netns import await_stat
from lib.packets import Frame
from lib.trace import DropTrace
from lib.wait import wait_for

STATION, OTHER = "02:00:00:00:aa:01", "02:00:00:00:aa:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"
GROUP = "239.1.2.3"
ELSEWHERE = "10.0.0.77"


def deliver(sender, wire, frame, vni=10, src=None, dport=packets.PORT, dst=None):
    """Put an encapsulated frame on the sender's underlay, as a VTEP there would."""
    wire.send(packets.outer(sender, packets.vxlan(vni, frame), src=src, dst=dst,
                            dport=dport))


def addressed_to(host):
    """Tunnel packets for a host; the bridge between may show it others' as well."""
    def accept(data):
        return packets.is_vxlan(data) and Frame(data).ip_dst == host.ip
    return accept


# -- Two tunnel ends ----------------------------------------------------------

def test_ping(pair):
    """Static entries on one side, learning on the other, and ping crosses."""
    a, b = pair
    a.vxlan()
    b.vxlan()
    for host, number in ((a, 1), (b, 2)):
        host.address("vx0", f"192.168.7.{number}", 24)
    a.fdb_add(BROADCAST, b.ip)
    a.fdb_add(b.mac("vx0"), b.ip)
    out = a.run("ping", "-c", "3", "-i", "0.05", "-W", "20", "192.168.7.2")
    assert "3 packets transmitted, 3 received, 0% packet loss" in out
    assert b.fdb() == {a.mac("vx0"): [a.ip]}


def test_exact_delivery_and_counters(pair):
    """The frame comes out as it went in; bytes are the frame's less its MAC header
    on receive, and likewise on transmit."""
    a, b = pair
    a.vxlan(remote=b.ip)
    b.vxlan()
    inside, outside = a.tap("vx0"), b.tap("vx0")
    sizes = (60, 61, 500, 1464)
    for size in sizes:
        frame = packets.inner(b.mac("vx0"), STATION, size=size)
        assert len(frame) == size
        inside.send(frame)
        assert outside.one() == frame
    total = sum(sizes) - 14 * len(sizes)
    sent, got = a.stats("vx0"), b.stats("vx0")
    assert {k: v for k, v in sent.items() if v} == {"tx_packets": 4, "tx_bytes": total}
    assert {k: v for k, v in got.items() if v} == {"rx_packets": 4, "rx_bytes": total}


@pytest.mark.parametrize("ethertype, payload", [
    (0x0806, bytes(46)), (0x88B5, b"anything" * 7), (0x86DD, b"\x60" + bytes(59)),
    (0x8100, struct.pack("!HH", 5, 0x88B5) + bytes(60)),
], ids=("arp", "experimental", "ipv6", "vlan"))
def test_other_ethertypes(pair, ethertype, payload):
    a, b = pair
    a.vxlan(remote=b.ip)
    b.vxlan()
    inside, wire, outside = a.tap("vx0"), b.tap("u0"), b.tap("vx0")
    frame = packets.ethernet(STATION, a.mac("vx0"), payload, ethertype)
    inside.send(frame)
    assert Frame(wire.one(packets.is_vxlan)).inner == frame
    await_stat(b, "vx0", "rx_packets", 1)
    if ethertype != 0x8100:
        assert outside.one() == frame


def test_unicast_goes_to_its_remote_only(trio):
    a, b, c = trio
    a.vxlan()
    a.fdb_add(STATION, b.ip)
    a.fdb_add(OTHER, c.ip)
    inside, at_b, at_c = a.tap("vx0"), b.tap("u0"), c.tap("u0")
    for lladdr, to, here, there in ((STATION, b, at_b, at_c), (OTHER, c, at_c, at_b)):
        frame = packets.inner(lladdr, a.mac("vx0"))
        inside.send(frame)
        assert Frame(here.one(addressed_to(to))).inner == frame
        assert there.pending(lambda data, to=to: packets.is_vxlan(data)
                             and Frame(data).ip_dst != to.ip) == []


def test_flood_to_every_remote(trio):
    """What has no entry of its own goes to each remote of the all-zeros entry once."""
    a, b, c = trio
    for host in trio:
        host.vxlan()
    a.fdb_add(ZERO_MAC, b.ip)
    a.fdb_add(ZERO_MAC, c.ip, how=APPEND)
    inside, at_b, at_c = a.tap("vx0"), b.tap("vx0"), c.tap("vx0")
    for dst in (BROADCAST, "01:00:5e:00:00:05", STATION):
        frame = packets.inner(dst, a.mac("vx0"))
        inside.send(frame)
        assert at_b.one() == frame and at_c.one() == frame
    assert at_b.pending() == [] and at_c.pending() == []
    assert a.stats("vx0")["tx_packets"] == 6
    assert b.fdb() == c.fdb() == {a.mac("vx0"): [a.ip]}


def test_multicast_address_with_entry(trio):
    """A group address with an entry goes where the entry says, not to the flood."""
    a, b, c = trio
    a.vxlan()
    a.fdb_add(ZERO_MAC, b.ip)
    a.fdb_add("01:00:5e:00:00:05", c.ip)
    inside, at_b, at_c = a.tap("vx0"), b.tap("u0"), c.tap("u0")
    inside.send(packets.inner("01:00:5e:00:00:05", a.mac("vx0")))
    at_c.one(addressed_to(c))
    assert at_b.pending(addressed_to(b)) == []


def test_group_flood(trio):
    """Broadcast by an underlay group; the answer is unicast by what was learned."""
    a, b, c = trio
    for host in trio:
        host.vxlan(remote=GROUP, dev="u0")
    inside, wire = a.tap("vx0"), b.tap("u0")
    at_b, at_c = b.tap("vx0"), c.tap("vx0")
    frame = packets.inner(BROADCAST, a.mac("vx0"))
    inside.send(frame)
    seen = Frame(wire.one(packets.is_vxlan))
    assert (seen.dst, seen.ip_dst, seen.ttl) == ("01:00:5e:01:02:03", GROUP, 1)
    assert at_b.one() == frame and at_c.one() == frame
    reply = packets.inner(a.mac("vx0"), b.mac("vx0"))
    at_b.send(reply)
    assert inside.one() == reply
    assert at_c.pending() == []


def test_group_membership_follows_the_device(host):
    def joined():
        return f"{struct.unpack('<I', bytes([239, 1, 2, 3]))[0]:08X}" in \
            host.read("/proc/net/igmp")

    host.vxlan(up=False, remote=GROUP, dev="u0")
    assert not joined()
    host.link_set("vx0", up=True)
    assert joined()
    host.vxlan("vx1", id=11, remote=GROUP, dev="u0")
    host.link_del("vx1")
    assert joined()
    host.link_set("vx0", up=False)
    assert not joined()


# -- Demultiplexing -----------------------------------------------------------

def test_vni_isolation(pair):
    """Two VNIs of one port: each frame to its own device."""
    a, b = pair
    b.vxlan("v10", id=10)
    b.vxlan("v20", id=0xFFFFFF)
    wire = a.tap("u0")
    taps = {10: b.tap("v10"), 0xFFFFFF: b.tap("v20")}
    for vni in (10, 0xFFFFFF, 10):
        frame = packets.inner(BROADCAST, STATION, tag=vni.to_bytes(4, "big"))
        deliver(a, wire, frame, vni)
        assert taps[vni].one() == frame
    assert taps[10].pending() == [] and taps[0xFFFFFF].pending() == []
    assert b.fdb("v10") == b.fdb("v20") == {STATION: [a.ip]}


def test_one_vni_on_two_ports(pair):
    a, b = pair
    b.vxlan("p1", port=4789)
    b.vxlan("p2", port=6000)
    wire = a.tap("u0")
    taps = {4789: b.tap("p1"), 6000: b.tap("p2")}
    for port in (6000, 4789, 6000):
        frame = packets.inner(BROADCAST, STATION, tag=port.to_bytes(2, "big"))
        deliver(a, wire, frame, dport=port)
        assert taps[port].one() == frame
    assert taps[4789].pending() == [] and taps[6000].pending() == []


def test_shared_socket_outlives_one_device(pair):
    a, b = pair
    b.vxlan("v1", id=1)
    b.vxlan("v2", id=2)
    b.link_del("v1")
    wire, inside = a.tap("u0"), b.tap("v2")
    frame = packets.inner(BROADCAST, STATION)
    deliver(a, wire, frame, 1)
    deliver(a, wire, frame, 2)
    assert inside.one() == frame
    assert b.stats("v2")["rx_packets"] == 1


def test_down_and_up_again(pair):
    a, b = pair
    b.vxlan()
    for _ in range(3):
        b.link_set("vx0", up=False)
        b.link_set("vx0", up=True)
    wire, inside = a.tap("u0"), b.tap("vx0")
    frame = packets.inner(BROADCAST, STATION)
    deliver(a, wire, frame)
    assert inside.one() == frame


def test_remote_port_vni_and_device(pair):
    """An entry's own port, VNI and device decide where and how its frames go."""
    a, b = pair
    a.link_add("w0", "veth", None)
    a.link_set("w0", up=True)
    other = next(name for name in a.links() if name.startswith("veth"))
    a.link_set(other, up=True)
    a.address("w0", "10.5.0.1", 24)
    a.neighbour("w0", b.ip, "02:00:00:00:00:09")
    a.vxlan()
    a.fdb_add(STATION, b.ip, port=5000, vni=77)
    a.fdb_add(OTHER, b.ip, via=a.index("w0"))
    inside, wire, side = a.tap("vx0"), b.tap("u0"), a.tap(other)
    inside.send(packets.inner(STATION, a.mac("vx0")))
    seen = Frame(wire.one(lambda data: packets.is_vxlan(data, 5000)))
    assert (seen.ports[1], seen.vni) == (5000, 77)
    wait_for(lambda: a.link_get(other).get(u.IFLA.QDISC) == b"noqueue\0", "carrier")
    inside.send(packets.inner(OTHER, a.mac("vx0")))
    seen = Frame(side.one(packets.is_vxlan))
    assert (seen.ip_dst, seen.vni, seen.dst) == (b.ip, 10, "02:00:00:00:00:09")


def test_local_destination(host):
    """A remote that is this host: the frame comes in at the device of that VNI."""
    host.vxlan("v10", id=10, local=host.ip)
    host.vxlan("v20", id=20)
    host.fdb_add(STATION, host.ip, name="v10", vni=20)
    inside, outside = host.tap("v10"), host.tap("v20")
    frame = packets.inner(STATION, host.mac("v10"))
    inside.send(frame)
    assert outside.one() == frame
    assert host.stats("v10")["tx_packets"] == host.stats("v20")["rx_packets"] == 1


@pytest.mark.parametrize("bypass", [0, 1])
def test_local_bypass(host, bypass):
    """With it a local frame skips the encapsulation, and is learned from 127.0.0.1."""
    host.vxlan("v10", id=10, local=host.ip, localbypass=bypass)
    host.vxlan("v20", id=20)
    host.fdb_add(STATION, host.ip, name="v10", vni=20)
    inside, outside, loop = host.tap("v10"), host.tap("v20"), host.tap("lo")
    frame = packets.inner(STATION, host.mac("v10"))
    inside.send(frame)
    assert outside.one() == frame
    assert host.fdb("v20") == {host.mac("v10"): ["127.0.0.1" if bypass else host.ip]}
    assert len(loop.pending(packets.is_vxlan)) == (0 if bypass else 1)


def test_local_bypass_without_target(host):
    """A local remote of a VNI that nobody has: dropped, and an error of the sender."""
    host.vxlan(local=host.ip)
    host.fdb_add(STATION, host.ip, vni=20)
    inside = host.tap("vx0")
    with DropTrace() as trace:
        inside.send(packets.inner(STATION, host.mac("vx0")))
        trace.expect("VXLAN_VNI_NOT_FOUND", 1)
    await_stat(host, "vx0", "tx_errors", 1)


# -- Learning -----------------------------------------------------------------

@pytest.fixture
def learner(pair):
    """b learns from what `wire` in a sends."""
    a, b = pair
    b.vxlan()
    return a, b, a.tap("u0"), b.tap("vx0")


def test_learning(learner):
    """A new station is entered with the outer source, dynamic, and used from then."""
    a, b, wire, inside = learner
    deliver(a, wire, packets.inner(BROADCAST, STATION))
    inside.one()
    (entry,) = b.fdb_dump()
    assert (entry.lladdr, entry.dst, entry.state) == (STATION, a.ip, DYNAMIC)
    assert (entry.flags, entry.port, entry.vni, entry.via) == (u.NTF_SELF,) + (None,) * 3
    reply = packets.inner(STATION, b.mac("vx0"))
    inside.send(reply)
    assert Frame(wire.one(packets.is_vxlan)).inner == reply


def test_learning_off(pair):
    a, b = pair
    b.vxlan(learning=0)
    wire, inside = a.tap("u0"), b.tap("vx0")
    deliver(a, wire, packets.inner(BROADCAST, STATION))
    inside.one()
    assert b.fdb() == {}


def test_station_moves(learner):
    """The entry follows the station, and traffic for it goes to the new place."""
    a, b, wire, inside = learner
    b.neighbour("u0", ELSEWHERE, "02:00:00:00:00:77")
    reply = packets.inner(STATION, b.mac("vx0"))
    for place, lladdr in ((None, a.mac_u0), (ELSEWHERE, "02:00:00:00:00:77"),
                          (None, a.mac_u0)):
        deliver(a, wire, packets.inner(BROADCAST, STATION), src=place)
        inside.one()
        assert b.fdb() == {STATION: [place or a.ip]}
        inside.send(reply)
        seen = Frame(wire.one(packets.is_vxlan))
        assert (seen.ip_dst, seen.dst) == (place or a.ip, lladdr)


@pytest.mark.parametrize("state", [PERMANENT, STATIC])
def test_fixed_station_does_not_move(learner, state):
    a, b, wire, inside = learner
    b.fdb_add(STATION, ELSEWHERE, state=state)
    deliver(a, wire, packets.inner(BROADCAST, STATION))
    deliver(a, wire, packets.inner(BROADCAST, OTHER))
    assert Frame(inside.one()).src == OTHER
    assert b.fdb()[STATION] == [ELSEWHERE]


def test_users_dynamic_entry_moves(learner):
    a, b, wire, inside = learner
    b.fdb_add(STATION, ELSEWHERE, state=DYNAMIC)
    deliver(a, wire, packets.inner(BROADCAST, STATION))
    inside.one()
    assert b.fdb() == {STATION: [a.ip]}


def test_limit(pair):
    """A full table learns no more, and the frames are delivered all the same."""
    a, b = pair
    b.vxlan(limit=3)
    wire, inside = a.tap("u0"), b.tap("vx0")
    for number in range(6):
        deliver(a, wire, packets.inner(BROADCAST, f"02:00:00:00:bb:0{number}"))
        inside.one()
    assert sorted(b.fdb()) == [f"02:00:00:00:bb:0{n}" for n in range(3)]


def test_own_address_is_not_let_in(learner):
    """A frame from the device's own address is a loop: dropped, and not learned."""
    a, b, wire, inside = learner
    deliver(a, wire, packets.inner(BROADCAST, b.mac("vx0")))
    deliver(a, wire, packets.inner(BROADCAST, STATION))
    assert Frame(inside.one()).src == STATION
    assert b.fdb() == {STATION: [a.ip]}
    assert b.stats("vx0")["rx_packets"] == 1


def test_nothing_learned_while_down(learner):
    a, b, wire, _inside = learner
    b.vxlan("vx1", id=11)
    b.link_set("vx0", up=False)
    deliver(a, wire, packets.inner(BROADCAST, STATION))
    side = b.tap("vx1")
    deliver(a, wire, packets.inner(BROADCAST, OTHER), vni=11)
    side.one()
    assert b.fdb() == {}


def test_ageing(pair):
    """Stations that fall silent go, with STALE in the notice; others stay.

    The table is looked through 10 s after the device comes up, then when the next
    entry is due.
    """
    a, b = pair
    start = time.monotonic()
    b.vxlan(ageing=4)
    events = b.listen(u.RTNLGRP_NEIGH)
    b.fdb_add("02:00:00:00:cc:01", a.ip, state=PERMANENT)
    b.fdb_add("02:00:00:00:cc:02", a.ip, state=STATIC)
    b.fdb_add("02:00:00:00:cc:03", a.ip, state=DYNAMIC)
    wire = a.tap("u0")
    deliver(a, wire, packets.inner(BROADCAST, OTHER))
    wait_for(lambda: OTHER in b.fdb(), "learned station")

    def silent_ones_gone():
        deliver(a, wire, packets.inner(BROADCAST, STATION))
        time.sleep(0.1)
        return not {OTHER, "02:00:00:00:cc:03"} & set(b.fdb())

    wait_for(silent_ones_gone, "ageing", timeout=60)
    assert time.monotonic() - start > 9.5
    assert sorted(b.fdb()) == [STATION, "02:00:00:00:cc:01", "02:00:00:00:cc:02"]
    gone = [Entry(m) for m in events.drain(lambda m: m.kind == u.RTM_DELNEIGH)]
    assert sorted(e.lladdr for e in gone) == [OTHER, "02:00:00:00:cc:03"]
    assert {e.state for e in gone} == {u.NUD_STALE}


def test_stations_stay_for_the_configured_time(pair):
    """A second is a second: the driver counts in the kernel's ticks."""
    a, b = pair
    b.vxlan(ageing=14)
    wire = a.tap("u0")
    start = time.monotonic()
    deliver(a, wire, packets.inner(BROADCAST, OTHER))
    wait_for(lambda: OTHER in b.fdb(), "learned station")
    while time.monotonic() - start < 12:
        assert OTHER in b.fdb()
        time.sleep(0.5)
    wait_for(lambda: OTHER not in b.fdb(), "ageing", timeout=60)
    assert time.monotonic() - start > 13.5
