# SPDX-License-Identifier: GPL-2.0
"""Changes that are refused or fail: why, in which order, and that nothing changed."""

import errno

import pytest

from lib import rtnl
from lib import uapi as u
from lib.host import PERMANENT, ZERO_MAC
from lib.rtnl import NetlinkError
from lib.state import joined, state
from lib.uapi import IFLA, INFO, VX, at

HERE6, THERE6, LOCAL6, NEAR6 = "fd00::1", "fd00::2", "fe80::1", "fe80::2"
GROUP, GROUP2, FAR = "239.1.1.1", "239.1.1.2", "10.0.0.3"
STATION = "02:00:00:00:aa:01"
GPE = {"gpe": True, "external": 1, "learning": 0}
SCOPES = "Invalid combination of local and remote address scopes"
EXISTS = "A VXLAN device with the specified VNI already exists"
NOT_SUPPORTED, INVALID = errno.EOPNOTSUPP, errno.EINVAL


def flag(name):
    return f"vxlan: cannot change {name} flag"


# What may not change, in the order in which stock looks: option, value, text.
FIXED = [
    ("id", 11, "Cannot change VNI"),
    ("remote6", THERE6, "New group address family does not match old group"),
    ("local6", HERE6, "New local address family does not match old"),
    ("ttl_inherit", True, flag("TTL_INHERIT")),
    ("proxy", 1, flag("PROXY")),
    ("rsc", 1, flag("RSC")),
    ("l2miss", 1, flag("L2MISS")),
    ("l3miss", 1, flag("L3MISS")),
    ("limit", 5, "Cannot change limit"),
    ("external", 1, flag("COLLECT_METADATA")),
    ("srcport", (1, 2), "Cannot change port range"),
    ("port", 5000, "Cannot change port"),
    ("udp_csum", 0, "Cannot change UDP_CSUM flag"),
    ("zero_csum6_tx", 1, flag("UDP_ZERO_CSUM6_TX")),
    ("zero_csum6_rx", 1, flag("UDP_ZERO_CSUM6_RX")),
    ("remcsum_tx", 1, flag("REMCSUM_TX")),
    ("remcsum_rx", 1, flag("REMCSUM_RX")),
    ("gbp", True, flag("GBP")),
    ("gpe", True, flag("GPE")),
    ("reserved_bits", "00" * 8, "Cannot change reserved_bits"),
    ("nopartial", True, flag("REMCSUM_NOPARTIAL")),
    ("vnifilter", 1, "vxlan: cannot change flag"),
]
NUMBER = {
    "id": VX.ID, "remote6": VX.GROUP6, "local6": VX.LOCAL6, "limit": VX.LIMIT,
    "ttl_inherit": VX.TTL_INHERIT, "proxy": VX.PROXY, "rsc": VX.RSC, "l2miss": VX.L2MISS,
    "l3miss": VX.L3MISS, "external": VX.COLLECT_METADATA, "srcport": VX.PORT_RANGE,
    "port": VX.PORT, "udp_csum": VX.UDP_CSUM, "zero_csum6_tx": VX.UDP_ZERO_CSUM6_TX,
    "zero_csum6_rx": VX.UDP_ZERO_CSUM6_RX, "remcsum_tx": VX.REMCSUM_TX,
    "remcsum_rx": VX.REMCSUM_RX, "gbp": VX.GBP, "gpe": VX.GPE,
    "reserved_bits": VX.RESERVED_BITS, "nopartial": VX.REMCSUM_NOPARTIAL,
    "vnifilter": VX.VNIFILTER,
}
# Stock looks for the attribute to name in another space, where most are not there.
STOCK_NAMES = {"reserved_bits": at(VX.RESERVED_BITS), "udp_csum": (IFLA.LINKINFO,)}


def prepare(host):
    """What `bench` has: u0 and u0peer with IPv6."""
    for name, address in (("u0", HERE6), ("u0peer", "fd00:1::1")):
        host.ipv6(name)
        host.address(name, address, 64)
    host.address("u0", LOCAL6, 64)


@pytest.fixture
def host6(host):
    """The same for a test that changes u0 or u0peer."""
    prepare(host)
    return host


@pytest.fixture
def unchanged(refused, driver):
    """Context manager: the change in the block is refused and leaves no trace.

    `told` are links about which stock tells listeners, as it did and undid something.
    """
    def check(host, code, text=None, attr=None, told=()):
        before = state(host)
        listener = host.listen(u.RTNLGRP_LINK, u.RTNLGRP_NEIGH)

        class Check:
            def __enter__(self):
                self.refusal = refused(code, text, attr)
                return self.refusal.__enter__()

            def __exit__(self, *exception):
                caught = self.refusal.__exit__(*exception)
                assert state(host) == before
                seen = tuple(m.get(IFLA.IFNAME)[:-1].decode() for m in listener.drain())
                assert seen == told or (driver == "ours" and not seen)
                return caught

        return Check()
    return check


@pytest.fixture
def named(driver):
    """The attribute that the ack of a refused option names."""
    def look_up(option):
        return STOCK_NAMES.get(option) if driver == "stock" else at(NUMBER[option])
    return look_up


def test_fixed_attributes(bench, unchanged, named):
    """Each is refused even where it asks for what is so already."""
    bench.vxlan(remote="10.0.0.2", dev="u0", limit=5)
    bench.fdb_add(STATION, "10.0.0.2")
    for option, value, text in FIXED:
        with unchanged(bench, NOT_SUPPORTED, text, named(option)):
            bench.vxlan_change(**{option: value})
        if isinstance(value, int) and option not in ("id", "limit", "port"):
            with unchanged(bench, NOT_SUPPORTED, text, named(option)):
                bench.vxlan_change(**{option: 1 - value})
    with unchanged(bench, NOT_SUPPORTED, "Cannot change port"):
        bench.vxlan_change(port=4789)


def test_fixed_attributes_with_a_legal_change(bench, unchanged, named):
    """One that may change does not, when another beside it may not."""
    bench.vxlan(remote=GROUP, dev="u0")
    for option, value, text in FIXED:
        with unchanged(bench, NOT_SUPPORTED, text, named(option)):
            bench.vxlan_change(ttl=9, tos=4, **{option: value}, learning=0)


def test_order_of_fixed_attributes(bench, unchanged, named):
    """Of two that may not change the first in stock's order is told, however sent."""
    bench.vxlan()
    for (first, one, text), (second, two, _) in zip(FIXED, FIXED[1:]):
        with unchanged(bench, NOT_SUPPORTED, text, named(first)):
            bench.vxlan_change(**{second: two, first: one})


def test_mtu_with_data(bench, unchanged):
    """An MTU beside attributes of the kind is refused, after theirs; alone it is not."""
    bench.vxlan()
    data = [(INFO.KIND, b"vxlan"), (INFO.DATA, bench.vxlan_options(ttl=9))]
    mtu = (IFLA.MTU, rtnl.u32(1400))
    with unchanged(bench, NOT_SUPPORTED, "Cannot change mtu", (IFLA.MTU,)):
        bench.link_set("vx0", attrs=[mtu, (IFLA.LINKINFO, data)])
    with unchanged(bench, NOT_SUPPORTED, flag("REMCSUM_NOPARTIAL")):
        bench.vxlan_change(attrs=[mtu], nopartial=True)
    with unchanged(bench, NOT_SUPPORTED, "Cannot change mtu", (IFLA.MTU,)):
        bench.vxlan_change(attrs=[mtu], vnifilter=1)
    bench.link_set("vx0", attrs=[mtu])


@pytest.mark.ours_only(reason="every refusal names its attribute, of its own space")
def test_refusal_names_the_attribute(bench):
    bench.vxlan()
    for option, value, _ in FIXED:
        with pytest.raises(NetlinkError) as caught:
            bench.vxlan_change(attrs=[(IFLA.ADDRESS, rtnl.mac("02:00:00:00:00:99"))],
                              **{option: value})
        assert caught.value.path == at(NUMBER[option])
    assert bench.mac("vx0") != "02:00:00:00:00:99"


# Device, change, errno, text, attribute named by stock.
FAULTS = {
    "group-family": ({"remote": THERE6}, {"remote": "10.0.0.2"}, NOT_SUPPORTED,
                     "New group address family does not match old group", None),
    "local-family": ({"local": HERE6}, {"local": "10.0.0.1"}, NOT_SUPPORTED,
                     "New local address family does not match old", None),
    "group-family-before-local": (
        {"remote": THERE6}, {"local": "10.0.0.1", "remote": "10.0.0.2"}, NOT_SUPPORTED,
        "New group address family does not match old group", None),
    "range": ({}, {"srcport": (2, 1)}, INVALID, "Invalid source port range",
              at(VX.PORT_RANGE)),
    "df": ({}, {"df": 3}, INVALID, "Invalid DF attribute", at(VX.DF)),
    "vni-too-big": ({}, {"id": 1 << 24}, errno.ERANGE,
                    "VXLAN ID must be lower than 16777216", at(VX.ID)),
    "local-multicast": ({}, {"local": GROUP}, INVALID,
                        "Local address cannot be multicast", None),
    "local6-multicast": ({"local": HERE6}, {"local": "ff05::1"}, INVALID,
                         "Local address cannot be multicast", None),
    "group-without-dev": ({"remote": "10.0.0.2"}, {"remote": GROUP}, INVALID,
                          "Local interface required for multicast remote destination",
                          None),
    "dev-0-of-group": ({"remote": GROUP, "dev": "u0"}, {"dev": 0}, INVALID,
                       "Local interface required for multicast remote destination", None),
    "group6-without-dev": ({"remote": THERE6}, {"remote": "ff05::1"}, INVALID,
                           "Local interface required for multicast remote destination",
                           None),
    "no-dev": ({"dev": "u0"}, {"dev": 9999, "remote": FAR}, errno.ENODEV,
               "Invalid local interface, device not found", None),
    "label": ({}, {"label": 1}, INVALID,
              "Label attribute only applies to IPv6 VXLAN devices", None),
    "label-policy": ({}, {"label_policy": 1}, INVALID,
                     "Label policy only applies to IPv6 VXLAN devices", None),
    "scope": ({"local": HERE6, "dev": "u0"}, {"remote": NEAR6}, INVALID, SCOPES, None),
    "scope-of-local": ({"local": LOCAL6, "dev": "u0"}, {"remote": THERE6}, INVALID, SCOPES,
                       None),
    "near-without-dev": ({"local": HERE6}, {"local": LOCAL6}, INVALID,
                         "Local interface required for link-local local/remote addresses",
                         None),
    "gpe-learning": (GPE, {"learning": 1}, INVALID,
                     "VXLAN GPE does not support this combination of attributes", None),
    "on-itself": ({"remote": "10.0.0.2", "dev": "u0"}, {"dev": "vx0", "remote": FAR},
                  errno.EBUSY, None, None),
    "on-itself-first": ({}, {"dev": "vx0"}, errno.EBUSY, None, None),
    "on-itself-group": ({"remote": GROUP, "dev": "u0"}, {"dev": "vx0"}, errno.EBUSY, None,
                        None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(bench, unchanged, fault):
    before, change, code, text, attr = FAULTS[fault]
    bench.vxlan(**before)
    with unchanged(bench, code, text, attr):
        bench.vxlan_change(ttl=9, **change)
    bench.vxlan_change(tos=4)


def test_ipv6_is_off_on_the_new_link(host6, unchanged):
    host6.link_add("d0", "dummy")
    host6.vxlan(dev="u0", local=HERE6)
    with unchanged(host6, errno.EPERM, "IPv6 support disabled by administrator"):
        host6.vxlan_change(dev="d0")


def test_ipv6_went_off_on_the_link(host6, unchanged):
    """The lower link is judged again with each change."""
    host6.vxlan(dev="u0", local=HERE6)
    host6.ipv6("u0", on=False)
    with unchanged(host6, errno.EPERM, "IPv6 support disabled by administrator"):
        host6.vxlan_change(ttl=9)


def test_loop_of_links(bench, unchanged):
    """Not onto a link that stands on the device, at any distance, nor through another."""
    bench.vxlan(remote="10.0.0.2", dev="u0")
    bench.link_add("mac0", "macvlan", None,
                  [(IFLA.LINK, rtnl.u32(bench.index("vx0")))])
    bench.vxlan("over", id=11, dev="mac0")
    for name in ("mac0", "over"):
        with unchanged(bench, errno.EBUSY):
            bench.vxlan_change(dev=name, remote=FAR, ttl=5)
    bench.link_del("over")


def test_too_deep(bench, unchanged):
    """The core allows eight links on each other; a change must not make nine."""
    lower = "u0"
    for level in range(7):
        bench.vxlan(f"v{level}", id=100 + level, dev=lower)
        lower = f"v{level}"
    bench.vxlan(remote="10.0.0.2", dev="u0")
    with unchanged(bench, errno.EMLINK):
        bench.vxlan_change(dev=lower, remote=FAR)
    for level in reversed(range(7)):
        bench.link_del(f"v{level}")


def test_bridge_port_on_its_bridge(bench, unchanged):
    """The upper link may be another kind, which has its own word in it."""
    bench.link_add("br0", "bridge")
    bench.vxlan(remote=GROUP, dev="u0")
    bench.link_set("vx0", attrs=[(IFLA.MASTER, rtnl.u32(bench.index("br0")))])
    with unchanged(bench, errno.EBUSY):
        bench.vxlan_change(dev="br0", remote=GROUP2)


def test_vni_is_taken_on_the_new_link(host6, unchanged):
    """Link-local devices of one VNI and port: two may not meet on one link."""
    host6.address("u0peer", NEAR6, 64)
    host6.vxlan("vx0", dev="u0", local=LOCAL6)
    host6.vxlan("vx1", dev="u0peer", local=NEAR6)
    with unchanged(host6, errno.EEXIST, EXISTS):
        host6.vxlan_change(dev="u0peer")
    with unchanged(host6, errno.EEXIST, EXISTS):
        host6.vxlan_change(dev="u0peer", remote=NEAR6)


def test_table_is_full(bench, unchanged):
    """The default entry counts; where it does not fit nothing else changes either."""
    bench.vxlan(limit=1, dev="u0")
    bench.fdb_add(STATION, "10.0.0.2")
    with unchanged(bench, errno.ENOSPC):
        bench.vxlan_change(remote=FAR, ttl=9)
    with unchanged(bench, errno.ENOSPC, told=("u0peer", "u0peer")):
        bench.vxlan_change(remote=GROUP, dev="u0peer")
    bench.fdb_del(STATION)
    bench.vxlan_change(remote=GROUP, dev="u0peer")
    assert bench.fdb() == {ZERO_MAC: [GROUP]}


def test_full_table_has_a_default(bench):
    """A remote more in an entry that is there is no entry more."""
    bench.vxlan(limit=1, remote="10.0.0.2")
    bench.vxlan_change(remote=FAR)
    assert bench.fdb() == {ZERO_MAC: [FAR]}


# -- Where stock leaves things half done ------------------------------------------------

@pytest.fixture
def blind(host):
    """A device in a group, and a link d0 that is too small for IPv4: no group there."""
    host.link_add("d0", "dummy")
    host.link_set("d0", attrs=[(IFLA.MTU, rtnl.u32(60))])
    host.vxlan(remote=GROUP, dev="u0")
    return host


BLIND = {"dev": {"dev": "d0"}, "both": {"dev": "d0", "remote": GROUP2, "ttl": 9}}


@pytest.mark.parametrize("change", BLIND)
def test_group_cannot_be_joined(blind, refused, change):
    with refused(errno.ENODEV):
        blind.vxlan_change(**BLIND[change])


@pytest.mark.ours_only(reason="a failed change leaves the device as it was")
@pytest.mark.parametrize("change", BLIND)
def test_group_cannot_be_joined_and_nothing_changed(blind, change):
    before = state(blind)
    with pytest.raises(NetlinkError):
        blind.vxlan_change(**BLIND[change])
    assert state(blind) == before
    assert joined(blind) == {("u0", GROUP)}


def test_change_without_data(bench, refused):
    """The kind alone asks for nothing, and is refused by stock's check of it."""
    bench.vxlan()
    with refused(INVALID, "Required attributes not provided to perform the operation"):
        bench.link_set("vx0", attrs=[(IFLA.LINKINFO, [(INFO.KIND, b"vxlan")])])


def test_another_kind(bench, refused):
    bench.vxlan()
    with refused(NOT_SUPPORTED):
        bench.link_set("vx0", attrs=[(IFLA.LINKINFO, [
            (INFO.KIND, b"bridge"), (INFO.DATA, [(1, rtnl.u32(1))])])])


def test_entry_flags_survive_a_refusal(bench, unchanged):
    """A user's default entry, with flags of his, is not touched by what fails later."""
    bench.vxlan(remote="10.0.0.2", dev="u0")
    bench.fdb_add(ZERO_MAC, "10.0.0.8", how=u.NLM_F_CREATE | u.NLM_F_APPEND,
                 state=PERMANENT, ntf=u.NTF_SELF | u.NTF_ROUTER)
    with unchanged(bench, errno.EBUSY):
        bench.vxlan_change(remote=FAR, dev="vx0")


@pytest.mark.ours_only(reason="a failed change leaves the device as it was")
def test_group_beyond_the_limit_and_the_old_one_stays(host):
    """At the limit of memberships the old group is not left for one that cannot be joined."""
    host.vxlan(remote=GROUP, dev="u0")
    before = state(host)
    host.sysctl("net/ipv4/igmp_max_memberships", 0)
    with pytest.raises(NetlinkError) as caught:
        host.vxlan_change(remote=GROUP2)
    assert caught.value.errno == errno.ENOBUFS
    assert state(host) == before
    assert joined(host) == {("u0", GROUP)}
