# SPDX-License-Identifier: GPL-2.0
"""Random packets of the underlay, as a peer sends them: right for a tunnel, nearly right, or wrong."""

import struct

import devices
import inner
from lib.packets import checksum, checksum6
from lib.rtnl import ip4, ip6
from lib.uapi import VX
from packet import PLAIN, Packet

I, GBP, GPE, RCO = 0x08000000, 0x80000000, 0x04000000, 0x00200000
LINKS = {"u0": (b"\2\xd1\xff\0\1\2", "\2\xaa\0\0\0"), "u1": (b"\2\xd1\xff\0\1\3", "\2\xaa\0\0\1")}


def vxlan_header(rng, to):
    """The header that a tunnel is after, with what its options mean, and now and then more."""
    flags, last = I, 0
    vni = to.vni if rng.random() < 0.85 else rng.choice((*devices.VNIS, 0, 1, 0xFFFFFF))
    if VX.COLLECT_METADATA in to.options:
        vni = rng.choice((*devices.VNIS, 99))
    if VX.GBP in to.options and rng.random() < 0.7 or rng.random() < 0.02:
        flags |= GBP | rng.choice((0, 1, 77, 0xFFFF, 0x400000, 0x080000, 0x480005))
    if VX.GPE in to.options and rng.random() < 0.9 or rng.random() < 0.02:
        flags |= GPE | rng.choice((1, 1, 1, 2, 2, 2, 3, 4, 0, 5, 0x80, 0xFF))
    if to.has(VX.REMCSUM_RX) and rng.random() < 0.6 or rng.random() < 0.03:
        flags |= RCO
        last = rng.choice((0x80, 0)) | rng.choice((7, 17, 17, 27, 0, 1, 10, 60, 127))
    if rng.random() < 0.08:
        flags ^= 1 << rng.randrange(32)
    if rng.random() < 0.05:
        last ^= 1 << rng.randrange(8)
    return struct.pack("!II", flags, vni << 8 | last), flags


def _content(rng, context, to, flags):
    """What follows the VXLAN header."""
    if flags & GPE and flags & 0xFF in (1, 2) and rng.random() < 0.95:
        maker = inner.ip4_packet if flags & 0xFF == 1 else inner.ip6_packet
        return inner.spoil(rng, context, maker(rng, context), f"GPE {maker.__name__}", 2)
    roll = rng.random()
    if flags & RCO and roll < 0.7:
        return _left_checksum(rng, context)
    aim = to.mac if roll < 0.6 else None
    return inner.frame(rng, context, aim)


def _left_checksum(rng, context):
    """A frame whose checksum is left to the receiver, as remcsumtx makes it."""
    proto = rng.choice((6, 17))
    octets, place = inner.transport(rng, proto, inner.payload(rng, 0.9))
    maker = rng.choice((inner.ip4_packet, inner.ip6_packet))
    packet = maker(rng, context, (proto, octets, None))
    kind = 0x0800 if maker is inner.ip4_packet else 0x86DD
    pseudo = inner._pseudo(packet, 4 if kind == 0x0800 else 6, proto, len(octets))
    if len(octets) >= place + 2:
        packet = packet[:len(packet) - len(octets)] + inner.with_checksum(octets, place, pseudo)
    return inner.header(rng, context, kind) + packet, "checksum left"


def _ends(rng, to, family):
    """Outer source and destination."""
    source = rng.choice(devices.REMOTES[family] if rng.random() < 0.9 else
                        (*devices.ODD_REMOTES[family], *devices.GROUPS[family]))
    target = rng.choice(devices.OWN[family])
    if rng.random() < 0.12:
        target = rng.choice(devices.GROUPS[family])
    if family == 6 and rng.random() < 0.1:
        source, target = "fe80::2", rng.choice(("fe80::1", "fd00::1"))
    return source, target


def udp(rng, family, ends, ports, body):
    """A UDP datagram, its checksum right, zero or wrong."""
    length = 8 + len(body)
    if rng.random() < 0.02:
        length = rng.choice((0, 7, 8, 15, 16, length - 1, length + 1)) & 0xFFFF
    octets = struct.pack("!HHHH", *ports, length, 0) + body
    roll = rng.random()
    if roll < (0.45 if family == 4 else 0.15):
        return octets, "no checksum"
    if family == 6:
        total = checksum6(*ends, octets, 17)
    else:
        total = checksum(ip4(ends[0]) + ip4(ends[1]) + struct.pack("!BBH", 0, 17, len(octets)) + octets)
    if roll > 0.97:
        return inner.with_checksum(octets, 6, total ^ 1 << rng.randrange(16)), "wrong checksum"
    return inner.with_checksum(octets, 6, total or 0xFFFF), "checksum"


def ip_packet(rng, family, ends, octets, proto=17):
    """An IP packet, in some with options or extension headers."""
    tos = inner.tos(rng)
    if family == 6:
        if rng.random() < 0.05:
            octets, proto = bytes([proto, 0, 1, 4, 0, 0, 0, 0]) + octets, rng.choice((0, 60))
        label = rng.choice((0, 0xABCDE))
        return struct.pack("!IHBB", 6 << 28 | tos << 20 | label, len(octets), proto,
                           rng.choice((64, 1, 255))) + ip6(ends[0]) + ip6(ends[1]) + octets
    options = rng.choice((b"\1" * 4, b"\x94\4\0\0", b"\x07\x07\4\0\0\0\0\0")) \
        if rng.random() < 0.04 else b""
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, tos, 20 + len(options) + len(octets),
                       rng.getrandbits(16), rng.choice((0, 0x4000)), rng.choice((64, 1, 255)), proto,
                       0) + ip4(ends[0]) + ip4(ends[1]) + options
    check = checksum(head) if rng.random() < 0.98 else 0
    return inner.with_checksum(head, 10, check) + octets


def _wire(rng, port, family, packet):
    """An Ethernet frame of the underlay."""
    mac = LINKS[port][0] if rng.random() < 0.97 else rng.choice(
        (devices.BROADCAST, devices.MULTICAST, b"\2\xaa\0\0\0\x77"))
    peer = b"\2\xaa\0\0" + bytes([port == "u1", rng.randrange(2, 5)])
    tag = b"\x81\0\0\1" if rng.random() < 0.01 else b""
    return mac + peer + tag + (b"\x86\xdd" if family == 6 else b"\x08\0") + packet


def aimed(rng, context):
    """A packet for a tunnel: [Packet], more than one if it comes in fragments."""
    to = rng.choice(context.tunnels)
    family = to.family
    if VX.COLLECT_METADATA in to.options and rng.random() < 0.4:
        family = 10 - family
    header, flags = vxlan_header(rng, to)
    content, name = _content(rng, context, to, flags)
    ends = _ends(rng, to, family)
    port = to.port if rng.random() < 0.97 else rng.choice((4789, 8472, 5000))
    datagram, summed = udp(rng, family, ends, (rng.choice((1000, 50000, 0)), port), header + content)
    octets = ip_packet(rng, family, ends, datagram)
    note = f"to {to.name}, {summed}: {name}"
    if len(octets) > 40000:
        return []
    link = rng.choice(("u0", "u1"))
    roll = rng.random()
    if "fragments" in context.wanted and roll < 0.06 and len(datagram) > 32:
        return [taken_apart(rng, Packet(link, _wire(rng, link, family, piece), note=note + ", a fragment"))
                for piece in fragments(rng, family, octets, datagram)]
    octets = _wire(rng, link, family, octets)
    if "mutations" in context.wanted and roll < 0.14:
        octets = octets[:rng.randrange(14, len(octets) + 1)] if roll < 0.1 else \
            inner.spoil(rng, context, octets, "", 16)[0]
        note += ", spoiled"
    return [taken_apart(rng, Packet(link, octets, note=note))]


def fragments(rng, family, octets, datagram):
    """The fragments of a packet, all of them, in any order."""
    size = 8 * rng.choice((1, 2, 3, 5, max(1, len(datagram) // 16)))
    size = max(size, (len(datagram) // 6 + 8) // 8 * 8)
    head = octets[:len(octets) - len(datagram)]
    if family == 6 and len(head) > 40:
        return [octets]
    number, pieces = rng.getrandbits(16), []
    for at in range(0, len(datagram), size):
        piece, more = datagram[at:at + size], at + size < len(datagram)
        if family == 6:
            extra = struct.pack("!BBHI", 17, 0, at | more, number)
            pieces.append(head[:4] + struct.pack("!HB", 8 + len(piece), 44) + head[7:] + extra + piece)
        else:
            start = bytearray(head)
            start[2:4] = (len(head) + len(piece)).to_bytes(2, "big")
            start[4:6] = number.to_bytes(2, "big")
            start[6:8] = (at // 8 | more << 13).to_bytes(2, "big")
            start[10:12] = b"\0\0"
            pieces.append(inner.with_checksum(bytes(start), 10, checksum(bytes(start))) + piece)
    if rng.random() < 0.3:
        rng.shuffle(pieces)
    return pieces


def taken_apart(rng, packet):
    """Cuts what goes in at u1 into pieces, and says about u0's what a card would."""
    if packet.port == "u0":
        roll = rng.random()
        if roll < 0.15:
            packet.vnet = b"\2" + PLAIN[1:]             # The checksum is known to be right.
        elif roll < 0.2 and (start := _udp_at(packet.octets)):
            packet.vnet = struct.pack("=BBHHHH", 1, 0, 0, 0, start, 6)
    elif rng.random() < 0.6:
        packet.cuts = cuts(rng, len(packet.octets))
    return packet


def _udp_at(octets):
    """Where UDP starts, if right behind a plain IP header: elsewhere the kernel minds (and warns)."""
    if len(octets) < 70:
        return 0
    if octets[12:15] == b"\x08\0\x45" and octets[23] == 17 and not octets[20] & 0x3F | octets[21]:
        return 34
    return 54 if octets[12:14] == b"\x86\xdd" and octets[20] == 17 else 0


def cuts(rng, length):
    """Lengths of a linear part and of up to fifteen fragments, each of a page at most."""
    linear = rng.choice((14, 14, 15, 20, 34, 42, 50, 54, 60, 64, 66, 90, 128, rng.randrange(14, 200)))
    found, left = [min(linear, length)], length - linear
    while left > 0 and len(found) < 14:
        piece = min(left, rng.choice((1, 2, 8, 16, 50, 100, 1000, 4096)) if left < 4096 else 4096)
        found.append(piece)
        left -= piece
    while left > 0:
        found.append(min(left, 4096))
        left -= 4096
    return found


def segments(rng, context):
    """One large datagram that a card made of several, to be taken apart again."""
    to = rng.choice(context.tunnels)
    family, count = to.family, rng.choice((2, 3, 5))
    frame = inner.header(rng, context, 0x0800, to.mac) + inner.ip4_packet(rng, context, (
        17, *inner.transport(rng, 17, bytes(rng.choice((20, 100, 400))))))
    one = vxlan_header(rng, to)[0] + frame
    ends = _ends(rng, to, family)
    body = one * count
    octets = struct.pack("!HHHH", 50000, to.port, 8 + len(body), 0) + body
    packet = ip_packet(rng, family, ends, octets)
    pseudo = inner._pseudo(packet, family, 17, len(octets))
    wire = _wire(rng, "u0", family, packet[:len(packet) - len(octets)]
                 + inner.with_checksum(octets, 6, pseudo))
    start = len(wire) - len(octets)
    vnet = struct.pack("=BBHHHH", 1, 5, start + 8, len(one), start, 6)
    return [Packet("u0", wire, vnet=vnet, note=f"to {to.name}, {count} as one")]


def icmp_error(rng, context):
    """An ICMP error about a packet that a tunnel may have sent."""
    to = rng.choice(context.tunnels)
    family = to.family
    own, peer = rng.choice(devices.OWN[family]), rng.choice(devices.REMOTES[family])
    header, flags = vxlan_header(rng, to)
    body = (header + inner.frame(rng, context)[0])[:rng.choice((0, 4, 8, 16, 60, 400))]
    quoted = ip_packet(rng, family, (own, peer),
                       struct.pack("!HHHH", 50000, to.port, 8 + len(body), 0) + body)
    if rng.random() < 0.1:
        quoted = quoted[:rng.randrange(len(quoted))]
    mtu = rng.choice((1280, 1300, 1400, 1499, 552, 68, 0, 9000))
    if family == 6:
        kind = rng.choice(((2, 0), (2, 0), (1, 4), (1, 0), (3, 0), (4, 1)))
        data = struct.pack("!BBHI", *kind, 0, mtu if kind[0] == 2 else 0) + quoted
        data = inner.with_checksum(data, 2, checksum6(peer, own, data, 58))
    else:
        kind = rng.choice(((3, 4), (3, 4), (3, 3), (3, 1), (11, 0), (12, 0), (4, 0)))
        data = struct.pack("!BBHHH", *kind, 0, 0, mtu if kind == (3, 4) else 0) + quoted
        data = inner.with_checksum(data, 2, checksum(data))
    link = rng.choice(("u0", "u1"))
    packet = ip_packet(rng, family, (peer, own), data, 58 if family == 6 else 1)
    return [taken_apart(rng, Packet(link, _wire(rng, link, family, packet), note=f"ICMP error {kind} about {to.name}"))]
