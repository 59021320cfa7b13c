# SPDX-License-Identifier: GPL-2.0
"""Changes of a device: what may change does, at once, and only that."""

import struct

import pytest

from lib import packets, rtnl
from lib import uapi as u
from lib.host import PERMANENT, STATIC, ZERO_MAC, Entry
from lib.packets import Frame
from lib.state import fdb, joined, lowers
from lib.uapi import IFLA, INFO, VX
from lib.wait import wait_for

STATION, BROADCAST = "02:00:00:00:aa:01", "ff:ff:ff:ff:ff:ff"
HERE6, THERE6 = "fd00::1", "fd00::2"
GROUP, GROUP2 = "239.1.1.1", "239.1.1.2"
WIDE6, WIDE6_2 = "ff05::100", "ff05::200"
FAR = "10.0.0.3"
RESERVED = bytes.fromhex("f7ffffff000000ff")
GPE = {"gpe": True, "external": 1, "learning": 0}
ON, OFF = rtnl.u8(1), rtnl.u8(0)
BY_DRIVER = (u.NUD_REACHABLE | PERMANENT, u.NTF_SELF)


def default(dst, via=None):
    """The all-zeros entry that the driver makes, as lib.state.fdb shows it."""
    return (ZERO_MAC, dst, None, None, via, *BY_DRIVER)


def prepare(host):
    """What `bench` has: u0 and u0peer with IPv6, u0peer with a smaller MTU."""
    for name, address in (("u0", HERE6), ("u0peer", "fd00:1::1")):
        host.ipv6(name)
        host.address(name, address, 64)
    host.link_set("u0peer", attrs=[(IFLA.MTU, rtnl.u32(1400))])


# The device before, the change, and what its attributes are then that they were not.
CHANGES = {
    "nothing": ({"ttl": 7}, {}, {}),
    "same-id": ({}, {"id": 10}, {}),
    "ttl": ({}, {"ttl": 9}, {VX.TTL: rtnl.u8(9)}),
    "ttl-back": ({"ttl": 9}, {"ttl": 0}, {VX.TTL: OFF}),
    "ttl-beside-inherit": ({"ttl_inherit": True}, {"ttl": 5}, {VX.TTL: rtnl.u8(5)}),
    "tos": ({"tos": 4}, {"tos": 1}, {VX.TOS: ON}),
    "df": ({}, {"df": 1}, {VX.DF: ON}),
    "df-back": ({"df": 2}, {"df": 0}, {VX.DF: OFF}),
    "learning-off": ({}, {"learning": 0}, {VX.LEARNING: OFF}),
    "learning-on": ({"learning": 0}, {"learning": 9}, {VX.LEARNING: ON}),
    "ageing": ({}, {"ageing": 5}, {VX.AGEING: rtnl.u32(5)}),
    "ageing-0-is-the-default": ({"ageing": 5}, {"ageing": 0}, {VX.AGEING: rtnl.u32(300)}),
    "localbypass-off": ({}, {"localbypass": 0}, {VX.LOCALBYPASS: OFF}),
    "localbypass-on": ({"localbypass": 0}, {"localbypass": 1}, {VX.LOCALBYPASS: ON}),
    "mcroute": ({}, {"mcroute": 1}, {}),
    "label": ({"local": HERE6}, {"label": 0xFFF12345},
              {VX.LABEL: bytes.fromhex("00012345")}),
    "label-policy": ({"local": HERE6}, {"label_policy": 1},
                     {VX.LABEL_POLICY: rtnl.u32(1)}),
    "label-policy-back": ({"local": HERE6, "label_policy": 1}, {"label_policy": 0},
                          {VX.LABEL_POLICY: OFF + bytes(3)}),
    "local": ({}, {"local": "10.0.0.9"}, {VX.LOCAL: rtnl.ip4("10.0.0.9")}),
    "local-away": ({"local": "10.0.0.1"}, {"local": "0.0.0.0"}, {VX.LOCAL: None}),
    "local6": ({"local": HERE6}, {"local": THERE6}, {VX.LOCAL6: rtnl.ip6(THERE6)}),
    "local6-away": ({"local": HERE6}, {"local6": "::"}, {VX.LOCAL6: None}),
    "local6-of-remote6": ({"remote": THERE6}, {"local": HERE6},
                          {VX.LOCAL6: rtnl.ip6(HERE6)}),
    "remote": ({}, {"remote": "10.0.0.2"}, {VX.GROUP: rtnl.ip4("10.0.0.2")}),
    "remote-away": ({"remote": "10.0.0.2"}, {"remote": "0.0.0.0"}, {VX.GROUP: None}),
    "remote6": ({"remote": THERE6}, {"remote": "fd00::3"},
                {VX.GROUP6: rtnl.ip6("fd00::3")}),
    "remote6-of-local6": ({"local": HERE6}, {"remote": THERE6},
                          {VX.GROUP6: rtnl.ip6(THERE6)}),
    "remote-to-group": ({"remote": "10.0.0.2", "dev": "u0"}, {"remote": GROUP},
                        {VX.GROUP: rtnl.ip4(GROUP)}),
    "remote6-to-group6": ({"remote": THERE6, "dev": "u0"}, {"remote": WIDE6},
                          {VX.GROUP6: rtnl.ip6(WIDE6)}),
    "external": ({"external": 1}, {"ttl": 3, "learning": 0},
                 {VX.TTL: rtnl.u8(3), VX.LEARNING: OFF}),
    # The reserved bits are worked out anew, as for a device without extensions.
    "gbp-stays": ({"gbp": True}, {"tos": 8},
                  {VX.TOS: rtnl.u8(8), VX.RESERVED_BITS: RESERVED}),
    "remcsum-stays": ({"remcsum_rx": 1, "nopartial": True}, {"tos": 8},
                      {VX.TOS: rtnl.u8(8), VX.RESERVED_BITS: RESERVED}),
    "gpe-stays": (GPE, {"tos": 8}, {VX.TOS: rtnl.u8(8), VX.RESERVED_BITS: RESERVED}),
    "reserved-bits-go-back": ({"reserved_bits": "00" * 8}, {},
                              {VX.RESERVED_BITS: RESERVED}),
    "many": ({"ttl": 1}, {"ttl": 2, "tos": 3, "df": 1, "learning": 0, "ageing": 9,
                          "local": "10.0.0.9", "remote": "10.0.0.8"},
             {VX.TTL: rtnl.u8(2), VX.TOS: rtnl.u8(3), VX.DF: ON, VX.LEARNING: OFF,
              VX.AGEING: rtnl.u32(9), VX.LOCAL: rtnl.ip4("10.0.0.9"),
              VX.GROUP: rtnl.ip4("10.0.0.8")}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_reported(bench, name):
    """The change is what the attributes show, and all that they show."""
    before, change, different = CHANGES[name]
    bench.vxlan(**before)
    want = {**bench.vxlan_info(), **different}
    bench.vxlan_change(**change)
    assert bench.vxlan_info() == {k: v for k, v in want.items() if v is not None}


def test_by_iproute2(bench):
    bench.vxlan(remote="10.0.0.2", dev="u0")
    bench.run("ip", "link", "set", "vx0", "type", "vxlan", "id", "10", "remote", FAR,
             "ttl", "7", "tos", "inherit", "nolearning", "ageing", "44", "df", "set",
             "nolocalbypass", "local", "10.0.0.1", "dev", "u0")
    shown = bench.json("ip", "-d", "-j", "link", "show", "vx0")[0]["linkinfo"]["info_data"]
    assert {key: shown[key] for key in (
        "remote", "ttl", "tos", "learning", "ageing", "df", "localbypass", "local",
        "link")} == {
            "remote": FAR, "ttl": 7, "tos": "0x1", "learning": False, "ageing": 44,
            "df": "set", "localbypass": False, "local": "10.0.0.1", "link": "u0"}


def test_other_attributes_beside(bench):
    """One message may change the kind's attributes and the link's own."""
    bench.vxlan(up=False)
    data = [(INFO.KIND, b"vxlan"), (INFO.DATA, bench.vxlan_options(ttl=9))]
    bench.link_set("vx0", attrs=[(IFLA.ADDRESS, rtnl.mac("02:01:02:03:04:05")),
                                (IFLA.TXQLEN, rtnl.u32(7)), (IFLA.LINKINFO, data)])
    assert bench.vxlan_info()[VX.TTL] == rtnl.u8(9)
    assert bench.mac("vx0") == "02:01:02:03:04:05"
    assert bench.link_get("vx0").get(IFLA.TXQLEN) == rtnl.u32(7)


# -- The data path ---------------------------------------------------------------

@pytest.fixture
def tunnel(pair):
    """A device to 10.0.0.2, and what it sends seen on the other side's link."""
    a, b = pair
    a.neighbour("u0", FAR, b.mac_u0)
    a.vxlan(remote=b.ip)
    inside, wire = a.tap("vx0"), b.tap("u0")

    def sent():
        inside.send(packets.inner(STATION, a.mac("vx0"), tos=0x50))
        return Frame(wire.one(packets.is_vxlan))

    return a, sent


def test_ttl_acts(tunnel):
    a, sent = tunnel
    assert sent().ttl == 64
    a.vxlan_change(ttl=9)
    assert sent().ttl == 9


def test_tos_acts(tunnel):
    a, sent = tunnel
    assert sent().tos == 0
    a.vxlan_change(tos=1)
    assert sent().tos == 0x50
    a.vxlan_change(tos=0x20)
    assert sent().tos == 0x20


def test_df_acts(tunnel):
    a, sent = tunnel
    assert sent().frag == 0
    a.vxlan_change(df=1)
    assert sent().frag == 0x4000
    a.vxlan_change(df=0)
    assert sent().frag == 0


def test_local_acts(tunnel):
    a, sent = tunnel
    assert sent().ip_src == "10.0.0.1"
    a.address("u0", "10.0.0.7", 24)
    a.vxlan_change(local="10.0.0.7")
    assert sent().ip_src == "10.0.0.7"


def test_remote_acts(tunnel):
    a, sent = tunnel
    assert sent().ip_dst == "10.0.0.2"
    a.vxlan_change(remote=FAR)
    assert sent().ip_dst == FAR


def test_learning_acts(pair):
    a, b = pair
    b.vxlan()
    wire, inside = a.tap("u0"), b.tap("vx0")

    def receive(source):
        frame = packets.inner(b.mac("vx0"), source)
        wire.send(packets.outer(a, packets.vxlan(10, frame)))
        assert inside.one() == frame

    b.vxlan_change(learning=0)
    receive("02:00:00:00:aa:02")
    assert b.fdb() == {}
    b.vxlan_change(learning=1)
    receive("02:00:00:00:aa:03")
    assert b.fdb() == {"02:00:00:00:aa:03": [a.ip]}


def test_ageing_acts(host):
    """A shorter ageing time is applied at once to what is there already."""
    host.vxlan()
    host.fdb_add(STATION, "10.0.0.2", state=u.NUD_REACHABLE)
    host.fdb_add("02:00:00:00:aa:02", "10.0.0.2", state=STATIC)
    wait_for(lambda: host.fdb_get(STATION).message.get(u.NDA.CACHEINFO)[8:12]
             > rtnl.u32(0), "age of the entry")
    host.vxlan_change(ageing=1)
    wait_for(lambda: host.fdb() == {"02:00:00:00:aa:02": ["10.0.0.2"]}, "ageing")


def test_localbypass_acts(host):
    """Without the bypass a frame for an own address goes through the stack."""
    host.vxlan(local=host.ip)
    host.vxlan("vx1", id=11, local=host.ip)
    host.fdb_add(STATION, host.ip, vni=11)
    inside, outside, loop = host.tap("vx0"), host.tap("vx1"), host.tap("lo")
    frame = packets.inner(STATION, host.mac("vx0"))
    inside.send(frame)
    assert outside.one() == frame
    assert loop.pending(packets.is_vxlan) == []
    host.vxlan_change(localbypass=0)
    inside.send(frame)
    assert outside.one() == frame
    loop.one(packets.is_vxlan)


@pytest.fixture
def tunnel6(pair):
    """The same over IPv6; `sent` gives the outer IPv6 header and what follows."""
    a, b = pair
    for host, own in ((a, HERE6), (b, THERE6)):
        host.ipv6("u0")
        host.address("u0", own, 64)
    for far in (THERE6, "fd00::3"):
        a.neighbour("u0", far, b.mac_u0)
    a.vxlan(remote=THERE6)
    inside, wire = a.tap("vx0"), b.tap("u0")

    def tunnelled(data):
        return data[12:14] == b"\x86\xdd" and data[20] == 17 and data[56:58] == b"\x12\xb5"

    def sent():
        inside.send(packets.inner(STATION, a.mac("vx0"), tos=0x50))
        return wire.one(tunnelled)[14:]

    return a, sent


def test_ipv6_acts(tunnel6):
    """Hop limit, traffic class, flow label, addresses: each in the next packet."""
    a, sent = tunnel6
    first = sent()
    assert (struct.unpack("!I", first[:4])[0], first[7]) == (0x60000000, 64)
    a.vxlan_change(ttl=9, tos=0x20, label=0x12345)
    assert struct.unpack("!I", sent()[:4])[0] == 0x62012345
    assert sent()[7] == 9
    a.address("u0", "fd00::7", 64)
    a.vxlan_change(local="fd00::7", remote="fd00::3")
    assert sent()[8:40] == rtnl.ip6("fd00::7") + rtnl.ip6("fd00::3")


# -- The default entry, and what listeners are told ----------------------------------

def told(messages):
    """Notifications in short: what, about which link or entry."""
    short = []
    for message in messages:
        if message.kind in (u.RTM_NEWNEIGH, u.RTM_DELNEIGH):
            entry = Entry(message)
            assert (entry.lladdr, entry.state, entry.flags) == (ZERO_MAC, *BY_DRIVER)
            word = "add" if message.kind == u.RTM_NEWNEIGH else "del"
            short.append((word, entry.dst, entry.via))
        else:
            assert message.kind == u.RTM_NEWLINK
            short.append(message.get(IFLA.IFNAME)[:-1].decode())
    return short


# Device, change; then notifications, default entry's destination and via, lower
# link, groups, MTU. `A` and `B` stand for the indices of u0 and u0peer.
MOVES = {
    "attribute": ({}, {"ttl": 9}, ["vx0"], None, None, set(), 1500),
    "first-remote": ({}, {"remote": FAR}, [("add", FAR, None), "vx0"], (FAR, None), None,
                     set(), 1500),
    "remote": ({"remote": "10.0.0.2"}, {"remote": FAR},
               [("add", FAR, None), ("del", "10.0.0.2", None), "vx0"], (FAR, None), None,
               set(), 1500),
    "same-remote": ({"remote": FAR}, {"remote": FAR}, ["vx0"], (FAR, None), None, set(),
                    1500),
    "no-remote": ({"remote": FAR}, {"remote": "0.0.0.0"}, [("del", FAR, None), "vx0"],
                  None, None, set(), 1500),
    "first-dev": ({}, {"dev": "u0"}, ["u0", "vx0"], None, "u0", set(), 1450),
    "dev": ({"dev": "u0"}, {"dev": "u0peer"}, ["u0peer", "u0", "vx0"], None, "u0peer",
            set(), 1350),
    "same-dev": ({"dev": "u0"}, {"dev": "u0"}, ["vx0"], None, "u0", set(), 1450),
    "dev-0-is-no-change": ({"dev": "u0"}, {"dev": 0}, ["vx0"], None, "u0", set(), 1450),
    "dev-0-of-none": ({}, {"dev": 0}, ["vx0"], None, None, set(), 1500),
    "bigger-dev-leaves-the-mtu": ({"dev": "u0peer"}, {"dev": "u0"},
                                  ["u0", "u0peer", "vx0"], None, "u0", set(), 1350),
    "remote-with-dev": ({"remote": "10.0.0.2", "dev": "u0"}, {"remote": FAR},
                        [("add", FAR, "A"), ("del", "10.0.0.2", "A"), "vx0"],
                        (FAR, "A"), "u0", set(), 1450),
    "dev-leaves-the-entry": ({"remote": FAR, "dev": "u0"}, {"dev": "u0peer"},
                             ["u0peer", "u0", "vx0"], (FAR, "A"), "u0peer", set(), 1350),
    "dev-and-remote": ({"remote": "10.0.0.2", "dev": "u0"},
                       {"remote": FAR, "dev": "u0peer"},
                       ["u0peer", ("add", FAR, "B"), ("del", "10.0.0.2", "A"), "u0",
                        "vx0"], (FAR, "B"), "u0peer", set(), 1350),
    "first-group": ({}, {"remote": GROUP, "dev": "u0"},
                    ["u0", ("add", GROUP, "A"), "vx0"], (GROUP, "A"), "u0",
                    {("u0", GROUP)}, 1450),
    "group": ({"remote": GROUP, "dev": "u0"}, {"remote": GROUP2},
              [("add", GROUP2, "A"), ("del", GROUP, "A"), "vx0"], (GROUP2, "A"), "u0",
              {("u0", GROUP2)}, 1450),
    "group-to-unicast": ({"remote": GROUP, "dev": "u0"}, {"remote": FAR},
                         [("add", FAR, "A"), ("del", GROUP, "A"), "vx0"], (FAR, "A"),
                         "u0", set(), 1450),
    "group-to-nothing": ({"remote": GROUP, "dev": "u0"}, {"remote": "0.0.0.0"},
                         [("del", GROUP, "A"), "vx0"], None, "u0", set(), 1450),
    "dev-of-group": ({"remote": GROUP, "dev": "u0"}, {"dev": "u0peer"},
                     ["u0peer", "u0", "vx0"], (GROUP, "A"), "u0peer",
                     {("u0peer", GROUP)}, 1350),
    "dev-and-group": ({"remote": GROUP, "dev": "u0"}, {"remote": GROUP2, "dev": "u0peer"},
                      ["u0peer", ("add", GROUP2, "B"), ("del", GROUP, "A"), "u0", "vx0"],
                      (GROUP2, "B"), "u0peer", {("u0peer", GROUP2)}, 1350),
    "remote6": ({"remote": THERE6}, {"remote": "fd00::3"},
                [("add", "fd00::3", None), ("del", THERE6, None), "vx0"],
                ("fd00::3", None), None, set(), 1500),
    "group6": ({"remote": WIDE6, "dev": "u0"}, {"remote": WIDE6_2},
               [("add", WIDE6_2, "A"), ("del", WIDE6, "A"), "vx0"], (WIDE6_2, "A"), "u0",
               {("u0", WIDE6_2)}, 1430),
    "dev-and-group6": ({"remote": WIDE6, "dev": "u0"},
                       {"remote": WIDE6_2, "dev": "u0peer"},
                       ["u0peer", ("add", WIDE6_2, "B"), ("del", WIDE6, "A"), "u0",
                        "vx0"], (WIDE6_2, "B"), "u0peer", {("u0peer", WIDE6_2)}, 1330),
    "group6-to-unicast": ({"remote": WIDE6, "dev": "u0"}, {"remote": THERE6},
                          [("add", THERE6, "A"), ("del", WIDE6, "A"), "vx0"],
                          (THERE6, "A"), "u0", set(), 1430),
}


@pytest.mark.parametrize("name", MOVES)
def test_moved(bench, name):
    """Entry, lower link, groups and MTU after a change, and who is told in which order.

    A device that is down is in no group, and that it changed is not told.
    """
    before, change, events, entry, lower, groups, mtu = MOVES[name]
    places = {bench.index("u0"): "A", bench.index("u0peer"): "B"}
    for up in (False, True):
        bench.vxlan(up=up, **before)
        listener = bench.listen(u.RTNLGRP_LINK, u.RTNLGRP_NEIGH)
        bench.vxlan_change(**change)
        seen = [event if isinstance(event, str) else (*event[:2], places.get(event[2]))
                for event in told(listener.drain(mine))]
        assert seen == (events if up else events[:-1])
        table = [(dst, places.get(via)) for _, dst, _, _, via, *_ in fdb(bench)]
        assert table == ([entry] if entry else [])
        assert lowers(bench) == ([lower] if lower else [])
        assert bench.link_get("vx0").get(IFLA.MTU) == rtnl.u32(mtu)
        assert joined(bench, "u0", "u0peer") == (groups if up else set())
        bench.link_set("vx0", up=True)
        assert joined(bench, "u0", "u0peer") == groups
        bench.link_del("vx0")
        assert joined(bench, "u0", "u0peer") == set()


def mine(message):
    """About links, or an entry of the bridge's family: neighbours are not the matter."""
    return message.kind in (u.RTM_NEWLINK, u.RTM_DELLINK) or message.header[0] == u.AF_BRIDGE


def test_notification_is_of_the_change(bench):
    """The last message has the attributes as they are now."""
    bench.vxlan()
    listener = bench.listen(u.RTNLGRP_LINK)
    bench.vxlan_change(ttl=77, remote=FAR)
    (message,) = listener.drain()
    assert message.get(IFLA.LINKINFO) == bench.link_get("vx0").get(IFLA.LINKINFO)
    assert dict(rtnl.decode(dict(rtnl.decode(message.get(IFLA.LINKINFO)))[INFO.DATA]))[
        VX.TTL] == rtnl.u8(77)


def test_other_remotes_of_the_default_entry_stay(bench):
    """Only the destination that the device had as its remote goes."""
    bench.vxlan(remote="10.0.0.2")
    for dst in ("10.0.0.8", "10.0.0.9"):
        bench.fdb_add(ZERO_MAC, dst, how=u.NLM_F_CREATE | u.NLM_F_APPEND)
    bench.vxlan_change(remote=FAR)
    assert bench.fdb() == {ZERO_MAC: ["10.0.0.8", "10.0.0.9", FAR]}
    bench.vxlan_change(remote="0.0.0.0")
    assert bench.fdb() == {ZERO_MAC: ["10.0.0.8", "10.0.0.9"]}


def test_target_is_in_the_table_already(bench):
    """A remote that the user added before becomes the default; the old one goes."""
    bench.vxlan(remote="10.0.0.2")
    bench.fdb_add(ZERO_MAC, FAR, how=u.NLM_F_CREATE | u.NLM_F_APPEND)
    listener = bench.listen(u.RTNLGRP_NEIGH)
    bench.vxlan_change(remote=FAR)
    assert bench.fdb() == {ZERO_MAC: [FAR]}
    # The user's append took NUD_REACHABLE from the entry; having it back is told first.
    assert [(m.kind, Entry(m).dst, Entry(m).state) for m in listener.drain()] == [
        (u.RTM_NEWNEIGH, "10.0.0.2", 0x82), (u.RTM_DELNEIGH, "10.0.0.2", 0x82)]


def test_default_entry_was_deleted(bench):
    """Nothing to take away, and the new one is made."""
    bench.vxlan(remote="10.0.0.2")
    bench.fdb_del(ZERO_MAC, "10.0.0.2")
    bench.vxlan_change(remote=FAR)
    assert bench.fdb() == {ZERO_MAC: [FAR]}


def test_default_entry_is_a_nexthop_group(host):
    """The group stays what the entry shows; the device shows its new remote."""
    host.run("ip", "nexthop", "add", "id", "1", "via", "10.0.0.2", "fdb")
    host.run("ip", "nexthop", "add", "id", "100", "group", "1", "fdb")
    host.vxlan()
    host.run("bridge", "fdb", "add", ZERO_MAC, "dev", "vx0", "nhid", "100", "self")
    host.vxlan_change(remote=FAR)
    (entry,) = host.fdb_dump()
    assert entry.message.get(u.NDA.NH_ID) == rtnl.u32(100) and entry.dst is None
    assert host.vxlan_info()[VX.GROUP] == rtnl.ip4(FAR)


def test_entries_of_stations_stay(bench):
    """What was learned or set for stations has nothing to do with the default."""
    bench.vxlan(remote="10.0.0.2", dev="u0")
    bench.fdb_add(STATION, "10.0.0.2")
    bench.fdb_add("02:00:00:00:aa:02", "10.0.0.2", state=u.NUD_REACHABLE)
    bench.vxlan_change(remote=FAR, learning=0, ttl=3)
    assert bench.fdb() == {STATION: ["10.0.0.2"], "02:00:00:00:aa:02": ["10.0.0.2"],
                          ZERO_MAC: [FAR]}


def test_groups_are_shared(bench):
    """Two devices of a port in one group: it is left when the last one leaves."""
    bench.vxlan("vx0", id=1, remote=GROUP, dev="u0")
    bench.vxlan("vx1", id=2, remote=GROUP, dev="u0")
    bench.vxlan_change("vx0", remote=GROUP2)
    assert joined(bench) == {("u0", GROUP), ("u0", GROUP2)}
    bench.vxlan_change("vx1", remote=GROUP2)
    assert joined(bench) == {("u0", GROUP2)}
    bench.vxlan_change("vx0", remote=FAR)
    assert joined(bench) == {("u0", GROUP2)}
    bench.link_set("vx1", up=False)
    assert joined(bench) == set()


def test_new_lower_link_is_the_one_that_counts(host):
    """After a change the old lower link may go; the new one takes the device along."""
    host.link_add("d0", "dummy")
    host.vxlan(dev="u0")
    host.vxlan_change(dev="d0")
    host.link_del("u0")
    assert sorted(host.links()) == ["d0", "vx0"]
    host.link_del("d0")
    assert host.links() == {}
