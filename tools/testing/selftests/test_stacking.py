# SPDX-License-Identifier: GPL-2.0
"""Devices on top of a tunnel: VLAN, QinQ, bridge, bond, macvlan, VRF, MACsec.

Each is seen to carry a frame to the octet, with what it puts in front of it, and then
ping and streams over IPv4 and IPv6, over a link that offloads and over one that does not.
"""

import errno
import random
import struct

import pytest

from lib import packets, rtnl
from lib.checksums import Capture, faults
from lib.packets import Frame
from lib.traffic import stream
from lib.uapi import IFLA
from lib.wait import wait_for

BOND = "/proc/net/bonding/bond0"
DATA = random.Random(2).randbytes(1 << 16)
ENDS = {4: ("192.168.8.1", "192.168.8.2"), 6: ("fd08::1", "fd08::2")}
NOTHING = [word for name in ("tx", "rx", "sg", "tso", "gso", "tx-udp-segmentation",
                             "tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation")
           for word in (name, "off")]


@pytest.fixture(params=("offloads", "nothing"))
def tunnel(pair6, request):
    """vx0 on both sides, over IPv4; the links below offload everything, or nothing."""
    for host, peer in (pair6, pair6[::-1]):
        if request.param == "nothing":
            host.run("ethtool", "-K", "u0", *NOTHING)
        host.vxlan(dev="u0", remote=peer.ip4, local=host.ip4)
    return pair6


def add(host, name, kind, *words, lower=None, up=True):
    """A link by iproute2's words, `lower` being what it is stacked on."""
    below = ("link", lower) if lower else ()
    host.run("ip", "link", "add", *below, "name", name, "type", kind, *words)
    if up:
        host.link_set(name, up=True)


def enslave(host, name, master):
    host.link_set(name, attrs=[(IFLA.MASTER, rtnl.u32(host.index(master)))])


def settle(host, name):
    wait_for(lambda: host.link_get(name).get(IFLA.OPERSTATE) in (b"\6", b"\0")
             and host.link_get(name).get(IFLA.QDISC) != b"noop\0",
             lambda: f"carrier on {name} of {host.name}")


def sent(a, b, upper, inside=lambda frame: frame):
    """A frame sent on `upper` of a stands in the tunnel as `inside` says, arrives on b."""
    frame = packets.inner(b.mac(upper), a.mac(upper))
    wire, far = b.tap("u0"), b.tap(upper)
    a.tap(upper).send(frame)
    got = Frame(wire.one(packets.is_vxlan)).inner
    assert got == inside(frame)
    assert far.one() == frame
    return got


def exact(a, b, upper, inside=lambda frame: frame):
    """The same, and each tunnel counts it once. Nothing else may be sent at the time."""
    before = a.stats("vx0"), b.stats("vx0")
    got = sent(a, b, upper, inside)
    after = a.stats("vx0"), b.stats("vx0")
    # What is sent is counted from the IP header on (33 octets here), what is received from
    # behind the first Ethernet header.
    for here, key, octets in (0, "tx", 33), (1, "rx", len(got) - 14):
        delta = {name: after[here][name] - before[here][name] for name in after[here]}
        assert (delta[f"{key}_packets"], delta[f"{key}_bytes"]) == (1, octets)


def give_addresses(a, b, upper):
    for number, (host, peer) in enumerate(((a, b), (b, a))):
        settle(host, upper)
        host.ipv6(upper)
        for family, length in (4, 24), (6, 64):
            host.address(upper, ENDS[family][number], length)
            host.neighbour(upper, ENDS[family][1 - number], peer.mac(upper))


def carries(a, b, upper, vrf=None):
    """Ping and a stream each way, with every checksum on the wire right."""
    give_addresses(a, b, upper)
    eyes = []
    for host in (a, b):
        with host:
            eyes.append(host.keep(Capture("u0", outgoing=True)))
    for here, there in ENDS.values():
        a.run("ping", "-c1", "-W9", *(("-I", vrf) if vrf else ()), there)
        assert stream(a, b, there, DATA, vrf=vrf) == DATA
        assert stream(b, a, here, DATA, vrf=vrf) == DATA
    for eye in eyes:
        seen = eye.packets()
        assert sum(map(len, seen)) > 2 * len(DATA)
        for packet in seen:
            assert not faults(packet), (faults(packet), packet)
    for host in (a, b):
        bad = {key: value for key, value in host.stats("vx0").items()
               if value and key.endswith(("errors", "dropped"))}
        assert bad == {}


def tag(vid, ethertype=packets.ETH_P_8021Q):
    """Puts a VLAN tag into a frame."""
    return lambda frame: frame[:12] + struct.pack("!HH", ethertype, vid) + frame[12:]


def set_mtu(host, name, mtu):
    host.link_set(name, attrs=[(IFLA.MTU, rtnl.u32(mtu))])


def test_vlan(tunnel):
    for host in tunnel:
        add(host, "vlan7", "vlan", "id", "7", lower="vx0")
        set_mtu(host, "vlan7", 1446)
    exact(*tunnel, "vlan7", tag(7))
    carries(*tunnel, "vlan7")


def test_vlan_in_vlan(tunnel):
    for host in tunnel:
        add(host, "outer", "vlan", "proto", "802.1ad", "id", "100", lower="vx0")
        add(host, "inner", "vlan", "id", "200", lower="outer")
        set_mtu(host, "inner", 1442)
    exact(*tunnel, "inner", lambda frame: tag(100, packets.ETH_P_8021AD)(tag(200)(frame)))
    carries(*tunnel, "inner")


def test_largest_frame_with_a_tag(tunnel):
    """A VLAN device takes the tunnel's MTU, and the tag has no room: fragments outside."""
    a, b = tunnel
    for host in tunnel:
        add(host, "vlan7", "vlan", "id", "7", lower="vx0")
    frame = packets.inner(b.mac("vlan7"), a.mac("vlan7"), size=1464)
    wire, far = b.tap("u0"), b.tap("vlan7")
    a.tap("vlan7").send(frame)
    assert far.one() == frame
    lengths = [Frame(got).total for got in wire.pending(lambda data: Frame(data).is_ip)]
    assert lengths == [1500, 24]


def test_macvlan(tunnel):
    for host in tunnel:
        for name in ("mv0", "mv1"):
            add(host, name, "macvlan", "mode", "bridge", lower="vx0")
    exact(*tunnel, "mv0")
    exact(*tunnel, "mv1")
    carries(*tunnel, "mv0")


def test_vrf(tunnel):
    for host in tunnel:
        add(host, "vrf0", "vrf", "table", "10")
        enslave(host, "vx0", "vrf0")
    exact(*tunnel, "vx0")
    carries(*tunnel, "vx0", vrf="vrf0")


@pytest.mark.parametrize("mode", ("active-backup", "balance-rr"))
def test_bond(tunnel, mode, refused):
    for host, peer in (tunnel, tunnel[::-1]):
        host.vxlan("vx1", up=False, id=11, dev="u0", remote=peer.ip4, local=host.ip4)
        add(host, "bond0", "bond", "mode", mode, "miimon", "20", up=False)
        host.link_set("vx0", up=False)
        with refused(errno.EINVAL):     # The bond's MTU is larger than a tunnel can have.
            enslave(host, "vx0", "bond0")
        set_mtu(host, "bond0", 1450)
        for name in ("vx0", "vx1"):
            enslave(host, name, "bond0")
        host.link_set("bond0", up=True)
        settle(host, "bond0")
    sent(*tunnel, "bond0")
    carries(*tunnel, "bond0")
    {"active-backup": fails_over, "balance-rr": takes_turns}[mode](*tunnel)


def fails_over(a, b):
    """All goes by one tunnel, and by the other when that is down."""
    assert b.stats("vx1")["rx_packets"] == 0
    for host in (a, b):
        host.link_set("vx0", up=False)
    for host in (a, b):
        wait_for(lambda at=host: "Currently Active Slave: vx1" in at.read(BOND), "failover")
    before = b.stats("vx0")["rx_packets"]
    assert stream(a, b, ENDS[4][1], DATA) == DATA
    assert b.stats("vx1")["rx_packets"] > 3
    assert b.stats("vx0")["rx_packets"] == before


def takes_turns(a, b):
    """Packet by packet, so that both tunnels have half of them."""
    before = [b.stats(name)["rx_packets"] for name in ("vx0", "vx1")]
    tap, far = a.tap("bond0"), b.tap("bond0")
    frame = packets.inner(b.mac("bond0"), a.mac("bond0"))
    for _ in range(10):
        tap.send(frame)
    far.expect(lambda got: got == frame, 10)
    after = [b.stats(name)["rx_packets"] for name in ("vx0", "vx1")]
    assert [new - old for new, old in zip(after, before)] == [5, 5]


def test_macsec(tunnel):
    a, b = tunnel
    for host in tunnel:
        add(host, "ms0", "macsec", "encrypt", "on", lower="vx0")
    keys = "00" * 15 + "01", "00" * 15 + "02"
    for host, peer, own, other in ((a, b, *keys), (b, a, *keys[::-1])):
        secure(host, peer, own, other)
    frame = packets.inner(b.mac("ms0"), a.mac("ms0"))
    wire, far = b.tap("u0"), b.tap("ms0")
    a.tap("ms0").send(frame)
    got = Frame(wire.one(packets.is_vxlan)).inner
    # Encrypted, 35 octets, packet number 1, from port 1 of the sender's address.
    sectag = b"\x88\xe5\x2c\x23\0\0\0\1" + rtnl.mac(a.mac("ms0")) + b"\0\1"
    assert got[:28] == frame[:12] + sectag
    assert len(got) == len(frame) + 32 and b"hello" not in got
    assert far.one() == frame
    carries(a, b, "ms0")


def secure(host, peer, own, other):
    """A key for what ms0 sends, and one for what it receives."""
    receive = ("ip", "macsec", "add", "ms0", "rx", "port", "1", "address", peer.mac("ms0"))
    first = ("sa", "0", "pn", "1", "on", "key")
    host.run("ip", "macsec", "add", "ms0", "tx", *first, "01", own)
    host.run(*receive)
    host.run(*receive, *first, "02", other)


def test_bridge_with_vlans(tunnel):
    """g1 is in VLAN 10 of a bridge, untagged there, and the tunnel carries the tag."""
    a, b = tunnel
    for host in tunnel:
        add(host, "br0", "bridge", "vlan_filtering", "1", "vlan_default_pvid", "0",
            "mcast_snooping", "0")
        add(host, "g0", "veth", "peer", "name", "g1")
        for name in ("g0", "g1"):
            set_mtu(host, name, 1446)
            host.link_set(name, up=True)
        for name, words in ("vx0", ()), ("g0", ("pvid", "untagged")):
            enslave(host, name, "br0")
            host.run("bridge", "vlan", "add", "dev", name, "vid", "10", *words)
    for host in tunnel:
        settle(host, "g1")
    exact(a, b, "g1", tag(10))
    frame = packets.inner("ff:ff:ff:ff:ff:ff", a.mac("g1"))
    wire, far = b.tap("u0"), b.tap("g1")
    for vid in (20, 10):                # A VLAN that the port is not in, and its own.
        a.tap("g1").send(tag(vid)(frame))
    assert Frame(wire.one(packets.is_vxlan)).inner == tag(10)(frame)
    assert far.one() == frame
    for vid in (20, 10):                # The same in the tunnel.
        a.tap("vx0").send(tag(vid)(frame))
    assert [Frame(got).inner for got in wire.expect(packets.is_vxlan, 2)] \
        == [tag(20)(frame), tag(10)(frame)]
    assert far.one() == frame and far.pending() == []
    carries(a, b, "g1")
