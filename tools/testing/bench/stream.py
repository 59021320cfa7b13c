# SPDX-License-Identifier: GPL-2.0
"""TCP, the whole system at once: what an octet costs from one end's socket to the other's."""

import select
import socket

from meter import least
from world import pair

OCTETS, RUNS = 8_000_000, 3
PORT = 5001
INNER = ("10.9.0.1", "10.9.0.2")


class Stream:
    """A connection between two ends, of which this process holds both sockets."""

    def __init__(self, ends, address):
        with ends[1]:
            listener = socket.create_server((address, PORT))
        with ends[0]:
            self.source = socket.create_connection((address, PORT))
        self.sink, _ = listener.accept()
        listener.close()
        for sock in (self.source, self.sink):
            sock.setblocking(False)
        self.chunk, self.buffer = bytes(1 << 16), bytearray(1 << 18)

    def close(self):
        self.source.close()
        self.sink.close()

    def move(self, octets):
        """Send that many and receive them."""
        left, wanted = octets, octets
        while wanted:
            try:
                while left:
                    left -= self.source.send(memoryview(self.chunk)[:left])
            except BlockingIOError:
                pass
            select.select([self.sink], [], [], 10)
            try:
                while wanted:
                    wanted -= self.sink.recv_into(self.buffer)
            except BlockingIOError:
                pass


def features(end, name, **wanted):
    """Set offloads; ethtool succeeds when some cannot be changed, so see."""
    for feature, on in wanted.items():
        end.run("ethtool", "-K", name, feature.replace("_", "-"), "on" if on else "off")


def per_octet(meter, tunnel, segments, outer_gro=True, gro=True):
    """With `segments` the wire carries packets of the MTU, and else what TCP makes."""
    with pair() as ends:
        device = "vx0" if tunnel else "u0"
        address = ends[1].here
        if tunnel:
            for end, there, own in zip(ends, reversed(ends), INNER):
                end.vxlan(local=end.here, remote=there.here, dev="u0")
                end.address("vx0", own, 24)
            for end, there, other in zip(ends, reversed(ends), reversed(INNER)):
                end.neighbour("vx0", other, there.mac("vx0"))
            address = INNER[1]
        for end in ends:
            features(end, "u0", gro=outer_gro)
            if segments:
                features(end, "u0", tso=False, gso=False, tx_udp_segmentation=False)
            if not gro:
                features(end, device, gro=False)
        stream = Stream(ends, address)
        stream.move(OCTETS // 2)        # The window opens.
        yield least(meter.once(stream.move, OCTETS) for _ in range(RUNS)) / OCTETS
        stream.close()


SCENES = [
    (("tcp-tso-plain",), lambda meter: per_octet(meter, False, False)),
    (("tcp-tso",), lambda meter: per_octet(meter, True, False)),
    (("tcp-plain",), lambda meter: per_octet(meter, False, True)),
    (("tcp-outer-gro",), lambda meter: per_octet(meter, True, True)),
    (("tcp-cells",), lambda meter: per_octet(meter, True, True, outer_gro=False)),
    (("tcp-no-gro",), lambda meter: per_octet(meter, True, True, outer_gro=False, gro=False)),
]
