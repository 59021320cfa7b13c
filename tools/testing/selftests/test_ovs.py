# SPDX-License-Identifier: GPL-2.0
"""Open vSwitch with ports of the type vxlan: it makes a device in metadata mode for them."""

import contextlib
import socket
import struct

import pytest

from conftest import _make_pair
from lib import packets
from lib.host import Host
from lib.ovs import Ovs
from lib.packets import Frame
from lib.wait import wait_for
from test_gro import stream
from test_metadata import SENDER, STATION

DEVICE = "vxlan_sys_4789"
# Packets of either way, given to the wire as they are.
THROUGH = "in_port=vx actions=output:s0", "in_port=s0 actions=output:vx"


class Scene:
    """Host a with the switch br0: port s0 leads to the test, by h0. Host b is the wire."""

    def __init__(self, a, b, ovs):
        self.a, self.b, self.ovs = a, b, ovs
        self.inside, self.wire = a.tap("h0"), b.tap("u0")

    @contextlib.contextmanager
    def ports(self, *flows, **ports):
        """vxlan ports with these options, and these flows instead of all others."""
        made = []
        for name, options in ports.items():
            made += ["--", "add-port", "br0", name, "--", "set", "interface", name, "type=vxlan",
                     *(f"options:{option}" for option in options.split())]
        self.ovs.vsctl(*made)
        try:
            self.ovs.flows("br0", *(flows or THROUGH))
            yield
        finally:
            self.ovs.vsctl(*" -- ".join(f"del-port br0 {name}" for name in ports).split())
            wait_for(lambda: not any(name.startswith("vxlan_sys") for name in self.a.links()),
                     "end of the device")

    def sent(self, frame=None):
        """The packet that a frame becomes."""
        frame = frame or packets.inner(STATION, SENDER)
        self.inside.send(frame)
        got = Frame(self.wire.one(lambda data: Frame(data).is_udp and
                                  Frame(data).data[6:12] == packets.mac(self.a.mac_u0)))
        assert got.inner == frame
        return got

    def receive(self, vni, tag=b"hello", six=False, **options):
        """Have the wire bring a packet; the frame in it."""
        frame = packets.inner(SENDER, STATION, tag=tag)
        flags = options.pop("flags", 0x08000000)
        ends = {"src": self.b.ip, "dst": self.a.ip} if six else \
            {"src": self.b.ip4, "dst": self.a.ip4}
        self.wire.send(packets.outer(self.b, packets.vxlan(vni, frame, flags=flags),
                                     **{**ends, **options}))
        return frame

    def received(self, vni, **options):
        """A packet of the wire is received, and comes out as it went in."""
        frame = self.receive(vni, **options)
        assert self.inside.one() == frame


@pytest.fixture(scope="module")
def switch(driver):
    a, b = _make_pair(Host, six=True)
    a.run("ip", "link", "add", "s0", "type", "veth", "peer", "name", "h0")
    for name in ("s0", "h0"):
        a.link_set(name, up=True)
    # Checksums are complete on the wire then.
    a.run("ethtool", "-K", "u0", "tx", "off")
    with Ovs(a) as ovs:
        ovs.vsctl("add-br", "br0", "--", "set-fail-mode", "br0", "secure",
                  "--", "add-port", "br0", "s0")
        yield Scene(a, b, ovs)
        ovs.vsctl("del-br", "br0")
    for host in (a, b):
        host.clear()
        host.close()


@pytest.fixture
def scene(switch, kernel_log):
    for tap in (switch.inside, switch.wire):
        tap.pending()
    yield switch
    assert (switch.a.udp_ports(), switch.a.udp6_ports()) == ([], [])
    assert DEVICE not in switch.a.links()


def test_fixed_key(scene):
    with scene.ports(vx="remote_ip=10.0.0.2 key=100"):
        assert (scene.a.udp_ports(), scene.a.udp6_ports()) == ([4789], [4789])
        got = scene.sent()
        assert (got.ip_src, got.ip_dst, got.ports[1]) == ("10.0.0.1", "10.0.0.2", 4789)
        assert got.vxlan_header == bytes.fromhex("0800000000006400")
        assert (got.tos, got.ttl, got.frag, got.udp_checksum) == (0, 64, 0x4000, 0)
        scene.receive(101)
        scene.received(100)
        stats = scene.a.stats(DEVICE)
        assert (stats["tx_packets"], stats["rx_packets"]) == (1, 2)


def test_two_keys_of_one_device(scene):
    """Ports share the device and its socket; the keys keep them apart."""
    with scene.ports("in_port=v1 actions=output:s0", "in_port=s0 actions=output:v1,output:v2",
                     v1="remote_ip=10.0.0.2 key=1", v2="remote_ip=10.0.0.2 key=16777215"):
        scene.inside.send(packets.inner(STATION, SENDER))
        found = scene.wire.expect(packets.is_vxlan, 2)
        assert [Frame(data).vni for data in found] == [1, 0xFFFFFF]
        scene.receive(0xFFFFFF)
        scene.received(1, tag=b"other")


def test_key_of_the_flow(scene):
    with scene.ports("in_port=s0 actions=set_field:1234->tun_id,output:vx",
                     "in_port=vx,tun_id=77 actions=output:s0",
                     vx="remote_ip=10.0.0.2 key=flow"):
        assert scene.sent().vni == 1234
        scene.receive(78)
        scene.received(77, tag=b"other")


def test_remote_of_the_flow(scene):
    """The flow gives all: addresses and key."""
    scene.a.address("u0", "10.0.0.9", 24)
    scene.a.neighbour("u0", "10.0.0.44", scene.b.mac_u0)
    with scene.ports("in_port=s0 actions=set_field:10.0.0.44->tun_dst,"
                     "set_field:10.0.0.9->tun_src,set_field:5->tun_id,output:vx",
                     "in_port=vx,tun_src=10.0.0.44,tun_dst=10.0.0.9 actions=output:s0",
                     vx="remote_ip=flow local_ip=flow key=flow"):
        got = scene.sent()
        assert (got.ip_src, got.ip_dst, got.vni) == ("10.0.0.9", "10.0.0.44", 5)
        scene.receive(5, src="10.0.0.44")
        scene.received(5, tag=b"other", src="10.0.0.44", dst="10.0.0.9")
    scene.a.run("ip", "address", "del", "10.0.0.9/24", "dev", "u0")


@pytest.mark.parametrize("options, inner, outer", [
    ("tos=0x48 ttl=7 df_default=false", {}, (0x48, 7, 0)),
    ("tos=0x48", {"tos": 3}, (0x4A, 64, 0x4000)),
    ("tos=inherit ttl=inherit", {"tos": 0x28, "ttl": 9}, (0x28, 9, 0x4000)),
], ids=("value", "congestion", "inherit"))
def test_options(scene, options, inner, outer):
    """TOS, TTL and don't-fragment."""
    frame = packets.ethernet(STATION, SENDER, packets.ipv4(
        "192.0.2.1", "192.0.2.2", packets.udp(1, 2, b"hello"), **inner))
    with scene.ports(vx=f"remote_ip=10.0.0.2 key=9 {options}"):
        got = scene.sent(frame)
        assert (got.vni, got.tos, got.ttl, got.frag) == (9, *outer)


def test_checksum(scene):
    with scene.ports(vx="remote_ip=10.0.0.2 csum=true"):
        got = scene.sent()
        pseudo = got.data[26:34] + struct.pack("!HH", 17, len(got.body))
        assert got.udp_checksum != 0 and packets.checksum(pseudo + got.body) == 0


def test_port(scene):
    """Another port is another device."""
    with scene.ports(vx="remote_ip=10.0.0.2 key=9 dst_port=7777"):
        assert scene.a.udp_ports() == [7777] and "vxlan_sys_7777" in scene.a.links()
        assert scene.sent().ports[1] == 7777
        scene.receive(9)
        scene.received(9, tag=b"other", dport=7777)


def test_over_ipv6(scene):
    with scene.ports(vx="remote_ip=fd00::2 local_ip=fd00::1 key=100 tos=0x48 ttl=7"):
        got = scene.sent()
        assert (got.ip_src, got.ip_dst, got.ports[1]) == ("fd00::1", "fd00::2", 4789)
        assert (got.vni, got.tos, got.ttl, got.label) == (100, 0x48, 7, 0)
        assert packets.checksum6("fd00::1", "fd00::2", got.body, 17) == 0
        scene.receive(100)
        scene.received(100, tag=b"other", six=True)


def test_no_checksum_over_ipv6(scene):
    """It is not sent, and need not come."""
    with scene.ports(vx="remote_ip=fd00::2 key=100 csum=false"):
        assert scene.sent().udp_checksum == 0
        frame = packets.inner(SENDER, STATION)
        ip = packets.ipv6("fd00::2", "fd00::1", packets.udp(
            50000, 4789, packets.vxlan(100, frame)))
        scene.wire.send(packets.ethernet(scene.a.mac_u0, scene.b.mac_u0, ip, 0x86DD))
        assert scene.inside.one() == frame


@pytest.mark.parametrize("remote", ["10.0.0.2", "fd00::2"], ids=("over4", "over6"))
def test_group_policy(scene, remote):
    """The GBP extension, both ways."""
    with scene.ports("in_port=s0 actions=set_field:0x1234->tun_gbp_id,"
                     "set_field:0x48->tun_gbp_flags,output:vx",
                     "in_port=vx,tun_gbp_id=7,tun_gbp_flags=0x8 actions=output:s0",
                     vx=f"remote_ip={remote} key=100 exts=gbp"):
        assert scene.sent().vxlan_header == bytes.fromhex("8848123400006400")
        for flags in (0x88080008, 0x88000007, 0x08000000):
            scene.receive(100, six=":" in remote, flags=flags)
        scene.received(100, tag=b"other", six=":" in remote, flags=0x88080007)


def test_group_policy_of_who_has_none(scene):
    """The extension is there, and the flow has no policy: so has the header."""
    with scene.ports(vx="remote_ip=10.0.0.2 key=100 exts=gbp"):
        assert scene.sent().vxlan_header == bytes.fromhex("0800000000006400")
        scene.received(100)


def test_learning_switch(scene):
    """Open vSwitch learns; the other end is a device of its own. TCP goes through."""
    a, b = scene.a, scene.b
    a.run("ip", "address", "replace", "192.168.7.1/24", "dev", "h0")
    with scene.ports("actions=NORMAL", vx="remote_ip=10.0.0.2 key=100"):
        b.vxlan(id=100, remote=a.ip4)
        b.address("vx0", "192.168.7.2", 24)
        out = a.run("ping", "-c", "2", "-i", "0.05", "-W", "20", "192.168.7.2")
        assert "2 packets transmitted, 2 received" in out
        stream(a, b)
        assert b.mac("vx0") in scene.ovs.appctl("fdb/show", "br0")
        b.link_del("vx0")
    a.run("ip", "address", "del", "192.168.7.1/24", "dev", "h0")


# -- Sampling --------------------------------------------------------------------

# Elements of VMware's in IPFIX, and what they are here.
TUNNEL_SOURCE, TUNNEL_DESTINATION, TUNNEL_SOURCE_PORT, TUNNEL_PORT, TUNNEL_KEY = \
    893, 894, 896, 897, 892


def elements(template):
    """(element, length) of each field of a template."""
    number, count = struct.unpack_from("!HH", template)
    found, at = [], 4
    for _ in range(count):
        element, length = struct.unpack_from("!HH", template, at)
        at += 8 if element & 0x8000 else 4
        found.append((element & 0x7FFF, length))
    return number, found, template[at:]


def record(fields, data):
    """The first record of a data set, by elements."""
    values, at = {}, 0
    for element, length in fields:
        if length == 0xFFFF:
            length, at = data[at], at + 1
        values[element] = data[at:at + length]
        at += length
    return values


def sampled(sock, templates):
    """The first record in a message of the exporter that tells of a tunnel's source."""
    while True:
        message = sock.recv(65536)[16:]
        while message:
            kind, length = struct.unpack_from("!HH", message)
            body, message = message[4:length], message[length:]
            while kind == 2 and body:
                number, fields, body = elements(body)
                templates[number] = fields
            if kind > 255 and TUNNEL_SOURCE in dict(templates.get(kind, ())):
                return record(templates[kind], body)


def test_sampled_packets(scene):
    """IPFIX tells how a packet left by the tunnel: the kernel asked the device."""
    with scene.a:
        collector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(20)
        with scene.ports(vx="remote_ip=10.0.0.2 key=100"):
            scene.ovs.vsctl(
                "set", "bridge", "br0", "ipfix=@it", "--", "--id=@it", "create", "IPFIX",
                f'targets="127.0.0.1:{collector.getsockname()[1]}"', "sampling=1",
                "cache_max_flows=0", "other_config:enable-input-sampling=false")
            got = scene.sent()
            told = sampled(collector, {})
            scene.ovs.vsctl("clear", "bridge", "br0", "ipfix")
    assert told[TUNNEL_SOURCE] == socket.inet_aton("10.0.0.1")
    assert told[TUNNEL_DESTINATION] == socket.inet_aton("10.0.0.2")
    assert struct.unpack("!HH", told[TUNNEL_SOURCE_PORT] + told[TUNNEL_PORT]) == got.ports
    assert int.from_bytes(told[TUNNEL_KEY], "big") == 100
