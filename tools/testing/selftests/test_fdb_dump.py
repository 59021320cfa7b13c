# SPDX-License-Identifier: GPL-2.0
"""Dumps of the forwarding table while it changes, and filtered ones."""

import struct

import pytest

from lib import rtnl
from lib import uapi as u
from lib.host import APPEND, STATIC, ZERO_MAC, Entry
from lib.uapi import IFLA, NDA


def mac(prefix, number):
    return f"02:00:00:{prefix:02x}:{number >> 8:02x}:{number & 255:02x}"


def dump_header(index=0):
    return struct.pack("=BxHiHBB", u.AF_BRIDGE, 0, index, 0, 0, 0)


class SlowDump:
    """A dump that is read one packet at a time."""

    def __init__(self, host, name="vx0"):
        self.nl = host.netlink(strict=True)
        self.nl.start(u.RTM_GETNEIGH, dump_header(host.index(name)),
                      flags=u.NLM_F_DUMP)

    def some(self):
        """The entries of the next packet, of which there are some."""
        messages, done = self.nl.packet()
        assert messages and not done
        return [Entry(m) for m in messages]

    def rest(self):
        """All others."""
        entries, done = [], False
        while not done:
            messages, done = self.nl.packet()
            entries += [Entry(m) for m in messages]
        return entries


@pytest.fixture
def table(host):
    host.vxlan(up=False)
    return host


def shown(entries):
    return [(entry.lladdr, entry.dst) for entry in entries]


@pytest.mark.ours_only(reason="stock goes by index: it skips and repeats")
def test_entries_come_and_go(table):
    """What is there throughout is shown once, whatever else comes and goes."""
    stay = [mac(1, n) for n in range(1500)]
    leave = [mac(2, n) for n in range(1500)]
    for one, two in zip(stay, leave):
        table.fdb_add(one, "10.0.0.2")
        table.fdb_add(two, "10.0.0.3", state=STATIC)
    dump = SlowDump(table)
    seen = dump.some()
    # Everything that moves an index: entries before and behind the place, gone and new.
    table.fdb_flush([(NDA.NDM_STATE_MASK, rtnl.u16(u.NUD_NOARP))], state=u.NUD_NOARP)
    for number in range(700):
        table.fdb_add(mac(3, number), "10.0.0.4")
    seen += dump.some()
    for number in range(700):
        table.fdb_del(mac(3, number))
    seen += dump.rest()
    lasting = [entry.lladdr for entry in seen if entry.lladdr in set(stay)]
    assert lasting == stay[::-1]


@pytest.mark.ours_only(reason="stock goes by index: it skips and repeats")
def test_remotes_come_and_go(table):
    """The same within an entry: also when the remote to go on with has gone."""
    remotes = [f"10.2.{n >> 8}.{n & 255}" for n in range(3000)]
    for dst in remotes:
        table.fdb_add(ZERO_MAC, dst, how=APPEND)
    dump = SlowDump(table)
    seen = dump.some()
    behind = len(seen)
    # The second packet is filled already; the third begins after it.
    gone = remotes[:behind // 2] + remotes[2 * behind - 20:2 * behind + 50]
    for dst in gone:
        table.fdb_del(ZERO_MAC, dst)
    for number in range(100):
        table.fdb_add(ZERO_MAC, f"10.3.0.{number}", how=APPEND)
    seen += dump.rest()
    stayed = [dst for dst in remotes if dst not in set(gone)]
    assert [e.dst for e in seen if e.dst in set(stayed)] == stayed


@pytest.mark.ours_only(reason="stock goes by index: it skips and repeats")
def test_entry_gone_while_among_its_remotes(table):
    """The dump goes on with the next entry, from its first remote."""
    table.fdb_add("03:00:00:00:00:01", "10.0.0.2", how=APPEND)
    table.fdb_add("03:00:00:00:00:01", "10.0.0.3", how=APPEND)
    for number in range(2000):
        table.fdb_add(ZERO_MAC, f"10.2.{number >> 8}.{number & 255}", how=APPEND)
    dump = SlowDump(table)
    dump.some()
    table.fdb_del(ZERO_MAC)
    rest = [entry for entry in dump.rest() if entry.lladdr != ZERO_MAC]
    assert shown(rest) == [("03:00:00:00:00:01", "10.0.0.2"),
                           ("03:00:00:00:00:01", "10.0.0.3")]


def test_several_devices_in_one_dump(table):
    """Each table whole, whichever packet boundary falls into which."""
    table.vxlan("vx1", up=False, id=11)
    table.vxlan("vx2", up=False, id=12)
    expected = {}
    for name, count in (("vx0", 700), ("vx1", 3), ("vx2", 900)):
        for number in range(count):
            table.fdb_add(mac(1, number), "10.0.0.2", name=name)
        expected[name] = [mac(1, n) for n in range(count)][::-1]
    entries = [Entry(m) for m in table.nl.request(
        u.RTM_GETNEIGH, struct.pack("=BxHiII", u.AF_BRIDGE, 0, 0, 0, 0), (),
        u.NLM_F_DUMP)]
    for name, macs in expected.items():
        index = table.index(name)
        assert [e.lladdr for e in entries if e.ifindex == index] == macs


def test_filtered_by_device(table):
    """A strict request with an ifindex shows that device alone."""
    table.vxlan("vx1", up=False, id=11)
    table.fdb_add(mac(1, 1), "10.0.0.2")
    table.fdb_add(mac(1, 2), "10.0.0.3", name="vx1")
    with table.netlink(strict=True) as nl:
        for name, lladdr in (("vx0", mac(1, 1)), ("vx1", mac(1, 2))):
            found = nl.request(u.RTM_GETNEIGH, dump_header(table.index(name)), (),
                               u.NLM_F_DUMP)
            assert [Entry(m).lladdr for m in found] == [lladdr]
            found = nl.request(u.RTM_GETNEIGH, dump_header(), [
                (NDA.IFINDEX, rtnl.u32(table.index(name)))], u.NLM_F_DUMP)
            assert [Entry(m).lladdr for m in found] == [lladdr]


def test_filtered_by_bridge(table):
    """A bridge's ports: their own tables, and the bridge's, page by page."""
    table.link_add("br0", "bridge")
    table.vxlan("vx1", up=False, id=11)
    table.link_set("vx0", attrs=[(IFLA.MASTER, rtnl.u32(table.index("br0")))])
    macs = [mac(1, number) for number in range(900)]
    for lladdr in macs:
        table.fdb_add(lladdr, "10.0.0.2")
    table.fdb_add(mac(2, 1), "10.0.0.3", name="vx1")
    with table.netlink(strict=True) as nl:
        found = [Entry(m) for m in nl.request(
            u.RTM_GETNEIGH, dump_header(),
            [(NDA.MASTER, rtnl.u32(table.index("br0")))], u.NLM_F_DUMP)]
    own = [e.lladdr for e in found if e.dst]
    assert own == macs[::-1]
    assert not [e for e in found if e.ifindex == table.index("vx1")]
    shown_by = table.json("bridge", "-j", "fdb", "show", "br", "br0", "brport", "vx0")
    assert [e["mac"] for e in shown_by if "dst" in e] == macs[::-1]


def test_abandoned_dump(table):
    """A reader that goes away in the middle leaves nothing behind."""
    for number in range(1000):
        table.fdb_add(mac(1, number), "10.0.0.2")
    for _ in range(20):
        dump = SlowDump(table)
        assert dump.some()
        dump.nl.close()
    assert len(table.fdb()) == 1000
