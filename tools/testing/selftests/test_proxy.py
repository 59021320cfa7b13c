# SPDX-License-Identifier: GPL-2.0
"""`proxy`: the device answers ARP requests and neighbour solicitations itself."""

import socket
import struct

import pytest

from lib import packets
from lib import uapi as u
from lib.netns import await_stat
from lib.packets import ethernet, mac
from lib.trace import DropTrace

ASKER, OWNER = "02:00:00:00:aa:01", "02:00:00:00:bb:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"
ARP, IPV6 = 0x0806, 0x86DD
IP, ASKER_IP = "192.168.7.2", "192.168.7.1"
IP6, ASKER_IP6 = "2001:db8::2", "2001:db8::1"


def arp(sender_ip=ASKER_IP, target_ip=IP, op=1, hardware=1, protocol=0x0800, hlen=6,
        plen=4, sender=ASKER, target="00:00:00:00:00:00"):
    return (struct.pack("!HHBBH", hardware, protocol, hlen, plen, op) + mac(sender)
            + socket.inet_aton(sender_ip) + mac(target) + socket.inet_aton(target_ip))


def ip6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def icmp6(source, destination, body, first=b"\x60\0\0\0", hops=255, following=58):
    """An IPv6 packet with a correct ICMPv6 checksum."""
    pseudo = ip6(source) + ip6(destination) + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", packets.checksum(pseudo + body)) + body[4:]
    return (first + struct.pack("!HBB", len(body), following, hops) + ip6(source)
            + ip6(destination) + body)


def solicit(target=IP6, options=b"\1\1" + mac(ASKER), kind=135, code=0, to=None, **more):
    body = struct.pack("!BBHI", kind, code, 0, 0) + ip6(target) + options
    return icmp6(ASKER_IP6, to or "ff02::1:ff00:2", body, **more)


def advertise(to=ASKER, flags=0x60, first=b"\x60\0\0\0"):
    """The answer, byte for byte."""
    body = struct.pack("!BBHI", 136, 0, 0, flags << 24) + ip6(IP6) + b"\2\1" + mac(OWNER)
    return ethernet(to, OWNER, icmp6(IP6, ASKER_IP6, body, first=first), IPV6)


class Proxy:
    """A device that answers, the underlay's other end, and how to ask."""

    def __init__(self, a, b, **options):
        self.a, self.b = a, b
        a.vxlan(remote=b.ip, proxy=1, **options)
        self.inside, self.wire = a.tap("vx0"), b.tap("u0")
        a.ipv6("vx0")

    def know(self, addr, lladdr=OWNER, state=None):
        if state is None:
            self.a.neighbour("vx0", addr, lladdr)
        else:
            self.a.run("ip", "neigh", "replace", addr, "lladdr", lladdr, "dev", "vx0",
                       "nud", state)

    def ask(self, payload, ethertype=ARP, source=ASKER, to=BROADCAST):
        self.inside.send(ethernet(to, source, payload, ethertype))

    def silent(self):
        """Nobody answered, and nothing went to the underlay.

        A frame that is no question closes the run: it goes out after all that
        was asked before.
        """
        marker = packets.inner(OWNER, ASKER, tag=b"marker")
        self.inside.send(marker)
        seen = [packets.Frame(self.wire.one(packets.is_vxlan)).inner]
        assert seen == [marker]
        assert self.inside.pending() == []


@pytest.fixture
def proxy(pair):
    return Proxy(*pair)


# -- ARP ----------------------------------------------------------------------

@pytest.mark.parametrize("hardware", [1, 6], ids=("ethernet", "ieee802"))
def test_arp_answer(proxy, hardware):
    proxy.know(IP)
    proxy.ask(arp(hardware=hardware))
    assert proxy.inside.one() == ethernet(
        ASKER, OWNER, arp(IP, ASKER_IP, op=2, sender=OWNER, target=ASKER), ARP)
    proxy.silent()
    stats = {k: v for k, v in proxy.a.stats("vx0").items() if v}
    assert stats == {"tx_packets": 1, "tx_bytes": 34}


def test_arp_answer_goes_to_the_sender_in_the_packet(proxy):
    """Not to the source of its frame."""
    proxy.know(IP)
    proxy.ask(arp(), source="02:00:00:00:cc:03")
    assert proxy.inside.one()[:14] == mac(ASKER) + mac(OWNER) + b"\x08\x06"


def test_arp_from_the_stack(proxy):
    """The host's own ping resolves by the proxy."""
    proxy.a.address("vx0", ASKER_IP, 24)
    proxy.know(IP)
    proxy.a.fdb_add(OWNER, proxy.b.ip)
    frame = proxy.a.popen("ping", "-c", "1", "-W", "1", IP)
    inner = packets.Frame(proxy.wire.one(packets.is_vxlan)).inner
    frame.communicate()
    assert inner[:6] == mac(OWNER) and inner[12:14] == b"\x08\x00"


@pytest.mark.parametrize("what", [
    {"op": 2}, {"op": 3}, {"hardware": 2}, {"protocol": 0x86DD}, {"hlen": 8},
    {"plen": 16}, {"target_ip": "127.0.0.1"}, {"target_ip": "224.0.0.1"},
    {"target_ip": "192.168.7.99"},
], ids=lambda what: "-".join(f"{k}-{v}" for k, v in what.items()))
def test_arp_without_answer(proxy, what):
    """Whatever is ARP goes no further than the proxy, and that is no drop."""
    proxy.know(IP)
    for addr in ("127.0.0.1", "224.0.0.1"):
        proxy.a.run("ip", "neigh", "replace", addr, "lladdr", OWNER, "dev", "vx0",
                    check=False)
    with DropTrace() as trace:
        proxy.ask(arp(**what))
        proxy.silent()
        # The peer's stack has nobody for the marker.
        assert set(trace.reasons()) <= {"NO_SOCKET"}
    assert proxy.a.stats("vx0")["tx_dropped"] == 0


@pytest.mark.parametrize("length", [0, 1, 8, 27])
def test_arp_too_short(proxy, length):
    proxy.know(IP)
    proxy.ask(arp()[:length])
    proxy.silent()
    assert proxy.a.stats("vx0")["tx_dropped"] == 1


def test_arp_on_a_device_without_arp(pair):
    proxy = Proxy(*pair)
    proxy.know(IP)
    proxy.a.run("ip", "link", "set", "vx0", "arp", "off")
    proxy.ask(arp())
    proxy.silent()


@pytest.mark.parametrize("state, answers", [
    ("permanent", True), ("noarp", True), ("reachable", True), ("stale", False),
    ("probe", False), ("failed", False),
])
def test_neighbour_states(proxy, state, answers):
    proxy.know(IP, state=state)
    proxy.know(IP6, state=state)
    proxy.ask(arp())
    proxy.ask(solicit(), IPV6)
    if answers:
        assert [frame[12:14] for frame in proxy.inside.expect(lambda _: True, 2)] == [
            b"\x08\x06", b"\x86\xdd"]
    if state != "probe":            # The probe itself is seen.
        proxy.silent()


def test_neighbour_here(proxy):
    """An entry with a remote of zero says that the station answers itself."""
    proxy.know(IP)
    proxy.know(IP6)
    proxy.a.fdb_add(OWNER, "0.0.0.0")
    proxy.ask(arp())
    proxy.ask(solicit(), IPV6)
    proxy.a.fdb_del(OWNER)
    proxy.silent()
    proxy.ask(arp())
    assert proxy.inside.one()[12:14] == b"\x08\x06"


def test_no_proxy(pair):
    a, b = pair
    a.vxlan(remote=b.ip)
    a.neighbour("vx0", IP, OWNER)
    inside, wire = a.tap("vx0"), b.tap("u0")
    frame = ethernet(BROADCAST, ASKER, arp(), ARP)
    inside.send(frame)
    assert packets.Frame(wire.one(packets.is_vxlan)).inner == frame
    assert inside.pending() == []


# -- Neighbour discovery ------------------------------------------------------

def test_nd_answer(proxy):
    proxy.know(IP6)
    proxy.ask(solicit(), IPV6, to="33:33:ff:00:00:02")
    assert proxy.inside.one() == advertise()
    proxy.silent()


def test_nd_traffic_class(proxy):
    """The high half of the traffic class comes back."""
    proxy.know(IP6)
    proxy.ask(solicit(first=b"\x6b\xc1\x23\x45"), IPV6)
    assert proxy.inside.one() == advertise(first=b"\x6b\0\0\0")


def test_nd_router(proxy):
    proxy.know(IP6)
    proxy.a.fdb_add(OWNER, proxy.b.ip, ntf=u.NTF_SELF | u.NTF_ROUTER)
    proxy.ask(solicit(), IPV6)
    assert proxy.inside.one() == advertise(flags=0xE0)


NONCE = b"\x0e\1" + bytes(6)
LONG = b"\1\3" + mac("02:00:00:00:dd:04") + bytes(16)


@pytest.mark.parametrize("options, to", [
    (b"", ASKER),
    (b"\0", ASKER),
    (NONCE, ASKER),
    (b"\1\1" + mac("02:00:00:00:dd:04"), "02:00:00:00:dd:04"),
    (NONCE + b"\1\1" + mac("02:00:00:00:dd:04"), "02:00:00:00:dd:04"),
    (NONCE + NONCE + LONG, "02:00:00:00:dd:04"),
    (LONG + b"\1\1" + mac(OWNER), "02:00:00:00:dd:04"),
    (NONCE + b"\1", ASKER),
    # After the address nothing is read.
    (b"\1\1" + mac("02:00:00:00:dd:04") + b"\0\0", "02:00:00:00:dd:04"),
], ids=("none", "one-octet", "other", "source", "other-source", "long", "two",
        "octet-after", "zero-after"))
def test_nd_options(proxy, options, to):
    proxy.know(IP6)
    proxy.ask(solicit(options=options), IPV6)
    assert proxy.inside.one() == advertise(to=to)


@pytest.mark.parametrize("options", [
    b"\0\0", b"\1\0" + mac(ASKER), b"\1\1", b"\1\1" + mac(ASKER)[:5],
    b"\1\2" + mac(ASKER), b"\1\xff" + mac(ASKER), NONCE + b"\1\1", NONCE + b"\0\0",
    b"\x0e\2" + bytes(6), NONCE + b"\x0e\0" + bytes(6), b"\x0e\xff" + bytes(1000),
], ids=lambda options: options[:12].hex())
def test_nd_malformed_options(proxy, options):
    """No answer, and the packet goes no further."""
    proxy.know(IP6)
    proxy.ask(solicit(options=options), IPV6)
    proxy.silent()
    assert proxy.a.stats("vx0")["tx_dropped"] == 0


@pytest.mark.parametrize("what", [
    {"target": "2001:db8::99"}, {"target": "ff02::1"}, {"to": "::1"},
], ids=lambda what: "-".join(f"{k}-{v}" for k, v in what.items()))
def test_nd_without_answer(proxy, what):
    proxy.know(IP6)
    proxy.ask(solicit(**what), IPV6)
    proxy.silent()


@pytest.mark.parametrize("packet", [
    solicit(kind=136), solicit(kind=133), solicit(code=1), solicit(following=17),
    solicit(options=b"")[:-1],
], ids=("advertisement", "router", "code", "udp", "short"))
def test_not_a_solicitation(proxy, packet):
    """It goes where every packet goes."""
    proxy.know(IP6)
    proxy.ask(packet, IPV6)
    inner = packets.Frame(proxy.wire.one(packets.is_vxlan)).inner
    assert inner == ethernet(BROADCAST, ASKER, packet, IPV6)
    assert proxy.inside.pending() == []


def test_answers_on_a_device_that_goes_down(proxy):
    """Nothing is left of an answer when the device is gone."""
    proxy.know(IP)
    proxy.ask(arp())
    assert proxy.inside.one()[12:14] == b"\x08\x06"
    proxy.a.link_set("vx0", up=False)
    proxy.a.link_del("vx0")


def test_many_questions(proxy):
    """Each is answered once, in order."""
    proxy.know(IP)
    for number in range(1, 51):
        proxy.ask(arp(sender_ip=f"192.168.7.{number + 100}"))
    answers = proxy.inside.expect(lambda _: True, 50)
    assert [answer[-1] for answer in answers] == list(range(101, 151))
    await_stat(proxy.a, "vx0", "tx_packets", 0)
