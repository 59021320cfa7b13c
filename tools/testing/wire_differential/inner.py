# SPDX-License-Identifier: GPL-2.0
"""Random frames as stations send them: every kind of content, right, odd, cut off, changed.

None is for this host's own IP addresses: what it keeps of fragments would be met by the next play.
"""

import struct

import devices
from lib.packets import checksum, checksum6
from lib.rtnl import ip4, ip6

TOS = (0, 1, 2, 3, 0x48, 0xB8, 0xBB, 0xFC, 0xFF)
ETHERTYPES = (0x0800, 0x86DD, 0x0806, 0x8035, 0x8847, 0x8848, 0x88CC, 0x8863, 0x8864, 0x88E5, 0x22F0,
              0x894F, 0x6558, 0x88F7, 0x9000, 0x0600, 0x05FF, 0x0000, 0xFFFF, 0x8809, 0x888E)
PROTOCOLS = (17, 17, 17, 6, 6, 1, 58, 2, 47, 50, 132, 4, 41, 115, 0, 255)
SIZES = (0, 1, 2, 7, 8, 18, 33, 64, 100, 200)
LARGE = (512, 1024, 1200, 1300, 1350, 1372, 1390, 1400, 1422, 1430, 1444, 1450, 1458, 1472, 1500, 1501,
         1600, 2000, 3000, 8900)


def payload(rng, small=0.75):
    size = rng.choice(SIZES) if rng.random() < small else \
        rng.choice(LARGE) if rng.random() < 0.6 else rng.randrange(0, 2200)
    return (rng.randbytes(16) * (size // 16 + 1))[:size]


def tos(rng):
    return rng.choice(TOS) if rng.random() < 0.7 else rng.randrange(256)


def _udp(rng, body):
    sport, dport = rng.choice((1000, 2000, 53, 4789)), rng.choice((2222, 5353, 4789, 8472))
    length = 8 + len(body) if rng.random() < 0.95 else rng.randrange(0, 65536)
    return struct.pack("!HHHH", sport, dport, length, 0) + body, 6


def _tcp(rng, body):
    flags = rng.choice((0x10, 0x18, 0x02, 0x11, 0xC2, 0x50, 0x90))
    offset = rng.choice((5, 5, 5, 8)) if rng.random() < 0.95 else rng.randrange(16)
    head = struct.pack("!HHIIBBHHH", rng.choice((80, 1024)), rng.choice((443, 8080)), rng.getrandbits(32),
                       rng.getrandbits(32), offset << 4, flags, 0xFFFF, 0, 0)
    return head + bytes(4 * max(0, offset - 5)) + body, 16


def transport(rng, proto, body):
    """Octets of a protocol, and where its checksum is, if it has one."""
    if proto == 17:
        return _udp(rng, body)
    if proto == 6:
        return _tcp(rng, body)
    if proto in (1, 58):
        kind = rng.choice((8, 0, 3, 11) if proto == 1 else (128, 129, 1, 2, 3, 134))
        return struct.pack("!BBHI", kind, rng.choice((0, 1, 4)), 0, rng.getrandbits(32)) + body, 2
    return body, None


def _options4(rng):
    return rng.choice((b"\1" * 4, b"\x94\4\0\0", b"\x07\x07\4\0\0\0\0\0", b"\x83\7\4\x0a\0\0\2\0",
                       b"\x44\x08\5\0\0\0\0\0", rng.randbytes(4), rng.randbytes(40)))


def ip4_packet(rng, context, content=None):
    """An IPv4 packet; content is (protocol, octets, place of the checksum)."""
    proto = content[0] if content else rng.choice(PROTOCOLS)
    body, place = content[1:] if content else transport(rng, proto, payload(rng))
    source, target = (ip4(rng.choice(devices.NEIGHBOURS[4])) for _ in range(2))
    if rng.random() < 0.1:
        target = ip4(rng.choice(("239.1.1.1", "127.0.0.1", "0.0.0.0", "198.51.100.7")))
    frag = 0
    if rng.random() < 0.45:
        frag = 0x4000
    elif rng.random() < 0.15 and target[0] == 192:
        frag = rng.choice((0x2000, 0x2001, 0x0010, 0x20B9, 0x6000))
    elif rng.random() < 0.03:
        frag = 0x8000
    options = _options4(rng) if rng.random() < 0.12 else b""
    if place is not None and not frag & 0x1FFF and rng.random() < 0.85 and len(body) >= place + 2:
        pseudo = source + target + struct.pack("!BBH", 0, proto, len(body)) if proto != 1 else b""
        body = with_checksum(body, place, checksum(pseudo + body))
    total = 20 + len(options) + len(body)
    if rng.random() < 0.06:
        total = rng.choice((0, 19, 20, total - 1, total + 1, total + 100, 65535)) & 0xFFFF
    ihl = 5 + len(options) // 4 if rng.random() < 0.97 else rng.randrange(16)
    version = 4 if rng.random() < 0.98 else rng.randrange(16)
    head = struct.pack("!BBHHHBBH", version << 4 | ihl, tos(rng), min(total, 65535), rng.getrandbits(16),
                       frag, rng.choice((64, 1, 0, 255, 2)), proto, 0) + source + target + options
    check = checksum(head) if rng.random() < 0.95 else rng.getrandbits(16)
    return head[:10] + struct.pack("!H", check) + head[12:] + body


def with_checksum(octets, place, value):
    return octets[:place] + struct.pack("!H", value) + octets[place + 2:]


def _extensions(rng, proto, body):
    """Extension headers in front of a body."""
    for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 1, 2))):
        kind = rng.choice((0, 43, 44, 60, 51))
        if kind == 44:
            body = struct.pack("!BBHI", proto, 0, rng.choice((0, 1, 8, 0x59)), rng.getrandbits(32)) + body
        else:
            extra = rng.choice((0, 0, 1, 2))
            body = bytes([proto, extra]) + bytes([1, 4 + 8 * extra]) + bytes(4 + 8 * extra) + body
        proto = kind
    return proto, body


def ip6_packet(rng, context, content=None):
    proto = content[0] if content else rng.choice((17, 17, 17, 6, 6, 58, 58, 59, 41, 4, 132, 255))
    body, place = content[1:] if content else transport(rng, proto, payload(rng))
    source, target = (rng.choice(devices.NEIGHBOURS[6]) for _ in range(2))
    if rng.random() < 0.15:
        target = rng.choice(("ff05::1", "::1", "::", "fe80::2", "::ffff:10.0.0.2"))
    if place is not None and rng.random() < 0.85 and len(body) >= place + 2:
        body = with_checksum(body, place, checksum6(source, target, body, proto) or 0xFFFF)
    if not content:
        proto, body = _extensions(rng, proto, body)
    length = len(body) if rng.random() < 0.95 else rng.choice((0, len(body) + 1, len(body) // 2, 65535))
    version = 6 if rng.random() < 0.98 else rng.randrange(16)
    label = rng.choice((0, 0x12345, 0xFFFFF))
    return struct.pack("!IHBB", version << 28 | tos(rng) << 20 | label, min(length, 65535), proto,
                       rng.choice((64, 255, 1, 0))) + ip6(source) + ip6(target) + body


def arp(rng, context):
    """A request mostly, sometimes a malformed one."""
    kind, protocol, sizes, operation = 1, 0x0800, (6, 4), 1
    if rng.random() < 0.25:
        kind = rng.choice((1, 6, 0xFFFF))
        protocol = rng.choice((0x0800, 0x0806, 0))
        sizes = rng.choice(((6, 4), (8, 4), (6, 16), (0, 0)))
        operation = rng.choice((0, 2, 3, 4, 0xFFFF))
    target = rng.choice((*devices.NEIGHBOURS[4], "127.0.0.1", "224.0.0.1", "192.0.2.99", "0.0.0.0"))
    source = rng.choice((*devices.NEIGHBOURS[4], "0.0.0.0"))
    return struct.pack("!HHBBH", kind, protocol, *sizes, operation) + rng.choice(devices.STATIONS) \
        + ip4(source) + bytes(6) + ip4(target) + bytes(rng.choice((0, 0, 18)))


def solicitation(rng, context):
    """A neighbour solicitation with all sorts of options."""
    target = rng.choice((*devices.NEIGHBOURS[6], "2001:db8:1::99", "ff02::1", "::"))
    source = rng.choice((*devices.NEIGHBOURS[6], "::")) if rng.random() < 0.9 else "fe80::9"
    multicast = f"ff02::1:ff00:{target.rsplit(':', 1)[1] or 0}" if target[:2] == "20" else "ff02::1"
    destination = rng.choice((multicast, multicast, target))
    options = b""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        kind, length = rng.choice((1, 1, 1, 2, 5, 14)), rng.choice((1, 1, 1, 1, 2, 0, 9))
        options += bytes([kind, length]) + rng.choice(devices.STATIONS) + bytes(8 * max(0, length - 1))
    if rng.random() < 0.1:
        options = options[:rng.randrange(len(options) + 1)]
    body = struct.pack("!BBHI", 135 if rng.random() < 0.95 else rng.choice((133, 136)),
                       0 if rng.random() < 0.93 else 1, 0, 0) + ip6(target) + options
    if rng.random() < 0.95:
        body = with_checksum(body, 2, checksum6(source, destination, body, 58))
    hops = 255 if rng.random() < 0.92 else 64
    length = len(body) if rng.random() < 0.95 else rng.randrange(100)
    return struct.pack("!IHBB", 6 << 28 | tos(rng) << 20, length, 58, hops) + ip6(source) \
        + ip6(destination) + body


def _other(rng, context):
    return payload(rng)


CONTENTS = ((ip4_packet, 0x0800, 36), (ip6_packet, 0x86DD, 24), (arp, 0x0806, 10),
            (solicitation, 0x86DD, 8), (_other, None, 16))


def station(rng, context, wanted):
    """An address for a frame: one that is known, the tunnel's own, or an odd one."""
    roll = rng.random()
    if roll < wanted:
        return rng.choice(devices.STATIONS)
    if roll < wanted + 0.14 and context.tunnels:
        return rng.choice(context.tunnels).mac
    return rng.choice((devices.BROADCAST, devices.BROADCAST, devices.MULTICAST, b"\x33\x33\0\0\0\1",
                       devices.ZERO, bytes.fromhex("02d1ff000277"), b"\1\x80\xc2\0\0\0",
                       b"\1\x80\xc2\0\0\x0e", b"\2\xd1\xff\0\1\5"))


def header(rng, context, kind, to=None):
    """The Ethernet header, with tags now and then, and the name of what it is."""
    destination = to or station(rng, context, 0.55)
    source = rng.choice(devices.STATIONS) if rng.random() < 0.85 else station(rng, context, 0.2)
    tags = b""
    if rng.random() < 0.25:
        for outer in rng.choice(((0x8100,), (0x8100,), (0x88A8, 0x8100), (0x8100, 0x8100),
                                 (0x88A8, 0x8100, 0x8100))):
            tags += struct.pack("!HH", outer, rng.choice((0, 1, 100, 0x2064, 0xFFFF)))
    return destination + source + tags + struct.pack("!H", kind)


def frame(rng, context, to=None):
    """(octets, what it is) of a frame."""
    (maker, kind, _), = rng.choices(CONTENTS, [weight for *_, weight in CONTENTS])
    name = maker.__name__.strip("_")
    if kind is None:
        kind = rng.choice(ETHERTYPES) if rng.random() < 0.8 else rng.getrandbits(16)
    octets = header(rng, context, kind, to) + maker(rng, context)
    return spoil(rng, context, octets, name)


def spoil(rng, context, octets, name, floor=14):
    """Cuts off the end of some, and changes octets of some."""
    roll = rng.random()
    if "mutations" not in context.wanted or roll > 0.2:
        return octets, name
    if roll < 0.1:
        return octets[:rng.randrange(min(floor, len(octets)), min(len(octets), 120) + 1)], name + ", cut"
    changed = bytearray(octets)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(floor - 2, min(len(changed), 90)) if len(changed) > floor else None
        if place is not None:
            changed[place] = rng.choice((0, 1, 0xFF, rng.randrange(256), changed[place] ^ 1 << rng.randrange(8)))
    return bytes(changed), name + ", changed"


# -- What a sender leaves to be done below ------------------------------------

NEEDS_CSUM = 1
GSO = {(4, 6): 1, (6, 6): 4, (4, 17): 5, (6, 17): 5}


def offloaded(rng, context):
    """(octets, virtio_net_hdr, what it is): a frame without checksum, or to be cut into segments."""
    family, proto = rng.choice((4, 6)), rng.choice((6, 17))
    large = rng.random() < 0.4
    size = rng.choice((1500, 2900, 4000, 9000, 20000, 60000)) if large else rng.choice((10, 100, 1000, 1399))
    body = (rng.randbytes(16) * (size // 16 + 1))[:size]
    octets, place = transport(rng, proto, body)
    if proto == 6:
        octets = octets[:12] + b"\x50" + octets[13:20] + body
    else:
        octets = octets[:4] + struct.pack("!H", len(octets)) + octets[6:]
    maker = ip6_packet if family == 6 else ip4_packet
    packet = maker(rng, context, (proto, octets, None))
    head = header(rng, context, 0x86DD if family == 6 else 0x0800)
    start = len(head) + len(packet) - len(octets)
    pseudo = _pseudo(packet, family, proto, len(octets))
    whole = head + packet[:len(packet) - len(octets)] + with_checksum(octets, place, pseudo)
    gso, segment, header_length = 0, 0, rng.choice((0, start, start + 20, 64))
    if large:
        gso = GSO[family, proto] | (0x80 if proto == 6 and rng.random() < 0.1 else 0)
        segment = rng.choice((100 if size < 5000 else 1440, 536, 1000, 1200, 1340, 1360, 1400, 1448))
        header_length = start + (20 if proto == 6 else 8)
    if rng.random() < 0.03:
        start = rng.randrange(len(head), start + 40)
    vnet = struct.pack("=BBHHHH", NEEDS_CSUM, gso, header_length, segment, start, place)
    return whole, vnet, "to be cut up" if large else "without checksum"


def _pseudo(packet, family, proto, length):
    """The sum of the pseudo header, not inverted, as a sender leaves it."""
    ends = packet[8:40] if family == 6 else packet[12:20]
    return ~checksum(ends + struct.pack("!II", length, proto)) & 0xFFFF
