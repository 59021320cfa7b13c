# SPDX-License-Identifier: GPL-2.0
"""What the kernel's Open vSwitch asks of a device: by messages of the tests' own.

How a packet would be tunnelled (`ndo_fill_metadata_dst`) is asked for sampled packets.
"""

import socket
import struct

import pytest

from lib import packets
from lib.datapath import Datapath, mark, output, tunnel
from lib.host import APPEND
from lib.packets import Frame
from test_metadata import SENDER, STATION

HERE, THERE = "10.0.0.1", "10.0.0.2"
HERE6, THERE6 = "fd00::1", "fd00::2"
FRAME = packets.inner(STATION, SENDER)


def switched(host, **options):
    """A datapath with a device in metadata mode, and the number of its port."""
    host.vxlan(id=options.pop("id", None), external=1, learning=0, **options)
    datapath = Datapath(host)
    return datapath, datapath.port("vx0")


def number(octets):
    return int.from_bytes(octets, "big")


# -- How would it be tunnelled? -------------------------------------------------

def test_egress(pair):
    """Told are the source address of the route and the UDP ports; the rest is as it was."""
    a, b = pair
    datapath, port = switched(a)
    wire = b.tap("u0")
    how = tunnel(id=100, dst=THERE, tos=0x48, ttl=7, df=True, csum=True)
    key = datapath.egress(FRAME, port, how)
    sport = number(key.pop("sport"))
    assert key == {"id": struct.pack("!Q", 100), "src": socket.inet_aton(HERE),
                   "dst": socket.inet_aton(THERE), "tos": b"\x48", "ttl": b"\7", "df": b"",
                   "csum": b"", "dport": struct.pack("!H", 4789)}
    assert wire.pending(packets.is_vxlan) == []
    datapath.execute(FRAME, how, output(port))
    assert Frame(wire.one(packets.is_vxlan)).ports == (sport, 4789)


@pytest.mark.parametrize("more, options, told", [
    ({"src": "10.0.0.9"}, {}, {"src": socket.inet_aton("10.0.0.9")}),
    ({"dport": 7777}, {}, {"dport": struct.pack("!H", 7777)}),
    ({}, {"port": 5555}, {"dport": struct.pack("!H", 5555)}),
    ({"gbp": 0x1234}, {"gbp": True}, {"gbp": struct.pack("=HHI", 8, 1, 0x1234)}),
    ({}, {"local": "10.0.0.9", "ttl": 9, "tos": 0x10}, {"src": socket.inet_aton(HERE)}),
], ids=["source", "port", "device-port", "policy", "device-source"])
def test_egress_option(pair, more, options, told):
    """What the metadata give stays; where they give nothing the device's settings count."""
    pair[0].address("u0", "10.0.0.9", 24)
    datapath, port = switched(pair[0], **options)
    key = datapath.egress(FRAME, port, tunnel(id=1, dst=THERE, ttl=64, **more))
    assert key.items() >= told.items() and key["ttl"] == b"\x40" and "tos" not in key


def test_egress_source_port(pair):
    """It is of the device's range, whatever the metadata say, and always the flow's."""
    datapath, port = switched(pair[0], srcport=(40000, 40010))
    how = tunnel(id=1, dst=THERE, ttl=64, sport=99)
    told = [number(datapath.egress(FRAME, port, how)["sport"]) for _ in range(3)]
    assert 40000 <= told[0] <= 40010 and len(set(told)) == 1


def test_egress_over_ipv6(pair6):
    a, b = pair6
    datapath, port = switched(a)
    wire = b.tap("u0")
    how = tunnel(id=100, dst6=THERE6, ttl=64)
    key = datapath.egress(FRAME, port, how)
    sport = number(key.pop("sport"))
    assert key == {"id": struct.pack("!Q", 100), "ttl": b"\x40",
                   "src6": socket.inet_pton(socket.AF_INET6, HERE6),
                   "dst6": socket.inet_pton(socket.AF_INET6, THERE6),
                   "dport": struct.pack("!H", 4789)}
    datapath.execute(FRAME, how, output(port))
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.ports, got.ip_src, got.ip_dst) == ((sport, 4789), HERE6, THERE6)


def test_no_egress(pair):
    """Nothing is told where there is no route, no socket, or no tunnel."""
    a, _ = pair
    datapath, port = switched(a)
    how = tunnel(id=1, dst=THERE, ttl=64)
    assert datapath.egress(FRAME, port, tunnel(id=1, dst="203.0.113.1", ttl=64)) is None
    assert datapath.egress(FRAME, port) is None
    assert datapath.egress(FRAME, 0, how) is None
    assert datapath.egress(FRAME, port, how)["src"] == socket.inet_aton(HERE)
    a.link_set("vx0", up=False)
    assert datapath.egress(FRAME, port, how) is None


def test_egress_of_a_plain_device(host6):
    """A device without metadata mode answers as well, for its own family."""
    host6.vxlan(remote=THERE)
    datapath = Datapath(host6)
    port = datapath.port("vx0")
    key = datapath.egress(FRAME, port, tunnel(id=1, dst="10.0.0.7", ttl=64))
    assert (key["src"], key["dport"]) == (socket.inet_aton(HERE), struct.pack("!H", 4789))
    assert datapath.egress(FRAME, port, tunnel(id=1, dst6=THERE6, ttl=64)) is None


def test_egress_does_not_count(pair):
    datapath, port = switched(pair[0])
    datapath.egress(FRAME, port, tunnel(id=1, dst=THERE, ttl=64))
    assert not any(pair[0].stats("vx0").values())


# -- The tunnel's id alone is given, the table has the rest -----------------------

@pytest.mark.parametrize("own, entry, given, sent", [
    (None, {}, 100, 100),
    (None, {"vni": 5}, 100, 5),
    (None, {}, 0, 0),
    (7, {"vni": 5}, 0, 5),
    # The entry was given the device's own VNI.
    (7, {}, 100, 7),
    (7, {}, 0, 7),
])
def test_by_the_table(pair, own, entry, given, sent):
    a, b = pair
    datapath, port = switched(a, id=own)
    a.fdb_add(STATION, THERE, how=APPEND, src_vni=given, **entry)
    wire = b.tap("u0")
    datapath.execute(FRAME, tunnel(id=given, bridge=True), output(port))
    got = Frame(wire.one(packets.is_vxlan))
    assert (got.vni, got.inner, got.ip_dst) == (sent, FRAME, THERE)


@pytest.mark.parametrize("own, given, sent", [(7, 0, 7), (None, 0, 0), (7, 100, 100)])
def test_by_a_nexthop_of_the_table(pair, own, given, sent):
    """The device's own VNI counts where the id is 0."""
    a, b = pair
    datapath, port = switched(a, id=own)
    a.nexthop(1, THERE)
    a.nexthop_group(10, 1)
    a.fdb_add(STATION, None, nhid=10, src_vni=given)
    wire = b.tap("u0")
    datapath.execute(FRAME, tunnel(id=given, bridge=True), output(port))
    assert Frame(wire.one(packets.is_vxlan)).vni == sent


def test_the_mark_is_the_policy_by_the_table(pair):
    """By the table the policy is the mark's, as the metadata have none."""
    a, b = pair
    datapath, port = switched(a, gbp=True)
    a.fdb_add(STATION, THERE, how=APPEND, src_vni=100)
    wire = b.tap("u0")
    datapath.execute(FRAME, mark(0x1234), tunnel(id=100, bridge=True), output(port))
    got = Frame(wire.one(packets.is_vxlan))
    assert got.vxlan_header == bytes.fromhex("8800123400006400")


def test_local_by_the_table(host):
    """What somebody above tunnels is not handed on past the underlay."""
    datapath, port = switched(host)
    host.vxlan("v5", id=100, port=5000)
    host.fdb_add(STATION, HERE, how=APPEND, src_vni=100, port=5000)
    outside = host.tap("v5")
    with host:
        wire = host.tap("lo")
    datapath.execute(FRAME, tunnel(id=100, bridge=True), output(port))
    assert outside.one() == FRAME
    assert len(wire.pending(lambda data: packets.is_vxlan(data, 5000))) == 1
