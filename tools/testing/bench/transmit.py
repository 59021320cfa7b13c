# SPDX-License-Identifier: GPL-2.0
"""Transmit: what VXLAN adds to sending a packet by the device below it."""

import pktgen
from lib.host import Host

MAC, NEXT_HOP = "02:00:00:00:00:02", "02:00:00:00:00:03"
PACKETS = 20_000


class Sender(Host):
    """A namespace with a dummy device as underlay, and a neighbour there."""

    def __init__(self, six=False):
        super().__init__("sender")
        self.here, self.there = ("fd00::1", "fd00::2") if six else ("192.0.2.1", "192.0.2.2")
        self.link_add("u0", "dummy")
        if six:
            self.ipv6("u0")
        self.link_set("u0", up=True)
        self.address("u0", self.here, 64 if six else 24)
        self.neighbour("u0", self.there, NEXT_HOP)


def cost(meter, size, packets=PACKETS, six=False, **options):
    """Instructions that VXLAN adds to a packet whose address is in the table."""
    host = Sender(six)
    host.vxlan(local=host.here, dev="u0", **options)
    host.fdb_add(MAC, host.there)
    with host:
        through = pktgen.cost(meter, "vx0", packets, size, MAC)
        below = pktgen.cost(meter, "u0", packets, size, MAC)
    sent = host.stats("vx0")["tx_packets"]
    assert sent == pktgen.RUNS * sum(pktgen.counts(packets)), f"{sent} packets counted"
    assert not host.stats("vx0")["tx_dropped"], "packets were dropped"
    host.close()
    return through - below


# The rows that a scene is for, and what measures them.
SCENES = [
    (("tx-v4-60",), lambda meter: [cost(meter, 60)]),
    (("tx-v4-1396",), lambda meter: [cost(meter, 1396)]),
    (("tx-v6-zero",), lambda meter: [cost(meter, 60, six=True, zero_csum6_tx=1)]),
    (("tx-v6-csum",), lambda meter: [cost(meter, 60, six=True)]),
]
