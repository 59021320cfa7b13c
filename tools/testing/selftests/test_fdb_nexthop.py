# SPDX-License-Identifier: GPL-2.0
"""Entries with a nexthop group in place of remotes."""

import errno

import pytest

from lib import packets, rtnl
from lib import uapi as u
from lib.host import (APPEND, DYNAMIC, NEW, PERMANENT, REPLACE, STATIC, ZERO_MAC, Entry)
from lib.packets import Frame
from lib.uapi import NDA
from lib.wait import wait_for

A, B, C = (f"02:00:00:00:aa:0{n}" for n in (1, 2, 3))
GROUP = "01:00:5e:01:02:03"


def make_nexthops(host):
    """1 and 2 are members; 10 and 11 groups of them; 20 to 22 are of IPv6."""
    host.nexthop(1, "10.0.0.2")
    host.nexthop(2, "10.0.0.3", port=5000)
    host.nexthop_group(10, 1, 2)
    host.nexthop_group(11, 1)


@pytest.fixture
def table(host):
    """A host with vx0 down, and nexthops."""
    host.vxlan(up=False)
    make_nexthops(host)
    return host


def shown(host, name="vx0"):
    return {entry.lladdr: entry.nhid for entry in host.fdb_dump(name)}


def told_by(listener):
    return [(m.kind, e.lladdr, e.nhid, e.dst, e.state) for m in listener.drain(
        lambda m: m.kind in (u.RTM_NEWNEIGH, u.RTM_DELNEIGH)
        and m.header[0] == u.AF_BRIDGE) for e in [Entry(m)]]


def test_add_get_delete(table, refused):
    listener = table.listen(u.RTNLGRP_NEIGH)
    table.fdb_add(A, None, nhid=10)
    (entry,) = table.fdb_dump()
    assert entry.kinds == [NDA.LLADDR, NDA.NH_ID, NDA.CACHEINFO]
    assert (entry.lladdr, entry.nhid, entry.state, entry.flags) == \
        (A, 10, PERMANENT, u.NTF_SELF)
    assert table.fdb_get(A).nhid == 10
    table.fdb_del(A)
    with refused(errno.ENOENT):
        table.fdb_del(A)
    assert told_by(listener) == [(u.RTM_NEWNEIGH, A, 10, None, PERMANENT),
                                 (u.RTM_DELNEIGH, A, 10, None, PERMANENT)]


def test_delete_names_any_nexthop_but_no_remote(table):
    """Stock deletes the entry whatever id is named; a remote is none of its."""
    table.fdb_add(A, None, nhid=10)
    table.fdb_del(A, "10.0.0.2")
    assert shown(table) == {A: 10}
    table.fdb_del(A, nhid=99)
    assert shown(table) == {}


@pytest.mark.parametrize("lladdr", [A, ZERO_MAC, GROUP])
@pytest.mark.parametrize("how", [NEW, APPEND])
def test_any_address(table, lladdr, how):
    table.fdb_add(lladdr, None, nhid=10, how=how)
    assert shown(table) == {lladdr: 10}


NOT_ADDED = {
    "absent": (99, PERMANENT, errno.EINVAL, "Nexthop id does not exist"),
    "no_group": (1, PERMANENT, errno.EINVAL, "Nexthop is not a multipath group"),
    "no_fdb": (30, PERMANENT, errno.EINVAL, "Nexthop is not a fdb nexthop"),
    "ipv6": (21, PERMANENT, errno.EAFNOSUPPORT, "Nexthop group family not supported"),
    "dynamic": (10, DYNAMIC, errno.EINVAL, "A nexthop fdb cannot be dynamic"),
    "dynamic_before_absent": (99, DYNAMIC, errno.EINVAL,
                              "A nexthop fdb cannot be dynamic"),
}


@pytest.mark.parametrize("name", NOT_ADDED)
def test_not_added(table, refused, name):
    nhid, state, code, text = NOT_ADDED[name]
    table.ipv6("u0")
    table.nexthop(20, "fd00::2")
    table.nexthop_group(21, 20)
    table.nexthop(30, "10.0.0.2", fdb=False, via="u0")
    with refused(code, text):
        table.fdb_add(A, None, nhid=nhid, state=state)
    assert shown(table) == {}


@pytest.mark.parametrize("extra", [{"dst": "10.0.0.2"}, {"vni": 5}, {"port": 5},
                                   {"via": 1}])
def test_nothing_beside_a_nexthop(table, refused, extra):
    with refused(errno.EINVAL,
                 "DST, VNI, ifindex and port are mutually exclusive with NH_ID"):
        table.fdb_add(A, extra.pop("dst", None), nhid=10, **extra)
    assert shown(table) == {}


def test_static(table):
    table.fdb_add(A, None, nhid=10, state=STATIC)
    assert table.fdb_dump()[0].state == STATIC


def test_number_zero_is_no_nexthop(table):
    """Stock makes an entry whose remote is the unspecified address."""
    table.fdb_add(A, None, nhid=0)
    assert table.fdb() == {A: ["0.0.0.0"]}


def test_replace(table, refused):
    """A nexthop by a nexthop, told; the same again says nothing."""
    table.fdb_add(A, None, nhid=10)
    listener = table.listen(u.RTNLGRP_NEIGH)
    table.fdb_add(A, None, nhid=11, how=REPLACE)
    table.fdb_add(A, None, nhid=11, how=REPLACE)
    table.fdb_add(A, None, nhid=11, how=REPLACE, state=STATIC)
    assert shown(table) == {A: 11}
    with refused(errno.EINVAL, "Nexthop id does not exist"):
        table.fdb_add(A, None, nhid=99, how=REPLACE, state=STATIC)
    assert shown(table) == {A: 11}
    assert told_by(listener) == [(u.RTM_NEWNEIGH, A, 11, None, PERMANENT),
                                 (u.RTM_NEWNEIGH, A, 11, None, STATIC)]
    # The old one has no entry any more, the new one has.
    table.nexthop_del(10)
    assert shown(table) == {A: 11}
    table.nexthop_del(11)
    assert shown(table) == {}


def test_remote_and_nexthop_do_not_replace_each_other(table, refused):
    table.fdb_add(A, "10.0.0.2")
    table.fdb_add(B, None, nhid=10)
    with refused(errno.EOPNOTSUPP,
                 "Cannot replace an existing non nexthop fdb with a nexthop"):
        table.fdb_add(A, None, nhid=10, how=REPLACE)
    table.fdb_add(B, "10.0.0.9", how=REPLACE)       # Succeeds, and changes nothing.
    assert [(e.lladdr, e.dst, e.nhid) for e in table.fdb_dump()] == \
        [(B, None, 10), (A, "10.0.0.2", None)]


@pytest.mark.parametrize("how, code, text", [
    (NEW, errno.EEXIST, None),
    (APPEND, errno.EOPNOTSUPP, "Cannot append to a nexthop fdb"),
])
def test_add_again(table, refused, how, code, text):
    table.fdb_add(A, None, nhid=10)
    with refused(code, text):
        table.fdb_add(A, None, nhid=10, how=how)
    assert shown(table) == {A: 10}


@pytest.mark.parametrize("nhid", [None, 10, 11])
@pytest.mark.parametrize("how", [u.NLM_F_CREATE, REPLACE])
def test_never_dynamic(table, refused, nhid, how):
    """An entry with a nexthop cannot become one that ages and moves."""
    table.fdb_add(A, None, nhid=10)
    text = "Cannot make a nexthop fdb dynamic" if nhid is None else \
        "A nexthop fdb cannot be dynamic"
    code = errno.EOPNOTSUPP if nhid is None else errno.EINVAL
    with refused(code, text):
        table.fdb_add(A, None if nhid else "10.0.0.2", nhid=nhid, how=how, state=DYNAMIC)
    (entry,) = table.fdb_dump()
    assert (entry.nhid, entry.state) == (10, PERMANENT)


def test_remote_appended_to_a_group_address(table):
    """Stock takes it, tells of the entry, and goes on showing the nexthop."""
    table.fdb_add(GROUP, None, nhid=10)
    listener = table.listen(u.RTNLGRP_NEIGH)
    table.fdb_add(GROUP, "10.0.0.7", how=APPEND)
    table.fdb_add(GROUP, "10.0.0.7", how=APPEND)
    assert told_by(listener) == [(u.RTM_NEWNEIGH, GROUP, 10, None, PERMANENT)]
    assert shown(table) == {GROUP: 10}
    table.nexthop_del(10)
    assert shown(table) == {}


def test_use_refreshes(table):
    """NTF_USE touches the entry, which has no remote to touch (CVE-2025-39851)."""
    table.fdb_add(A, None, nhid=10)
    wait_for(lambda: _updated(table) >= 20, "the entry's age")
    table.fdb_add(A, None, nhid=10, how=u.NLM_F_CREATE, ntf=u.NTF_SELF | u.NTF_USE)
    assert _updated(table) < 20 and shown(table) == {A: 10}


def _updated(host):
    raw = host.fdb_dump()[0].message.get(NDA.CACHEINFO)
    return int.from_bytes(raw[8:12], "little")


def test_flushed_with_the_nexthop(table):
    """Of every device, nothing else, and nobody is told."""
    table.vxlan("vx1", up=False, id=11)
    for number in range(300):
        table.fdb_add(f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}", None,
                      nhid=10 + number % 2)
    table.fdb_add(A, None, nhid=10, name="vx1")
    table.fdb_add(B, None, nhid=11, name="vx1")
    table.fdb_add(A, "10.0.0.2")
    listener = table.listen(u.RTNLGRP_NEIGH)
    table.nexthop_del(10)
    assert set(shown(table).values()) == {11, None} and len(shown(table)) == 151
    assert shown(table, "vx1") == {B: 11}
    assert told_by(listener) == []
    table.nexthop_del(11)
    assert shown(table) == {A: None} and shown(table, "vx1") == {}


def test_group_without_members_ends(table):
    """The last member takes the group with it, and so the entries."""
    table.fdb_add(A, None, nhid=10)
    table.fdb_add(B, None, nhid=11)
    table.nexthop_del(1)
    assert shown(table) == {A: 10}
    table.nexthop_del(2)
    assert shown(table) == {}


def test_flush_by_nexthop(table):
    table.fdb_add(A, None, nhid=10)
    table.fdb_add(B, None, nhid=11)
    table.fdb_add(C, "10.0.0.2")
    table.fdb_flush([(NDA.DST, rtnl.ip4("10.0.0.2"))])
    assert shown(table) == {A: 10, B: 11}
    table.fdb_flush([(NDA.NH_ID, rtnl.u32(10))])
    assert shown(table) == {B: 11}
    table.fdb_flush()
    assert shown(table) == {}


def test_device_deleted_first(table):
    """The nexthop outlives the entries, and ends after them without trouble."""
    table.fdb_add(A, None, nhid=10)
    table.link_del("vx0")
    table.nexthop_del(10)
    table.vxlan(up=False)
    assert shown(table) == {}


def test_namespace_ends(hosts):
    """With nexthops and entries inside."""
    host = hosts("gone")
    host.vxlan(up=False)
    make_nexthops(host)
    host.fdb_add(A, None, nhid=10)
    host.close()


def test_nexthop_of_the_namespace_below(hosts):
    """The nexthop is looked for where the packets go, not where the device is."""
    below, above = hosts("below"), hosts("above")
    below.vxlan(up=False)
    make_nexthops(below)
    below.link_set("vx0", attrs=[(u.IFLA.NET_NS_FD, above.fd.to_bytes(4, "little"))])
    above.fdb_add(A, None, nhid=10)
    assert shown(above) == {A: 10}
    below.nexthop_del(10)
    assert shown(above) == {}
    above.link_del("vx0")


def test_ipv6(host, refused):
    host.ipv6("u0")
    host.vxlan(up=False, local6="::1")
    make_nexthops(host)
    host.nexthop(20, "fd00::2")
    host.nexthop_group(21, 20)
    host.fdb_add(A, None, nhid=21)
    assert shown(host) == {A: 21}
    with refused(errno.EAFNOSUPPORT, "Nexthop group family not supported"):
        host.fdb_add(B, None, nhid=10)
    host.nexthop_del(20)
    assert shown(host) == {}


def test_dump_of_many(table):
    macs = [f"02:00:00:01:{n >> 8:02x}:{n & 255:02x}" for n in range(1500)]
    for lladdr in macs:
        table.fdb_add(lladdr, None, nhid=10)
    assert [e.lladdr for e in table.fdb_dump()] == macs[::-1]


# -- Traffic -------------------------------------------------------------------

def _flows(host, lladdr, count):
    """Frames of different flows: the source port of UDP differs."""
    for number in range(count):
        datagram = packets.udp(1000 + number, 2000, b"nexthop")
        yield packets.ethernet(lladdr, host.mac("vx0"),
                               packets.ipv4("192.0.2.1", "192.0.2.2", datagram))


def _to(host, port=packets.PORT):
    """Packets to a host: the switch floods those of the others too."""
    return lambda data: packets.is_vxlan(data, port) and Frame(data).ip_dst == host.ip


@pytest.mark.parametrize("buckets", [None, 64])
def test_flows_are_spread(trio, buckets):
    """Each flow goes to one member, whichever; both get some; ports are theirs."""
    a, b, c = trio
    a.vxlan()
    a.nexthop(1, b.ip)
    a.nexthop(2, c.ip, port=5000)
    a.nexthop_group(10, 1, 2, buckets=buckets)
    a.fdb_add(A, None, nhid=10)
    inside, at_b, at_c = a.tap("vx0"), b.tap("u0"), c.tap("u0")
    frames = list(_flows(a, A, 40))
    for frame in frames:
        inside.send(frame)
    wait_for(lambda: a.stats("vx0")["tx_packets"] == 40, "40 packets sent")
    to_b, to_c = at_b.pending(_to(b)), at_c.pending(_to(c, 5000))
    assert len(to_b) + len(to_c) == 40 and len(to_b) > 4 and len(to_c) > 4
    assert sorted(Frame(d).inner for d in to_b + to_c) == sorted(frames)
    assert all(Frame(d).vni == 10 for d in to_b + to_c)


def test_flow_follows_the_group(trio):
    """When the group changes, the entry stays and its packets follow."""
    a, b, c = trio
    a.vxlan()
    a.nexthop(1, b.ip)
    a.nexthop(2, c.ip)
    a.nexthop_group(10, 1)
    a.fdb_add(A, None, nhid=10)
    inside, at_b, at_c = a.tap("vx0"), b.tap("u0"), c.tap("u0")
    (frame,) = _flows(a, A, 1)
    inside.send(frame)
    assert Frame(at_b.one(_to(b))).inner == frame
    a.nexthop_group(10, 2, replace=True)
    inside.send(frame)
    assert Frame(at_c.one(_to(c))).inner == frame
    a.nexthop_del(10)
    inside.send(frame)
    wait_for(lambda: a.stats("vx0")["tx_dropped"] == 1, "a drop without entry")
    assert at_b.pending(_to(b)) == [] == at_c.pending(_to(c))


def test_flood_by_nexthop(trio):
    """The all-zeros entry may have one: a frame goes to one member, not to all."""
    a, b, c = trio
    a.vxlan()
    a.nexthop(1, b.ip)
    a.nexthop(2, c.ip)
    a.nexthop_group(10, 1, 2)
    a.fdb_add(ZERO_MAC, None, nhid=10)
    inside, at_b, at_c = a.tap("vx0"), b.tap("u0"), c.tap("u0")
    (frame,) = _flows(a, B, 1)
    inside.send(frame)
    wait_for(lambda: a.stats("vx0")["tx_packets"] == 1, "the packet sent")
    seen = at_b.pending(_to(b)) + at_c.pending(_to(c))
    assert [Frame(d).inner for d in seen] == [frame]


def test_not_learned_over(pair):
    """A packet from the station does not move it, and is dropped as stock drops it."""
    a, b = pair
    b.vxlan()
    b.nexthop(1, "10.0.0.9")
    b.nexthop_group(10, 1)
    b.fdb_add(A, None, nhid=10)
    inside, wire = b.tap("vx0"), a.tap("u0")
    wire.send(packets.outer(a, packets.vxlan(10, packets.inner(b.mac("vx0"), A))))
    wire.send(packets.outer(a, packets.vxlan(10, packets.inner(b.mac("vx0"), B))))
    inside.one()                                    # That of B, which is not dropped.
    assert inside.pending() == []
    assert {e.lladdr: (e.nhid, e.dst) for e in b.fdb_dump()} == \
        {A: (10, None), B: (None, a.ip)}
