# SPDX-License-Identifier: GPL-2.0
"""Frames built and taken apart by hand, so that every byte of a test is explicit.

test_wire.py checks the driver against scapy; the other tests need many small
frames quickly, and scapy is slow to build them in an emulated guest.
"""

import socket
import struct

PORT = 4789
ETH_P_IP, ETH_P_8021Q, ETH_P_8021AD, ETH_P_IPV6 = 0x0800, 0x8100, 0x88A8, 0x86DD


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def text(octets):
    """An IP address as text."""
    return socket.inet_ntop(socket.AF_INET6 if len(octets) == 16 else socket.AF_INET, octets)


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


def ipv6(src, dst, payload, proto=17, tos=0, ttl=64, label=0):
    return struct.pack("!IHBB", 6 << 28 | tos << 20 | label, len(payload), proto, ttl) \
        + ends6(src, dst) + payload


def ends6(src, dst):
    return socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst)


def checksum6(src, dst, payload, proto):
    """The checksum of `payload` with the pseudo header of IPv6."""
    return checksum(ends6(src, dst) + struct.pack("!II", len(payload), proto) + payload)


def udp(sport, dport, payload):
    """A UDP datagram with no checksum, which IPv4 allows."""
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def udp6(src, dst, sport, dport, payload):
    """A UDP datagram with the checksum that IPv6 wants."""
    data = udp(sport, dport, payload)
    total = checksum6(src, dst, data, 17) or 0xFFFF
    return data[:6] + struct.pack("!H", total) + payload


def inner(dst, src, tag=b"hello", tos=0, size=0, frag=0):
    """The Ethernet frame a tunnel carries: IPv4, UDP, `tag` padded to `size` bytes."""
    payload = tag + bytes(max(0, size - len(tag) - 42))
    return ethernet(dst, src, ipv4("192.0.2.1", "192.0.2.2",
                                   udp(1111, 2222, payload), tos=tos, frag=frag))


def inner6(dst, src, tag=b"hello", tos=0, ttl=64, label=0, size=0):
    """The same with IPv6."""
    payload = tag + bytes(max(0, size - len(tag) - 62))
    ends = "2001:db8::1", "2001:db8::2"
    return ethernet(dst, src, ipv6(*ends, udp6(*ends, 1111, 2222, payload), tos=tos,
                                   ttl=ttl, label=label), ETH_P_IPV6)


def vxlan(vni, payload, flags=0x08000000, reserved=0):
    return struct.pack("!II", flags, vni << 8 | reserved) + payload


def outer(link, payload, dport=PORT, sport=50000, tos=0, src=None, frag=0, dst=None):
    """`payload` as a UDP datagram from a link's own address to its peer's."""
    src, dst = src or link.ip, dst or link.peer_ip
    if ":" in dst:
        ip = ipv6(src, dst, udp6(src, dst, sport, dport, payload), tos=tos)
        return ethernet(link.peer_mac, link.mac_u0, ip, ETH_P_IPV6)
    ip = ipv4(src, dst, udp(sport, dport, payload), tos=tos, frag=frag)
    return ethernet(link.peer_mac, link.mac_u0, ip)


class Frame:
    """A received Ethernet frame with an IP header, opened up."""

    def __init__(self, data):
        self.data = data
        self.dst, self.src = data[:6].hex(":"), data[6:12].hex(":")
        self.ethertype = struct.unpack_from("!H", data, 12)[0]
        self.is_ip, self.frag = False, 0
        if self.ethertype == ETH_P_IP and len(data) >= 34:
            self._open_ipv4(data)
        elif self.ethertype == ETH_P_IPV6 and len(data) >= 54:
            self._open_ipv6(data)

    def _open_ipv4(self, data):
        self.is_ip = True
        (_, self.tos, self.total, self.ident, self.frag, self.ttl,
         self.proto, _) = struct.unpack_from("!BBHHHBBH", data, 14)
        self.ip_src = socket.inet_ntoa(data[26:30])
        self.ip_dst = socket.inet_ntoa(data[30:34])
        self.body = data[34:14 + self.total]

    def _open_ipv6(self, data):
        self.is_ip = True
        first, length, self.proto, self.ttl = struct.unpack_from("!IHBB", data, 14)
        self.tos, self.label = first >> 20 & 0xFF, first & 0xFFFFF
        self.total = 40 + length
        self.ip_src = socket.inet_ntop(socket.AF_INET6, data[22:38])
        self.ip_dst = socket.inet_ntop(socket.AF_INET6, data[38:54])
        self.body = data[54:14 + self.total]

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
