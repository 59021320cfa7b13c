# SPDX-License-Identifier: GPL-2.0
"""What listeners of the forwarding table are told: each message, whole, in order."""

import struct

import pytest

from lib import packets, rtnl
from lib import uapi as u
from lib.host import APPEND, DYNAMIC, PERMANENT, REPLACE, STATIC, ZERO_MAC, Entry
from lib.rtnl import NetlinkError
from lib.uapi import IFLA, NDA

A, B, C = (f"02:00:00:00:aa:0{n}" for n in (1, 2, 3))
NEW, DEL = u.RTM_NEWNEIGH, u.RTM_DELNEIGH


def is_fdb(message):
    return message.kind in (NEW, DEL) and message.header[0] == u.AF_BRIDGE


class Listener:
    """Notifications of one host's forwarding tables, as they come."""

    def __init__(self, host):
        self.sock = host.listen(u.RTNLGRP_NEIGH)

    def brief(self):
        """Everything so far: (type, address, destination, state)."""
        return [(m.kind, e.lladdr, e.dst, e.state)
                for m in self.sock.drain(is_fdb) for e in [Entry(m)]]

    def wait(self, count):
        found = self.sock.events(count, accept=is_fdb)
        assert len(found) == count
        return found


@pytest.fixture
def told(host):
    """A host with vx0 up, and a listener that has seen nothing yet."""
    host.vxlan()
    return host, Listener(host)


def test_message_of_an_addition(told):
    """Header and attributes, byte for byte."""
    host, listener = told
    via = host.index("u0")
    host.fdb_add(A, "10.0.0.2", port=5000, vni=77, via=via, state=STATIC)
    (message,) = listener.wait(1)
    assert (message.kind, message.flags) == (NEW, 0)
    assert message.header == struct.pack("=BBHiHBB", u.AF_BRIDGE, 0, 0,
                                         host.index("vx0"), STATIC, u.NTF_SELF, 1)
    attrs = message.attrs
    assert attrs[:-1] == [
        (NDA.LLADDR, rtnl.mac(A)), (NDA.DST, rtnl.ip4("10.0.0.2")),
        (NDA.PORT, rtnl.be16(5000)), (NDA.VNI, rtnl.u32(77)),
        (NDA.IFINDEX, rtnl.u32(via))]
    kind, cache = attrs[-1]
    assert kind == NDA.CACHEINFO and len(cache) == 16
    confirmed, used, updated, refcnt = struct.unpack("=IIII", cache)
    assert (confirmed, refcnt) == (0, 0) and used < 500 and updated < 500


def test_defaults_are_left_out(told):
    """Port, VNI and device that are the device's own are not sent."""
    host, listener = told
    host.fdb_add(A, "10.0.0.2", port=4789, vni=10)
    (message,) = listener.wait(1)
    assert [kind for kind, _ in message.attrs] == [NDA.LLADDR, NDA.DST, NDA.CACHEINFO]


def test_user_flags_are_shown(told):
    host, listener = told
    host.fdb_add(A, "10.0.0.2", ntf=u.NTF_SELF | u.NTF_ROUTER)
    assert Entry(listener.wait(1)[0]).flags == u.NTF_SELF | u.NTF_ROUTER


def test_add_change_delete(told):
    host, listener = told
    host.fdb_add(A, "10.0.0.2")
    host.fdb_add(A, "10.0.0.3", how=REPLACE)
    host.fdb_add(A, "10.0.0.3", how=REPLACE, state=DYNAMIC)
    host.fdb_del(A)
    assert listener.brief() == [
        (NEW, A, "10.0.0.2", PERMANENT), (NEW, A, "10.0.0.3", PERMANENT),
        (NEW, A, "10.0.0.3", DYNAMIC), (DEL, A, "10.0.0.3", DYNAMIC)]


def test_nothing_changed_nothing_said(told):
    host, listener = told
    host.fdb_add(A, "10.0.0.2")
    host.fdb_add(ZERO_MAC, "10.0.0.2", how=APPEND)
    listener.brief()
    host.fdb_add(A, "10.0.0.2", how=REPLACE)
    host.fdb_add(A, "10.0.0.2", how=APPEND)
    host.fdb_add(A, "10.0.0.2", how=u.NLM_F_CREATE)
    host.fdb_add(ZERO_MAC, "10.0.0.2", how=APPEND)
    host.fdb_del(A, "10.9.9.9")
    assert listener.brief() == []


def test_refused_nothing_said(told):
    host, listener = told
    host.fdb_add(A, "10.0.0.2")
    listener.brief()
    for lladdr, how in ((A, u.NLM_F_CREATE | u.NLM_F_EXCL), (B, 0),
                        (ZERO_MAC, REPLACE)):
        with pytest.raises(NetlinkError):
            host.fdb_add(lladdr, "10.0.0.3", how=how)
    with pytest.raises(NetlinkError):
        host.fdb_del(B)
    assert listener.brief() == []


def test_each_remote_is_told(told):
    """An appended remote is announced alone; a deleted entry remote by remote."""
    host, listener = told
    for dst in ("10.0.0.2", "10.0.0.3", "10.0.0.4"):
        host.fdb_add(ZERO_MAC, dst, how=APPEND)
    host.fdb_del(ZERO_MAC, "10.0.0.3")
    host.fdb_del(ZERO_MAC)
    assert listener.brief() == [
        (NEW, ZERO_MAC, "10.0.0.2", PERMANENT),
        (NEW, ZERO_MAC, "10.0.0.3", PERMANENT),
        (NEW, ZERO_MAC, "10.0.0.4", PERMANENT),
        (DEL, ZERO_MAC, "10.0.0.3", PERMANENT),
        (DEL, ZERO_MAC, "10.0.0.2", PERMANENT),
        (DEL, ZERO_MAC, "10.0.0.4", PERMANENT)]


def test_device_down(told):
    """What is not permanent goes, newest first."""
    host, listener = told
    for lladdr, state in ((A, DYNAMIC), (B, PERMANENT), (C, DYNAMIC)):
        host.fdb_add(lladdr, "10.0.0.2", state=state)
    listener.brief()
    host.link_set("vx0", up=False)
    assert listener.brief() == [(DEL, C, "10.0.0.2", DYNAMIC),
                                (DEL, A, "10.0.0.2", DYNAMIC)]


def test_device_deleted(host):
    """Every remote of every entry, newest entry first, the default entry last.

    The user's append made the default entry his, so it is plain permanent now.
    """
    host.vxlan(remote="10.0.0.9")
    listener = Listener(host)
    host.fdb_add(A, "10.0.0.2")
    host.fdb_add(ZERO_MAC, "10.0.0.8", how=APPEND)
    host.fdb_add(B, "10.0.0.3", state=DYNAMIC)
    listener.brief()
    host.link_del("vx0")
    assert listener.brief() == [
        (DEL, B, "10.0.0.3", DYNAMIC), (DEL, A, "10.0.0.2", PERMANENT),
        (DEL, ZERO_MAC, "10.0.0.9", PERMANENT),
        (DEL, ZERO_MAC, "10.0.0.8", PERMANENT)]


def test_default_entry_among_link_events(host):
    """The link is announced before its default entry, and outlives it."""
    sock = host.listen(u.RTNLGRP_LINK, u.RTNLGRP_NEIGH)

    def mine(message):
        if message.kind in (u.RTM_NEWLINK, u.RTM_DELLINK):
            return message.get(IFLA.IFNAME) == rtnl.text("vx0")
        return is_fdb(message)

    host.vxlan(up=False, remote="10.0.0.9")
    kinds = [m.kind for m in sock.drain(mine)]
    assert kinds == [u.RTM_NEWLINK, NEW]
    host.link_del("vx0")
    kinds = [m.kind for m in sock.drain(mine)]
    assert kinds == [DEL, u.RTM_DELLINK]


def test_learned_and_moved(pair):
    """A learned station is REACHABLE; when it moves, the new place is told."""
    a, b = pair
    b.vxlan()
    listener = Listener(b)
    wire = a.tap("u0")
    frame = packets.inner(b.mac("vx0"), A)
    wire.send(packets.outer(a, packets.vxlan(10, frame)))
    (message,) = listener.wait(1)
    entry = Entry(message)
    assert (message.kind, entry.lladdr, entry.dst) == (NEW, A, a.ip)
    assert (entry.state, entry.flags) == (DYNAMIC, u.NTF_SELF)
    assert entry.kinds == [NDA.LLADDR, NDA.DST, NDA.CACHEINFO]
    wire.send(packets.outer(a, packets.vxlan(10, frame), src="10.0.0.77"))
    (message,) = listener.wait(1)
    entry = Entry(message)
    assert (message.kind, entry.lladdr, entry.dst) == (NEW, A, "10.0.0.77")
    assert (entry.state, entry.flags) == (DYNAMIC, u.NTF_SELF)
    assert listener.brief() == []


def test_lower_device_deleted(host):
    """The tunnel goes with its lower device, and its entries with the tunnel."""
    host.vxlan(dev="u0", remote="10.0.0.9")
    listener = Listener(host)
    host.fdb_add(A, "10.0.0.2")
    host.link_del("u0")
    assert listener.brief() == [
        (NEW, A, "10.0.0.2", PERMANENT), (DEL, A, "10.0.0.2", PERMANENT),
        (DEL, ZERO_MAC, "10.0.0.9", 0x82)]
