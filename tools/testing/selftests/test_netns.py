# SPDX-License-Identifier: GPL-2.0
"""Tunnels whose device and underlay live in different namespaces."""

import pytest

from lib import packets, rtnl
from lib import uapi as u
from lib.host import ZERO_MAC
from lib.uapi import IFLA
from lib.wait import wait_for

STATION = "02:00:00:00:aa:01"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def move(host, name, to):
    host.link_set(name, attrs=[(IFLA.NET_NS_FD, rtnl.u32(to.fd))])


@pytest.fixture
def moved(hosts, pair):
    """b's tunnel device moved to a namespace without any underlay."""
    a, b = pair
    guest = hosts("guest")
    b.vxlan(up=False, remote=a.ip)
    move(b, "vx0", guest)
    guest.link_set("vx0", up=True)
    return a, b, guest


def test_moved_device_carries_traffic(moved):
    """The underlay stays where the device was made; frames cross both ways."""
    a, b, guest = moved
    assert b.udp_ports() == [4789] and guest.udp_ports() == []
    a.vxlan(remote=b.ip)
    inside, outside = guest.tap("vx0"), a.tap("vx0")
    frame = packets.inner(BROADCAST, guest.mac("vx0"))
    inside.send(frame)
    assert outside.one() == frame
    frame = packets.inner(guest.mac("vx0"), a.mac("vx0"))
    outside.send(frame)
    assert inside.one() == frame
    assert guest.fdb() == {ZERO_MAC: [a.ip], a.mac("vx0"): [a.ip]}


def test_mark_and_namespace_are_left_behind(moved):
    """Ping through the moved device, whose namespace has no route to the underlay."""
    a, b, guest = moved
    a.vxlan(remote=b.ip)
    for host, number in ((a, 1), (guest, 2)):
        host.address("vx0", f"192.168.7.{number}", 24)
    out = guest.run("ping", "-c", "2", "-i", "0.05", "-W", "20", "192.168.7.1")
    assert "2 packets transmitted, 2 received" in out


def test_link_namespace_is_shown(moved):
    """IFLA_LINK_NETNSID and NDA_LINK_NETNSID name the underlay's namespace."""
    _a, b, guest = moved
    link = guest.link_get("vx0")
    reply = guest.nl.request(u.RTM_GETNSID, bytes(4), [(3, rtnl.u32(b.fd))], 0)
    nsid = reply[0].get(1)
    assert link.get(IFLA.LINK_NETNSID) == nsid
    (entry,) = guest.fdb_dump()
    assert entry.message.get(u.NDA.LINK_NETNSID) == nsid
    assert entry.kinds == [u.NDA.LINK_NETNSID, u.NDA.LLADDR, u.NDA.DST,
                           u.NDA.CACHEINFO]


def test_duplicate_is_looked_for_in_the_underlay(moved, refused):
    """VNI and port are taken where the socket is, not where the device is."""
    _a, b, guest = moved
    with refused(17, "A VXLAN device with the specified VNI already exists"):
        b.vxlan("second")
    guest.vxlan("second")


def test_made_with_link_netns(hosts, pair):
    """`ip -n guest link add ... link-netns`: made there, underlay here, at once."""
    a, b = pair
    guest = hosts("guest")
    nsid = 5
    header = b"\0" + bytes(3)
    guest.nl.request(u.RTM_NEWNSID, header, [(3, rtnl.u32(b.fd)), (1, rtnl.s32(nsid))])
    guest.vxlan(attrs=[(IFLA.LINK_NETNSID, rtnl.s32(nsid))], remote=a.ip,
                dev=b.index("u0"))
    assert b.udp_ports() == [4789] and guest.udp_ports() == []
    assert guest.link_get("vx0").get(IFLA.LINK_NETNSID) == rtnl.s32(nsid)
    assert guest.link_get("vx0").get(IFLA.MTU) == rtnl.u32(1450)
    a.vxlan(remote=b.ip)
    inside, outside = guest.tap("vx0"), a.tap("vx0")
    frame = packets.inner(BROADCAST, guest.mac("vx0"))
    inside.send(frame)
    assert outside.one() == frame


def test_moved_device_and_back(moved):
    a, b, guest = moved
    move(guest, "vx0", b)
    assert b.fdb() == {ZERO_MAC: [a.ip]}
    b.link_set("vx0", up=True)
    wire, inside = a.tap("u0"), b.tap("vx0")
    frame = packets.inner(BROADCAST, STATION)
    wire.send(packets.outer(a, packets.vxlan(10, frame)))
    assert inside.one() == frame


def test_namespace_with_devices_ends(hosts, pair):
    """A namespace goes with its tunnels up, learned entries and all."""
    a, _b = pair
    doomed = hosts("doomed")
    doomed.link_add("d0", "veth", None)
    for vni in range(5):
        doomed.vxlan(f"v{vni}", id=vni, remote="10.0.0.9")
        doomed.fdb_add(STATION, "10.0.0.2", name=f"v{vni}")
    doomed.close()
    a.vxlan()
    assert a.udp_ports() == [4789]


def test_guest_namespace_ends(moved):
    """The device dies with the namespace it was moved to, and frees VNI and port."""
    _a, b, guest = moved
    guest.close()
    wait_for(lambda: b.udp_ports() == [], "closed port")

    def again():
        try:
            b.vxlan("again")
        except OSError:
            return False
        return True

    wait_for(again, "free VNI")


def test_underlay_namespace_ends(hosts):
    """A device moved away goes when the namespace of its underlay does."""
    home, guest = hosts("home"), hosts("guest")
    home.vxlan(up=False, remote="10.0.0.9")
    move(home, "vx0", guest)
    guest.link_set("vx0", up=True)
    home.close()
    wait_for(lambda: guest.links() == {}, "end of the moved device")
