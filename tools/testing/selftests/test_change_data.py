# SPDX-License-Identifier: GPL-2.0
"""Changes of a device while packets flow: the very next packet follows the change."""

import threading

import pytest

from lib import packets
from lib.host import ZERO_MAC
from lib.packets import Frame
from lib.wait import wait_for

STATION, OTHER = "02:00:00:00:aa:01", "02:00:00:00:aa:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"
ELSEWHERE = {4: "10.0.0.77", 6: "fd00::77"}
DF = 0x4000


class Flow:
    """a's tunnel to b, and what its next packet looks like on the wire."""

    def __init__(self, ends, **options):
        self.a, self.b = ends
        self.a.vxlan(remote=self.b.ip, **options)
        self.inside, self.wire = self.a.tap("vx0"), self.b.tap("u0")
        self.frame = packets.inner6(STATION, OTHER, tos=0x20, ttl=7, label=0x123)

    def next(self, frame=None):
        frame = frame or self.frame
        self.inside.send(frame)
        seen = Frame(self.wire.one(packets.is_vxlan))
        assert seen.inner == frame
        return seen

    def change(self, **options):
        self.a.vxlan_change(**options)
        return self.next()


@pytest.fixture
def flow(either):
    one = Flow(either)
    one.next()                  # What a cache could hold on to it holds now.
    return one


def test_ttl(flow):
    assert flow.next().ttl == 64
    assert flow.change(ttl=9).ttl == 9
    assert flow.change(ttl=200).ttl == 200
    assert flow.change(ttl=0).ttl == 64


def test_tos(flow):
    assert flow.next().tos == 0
    assert flow.change(tos=0x48).tos == 0x48
    assert flow.change(tos=1).tos == 0x20
    assert flow.change(tos=0).tos == 0


def test_label(pair6):
    flow = Flow(pair6)
    assert flow.next().label == 0
    assert flow.change(label=0x54321).label == 0x54321
    assert flow.change(label_policy=1).label == 0x123
    assert flow.change(label_policy=0).label == 0x54321


def test_df(pair):
    flow = Flow(pair)
    assert flow.next().frag == 0
    assert flow.change(df=1).frag == DF
    assert flow.change(df=0).frag == 0
    assert flow.change(df=2).frag == DF
    assert flow.next(packets.inner(STATION, OTHER)).frag == 0


def test_source_ports(flow):
    """The range is fixed when the device is made; a change of something else keeps it."""
    before = flow.next().ports
    assert flow.change(ttl=5).ports == before


@pytest.mark.parametrize("family", [4, 6])
def test_remote(pair6, family):
    """The default entry follows, and with it what has no entry of its own."""
    a, b = pair6
    if family == 4:
        a.ip, b.ip = a.ip4, b.ip4
    flow = Flow(pair6)
    a.neighbour("u0", ELSEWHERE[family], "02:00:00:00:00:77")
    assert (flow.next().ip_dst, flow.next().dst) == (b.ip, b.mac_u0)
    seen = flow.change(remote=ELSEWHERE[family])
    assert (seen.ip_dst, seen.dst) == (ELSEWHERE[family], "02:00:00:00:00:77")
    assert a.fdb() == {ZERO_MAC: [ELSEWHERE[family]]}
    seen = flow.change(remote=b.ip)
    assert (seen.ip_dst, seen.dst) == (b.ip, b.mac_u0)


@pytest.fixture
def two_addresses(either):
    """A flow whose host has a second address."""
    flow = Flow(either)
    second = "fd00::50" if ":" in flow.a.ip else "10.0.0.50"
    flow.a.address("u0", second, 64 if ":" in second else 24)
    assert flow.next().ip_src in (flow.a.ip, second)
    return flow, second


def test_local_with_tos(two_addresses):
    """With a TOS each packet looks its route up, and so has the address at once."""
    flow, second = two_addresses
    flow.change(tos=0x20)
    assert flow.change(local=second).ip_src == second
    assert flow.change(local=flow.a.ip).ip_src == flow.a.ip


def local_there_and_back(flow, second):
    """A route that was cached for the old address is not used any more."""
    for _ in range(10):
        assert flow.change(local=second).ip_src == second
        assert flow.change(local=flow.a.ip).ip_src == flow.a.ip


def test_local_over_ipv4(pair):
    flow = Flow(pair)
    flow.a.address("u0", "10.0.0.50", 24)
    local_there_and_back(flow, "10.0.0.50")


@pytest.mark.ours_only(reason="stock goes on with the source address of the cached route")
def test_local_over_ipv6(pair6):
    flow = Flow(pair6)
    flow.a.address("u0", "fd00::50", 64)
    local_there_and_back(flow, "fd00::50")


def test_local_of_entries_to_come(two_addresses):
    """A remote that no packet went to yet has no route: the new address serves."""
    flow, second = two_addresses
    flow.a.vxlan_change(local=second)
    there = ELSEWHERE[6 if ":" in second else 4]
    flow.a.neighbour("u0", there, flow.b.mac_u0)
    flow.a.fdb_add(STATION, there)
    assert (flow.next().ip_src, flow.next().ip_dst) == (second, there)


def test_learning(either):
    a, b = either
    b.vxlan(local=b.ip)
    wire, inside = a.tap("u0"), b.tap("vx0")

    def hear(station):
        frame = packets.inner(BROADCAST, station)
        wire.send(packets.outer(a, packets.vxlan(10, frame)))
        assert inside.one() == frame
        return set(b.fdb())

    assert hear(STATION) == {STATION}
    b.vxlan_change(learning=0)
    assert hear(OTHER) == {STATION}
    b.vxlan_change(learning=1)
    assert hear(OTHER) == {STATION, OTHER}


@pytest.mark.parametrize("six", [False, True], ids=("over4", "over6"))
def test_localbypass(host6, six):
    ip, loopback = (host6.ip, "::1") if six else (host6.ip4, "127.0.0.1")
    host6.vxlan("v10", id=10, local=ip)
    host6.vxlan("v20", id=20, local="fd00::99" if six else "10.0.0.99")
    host6.fdb_add(STATION, ip, name="v10", vni=20)
    inside, outside, loop = host6.tap("v10"), host6.tap("v20"), host6.tap("lo")
    for number, bypass in enumerate((1, 0, 1)):
        host6.vxlan_change("v10", localbypass=bypass)
        source = f"02:00:00:00:cc:0{number}"
        frame = packets.inner(STATION, source)
        inside.send(frame)
        assert outside.one() == frame
        assert host6.fdb("v20")[source] == [loopback if bypass else ip]
        assert len(loop.pending(packets.is_vxlan)) == (0 if bypass else 1)


@pytest.mark.ours_only(reason="stock may mix an old and a new value in one packet")
def test_a_packet_has_all_of_a_change_or_nothing(either):
    """Packets sent while the device is changed to and fro: each carries one of the two
    configurations whole."""
    flow = Flow(either, ttl=10, tos=0x20)
    sent = threading.Event()

    def send():
        with flow.a:
            while not sent.is_set():
                flow.inside.send(flow.frame)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(25):
            flow.a.vxlan_change(ttl=20, tos=0x40)
            flow.a.vxlan_change(ttl=10, tos=0x20)
        # The sender may have had little of the CPUs so far.
        wait_for(lambda: flow.a.stats("vx0")["tx_packets"] > 25, "packets")
    finally:
        sent.set()
        sender.join()
    seen = {(Frame(data).ttl, Frame(data).tos)
            for data in flow.wire.pending(packets.is_vxlan)}
    assert {(10, 0x20), (20, 0x40)} >= seen and seen
