# SPDX-License-Identifier: GPL-2.0
"""Frames taken apart into named fields, for people and to say where two differ."""

import socket
import struct

from lib.packets import checksum

TUNNEL_PORTS = {4789, 8472, 4790, 5000}
TAGS = {0x8100, 0x88A8, 0x9100}
GPE_PROTOCOLS = {1: 0x0800, 2: 0x86DD}
NAMES = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmp6"}
EXTENSIONS = {0, 43, 60}
DEPTH = 3                               # Tunnels in tunnels that are looked into.


def fields(octets, start="eth"):
    """[(name, value)] of a frame, or of an IP packet; never fails, the rest is "data"."""
    found = []
    if start == "eth":
        _ethernet(octets, "", found, 0)
    else:
        _network(int(start, 16), octets, "", found, 0)
    return found


def _ethernet(octets, prefix, found, depth):
    if len(octets) < 14:
        found.append((prefix + "data", octets.hex()))
        return
    found += [(prefix + "eth.dst", octets[:6].hex(":")), (prefix + "eth.src", octets[6:12].hex(":"))]
    at = 12
    while len(octets) >= at + 6 and int.from_bytes(octets[at:at + 2], "big") in TAGS:
        found.append((prefix + "tag", octets[at:at + 4].hex()))
        at += 4
    kind = int.from_bytes(octets[at:at + 2], "big")
    found.append((prefix + "eth.type", f"{kind:04x}"))
    _network(kind, octets[at + 2:], prefix, found, depth)


def _network(kind, octets, prefix, found, depth):
    if kind == 0x0800 and len(octets) >= 20 and octets[0] >> 4 == 4:
        _ipv4(octets, prefix, found, depth)
    elif kind == 0x86DD and len(octets) >= 40:
        _ipv6(octets, prefix, found, depth)
    elif octets:
        found.append((prefix + ("arp" if kind == 0x0806 else "data"), octets.hex()))


def _ipv4(octets, prefix, found, depth):
    first, tos, total, ident, frag, ttl, proto, check = struct.unpack_from("!BBHHHBBH", octets)
    for name, value in (("ihl", first & 15), ("tos", f"{tos:02x}"), ("len", total), ("id", ident),
                        ("frag", f"{frag:04x}"), ("ttl", ttl), ("proto", proto),
                        ("check", f"{check:04x}"), ("src", socket.inet_ntoa(octets[12:16])),
                        ("dst", socket.inet_ntoa(octets[16:20]))):
        found.append((f"{prefix}ip.{name}", value))
    size = max(20, (first & 15) * 4)
    if size > 20:
        found.append((prefix + "ip.options", octets[20:size].hex()))
    _transport(proto if not frag & 0x1FFF else -1, octets[size:], prefix, found, depth)


def _ipv6(octets, prefix, found, depth):
    first, length, proto, ttl = struct.unpack_from("!IHBB", octets)
    for name, value in (("class", f"{first >> 20 & 255:02x}"), ("label", f"{first & 0xFFFFF:05x}"),
                        ("len", length), ("next", proto), ("hops", ttl),
                        ("src", socket.inet_ntop(socket.AF_INET6, octets[8:24])),
                        ("dst", socket.inet_ntop(socket.AF_INET6, octets[24:40]))):
        found.append((f"{prefix}ip6.{name}", value))
    rest = octets[40:]
    while proto in EXTENSIONS and len(rest) >= 8:
        size = min(len(rest), 8 + 8 * rest[1])
        found.append((f"{prefix}ip6.ext{proto}", rest[:size].hex()))
        proto, rest = rest[0], rest[size:]
    if proto == 44 and len(rest) >= 8:
        found.append((prefix + "ip6.fragment", rest[:8].hex()))
        proto, rest = (rest[0] if not rest[2] << 8 & 0xFF00 | rest[3] & 0xF8 else -1), rest[8:]
    _transport(proto, rest, prefix, found, depth)


def _transport(proto, octets, prefix, found, depth):
    if proto == 17 and len(octets) >= 8:
        sport, dport, length, check = struct.unpack_from("!HHHH", octets)
        found += [(prefix + "udp.sport", sport), (prefix + "udp.dport", dport),
                  (prefix + "udp.len", length), (prefix + "udp.check", f"{check:04x}")]
        if dport in TUNNEL_PORTS and len(octets) >= 16 and depth < DEPTH:
            _vxlan(octets[8:], prefix, found, depth)
            return
        octets = octets[8:]
    elif proto in (1, 58) and len(octets) >= 8:
        found += [(f"{prefix}{NAMES[proto]}.type", f"{octets[0]}/{octets[1]}"),
                  (f"{prefix}{NAMES[proto]}.check", octets[2:4].hex()),
                  (f"{prefix}{NAMES[proto]}.rest", octets[4:8].hex())]
        octets = octets[8:]
    if octets:
        found.append((f"{prefix}{NAMES.get(proto, 'data')}", octets.hex()))


def _vxlan(octets, prefix, found, depth):
    flags, vni = struct.unpack_from("!II", octets)
    found += [(prefix + "vxlan.flags", f"{flags:08x}"), (prefix + "vxlan.vni", vni >> 8),
              (prefix + "vxlan.last", f"{vni & 255:02x}")]
    inner = prefix + "in."
    kind = GPE_PROTOCOLS.get(flags & 255) if flags & 0x04000000 else None
    if kind:
        _network(kind, octets[8:], inner, found, depth + 1)
    else:
        _ethernet(octets[8:], inner, found, depth + 1)


def masked(octets):
    """A packet of the underlay without what is random: identifications and their checksums.

    They must be right, else they stay. So do they in what an ICMP error quotes.
    """
    if octets[12:14] != b"\x08\0" or len(octets) < 34:
        return octets
    size = (octets[14] & 15) * 4
    if size < 20 or len(octets) < 14 + size or checksum(octets[14:14 + size]):
        return octets
    head, rest = _without_ident(octets[14:14 + size]), octets[14 + size:]
    if octets[23] == 1 and rest[:1] in (b"\3", b"\x0b", b"\x0c") and len(rest) >= 28 \
            and not checksum(rest):
        rest = rest[:2] + b"\0\0" + rest[4:8] + _without_ident(rest[8:28]) + rest[28:]
    return octets[:14] + head + rest


def _without_ident(head):
    return head[:4] + b"\0\0" + head[6:10] + b"\0\0" + head[12:]


def is_noise(octets):
    """Whether a packet is one that the kernel sends when it likes: about group membership."""
    if octets[12:14] == b"\x08\0":
        return len(octets) >= 34 and octets[23] == 2
    if octets[12:14] != b"\x86\xdd" or len(octets) < 63:
        return False
    kind = octets[62] if octets[20] == 0 else octets[54] if octets[20] == 58 else 0
    return kind in (130, 131, 132, 143) or octets[20] == 58 and kind == 133


def line(octets):
    """A frame in a line: the fields that a person looks at first."""
    wanted = ("eth.dst", "eth.src", "eth.type", "tag", "ip.src", "ip.dst", "ip.tos", "ip.frag", "ip.ttl",
              "ip6.src", "ip6.dst", "ip6.class", "udp.sport", "udp.dport", "vxlan.flags",
              "vxlan.vni", "icmp.type", "icmp6.type")
    parts = [f"{name}={value}" for name, value in fields(octets)
             if name.removeprefix("in.").removeprefix("in.") in wanted]
    return " ".join(parts)


def short(octets, limit=160):
    """The octets in hexadecimal, cut where they get long."""
    text = octets[:limit].hex()
    return text if len(octets) <= limit else f"{text}... ({len(octets)} octets)"


def first_difference(one, two):
    """(name, value, value) of the first field that differs between two frames."""
    left, right = fields(one), fields(two)
    for (name, value), (other, second) in zip(left, right):
        if name != other:
            return f"{name} or {other}", value, second
        if value != second:
            return name, value, second
    if len(left) != len(right):
        longer = max(left, right, key=len)[min(len(left), len(right))]
        there = longer in left
        return longer[0], longer[1] if there else None, None if there else longer[1]
    return "octets", one.hex(), two.hex()
