# SPDX-License-Identifier: GPL-2.0
"""Groups of the underlay: who is told of a membership, and floods to more than a group."""

import pytest

from conftest import _make_pair, _make_trio
from lib import packets
from lib.host import APPEND, ZERO_MAC
from lib.packets import Frame

BROADCAST, STATION = "ff:ff:ff:ff:ff:ff", "02:00:00:00:aa:01"
# Records of a report: who changes to everyone's packets joins, who changes to nobody's leaves.
LEAVES, JOINS = 3, 4


class Family:
    """A group, and the messages about its members."""

    def __init__(self, six):
        self.six = six
        self.group, self.other = ("ff05::1:2:3", "ff05::4:5:6") if six else \
            ("239.1.2.3", "239.4.5.6")

    def records(self, data):
        """(kind, group) of each record of an IGMPv3 or MLDv2 report, else nothing."""
        frame = Frame(data)
        if not frame.is_ip or frame.proto != (0 if self.six else 2):
            return []
        # The router alert option goes first.
        body = frame.body[8:] if self.six else data[14 + (data[14] & 15) * 4:]
        if body[0] != (143 if self.six else 0x22):
            return []
        size, at, found = (16 if self.six else 4), 8, []
        for _ in range(int.from_bytes(body[6:8], "big")):
            kind, words = body[at:at + 2]
            sources = int.from_bytes(body[at + 2:at + 4], "big")
            found.append((kind, packets.text(body[at + 4:at + 4 + size])))
            at += 4 + size + sources * size + words * 4
        return found

    def members(self, host):
        """How many members the host's u0 has, by the groups of this test."""
        if self.six:
            lines = [line.split() for line in host.read("/proc/net/igmp6").splitlines()]
            table = {packets.text(bytes.fromhex(line[2])): int(line[3]) for line in lines
                     if line[1] == "u0"}
        else:
            lines = [line.split() for line in host.read("/proc/net/igmp").splitlines()[1:]]
            table = {packets.text(bytes.fromhex(line[0])[::-1]): int(line[1]) for line in lines
                     if len(line[0]) == 8}
        return {group: users for group, users in table.items()
                if group in (self.group, self.other)}


@pytest.fixture(params=[False, True], ids=("over4", "over6"))
def family(request):
    return Family(request.param)


@pytest.fixture
def ends(hosts, family):
    return _make_pair(hosts, six=family.six)


@pytest.fixture
def three(hosts, family):
    return _make_trio(hosts, six=family.six)


def told(family, wire, kind, group):
    """Wait for a report that says so of the group."""
    wire.one(lambda data: (kind, group) in family.records(data))


# -- Membership -----------------------------------------------------------------

def test_others_are_told(ends, family):
    """Reports on the wire follow open, change and stop."""
    a, b = ends
    wire = b.tap("u0")
    a.vxlan(remote=family.group, dev="u0")
    told(family, wire, JOINS, family.group)
    a.vxlan_change(remote=family.other)
    told(family, wire, JOINS, family.other)
    a.link_set("vx0", up=False)
    told(family, wire, LEAVES, family.other)


def test_membership(ends, family):
    a, b = ends
    steps = [
        (lambda: a.vxlan(up=False, remote=family.group, dev="u0"), {}),
        (lambda: a.link_set("vx0", up=True), {family.group: 1}),
        (lambda: a.vxlan_change(remote=family.other), {family.other: 1}),
        (lambda: a.vxlan_change(remote=b.ip), {}),
        (lambda: a.vxlan_change(remote=family.group), {family.group: 1}),
        (lambda: a.link_set("vx0", up=False), {}),
        (lambda: a.vxlan_change(remote=family.other), {}),
        (lambda: a.link_set("vx0", up=True), {family.other: 1}),
        (lambda: a.link_del("vx0"), {}),
    ]
    for number, (step, members) in enumerate(steps):
        step()
        assert family.members(a) == members, f"step {number}"


def test_group_of_an_entry_is_not_joined(ends, family):
    """Only the device's own group is: an entry's is for sending."""
    a, b = ends
    a.vxlan(dev="u0", remote=b.ip)
    a.fdb_add(ZERO_MAC, family.group, how=APPEND)
    a.fdb_add("01:00:5e:00:00:05", family.other)
    assert family.members(a) == {}


def test_lower_link_goes_down_and_up(ends, family):
    """The link keeps the membership, and tells of it again."""
    a, b = ends
    a.vxlan(remote=family.group, dev="u0")
    a.link_set("u0", up=False)
    assert family.members(a) == {family.group: 1}
    wire = b.tap("u0")
    wire.pending()
    a.link_set("u0", up=True)
    told(family, wire, JOINS, family.group)


# -- Floods ---------------------------------------------------------------------

def test_group_and_remotes_together(three, family):
    """A flood goes to the group and to each host beside it: one copy for each."""
    a, b, c = three
    a.vxlan(remote=family.group, dev="u0")
    a.fdb_add(ZERO_MAC, c.ip, how=APPEND)
    a.fdb_add(ZERO_MAC, c.ip, how=APPEND, vni=77)
    b.vxlan(remote=family.group, dev="u0")
    inside, outside, at_c = a.tap("vx0"), b.tap("vx0"), c.tap("u0")
    frame = packets.inner(BROADCAST, a.mac("vx0"))
    inside.send(frame)
    assert outside.one() == frame
    # c's link sees the group's copy as well, as the switch floods it.
    found = [Frame(data) for data in at_c.expect(packets.is_vxlan, 3)]
    assert {(got.ip_dst, got.vni) for got in found} == {
        (family.group, 10), (c.ip, 10), (c.ip, 77)}
    assert all(got.inner == frame for got in found)
    assert {got.ip_dst: got.ttl for got in found} == {family.group: 1, c.ip: 64}
    assert outside.pending() == []


def test_station_behind_a_group(three, family):
    """An entry of one station may name a group: its packets go to all members."""
    a, b, c = three
    a.vxlan(remote=b.ip, dev="u0")
    a.fdb_add(STATION, family.group, via=a.index("u0"))
    for host in (b, c):
        host.vxlan(remote=family.group, dev="u0")
    inside, at_b, at_c = a.tap("vx0"), b.tap("vx0"), c.tap("vx0")
    frame = packets.inner(STATION, a.mac("vx0"))
    inside.send(frame)
    assert at_b.one() == frame and at_c.one() == frame


def test_members_only(three, family):
    """A host that left the group hears its packets no more."""
    a, b, c = three
    for host in three:
        host.vxlan(remote=family.group, dev="u0")
    inside, at_b, at_c = a.tap("vx0"), b.tap("vx0"), c.tap("vx0")
    c.vxlan_change(remote=family.other)
    assert family.members(c) == {family.other: 1}
    first, second = (packets.inner(BROADCAST, a.mac("vx0"), tag=tag) for tag in (b"1", b"2"))
    inside.send(first)
    assert at_b.one() == first
    a.vxlan_change(remote=family.other)
    inside.send(second)
    assert at_c.one() == second
    assert at_b.pending() == []
