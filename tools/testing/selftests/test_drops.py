# SPDX-License-Identifier: GPL-2.0
"""Packets that must not pass: the drop reason, and the counter, of each."""

import socket
import struct

import pytest

from lib import packets
from lib.host import ZERO_MAC
from lib.netns import await_stat
from lib.packets import Frame
from lib.trace import DropTrace
from lib.wait import wait_for

STATION = "02:00:00:00:aa:01"
BROADCAST = "ff:ff:ff:ff:ff:ff"
TIMES = 3


def nonzero(host, name="vx0"):
    return {key: value for key, value in host.stats(name).items() if value}


class Receiver:
    """b's tunnel, and `wire` in a to throw things at it."""

    def __init__(self, pair, **options):
        self.a, self.b = pair
        self.b.vxlan(**options)
        self.wire = self.a.tap("u0")
        self.inside = self.b.tap("vx0")

    def throw(self, payload):
        self.wire.send(packets.outer(self.a, payload))

    def frame(self, dst=BROADCAST, src=STATION):
        return packets.inner(dst, src)

    def check(self, payloads, reason, **counters):
        """Each payload is dropped for `reason`; the counters are these and no others."""
        with DropTrace() as trace:
            for payload in payloads:
                self.throw(payload)
            trace.expect(reason, len(payloads))
            assert set(trace.reasons()) == {reason}
        assert nonzero(self.b) == counters
        assert self.inside.pending() == []
        self.still_works()

    def still_works(self):
        good = packets.inner(BROADCAST, "02:00:00:00:dd:dd")
        self.throw(packets.vxlan(10, good))
        assert self.inside.one() == good


@pytest.fixture
def receiver(pair):
    return Receiver(pair)


# -- Receive: the VXLAN header -------------------------------------------------

@pytest.mark.parametrize("length", range(1, 8))
def test_truncated_header(receiver, length):
    whole = packets.vxlan(10, b"")
    receiver.check([whole[:length]] * TIMES, "PKT_TOO_SMALL")


def test_empty_datagram(receiver):
    """Nothing behind the UDP header: not the tunnel's business, and harmless."""
    for _ in range(TIMES):
        receiver.throw(b"")
    receiver.still_works()
    assert nonzero(receiver.b)["rx_packets"] == 1
    assert receiver.b.stats("vx0")["rx_errors"] == 0


@pytest.mark.parametrize("flags", [0, 0xF7FFFFFF, 0x00000008, 0x80000000])
def test_no_vni_flag(receiver, flags):
    """Without the I flag the packet is not VXLAN, and no device is to blame."""
    payload = packets.vxlan(10, receiver.frame(), flags=flags)
    receiver.check([payload] * TIMES, "VXLAN_INVALID_HDR")


def test_wrong_vni(receiver):
    vnis = (0, 9, 11, 0xFFFFFF, 10 << 8, 10 << 16)
    receiver.check([packets.vxlan(vni, receiver.frame()) for vni in vnis],
                   "VXLAN_VNI_NOT_FOUND")


def test_reserved_bits(receiver):
    """Every bit but I and the VNI is reserved: each one alone condemns the packet."""
    bits = [packets.vxlan(10, receiver.frame(), flags=0x08000000 | 1 << bit)
            for bit in range(32) if bit != 27]
    bits += [packets.vxlan(10, receiver.frame(), reserved=1 << bit)
             for bit in range(8)]
    receiver.check(bits, "VXLAN_INVALID_HDR", rx_errors=39, rx_frame_errors=39)


def test_reserved_bits_of_the_device(pair):
    """Only bits of the device's own mask condemn; the rest pass unread."""
    receiver = Receiver(pair, reserved_bits="0000000100000080")
    frame = receiver.frame()
    receiver.throw(packets.vxlan(10, frame, flags=0xFFFFFFFE, reserved=0x7F))
    assert receiver.inside.one() == frame
    with DropTrace() as trace:
        receiver.throw(packets.vxlan(10, frame, flags=0x08000001))
        receiver.throw(packets.vxlan(10, frame, reserved=0x80))
        trace.expect("VXLAN_INVALID_HDR", 2)
    assert receiver.b.stats("vx0")["rx_frame_errors"] == 2


def test_reserved_bits_of_unknown_vni(receiver):
    """The VNI is looked for first."""
    payload = packets.vxlan(11, receiver.frame(), flags=0x0F000000)
    receiver.check([payload] * TIMES, "VXLAN_VNI_NOT_FOUND")


def test_vni_of_device_that_is_down(pair):
    a, b = pair
    receiver = Receiver((a, b))
    b.vxlan("vx1", id=11)
    b.link_set("vx1", up=False)
    receiver.check([packets.vxlan(11, receiver.frame())] * TIMES, "VXLAN_VNI_NOT_FOUND")
    assert nonzero(b, "vx1") == {}


# -- Receive: the frame inside --------------------------------------------------

@pytest.mark.parametrize("length", [0, 1, 6, 12, 13])
def test_truncated_inner_header(receiver, length):
    payload = packets.vxlan(10, receiver.frame()[:length])
    receiver.check([payload] * TIMES, "NOMEM")


@pytest.mark.parametrize("ethertype, length", [(0x0800, 0), (0x0800, 19),
                                               (0x86DD, 0), (0x86DD, 39)])
def test_truncated_inner_ip(receiver, ethertype, length):
    frame = packets.ethernet(BROADCAST, STATION, b"\x45" + bytes(60), ethertype)
    payload = packets.vxlan(10, frame[:14 + length])
    receiver.check([payload] * TIMES, "PKT_TOO_SMALL",
                   rx_errors=TIMES, rx_length_errors=TIMES)


def test_own_address(receiver):
    frame = receiver.frame(src=receiver.b.mac("vx0"))
    receiver.check([packets.vxlan(10, frame)] * TIMES, "LOCAL_MAC")


@pytest.mark.parametrize("source", [ZERO_MAC, BROADCAST, "01:00:5e:00:00:01"])
def test_invalid_source(receiver, source):
    frame = receiver.frame(src=source)
    receiver.check([packets.vxlan(10, frame)] * TIMES, "MAC_INVALID_SOURCE")
    assert sorted(receiver.b.fdb()) == ["02:00:00:00:dd:dd"]


def test_invalid_source_without_learning(pair):
    """Only a device that learns looks at the source."""
    receiver = Receiver(pair, learning=0)
    frame = receiver.frame(src="01:00:5e:00:00:01")
    receiver.throw(packets.vxlan(10, frame))
    assert receiver.inside.one() == frame


def test_static_station_elsewhere(receiver):
    receiver.b.fdb_add(STATION, "10.0.0.77")
    receiver.check([packets.vxlan(10, receiver.frame())] * TIMES, "VXLAN_ENTRY_EXISTS")


def test_bad_outer_checksum(receiver):
    """A wrong UDP checksum never reaches the tunnel."""
    packet = bytearray(packets.outer(receiver.a, packets.vxlan(10, receiver.frame())))
    packet[40:42] = b"\xde\xad"
    with DropTrace() as trace:
        receiver.wire.send(bytes(packet))
        trace.expect("UDP_CSUM", 1)
    assert nonzero(receiver.b) == {}
    receiver.still_works()


# -- Transmit -----------------------------------------------------------------

class Sender:
    """A tunnel to send into, alone."""

    def __init__(self, host):
        self.host = host
        self.inside = host.tap("vx0")

    def check(self, frame, reason, **counters):
        with DropTrace() as trace:
            for _ in range(TIMES):
                self.inside.send(frame)
            trace.expect(reason, TIMES)
        assert nonzero(self.host) == counters


def test_no_entry(host):
    """Nowhere to send: dropped, whether the destination is known to be many or one."""
    host.vxlan()
    sender = Sender(host)
    sender.check(packets.inner(STATION, host.mac("vx0")), "NO_TX_TARGET",
                 tx_dropped=TIMES)
    sender.check(packets.inner(BROADCAST, host.mac("vx0")), "NO_TX_TARGET",
                 tx_dropped=2 * TIMES)


def test_no_route(host):
    host.vxlan(remote="203.0.113.1")
    Sender(host).check(packets.inner(STATION, host.mac("vx0")), "IP_OUTNOROUTES",
                       tx_errors=TIMES, tx_carrier_errors=TIMES)


def test_route_through_itself(host):
    host.vxlan(remote="10.9.0.2")
    host.address("vx0", "10.9.0.1", 24)
    Sender(host).check(packets.inner(STATION, host.mac("vx0")), "IP_OUTNOROUTES",
                       tx_errors=TIMES, collisions=TIMES)


def test_no_address(host):
    """A remote of 0.0.0.0 is a station that is not to be reached."""
    host.vxlan()
    host.fdb_add(STATION, "0.0.0.0")
    Sender(host).check(packets.inner(STATION, host.mac("vx0")), "NOT_SPECIFIED",
                       tx_dropped=TIMES)


@pytest.mark.parametrize("ethertype, length", [(0x0800, 4), (0x0800, 19),
                                               (0x86DD, 39)])
def test_truncated_ip_is_not_sent(pair, ethertype, length):
    a, b = pair
    a.vxlan(remote=b.ip)
    frame = packets.ethernet(STATION, a.mac("vx0"), bytes(length), ethertype)
    Sender(a).check(frame, "PKT_TOO_SMALL", tx_dropped=TIMES)


# -- ICMP errors about our packets ---------------------------------------------

def icmp_counters(host):
    names, values = (line.split()[1:] for line in host.read("/proc/net/snmp").splitlines()
                     if line.startswith("Icmp:"))
    return dict(zip(names, map(int, values)))


def icmp_error(host, quoted, code=3, rest=0):
    """An ICMP destination-unreachable from the peer, quoting `quoted`."""
    body = struct.pack("!BBHI", 3, code, 0, rest) + quoted
    body = body[:2] + struct.pack("!H", packets.checksum(body)) + body[4:]
    ip = packets.ipv4(host.peer_ip, host.ip, body, proto=1)
    return packets.ethernet(host.mac_u0, host.peer_mac, ip)


def quote(host, vni, flags=0x08000000):
    """The packet that `host` would have sent in a tunnel."""
    frame = packets.inner(STATION, "02:00:00:00:aa:02")
    return packets.ipv4(host.ip, host.peer_ip, packets.udp(
        50000, packets.PORT, packets.vxlan(vni, frame, flags)))


def test_nobody_listens(pair):
    """The peer has no tunnel: its port-unreachable finds ours, and is no error."""
    a, b = pair
    a.vxlan(remote=b.ip)
    inside = a.tap("vx0")
    inside.send(packets.inner(STATION, a.mac("vx0")))
    wait_for(lambda: icmp_counters(a)["InDestUnreachs"] == 1, "port unreachable")
    assert icmp_counters(a)["InErrors"] == 0
    assert nonzero(a).keys() == {"tx_packets", "tx_bytes"}


@pytest.mark.parametrize("vni, flags, errors", [
    (10, 0x08000000, 0), (11, 0x08000000, 1), (10, 0, 1)])
def test_unreachable_is_matched_by_vni(pair, vni, flags, errors):
    """An ICMP error counts as ours only with a VNI that a device has."""
    a, b = pair
    a.vxlan(remote=b.ip)
    wire = b.tap("u0")
    wire.send(icmp_error(a, quote(a, vni, flags)))
    wait_for(lambda: icmp_counters(a)["InDestUnreachs"] == 1, "unreachable")
    wait_for(lambda: icmp_counters(a)["InErrors"] == errors, f"{errors} errors")


def test_fragmentation_needed(pair):
    """The path MTU from an ICMP error about the tunnel's packet reaches the route."""
    a, b = pair
    a.vxlan(remote=b.ip)
    wire = b.tap("u0")
    wire.send(icmp_error(a, quote(a, 10), code=4, rest=1300))
    wait_for(lambda: "mtu 1300" in a.run("ip", "route", "get", b.ip), "path MTU")


# -- Sizes ----------------------------------------------------------------------

def test_largest_frame_goes_whole(pair):
    """1,450 bytes of inner IP make 1,500 outside: one packet, no fragment."""
    a, b = pair
    a.vxlan(dev="u0", remote=b.ip)
    b.vxlan()
    inside, wire, outside = a.tap("vx0"), b.tap("u0"), b.tap("vx0")
    frame = packets.inner(BROADCAST, a.mac("vx0"), size=1464)
    inside.send(frame)
    seen = Frame(wire.one())
    assert (seen.total, seen.frag) == (1500, 0)
    assert outside.one() == frame
    too_long = packets.inner(BROADCAST, a.mac("vx0"), size=1465)
    with pytest.raises(OSError, match="Message too long"):
        inside.send(too_long)


@pytest.mark.parametrize("inner_df", [0, 0x4000])
def test_larger_frame_is_fragmented(pair, inner_df):
    """Without DF outside, an outer packet over the link's MTU goes in pieces."""
    a, b = pair
    a.vxlan(remote=b.ip)
    b.vxlan()
    inside, wire, outside = a.tap("vx0"), b.tap("u0"), b.tap("vx0")
    frame = packets.inner(BROADCAST, a.mac("vx0"), size=1514, frag=inner_df)
    inside.send(frame)
    first, second = (Frame(data) for data in wire.expect(lambda data: True, 2))
    assert first.frag == 0x2000 and second.frag == 1480 // 8
    assert first.total == 1500 and second.total == 20 + 50
    assert first.ident == second.ident
    assert outside.one() == frame


def test_path_mtu_of_a_local_sender(pair):
    """A sender on this host learns that 1,450 bytes fit, and is then held to it."""
    a, b = pair
    a.vxlan(remote=b.ip)
    b.vxlan(remote=a.ip)
    for host, number in ((a, 1), (b, 2)):
        host.address("vx0", f"192.168.7.{number}", 24)
    with a:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.setsockopt(socket.IPPROTO_IP, 10, 2)          # IP_MTU_DISCOVER, DO
        sock.connect(("192.168.7.2", 9))
        assert sock.getsockopt(socket.IPPROTO_IP, 14) == 1500          # IP_MTU
        sock.send(bytes(1472))
        wait_for(lambda: "mtu 1450" in a.run("ip", "route", "get", "192.168.7.2"),
                 "path MTU of 1450")
        with pytest.raises(OSError, match="Message too long"):
            sock.send(bytes(1472))
    await_stat(b, "vx0", "rx_errors", 0)
