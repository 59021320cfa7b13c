# SPDX-License-Identifier: GPL-2.0
"""What does not go together: in one device, and in two that share a port."""

import errno

import pytest

from lib import rtnl
from lib.uapi import IFLA, VX, at

HERE6, THERE6 = "fd00::1", "fd00::2"
LOCAL6, NEAR6 = "fe80::1", "fe80::2"

GPE = {"gpe": True, "external": 1, "learning": 0}
GPE_TEXT = "VXLAN GPE does not support this combination of attributes"
SCOPES = "Invalid combination of local and remote address scopes"
NEEDS_DEV = "Local interface required for "
EXISTS = "A VXLAN device with the specified VNI already exists"


def overlap(used, wanted):
    return f"Used bits 0x{used} cannot overlap reserved bits 0x{wanted}"


# One fault each: options, errno, text, the attribute that stock names.
FAULTS = {
    "df": ({"df": 3}, errno.EINVAL, "Invalid DF attribute", at(VX.DF)),
    "df-255": ({"df": 255}, errno.EINVAL, "Invalid DF attribute", at(VX.DF)),
    "vnifilter-alone": ({"vnifilter": 1}, errno.EINVAL,
                        "vxlan vnifilter only valid in collect metadata mode",
                        at(VX.VNIFILTER)),
    "gpe-alone": ({"gpe": True, "learning": 0}, errno.EINVAL, GPE_TEXT, None),
    "gpe-not-external": ({"gpe": True, "learning": 0, "external": 0},
                         errno.EINVAL, GPE_TEXT, None),
    "gpe-learning": ({"gpe": True, "external": 1}, errno.EINVAL, GPE_TEXT, None),
    **{f"gpe-{option}": ({**GPE, option: 1}, errno.EINVAL, GPE_TEXT, None)
       for option in ("proxy", "rsc", "l2miss", "l3miss", "remcsum_tx", "remcsum_rx",
                      "nopartial", "gbp", "ttl_inherit")},
    "local6-multicast": ({"local": "ff02::1"}, errno.EINVAL,
                         "Local address cannot be multicast", None),
    "mixed-remote6": ({"local": "10.0.0.1", "remote": THERE6}, errno.EINVAL,
                      "Local and remote address must be from the same family", None),
    "mixed-local6": ({"local": HERE6, "remote": "10.0.0.2"}, errno.EINVAL,
                     "Local and remote address must be from the same family", None),
    "mixed-any": ({"local6": "::", "remote": "0.0.0.0"}, errno.EINVAL,
                  "Local and remote address must be from the same family", None),
    "local-near-remote-far": ({"local": LOCAL6, "remote": THERE6, "dev": "u0"},
                              errno.EINVAL, SCOPES, None),
    "local-near-group-wide": ({"local": LOCAL6, "remote": "ff05::1", "dev": "u0"},
                              errno.EINVAL, SCOPES, None),
    "local-far-remote-near": ({"local": HERE6, "remote": NEAR6, "dev": "u0"},
                              errno.EINVAL, SCOPES, None),
    "local-any-remote-near": ({"remote": NEAR6, "dev": "u0"},
                              errno.EINVAL, SCOPES, None),
    "label": ({"label": 1}, errno.EINVAL,
              "Label attribute only applies to IPv6 VXLAN devices", None),
    "label-ipv4": ({"label": 1, "remote": "10.0.0.2"}, errno.EINVAL,
                   "Label attribute only applies to IPv6 VXLAN devices", None),
    "label-external": ({"label": 1, "external": 1}, errno.EINVAL,
                       "Label attribute only applies to IPv6 VXLAN devices", None),
    "label-policy": ({"label_policy": 1}, errno.EINVAL,
                     "Label policy only applies to IPv6 VXLAN devices", None),
    "no-dev6": ({"local": HERE6, "dev": 9999}, errno.ENODEV,
                "Invalid local interface, device not found", None),
    "dev-negative": ({"dev": 0x80000001}, errno.ENODEV,
                     "Invalid local interface, device not found", None),
    "ipv6-is-off-there": ({"local": HERE6, "dev": "u0peer"}, errno.EPERM,
                          "IPv6 support disabled by administrator", None),
    "ipv6-is-off-there-external": (
        {"local": HERE6, "external": 1, "dev": "u0peer"}, errno.EPERM,
        "IPv6 support disabled by administrator", None),
    "group6-without-dev": ({"remote": "ff05::1"}, errno.EINVAL,
                           NEEDS_DEV + "multicast remote destination", None),
    "near-group-without-dev": ({"local": LOCAL6, "remote": "ff02::1"}, errno.EINVAL,
                               NEEDS_DEV + "multicast remote destination", None),
    "near-without-dev": ({"local": LOCAL6, "remote": NEAR6}, errno.EINVAL,
                         NEEDS_DEV + "link-local local/remote addresses", None),
    "near-local-without-dev": ({"local": LOCAL6}, errno.EINVAL,
                               NEEDS_DEV + "link-local local/remote addresses", None),
    "reserved-vni-flag": ({"reserved_bits": "0800000000000000"}, errno.EINVAL,
                          overlap("08000000ffffff00", "0800000000000000"),
                          at(VX.RESERVED_BITS)),
    "reserved-gbp": ({"gbp": True, "reserved_bits": "8000000000000000"}, errno.EINVAL,
                     overlap("88ffffffffffff00", "8000000000000000"),
                     at(VX.RESERVED_BITS)),
    "reserved-gbp-group": ({"gbp": True, "reserved_bits": "0000000100000000"},
                           errno.EINVAL,
                           overlap("88ffffffffffff00", "0000000100000000"),
                           at(VX.RESERVED_BITS)),
    "reserved-remcsum": ({"remcsum_rx": 1, "reserved_bits": "0020000000000000"},
                         errno.EINVAL,
                         overlap("08200000ffffffff", "0020000000000000"),
                         at(VX.RESERVED_BITS)),
    "reserved-remcsum-off": ({"remcsum_rx": 0, "reserved_bits": "0000000000000080"},
                             errno.EINVAL,
                             overlap("08200000ffffffff", "0000000000000080"),
                             at(VX.RESERVED_BITS)),
    "reserved-gpe": ({**GPE, "reserved_bits": "0400000000000000"}, errno.EINVAL,
                     overlap("3d0000ffffffff00", "0400000000000000"),
                     at(VX.RESERVED_BITS)),
}


def prepare(host):
    """What `bench` has: IPv6 on u0, none on u0peer."""
    host.ipv6("u0")
    host.address("u0", HERE6, 64)
    host.address("u0", LOCAL6, 64)


@pytest.fixture
def host6(host):
    """The same for a test that changes u0 or u0peer."""
    prepare(host)
    return host


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(bench, refused, fault):
    """Refused as stock refuses, and nothing is left of it."""
    options, *want = FAULTS[fault]
    before = bench.links()
    with refused(*want):
        bench.vxlan(**options)
    assert bench.links() == before
    assert (bench.udp_ports(), bench.udp6_ports()) == ([], [])
    bench.vxlan()


# Two faults at once: the first is the one that is told.
ORDER = [
    ("df", "reserved-vni-flag"), ("reserved-vni-flag", "vnifilter-alone"),
    ("vnifilter-alone", "gpe-alone"), ("gpe-alone", "mixed-local6"),
    ("gpe-proxy", "local6-multicast"), ("mixed-local6", "label-policy"),
    ("local6-multicast", "label-policy"), ("local6-multicast", "no-dev6"),
    ("local-near-remote-far", "label-policy"), ("label", "label-policy"),
    ("label", "no-dev6"), ("label-policy", "dev-negative"),
    ("ipv6-is-off-there", "group6-without-dev"),
    ("near-group-without-dev", "near-local-without-dev"),
]


@pytest.mark.parametrize("first, second", ORDER)
def test_order_of_checks(bench, refused, first, second):
    options = {**FAULTS[second][0], **FAULTS[first][0]}
    if first.startswith("label"):
        options.pop("local", None)
    with refused(*FAULTS[first][1:]):
        bench.vxlan(**options)


def test_ipv6_off_is_looked_at_on_the_link_only(host6):
    """A device without `dev` may be IPv6 whatever its namespace says of the others."""
    host6.ipv6("u0", on=False)
    host6.vxlan(up=False, local=HERE6, remote=THERE6)
    host6.vxlan("v4", up=False, dev="u0")


@pytest.mark.parametrize("local, remote", [
    (LOCAL6, None), (LOCAL6, NEAR6), (LOCAL6, "::"), (LOCAL6, "ff02::5"),
    (HERE6, "ff02::5"), ("::", "ff02::5"), ("::", "ff01::5"), (HERE6, None),
])
def test_scopes_that_go_together(bench, local, remote):
    bench.vxlan(dev="u0", local6=local, remote6=remote)
    info = bench.vxlan_info()
    shown = {VX.LOCAL6: local, VX.GROUP6: remote}
    for attribute, address in shown.items():
        want = None if address in (None, "::") else rtnl.ip6(address)
        assert info.get(attribute) == want
    assert bench.udp6_ports() == [4789]


# -- Two devices -------------------------------------------------------------------

RECEIVE = {
    "gbp": {"gbp": True}, "gpe": {**GPE, "id": 10}, "zero-csum6-rx": {"zero_csum6_rx": 1},
    "remcsum-rx": {"remcsum_rx": 1}, "nopartial": {"nopartial": True},
    "external": {"external": 1},
}


@pytest.mark.parametrize("kind", RECEIVE)
def test_receive_flags_part_devices(bench, refused, kind):
    """VNI and port may be had twice with different receive flags, but not at once."""
    bench.vxlan("plain")
    bench.vxlan("other", up=False, **RECEIVE[kind])
    with refused(errno.EADDRINUSE):
        bench.link_set("other", up=True)
    with refused(errno.EEXIST, EXISTS):
        bench.vxlan("third", **RECEIVE[kind])
    bench.link_set("plain", up=False)
    bench.link_set("other", up=True)
    assert bench.udp_ports() == [4789]


@pytest.mark.parametrize("options", [
    {"learning": 0}, {"proxy": 1}, {"rsc": 1}, {"l2miss": 1}, {"l3miss": 1},
    {"remcsum_tx": 1}, {"zero_csum6_tx": 1}, {"ttl_inherit": True}, {"localbypass": 0},
    {"mcroute": 1}, {"df": 1}, {"reserved_bits": "00" * 8}, {"limit": 4},
], ids=lambda options: "-".join(options))
def test_other_flags_do_not(bench, refused, options):
    bench.vxlan("plain")
    with refused(errno.EEXIST, EXISTS):
        bench.vxlan("other", **options)
    bench.vxlan("other", id=11, **options)
    assert bench.udp_ports() == [4789]


def test_family_parts_devices(bench, refused):
    bench.vxlan("v4", remote="10.0.0.2")
    bench.vxlan("v6", remote=THERE6)
    with refused(errno.EEXIST, EXISTS):
        bench.vxlan("again4")
    with refused(errno.EEXIST, EXISTS):
        bench.vxlan("again6", local6="::")


def test_link_local_devices_are_told_by_link(host6, refused):
    """One VNI and port for each link, as the addresses mean something there only."""
    host6.ipv6("u0peer")
    host6.address("u0peer", NEAR6, 64)
    host6.vxlan("one", dev="u0", local=LOCAL6)
    host6.vxlan("two", dev="u0peer", local=NEAR6)
    assert host6.udp6_ports() == [4789]
    with refused(errno.EEXIST, EXISTS):
        host6.vxlan("three", dev="u0", local=LOCAL6, remote=NEAR6)
    with refused(errno.EEXIST, EXISTS):     # For a wider scope, any link conflicts.
        host6.vxlan("wide", local=HERE6)


def test_link_local_beside_wide(bench, refused):
    """A device of wider scope and no link leaves VNI and port to those with a link."""
    bench.vxlan("wide", local=HERE6)
    bench.vxlan("near", dev="u0", local=LOCAL6)
    bench.vxlan("wide-here", id=11, dev="u0", local=HERE6)
    with refused(errno.EEXIST, EXISTS):
        bench.vxlan("near-too", id=11, dev="u0", local=LOCAL6)


def test_one_metadata_device_a_port(bench, refused):
    bench.vxlan("meta", external=1, id=None)
    with refused(errno.EEXIST, EXISTS):
        bench.vxlan("second", external=1, id=None)
    with refused(errno.EEXIST, EXISTS):
        bench.vxlan("second", external=1, id=0, dev="u0")
    bench.vxlan("second", external=1, id=None, port=5000)
    assert bench.udp_ports() == bench.udp6_ports() == [4789, 5000]


def test_metadata_devices_by_vni_and_family(bench):
    """What stock allows beyond that: another id, another family of address."""
    bench.vxlan("meta", external=1, id=0)
    bench.vxlan("other-id", external=1, id=5)
    bench.vxlan("other-family", external=1, id=0, local=HERE6)
    assert bench.udp_ports() == bench.udp6_ports() == [4789]


def test_a_port_for_gpe_and_one_for_the_rest(bench):
    bench.vxlan("plain", port=4789)
    bench.vxlan("generic", port=None, **GPE)
    assert bench.udp_ports() == [4789, 4790]


def test_refusal_after_the_others(bench, refused):
    """That VNI and port are taken is told last, and changes nothing."""
    bench.vxlan("holder", local=HERE6)
    for fault in ("label-external", "no-dev6", "group6-without-dev"):
        options, *want = FAULTS[fault]
        with refused(*want):
            bench.vxlan("second", **options)
    before = bench.links()
    with refused(errno.EEXIST, EXISTS):
        bench.vxlan("second", attrs=[(IFLA.MTU, rtnl.u32(1400))], local=HERE6, dev="u0")
    assert bench.links() == before
