# SPDX-License-Identifier: GPL-2.0
"""Metadata mode (`external`): tc, routes and bridges say how each packet goes."""

import errno
import socket
import struct

import pytest

from lib import packets
from lib import uapi as u
from lib.host import APPEND, ZERO_MAC
from lib.netns import await_stat
from lib.packets import Frame, ethernet
from lib.rtnl import NetlinkError
from lib.trace import DropTrace
from lib.wait import wait_for
from test_gro import stream

STATION, SENDER = "02:00:00:00:aa:01", "02:00:00:00:bb:02"
SIX = "fd00::1", "fd00::2"


def external(host, **options):
    """A device that leaves all to the metadata."""
    host.vxlan(id=None, external=1, **options)
    return host.tap("vx0")


def egress(host, *how, name="vx0"):
    """tc gives what the device sends these properties."""
    host.run("tc", "qdisc", "replace", "dev", name, "clsact")
    host.run("tc", "filter", "replace", "dev", name, "egress", "handle", "1", "pref", "1",
             "matchall", "action", "tunnel_key", "set", *how)


def six(host, number):
    """IPv6 on the underlay of a host, and its peer known."""
    host.ipv6("u0")
    host.address("u0", SIX[number], 64)
    host.neighbour("u0", SIX[1 - number], host.peer_mac)


# -- tc, sending --------------------------------------------------------------

BASE = ("src_ip", "10.0.0.1", "dst_ip", "10.0.0.2", "id", "100")


def sent(pair, *how, **options):
    """The packet that a frame becomes."""
    a, b = pair
    inside, wire = external(a, **options), b.tap("u0")
    egress(a, *how)
    frame = packets.inner(STATION, SENDER)
    inside.send(frame)
    got = Frame(wire.one(lambda data: Frame(data).is_udp))
    assert got.inner == frame
    assert a.stats("vx0")["tx_packets"] == 1
    return got


def test_send(pair):
    got = sent(pair, *BASE)
    assert (got.ip_src, got.ip_dst, got.ports[1]) == ("10.0.0.1", "10.0.0.2", 4789)
    assert got.vxlan_header == bytes.fromhex("0800000000006400")
    assert (got.tos, got.ttl, got.frag) == (0, 64, 0)
    assert got.udp_checksum != 0


@pytest.mark.parametrize("how, field, value", [
    (("nocsum",), "udp_checksum", 0),
    (("tos", "0x48"), "tos", 0x48),
    (("ttl", "7"), "ttl", 7),
    (("nofrag",), "frag", 0x4000),
    (("dst_port", "7777"), "ports", 7777),
    (("id", "16777215"), "vni", 0xFFFFFF),
    (("id", "0"), "vni", 0),
], ids=lambda value: value[0] if isinstance(value, tuple) else "")
def test_send_property(pair, how, field, value):
    got = getattr(sent(pair, *BASE, *how), field)
    assert (got[1] if field == "ports" else got) == value


def test_send_without_source(pair):
    """The route gives the address. The port range is the device's."""
    got = sent(pair, "src_ip", "0.0.0.0", *BASE[2:], srcport=(5000, 5001))
    assert got.ip_src == "10.0.0.1" and got.ports[0] in (5000, 5001)


def test_the_device_s_own_settings_do_not_count(pair):
    """TTL, TOS, checksum and remote of the device are for packets without metadata."""
    got = sent(pair, *BASE, ttl=9, tos=0x10, udp_csum=0)
    assert (got.ttl, got.tos) == (64, 0) and got.udp_checksum != 0


@pytest.mark.parametrize("option, header", [
    ("1234", "880004d200006400"), ("4194309", "8840000500006400"), ("0", "0800000000006400"),
])
def test_send_policy(pair, option, header):
    got = sent(pair, *BASE, "vxlan_opts", option, gbp=True)
    assert got.vxlan_header == bytes.fromhex(header)


def test_send_policy_without_gbp(pair):
    got = sent(pair, *BASE, "vxlan_opts", "1234")
    assert got.vxlan_header == bytes.fromhex("0800000000006400")


def test_the_mark_is_no_policy(pair):
    """In metadata mode the policy is in the metadata alone."""
    a, b = pair
    inside, wire = external(a, gbp=True), b.tap("u0")
    egress(a, *BASE)
    inside.sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 77)
    inside.send(packets.inner(STATION, SENDER))
    assert Frame(wire.one(packets.is_vxlan)).vxlan_header == bytes.fromhex("0800000000006400")


def test_send_without_metadata(pair):
    """Dropped, for a reason of its own, and not counted."""
    a, _ = pair
    inside = external(a)
    with DropTrace() as trace:
        inside.send(packets.inner(STATION, SENDER))
        trace.expect("TUNNEL_TXINFO", 1)
    assert {k: v for k, v in a.stats("vx0").items() if v} == {}


def test_send_without_a_route(pair):
    a, _ = pair
    inside = external(a)
    egress(a, "src_ip", "10.0.0.1", "dst_ip", "203.0.113.1", "id", "1")
    with DropTrace() as trace:
        inside.send(packets.inner(STATION, SENDER))
        trace.expect("IP_OUTNOROUTES", 1)
    stats = a.stats("vx0")
    assert (stats["tx_errors"], stats["tx_carrier_errors"]) == (1, 1)


def test_send_over_ipv6(pair):
    a, b = pair
    six(a, 0)
    six(b, 1)
    inside, wire = external(a), b.tap("u0")
    egress(a, "src_ip", SIX[0], "dst_ip", SIX[1], "id", "100", "tos", "0x48", "ttl", "7")
    frame = packets.inner(STATION, SENDER)
    inside.send(frame)
    data = wire.one(lambda data: data[12:14] == b"\x86\xdd" and data[20] == 17)
    assert data[14:18] == bytes.fromhex("64800000") and data[21] == 7
    assert data[22:54] == b"".join(socket.inet_pton(socket.AF_INET6, end) for end in SIX)
    assert data[56:58] == struct.pack("!H", 4789) and data[60:62] != b"\0\0"
    assert data[62:70] == bytes.fromhex("0800000000006400") and data[70:] == frame


def test_loop(pair):
    """A route that leads back to the device."""
    a, _ = pair
    inside = external(a)
    a.run("ip", "route", "add", "203.0.113.0/24", "dev", "vx0")
    egress(a, "src_ip", "10.0.0.1", "dst_ip", "203.0.113.1", "id", "1")
    inside.send(packets.inner(STATION, SENDER))
    stats = a.stats("vx0")
    assert (stats["tx_errors"], stats["collisions"]) == (1, 1)


# -- tc, receiving ------------------------------------------------------------

def matched(host, *keys):
    """A filter that counts the packets of a tunnel; returns the counter."""
    host.run("tc", "qdisc", "replace", "dev", "vx0", "clsact")
    host.run("tc", "filter", "add", "dev", "vx0", "ingress", "pref", "1", "protocol", "all",
             "flower", *keys, "action", "ok")

    def count():
        shown = host.json("tc", "-s", "-j", "filter", "show", "dev", "vx0", "ingress")
        return sum(action["stats"]["packets"] for entry in shown
                   for action in entry.get("options", {}).get("actions", []))
    return count


@pytest.mark.parametrize("keys, matches", [
    (("enc_key_id", "100"), True),
    (("enc_key_id", "101"), False),
    (("enc_src_ip", "10.0.0.1", "enc_dst_ip", "10.0.0.2"), True),
    (("enc_src_ip", "10.0.0.2", "enc_dst_ip", "10.0.0.1"), False),
    (("enc_dst_ip", "10.0.0.2", "enc_dst_port", "4789"), True),
    (("enc_dst_ip", "10.0.0.2", "enc_tos", "0x48/0xff"), True),
    (("enc_dst_ip", "10.0.0.2", "enc_ttl", "64/0xff"), True),
    (("enc_dst_ip", "10.0.0.2", "vxlan_opts", "7/0xffffffff"), True),
    (("enc_dst_ip", "10.0.0.2", "vxlan_opts", "8/0xffffffff"), False),
], ids=lambda value: "-".join(value[::2]) if isinstance(value, tuple) else str(value))
def test_receive(pair, keys, matches):
    """What the outer headers said is to be read at the device."""
    a, b = pair
    outside = external(b, gbp=True)
    count = matched(b, *keys)
    frame = packets.inner(STATION, SENDER)
    a.tap("u0").send(packets.outer(a, packets.vxlan(100, frame, flags=0x88000007), tos=0x48))
    assert outside.one() == frame
    assert count() == int(matches)
    assert b.stats("vx0")["rx_packets"] == 1


def test_every_vni_is_received(pair):
    a, b = pair
    outside, wire = external(b), a.tap("u0")
    for vni in (0, 1, 10, 0xFFFFFF):
        frame = packets.inner(STATION, SENDER, tag=str(vni).encode())
        wire.send(packets.outer(a, packets.vxlan(vni, frame)))
        assert outside.one() == frame


def test_stations_are_learned_by_vni(pair):
    a, b = pair
    outside, wire = external(b), a.tap("u0")
    for vni, src in ((7, "10.0.0.1"), (8, "10.0.0.77")):
        wire.send(packets.outer(a, packets.vxlan(vni, packets.inner(STATION, SENDER)), src=src))
        outside.one()
    table = {(e.lladdr, struct.unpack("=I", e.message.get(u.NDA.SRC_VNI))[0]): e.dst
             for e in b.fdb_dump()}
    assert table == {(SENDER, 7): "10.0.0.1", (SENDER, 8): "10.0.0.77"}
    for vni, dst in ((7, "10.0.0.1"), (8, "10.0.0.77")):
        found = b.fdb_get(SENDER, attrs=[(u.NDA.VNI, struct.pack("=I", vni))])
        assert found.dst == dst
    with pytest.raises(NetlinkError) as caught:
        b.fdb_get(SENDER)
    assert caught.value.errno == errno.ENOENT


def test_received_over_ipv6(pair):
    a, b = pair
    six(a, 0)
    six(b, 1)
    inside, outside = external(a), external(b)
    egress(a, "src_ip", SIX[0], "dst_ip", SIX[1], "id", "100")
    count = matched(b, "enc_key_id", "100", "enc_src_ip", SIX[0], "enc_dst_ip", SIX[1])
    frame = packets.inner(STATION, SENDER)
    inside.send(frame)
    assert outside.one() == frame and count() == 1


# -- Routes -------------------------------------------------------------------

def routed(a, b, **options):
    """Two ends whose routes say how to encapsulate."""
    for host, peer, mine, theirs in ((a, b, 1, 2), (b, a, 2, 1)):
        host.vxlan(id=None, external=1, **options)
        host.run("ip", "address", "add", f"192.168.7.{mine}/32", "dev", "vx0")
        host.run("ip", "route", "add", f"192.168.7.{theirs}", "encap", "ip", "id", "100",
                 "dst", peer.ip, "dev", "vx0")
    for host, peer, theirs in ((a, b, 2), (b, a, 1)):
        if not options.get("gpe"):
            host.neighbour("vx0", f"192.168.7.{theirs}", peer.mac("vx0"))


def test_route(pair):
    a, b = pair
    routed(a, b)
    wire = b.tap("u0")
    out = a.run("ping", "-c", "2", "-i", "0.05", "-W", "20", "192.168.7.2")
    assert "2 packets transmitted, 2 received" in out
    got = Frame(wire.one(packets.is_vxlan))
    # Nobody asked for a checksum.
    assert got.vni == 100 and got.udp_checksum == 0


def test_stream(pair):
    a, b = pair
    routed(a, b)
    stream(a, b)


def test_large_packet_comes_back(pair):
    """A packet that does not fit the path is answered by the tunnel, in a bridge."""
    a, b = pair
    a.link_add("br0", "bridge")
    a.vxlan(id=None, external=1)
    a.link_set("vx0", attrs=[(u.IFLA.MASTER, a.index("br0").to_bytes(4, "little"))])
    a.link_set("br0", up=True)
    a.run("ip", "link", "set", "u0", "mtu", "1000")
    egress(a, *BASE)
    inside, wire = a.tap("vx0"), b.tap("u0")
    payload = packets.ipv4("192.0.2.1", "192.0.2.2", packets.udp(1, 2, bytes(1200)),
                           frag=0x4000)
    inside.send(ethernet(STATION, SENDER, payload))
    reply = inside.one()
    assert reply[:12] == packets.mac(SENDER) + packets.mac(STATION)
    assert reply[23] == 1 and reply[34:36] == b"\3\4"
    assert struct.unpack_from("!H", reply, 40)[0] == 950
    assert wire.pending(packets.is_vxlan) == []


# -- Bridges ------------------------------------------------------------------

def bridged(host, **options):
    """A bridge whose VLANs 10 and 20 are the VNIs 1010 and 1020 of one device."""
    host.run("ip", "link", "add", "br0", "type", "bridge", "vlan_filtering", "1",
             "vlan_default_pvid", "0", "mcast_snooping", "0")
    host.vxlan(**{"id": None, "external": 1, **options})
    host.link_set("vx0", attrs=[(u.IFLA.MASTER, host.index("br0").to_bytes(4, "little"))])
    host.run("bridge", "link", "set", "dev", "vx0", "vlan_tunnel", "on")
    host.link_set("br0", up=True)
    ports = {}
    for vlan in (10, 20):
        host.run("bridge", "vlan", "add", "dev", "vx0", "vid", str(vlan))
        host.run("bridge", "vlan", "add", "dev", "vx0", "vid", str(vlan),
                 "tunnel_info", "id", str(1000 + vlan))
        host.link_add(f"s{vlan}", "veth", [(1, bytes(16) + _name(f"h{vlan}"))])
        host.link_set(f"s{vlan}", up=True,
                      attrs=[(u.IFLA.MASTER, host.index("br0").to_bytes(4, "little"))])
        host.link_set(f"h{vlan}", up=True)
        host.run("bridge", "vlan", "add", "dev", f"s{vlan}", "vid", str(vlan), "pvid",
                 "untagged")
        wait_for(lambda name=f"s{vlan}": "forwarding" in host.run(
            "bridge", "link", "show", "dev", name), f"s{vlan} forwarding")
        ports[vlan] = host.tap(f"h{vlan}")
    return ports


def _name(text):
    return struct.pack("=HH", 5 + len(text), u.IFLA.IFNAME) + text.encode() + bytes(
        1 + -(5 + len(text)) % 4)


def test_bridge_sends_by_vlan(trio):
    """One device, two VLANs, two VNIs, and a table for each."""
    a, b, c = trio
    ports = bridged(a)
    wires = {host.ip: host.tap("u0") for host in (b, c)}
    for vni, host in ((1010, b), (1020, c)):
        a.run("bridge", "fdb", "add", STATION, "dev", "vx0", "src_vni", str(vni),
              "dst", host.ip, "self", "permanent")
    a.run("bridge", "fdb", "append", ZERO_MAC, "dev", "vx0", "src_vni", "1020",
          "dst", b.ip, "vni", "5555", "self", "permanent")
    for vlan, to, vni, dst in ((10, b, 1010, STATION), (20, c, 1020, STATION),
                               (20, b, 5555, "ff:ff:ff:ff:ff:ff")):
        frame = packets.inner(dst, SENDER, tag=f"{vlan} {dst}".encode())
        ports[vlan].send(frame)
        got = Frame(wires[to.ip].one(lambda data, ip=to.ip: packets.is_vxlan(data)
                                     and Frame(data).ip_dst == ip))
        assert (got.vni, got.inner, got.udp_checksum != 0) == (vni, frame, True)


def test_bridge_receives_by_vni(pair):
    a, b = pair
    ports = bridged(b)
    wire = a.tap("u0")
    for vlan in (10, 20):
        frame = packets.inner("ff:ff:ff:ff:ff:ff", SENDER, tag=str(vlan).encode())
        wire.send(packets.outer(a, packets.vxlan(1000 + vlan, frame)))
        assert ports[vlan].one(lambda data: data[6:12] == packets.mac(SENDER)) == frame
    # What was learned leads back, by the same VNI.
    for vlan in (10, 20):
        frame = packets.inner(SENDER, STATION, tag=str(vlan).encode())
        ports[vlan].send(frame)
        got = Frame(wire.one(packets.is_vxlan))
        assert (got.vni, got.inner, got.ip_dst) == (1000 + vlan, frame, a.ip)


def test_bridge_without_an_entry(pair):
    a, _ = pair
    ports = bridged(a)
    with DropTrace() as trace:
        ports[10].send(packets.inner(STATION, SENDER))
        trace.expect("NO_TX_TARGET", 1)
    await_stat(a, "vx0", "tx_dropped", 1)


# -- Others that ask for metadata ----------------------------------------------

def test_a_rule_that_looks_at_tunnels(pair):
    """Once a routing rule asks for a tunnel's id, every device tells it."""
    a, b = pair
    b.vxlan(remote=a.ip)
    count, wire, outside = matched(b, "enc_key_id", "10"), a.tap("u0"), b.tap("vx0")
    frame = packets.inner(b.mac("vx0"), SENDER)

    def deliver():
        wire.send(packets.outer(a, packets.vxlan(10, frame)))
        assert outside.one() == frame
        return count()

    assert deliver() == 0
    b.run("ip", "rule", "add", "tun_id", "10", "lookup", "77")
    assert deliver() == 1
    b.run("ip", "rule", "del", "tun_id", "10", "lookup", "77")
    assert deliver() == 1


def test_one_device_for_each_port(pair, refused):
    a, _ = pair
    external(a)
    with refused(errno.EEXIST, "A VXLAN device with the specified VNI already exists"):
        a.vxlan("vx1", id=None, external=1)
    a.vxlan("vx2", id=None, external=1, port=7777)


def test_sockets_of_both_families(pair):
    a, _ = pair
    external(a)
    assert (a.udp_ports(), a.udp6_ports()) == ([4789], [4789])
    a.link_set("vx0", up=False)
    assert (a.udp_ports(), a.udp6_ports()) == ([], [])


def test_flood_entry_of_vni_0(pair):
    """A table entry without a VNI of its own is for VNI 0."""
    a, b = pair
    inside, wire = external(a), b.tap("u0")
    a.fdb_add(ZERO_MAC, b.ip, how=APPEND)
    with DropTrace() as trace:
        inside.send(packets.inner(STATION, SENDER))
        trace.expect("TUNNEL_TXINFO", 1)
    assert wire.pending(packets.is_vxlan) == []
