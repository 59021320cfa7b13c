# SPDX-License-Identifier: GPL-2.0
"""Where a sequence is played: fresh namespaces in which every number is known.

Two namespaces, a and b, know each other by id and have dummy devices to tunnel
over. All indexes and addresses are fixed, so that two runs can be compared.
"""

import contextlib
import os
import socket
import struct
from dataclasses import dataclass, field

from lib import rtnl
from lib import uapi as u
from lib.netns import NetNS
from message import NETNS_END, encode
from model import GONE
from names import IFLA, RTM_GETNEXTHOP, RTNLGRP_NEXTHOP
from observe import final_facts

NETLINK_CAP_ACK = 10
ANSWER_WITHIN = struct.pack("=qq", 20, 0)
GROUPS = (u.RTNLGRP_LINK, u.RTNLGRP_NEIGH, RTNLGRP_NEXTHOP)
# name, index, MTU, whether IPv6 works on it
UNDERLAY = {"a": [("u0", 2, 1500, True), ("u1", 3, 9000, True), ("u2", 4, 1280, False)],
            "b": [("w0", 5, 1500, True)]}
NSID = {"a": 20, "b": 21}               # by which the other knows it
SENTINEL = {"a": 6, "b": 7}
FILES = ("udp", "udp6", "igmp", "igmp6")


@dataclass
class Step:
    """What one message brought: its ack, its replies, events, and what is there then."""

    ack: tuple
    replies: list
    events: dict                        # namespace: octets of each datagram
    state: dict | None = None


@dataclass
class Trace:
    steps: list = field(default_factory=list)
    final: dict = field(default_factory=dict)


class Port(rtnl.Netlink):
    """A netlink socket that sends octets as they are and keeps the answers unread."""

    buffer = bytearray(1 << 18)

    def __init__(self, groups=(), strict=False):
        super().__init__(groups, strict)
        self.sock.setsockopt(rtnl.SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, ANSWER_WITHIN)

    def play(self, kind, flags, body, offsets):
        """Send one message. Returns (ack, replies)."""
        self.seq += 1
        self.sock.send(struct.pack("=IHHII", 16 + len(body), kind, flags | u.NLM_F_REQUEST,
                                   self.seq, 0) + body)
        replies = []
        while True:
            try:
                got = bytes(self.buffer[:self.sock.recv_into(self.buffer)])
            except BlockingIOError:
                return ("no answer", None, None, None), replies
            for reply, reply_flags, seq, payload in rtnl.split(got):
                if seq != self.seq:
                    continue
                if reply in (u.NLMSG_ERROR, u.NLMSG_DONE):
                    if reply == u.NLMSG_DONE and not reply_flags & u.NLM_F_ACK_TLVS:
                        return (-struct.unpack_from("=i", payload)[0], None, None, None), replies
                    return rtnl.read_ack(reply_flags, payload, offsets), replies
                replies.append((reply, payload))

    def arrived(self):
        """The datagrams that have arrived by now."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                size = self.sock.recv_into(self.buffer, 0, socket.MSG_DONTWAIT)
                found.append(bytes(self.buffer[:size]))
        return found

    def dump(self, kind, header):
        return self.play(kind, u.NLM_F_ACK | u.NLM_F_DUMP, header, {})[1]


class Place:
    """A namespace of the world with its sockets and the files that are looked at."""

    def __init__(self, name):
        self.name = name
        self.ns = NetNS(name)
        with self.ns:
            self.lax, self.strict = Port(), Port(strict=True)
            self.files = {file: os.open(f"/proc/net/{file}", os.O_RDONLY) for file in FILES}
            for link in UNDERLAY[name]:
                self._underlay(*link)
            self.listener = Port(GROUPS)

    def _underlay(self, link, index, mtu, six):
        attrs = [(IFLA.MTU, rtnl.u32(mtu)), (IFLA.ADDRESS, b"\2\xd1\xff\0\1" + bytes([index])),
                 (IFLA.LINKINFO, [(u.INFO.KIND, b"dummy")])]
        self.ns.link_message(u.RTM_NEWLINK, link, attrs,
                             u.NLM_F_ACK | u.NLM_F_CREATE | u.NLM_F_EXCL, index=index)
        if six:
            # Without an address of its own, which would take time to settle.
            for key, value in (("addr_gen_mode", "1"), ("disable_ipv6", "0")):
                with open(f"/proc/sys/net/ipv6/conf/{link}/{key}", "w", encoding="ascii") as stream:
                    stream.write(value)
        self.ns.link_set(link, up=True)

    def state(self):
        """Everything that a user can see, unread."""
        found = {"links": self.lax.dump(u.RTM_GETLINK, bytes(16)),
                 "fdb": self.lax.dump(u.RTM_GETNEIGH, struct.pack("=B11x", u.AF_BRIDGE)),
                 "nexthops": self.lax.dump(RTM_GETNEXTHOP, bytes(8))}
        for file, descriptor in self.files.items():
            found[file] = os.pread(descriptor, 1 << 16, 0)
        return found

    def close(self):
        for port in (self.lax, self.strict, self.listener):
            port.close()
        for descriptor in self.files.values():
            os.close(descriptor)
        self.ns.close()


class World:
    """Context manager: namespaces a and b, and playing messages there."""

    def __init__(self, ends):
        self.ends = ends                # Whether b may end.
        self.places = {}

    def __enter__(self):
        self.places = {name: Place(name) for name in UNDERLAY}
        a, b = self.places["a"], self.places["b"]
        for here, there in ((a, b), (b, a)):
            here.ns.nl.request(u.RTM_NEWNSID, b"\0\0\0\0",
                               [(1, rtnl.u32(NSID[there.name])), (3, rtnl.u32(there.ns.fd))])
        if self.ends:
            peer = [(IFLA.IFNAME, b"s0\0"), (IFLA.NET_NS_FD, rtnl.u32(b.ns.fd))]
            header = struct.pack("=BxHiII", 0, 0, SENTINEL["b"], 0, 0)
            a.ns.link_message(u.RTM_NEWLINK, "s0", [(IFLA.LINKINFO, [
                (u.INFO.KIND, b"veth"), (u.INFO.DATA, [(1, header + rtnl.encode(peer))])])],
                u.NLM_F_ACK | u.NLM_F_CREATE | u.NLM_F_EXCL, index=SENTINEL["a"])
        for place in self.places.values():
            place.listener.arrived()
        return self

    def __exit__(self, *_):
        for place in self.places.values():
            place.close()

    def descriptor(self, name):
        return self.places[name].ns.fd if name in self.places else -1

    def play(self, message):
        """Send a message and take in what came of it."""
        if message.ns not in self.places:
            return Step((GONE, None, None, None), [], {})
        if message.kind == NETNS_END:
            events = self._end(message.ns)
            return Step((0, None, None, None), [], events)
        place = self.places[message.ns]
        port = place.strict if message.strict else place.lax
        body, offsets = encode(message, self.descriptor)
        ack, replies = port.play(message.kind, message.flags, body, offsets)
        return Step(ack, replies, self._events())

    def _events(self):
        return {name: place.listener.arrived() for name, place in self.places.items()}

    def _end(self, name):
        """Close b and wait until the kernel is through with it.

        Its devices go last created first, so the end of the sentinel is the last
        that a hears of; taking the RTNL then sees that all is done.
        """
        self.places.pop(name).close()
        here = self.places["a"]
        seen = []
        here.listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, ANSWER_WITHIN)
        while not any(self._is_sentinel(datagram) for datagram in seen):
            seen.append(here.listener.sock.recv(1 << 18))
        here.lax.play(u.RTM_SETLINK, u.NLM_F_ACK, struct.pack("=BxHiII", 0, 0, 1, 0, 0), {})
        return {"a": seen + here.listener.arrived()}

    @staticmethod
    def _is_sentinel(datagram):
        return any(kind == u.RTM_DELLINK and
                   struct.unpack_from("=i", payload, 4)[0] == SENTINEL["a"]
                   for kind, _, _, payload in rtnl.split(datagram))

    def state(self):
        return {name: place.state() for name, place in self.places.items()}


def may_be_half_done(message):
    """Whether a refusal may leave something changed, which is looked at right away."""
    return (message.kind == u.RTM_NEWLINK and not message.flags & u.NLM_F_EXCL
            or message.kind == u.RTM_NEWNEIGH and bool(message.flags & u.NLM_F_REPLACE))


def ends(sequence):
    return any(message.kind == NETNS_END for message in sequence)


def play(sequence, every):
    """Play a sequence in a fresh world, looking at everything each `every` messages."""
    return _play(_listed(sequence), ends(sequence), every)[1]


def _listed(sequence):
    for message in sequence:
        yield message


def play_and_learn(sequence, every):
    """Play what a generator makes, which is told each errno. Returns (messages, trace)."""
    return _play(sequence.messages(), sequence.ends, every)


def _play(messages, may_end, every):
    trace, sequence, code = Trace(), [], None
    with World(may_end) as world:
        while True:
            try:
                message = messages.send(code)
            except StopIteration:
                break
            step = world.play(message)
            code = step.ack[0]
            sequence.append(message)
            trace.steps.append(step)
            if len(sequence) % every == 0 or (code and may_be_half_done(message)):
                step.state = world.state()
        if trace.steps and trace.steps[-1].state is None:
            trace.steps[-1].state = world.state()
        trace.final = {name: final_facts(place.ns) for name, place in world.places.items()}
    return sequence, trace
