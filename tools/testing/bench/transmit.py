# SPDX-License-Identifier: GPL-2.0
"""Transmit: what VXLAN adds to sending a packet by the device below it."""

import messages
import pktgen
from lib.host import APPEND, ZERO_MAC
from world import lone

MAC = "02:00:00:00:00:0a"
PACKETS = 20_000


def cost(meter, size, packets=PACKETS, six=False, **options):
    """Per packet whose address is in the table."""
    with lone(six) as end, end:
        end.vxlan(local=end.here, dev="u0", **options)
        end.fdb_add(MAC, end.address_of(2))
        through = pktgen.cost(meter, "vx0", packets, size, MAC)
        below = pktgen.cost(meter, "u0", packets, size, MAC)
        see_sent(end, pktgen.sent(packets))
        yield through - below


def see_sent(end, packets):
    stats = end.stats("vx0")
    assert stats["tx_packets"] == packets, f"{stats['tx_packets']} packets counted, not {packets}"
    assert not stats["tx_dropped"], "packets were dropped"


def from_table(meter, entries, remotes=1, packets=PACKETS):
    """Per packet to an address at random of a table of that many."""
    with lone(remotes=remotes) as end, end:
        end.vxlan(local=end.here, dev="u0")
        messages.fill(end, entries, remotes)
        first = messages.lladdr(0).hex(":")
        anywhere = (f"dst_mac_count {entries}", "flag MACDST_RND")
        through = pktgen.cost(meter, "vx0", packets, 60, first, *anywhere)
        below = pktgen.cost(meter, "u0", packets, 60, first, *anywhere)
        see_sent(end, pktgen.sent(packets))
        yield through - below


def first_packets(meter, entries=PACKETS):
    """Per packet that is the first to its address, of 16 tunnel ends that were sent to before."""
    with lone(remotes=16) as end, end:
        end.vxlan(local=end.here, dev="u0")
        messages.fill(end, 16 + entries, 16)

        def sent(device, first, packets):
            pktgen.prepare(device, packets, 60, messages.lladdr(first).hex(":"), f"dst_mac_count {packets}")
            cost = meter.once(pktgen.start)
            pktgen.finish(device, packets)
            return cost
        sent("vx0", 0, 16)
        through = sent("vx0", 16, entries)
        below = sent("u0", 16, entries)
        see_sent(end, 16 + entries)
        yield (through - below) / entries


def flood(meter, remotes):
    """Per copy of a packet for everybody, to that many tunnel ends."""
    packets = max(20, PACKETS // 2 // remotes)
    with lone(remotes=remotes) as end, end:
        end.vxlan(local=end.here, dev="u0")
        for number in range(2, 2 + remotes):
            end.fdb_add(ZERO_MAC, end.address_of(number), how=APPEND)
        through = pktgen.cost(meter, "vx0", packets, 60, MAC)
        below = pktgen.cost(meter, "u0", packets, 60, MAC)
        copies = end.stats("u0")["tx_packets"] - pktgen.sent(packets)
        assert copies == remotes * pktgen.sent(packets), f"{copies} copies"
        yield (through - below) / remotes


# The rows that a scene is for, and what measures them.
SCENES = [
    (("tx-v4-60",), lambda meter: cost(meter, 60)),
    (("tx-v4-1396",), lambda meter: cost(meter, 1396)),
    (("tx-v6-zero",), lambda meter: cost(meter, 60, six=True, zero_csum6_tx=1)),
    (("tx-v6-csum",), lambda meter: cost(meter, 60, six=True)),
    (("tx-1",), lambda meter: from_table(meter, 1)),
    (("tx-1k",), lambda meter: from_table(meter, 1000)),
    (("tx-100k",), lambda meter: from_table(meter, 100_000)),
    (("tx-100k-16",), lambda meter: from_table(meter, 100_000, 16)),
    (("tx-first",), first_packets),
    (("flood-1",), lambda meter: flood(meter, 1)),
    (("flood-10",), lambda meter: flood(meter, 10)),
    (("flood-100",), lambda meter: flood(meter, 100)),
    (("flood-1000",), lambda meter: flood(meter, 1000)),
]
