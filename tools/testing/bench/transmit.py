# SPDX-License-Identifier: GPL-2.0
"""Transmit: what VXLAN adds to sending a packet by the device below it."""

import pktgen
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


# The rows that a scene is for, and what measures them.
SCENES = [
    (("tx-v4-60",), lambda meter: cost(meter, 60)),
    (("tx-v4-1396",), lambda meter: cost(meter, 1396)),
    (("tx-v6-zero",), lambda meter: cost(meter, 60, six=True, zero_csum6_tx=1)),
    (("tx-v6-csum",), lambda meter: cost(meter, 60, six=True)),
]
