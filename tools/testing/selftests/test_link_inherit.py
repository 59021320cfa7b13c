# SPDX-License-Identifier: GPL-2.0
"""What a device has from its kind and from its lower link: sizes, limits, features."""

import errno

import pytest

from lib import rtnl
from lib.probe import fields
from lib.state import lowers
from lib.uapi import IFLA

HERE6 = "fd00::1"
GPE = {"external": 1, "gpe": True, "learning": 0, "port": None}
LIMITS = ("tso_max_size", "tso_max_segs", "gso_max_size", "gso_max_segs",
          "gso_ipv4_max_size", "gro_max_size", "gro_ipv4_max_size")


def limits(host, name="vx0"):
    link = host.json("ip", "-d", "-j", "link", "show", name)[0]
    return tuple(link[key] for key in LIMITS)


FREE = (524280, 65535, 65536, 65535, 65536, 65536, 65536)
SMALL = (65536, 65535, 65536, 65535, 65536, 65536, 65536)


@pytest.fixture
def links(host):
    """Beside u0, which takes big segments, a dummy and a tunnel link that do not."""
    host.link_add("d0", "dummy")
    host.link_add("w0", "wireguard")
    return host


# -- Limits on segments --------------------------------------------------------------

@pytest.mark.parametrize("lower, want", [(None, FREE), ("u0", FREE), ("d0", SMALL)])
def test_segment_limits(links, lower, want):
    links.vxlan(up=False, dev=lower)
    assert limits(links) == want


def test_segment_limits_follow_a_change(links):
    """A smaller limit cuts what the user had set; a larger one gives nothing back."""
    links.vxlan(dev="u0")
    links.run("ip", "link", "set", "vx0", "gso_max_size", "200000",
              "gso_ipv4_max_size", "150000")
    assert limits(links)[:5] == (524280, 65535, 200000, 65535, 150000)
    links.vxlan_change(dev="d0")
    assert limits(links)[:5] == (65536, 65535, 65536, 65535, 65536)
    links.vxlan_change(dev="u0")
    assert limits(links)[:5] == (524280, 65535, 65536, 65535, 65536)


def test_segment_limits_of_the_user_stay(links):
    links.vxlan(dev="u0")
    links.run("ip", "link", "set", "vx0", "gso_max_size", "32768", "gso_max_segs", "99")
    links.vxlan_change(dev="d0", ttl=3)
    assert limits(links)[:4] == (65536, 65535, 32768, 99)


# -- The MTU -------------------------------------------------------------------------

@pytest.mark.parametrize("options, overhead", [
    ({}, 50), ({"local": HERE6}, 70), ({"external": 1}, 50),
    ({"external": 1, "local": HERE6}, 70), (GPE, 36), ({**GPE, "local": HERE6}, 56),
], ids=["ipv4", "ipv6", "external", "external-ipv6", "gpe", "gpe-ipv6"])
def test_mtu_bound(host, refused, options, overhead):
    """The lower link bounds the MTU, at creation silently, afterwards with an error."""
    host.ipv6("u0")
    host.vxlan(dev="u0", attrs=[(IFLA.MTU, rtnl.u32(1500))], **options)
    assert host.link_get("vx0").get(IFLA.MTU) == rtnl.u32(1500 - overhead)
    with refused(errno.EINVAL):
        host.link_set("vx0", attrs=[(IFLA.MTU, rtnl.u32(1501 - overhead))])
    host.link_set("vx0", attrs=[(IFLA.MTU, rtnl.u32(1000))])
    host.link_set("vx0", attrs=[(IFLA.MTU, rtnl.u32(1500 - overhead))])


def test_mtu_bound_follows_a_change(host, refused):
    host.link_set("u0peer", attrs=[(IFLA.MTU, rtnl.u32(1400))])
    host.vxlan(dev="u0peer")
    with refused(errno.EINVAL):
        host.link_set("vx0", attrs=[(IFLA.MTU, rtnl.u32(1450))])
    host.vxlan_change(dev="u0")
    host.link_set("vx0", attrs=[(IFLA.MTU, rtnl.u32(1450))])
    host.vxlan_change(dev="u0peer")
    assert host.link_get("vx0").get(IFLA.MTU) == rtnl.u32(1350)


def test_mtu_of_the_user_stays(host):
    """A change to a smaller lower link leaves alone what is small enough."""
    host.link_set("u0peer", attrs=[(IFLA.MTU, rtnl.u32(1400))])
    host.vxlan(dev="u0", attrs=[(IFLA.MTU, rtnl.u32(1000))])
    host.vxlan_change(dev="u0peer")
    assert host.link_get("vx0").get(IFLA.MTU) == rtnl.u32(1000)


def test_mtu_with_a_tiny_lower_link(host):
    """However small the lower link, 68 bytes are left."""
    host.link_add("d0", "dummy")
    host.link_set("d0", attrs=[(IFLA.MTU, rtnl.u32(60))])
    host.vxlan("vx0", up=False, dev="d0")
    host.vxlan("vx1", up=False, id=11)
    host.vxlan_change("vx1", dev="d0")
    for name in ("vx0", "vx1"):
        assert host.link_get(name).get(IFLA.MTU) == rtnl.u32(68)


# -- What netlink does not show (vxlan_probe.ko) ----------------------------------------

FEATURES = {
    "features": "0x0000010e401d4849", "hw_features": "0x0a00030e5fdd4849",
    "vlan_features": "0x0000010e401d0069", "hw_enc_features": "0x0000010e5fdd0049",
    "gso_partial_features": "0x000000000fc00000",
    "mangleid_features": "0x0000000010080000",
}
ETHERNET = {
    "hard_header_len": 14, "needed_headroom": 64, "needed_tailroom": 0,
    "priv_flags": "0x88000", "lltx": 1, "change_proto_down": 1, "needs_free_netdev": 1,
    "pcpu_stat_type": 3, "header_ops": 1, **FEATURES,
}


def device(probe, host):
    probe.clear()
    probe.run(host, "device", "vx0")
    return fields(" ".join(probe.lines()))


@pytest.mark.parametrize("options, different", [
    ({}, {}), ({"dev": "u0"}, {}),
    ({"local": HERE6}, {"needed_headroom": 84}),
    ({"external": 1}, {"needed_headroom": 84}),
    (GPE, {"needed_headroom": 70, "hard_header_len": 0, "priv_flags": "0x80800",
           "header_ops": 0}),
    ({"dev": "w0"}, {"needed_headroom": 178, "needed_tailroom": 32}),
], ids=["plain", "dev", "ipv6", "external", "gpe", "deep-dev"])
def test_device(links, probe, options, different):
    """Headroom for all headers and those of the lower link; flags and feature sets."""
    links.vxlan(**options)
    assert device(probe, links) == {**ETHERNET, **different}


def test_headroom_follows_a_change(links, probe):
    links.vxlan(dev="u0")
    links.vxlan_change(dev="w0")
    assert device(probe, links) == {**ETHERNET, "needed_headroom": 178,
                                    "needed_tailroom": 32}
    links.vxlan_change(dev="u0")
    assert device(probe, links) == ETHERNET
    assert lowers(links) == ["u0"]


@pytest.mark.ours_only(reason="stock forgets the lower link's headroom with any change")
def test_headroom_stays(links, probe):
    links.vxlan(dev="w0")
    links.vxlan_change(ttl=9)
    assert device(probe, links)["needed_headroom"] == 178
