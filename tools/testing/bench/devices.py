# SPDX-License-Identifier: GPL-2.0
"""Many devices: making one among many, and receiving for one of many on a port."""

import struct

import receive
from lib import rtnl
from lib import uapi as u
from lib.host import NEW
from meter import least
from world import pair

COUNT, FIRST_VNI, SAMPLE = 1000, 100, 50


def creation(end, number):
    """The message that makes device v<number>."""
    data = end.vxlan_data(id=FIRST_VNI + number, learning=0)
    body = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + rtnl.encode([
        (u.IFLA.IFNAME, rtnl.text(f"v{number}")),
        (u.IFLA.LINKINFO, [(u.INFO.KIND, b"vxlan"), (u.INFO.DATA, data)])])
    return struct.pack("=IHHII", 16 + len(body), u.RTM_NEWLINK, u.NLM_F_REQUEST | NEW, 0, 0) + body


def create(sock, buffers):
    for buffer in buffers:
        sock.send(buffer)


def many(meter):
    """A device made, which stays down, where there are 1,000; then a packet for one of those, up."""
    with pair() as ends:
        receiver = ends[1]
        sock = receiver.nl.sock
        buffers = [creation(receiver, number) for number in range(COUNT + SAMPLE)]
        create(sock, buffers[:COUNT])
        made = meter.once(create, sock, buffers[COUNT:]) / SAMPLE
        names = receiver.links().keys() - {"u0"}
        assert len(names) == COUNT + SAMPLE, f"{len(names)} devices"
        for number in range(COUNT):
            receiver.link_set(f"v{number}", up=True)
        frames = [receive.outer(ends, receive.inner("02:00:00:00:00:09"), FIRST_VNI + number)
                  for number in range(COUNT)]
        tap = ends[0].tap("u0")
        receive.send(tap, frames)
        received = sum(receiver.stats(f"v{number}")["rx_packets"] for number in range(COUNT))
        assert received == COUNT, f"{received} packets received"
        through = least(meter.once(receive.send, tap, frames) for _ in range(receive.RUNS)) / COUNT
        below = receive.baseline(meter, tap, frames[0])
    return made, through - below


SCENES = [(("create-1k", "rx-1k-vnis"), many)]
