# SPDX-License-Identifier: GPL-2.0
"""Metadata mode and the path: packets that are too large, errors that come back, congestion."""

import struct

import pytest

from lib import packets
from lib import uapi as u
from lib.netns import await_stat
from lib.packets import Frame
from lib.wait import wait_for
from test_drops import icmp_counters, icmp_error, quote
from test_metadata import SENDER, STATION, egress, external, matched

LARGE = {4: packets.inner(STATION, SENDER, size=1450, frag=0x4000),
         6: packets.inner6(STATION, SENDER, size=1450)}


def bridge(host):
    """The device as a port of a bridge: replies are for stations behind it."""
    host.link_add("br0", "bridge", [(23, b"\0")])
    host.link_set("vx0", attrs=[(u.IFLA.MASTER, host.index("br0").to_bytes(4, "little"))])
    host.link_set("br0", up=True)


@pytest.mark.parametrize("inner", LARGE, ids=("inner4", "inner6"))
def test_sender_is_told(either, inner):
    """The reply comes by the way back of the tunnel that the packet would have gone by."""
    a, b = either
    inside, wire = external(a), b.tap("u0")
    bridge(a)
    a.run("ip", "link", "set", "u0", "mtu", "1400")
    egress(a, "src_ip", a.ip, "dst_ip", b.ip, "id", "100")
    count = matched(a, "enc_key_id", "100", "enc_src_ip", b.ip, "enc_dst_ip", a.ip)
    inside.send(LARGE[inner])
    reply = Frame(inside.one(lambda data: Frame(data).is_ip and Frame(data).proto in (1, 58)))
    assert (reply.dst, reply.src) == (SENDER, STATION)
    fits = 1400 - (70 if ":" in a.ip else 50)
    if inner == 4:
        assert struct.unpack_from("!BBHHH", reply.body)[::4] == (3, fits)
    else:
        assert struct.unpack_from("!BBHI", reply.body)[::3] == (2, fits)
    assert count() == 1
    assert wire.pending(packets.is_vxlan) == []


def test_unreachable_is_of_any_vni(pair):
    """An ICMP error is the device's whatever the VNI, if it quotes a VXLAN header."""
    a, b = pair
    external(a)
    wire = b.tap("u0")
    for number, vni in enumerate((0, 100, 0xFFFFFF), 1):
        wire.send(icmp_error(a, quote(a, vni)))
        wait_for(lambda want=number: icmp_counters(a)["InDestUnreachs"] == want, "unreachable")
    assert icmp_counters(a)["InErrors"] == 0
    wire.send(icmp_error(a, quote(a, 100, flags=0)))
    wait_for(lambda: icmp_counters(a)["InErrors"] == 1, "error")


def test_congestion_that_cannot_be_told(either):
    """A mark of congestion on a packet that knows none: dropped as with a plain device."""
    a, b = either
    outside, wire = external(b), a.tap("u0")
    for tos, tag in ((3, b"marked"), (0, b"not marked")):
        frame = packets.inner(STATION, SENDER, tag=tag)
        wire.send(packets.outer(a, packets.vxlan(100, frame), tos=tos))
    assert outside.one() == frame
    await_stat(b, "vx0", "rx_frame_errors", 1)
