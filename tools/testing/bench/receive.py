# SPDX-License-Identifier: GPL-2.0
"""Receive: what VXLAN adds to a frame that is dropped for its unknown protocol.

Frames come by a packet socket over veth. With VXLAN they are opened and the inner frame is dropped for its
protocol; the baseline are frames of the same length that are dropped for theirs where they come in.
"""

import socket
import struct
import time

from lib import packets
from meter import least
from world import MACS, pair

UNKNOWN = 0x88B5            # For experiments: no protocol of the kernel's.
VNI, LENGTH = 10, 60
FRAMES, RUNS = 4000, 3
BURST, SLOT = 50, 0.002     # Packets, and seconds between their going.


def inner(source):
    return packets.ethernet("02:00:00:00:00:0a", source, bytes(LENGTH - 14), UNKNOWN)


def outer(ends, payload, vni=VNI, checked=False):
    """A frame for the receiver's VXLAN device; over IPv4 only GRO wants a UDP checksum."""
    sender, receiver = ends
    payload = packets.vxlan(vni, payload)
    src, dst = sender.here, receiver.here
    if sender.six:
        ip = packets.ipv6(src, dst, packets.udp6(src, dst, 50000, packets.PORT, payload))
        return packets.ethernet(MACS[1], MACS[0], ip, packets.ETH_P_IPV6)
    udp = packets.udp(50000, packets.PORT, payload)
    if checked:
        pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!HH", 17, len(udp))
        udp = udp[:6] + struct.pack("!H", packets.checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    ip = packets.ipv4(src, dst, udp)
    return packets.ethernet(MACS[1], MACS[0], ip)


def plain(frame):
    """The same frame, of a protocol that nobody takes."""
    return frame[:12] + UNKNOWN.to_bytes(2, "big") + frame[14:]


def send(tap, frames):
    transmit = tap.sock.send
    for frame in frames:
        transmit(frame)


def baseline(meter, tap, frame):
    return least(meter.once(send, tap, [plain(frame)] * FRAMES) for _ in range(RUNS)) / FRAMES


def cost(meter, six=False, **options):
    """Per packet, of a sender that is known or that nobody learns."""
    with pair(six) as ends:
        tap = ends[0].tap("u0")
        receiver = ends[1]
        receiver.vxlan(id=None if options.get("external") else VNI, local=receiver.here, **options)
        frame = outer(ends, inner("02:00:00:00:00:09"))
        send(tap, [frame])          # Learned now, if at all.
        through = least(meter.once(send, tap, [frame] * FRAMES) for _ in range(RUNS)) / FRAMES
        received = receiver.stats("vx0")["rx_packets"]
        assert received == 1 + FRAMES * RUNS, f"{received} packets received"
        yield through - baseline(meter, tap, frame)


def newcomers(meter):
    """Per packet, of senders that are all new."""
    count = FRAMES // 2
    with pair() as ends:
        tap, receiver = ends[0].tap("u0"), ends[1]
        receiver.vxlan()
        frames = [outer(ends, inner(f"02:00:00:01:{i >> 8:02x}:{i & 255:02x}")) for i in range(count)]

        def again():
            receiver.fdb_flush()
            found = meter.once(send, tap, frames)
            learned = len(receiver.fdb_dump())
            assert learned == count, f"{learned} of {count} learned"
            return found
        again()         # Memory that the allocators fetch first is not counted.
        yield least(again() for _ in range(RUNS)) / count - baseline(meter, tap, frames[0])


def send_bursts(tap, frames):
    """As send(), but a queue lets them go 50 at a time, so that the receiver polls that many."""
    for first in range(0, len(frames), BURST):
        send(tap, frames[first:first + BURST])
        time.sleep(2 * SLOT)


def batches(meter):
    """Per packet, of what a receiver with NAPI and GRO finds many of at once."""
    with pair() as ends:
        sender, receiver = ends
        # A veth hands frames to NAPI only where its peer does no TSO.
        sender.run("ethtool", "-K", "u0", "tso", "off")
        receiver.run("ethtool", "-K", "u0", "gro", "on")
        sender.run("tc", "qdisc", "replace", "dev", "u0", "root", "netem", "slot", f"{1000 * SLOT:g}ms",
                   "limit", str(2 * BURST))
        receiver.vxlan(learning=0)
        tap = sender.tap("u0")
        frame = outer(ends, inner("02:00:00:00:00:09"), checked=True)
        send_bursts(tap, [frame] * BURST)
        costs = [least(meter.once(send_bursts, tap, [kind] * FRAMES) for _ in range(RUNS)) / FRAMES
                 for kind in (frame, plain(frame))]
        received = receiver.stats("vx0")["rx_packets"]
        assert received == BURST + FRAMES * RUNS, f"{received} packets received"
        yield costs[0] - costs[1]


SCENES = [
    (("rx-v4",), lambda meter: cost(meter, learning=0)),
    (("rx-v6",), lambda meter: cost(meter, learning=0, six=True)),
    (("rx-known",), lambda meter: cost(meter, learning=1)),
    (("rx-new",), newcomers),
    (("rx-metadata",), lambda meter: cost(meter, external=1, learning=0)),
    (("rx-batches",), batches),
]
