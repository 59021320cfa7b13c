# SPDX-License-Identifier: GPL-2.0
"""ECN and DSCP through the tunnel (RFC 6040), TTL on the wire, and the ECN log line."""

import contextlib

import pytest

from lib import packets
from lib.host import ZERO_MAC
from lib.netns import await_stat
from lib.packets import Frame
from lib.trace import DropTrace
from lib.wait import wait_for

NOT_ECT, ECT1, ECT0, CE = range(4)
STATION = "02:00:00:00:aa:01"
LOG_PARAMETER = "/sys/module/vxlan/parameters/log_ecn_error"

# (outer, inner) -> the inner ECN that is delivered; None is a drop.
DELIVERED = {
    (NOT_ECT, NOT_ECT): NOT_ECT, (NOT_ECT, ECT1): ECT1,
    (NOT_ECT, ECT0): ECT0, (NOT_ECT, CE): CE,
    (ECT1, NOT_ECT): NOT_ECT, (ECT1, ECT1): ECT1,
    (ECT1, ECT0): ECT1, (ECT1, CE): CE,
    (ECT0, NOT_ECT): NOT_ECT, (ECT0, ECT1): ECT1,
    (ECT0, ECT0): ECT0, (ECT0, CE): CE,
    (CE, NOT_ECT): None, (CE, ECT1): CE,
    (CE, ECT0): CE, (CE, CE): CE,
}


@contextlib.contextmanager
def setting(path, value):
    """Write a file of /proc or /sys for the time of a test."""
    with open(path, encoding="ascii") as stream:
        before = stream.read()
    with open(path, "w", encoding="ascii") as stream:
        stream.write(value)
    try:
        yield
    finally:
        with open(path, "w", encoding="ascii") as stream:
            stream.write(before)


@pytest.fixture
def receiver(either):
    """Frames sent by `wire` in a reach the tunnel in b, seen on `inside`."""
    a, b = either
    b.vxlan(local=b.ip, learning=0)
    return a, b, a.tap("u0"), b.tap("vx0")


@pytest.mark.parametrize("outer", range(4))
def test_receive(receiver, outer):
    """Each outer ECN with each inner one; the inner DSCP is never touched."""
    a, b, wire, inside = receiver
    drops = 0
    for dscp, make in ((0, packets.inner), (0x68, packets.inner), (0x68, packets.inner6)):
        for inner in (ECT1, ECT0, CE, NOT_ECT):
            frame = make(b.mac("vx0"), STATION, tos=dscp | inner)
            wire.send(packets.outer(a, packets.vxlan(10, frame), tos=0xB8 | outer))
            want = DELIVERED[outer, inner]
            if want is None:
                drops += 1
                await_stat(b, "vx0", "rx_errors", drops)
                continue
            assert inside.one() == make(b.mac("vx0"), STATION, tos=dscp | want)
    stats = b.stats("vx0")
    assert drops == (3 if outer == CE else 0)
    assert (stats["rx_frame_errors"], stats["rx_errors"]) == (drops, drops)
    assert stats["rx_packets"] == 12 - drops and stats["rx_dropped"] == 0


def test_reason_of_the_drop(receiver):
    a, b, wire, _inside = receiver
    frame = packets.inner(b.mac("vx0"), STATION)
    with DropTrace() as trace:
        for _ in range(3):
            wire.send(packets.outer(a, packets.vxlan(10, frame), tos=CE))
        trace.expect("IP_TUNNEL_ECN", 3)


def test_frames_without_ecn(receiver):
    """ARP has no ECN field, so a CE mark outside is no error."""
    a, b, wire, inside = receiver
    frame = packets.ethernet(b.mac("vx0"), STATION, bytes(46), 0x0806)
    wire.send(packets.outer(a, packets.vxlan(10, frame), tos=CE))
    assert inside.one() == frame


@pytest.mark.parametrize("outer, logged", [(ECT1, True), (ECT0, True), (CE, True),
                                           (NOT_ECT, False)])
def test_log_line(receiver, kernel_log, outer, logged):
    """A mark outside on a packet that knows no ECN is logged, delivered or not."""
    a, b, wire, inside = receiver
    line = f"non-ECT from {a.ip} with TOS={outer:#x}"
    if ":" in a.ip:
        line = f"non-ECT from fd00:{'0000:' * 6}0001"
    with setting("/proc/sys/net/core/message_cost", "0"), setting(LOG_PARAMETER, "Y"):
        for tag in (outer, NOT_ECT):
            frame = packets.inner(b.mac("vx0"), STATION)
            wire.send(packets.outer(a, packets.vxlan(10, frame), tos=tag))
        inside.one()
        if logged:
            wait_for(lambda: line in " ".join(kernel_log.read()), line)
        else:
            inside.one()
            assert "non-ECT" not in " ".join(kernel_log.read())


def test_log_parameter_off(receiver, kernel_log):
    """log_ecn_error=N: the same packets, no line, the same counters."""
    a, b, wire, inside = receiver
    with setting("/proc/sys/net/core/message_cost", "0"), setting(LOG_PARAMETER, "N"):
        frame = packets.inner(b.mac("vx0"), STATION)
        for tos in (CE, ECT0):
            wire.send(packets.outer(a, packets.vxlan(10, frame), tos=tos))
        inside.one()
    await_stat(b, "vx0", "rx_frame_errors", 1)
    assert "non-ECT" not in " ".join(kernel_log.read())


# (tos of the device, inner TOS) -> outer TOS. CE inside goes out as ECT(0).
OUTER_TOS = {
    None: {0x00: 0x00, 0x01: 0x01, 0x02: 0x02, 0x03: 0x02, 0xB8: 0x00, 0xBB: 0x02},
    0x68: {0x00: 0x68, 0x01: 0x69, 0x02: 0x6A, 0x03: 0x6A, 0xB8: 0x68, 0xB9: 0x69},
    0x01: {0x00: 0x00, 0x01: 0x01, 0x02: 0x02, 0x03: 0x02, 0xB8: 0xB8, 0xBB: 0xBA},
}


@pytest.mark.parametrize("tos", OUTER_TOS, ids=("unset", "value", "inherit"))
def test_transmit(either, tos):
    """What the outer TOS, or traffic class, becomes of the inner one."""
    a, b = either
    a.vxlan(remote=b.ip, tos=tos)
    wire, inside = b.tap("u0"), a.tap("vx0")
    for make in (packets.inner, packets.inner6):
        for inner, outer in OUTER_TOS[tos].items():
            frame = make(STATION, a.mac("vx0"), tos=inner)
            inside.send(frame)
            got = Frame(wire.one(packets.is_vxlan))
            assert (got.tos, got.inner) == (outer, frame), f"inner TOS {inner:#x}"


def test_inherit_takes_nothing_from_arp(either):
    a, b = either
    a.vxlan(remote=b.ip, tos=1)
    wire, inside = b.tap("u0"), a.tap("vx0")
    inside.send(packets.ethernet(STATION, a.mac("vx0"), b"\xff" * 46, 0x0806))
    assert Frame(wire.one(packets.is_vxlan)).tos == 0


@pytest.mark.parametrize("remote, ttl, seen", [
    ("10.0.0.2", None, 64), ("10.0.0.2", 1, 1), ("10.0.0.2", 255, 255),
    ("239.1.1.1", None, 1), ("239.1.1.1", 9, 9),
])
def test_ttl(pair, remote, ttl, seen):
    """A set TTL is used; else 1 for groups and the host's default for the rest."""
    a, b = pair
    a.vxlan(dev="u0", remote=remote, ttl=ttl)
    wire, inside = b.tap("u0"), a.tap("vx0")
    inside.send(packets.inner("ff:ff:ff:ff:ff:ff", a.mac("vx0")))
    assert Frame(wire.one(packets.is_vxlan)).ttl == seen


def test_ttl_inherit(pair):
    """The inner TTL goes outside; what has none is sent with the default."""
    a, b = pair
    a.vxlan(remote=b.ip, ttl_inherit=True)
    wire, inside = b.tap("u0"), a.tap("vx0")
    for ttl in (1, 5, 200):
        ip = packets.ipv4("192.0.2.1", "192.0.2.2", packets.udp(1, 2, b"x"), ttl=ttl)
        inside.send(packets.ethernet(STATION, a.mac("vx0"), ip))
        assert Frame(wire.one(packets.is_vxlan)).ttl == ttl
    inside.send(packets.ethernet(STATION, a.mac("vx0"), bytes(46), 0x0806))
    assert Frame(wire.one(packets.is_vxlan)).ttl == 64


def test_default_ttl_follows_the_namespace(pair):
    a, b = pair
    with a, open("/proc/sys/net/ipv4/ip_default_ttl", "w", encoding="ascii") as stream:
        stream.write("33")
    a.vxlan()
    a.fdb_add(ZERO_MAC, b.ip)
    wire, inside = b.tap("u0"), a.tap("vx0")
    inside.send(packets.inner(STATION, a.mac("vx0")))
    assert Frame(wire.one(packets.is_vxlan)).ttl == 33
