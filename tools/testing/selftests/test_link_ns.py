# SPDX-License-Identifier: GPL-2.0
"""Devices across namespaces, and who may do what to them there."""

import errno
import os
import struct

import pytest

from lib import packets, rtnl
from lib import uapi as u
from lib.host import ZERO_MAC
from lib.state import fdb, joined, lowers, state
from lib.stranger import Stranger
from lib.uapi import IFLA, INFO, VX
from lib.wait import wait_for

GROUP, FAR = "239.1.1.1", "10.0.0.3"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def move(host, name, fd):
    host.link_set(name, attrs=[(IFLA.NET_NS_FD, rtnl.u32(fd))])


@pytest.fixture
def guest(hosts, host):
    """A second namespace; `host` has the underlay."""
    return hosts("guest")


# -- Capabilities --------------------------------------------------------------------

@pytest.fixture
def stranger(driver):
    process = Stranger()
    yield process
    process.close()


def change(index, data):
    """RTM_NEWLINK that changes a device: arguments of Stranger.ask."""
    header = struct.pack("=BxHiII", 0, 0, index, 0, 0)
    return (u.RTM_NEWLINK, header,
            [(IFLA.LINKINFO, [(INFO.KIND, b"vxlan"), (INFO.DATA, data)])], u.NLM_F_ACK)


@pytest.fixture
def lent(host, stranger):
    """vx0 with its underlay in `host`, moved to where the stranger is root."""
    host.vxlan(up=False, remote="10.0.0.2", dev="u0")
    index = host.index("vx0")
    move(host, "vx0", stranger.fd)
    return index


@pytest.mark.parametrize("options", [
    {"ttl": 9}, {"remote": FAR}, {}, {"port": 1}, {"local": GROUP}, {"dev": 9999},
], ids=["legal", "remote", "nothing", "not-changeable", "not-valid", "no-dev"])
def test_stranger_may_not_change(host, stranger, lent, options):
    """Root where the device is, but nobody where its packets go: refused first of all."""
    assert stranger.ask(*change(lent, host.vxlan_options(**options)))[0] == errno.EPERM


def test_stranger_may_change_the_rest(host, stranger, lent):
    """What concerns the device only is the stranger's: up, name, MTU, entries."""
    header = struct.pack("=BxHiII", 0, 0, lent, u.IFF_UP, u.IFF_UP)
    attrs = [(IFLA.IFNAME, rtnl.text("mine")), (IFLA.MTU, rtnl.u32(1300))]
    assert stranger.ask(u.RTM_NEWLINK, header, attrs, u.NLM_F_ACK) is None
    assert host.udp_ports() == [4789]
    neighbour = struct.pack("=BxHiHBB", u.AF_BRIDGE, 0, lent, u.NUD_PERMANENT,
                            u.NTF_SELF, 0)
    attrs = [(u.NDA.LLADDR, rtnl.mac("02:00:00:00:aa:01")), (u.NDA.DST, rtnl.ip4(FAR))]
    assert stranger.ask(u.RTM_NEWNEIGH, neighbour, attrs, u.NLM_F_ACK | u.NLM_F_CREATE) is None


def test_stranger_changes_its_own(stranger):
    """A device whose underlay is the stranger's too may be changed."""
    data = [(VX.ID, rtnl.u32(5)), (VX.PORT, rtnl.be16(4789))]
    info = [(INFO.KIND, b"vxlan"), (INFO.DATA, data)]
    header = struct.pack("=BxHiII", 0, 0, 77, 0, 0)
    create = u.NLM_F_ACK | u.NLM_F_CREATE | u.NLM_F_EXCL
    attrs = [(IFLA.IFNAME, rtnl.text("vx0")), (IFLA.LINKINFO, info)]
    assert stranger.ask(u.RTM_NEWLINK, header, attrs, create) is None
    assert stranger.ask(*change(77, [(VX.TTL, rtnl.u8(9))])) is None
    assert stranger.ask(*change(77, [(VX.PORT, rtnl.be16(1))])) == (
        errno.EOPNOTSUPP, "Cannot change port")


def test_root_changes_the_lent_one(host, guest):
    """Who may in both namespaces may."""
    host.vxlan(up=False, remote="10.0.0.2")
    move(host, "vx0", guest.fd)
    guest.vxlan_change(ttl=9)
    assert guest.vxlan_info()[VX.TTL] == rtnl.u8(9)


# -- Changes of a device that was moved ------------------------------------------------

@pytest.fixture
def moved(host, guest):
    """vx0 in `guest`, its underlay in `host`; up."""
    host.vxlan(up=False, remote="10.0.0.2", dev="u0")
    move(host, "vx0", guest.fd)
    guest.link_set("vx0", up=True)
    return host, guest


def test_change_is_about_the_underlay(moved):
    """Links are looked up, and groups joined, where the packets go."""
    host, guest = moved
    guest.vxlan_change(remote=GROUP, dev=host.index("u0peer"))
    assert guest.vxlan_info()[VX.LINK] == rtnl.u32(host.index("u0peer"))
    assert joined(host) == {("u0peer", GROUP)} and joined(guest) == set()
    assert [(row[1], row[4]) for row in fdb(guest)] == [(GROUP, host.index("u0peer"))]
    guest.vxlan_change(remote=FAR)
    assert joined(host) == set()


def test_change_refused_after_a_move(moved, refused):
    """The underlay's links are the ones that count, for loops too."""
    host, guest = moved
    host.link_add("mac0", "macvlan", None, [
        (IFLA.LINK, rtnl.u32(guest.index("vx0"))),
        (IFLA.LINK_NETNSID, rtnl.s32(host.nsid(guest)))])
    before = state(guest)
    with refused(errno.ENODEV, "Invalid local interface, device not found"):
        guest.vxlan_change(dev=9999)
    with refused(errno.EBUSY):
        guest.vxlan_change(dev=host.index("mac0"), ttl=9)
    assert state(guest) == before


def test_vni_is_taken_by_a_change(host, guest, refused):
    """Link-local devices in two namespaces, one underlay: their links must differ."""
    for name, address in (("u0", "fe80::1"), ("u0peer", "fe80::2")):
        host.ipv6(name)
        host.address(name, address, 64)
    host.vxlan("vx0", up=False, dev="u0", local="fe80::1")
    move(host, "vx0", guest.fd)
    host.vxlan("vx1", up=False, dev="u0peer", local="fe80::2")
    with refused(errno.EEXIST, "A VXLAN device with the specified VNI already exists"):
        guest.vxlan_change(dev=host.index("u0peer"))


def test_lower_link_goes_while_moved(moved):
    """The lower link is in the other namespace; its end is the device's."""
    host, guest = moved
    host.link_del("u0")
    assert guest.links() == {}


def test_adjacency_of_a_moved_device(moved):
    """Sysfs shows no link to a lower device of another namespace, nor from there."""
    host, guest = moved
    assert lowers(guest) == []
    with host.sysfs() as root:
        assert not os.path.lexists(f"{root}/class/net/u0/upper_vx0")


def test_lower_link_is_moved_away(host, guest):
    """A lower link that leaves takes its devices with it: they are gone."""
    host.vxlan(dev="u0")
    move(host, "u0", guest.fd)
    assert "vx0" not in host.links()
    guest.link_del("u0")


def test_third_namespace(hosts, moved):
    """Moved on, the device still has its underlay in the first."""
    host, guest = moved
    third = hosts("third")
    move(guest, "vx0", third.fd)
    third.link_set("vx0", up=True)
    assert host.udp_ports() == [4789] and guest.udp_ports() == third.udp_ports() == []
    third.vxlan_change(remote=FAR)
    assert third.fdb() == {ZERO_MAC: [FAR]}
    assert third.link_get("vx0").get(IFLA.LINK_NETNSID) == rtnl.s32(third.nsid(host))


def test_made_from_elsewhere(host, guest):
    """RTM_NEWLINK in one namespace that makes the device in another: a link between."""
    info = [(INFO.KIND, b"vxlan"), (INFO.DATA, host.vxlan_data(remote=FAR))]
    host.link_message(u.RTM_NEWLINK, "vx0",
                      [(IFLA.NET_NS_FD, rtnl.u32(guest.fd)), (IFLA.LINKINFO, info)],
                      u.NLM_F_ACK | u.NLM_F_CREATE | u.NLM_F_EXCL)
    assert "vx0" in guest.links() and "vx0" not in host.links()
    guest.link_set("vx0", up=True)
    assert host.udp_ports() == [4789] and guest.udp_ports() == []
    assert guest.link_get("vx0").get(IFLA.LINK_NETNSID) == rtnl.s32(guest.nsid(host))


def test_name_is_taken_at_the_target(host, guest, refused):
    """A move that fails leaves the device where it was, and working."""
    host.vxlan(remote="10.0.0.2")
    guest.link_add("vx0", "dummy")
    with refused(errno.EEXIST, "An interface with the same name exists in the target netns"):
        move(host, "vx0", guest.fd)
    assert host.udp_ports() == [4789] and host.fdb() == {ZERO_MAC: ["10.0.0.2"]}


def test_both_namespaces_end(hosts):
    """Guest and underlay with devices in each other, ended one after the other."""
    one, two = hosts("one"), hosts("two")
    for here, there, vni in ((one, two, 1), (two, one, 2)):
        here.vxlan(f"v{vni}", up=False, id=vni, remote=FAR)
        move(here, f"v{vni}", there.fd)
        there.link_set(f"v{vni}", up=True)
    one.close()
    wait_for(lambda: two.links() == {}, "end of the devices of the other namespace")
    wait_for(lambda: two.udp_ports() == [], "closed port")


# -- Names, and being held down --------------------------------------------------------

def test_alternative_names(host):
    host.vxlan(remote="10.0.0.2")
    host.run("ip", "link", "property", "add", "dev", "vx0", "altname", "overlay-of-ten")
    assert host.json("ip", "-j", "link", "show", "overlay-of-ten")[0]["ifname"] == "vx0"
    host.run("ip", "link", "set", "overlay-of-ten", "type", "vxlan", "id", "10", "ttl", "9")
    assert host.vxlan_info()[VX.TTL] == rtnl.u8(9)
    host.run("bridge", "fdb", "add", "02:00:00:00:aa:01", "dev", "overlay-of-ten", "dst", FAR)
    assert host.fdb()["02:00:00:00:aa:01"] == [FAR]
    host.run("ip", "link", "del", "overlay-of-ten")
    assert "vx0" not in host.links()


def test_proto_down_keeps_its_reason(host):
    """Held down by a protocol: no carrier, nothing received, and the change stays possible."""
    host.vxlan(remote="10.0.0.2")
    host.run("ip", "link", "set", "vx0", "protodown", "on")
    host.run("ip", "link", "set", "vx0", "protodown_reason", "3", "on")
    host.vxlan_change(ttl=7)
    link = host.json("ip", "-d", "-j", "link", "show", "vx0")[0]
    assert link["proto_down"] is True and link["linkinfo"]["info_data"]["ttl"] == 7


def test_stacked_vxlan(pair):
    """A device on a device: frames cross both, and changes of either act."""
    a, b = pair
    for host, peer, number in ((a, b, 1), (b, a, 2)):
        host.vxlan("vx0", id=1, remote=peer.ip, dev="u0")
        host.address("vx0", f"192.168.1.{number}", 24)
        host.vxlan("vx1", id=2, remote=f"192.168.1.{3 - number}", dev="vx0")
    for host, peer, number in ((a, b, 2), (b, a, 1)):
        host.neighbour("vx0", f"192.168.1.{number}", peer.mac("vx0"))
    inside, outside = a.tap("vx1"), b.tap("vx1")
    frame = packets.inner(BROADCAST, a.mac("vx1"))
    inside.send(frame)
    assert outside.one() == frame
    a.vxlan_change("vx0", ttl=5)
    a.vxlan_change("vx1", ttl=5)
    inside.send(frame)
    assert outside.one() == frame
    assert a.link_get("vx1").get(IFLA.MTU) == rtnl.u32(1400)
