# SPDX-License-Identifier: GPL-2.0
"""Raw rtnetlink: exact messages out, exact messages in, extended acks read.

pyroute2 normalises what it sends and reads; these tests are about the bytes
themselves, and about the attribute that an extended ack names.
"""

import errno
import os
import select
import socket
import struct
import time
from dataclasses import dataclass, field

from . import uapi as u

SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 1, 11, 12
ATTR_MSG, ATTR_OFFS, ATTR_MISS_TYPE, ATTR_MISS_NEST = 1, 2, 5, 6
HEADER_LENGTH = {u.RTM_NEWLINK: 16, u.RTM_DELLINK: 16, u.RTM_NEWNEIGH: 12,
                 u.RTM_DELNEIGH: 12, u.RTM_GETNEIGH: 12, u.RTM_NEWNSID: 4}


class NetlinkError(OSError):
    """A refusal: errno, the kernel's text, and the attribute at fault."""

    def __init__(self, code, text, path, missing):
        super().__init__(code, os.strerror(code))
        self.text = text
        self.path = path
        self.missing = missing

    def __str__(self):
        name = errno.errorcode.get(self.errno, self.errno)
        return f"{name} text={self.text!r} attr={self.path} missing={self.missing}"


def u8(value):
    return struct.pack("=B", value)


def u16(value):
    return struct.pack("=H", value)


def u32(value):
    return struct.pack("=I", value)


def s32(value):
    return struct.pack("=i", value)


def be16(value):
    return struct.pack("!H", value)


def ip4(text):
    return socket.inet_aton(text)


def ip6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def text(value):
    return value.encode() + b"\0"


def encode(attrs, base=0, path=(), offsets=None):
    """Attributes as bytes. A list value is a nest; `offsets` gets each one's path."""
    out = b""
    for kind, value in attrs:
        here = path + (kind,)
        if offsets is not None:
            offsets[base + len(out)] = here
        if isinstance(value, list):
            value = encode(value, base + len(out) + 4, here, offsets)
        out += struct.pack("=HH", len(value) + 4, kind) + value
        out += bytes(-len(value) % 4)
    return out


def decode(data):
    """Attributes of a buffer as an ordered list of (number, payload)."""
    attrs = []
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        assert 4 <= length <= len(data), f"bad attribute length {length}"
        attrs.append((kind & 0x3FFF, data[4:length]))
        data = data[(length + 3) & ~3:]
    return attrs


@dataclass
class Message:
    """One netlink message: its type and flags, the fixed header, the attributes."""

    kind: int
    flags: int
    header: bytes
    attrs: list = field(default_factory=list)

    def get(self, kind):
        for number, value in self.attrs:
            if number == kind:
                return value
        return None


def parse(kind, flags, payload):
    size = HEADER_LENGTH.get(kind, 0)
    return Message(kind, flags, payload[:size], decode(payload[size:]))


def split(buffer):
    """(type, flags, seq, payload) of each message of a datagram."""
    while len(buffer) >= 16:
        length, kind, flags, seq, _pid = struct.unpack_from("=IHHII", buffer)
        yield kind, flags, seq, buffer[16:length]
        buffer = buffer[(length + 3) & ~3:]


def read_ack(flags, payload, offsets):
    """errno, text, path of the attribute at fault, and attribute missed, of an ack."""
    code = -struct.unpack_from("=i", payload)[0]
    tlvs = {}
    if flags & u.NLM_F_ACK_TLVS:
        size = 4 + 16
        if not flags & u.NLM_F_CAPPED:
            size = 4 + struct.unpack_from("=I", payload, 4)[0]
        tlvs = dict(decode(payload[(size + 3) & ~3:]))
    message = tlvs.get(ATTR_MSG)
    place = tlvs.get(ATTR_OFFS)
    missing = tlvs.get(ATTR_MISS_TYPE)
    path = offsets.get(struct.unpack("=I", place)[0], "?") if place else None
    return (code, message and message.rstrip(b"\0").decode(), path,
            missing and struct.unpack("=I", missing)[0])


class Netlink:
    """A NETLINK_ROUTE socket of the namespace that the thread is in."""

    def __init__(self, groups=(), strict=False):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.sock.bind((0, 0))
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        if strict:
            self.sock.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
        for group in groups:
            self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
        self.seq = 0

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def request(self, kind, header, attrs=(), flags=u.NLM_F_ACK):
        """Send one request; return the reply's messages or raise NetlinkError."""
        offsets = self.start(kind, header, attrs, flags)
        return self._collect(offsets, bool(flags & u.NLM_F_ACK))

    def start(self, kind, header, attrs=(), flags=u.NLM_F_ACK):
        """Send one request and do not wait; return where its attributes are."""
        offsets = {}
        body = header + encode(attrs, 16 + len(header), (), offsets)
        self.seq += 1
        head = struct.pack("=IHHII", 16 + len(body), kind,
                           flags | u.NLM_F_REQUEST, self.seq, 0)
        self.sock.send(head + body)
        return offsets

    def packet(self):
        """The messages of the next packet of a dump, and whether it was the last.

        The kernel fills one packet when the dump starts and one at each read, so it is
        one packet ahead.
        """
        messages = []
        for kind, flags, _seq, payload in split(self.sock.recv(1 << 18)):
            if kind == u.NLMSG_DONE:
                return messages, True
            assert kind != u.NLMSG_ERROR, payload
            messages.append(parse(kind, flags, payload))
        return messages, False

    def _collect(self, offsets, acked):
        replies = []
        while True:
            buffer = self.sock.recv(1 << 18)
            for kind, flags, seq, payload in split(buffer):
                if seq != self.seq:
                    continue
                if kind == u.NLMSG_ERROR:
                    self._raise(flags, payload, offsets)
                    return replies
                if kind == u.NLMSG_DONE:
                    return replies
                replies.append(parse(kind, flags, payload))
                if not flags & u.NLM_F_MULTI and not acked:
                    return replies

    @staticmethod
    def _raise(flags, payload, offsets):
        code, message, path, missing = read_ack(flags, payload, offsets)
        if code:
            raise NetlinkError(code, message, path, missing)

    def events(self, want, timeout=10.0, accept=lambda message: True):
        """Wait for `want` notifications that `accept`, in order of arrival."""
        found = []
        deadline = time.monotonic() + timeout
        while len(found) < want:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                break
            found += filter(accept, self._read())
        return found

    def drain(self, accept=lambda message: True):
        """Every notification that has arrived by now."""
        found = []
        while select.select([self.sock], [], [], 0)[0]:
            found += filter(accept, self._read())
        return found

    def _read(self):
        buffer = self.sock.recv(1 << 18)
        return [parse(kind, flags, payload)
                for kind, flags, _seq, payload in split(buffer)]
