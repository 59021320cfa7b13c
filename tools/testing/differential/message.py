# SPDX-License-Identifier: GPL-2.0
"""A request as the generator makes it: what to send, whole or broken, and where.

A sequence is a list of messages. It can be written to a file and read back, cut
down attribute by attribute, and printed so that a person can read it.
"""

import copy
import json
import struct
from dataclasses import dataclass, field

from lib import uapi as u
from names import (KINDS, NLA_F_NESTED, NLA_F_NET_BYTEORDER, flags_text, name_of,
                   nested_space, space_of)

# Not a netlink message: close the namespace.
NETNS_END = 0


@dataclass(frozen=True)
class NsFd:
    """An attribute's value that only the player knows: a namespace's descriptor."""

    ns: str


@dataclass
class Attr:
    """An attribute; `length` overrides the one that the value has."""

    kind: int
    value: object                       # bytes, a list of Attr, or NsFd
    flags: int = 0
    length: int | None = None

    def children(self):
        return self.value if isinstance(self.value, list) else []


@dataclass
class Message:
    """A request in namespace `ns`; `cut` octets are missing at its end."""

    ns: str
    kind: int
    flags: int = u.NLM_F_ACK
    header: bytes = b""
    attrs: list = field(default_factory=list)
    strict: bool = False
    cut: int = 0

    def copy(self):
        return copy.deepcopy(self)


def encode(message, descriptor):
    """The octets after nlmsghdr, and {offset in the message: path} of each attribute."""
    offsets = {}

    def attributes(attrs, base, path):
        out = b""
        for attr in attrs:
            here = path + (attr.kind,)
            offsets[base + len(out)] = here
            value = attr.value
            if isinstance(value, list):
                value = attributes(value, base + len(out) + 4, here)
            elif isinstance(value, NsFd):
                value = struct.pack("=i", descriptor(value.ns))
            length = len(value) + 4 if attr.length is None else attr.length
            out += struct.pack("=HH", length, attr.kind | attr.flags) + value
            out += bytes(-len(value) % 4)
        return out

    body = message.header + attributes(message.attrs, 16 + len(message.header), ())
    return (body[:-message.cut] if message.cut else body), offsets


def places(attrs, path=()):
    """Where each attribute is, as a path of positions, children after their parent."""
    for position, attr in enumerate(attrs):
        yield path + (position,)
        yield from places(attr.children(), path + (position,))


def at(attrs, place):
    """The list that holds an attribute, and its position there."""
    for position in place[:-1]:
        attrs = attrs[position].value
    return attrs, place[-1]


def without(message, dropped):
    """A copy that lacks the attributes at some places."""
    message = message.copy()
    for place in sorted(dropped, reverse=True):
        siblings, position = at(message.attrs, place)
        del siblings[position]
    return message


# -- Files ------------------------------------------------------------------

def _plain(attr):
    value = attr.value
    if isinstance(value, list):
        value = [_plain(child) for child in value]
    elif isinstance(value, NsFd):
        value = {"ns": value.ns}
    else:
        value = value.hex()
    return [attr.kind, value, attr.flags, attr.length]


def _attr(plain):
    kind, value, flags, length = plain
    if isinstance(value, list):
        value = [_attr(child) for child in value]
    elif isinstance(value, dict):
        value = NsFd(value["ns"])
    else:
        value = bytes.fromhex(value)
    return Attr(kind, value, flags, length)


def dump(sequence):
    """A sequence as text, a message a line."""
    lines = [json.dumps({**vars(m), "header": m.header.hex(),
                         "attrs": [_plain(attr) for attr in m.attrs]}) for m in sequence]
    return "\n".join(lines) + "\n"


def load(text):
    """The sequence that dump() wrote; lines that begin with # say what it is for."""
    sequence = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            fields = json.loads(line)
            sequence.append(Message(**{
                **fields, "header": bytes.fromhex(fields["header"]),
                "attrs": [_attr(attr) for attr in fields["attrs"]]}))
    return sequence


# -- Reading ----------------------------------------------------------------

def _header_text(message):
    header = message.header
    space = space_of(message.kind)
    if space == "IFLA" and len(header) >= 16:
        family, _, _, index, flags, change = struct.unpack_from("=BBHiII", header)
        return f"index={index} family={family} flags={flags:#x}/{change:#x}"
    if space == "NDA" and len(header) >= 12:
        family, _, _, index, state, flags, kind = struct.unpack_from("=BBHiHBB", header)
        return (f"index={index} family={family} state={state:#x} flags={flags:#x}"
                + (f" type={kind}" if kind else ""))
    return header.hex()


def attribute_lines(attrs, space, indent):
    """Attributes as readable lines; nests are indented."""
    for attr in attrs:
        odd = ""
        if attr.flags & NLA_F_NESTED:
            odd += " +NESTED"
        if attr.flags & NLA_F_NET_BYTEORDER:
            odd += " +NET_BYTEORDER"
        if attr.length is not None:
            odd += f" nla_len={attr.length}"
        value = attr.value
        if isinstance(value, list):
            yield f"{indent}{name_of(space, attr.kind)}{odd} {{"
            yield from attribute_lines(value, nested_space(space, attr.kind), indent + "  ")
            yield f"{indent}}}"
        elif isinstance(value, NsFd):
            yield f"{indent}{name_of(space, attr.kind)}{odd} = descriptor of {value.ns}"
        else:
            yield f"{indent}{name_of(space, attr.kind)}{odd} = {_value_text(value)}"


def _value_text(value):
    if len(value) > 1 and value[:-1].isascii() and value[:-1].decode().isprintable() \
            and any(octet > 64 for octet in value):
        return f"{value.hex()} {value!r}"
    return value.hex() or "(empty)"


def text(message, number=None):
    """A message as lines of text."""
    label = "" if number is None else f"{number}. "
    if message.kind == NETNS_END:
        return f"{label}[{message.ns}] the namespace ends"
    name = KINDS[message.kind][0] if message.kind in KINDS else str(message.kind)
    first = (f"{label}[{message.ns}] RTM_{name} {flags_text(message.kind, message.flags)} "
             f"{_header_text(message)}")
    if message.strict:
        first += " (strict)"
    if message.cut:
        first += f" (the last {message.cut} octets cut)"
    return "\n".join([first, *attribute_lines(message.attrs, space_of(message.kind), "      ")])
