# SPDX-License-Identifier: GPL-2.0
"""Entries that belong to a VNI of their own: devices that are told the VNI with each packet."""

import errno

import pytest

from lib import rtnl
from lib import uapi as u
from lib.host import APPEND, DYNAMIC, PERMANENT, REPLACE, ZERO_MAC, Entry
from lib.uapi import NDA

A, B = "02:00:00:00:aa:01", "02:00:00:00:aa:02"


@pytest.fixture
def table(host):
    """A host with an external vx0, down, whose own VNI is therefore 0."""
    host.vxlan(up=False, id=None, external=1)
    return host


def rows(host, name="vx0"):
    return sorted(((e.lladdr, e.src_vni, e.dst, e.vni) for e in host.fdb_dump(name)),
                  key=lambda row: (row[0], row[1] or 0, row[2]))


def test_one_station_in_several_vnis(table, refused):
    table.fdb_add(A, "10.0.0.2", src_vni=100)
    table.fdb_add(A, "10.0.0.3", src_vni=200, vni=7)
    table.fdb_add(A, "10.0.0.4")
    assert rows(table) == [
        (A, None, "10.0.0.4", None), (A, 100, "10.0.0.2", None), (A, 200, "10.0.0.3", 7)]
    with refused(errno.EEXIST):
        table.fdb_add(A, "10.0.0.9", src_vni=100)
    table.fdb_add(A, "10.0.0.9", src_vni=100, how=REPLACE)
    table.fdb_del(A, src_vni=200)
    assert rows(table) == [
        (A, None, "10.0.0.4", None), (A, 100, "10.0.0.9", None)]
    with refused(errno.ENOENT):
        table.fdb_del(A, src_vni=200)


def test_message(table):
    """NDA_SRC_VNI comes after the remote, and not for VNI 0."""
    listener = table.listen(u.RTNLGRP_NEIGH)
    table.fdb_add(A, "10.0.0.2", src_vni=100, vni=7)
    table.fdb_add(B, "10.0.0.2", src_vni=0)
    kinds = [Entry(m).kinds for m in listener.drain(lambda m: m.kind == u.RTM_NEWNEIGH)]
    assert kinds == [[NDA.LLADDR, NDA.DST, NDA.VNI, NDA.SRC_VNI, NDA.CACHEINFO],
                     [NDA.LLADDR, NDA.DST, NDA.CACHEINFO]]


def test_get_by_vni(table, refused):
    """A request to read names the entry's VNI by NDA_VNI."""
    table.fdb_add(A, "10.0.0.2", src_vni=100)
    entry = table.fdb_get(A, attrs=[(NDA.VNI, rtnl.u32(100))])
    assert (entry.dst, entry.src_vni) == ("10.0.0.2", 100)
    with refused(errno.ENOENT, "Fdb entry not found"):
        table.fdb_get(A)


def test_flood_lists(table):
    """An all-zeros entry for each VNI."""
    for vni in (100, 200):
        for last in (2, 3):
            table.fdb_add(ZERO_MAC, f"10.0.{vni}.{last}", src_vni=vni, how=APPEND)
    table.fdb_del(ZERO_MAC, "10.0.100.2", src_vni=100)
    assert rows(table) == [(ZERO_MAC, 100, "10.0.100.3", None),
                           (ZERO_MAC, 200, "10.0.200.2", None),
                           (ZERO_MAC, 200, "10.0.200.3", None)]


def test_flush_by_vni(table):
    for vni in (100, 200):
        table.fdb_add(A, "10.0.0.2", src_vni=vni)
        table.fdb_add(B, "10.0.0.2", src_vni=vni, state=DYNAMIC)
    table.fdb_flush([(NDA.SRC_VNI, rtnl.u32(100)),
                     (NDA.NDM_STATE_MASK, rtnl.u16(PERMANENT))], state=PERMANENT)
    assert rows(table) == [(A, 200, "10.0.0.2", None), (B, 100, "10.0.0.2", None),
                           (B, 200, "10.0.0.2", None)]
    table.fdb_flush([(NDA.SRC_VNI, rtnl.u32(200))])
    assert rows(table) == [(B, 100, "10.0.0.2", None)]


def test_nexthop_in_a_vni(table):
    table.nexthop(1, "10.0.0.2")
    table.nexthop_group(10, 1)
    table.fdb_add(A, None, nhid=10, src_vni=100)
    table.fdb_add(A, None, nhid=10, src_vni=200)
    found = sorted((e.src_vni, e.nhid, e.kinds) for e in table.fdb_dump())
    kinds = [NDA.LLADDR, NDA.NH_ID, NDA.SRC_VNI, NDA.CACHEINFO]
    assert found == [(100, 10, kinds), (200, 10, kinds)]
    table.nexthop_del(10)
    assert rows(table) == []


def test_device_down(table):
    """Dynamic entries of all VNIs go; all-zeros entries of VNIs that are not the device's too."""
    table.link_set("vx0", up=True)
    table.fdb_add(A, "10.0.0.2", src_vni=100, state=DYNAMIC)
    table.fdb_add(B, "10.0.0.2", src_vni=100)
    table.fdb_add(ZERO_MAC, "10.0.0.2", src_vni=100, state=DYNAMIC)
    table.fdb_add(ZERO_MAC, "10.0.0.2", state=DYNAMIC)
    table.link_set("vx0", up=False)
    assert rows(table) == [
        (ZERO_MAC, None, "10.0.0.2", None), (B, 100, "10.0.0.2", None)]


def test_without_metadata_the_vni_is_kept_but_not_looked_for(host, refused):
    """Stock files the entry under the VNI named, where an ordinary device never looks."""
    host.vxlan(up=False)
    host.fdb_add(A, "10.0.0.2", src_vni=100)
    assert rows(host) == [(A, None, "10.0.0.2", None)]
    with refused(errno.ENOENT):
        host.fdb_del(A, src_vni=100)
    with refused(errno.ENOENT, "Fdb entry not found"):
        host.fdb_get(A)
    host.fdb_add(A, "10.0.0.3")
    with refused(errno.EEXIST):
        host.fdb_add(B, "10.0.0.3", src_vni=10)
        host.fdb_add(B, "10.0.0.3", src_vni=10)
    host.fdb_flush([(NDA.SRC_VNI, rtnl.u32(100))])
    assert sorted(host.fdb()) == [A, B]
