# SPDX-License-Identifier: GPL-2.0
"""The outer don't-fragment flag: unset, set, or the inner packet's."""

import struct

import pytest

from lib import packets
from lib.packets import Frame
from lib.trace import DropTrace

STATION, SOURCE = "02:00:00:00:aa:01", "02:00:00:00:aa:02"
UNSET, SET, INHERIT = range(3)
DF = 0x4000


def tagged(frame, *tags):
    """The frame behind VLAN tags, each a (TPID, VLAN)."""
    return frame[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + frame[12:]


FRAMES = {
    "ipv4": packets.inner(STATION, SOURCE),
    "ipv4-df": packets.inner(STATION, SOURCE, frag=DF),
    "ipv4-more-fragments": packets.inner(STATION, SOURCE, frag=0x2000),
    "ipv6": packets.inner6(STATION, SOURCE),
    "arp": packets.ethernet(STATION, SOURCE, b"\xff" * 46, 0x0806),
    "other": packets.ethernet(STATION, SOURCE, b"\xff" * 46, 0x88B5),
    "vlan-ipv4-df": tagged(packets.inner(STATION, SOURCE, frag=DF), (0x8100, 5)),
    "vlan-ipv6": tagged(packets.inner6(STATION, SOURCE), (0x8100, 5)),
    "qinq-ipv4-df": tagged(packets.inner(STATION, SOURCE, frag=DF), (0x88A8, 5),
                           (0x8100, 6)),
}

# What is inherited: from IPv4 its flag, from IPv6 always, from others never. The frame's
# own ethertype is looked at, so a tag hides what is behind it.
INHERITED = {"ipv4-df": DF, "ipv6": DF}


@pytest.mark.parametrize("df", [None, UNSET, SET, INHERIT])
def test_outer_df(pair, df):
    a, b = pair
    a.vxlan(remote=b.ip, df=df)
    inside, wire = a.tap("vx0"), b.tap("u0")
    for kind, frame in FRAMES.items():
        inside.send(frame)
        seen = Frame(wire.one(packets.is_vxlan))
        want = DF if df == SET else INHERITED.get(kind, 0) if df == INHERIT else 0
        assert (seen.frag, seen.inner) == (want, frame), kind


@pytest.mark.parametrize("told", [0x0800, 0x86DD, 0x88B5])
def test_inherited_from_the_frame_whatever_its_sender_calls_it(pair, told):
    """On a packet socket a sender tells the stack what a frame is. The flag goes by the frame itself."""
    a, b = pair
    a.vxlan(remote=b.ip, df=INHERIT)
    inside, wire = a.tap("vx0"), b.tap("u0")
    for frame, want in [
        (packets.inner(STATION, SOURCE, size=100, frag=DF), DF),
        (packets.inner(STATION, SOURCE, size=100), 0),
        (packets.inner6(STATION, SOURCE, size=100), DF),
        (packets.ethernet(STATION, SOURCE, b"\xff" * 86, 0x0806), 0),
    ]:
        inside.sock.sendto(frame, ("vx0", told))
        seen = Frame(wire.one(packets.is_vxlan))
        assert (seen.frag, seen.inner) == (want, frame)


@pytest.mark.parametrize("df", [SET, INHERIT])
def test_over_ipv6_it_means_nothing(pair6, df):
    """The IPv6 header has no such flag; the option is taken and has no effect."""
    a, b = pair6
    a.vxlan(remote=b.ip, df=df)
    inside, wire = a.tap("vx0"), b.tap("u0")
    frame = FRAMES["ipv4-df"]
    inside.send(frame)
    assert Frame(wire.one(packets.is_vxlan)).inner == frame


def test_too_large_with_df_is_not_sent(pair):
    """An outer packet over the link's MTU that must not be cut up goes nowhere."""
    a, b = pair
    a.vxlan(remote=b.ip, df=SET)
    inside, wire = a.tap("vx0"), b.tap("u0")
    with DropTrace() as trace:
        inside.send(packets.inner(STATION, SOURCE, size=1514))
        trace.expect("NOT_SPECIFIED", 1)
    inside.send(FRAMES["ipv4"])
    assert Frame(wire.one(lambda data: Frame(data).is_ip)).inner == FRAMES["ipv4"]
    counters = {key: value for key, value in a.stats("vx0").items() if value}
    assert counters == {"tx_packets": 1, "tx_bytes": 33, "tx_dropped": 1}
