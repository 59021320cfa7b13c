# SPDX-License-Identifier: GPL-2.0
"""Messages that no program should send: broken in one place, sometimes two."""

from lib.uapi import INFO
from message import NETNS_END, Attr, NsFd, at, places
from names import IFLA, NLA_F_NESTED, NLA_F_NET_BYTEORDER, space_of


def _is_kind(attrs, place):
    """IFLA_INFO_KIND: a broken one has the kernel look for a module of that name."""
    siblings, position = at(attrs, place)
    return len(place) == 2 and siblings[position].kind == INFO.KIND


def _is_clock(message, place):
    """Ages must stay what they are, for time must not matter."""
    siblings, position = at(message.attrs, place)
    return space_of(message.kind) == "IFLA" and len(place) == 3 and siblings[position].kind == 8


def _pick(rng, message, usable=lambda attr: True):
    found = [place for place in places(message.attrs)
             if not _is_kind(message.attrs, place) and not _is_clock(message, place)]
    found = [place for place in found
             if usable(at(message.attrs, place)[0][place[-1]])]
    return at(message.attrs, rng.choice(found)) if found else (None, 0)


def _is_plain(attr):
    return isinstance(attr.value, bytes)


def resize(rng, message):
    siblings, position = _pick(rng, message, _is_plain)
    if siblings:
        attr = siblings[position]
        value = attr.value + bytes(rng.choices(range(256), k=16))
        length = rng.choice((0, 1, len(attr.value) - 1, len(attr.value) + 1, len(attr.value) + 4))
        attr.value = value[:max(0, length)]


def scramble(rng, message):
    siblings, position = _pick(rng, message, _is_plain)
    if siblings:
        attr = siblings[position]
        attr.value = bytes(rng.choice((0, 1, 0x7F, 0x80, 0xFF)) for _ in attr.value)


def duplicate(rng, message):
    siblings, position = _pick(rng, message)
    if siblings:
        attr = siblings[position]
        value = attr.value
        if isinstance(value, bytes) and rng.random() < 0.7:
            value = bytes(octet ^ rng.choice((0, 1)) for octet in value)
        elif isinstance(value, list):
            value = rng.sample(value, rng.randint(0, len(value)))
            value = [child for child in value if child.kind != INFO.KIND] \
                if attr.kind == IFLA.LINKINFO and rng.random() < 0.5 else value
        siblings.insert(rng.randint(0, len(siblings)), Attr(attr.kind, value, attr.flags))


def unknown(rng, message):
    siblings, position = _pick(rng, message)
    if siblings:
        siblings.insert(position, Attr(rng.choice((0, 35, 36, 100, 200, 0x3FFF)),
                                       bytes(rng.choice((0, 1, 4, 8)))))


def drop(rng, message):
    siblings, position = _pick(rng, message)
    if siblings:
        del siblings[position]


def flag(rng, message):
    siblings, position = _pick(rng, message)
    if siblings:
        siblings[position].flags ^= rng.choice((NLA_F_NESTED, NLA_F_NESTED, NLA_F_NET_BYTEORDER))


def wrong_length(rng, message):
    siblings, position = _pick(rng, message, lambda attr: not isinstance(attr.value, NsFd))
    if siblings:
        attr = siblings[position]
        length = 4 + len(attr.value) if _is_plain(attr) else 4
        attr.length = rng.choice((0, 1, 3, 4, max(4, length - 1), length + 1, length + 9, 0xFFFF))


def cut(rng, message):
    message.cut = rng.choice((1, 2, 3, 4, 5, 8, 12, 16, 20))


def header(rng, message):
    """A header with odd bits in it, or a short one. Family and index stay."""
    octets = bytearray(message.header)
    start = {"IFLA": 2, "NDA": 8}.get(space_of(message.kind), 1)
    where = rng.choice([1, *range(start, len(octets))])
    if space_of(message.kind) == "IFLA" and 4 <= where < 8:
        where = 2
    octets[where] ^= 1 << rng.randrange(8)
    message.header = bytes(octets)
    if rng.random() < 0.2:
        message.attrs = []
        message.header = message.header[:rng.randrange(len(octets))]


def request_flags(rng, message):
    message.flags ^= rng.choice((0x8, 0x100, 0x200, 0x400, 0x800))


WAYS = (resize, resize, scramble, duplicate, duplicate, unknown, drop, drop, flag, wrong_length,
        cut, header, request_flags)


def corrupt(rng, message):
    """A copy with something wrong."""
    if message.kind == NETNS_END:
        return message
    message = message.copy()
    for _ in range(rng.choice((1, 1, 1, 2))):
        rng.choice(WAYS)(rng, message)
    if len(message.header) < 4:
        message.header = message.header + bytes(4 - len(message.header))
    return message

