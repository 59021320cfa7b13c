# SPDX-License-Identifier: GPL-2.0
"""Over IPv6: packets that must not pass, ICMPv6 errors, and the path's MTU, that last
over IPv4 as well."""

import struct
from collections import Counter

import pytest

from lib import packets
from lib import uapi as u
from lib.host import ZERO_MAC
from lib.netns import await_stat
from lib.packets import Frame
from lib.trace import DropTrace
from lib.wait import wait_for
from test_drops import Sender, nonzero
from test_ipv6_wire import snmp6

STATION, SOURCE = "02:00:00:00:aa:01", "02:00:00:00:aa:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"
DF = 0x4000


# -- Receive ----------------------------------------------------------------------

def malformed(host):
    """(payload, reason, counters) of packets that are wrong, each by one thing."""
    whole = packets.vxlan(10, packets.inner(BROADCAST, STATION))
    frame = packets.inner(BROADCAST, STATION)
    for length in range(1, 8):
        yield whole[:length], "PKT_TOO_SMALL", ()
    for flags in (0, 0xF7FFFFFF, 0x00000008):
        yield packets.vxlan(10, frame, flags=flags), "VXLAN_INVALID_HDR", ()
    for vni in (0, 11, 0xFFFFFF, 10 << 8):
        yield packets.vxlan(vni, frame), "VXLAN_VNI_NOT_FOUND", ()
    for bit in (0, 7, 26, 28, 31):
        yield (packets.vxlan(10, frame, flags=0x08000000 | 1 << bit),
               "VXLAN_INVALID_HDR", ("rx_errors", "rx_frame_errors"))
    yield (packets.vxlan(10, frame, reserved=1), "VXLAN_INVALID_HDR",
           ("rx_errors", "rx_frame_errors"))
    for length in (0, 6, 13):
        yield packets.vxlan(10, frame[:length]), "NOMEM", ()
    for ethertype, length in ((0x0800, 19), (0x86DD, 39)):
        short = packets.ethernet(BROADCAST, STATION, b"\x45" + bytes(60), ethertype)
        yield (packets.vxlan(10, short[:14 + length]), "PKT_TOO_SMALL",
               ("rx_errors", "rx_length_errors"))
    yield packets.vxlan(10, packets.inner(BROADCAST, host.mac("vx0"))), "LOCAL_MAC", ()
    for source in (ZERO_MAC, BROADCAST, "01:00:5e:00:00:01"):
        yield (packets.vxlan(10, packets.inner(BROADCAST, source)),
               "MAC_INVALID_SOURCE", ())


def test_malformed(pair6):
    """Each is dropped for its reason and counted as such; good ones pass between."""
    a, b = pair6
    b.vxlan(local=b.ip)
    wire, inside = a.tap("u0"), b.tap("vx0")
    good = packets.inner(BROADCAST, SOURCE)
    counters, reasons = Counter(), Counter()
    ours = {reason for _, reason, _ in malformed(b)}
    with DropTrace() as trace:
        for payload, reason, counted in malformed(b):
            wire.send(packets.outer(a, payload))
            wire.send(packets.outer(a, packets.vxlan(10, good)))
            assert inside.one() == good
            reasons[reason] += 1
            counters.update(rx_packets=1, rx_bytes=len(good) - 14)
            counters.update(counted)
            # Others drop packets as well: the host behind the tunnel the good ones.
            seen = trace.reasons()
            assert {name: seen[name] for name in ours} == {name: reasons[name]
                                                           for name in ours}
            assert nonzero(b) == counters, (payload.hex(), reason)
    # A truncated packet inside comes from a station all the same.
    assert b.fdb() == {SOURCE: [a.ip], STATION: [a.ip]}


def test_static_station_elsewhere(pair6):
    a, b = pair6
    b.vxlan(local=b.ip)
    b.fdb_add(STATION, "fd00::77")
    with DropTrace() as trace:
        a.tap("u0").send(packets.outer(a, packets.vxlan(10, packets.inner(BROADCAST,
                                                                          STATION))))
        trace.expect("VXLAN_ENTRY_EXISTS", 1)
    assert nonzero(b) == {}


# -- Transmit ---------------------------------------------------------------------

def test_no_route(host6):
    host6.vxlan(remote="2001:db8::99")
    Sender(host6).check(packets.inner(STATION, host6.mac("vx0")), "IP_OUTNOROUTES",
                        tx_errors=3, tx_carrier_errors=3)


def test_route_through_itself(host6):
    host6.vxlan(remote="fd09::2")
    host6.run("ip", "link", "set", "vx0", "arp", "off")     # No group, so no report.
    host6.ipv6("vx0")
    host6.address("vx0", "fd09::1", 64)
    Sender(host6).check(packets.inner(STATION, host6.mac("vx0")), "IP_OUTNOROUTES",
                        tx_errors=3, collisions=3)


def test_foreign_source(host6):
    """A local address that this host has not."""
    host6.vxlan(remote="fd00::2", local="fd00::55")
    sender = host6.tap("vx0")
    peer = host6.tap("u0peer")
    host6.neighbour("u0", "fd00::2", "02:00:00:00:00:02")
    sender.send(packets.inner(STATION, host6.mac("vx0")))
    assert Frame(peer.one(packets.is_vxlan)).ip_src == "fd00::55"


def test_no_address(host6):
    """A remote of :: is a station that is not to be reached."""
    host6.vxlan(local=host6.ip)
    host6.fdb_add(STATION, "::")
    Sender(host6).check(packets.inner(STATION, host6.mac("vx0")), "NOT_SPECIFIED",
                        tx_dropped=3)


# -- ICMPv6 errors about our packets -----------------------------------------------

def icmp6_error(host, quoted, kind=1, code=4, rest=0):
    """An ICMPv6 error from the peer, quoting `quoted`: port unreachable by default."""
    body = struct.pack("!BBHI", kind, code, 0, rest) + quoted
    total = packets.checksum6(host.peer_ip, host.ip, body, 58)
    body = body[:2] + struct.pack("!H", total) + body[4:]
    ip = packets.ipv6(host.peer_ip, host.ip, body, proto=58)
    return packets.ethernet(host.mac_u0, host.peer_mac, ip, packets.ETH_P_IPV6)


def quote(host, vni, flags=0x08000000):
    """The packet that `host` would have sent in a tunnel."""
    data = packets.vxlan(vni, packets.inner(STATION, SOURCE), flags)
    ends = host.ip, host.peer_ip
    return packets.ipv6(*ends, packets.udp6(*ends, 50000, packets.PORT, data))


def test_nobody_listens(pair6):
    """The peer has no tunnel: its port-unreachable finds ours, and is no error."""
    a, b = pair6
    a.vxlan(remote=b.ip)
    inside = a.tap("vx0")
    inside.send(packets.inner(STATION, a.mac("vx0")))
    wait_for(lambda: snmp6(a)["Icmp6InDestUnreachs"] == 1, "port unreachable")
    assert snmp6(a)["Icmp6InErrors"] == 0
    assert nonzero(a).keys() == {"tx_packets", "tx_bytes"}


def test_unreachable_is_matched_by_vni(pair6):
    """An ICMPv6 error counts as ours only with a VNI that a device has."""
    a, b = pair6
    a.vxlan(remote=b.ip)
    wire, errors = b.tap("u0"), 0
    for number, (vni, flags, ours) in enumerate([
            (10, 0x08000000, True), (11, 0x08000000, False), (10, 0, False),
            (10, 0xF8000000, True)], 1):
        wire.send(icmp6_error(a, quote(a, vni, flags)))
        wait_for(lambda want=number: snmp6(a)["Icmp6InDestUnreachs"] == want,
                 "unreachable")
        errors += not ours
        wait_for(lambda want=errors: snmp6(a)["Icmp6InErrors"] == want,
                 f"{errors} errors")


def test_packet_too_big(pair6):
    """The path MTU from an ICMPv6 error about the tunnel's packet reaches the route."""
    a, b = pair6
    a.vxlan(remote=b.ip)
    b.tap("u0").send(icmp6_error(a, quote(a, 10), kind=2, code=0, rest=1400))
    wait_for(lambda: "mtu 1400" in a.run("ip", "-6", "route", "get", b.ip), "path MTU")


# -- The path's MTU, told to a sender behind a bridge --------------------------------

class Bridged:
    """a's tunnel is a port of a bridge; `station` is a tap behind another port."""

    def __init__(self, ends):
        self.a, self.b = ends
        self.a.vxlan(remote=self.b.ip)
        self.a.link_add("br0", "bridge", [(23, b"\0")])    # IFLA_BR_MCAST_SNOOPING
        self.a.link_add("s0", "veth", [(1, bytes(16) + bytes.fromhex("0800030073310000"))])
        for name in ("vx0", "s0"):
            self.a.link_set(name, up=True, attrs=[
                (u.IFLA.MASTER, self.a.index("br0").to_bytes(4, "little"))])
        self.a.link_set("s1", up=True)
        self.a.link_set("br0", up=True)
        for name in ("s0", "s1", "br0"):
            wait_for(lambda one=name: self.a.link_get(one).get(u.IFLA.OPERSTATE) == b"\6"
                     and self.a.link_get(one).get(u.IFLA.QDISC) == b"noqueue\0", "carrier")
        self.station, self.wire = self.a.tap("s1"), self.b.tap("u0")

    def too_large(self, frame):
        """Send a frame that does not fit. Returns the ICMP message that comes back, its
        Ethernet and IP header taken apart."""
        self.station.send(frame)
        reply = Frame(self.station.one(lambda data: Frame(data).is_ip
                                       and Frame(data).proto in (1, 58)))
        assert (reply.src, reply.dst) == (STATION, SOURCE)
        assert self.wire.pending(packets.is_vxlan) == []
        return reply


@pytest.fixture
def bridged(either):
    return Bridged(either)


def largest(host):
    """The largest inner IP packet over a path with an MTU of 1500."""
    return 1430 if ":" in host.ip else 1450


def test_ipv4_sender_is_told(bridged):
    """Fragmentation needed, from the station that the packet was for."""
    fits = largest(bridged.a)
    frame = packets.inner(STATION, SOURCE, size=fits + 15, frag=DF)
    reply = bridged.too_large(frame)
    kind, code, _, _, mtu = struct.unpack_from("!BBHHH", reply.body)
    assert (reply.ip_src, reply.ip_dst) == ("192.0.2.2", "192.0.2.1")
    assert (kind, code, mtu) == (3, 4, fits)
    assert packets.checksum(reply.body) == 0
    assert reply.body[8:36] == frame[14:42]
    fitting = packets.inner(STATION, SOURCE, size=fits + 14, frag=DF)
    bridged.station.send(fitting)
    assert Frame(bridged.wire.one(packets.is_vxlan)).inner == fitting
    assert bridged.a.stats("vx0")["tx_errors"] == 0


def test_ipv6_sender_is_told(bridged):
    """Packet too big."""
    fits = largest(bridged.a)
    frame = packets.inner6(STATION, SOURCE, size=fits + 15)
    reply = bridged.too_large(frame)
    kind, code, _, mtu = struct.unpack_from("!BBHI", reply.body)
    assert (reply.ip_src, reply.ip_dst) == ("2001:db8::2", "2001:db8::1")
    assert (kind, code, mtu) == (2, 0, fits)
    assert packets.checksum6(reply.ip_src, reply.ip_dst, reply.body, 58) == 0
    assert reply.body[8:56] == frame[14:62]
    fitting = packets.inner6(STATION, SOURCE, size=fits + 14)
    bridged.station.send(fitting)
    assert Frame(bridged.wire.one(packets.is_vxlan)).inner == fitting


def test_a_sender_that_allows_fragments(pair):
    """Without DF inside the frame goes, and it is the outer packet that is cut up."""
    bridged = Bridged(pair)
    bridged.station.send(packets.inner(STATION, SOURCE, size=1514))
    first, second = bridged.wire.expect(
        lambda data: Frame(data).is_ip and Frame(data).ip_dst == bridged.b.ip, 2)
    assert (len(first), len(second)) == (1514, 84)
    assert nonzero(bridged.a)["tx_packets"] == 1


def test_outer_ipv6_is_not_cut_up(pair6):
    """Over IPv6 nobody may, so the frame is lost."""
    bridged = Bridged(pair6)
    bridged.station.send(packets.inner(STATION, SOURCE, size=1514))
    bridged.station.send(packets.inner(STATION, SOURCE))
    seen = Frame(bridged.wire.one(lambda data: Frame(data).is_ip
                                  and Frame(data).ip_dst == bridged.b.ip))
    assert seen.inner == packets.inner(STATION, SOURCE)
    assert nonzero(bridged.a) == {"tx_packets": 1, "tx_bytes": 33, "tx_errors": 1,
                                  "tx_aborted_errors": 1}


def test_a_learned_path_mtu(bridged):
    """What a router on the way says counts the same as a link's own MTU."""
    a, b = bridged.a, bridged.b
    if ":" not in a.ip:
        a.run("ip", "route", "add", f"{b.ip}/32", "dev", "u0", "mtu", "1400")
        fits = 1350
    else:
        b.tap("u0").send(icmp6_error(a, quote(a, 10), kind=2, code=0, rest=1400))
        wait_for(lambda: "mtu 1400" in a.run("ip", "-6", "route", "get", b.ip),
                 "path MTU")
        fits = 1330
    reply = bridged.too_large(packets.inner(STATION, SOURCE, size=fits + 15, frag=DF))
    assert struct.unpack_from("!BBHHH", reply.body)[4] == fits


def test_largest_device_mtu_over_ipv6(pair6):
    """The tunnel's MTU comes of its lower link: 70 octets less over IPv6."""
    a, b = pair6
    a.vxlan(dev="u0", remote=b.ip)
    assert struct.unpack("=I", a.link_get("vx0").get(u.IFLA.MTU)) == (1430,)
    await_stat(a, "vx0", "tx_errors", 0)
