# SPDX-License-Identifier: GPL-2.0
"""Links that must not come about: the errno, the text, and the attribute named.

`refused` (conftest.py) compares all three with what stock says. After each
refusal nothing is left: no link, no port, and the name is free.
"""

import errno
import socket

import pytest

from lib import rtnl
from lib.rtnl import NetlinkError
from lib.uapi import IFLA, INFO, VX, at

POLICY = "Attribute failed policy validation"
LENGTH = "invalid attribute length"


# Requests with one fault: options, link attributes, then errno, text, place.
FAULTS = {
    "vni-2^24": ({"id": 1 << 24}, [], errno.ERANGE,
                 "VXLAN ID must be lower than 16777216", at(VX.ID)),
    "vni-max": ({"id": 0xFFFFFFFF}, [], errno.ERANGE,
                "VXLAN ID must be lower than 16777216", at(VX.ID)),
    "range": ({"srcport": (2, 1)}, [], errno.EINVAL,
              "Invalid source port range", at(VX.PORT_RANGE)),
    "range-swapped-bytes": ({"srcport": (0x0200, 0x01FF)}, [], errno.EINVAL,
                            "Invalid source port range", at(VX.PORT_RANGE)),
    "no-such-dev": ({"dev": 9999}, [], errno.ENODEV,
                    "Invalid local interface, device not found", None),
    "group-without-dev": ({"remote": "239.1.1.1"}, [], errno.EINVAL,
                          "Local interface required for multicast remote destination",
                          None),
    "local-multicast": ({"local": "239.1.1.1"}, [], errno.EINVAL,
                        "Local address cannot be multicast", None),
    "mac-short": ({}, [(IFLA.ADDRESS, b"\2" * 5)], errno.EINVAL,
                  "Provided link layer address is not Ethernet", (IFLA.ADDRESS,)),
    "mac-long": ({}, [(IFLA.ADDRESS, b"\2" * 8)], errno.EINVAL,
                 "Provided link layer address is not Ethernet", (IFLA.ADDRESS,)),
    "mac-empty": ({}, [(IFLA.ADDRESS, b"")], errno.EINVAL,
                  "Provided link layer address is not Ethernet", (IFLA.ADDRESS,)),
    "mac-zero": ({}, [(IFLA.ADDRESS, bytes(6))], errno.EADDRNOTAVAIL,
                 "Provided Ethernet address is not unicast", (IFLA.ADDRESS,)),
    "mac-group": ({}, [(IFLA.ADDRESS, b"\1" + bytes(5))], errno.EADDRNOTAVAIL,
                  "Provided Ethernet address is not unicast", (IFLA.ADDRESS,)),
    "mac-broadcast": ({}, [(IFLA.ADDRESS, b"\xff" * 6)], errno.EADDRNOTAVAIL,
                      "Provided Ethernet address is not unicast", (IFLA.ADDRESS,)),
    "mtu-0": ({}, [(IFLA.MTU, rtnl.u32(0))], errno.EINVAL,
              "MTU must be between 68 and 65535", (IFLA.MTU,)),
    "mtu-67": ({}, [(IFLA.MTU, rtnl.u32(67))], errno.EINVAL,
               "MTU must be between 68 and 65535", (IFLA.MTU,)),
    "mtu-65536": ({}, [(IFLA.MTU, rtnl.u32(65536))], errno.EINVAL,
                  "MTU must be between 68 and 65535", (IFLA.MTU,)),
    "mtu-2^31": ({}, [(IFLA.MTU, rtnl.u32(1 << 31))], errno.EINVAL,
                 "MTU must be between 68 and 65535", (IFLA.MTU,)),
}


@pytest.fixture
def untouched(host):
    """A host that must look after the test as it did before."""
    before = host.links()
    yield host
    assert host.links() == before and host.udp_ports() == []
    host.vxlan()


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(untouched, refused, fault):
    options, attrs, code, message, place = FAULTS[fault]
    with refused(code, message, place):
        untouched.vxlan(attrs=attrs, **options)


def test_no_data(untouched, refused):
    with refused(errno.EINVAL,
                 "Required attributes not provided to perform the operation"):
        untouched.link_add("vx0", "vxlan")


def test_mixed_families(untouched, refused):
    """A local IPv4 address does not go with an IPv6 remote, nor the other way."""
    text = "Local and remote address must be from the same family"
    six = rtnl.ip6("fd00::1")
    for options, other in (({"local": "10.0.0.1"}, VX.GROUP6),
                           ({"remote": "10.0.0.2"}, VX.LOCAL6)):
        with refused(errno.EINVAL, text):
            data = untouched.vxlan_data(**options) + [(other, six)]
            untouched.link_add("vx0", "vxlan", data)


# Two faults at once: the earlier of the two is the one reported.
ORDER = [
    ("mac-zero", "mtu-0"), ("mac-short", "vni-2^24"), ("mtu-67", "vni-2^24"),
    ("vni-2^24", "range"), ("range", "no-such-dev"), ("range", "local-multicast"),
    ("local-multicast", "no-such-dev"), ("local-multicast", "group-without-dev"),
]


@pytest.mark.parametrize("first, second", ORDER)
def test_order_of_checks(untouched, refused, first, second):
    options = {**FAULTS[second][0], **FAULTS[first][0]}
    attrs = FAULTS[first][1] + FAULTS[second][1]
    with refused(*FAULTS[first][2:]):
        untouched.vxlan(attrs=attrs, **options)


EXISTS = "A VXLAN device with the specified VNI already exists"


@pytest.mark.parametrize("options", [
    {}, {"dev": "u0"}, {"udp_csum": 0}, {"remote": "10.0.0.2"},
    {"local": "10.0.0.1"}, {"learning": 0}, {"srcport": (1, 2)},
], ids=lambda options: "-".join(options) or "same")
def test_duplicate(host, refused, options):
    """One VNI and port is one device, whatever else differs."""
    host.vxlan("first")
    with refused(errno.EEXIST, EXISTS):
        host.vxlan("second", **options)
    assert "second" not in host.links()


def test_not_duplicate(pair):
    """Another VNI, another port, another namespace: no conflict."""
    a, b = pair
    a.vxlan("v1", id=7)
    a.vxlan("v2", id=8)
    a.vxlan("v3", id=7, port=4790)
    b.vxlan("v1", id=7)
    a.link_del("v1")
    a.vxlan("v4", id=7)


def test_duplicate_checked_after_the_rest(host, refused):
    host.vxlan("first")
    with refused(*FAULTS["no-such-dev"][2:]):
        host.vxlan("second", dev=9999)
    with refused(*FAULTS["group-without-dev"][2:]):
        host.vxlan("second", remote="239.1.1.1")


@pytest.mark.parametrize("bits", ["0800000000000000", "0000000000000100", "f" * 16])
def test_reserved_bits_in_use(untouched, bits):
    """The I flag and the VNI cannot be reserved."""
    with pytest.raises(NetlinkError) as caught:
        untouched.vxlan(reserved_bits=bits)
    assert caught.value.errno == errno.EINVAL
    assert caught.value.path == at(VX.RESERVED_BITS)
    assert "cannot overlap reserved bits" in caught.value.text


@pytest.mark.ours_only(reason="every refusal names its attribute")
@pytest.mark.parametrize("fault, attribute", [
    ("no-such-dev", VX.LINK), ("local-multicast", VX.LOCAL),
    ("group-without-dev", VX.GROUP)])
def test_refusal_names_the_attribute(untouched, fault, attribute):
    with pytest.raises(NetlinkError) as caught:
        untouched.vxlan(**FAULTS[fault][0])
    assert caught.value.path == at(attribute)


@pytest.mark.ours_only(reason="what does not work yet is refused by name, not ignored")
def test_not_yet(untouched):
    with pytest.raises(NetlinkError) as caught:
        untouched.vxlan(id=None, external=1, vnifilter=1)
    assert caught.value.errno == errno.EOPNOTSUPP
    assert caught.value.path == at(VX.VNIFILTER) and caught.value.text


def test_explicitly_off(host):
    """Asking for a function to be off is asking for nothing."""
    for attribute in (VX.PROXY, VX.RSC, VX.L2MISS, VX.L3MISS, VX.COLLECT_METADATA,
                      VX.UDP_ZERO_CSUM6_TX, VX.UDP_ZERO_CSUM6_RX, VX.REMCSUM_TX,
                      VX.DF, VX.VNIFILTER, VX.MC_ROUTE):
        _with(host, attribute, b"\0")
        host.link_del("vx0")


@pytest.mark.ours_only(reason="the text says which device holds the VNI and port")
def test_duplicate_names_the_holder(host):
    host.vxlan("holder")
    with pytest.raises(NetlinkError) as caught:
        host.vxlan("second")
    assert "holder" in caught.value.text


# Shortest payload that the policy takes; one byte less is refused.
SHORTEST = {
    VX.ID: 4, VX.GROUP: 4, VX.LINK: 4, VX.LOCAL: 4, VX.TTL: 1, VX.TOS: 1,
    VX.LEARNING: 1, VX.AGEING: 4, VX.LIMIT: 4, VX.PORT_RANGE: 4, VX.PROXY: 1,
    VX.RSC: 1, VX.L2MISS: 1, VX.L3MISS: 1, VX.PORT: 2, VX.GROUP6: 16,
    VX.LOCAL6: 16, VX.UDP_CSUM: 1, VX.UDP_ZERO_CSUM6_TX: 1,
    VX.UDP_ZERO_CSUM6_RX: 1, VX.REMCSUM_TX: 1, VX.REMCSUM_RX: 1,
    VX.COLLECT_METADATA: 1, VX.LABEL: 4, VX.DF: 1, VX.VNIFILTER: 1,
}
EXACT = {VX.LOCALBYPASS: 1, VX.LABEL_POLICY: 4, VX.MC_ROUTE: 1}
FLAGS = (VX.GBP, VX.REMCSUM_NOPARTIAL, VX.GPE, VX.TTL_INHERIT)


def _with(host, attribute, payload):
    data = [pair for pair in host.vxlan_data() if pair[0] != attribute]
    host.link_add("vx0", "vxlan", data + [(attribute, payload)])


def test_short_attributes(untouched, refused):
    for attribute, shortest in SHORTEST.items():
        for length in range(shortest):
            with refused(errno.ERANGE, POLICY, at(attribute)):
                _with(untouched, attribute, bytes(length))


def test_attributes_of_exact_length(untouched, refused):
    """From IFLA_VXLAN_LOCALBYPASS on the policy is strict."""
    for attribute, length in EXACT.items():
        for wrong in (0, length + 1, 8):
            with refused(errno.EINVAL, LENGTH, at(attribute)):
                _with(untouched, attribute, bytes(wrong))
    for wrong in (0, 7, 9):
        with refused(errno.ERANGE, "binary attribute size out of range",
                     at(VX.RESERVED_BITS)):
            _with(untouched, VX.RESERVED_BITS, bytes(wrong))


@pytest.mark.parametrize("attribute, value", [
    (VX.LOCALBYPASS, b"\2"), (VX.MC_ROUTE, b"\2"), (VX.LABEL_POLICY, rtnl.u32(2)),
])
def test_values_out_of_range(untouched, refused, attribute, value):
    with refused(errno.ERANGE, "integer out of range", at(attribute)):
        _with(untouched, attribute, value)


def test_flags_with_payload(untouched, refused):
    for attribute in FLAGS:
        with refused(errno.ERANGE, POLICY, at(attribute)):
            _with(untouched, attribute, b"\1")


def test_long_attributes_are_taken(host):
    """Older attributes may be longer than needed; the kernel reads their start."""
    for attribute in (VX.ID, VX.LOCAL, VX.TTL, VX.TOS, VX.LEARNING, VX.AGEING,
                      VX.LIMIT, VX.PORT_RANGE, VX.PORT, VX.UDP_CSUM):
        _with(host, attribute, bytes(17))
        host.link_del("vx0")


@pytest.mark.parametrize("number", [35, 200])
def test_unknown_attribute_is_ignored(host, number):
    _with(host, number, b"\1\2\3\4")
    assert "vx0" in host.links()


def test_mtu_limits_on_set(host, refused):
    """The lower device bounds the MTU when set, 68 and 65535 always do."""
    host.vxlan("over", dev="u0", id=1)
    host.vxlan("free", id=2)
    for name, mtu, text in (
            ("over", 1451, None), ("over", 9000, None),
            ("over", 67, "mtu less than device minimum"),
            ("over", 65536, "mtu greater than device maximum"),
            ("free", 67, "mtu less than device minimum"),
            ("free", 65536, "mtu greater than device maximum")):
        before = host.link_get(name).get(IFLA.MTU)
        with refused(errno.EINVAL, text):
            host.link_set(name, attrs=[(IFLA.MTU, rtnl.u32(mtu))])
        assert host.link_get(name).get(IFLA.MTU) == before
    for name, mtu in (("over", 1450), ("over", 68), ("free", 65535), ("free", 68)):
        host.link_set(name, attrs=[(IFLA.MTU, rtnl.u32(mtu))])
        assert host.link_get(name).get(IFLA.MTU) == rtnl.u32(mtu)


def test_bad_address_on_set(host, refused):
    host.vxlan()
    before = host.mac("vx0")
    for address in (bytes(6), b"\1" + bytes(5)):
        with refused(errno.EADDRNOTAVAIL):
            host.link_set("vx0", attrs=[(IFLA.ADDRESS, address)])
    assert host.mac("vx0") == before


def test_port_taken(host, refused):
    """Bringing a device up needs its port; failing leaves it down and able to retry."""
    host.vxlan(up=False)
    with host, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("0.0.0.0", 4789))
        with refused(errno.EADDRINUSE):
            host.link_set("vx0", up=True)
    host.link_set("vx0", up=True)
    assert host.udp_ports() == [4789]


def test_port_taken_on_one_address(host, refused):
    """A user's socket bound to one address only still blocks the wildcard port."""
    host.vxlan(up=False, port=6000)
    with host, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind((host.ip, 6000))
        with refused(errno.EADDRINUSE):
            host.link_set("vx0", up=True)
