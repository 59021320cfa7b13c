# SPDX-License-Identifier: GPL-2.0
"""RTM_DELNEIGH with NLM_F_BULK: what each matcher removes, and what is refused."""

import errno

import pytest

from lib import rtnl
from lib import uapi as u
from lib.host import APPEND, DYNAMIC, PERMANENT, STATIC, ZERO_MAC, Entry
from lib.uapi import NDA

A, B, C, D = (f"02:00:00:00:aa:0{n}" for n in (1, 2, 3, 4))
GROUP = "01:00:5e:01:02:03"
EXT, ROUTER = u.NTF_EXT_LEARNED, u.NTF_ROUTER


@pytest.fixture
def table(host):
    """A host with vx0 down: a default entry and one entry of each sort."""
    host.vxlan(up=False, remote="10.0.0.9")
    via = host.index("u0")
    host.fdb_add(A, "10.0.0.2", state=PERMANENT)
    host.fdb_add(B, "10.0.0.3", state=STATIC, port=5000, ntf=u.NTF_SELF | EXT)
    host.fdb_add(C, "10.0.0.4", state=DYNAMIC, vni=77, ntf=u.NTF_SELF | ROUTER)
    host.fdb_add(GROUP, "10.0.0.2", how=APPEND)
    host.fdb_add(GROUP, "10.0.0.3", how=APPEND, port=5000, vni=77)
    host.fdb_add(GROUP, "10.0.0.4", how=APPEND, via=via)
    return host


ALL = {ZERO_MAC: ["10.0.0.9"], A: ["10.0.0.2"], B: ["10.0.0.3"], C: ["10.0.0.4"],
       GROUP: ["10.0.0.2", "10.0.0.3", "10.0.0.4"]}


def without(*gone, **left):
    """ALL, less some entries, and with some entries having other remotes."""
    return {**{key: value for key, value in ALL.items() if key not in gone}, **left}


MATCHERS = {
    "all": ([], {}, {}),
    "nothing": ([], {"state": PERMANENT}, {}),
    "state": ([(NDA.NDM_STATE_MASK, rtnl.u16(PERMANENT))], {"state": PERMANENT},
              without(ZERO_MAC, A, GROUP)),
    "not_state": ([(NDA.NDM_STATE_MASK, rtnl.u16(PERMANENT | u.NUD_NOARP))], {},
                  without(C)),
    "static": ([(NDA.NDM_STATE_MASK, rtnl.u16(u.NUD_NOARP))], {"state": u.NUD_NOARP},
               without(B)),
    "never": ([(NDA.NDM_STATE_MASK, rtnl.u16(u.NUD_NOARP))], {"state": PERMANENT}, ALL),
    "flag": ([(NDA.NDM_FLAGS_MASK, rtnl.u8(EXT))], {"flags": u.NTF_SELF | EXT},
             without(B)),
    "not_flag": ([(NDA.NDM_FLAGS_MASK, rtnl.u8(EXT | ROUTER))], {},
                 {B: ["10.0.0.3"], C: ["10.0.0.4"]}),
    "router": ([(NDA.NDM_FLAGS_MASK, rtnl.u8(ROUTER))], {"flags": u.NTF_SELF | ROUTER},
               without(C)),
    "offloaded": ([(NDA.NDM_FLAGS_MASK, rtnl.u8(u.NTF_OFFLOADED))],
                  {"flags": u.NTF_SELF | u.NTF_OFFLOADED}, ALL),
    "src_vni": ([(NDA.SRC_VNI, rtnl.u32(10))], {}, {}),
    "src_vni_other": ([(NDA.SRC_VNI, rtnl.u32(77))], {}, ALL),
    "src_vni_zero": ([(NDA.SRC_VNI, rtnl.u32(0))], {}, {}),
    "nhid": ([(NDA.NH_ID, rtnl.u32(5))], {}, ALL),
    "nhid_zero": ([(NDA.NH_ID, rtnl.u32(0))], {}, {}),
    "vni": ([(NDA.VNI, rtnl.u32(77))], {},
            without(C, **{GROUP: ["10.0.0.2", "10.0.0.4"]})),
    "port": ([(NDA.PORT, rtnl.be16(5000))], {},
             without(B, **{GROUP: ["10.0.0.2", "10.0.0.4"]})),
    "port_of_the_device": ([(NDA.PORT, rtnl.be16(4789))], {},
                           {B: ["10.0.0.3"], GROUP: ["10.0.0.3"]}),
    "dst": ([(NDA.DST, rtnl.ip4("10.0.0.2"))], {},
            without(A, **{GROUP: ["10.0.0.3", "10.0.0.4"]})),
    "dst_default": ([(NDA.DST, rtnl.ip4("10.0.0.9"))], {}, without(ZERO_MAC)),
    "dst_other_family": ([(NDA.DST, rtnl.ip6("fd00::1"))], {}, ALL),
    "dst_any": ([(NDA.DST, rtnl.ip4("0.0.0.0"))], {}, ALL),
    "dst_long": ([(NDA.DST, rtnl.ip4("10.0.0.2") + bytes(3))], {},
                 without(A, **{GROUP: ["10.0.0.3", "10.0.0.4"]})),
    "dst_and_port": ([(NDA.DST, rtnl.ip4("10.0.0.3")), (NDA.PORT, rtnl.be16(5000)),
                      (NDA.VNI, rtnl.u32(77))], {},
                     without(**{GROUP: ["10.0.0.2", "10.0.0.4"]})),
    "state_and_dst": ([(NDA.NDM_STATE_MASK, rtnl.u16(PERMANENT)),
                       (NDA.DST, rtnl.ip4("10.0.0.3"))], {"state": PERMANENT},
                      without(**{GROUP: ["10.0.0.2", "10.0.0.4"]})),
}


@pytest.mark.parametrize("name", MATCHERS)
def test_matcher(table, name):
    attrs, header, left = MATCHERS[name]
    table.fdb_flush(attrs, **header)
    assert table.fdb() == left


REFUSED = {
    "use": ([], {"flags": u.NTF_SELF | u.NTF_USE}, errno.EINVAL,
            "Unsupported fdb flush ndm flag bits set", None),
    "sticky": ([], {"flags": u.NTF_SELF | u.NTF_STICKY}, errno.EINVAL,
               "Unsupported fdb flush ndm flag bits set", None),
    "reachable": ([], {"state": DYNAMIC}, errno.EINVAL,
                  "Unsupported fdb flush ndm state bits set", None),
    "flag_before_state": ([], {"state": DYNAMIC, "flags": u.NTF_SELF | u.NTF_USE},
                          errno.EINVAL, "Unsupported fdb flush ndm flag bits set", None),
    "attribute_before_flag": ([(NDA.VLAN, rtnl.u16(1))],
                              {"flags": u.NTF_SELF | u.NTF_USE}, errno.EINVAL,
                              "Unsupported attribute", (NDA.VLAN,)),
    "lladdr": ([(NDA.LLADDR, rtnl.mac(A))], {}, errno.EINVAL,
               "Unsupported attribute", (NDA.LLADDR,)),
    "ifindex": ([(NDA.IFINDEX, rtnl.u32(1))], {}, errno.EINVAL,
                "Unsupported attribute", (NDA.IFINDEX,)),
    "short_dst": ([(NDA.DST, b"\1\2\3")], {}, errno.ERANGE,
                  "binary attribute size out of range", (NDA.DST,)),
    "long_dst": ([(NDA.DST, bytes(17))], {}, errno.ERANGE,
                 "binary attribute size out of range", (NDA.DST,)),
    "short_port": ([(NDA.PORT, b"\1")], {}, errno.EINVAL,
                   "invalid attribute length", (NDA.PORT,)),
    "long_vni": ([(NDA.VNI, bytes(8))], {}, errno.EINVAL,
                 "invalid attribute length", (NDA.VNI,)),
    "state_mask": ([(NDA.NDM_STATE_MASK, b"\1")], {}, errno.EINVAL,
                   "invalid attribute length", (NDA.NDM_STATE_MASK,)),
    "flags_mask": ([(NDA.NDM_FLAGS_MASK, bytes(2))], {}, errno.EINVAL,
                   "invalid attribute length", (NDA.NDM_FLAGS_MASK,)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(table, refused, name):
    attrs, header, code, text, place = REFUSED[name]
    with refused(code, text, place):
        table.fdb_flush(attrs, **header)
    assert table.fdb() == ALL


def test_told_in_order(table):
    """Newest entry first, a remote each, and nothing of what stays."""
    listener = table.listen(u.RTNLGRP_NEIGH)
    table.fdb_flush([(NDA.NDM_STATE_MASK, rtnl.u16(PERMANENT))], state=PERMANENT)
    told = [Entry(message) for message in listener.drain(
        lambda message: message.kind in (u.RTM_NEWNEIGH, u.RTM_DELNEIGH))]
    assert [entry.message.kind for entry in told] == [u.RTM_DELNEIGH] * 5
    assert [(entry.lladdr, entry.dst) for entry in told] == [
        (GROUP, "10.0.0.2"), (GROUP, "10.0.0.3"), (GROUP, "10.0.0.4"),
        (A, "10.0.0.2"), (ZERO_MAC, "10.0.0.9")]


def test_entry_of_many_remotes(table):
    """Those that match go, told in order; with the last goes the entry."""
    for number in range(1, 301):
        table.fdb_add(D.replace("02", "03", 1), f"10.2.{number >> 8}.{number & 255}",
                      how=APPEND, port=7000 + number % 2)
    many = D.replace("02", "03", 1)
    odd = [f"10.2.{n >> 8}.{n & 255}" for n in range(1, 301, 2)]
    even = [f"10.2.{n >> 8}.{n & 255}" for n in range(2, 301, 2)]
    listener = table.listen(u.RTNLGRP_NEIGH)

    def told():
        return [Entry(m).dst for m in listener.drain(lambda m: m.kind == u.RTM_DELNEIGH)]

    table.fdb_flush([(NDA.PORT, rtnl.be16(7001))])
    assert told() == odd
    assert table.fdb() == without(**{many: even})
    table.fdb_flush([(NDA.PORT, rtnl.be16(7000))])
    assert told() == even
    assert table.fdb() == ALL


def test_many_entries(table):
    """More than one message's worth, half of which stays."""
    for number in range(2000):
        table.fdb_add(f"02:00:00:02:{number >> 8:02x}:{number & 255:02x}", "10.0.0.5",
                      state=STATIC if number % 2 else PERMANENT)
    table.fdb_flush([(NDA.NDM_STATE_MASK, rtnl.u16(u.NUD_NOARP))], state=u.NUD_NOARP)
    left = table.fdb()
    assert len(left) == len(ALL) - 1 + 1000
    assert all(int(lladdr[-2:], 16) % 2 == 0 for lladdr in left
               if lladdr.startswith("02:00:00:02"))
    table.fdb_flush()
    assert table.fdb() == {}


def test_by_bridge(table):
    table.run("bridge", "fdb", "flush", "dev", "vx0", "dst", "10.0.0.2", "port", "4789",
              "vni", "10", "self")
    assert table.fdb() == without(A, **{GROUP: ["10.0.0.3", "10.0.0.4"]})
    table.run("bridge", "fdb", "flush", "dev", "vx0", "static", "extern_learn", "self")
    assert table.fdb() == without(A, B, **{GROUP: ["10.0.0.3", "10.0.0.4"]})
    table.run("bridge", "fdb", "flush", "dev", "vx0", "src_vni", "10", "self")
    assert table.fdb() == {}


def test_other_device_is_left_alone(table):
    table.vxlan("vx1", up=False, id=11, remote="10.0.0.8")
    table.fdb_flush()
    assert table.fdb() == {} and table.fdb("vx1") == {ZERO_MAC: ["10.0.0.8"]}


def test_flushed_entry_can_be_made_again(table):
    table.fdb_flush()
    table.fdb_add(A, "10.0.0.7")
    table.fdb_add(ZERO_MAC, "10.0.0.9")
    assert table.fdb() == {A: ["10.0.0.7"], ZERO_MAC: ["10.0.0.9"]}
