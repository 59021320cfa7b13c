# SPDX-License-Identifier: GPL-2.0
"""Forwarding entries and switches: what drivers are told, and what they tell.

Needs a kernel with switchdev (flavour amd64) and vxlan_probe.ko in the VM; see
tools/testing/module.
"""

import errno

import pytest

from lib import packets
from lib import uapi as u
from lib.host import APPEND, REPLACE, ZERO_MAC, Entry
from lib.state import state
from lib.wait import wait_for
from test_exports import entry, fails

STATION, OTHER = "02:00:00:00:aa:01", "02:00:00:00:aa:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"
OFFLOADED, EXT_LEARNED = 0x20, 0x10
VETO = "vxlan_probe takes no more"


@pytest.fixture
def switch(probe):
    """The probe, in a kernel that has switchdev."""
    if not probe.has_switchdev():
        pytest.skip("this kernel has no switchdev")
    probe.clear()
    return probe


def told(switch):
    """Events since the last look."""
    events = switch.entries()
    switch.clear()
    return events


def added(mac, ip, **fields):
    return ("added", entry(mac, ip, **{"extack": 1, **fields}))


def deleted(mac, ip, **fields):
    return ("deleted", entry(mac, ip, **fields))


# -- What drivers are told -----------------------------------------------------------

def test_user_entries(host, switch):
    """Add, change and delete by a user: one event for each destination."""
    host.vxlan()
    host.fdb_add(STATION, "10.0.0.2", port=5555, vni=7, via=host.index("u0"))
    there = {"port": 5555, "remote_vni": 7, "ifindex": host.index("u0")}
    assert told(switch) == [added(STATION, "10.0.0.2", **there)]
    host.fdb_add(STATION, "10.0.0.3", how=REPLACE)
    assert told(switch) == [added(STATION, "10.0.0.3")]
    host.fdb_del(STATION)
    assert told(switch) == [deleted(STATION, "10.0.0.3", extack=0)]


def test_several_destinations(host, switch):
    host.vxlan()
    for number in (2, 3, 4):
        host.fdb_add(ZERO_MAC, f"10.0.0.{number}", how=APPEND)
    assert told(switch) == [added(ZERO_MAC, f"10.0.0.{n}") for n in (2, 3, 4)]
    host.fdb_del(ZERO_MAC, "10.0.0.3")
    assert told(switch) == [deleted(ZERO_MAC, "10.0.0.3")]
    host.fdb_del(ZERO_MAC)
    assert told(switch) == [deleted(ZERO_MAC, f"10.0.0.{n}") for n in (2, 4)]


def test_default_destination(host, switch):
    """The device's own entry, when it is made, changed and goes."""
    host.vxlan(remote="10.0.0.2")
    assert told(switch) == [added(ZERO_MAC, "10.0.0.2", user=0)]
    host.vxlan_change(remote="10.0.0.3")
    assert told(switch) == [added(ZERO_MAC, "10.0.0.3", user=0),
                            deleted(ZERO_MAC, "10.0.0.2", user=0)]
    host.link_del("vx0")
    assert told(switch) == [deleted(ZERO_MAC, "10.0.0.3", user=0)]


def test_learned_stations(trio, switch):
    """Learning, moving and flushing are told as well, as not of a user."""
    a, b, c = trio
    b.vxlan()
    inside = b.tap("vx0")
    frame = packets.inner(b.mac("vx0"), STATION)
    for host in (a, c):
        host.peer_ip, host.peer_mac = b.ip, b.mac_u0
        wire = host.tap("u0")
        wire.send(packets.outer(host, packets.vxlan(10, frame)))
        assert inside.one() == frame
    assert told(switch) == [added(STATION, a.ip, user=0, extack=0),
                            added(STATION, c.ip, user=0, extack=0)]
    b.link_set("vx0", up=False)
    assert told(switch) == [deleted(STATION, c.ip, user=0)]


def test_ageing(host, switch):
    host.vxlan(ageing=1)
    host.fdb_add(STATION, "10.0.0.2", state=u.NUD_REACHABLE)
    told(switch)
    wait_for(lambda: host.fdb() == {}, "ageing", timeout=60)
    assert told(switch) == [deleted(STATION, "10.0.0.2")]


def test_state_change(host, switch):
    """Another state is told; asking again for what is there is not."""
    host.vxlan()
    host.fdb_add(STATION, "10.0.0.2")
    told(switch)
    host.fdb_add(STATION, "10.0.0.2", how=REPLACE)
    assert told(switch) == []
    host.fdb_add(STATION, "10.0.0.2", how=REPLACE, state=u.NUD_REACHABLE)
    assert told(switch) == [added(STATION, "10.0.0.2")]


# -- What drivers refuse ---------------------------------------------------------------

@pytest.fixture
def vetoed(refused, switch):
    """Context manager: the block is refused by the driver, and leaves no trace."""
    def check(host, code=errno.EXFULL):
        before = state(host)
        listener = host.listen(u.RTNLGRP_LINK, u.RTNLGRP_NEIGH)
        switch.veto(code)

        class Check:
            def __enter__(self):
                self.refusal = refused(code, VETO)
                return self.refusal.__enter__()

            def __exit__(self, *exception):
                caught = self.refusal.__exit__(*exception)
                assert state(host) == before
                assert listener.drain() == []
                return caught

        return Check()
    return check


def test_refused_entry(host, vetoed):
    host.vxlan()
    with vetoed(host):
        host.fdb_add(STATION, "10.0.0.2")
    with vetoed(host, errno.EOPNOTSUPP):
        host.fdb_add(ZERO_MAC, "10.0.0.2")
    host.fdb_add(STATION, "10.0.0.2")


def test_refused_destination(host, vetoed):
    host.vxlan()
    host.fdb_add(ZERO_MAC, "10.0.0.2")
    with vetoed(host):
        host.fdb_add(ZERO_MAC, "10.0.0.3", how=APPEND)
    assert host.fdb() == {ZERO_MAC: ["10.0.0.2"]}


@pytest.mark.ours_only(reason="a refused update leaves state and flags as they were")
def test_refused_destination_leaves_the_state(host, vetoed):
    host.vxlan(remote="10.0.0.2")
    with vetoed(host):
        host.fdb_add(ZERO_MAC, "10.0.0.3", how=APPEND)


def test_refused_replacement(host, vetoed):
    host.vxlan()
    host.fdb_add(STATION, "10.0.0.2", port=5555, vni=7)
    with vetoed(host):
        host.fdb_add(STATION, "10.0.0.3", how=REPLACE)


def test_refused_device(host, switch, refused):
    """A device whose remote no driver wants does not come about."""
    before = host.links()
    switch.veto(errno.EXFULL)
    with refused(errno.EXFULL, VETO):
        host.vxlan(remote="10.0.0.2", dev="u0")
    assert host.links() == before
    host.vxlan(remote="10.0.0.2", dev="u0")


def test_refused_change(host, vetoed):
    """A new remote that is refused leaves the device with its old one."""
    host.vxlan(remote="10.0.0.2", dev="u0")
    with vetoed(host):
        host.vxlan_change(remote="10.0.0.3", ttl=9)


# -- What drivers tell ---------------------------------------------------------------

def row(mac, ip, *, vni=10, port=4789, remote_vni=10, ifindex=0, offloaded=1):
    """The words of a command about an entry."""
    return (mac, vni, ip, port, remote_vni, ifindex, offloaded)


def flags(host):
    return {(e.lladdr, e.dst): e.flags for e in host.fdb_dump()}


def test_marks(host, switch):
    """NTF_OFFLOADED comes and goes for one destination; nobody is told."""
    host.vxlan()
    for number in (2, 3):
        host.fdb_add(ZERO_MAC, f"10.0.0.{number}", how=APPEND)
    told(switch)
    listener = host.listen(u.RTNLGRP_NEIGH)
    switch.run(host, "mark", "vx0", *row(ZERO_MAC, "10.0.0.3"))
    assert flags(host) == {(ZERO_MAC, "10.0.0.2"): 2, (ZERO_MAC, "10.0.0.3"): 2 | OFFLOADED}
    switch.run(host, "mark", "vx0", *row(ZERO_MAC, "10.0.0.3", offloaded=0))
    assert set(flags(host).values()) == {2}
    assert switch.entries() == [] and listener.drain() == []


def test_mark_of_what_is_not_there(host, switch):
    """Every part of the destination counts; a mark that fits none is no error."""
    host.vxlan()
    host.fdb_add(STATION, "10.0.0.2", port=5555)
    for words in (row(OTHER, "10.0.0.2", port=5555), row(STATION, "10.0.0.3", port=5555),
                  row(STATION, "10.0.0.2"), row(STATION, "10.0.0.2", port=5555, remote_vni=9),
                  row(STATION, "10.0.0.2", port=5555, ifindex=1)):
        switch.run(host, "mark", "vx0", *words)
    assert flags(host) == {(STATION, "10.0.0.2"): 2}
    switch.run(host, "mark", "vx0", *row(STATION, "10.0.0.2", port=5555))
    assert flags(host) == {(STATION, "10.0.0.2"): 2 | OFFLOADED}


def test_mark_is_reported_everywhere(host, switch):
    """In the answer for one entry, in the exports, in later events and notifications."""
    host.vxlan()
    host.fdb_add(STATION, "10.0.0.2")
    switch.run(host, "mark", "vx0", *row(STATION, "10.0.0.2"))
    assert host.fdb_get(STATION).flags == 2 | OFFLOADED
    switch.clear()
    switch.run(host, "find", "vx0", STATION, 10)
    switch.run(host, "replay", "vx0", 10)
    listener = host.listen(u.RTNLGRP_NEIGH)
    host.fdb_del(STATION)
    assert [(what, f["offloaded"]) for what, f in told(switch)] == [
        ("found", 1), ("replayed", 1), ("deleted", 1)]
    assert [Entry(m).flags for m in listener.drain()] == [2 | OFFLOADED]


def test_unmark(host, switch):
    """vxlan_fdb_clear_offload takes the marks of a VNI away, all of them."""
    host.vxlan(remote="10.0.0.2")
    host.fdb_add(STATION, "10.0.0.3")
    for words in (row(ZERO_MAC, "10.0.0.2"), row(STATION, "10.0.0.3")):
        switch.run(host, "mark", "vx0", *words)
    assert set(flags(host).values()) == {2 | OFFLOADED}
    switch.run(host, "unmark", "vx0", 11)
    assert set(flags(host).values()) == {2 | OFFLOADED}
    switch.run(host, "unmark", "vx0", 10)
    assert set(flags(host).values()) == {2}


def test_entry_of_a_driver(host, switch):
    """Learned by hardware: extern_learn, offloaded, told to netlink but not to drivers."""
    host.vxlan()
    listener = host.listen(u.RTNLGRP_NEIGH)
    switch.run(host, "add", "vx0", *row(STATION, "10.0.0.2", port=5555, remote_vni=7))
    (found,) = host.fdb_dump()
    assert (found.lladdr, found.dst, found.port, found.vni) == (STATION, "10.0.0.2", 5555, 7)
    assert (found.state, found.flags) == (u.NUD_REACHABLE, 2 | EXT_LEARNED | OFFLOADED)
    assert [(m.kind, Entry(m).flags) for m in listener.drain()] == [
        (u.RTM_NEWNEIGH, 2 | EXT_LEARNED)]
    assert switch.entries() == []
    switch.run(host, "del", "vx0", *row(STATION, "10.0.0.2", port=5555, remote_vni=7))
    assert host.fdb() == {}
    assert [(m.kind, Entry(m).flags) for m in listener.drain()] == [
        (u.RTM_DELNEIGH, 2 | EXT_LEARNED | OFFLOADED)]
    assert switch.entries() == []


@pytest.mark.parametrize("ip", ["none", "0.0.0.0", "::"])
def test_entry_of_a_driver_forgotten_without_a_place(host, switch, ip):
    """A driver that forgets a station need not say where it was."""
    host.vxlan()
    switch.run(host, "add", "vx0", *row(STATION, "10.0.0.2"))
    switch.run(host, "del", "vx0", *row(STATION, ip))
    assert host.fdb() == {}
    with fails(errno.ENOENT):
        switch.run(host, "del", "vx0", *row(STATION, ip))


def test_entry_of_a_driver_moves(host, switch):
    """The same station again elsewhere replaces the destination."""
    host.vxlan()
    for ip in ("10.0.0.2", "10.0.0.3"):
        switch.run(host, "add", "vx0", *row(STATION, ip))
    assert flags(host) == {(STATION, "10.0.0.3"): 2 | EXT_LEARNED | OFFLOADED}


def test_entry_of_a_driver_does_not_age(host, switch):
    host.vxlan(ageing=1)
    switch.run(host, "add", "vx0", *row(STATION, "10.0.0.2"))
    host.fdb_add(OTHER, "10.0.0.2", state=u.NUD_REACHABLE)
    wait_for(lambda: OTHER not in host.fdb(), "ageing", timeout=60)
    assert host.fdb() == {STATION: ["10.0.0.2"]}


def test_driver_does_not_take_over(host, switch):
    """An entry of the user stays the user's, with its state."""
    host.vxlan()
    host.fdb_add(STATION, "10.0.0.2")
    switch.run(host, "add", "vx0", *row(STATION, "10.0.0.2"))
    (found,) = host.fdb_dump()
    assert (found.state, found.flags) == (u.NUD_PERMANENT, 2 | OFFLOADED)
    switch.run(host, "del", "vx0", *row(STATION, "10.0.0.2"))
    (found,) = host.fdb_dump()
    assert (found.state, found.flags) == (u.NUD_PERMANENT, 2)


def test_driver_deletes_what_is_not_there(host, switch):
    host.vxlan()
    with fails(errno.ENOENT):
        switch.run(host, "del", "vx0", *row(STATION, "10.0.0.2"))


def test_driver_adds_to_a_full_table(host, switch):
    host.vxlan(limit=1)
    host.fdb_add(OTHER, "10.0.0.2")
    with fails(errno.ENOSPC):
        switch.run(host, "add", "vx0", *row(STATION, "10.0.0.2"))
    assert host.fdb() == {OTHER: ["10.0.0.2"]}


@pytest.mark.parametrize("mac", [ZERO_MAC, BROADCAST])
def test_driver_adds_a_group(host, switch, mac):
    """A driver replaces, which is for stations only."""
    host.vxlan()
    with fails(errno.EOPNOTSUPP):
        switch.run(host, "add", "vx0", *row(mac, "10.0.0.2"))
    assert host.fdb() == {}
