# SPDX-License-Identifier: GPL-2.0
"""A kernel booted with ipv6.disable=1: IPv4 works, IPv6 is refused, metadata mode is not.

Run in such a VM (tools/vm --append=ipv6.disable=1); skipped elsewhere.
"""

import errno
import os
import struct

import pytest

from lib import packets, rtnl
from lib import uapi as u
from lib.host import NEW, ZERO_MAC
from lib.netns import await_stat
from lib.trace import DropTrace
from lib.uapi import IFLA, INFO, VX
from test_metadata import egress, external

pytestmark = pytest.mark.skipif(os.path.exists("/proc/net/if_inet6"),
                                reason="this kernel has IPv6")

HERE6, THERE6 = "fd00::1", "fd00::2"
STATION = "02:00:00:00:aa:01"
GPE = {"external": 1, "gpe": True, "learning": 0, "port": None}


def test_ipv4_works(pair):
    a, b = pair
    a.vxlan(remote=b.ip, dev="u0")
    b.vxlan(remote=a.ip)
    for host, number in ((a, 1), (b, 2)):
        host.address("vx0", f"192.168.7.{number}", 24)
    out = a.run("ping", "-c", "2", "-i", "0.05", "-W", "20", "192.168.7.2")
    assert "2 packets transmitted, 2 received" in out
    assert (a.udp_ports(), a.udp6_ports()) == ([4789], [])


def test_ipv4_changes(host):
    host.vxlan(remote="239.1.1.1", dev="u0")
    host.vxlan_change(remote="239.1.1.2", ttl=9)
    host.vxlan_change(remote="10.0.0.2", dev="u0peer")
    assert host.fdb() == {ZERO_MAC: ["10.0.0.2"]}


@pytest.mark.parametrize("options", [
    {"local": HERE6}, {"remote": THERE6}, {"remote": THERE6, "dev": "u0"},
    {"local6": "::", "zero_csum6_rx": 1}, {"remote": "ff05::1", "dev": "u0"},
], ids=["local", "remote", "dev", "any", "group"])
def test_ipv6_device_cannot_be_up(host, refused, options):
    """It can be made, as the kernel can do IPv6; it has no socket to open."""
    host.vxlan(up=False, **options)
    for _ in range(2):
        with refused(errno.EAFNOSUPPORT):
            host.link_set("vx0", up=True)
    assert not struct.unpack_from("=I", host.link_get("vx0").header, 8)[0] & u.IFF_UP
    assert host.udp_ports() == []
    host.vxlan("v4", id=10)
    assert host.udp_ports() == [4789]


def test_ipv6_device_made_up(host, refused):
    """Made and brought up in one message: refused, and nothing stays."""
    info = [(INFO.KIND, b"vxlan"), (INFO.DATA, host.vxlan_data(local=HERE6))]
    before = host.links()
    with refused(errno.EAFNOSUPPORT):
        host.link_message(u.RTM_NEWLINK, "vx0", [(IFLA.LINKINFO, info)],
                          u.NLM_F_ACK | NEW, iff=(u.IFF_UP, u.IFF_UP))
    assert host.links() == before


def test_ipv6_device_changes(host):
    """Down as it is, it can be changed and has entries."""
    host.vxlan(up=False, remote=THERE6)
    host.vxlan_change(remote="fd00::3", ttl=9, label=5)
    assert host.vxlan_info()[VX.GROUP6] == rtnl.ip6("fd00::3")
    host.fdb_add(STATION, THERE6)
    assert host.fdb() == {ZERO_MAC: ["fd00::3"], STATION: [THERE6]}


@pytest.mark.parametrize("options, port", [
    ({"external": 1}, 4789), ({"external": 1, "local": HERE6}, 4789), (GPE, 4790),
], ids=["external", "external-ipv6", "gpe"])
def test_metadata_mode_goes_without(host, options, port):
    """Both families are wanted, one is enough."""
    host.vxlan(**options)
    assert host.udp_ports() == [port]
    host.link_set("vx0", up=False)
    assert host.udp_ports() == []
    host.link_set("vx0", up=True)


def test_ipv6_entry_of_an_ipv4_device(pair, refused):
    """An IPv6 destination is refused or not used, as with IPv6; nothing is harmed."""
    a, b = pair
    a.vxlan(remote=b.ip)
    with refused(errno.EAFNOSUPPORT):
        a.fdb_add(STATION, THERE6)
    b.vxlan(remote=a.ip)
    inside, outside = a.tap("vx0"), b.tap("vx0")
    frame = packets.inner(STATION, a.mac("vx0"))
    inside.send(frame)
    assert outside.one() == frame


def test_metadata_mode_sends_over_ipv4(pair):
    """Metadata that name IPv6 addresses are an error of the packet's, not of the device."""
    a, b = pair
    inside, outside = external(a), external(b)
    for there in (("src_ip", HERE6, "dst_ip", THERE6), ("src_ip", a.ip, "dst_ip", b.ip)):
        a.run("tc", "qdisc", "add", "dev", "vx0", "clsact")
        egress(a, *there, "id", "100")
        frame = packets.inner(STATION, a.mac("vx0"), tag=there[1].encode())
        with DropTrace() as trace:
            inside.send(frame)
            if ":" in there[1]:
                trace.expect("DEV_READY", 1)
        a.run("tc", "qdisc", "del", "dev", "vx0", "clsact")
    assert outside.one() == frame
    await_stat(a, "vx0", "tx_packets", 1)
    assert a.stats("vx0")["tx_errors"] == 1
