# SPDX-License-Identifier: GPL-2.0
"""The forwarding table by netlink: what each operation does, refuses, and shows."""

import errno
import struct

import pytest

from lib import rtnl
from lib import uapi as u
from lib.host import APPEND, DYNAMIC, NEW, PERMANENT, REPLACE, STATIC, ZERO_MAC
from lib.rtnl import NetlinkError
from lib.uapi import NDA

A, B, C, D = (f"02:00:00:00:aa:0{n}" for n in (1, 2, 3, 4))
GROUP_MAC = "01:00:5e:01:02:03"
KEEP = u.NLM_F_CREATE          # make it, or touch what is there


@pytest.fixture
def table(host):
    """A host with vx0 down and an empty table."""
    host.vxlan(up=False)
    return host


# -- Adding -----------------------------------------------------------------

@pytest.mark.parametrize("state", [PERMANENT, STATIC, DYNAMIC,
                                   PERMANENT | DYNAMIC])
def test_add_keeps_state(table, state):
    table.fdb_add(A, "10.0.0.2", state=state)
    (entry,) = table.fdb_dump()
    assert (entry.lladdr, entry.dst, entry.state) == (A, "10.0.0.2", state)
    assert (entry.family, entry.flags, entry.type) == (u.AF_BRIDGE, u.NTF_SELF, 1)
    assert entry.kinds == [NDA.LLADDR, NDA.DST, NDA.CACHEINFO]


def test_add_twice(table, refused):
    table.fdb_add(A, "10.0.0.2")
    for dst in ("10.0.0.2", "10.0.0.3"):
        with refused(errno.EEXIST):
            table.fdb_add(A, dst)
    assert table.fdb() == {A: ["10.0.0.2"]}


@pytest.mark.parametrize("lladdr", [A, ZERO_MAC, GROUP_MAC])
@pytest.mark.parametrize("how", [0, u.NLM_F_REPLACE, u.NLM_F_APPEND, u.NLM_F_EXCL])
def test_absent_without_create(table, refused, lladdr, how):
    with refused(errno.ENOENT):
        table.fdb_add(lladdr, "10.0.0.2", how=how)
    assert table.fdb() == {}


def test_create_on_existing_changes_state_not_destination(table):
    """Neither REPLACE nor APPEND: the entry's state and flags follow, no remote does."""
    table.fdb_add(A, "10.0.0.2")
    table.fdb_add(A, "10.0.0.3", how=KEEP, state=DYNAMIC)
    (entry,) = table.fdb_dump()
    assert (entry.dst, entry.state) == ("10.0.0.2", DYNAMIC)
    table.fdb_add(A, "10.0.0.3", how=0, state=STATIC, ntf=u.NTF_SELF | u.NTF_ROUTER)
    (entry,) = table.fdb_dump()
    assert (entry.dst, entry.state) == ("10.0.0.2", STATIC)
    assert entry.flags == u.NTF_SELF | u.NTF_ROUTER


@pytest.mark.parametrize("lladdr", [ZERO_MAC, GROUP_MAC])
def test_several_remotes(table, lladdr):
    """Append gathers remotes in order; the same remote again adds nothing."""
    for dst in ("10.0.0.4", "10.0.0.2", "10.0.0.3", "10.0.0.2"):
        table.fdb_add(lladdr, dst, how=APPEND)
    assert table.fdb() == {lladdr: ["10.0.0.4", "10.0.0.2", "10.0.0.3"]}


def test_remotes_differ_by_port_vni_and_device(table):
    """A remote is address, port, VNI and device together."""
    via = table.index("u0")
    table.fdb_add(ZERO_MAC, "10.0.0.2", how=APPEND)
    table.fdb_add(ZERO_MAC, "10.0.0.2", how=APPEND, port=5000)
    table.fdb_add(ZERO_MAC, "10.0.0.2", how=APPEND, vni=77)
    table.fdb_add(ZERO_MAC, "10.0.0.2", how=APPEND, via=via)
    table.fdb_add(ZERO_MAC, "10.0.0.2", how=APPEND, port=4789, vni=10)
    seen = [(e.port, e.vni, e.via) for e in table.fdb_dump()]
    assert seen == [(None, None, None), (5000, None, None), (None, 77, None),
                    (None, None, via)]


def test_append_leaves_unicast_alone(table):
    """Stock takes an append to a unicast entry and does nothing."""
    table.fdb_add(A, "10.0.0.2")
    table.fdb_add(A, "10.0.0.3", how=APPEND)
    assert table.fdb() == {A: ["10.0.0.2"]}


def test_append_makes_unicast(table):
    table.fdb_add(A, "10.0.0.2", how=APPEND)
    assert table.fdb() == {A: ["10.0.0.2"]}


def test_replace(table):
    """Replace makes a unicast entry, or turns it to a new remote."""
    via = table.index("u0")
    table.fdb_add(A, "10.0.0.2", how=REPLACE)
    table.fdb_add(A, "10.0.0.3", how=REPLACE, port=5000, vni=77, via=via,
                  state=STATIC)
    (entry,) = table.fdb_dump()
    assert (entry.dst, entry.port, entry.vni, entry.via, entry.state) == \
        ("10.0.0.3", 5000, 77, via, STATIC)
    assert entry.kinds == [NDA.LLADDR, NDA.DST, NDA.PORT, NDA.VNI, NDA.IFINDEX,
                           NDA.CACHEINFO]
    table.fdb_add(A, "10.0.0.3", how=REPLACE)
    (entry,) = table.fdb_dump()
    assert (entry.port, entry.vni, entry.via) == (None, None, None)


@pytest.mark.parametrize("lladdr", [ZERO_MAC, GROUP_MAC])
def test_replace_needs_unicast(table, refused, lladdr):
    with refused(errno.EOPNOTSUPP):
        table.fdb_add(lladdr, "10.0.0.2", how=REPLACE)
    table.fdb_add(lladdr, "10.0.0.2", how=APPEND)
    with refused(errno.EOPNOTSUPP, "Cannot replace non-unicast fdb entries"):
        table.fdb_add(lladdr, "10.0.0.3", how=REPLACE)
    assert table.fdb() == {lladdr: ["10.0.0.2"]}


def test_limit_counts_entries(host, refused):
    """maxaddress bounds entries, whoever makes them; remotes are free."""
    host.vxlan(up=False, limit=3, remote="10.0.0.9")
    host.fdb_add(A, "10.0.0.2")
    host.fdb_add(B, "10.0.0.2")
    for how in (NEW, APPEND, REPLACE):
        with refused(errno.ENOSPC):
            host.fdb_add(C, "10.0.0.2", how=how)
    host.fdb_add(ZERO_MAC, "10.0.0.8", how=APPEND)
    host.fdb_del(A)
    host.fdb_add(C, "10.0.0.2")
    assert sorted(host.fdb()) == [ZERO_MAC, B, C]


# -- What is refused ----------------------------------------------------------

def _bad(table, attrs, state=PERMANENT):
    """An RTM_NEWNEIGH with attributes of the caller's making."""
    table.nl.request(u.RTM_NEWNEIGH, table._ndmsg("vx0", state),
                     [(NDA.LLADDR, rtnl.mac(A)), *attrs], u.NLM_F_ACK | NEW)


DST = (NDA.DST, rtnl.ip4("10.0.0.2"))


@pytest.mark.parametrize("attrs, code, text", [
    ([], errno.EINVAL, None),
    ([(NDA.DST, b"\1\2\3")], errno.EAFNOSUPPORT, "Unsupported address family"),
    ([(NDA.DST, b"")], errno.EAFNOSUPPORT, "Unsupported address family"),
    ([(NDA.DST, rtnl.ip6("fd00::1"))], errno.EAFNOSUPPORT, None),
    ([DST, (NDA.PORT, b"\1")], errno.EINVAL, "Invalid vxlan port"),
    ([DST, (NDA.PORT, bytes(4))], errno.EINVAL, "Invalid vxlan port"),
    ([DST, (NDA.VNI, bytes(2))], errno.EINVAL, "Invalid vni"),
    ([DST, (NDA.SRC_VNI, bytes(8))], errno.EINVAL, "Invalid src vni"),
    ([DST, (NDA.IFINDEX, bytes(1))], errno.EINVAL, "Invalid ifindex"),
    ([DST, (NDA.IFINDEX, rtnl.u32(9999))], errno.EADDRNOTAVAIL, "Device not found"),
    ([DST, (NDA.IFINDEX, rtnl.u32(9999)), (NDA.PORT, b"\1")], errno.EINVAL,
     "Invalid vxlan port"),
    ([DST, (NDA.NH_ID, rtnl.u32(5))], errno.EINVAL,
     "DST, VNI, ifindex and port are mutually exclusive with NH_ID"),
])
def test_bad_attributes(table, refused, attrs, code, text):
    with refused(code, text):
        _bad(table, attrs)
    assert table.fdb() == {}


@pytest.mark.parametrize("state", [0, u.NUD_NOARP, u.NUD_STALE, 0x10])
def test_bad_state(table, refused, state):
    """An entry is permanent or reachable, or it is not."""
    with refused(errno.EINVAL):
        table.fdb_add(A, "10.0.0.2", state=state)
    assert table.fdb() == {}


def test_short_destination_is_read_as_ipv4(table):
    """Four to fifteen bytes are an IPv4 address, as the kernel reads them."""
    _bad(table, [(NDA.DST, rtnl.ip4("10.0.0.7") + b"\xff" * 3)])
    assert table.fdb_dump()[0].message.get(NDA.DST) == rtnl.ip4("10.0.0.7")


# -- Deleting ---------------------------------------------------------------

def test_delete(table, refused):
    table.fdb_add(A, "10.0.0.2")
    table.fdb_add(B, "10.0.0.2")
    table.fdb_del(A)
    assert table.fdb() == {B: ["10.0.0.2"]}
    with refused(errno.ENOENT):
        table.fdb_del(A)
    table.fdb_del(B, "10.0.0.2")
    assert table.fdb() == {}


def test_delete_one_remote(table):
    """Naming a remote removes that one; the entry goes with its last."""
    for dst in ("10.0.0.2", "10.0.0.3", "10.0.0.4"):
        table.fdb_add(ZERO_MAC, dst, how=APPEND)
    table.fdb_del(ZERO_MAC, "10.0.0.3")
    assert table.fdb() == {ZERO_MAC: ["10.0.0.2", "10.0.0.4"]}
    table.fdb_del(ZERO_MAC, "10.0.0.2")
    table.fdb_del(ZERO_MAC, "10.0.0.4")
    assert table.fdb() == {}


def test_delete_whole_entry(table):
    for dst in ("10.0.0.2", "10.0.0.3"):
        table.fdb_add(ZERO_MAC, dst, how=APPEND)
    table.fdb_del(ZERO_MAC)
    assert table.fdb() == {}


def test_delete_unknown_remote_does_nothing(table):
    """Stock reports success when the entry is there and the remote is not."""
    table.fdb_add(A, "10.0.0.2")
    table.fdb_del(A, "10.0.0.3")
    table.fdb_del(A, "10.0.0.2", port=5000)
    table.fdb_del(A, "10.0.0.2", vni=11)
    table.fdb_del(A, "10.0.0.2", via=table.index("u0"))
    assert table.fdb() == {A: ["10.0.0.2"]}


def test_delete_by_all_parts(table):
    via = table.index("u0")
    table.fdb_add(A, "10.0.0.2", port=5000, vni=77, via=via)
    table.fdb_del(A, "10.0.0.2", port=5000, vni=77, via=via)
    assert table.fdb() == {}


# -- Reading ----------------------------------------------------------------

def test_get(table, refused):
    via = table.index("u0")
    table.fdb_add(A, "10.0.0.2", port=5000, vni=77, via=via, state=STATIC)
    entry = table.fdb_get(A)
    assert (entry.lladdr, entry.dst, entry.port, entry.vni, entry.via) == \
        (A, "10.0.0.2", 5000, 77, via)
    assert (entry.state, entry.flags) == (STATIC, u.NTF_SELF)
    assert entry.message.kind == u.RTM_NEWNEIGH
    with refused(errno.ENOENT, "Fdb entry not found"):
        table.fdb_get(B)


def test_get_shows_the_first_remote(table):
    for dst in ("10.0.0.4", "10.0.0.2"):
        table.fdb_add(ZERO_MAC, dst, how=APPEND)
    assert table.fdb_get(ZERO_MAC).dst == "10.0.0.4"


def test_get_by_bridge(table):
    table.run("bridge", "fdb", "add", A, "dev", "vx0", "dst", "10.0.0.2",
              "port", "5000", "vni", "77", "via", "u0")
    assert table.json("bridge", "-j", "fdb", "get", A, "dev", "vx0", "self") == [
        {"mac": A, "ifname": "vx0", "dst": "10.0.0.2", "port": 5000, "vni": 77,
         "viaIf": "u0", "flags": ["self"], "state": "permanent"}]


BATCH = f"""\
fdb add {A} dev vx0 dst 10.0.0.2
fdb add {B} dev vx0 dst 10.0.0.2 static
fdb add {C} dev vx0 dst 10.0.0.2 dynamic
fdb add {D} dev vx0 dst 10.0.0.2 port 5000 vni 77 via u0
fdb add 02:00:00:00:aa:05 dev vx0 dst 10.0.0.2 port 4789 vni 10 router extern_learn
fdb append {ZERO_MAC} dev vx0 dst 10.0.0.3
"""

# Newest entry first; an entry's remotes in the order they were given.
SHOWN = [
    {"mac": "02:00:00:00:aa:05", "dst": "10.0.0.2", "state": "permanent",
     "flags": ["self", "router", "extern_learn"]},
    {"mac": D, "dst": "10.0.0.2", "port": 5000, "vni": 77, "viaIf": "u0",
     "flags": ["self"], "state": "permanent"},
    {"mac": C, "dst": "10.0.0.2", "flags": ["self"], "state": ""},
    {"mac": B, "dst": "10.0.0.2", "flags": ["self"], "state": "static"},
    {"mac": A, "dst": "10.0.0.2", "flags": ["self"], "state": "permanent"},
    {"mac": ZERO_MAC, "dst": "10.0.0.9", "viaIf": "u0", "flags": ["self"],
     "state": "permanent"},
    {"mac": ZERO_MAC, "dst": "10.0.0.3", "flags": ["self"], "state": "permanent"},
]


def test_shown_by_bridge(host, tmp_path):
    """`bridge fdb show` of one entry of each sort, word for word."""
    host.vxlan(up=False, remote="10.0.0.9", dev="u0")
    batch = tmp_path / "batch"
    batch.write_text(BATCH, encoding="ascii")
    host.run("bridge", "-batch", str(batch))
    shown = host.json("bridge", "-d", "-j", "-s", "fdb", "show", "dev", "vx0")
    for entry in shown:
        assert 0 <= entry.pop("used") < 100 and 0 <= entry.pop("updated") < 100
    assert shown == SHOWN


def test_cache_info(table):
    """confirmed and refcnt are 0, used and updated are ages in clock ticks."""
    table.fdb_add(A, "10.0.0.2")
    raw = table.fdb_dump()[0].message.get(NDA.CACHEINFO)
    confirmed, used, updated, refcnt = struct.unpack("=IIII", raw)
    assert (confirmed, refcnt) == (0, 0)
    assert used < 10000 and updated < 10000


def test_default_entry(host):
    """`remote` makes the all-zeros entry, with the device when one was given."""
    host.vxlan("vx0", up=False, remote="10.0.0.9", dev="u0")
    host.vxlan("vx1", up=False, remote="10.0.0.8", id=11)
    (entry,) = host.fdb_dump("vx0")
    assert (entry.lladdr, entry.dst, entry.via) == (ZERO_MAC, "10.0.0.9",
                                                    host.index("u0"))
    assert entry.kinds == [NDA.LLADDR, NDA.DST, NDA.IFINDEX, NDA.CACHEINFO]
    assert (entry.state, entry.flags) == (0x82, u.NTF_SELF)
    (entry,) = host.fdb_dump("vx1")
    assert (entry.dst, entry.via) == ("10.0.0.8", None)


def test_default_entry_is_an_entry(host, refused):
    """It can be appended to, deleted, and made again."""
    host.vxlan(up=False, remote="10.0.0.9")
    with refused(errno.EEXIST):
        host.fdb_add(ZERO_MAC, "10.0.0.2")
    host.fdb_add(ZERO_MAC, "10.0.0.2", how=APPEND)
    host.fdb_del(ZERO_MAC, "10.0.0.9")
    assert host.fdb() == {ZERO_MAC: ["10.0.0.2"]}
    host.fdb_del(ZERO_MAC)
    host.fdb_add(ZERO_MAC, "10.0.0.3")
    assert host.fdb() == {ZERO_MAC: ["10.0.0.3"]}


def test_device_down_flushes_what_is_not_permanent(host):
    """A static entry is NOARP, so it stays; the default entry stays too."""
    host.vxlan(remote="10.0.0.9")
    for lladdr, state in ((A, PERMANENT), (B, STATIC), (C, DYNAMIC)):
        host.fdb_add(lladdr, "10.0.0.2", state=state)
    host.link_set("vx0", up=False)
    assert sorted(host.fdb()) == [ZERO_MAC, A, B]
    host.link_set("vx0", up=True)
    assert sorted(host.fdb()) == [ZERO_MAC, A, B]


def test_tables_are_separate(host):
    host.vxlan("vx0", up=False, id=1)
    host.vxlan("vx1", up=False, id=2)
    host.fdb_add(A, "10.0.0.2", name="vx0")
    host.fdb_add(A, "10.0.0.3", name="vx1")
    host.fdb_del(A, name="vx0")
    assert (host.fdb("vx0"), host.fdb("vx1")) == ({}, {A: ["10.0.0.3"]})


def test_large_dump(table):
    """2,000 entries over many messages: each once, newest first."""
    macs = [f"02:00:00:01:{n >> 8:02x}:{n & 255:02x}" for n in range(2000)]
    for number, lladdr in enumerate(macs):
        table.fdb_add(lladdr, f"10.1.{number >> 8}.{number & 255}")
    dump = table.fdb_dump()
    assert [e.lladdr for e in dump] == macs[::-1]
    assert [e.dst for e in dump] == [f"10.1.{n >> 8}.{n & 255}"
                                     for n in range(1999, -1, -1)]


def test_large_dump_of_one_entry(table):
    """A dump that stops among the remotes of an entry goes on where it stopped."""
    remotes = [f"10.2.{n >> 8}.{n & 255}" for n in range(1, 1001)]
    for dst in remotes:
        table.fdb_add(ZERO_MAC, dst, how=APPEND)
    assert [e.dst for e in table.fdb_dump()] == remotes


def test_name_of_the_entry_is_the_address(table):
    """Broadcast, group and local addresses are all good keys."""
    macs = ["ff:ff:ff:ff:ff:ff", GROUP_MAC, "33:33:00:00:00:01", A]
    for lladdr in macs:
        table.fdb_add(lladdr, "10.0.0.2")
    assert sorted(table.fdb()) == sorted(macs)


def test_failed_operations_leave_the_table(table):
    table.fdb_add(A, "10.0.0.2")
    for lladdr, how in ((A, NEW), (B, 0), (ZERO_MAC, REPLACE)):
        with pytest.raises(NetlinkError):
            table.fdb_add(lladdr, "10.0.0.3", how=how)
    assert table.fdb() == {A: ["10.0.0.2"]}
