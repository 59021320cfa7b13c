# SPDX-License-Identifier: GPL-2.0
"""A bridge that maps VLANs to VNIs, by one device in metadata mode, at both ends."""

import pytest

from lib import packets
from lib.host import APPEND, ZERO_MAC
from lib.netns import await_stat
from lib.packets import Frame
from lib.trace import DropTrace
from test_metadata import SENDER, STATION, bridged

BROADCAST = "ff:ff:ff:ff:ff:ff"


def ours(data):
    """A frame of the tests, not one of the bridge or its ports."""
    return data[:6] in map(packets.mac, (BROADCAST, STATION, SENDER))


@pytest.fixture
def both(either):
    """Bridges at both ends, and for each VNI a flood list that leads to the other end."""
    a, b = either
    ports = bridged(a, local=a.ip), bridged(b, local=b.ip)
    for host, peer in ((a, b), (b, a)):
        for vni in (1010, 1020):
            host.fdb_add(ZERO_MAC, peer.ip, how=APPEND, src_vni=vni)
    return (a, b), ports


def test_both_ways(both):
    """Each VLAN is its own, there and back; each end learns for each VNI."""
    (a, b), (mine, theirs) = both
    for vlan, other in ((10, 20), (20, 10)):
        out = packets.inner(BROADCAST, SENDER, tag=f"{vlan}".encode())
        mine[vlan].send(out)
        assert theirs[vlan].one(ours) == out
        back = packets.inner(SENDER, STATION, tag=f"{vlan}".encode())
        theirs[vlan].send(back)
        assert mine[vlan].one(ours) == back
        assert mine[other].pending(ours) == [] and theirs[other].pending(ours) == []
    assert {(e.lladdr, e.src_vni, e.dst) for e in b.fdb_dump() if e.lladdr != ZERO_MAC} == {
        (SENDER, 1010, a.ip), (SENDER, 1020, a.ip)}
    assert {(e.lladdr, e.src_vni, e.dst) for e in a.fdb_dump() if e.lladdr != ZERO_MAC} == {
        (STATION, 1010, b.ip), (STATION, 1020, b.ip)}


def test_range(pair):
    """A range of VLANs is a range of VNIs; what is not in it is neither sent nor let in."""
    a, b = pair
    port = bridged(a)[10]
    a.run("bridge", "vlan", "add", "dev", "vx0", "vid", "100-102")
    a.run("bridge", "vlan", "add", "dev", "vx0", "vid", "100-102",
          "tunnel_info", "id", "16777200-16777202")
    a.run("bridge", "vlan", "add", "dev", "vx0", "vid", "103")
    a.run("bridge", "vlan", "add", "dev", "s10", "vid", "100-103")
    for vni in (16777200, 16777201, 16777202, 16777203):
        a.fdb_add(ZERO_MAC, b.ip, how=APPEND, src_vni=vni)
    wire = b.tap("u0")
    frame = packets.inner(BROADCAST, SENDER)
    for vlan, vni in ((100, 16777200), (102, 16777202)):
        port.send(tagged(frame, vlan))
        got = Frame(wire.one(packets.is_vxlan))
        assert (got.vni, got.inner) == (vni, frame)
    with DropTrace() as trace:
        port.send(tagged(frame, 103))
        trace.expect("TUNNEL_TXINFO", 1)
    assert wire.pending(packets.is_vxlan) == []
    wire.send(packets.outer(b, packets.vxlan(16777203, packets.inner(SENDER, STATION))))
    wire.send(packets.outer(b, packets.vxlan(16777201, packets.inner(SENDER, STATION, tag=b"1"))))
    await_stat(a, "vx0", "rx_packets", 2)
    got = port.one(lambda data: data[6:12] == packets.mac(STATION))
    assert got == packets.inner(SENDER, STATION, tag=b"1")


def tagged(frame, vlan):
    return frame[:12] + b"\x81\0" + vlan.to_bytes(2, "big") + frame[12:]


def test_map_changes(pair):
    """The next packet goes by the new map; without one it is not sent."""
    a, b = pair
    port = bridged(a)[10]
    for vni in (1010, 7):
        a.fdb_add(ZERO_MAC, b.ip, how=APPEND, src_vni=vni)
    wire = b.tap("u0")
    frame = packets.inner(BROADCAST, SENDER)
    port.send(frame)
    assert Frame(wire.one(packets.is_vxlan)).vni == 1010
    a.run("bridge", "vlan", "del", "dev", "vx0", "vid", "10", "tunnel_info", "id", "1010")
    with DropTrace() as trace:
        port.send(frame)
        trace.expect("TUNNEL_TXINFO", 1)
    a.run("bridge", "vlan", "add", "dev", "vx0", "vid", "10", "tunnel_info", "id", "7")
    port.send(frame)
    assert Frame(wire.one(packets.is_vxlan)).vni == 7
    assert wire.pending(packets.is_vxlan) == []


def test_group_of_a_vni(pair):
    """A VNI's flood list may name a group, and a VNI of its own."""
    a, b = pair
    port = bridged(a)[10]
    a.fdb_add(ZERO_MAC, "239.1.2.3", how=APPEND, src_vni=1010, vni=5, via=a.index("u0"))
    a.fdb_add(ZERO_MAC, b.ip, how=APPEND, src_vni=1010)
    wire = b.tap("u0")
    port.send(packets.inner(BROADCAST, SENDER))
    found = [Frame(data) for data in wire.expect(packets.is_vxlan, 2)]
    assert {(got.ip_dst, got.vni) for got in found} == {("239.1.2.3", 5), (b.ip, 1010)}


def test_device_s_settings_count(pair):
    """The bridge chooses the VNI alone: TOS and TTL are the device's."""
    a, b = pair
    port = bridged(a, tos=0x48, ttl=7, srcport=(5000, 5001))[10]
    a.fdb_add(ZERO_MAC, b.ip, how=APPEND, src_vni=1010)
    wire = b.tap("u0")
    port.send(packets.inner(BROADCAST, SENDER))
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.tos, got.ttl, got.frag) == (0x48, 7, 0)
    assert got.ports[0] in (5000, 5001) and got.ports[1] == 4789


@pytest.mark.parametrize("vlan, vni", [(10, 1010), (20, 1020)])
def test_backup_nexthop(pair, vlan, vni):
    """A port whose link is down sends by a nexthop, with the VNI of the VLAN."""
    a, b = pair
    ports = bridged(a, id=7)
    a.nexthop(1, b.ip)
    a.nexthop_group(10, 1)
    a.run("bridge", "link", "set", "dev", f"s{30 - vlan}", "backup_port", "vx0")
    a.run("bridge", "link", "set", "dev", f"s{30 - vlan}", "backup_nhid", "10")
    a.run("bridge", "vlan", "add", "dev", f"s{30 - vlan}", "vid", str(vlan))
    a.run("bridge", "fdb", "add", STATION, "dev", f"s{30 - vlan}", "master", "static",
          "vlan", str(vlan))
    a.link_set(f"h{30 - vlan}", up=False)
    wire = b.tap("u0")
    frame = packets.inner(STATION, SENDER)
    ports[vlan].send(frame)
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.vni, got.inner, got.ip_dst) == (vni, frame, b.ip)
