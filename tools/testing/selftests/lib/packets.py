# SPDX-License-Identifier: GPL-2.0
"""Frames built and taken apart by hand, so that every byte of a test is explicit.

test_wire.py checks the driver against scapy; the other tests need many small
frames quickly, and scapy is slow to build them in an emulated guest.
"""

import socket
import struct

PORT = 4789
ETH_P_IP, ETH_P_8021Q = 0x0800, 0x8100


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(dst, src, payload, ethertype=ETH_P_IP):
    return mac(dst) + mac(src) + struct.pack("!H", ethertype) + payload


def ipv4(src, dst, payload, proto=17, tos=0, ttl=64, ident=0, frag=0):
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), ident, frag,
                       ttl, proto, 0) + socket.inet_aton(src) + socket.inet_aton(dst)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(sport, dport, payload):
    """A UDP datagram with no checksum, which IPv4 allows."""
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def inner(dst, src, tag=b"hello", tos=0, size=0, frag=0):
    """The Ethernet frame a tunnel carries: IPv4, UDP, `tag` padded to `size` bytes."""
    payload = tag + bytes(max(0, size - len(tag) - 42))
    return ethernet(dst, src, ipv4("192.0.2.1", "192.0.2.2",
                                   udp(1111, 2222, payload), tos=tos, frag=frag))


def vxlan(vni, payload, flags=0x08000000, reserved=0):
    return struct.pack("!II", flags, vni << 8 | reserved) + payload


def outer(link, payload, dport=PORT, sport=50000, tos=0, src=None, frag=0):
    """`payload` as a UDP datagram from a link's own address to its peer's."""
    ip = ipv4(src or link.ip, link.peer_ip, udp(sport, dport, payload), tos=tos,
              frag=frag)
    return ethernet(link.peer_mac, link.mac_u0, ip)


class Frame:
    """A received Ethernet frame with an IPv4 header, opened up."""

    def __init__(self, data):
        self.data = data
        self.dst, self.src = data[:6].hex(":"), data[6:12].hex(":")
        self.ethertype = struct.unpack_from("!H", data, 12)[0]
        self.is_ip = self.ethertype == ETH_P_IP and len(data) >= 34
        if not self.is_ip:
            return
        (_, self.tos, self.total, self.ident, self.frag, self.ttl,
         self.proto, _) = struct.unpack_from("!BBHHHBBH", data, 14)
        self.ip_src = socket.inet_ntoa(data[26:30])
        self.ip_dst = socket.inet_ntoa(data[30:34])
        self.body = data[34:14 + self.total]

    @property
    def is_udp(self):
        return self.is_ip and self.proto == 17 and not self.frag & 0x1FFF

    @property
    def ports(self):
        return struct.unpack_from("!HH", self.body)

    @property
    def udp_checksum(self):
        return struct.unpack_from("!H", self.body, 6)[0]

    @property
    def vni(self):
        return struct.unpack_from("!I", self.body, 12)[0] >> 8

    @property
    def vxlan_header(self):
        return self.body[8:16]

    @property
    def inner(self):
        return self.body[16:]


def is_vxlan(data, dport=PORT):
    frame = Frame(data)
    return frame.is_udp and frame.ports[1] == dport
