# SPDX-License-Identifier: GPL-2.0
"""Every checksum of a captured packet, outer and inner, computed in software.

A packet that the kernel has not segmented yet, or whose checksum is left to a device,
says so in the header that a packet socket puts in front of it: that checksum is computed
as the device would, and then looked at like all others.
"""

import socket
import struct
from dataclasses import dataclass

from .packets import ETH_P_8021AD, ETH_P_8021Q, ETH_P_IP, ETH_P_IPV6, PORT

SOL_PACKET, PACKET_STATISTICS, PACKET_VNET_HDR = 263, 6, 15
SO_RCVBUFFORCE = 33
NEEDS_CSUM = 1
GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4 = 0, 1, 4, 5
ETH_P_ALL = 3
TCP, UDP = 6, 17


@dataclass
class Packet:
    """One packet as it crossed a link, and what was still to be done to it."""

    data: bytes
    flags: int = 0
    gso: int = GSO_NONE
    gso_size: int = 0
    start: int = 0
    offset: int = 0

    def __len__(self):
        return len(self.data)

    @property
    def partial(self):
        return bool(self.flags & NEEDS_CSUM)


class Capture:
    """A packet socket that also tells what the kernel has put off for each packet."""

    def __init__(self, name, outgoing):
        self.outgoing = outgoing
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.sock.bind((name, ETH_P_ALL))
        self.sock.setblocking(False)

    def close(self):
        self.sock.close()

    def packets(self):
        """What came by since the last call; nothing of it was lost."""
        found = []
        while True:
            try:
                raw, where = self.sock.recvfrom(1 << 20)
            except BlockingIOError:
                break
            if (where[2] == socket.PACKET_OUTGOING) == self.outgoing:
                found.append(self._open(raw))
        raw = self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        assert struct.unpack("=II", raw)[1] == 0, "the capture lost packets"
        return found

    @staticmethod
    def _open(raw):
        flags, gso, _, size, start, offset = struct.unpack_from("=BBHHHH", raw)
        return Packet(raw[10:], flags, gso & 0x7F, size, start, offset)


def total(data):
    """The ones' complement sum of octets, without its carries: 0 stands for 0xFFFF too."""
    return int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF


def faults(packet):
    """What is wrong with the checksums of a packet, outermost first; nothing if all is well."""
    data = bytearray(packet.data)
    if packet.partial:
        field = packet.start + packet.offset
        value = 0xFFFF - total(data[packet.start:])
        struct.pack_into("!H", data, field, value)
    return list(_ethernet(bytes(data), 0, packet.gso != GSO_NONE, "outer"))


def _ethernet(data, at, gso, name):
    ethertype = struct.unpack_from("!H", data, at + 12)[0]
    at += 14
    while ethertype in (ETH_P_8021Q, ETH_P_8021AD):
        ethertype = struct.unpack_from("!H", data, at + 2)[0]
        at += 4
    if ethertype == ETH_P_IP:
        yield from _ipv4(data, at, gso, name)
    elif ethertype == ETH_P_IPV6:
        yield from _ipv6(data, at, gso, name)


def _ipv4(data, at, gso, name):
    length = (data[at] & 15) * 4
    if total(data[at:at + length]):
        yield f"{name} IPv4 header"
    size, frag, proto = (struct.unpack_from("!H", data, at + 2)[0],
                         struct.unpack_from("!H", data, at + 6)[0], data[at + 9])
    end = at + size if size else len(data)          # A length beyond 16 bits is left out.
    if frag & 0x3FFF == 0:
        ends = data[at + 12:at + 20]
        yield from _transport(data, at + length, end, ends, proto, gso, name)


def _ipv6(data, at, gso, name):
    size, proto = struct.unpack_from("!HB", data, at + 4)
    end = at + 40 + size if size else len(data)
    ends = data[at + 8:at + 40]
    yield from _transport(data, at + 40, end, ends, proto, gso, name)


def _transport(data, at, end, ends, proto, gso, name):
    if end > len(data):
        yield f"{name} length {end} of {len(data)}"
    if proto == TCP and total(ends + _pseudo(proto, end - at) + data[at:end]):
        yield f"{name} TCP"
    if proto != UDP:
        return
    port, length, value = struct.unpack_from("!HHH", data, at + 2)
    tunnel = port == PORT
    if value and tunnel and gso:
        # Segmentation computes it from the sum of the pseudo header that it finds here.
        length = length or end - at
        if value % 0xFFFF != total(ends + _pseudo(proto, length)):
            yield f"{name} UDP seed"
    elif value and total(ends + _pseudo(proto, end - at) + data[at:end]):
        yield f"{name} UDP"
    elif not value and not tunnel:
        yield f"{name} UDP has none"
    if tunnel:
        yield from _ethernet(data, at + 16, gso, "inner")


def _pseudo(proto, length):
    return struct.pack("!IHH", length, 0, proto)


def outer_checksum(packet):
    """The outer UDP checksum that a packet carries, 0 for none."""
    at = 14 + (40 if packet.data[12:14] == b"\x86\xdd" else 20)
    return struct.unpack_from("!H", packet.data, at + 6)[0]


def innermost(packet):
    """(protocol, destination port, octets of payload) of what an application sent."""
    data, at = packet.data, 0
    while True:
        ethertype = struct.unpack_from("!H", data, at + 12)[0]
        at += 14
        if ethertype == ETH_P_IP:
            proto, at = data[at + 9], at + (data[at] & 15) * 4
        elif ethertype == ETH_P_IPV6:
            proto, at = data[at + 6], at + 40
        else:
            return None, None, 0
        if proto not in (TCP, UDP):
            return proto, None, 0
        port = struct.unpack_from("!H", data, at + 2)[0]
        if (proto, port) != (UDP, PORT):
            header = 8 if proto == UDP else (data[at + 12] >> 4) * 4
            return proto, port, len(data) - at - header
        at += 16
