# SPDX-License-Identifier: GPL-2.0
"""Forwarding entries by the thousand: netlink messages made beforehand, 64 in one send."""

import socket
import struct

from lib import rtnl
from lib import uapi as u
from lib.host import NEW, PERMANENT

BATCH = 64
FIRST = 0x02_00_00_10_00_00     # The address of entry 0; the next are consecutive.


def lladdr(number):
    return (FIRST + number).to_bytes(6, "big")


def batches(end, kind, flags, state, entries):
    """Messages for (address, destination or None) on vx0, 64 to a buffer; none asks for an answer."""
    header = struct.pack("=BxHiHBB", u.AF_BRIDGE, 0, end.index("vx0"), state, u.NTF_SELF, 0)
    messages = []
    for address, destination in entries:
        attrs = [(u.NDA.LLADDR, address)]
        if destination is not None:
            attrs.append((u.NDA.DST, destination))
        body = header + rtnl.encode(attrs)
        messages.append(struct.pack("=IHHII", 16 + len(body), kind, flags | u.NLM_F_REQUEST, 0, 0) + body)
    return [b"".join(messages[i:i + BATCH]) for i in range(0, len(messages), BATCH)]


def additions(end, count, remotes=1, state=PERMANENT, how=NEW):
    """Entries 0 ... of addresses lladdr(), spread over that many tunnel ends."""
    ends = [socket.inet_aton(end.address_of(2 + i)) for i in range(remotes)]
    entries = ((lladdr(i), ends[i % remotes]) for i in range(count))
    return batches(end, u.RTM_NEWNEIGH, how, state, entries)


def removals(end, count):
    """Of the first entries that additions() makes."""
    return batches(end, u.RTM_DELNEIGH, 0, PERMANENT, ((lladdr(i), None) for i in range(count)))


def send(sock, buffers):
    """Send all; an error of one would be waiting at the end, see quiet()."""
    transmit = sock.send
    for buffer in buffers:
        transmit(buffer)


def quiet(sock):
    """See that the kernel had nothing to say against what was sent."""
    try:
        answer = sock.recv(4096, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return
    raise SystemExit(f"bench: the kernel refused an entry: {answer[16:20].hex()}")


def fill(end, *arguments, **settings):
    """Add entries, uncounted."""
    sock = end.nl.sock
    send(sock, additions(end, *arguments, **settings))
    quiet(sock)
