# SPDX-License-Identifier: GPL-2.0
"""`rsc`: a packet to a router goes straight to the station of its next hop."""

import socket
import struct

import pytest

from lib import packets
from lib import uapi as u
from lib.packets import Frame, ethernet, mac

SENDER, ROUTER, STATION = "02:00:00:00:aa:01", "02:00:00:00:bb:02", "02:00:00:00:cc:03"
IP, IP6 = "192.168.9.9", "2001:db8::9"
IPV6 = 0x86DD


def v4(to=IP, tag=b"payload"):
    return packets.ipv4("192.168.7.1", to, packets.udp(1, 2, tag))


def v6(to=IP6, tag=b"payload"):
    body = packets.udp(1, 2, tag)
    return (b"\x60\0\0\0" + struct.pack("!HBB", len(body), 17, 64)
            + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
            + socket.inet_pton(socket.AF_INET6, to) + body)


PACKETS = {"v4": (v4(), 0x0800), "v6": (v6(), IPV6)}


@pytest.fixture
def routed(trio):
    """A device with a router behind one peer and a station behind another."""
    a, b, c = trio
    a.vxlan(rsc=1)
    a.ipv6("vx0")
    a.fdb_add(ROUTER, b.ip, ntf=u.NTF_SELF | u.NTF_ROUTER)
    a.fdb_add(STATION, c.ip)
    for addr in (IP, IP6):
        a.neighbour("vx0", addr, STATION)
    a.inside = a.tap("vx0")
    for host in (b, c):
        host.wire = host.tap("u0")
    return a, b, c


def arrived(host, other=None):
    """The one frame that came to a host, and none at the other."""
    def to(target):
        return lambda data: packets.is_vxlan(data) and Frame(data).ip_dst == target.ip
    frame = Frame(host.wire.one(to(host))).inner
    if other is not None:
        assert other.wire.pending(to(other)) == []
    return frame


@pytest.mark.parametrize("family", PACKETS)
def test_short_circuit(routed, family):
    """The router becomes the source, the station the destination; the rest stays."""
    a, b, c = routed
    payload, ethertype = PACKETS[family]
    a.inside.send(ethernet(ROUTER, SENDER, payload, ethertype))
    assert arrived(c, b) == ethernet(STATION, ROUTER, payload, ethertype)


@pytest.mark.parametrize("family", PACKETS)
@pytest.mark.parametrize("why", ["option", "flag", "neighbour", "same", "protocol"])
def test_no_short_circuit(trio, family, why):
    a, b, _ = trio
    a.vxlan(rsc=int(why != "option"))
    a.ipv6("vx0")
    a.fdb_add(ROUTER, b.ip,
              ntf=u.NTF_SELF | (u.NTF_ROUTER if why != "flag" else 0))
    if why != "neighbour":
        for addr in (IP, IP6):
            a.neighbour("vx0", addr, ROUTER if why == "same" else STATION)
    inside, b.wire = a.tap("vx0"), b.tap("u0")
    payload, ethertype = PACKETS[family]
    frame = ethernet(ROUTER, SENDER, payload,
                     0x88B5 if why == "protocol" else ethertype)
    inside.send(frame)
    assert arrived(b) == frame


def test_any_state_of_the_neighbour_will_do(routed):
    a, b, c = routed
    for state in ("stale", "delay", "noarp"):
        a.run("ip", "neigh", "replace", IP, "lladdr", STATION, "dev", "vx0", "nud", state)
        a.inside.send(ethernet(ROUTER, SENDER, v4()))
        assert arrived(c, b) == ethernet(STATION, ROUTER, v4())


def test_short_packet(routed):
    """One without a whole IP header is not routed."""
    a, b, c = routed
    for payload, ethertype in ((v4()[:19], 0x0800), (v6()[:39], IPV6)):
        a.inside.send(ethernet(ROUTER, SENDER, payload, ethertype))
    # It is dropped later, for the same reason.
    a.inside.send(ethernet(ROUTER, SENDER, v4(tag=b"whole")))
    assert arrived(c, b) == ethernet(STATION, ROUTER, v4(tag=b"whole"))
    assert a.stats("vx0")["tx_dropped"] == 2


def test_station_unknown_goes_to_the_flood(routed):
    """What is not in the table after the change goes by the all-zeros entry."""
    a, b, c = routed
    a.fdb_del(STATION)
    a.inside.send(ethernet(ROUTER, SENDER, v4()))
    a.fdb_add("00:00:00:00:00:00", c.ip)
    a.inside.send(ethernet(ROUTER, SENDER, v4(tag=b"flood")))
    assert arrived(c, b) == ethernet(STATION, ROUTER, v4(tag=b"flood"))
    assert a.stats("vx0")["tx_dropped"] == 1


def test_back_to_this_side(routed):
    """A station with a remote of zero is here: its packet is received."""
    a, b, _ = routed
    a.fdb_del(STATION)
    a.fdb_add(STATION, "0.0.0.0")
    a.inside.send(ethernet(ROUTER, SENDER, v4()))
    assert a.inside.one() == ethernet(STATION, ROUTER, v4())
    stats = {k: v for k, v in a.stats("vx0").items() if v}
    assert stats == {"tx_packets": 1, "tx_bytes": 49, "rx_packets": 1, "rx_bytes": 49}
    # It came from this host, so the router was learned here.
    assert a.fdb()[ROUTER] == [b.ip]


def test_zero_remote_without_short_circuit(routed):
    """A packet straight to such a station goes nowhere."""
    a, _, _ = routed
    a.fdb_del(STATION)
    a.fdb_add(STATION, "0.0.0.0")
    a.inside.send(ethernet(STATION, SENDER, v4()))
    assert a.inside.pending() == []
    assert a.stats("vx0")["tx_dropped"] == 1


def test_the_sender_s_copy_is_not_touched(routed):
    """A packet socket that looked on keeps what it saw."""
    a, b, c = routed
    look = a.tap("vx0")
    frame = ethernet(ROUTER, SENDER, v4())
    a.inside.send(frame)
    assert arrived(c, b)[:12] == mac(STATION) + mac(ROUTER)
    assert look.one(outgoing=True) == frame
