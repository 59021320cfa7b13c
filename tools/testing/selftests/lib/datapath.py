# SPDX-License-Identifier: GPL-2.0
"""Open vSwitch's part in the kernel by its own messages, with no daemon: one packet, one
list of actions, and what the kernel says of it."""

import os
import select
import socket
import struct

from . import rtnl
from . import uapi as u
from .rtnl import decode, u32
from .wait import PATIENCE

GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 3
FAMILY_ID, FAMILY_NAME = 1, 2
NEW, DEL, EXECUTE = 1, 2, 3
UPCALL_ACTION = 2
VPORT_NETDEV = 1

# OVS_PACKET_ATTR_*
PACKET, KEY, ACTIONS, USERDATA, EGRESS = 1, 2, 3, 4, 5
# OVS_KEY_ATTR_*
IN_PORT, MARK, TUNNEL = 3, 15, 16
# OVS_ACTION_ATTR_*
OUTPUT, USERSPACE, SET = 1, 2, 3

# OVS_TUNNEL_KEY_ATTR_* by the name of an option of tunnel().
TUNNEL_KEY = {
    "id": (0, lambda value: struct.pack("!Q", value)),
    "src": (1, rtnl.ip4),
    "dst": (2, rtnl.ip4),
    "tos": (3, rtnl.u8),
    "ttl": (4, rtnl.u8),
    "df": (5, lambda _: b""),
    "csum": (6, lambda _: b""),
    "sport": (9, rtnl.be16),
    "dport": (10, rtnl.be16),
    "gbp": (11, lambda value: [(1, u32(value))]),
    "src6": (12, rtnl.ip6),
    "dst6": (13, rtnl.ip6),
    "bridge": (16, lambda _: b""),
}


def output(port):
    return (OUTPUT, u32(port))


def tunnel(**options):
    """The action that says how a packet is to be tunnelled."""
    key = [(number, pack(options[name])) for name, (number, pack) in TUNNEL_KEY.items()
           if name in options]
    assert len(key) == len(options), f"unknown option among {options}"
    return (SET, [(TUNNEL, key)])


def mark(value):
    return (SET, [(MARK, u32(value))])


def tunnel_key(raw):
    """A tunnel's key as the kernel tells it: {name: octets}."""
    names = {number: name for name, (number, _) in TUNNEL_KEY.items()}
    return {names[number]: value for number, value in decode(raw)}


class Datapath:
    """A datapath in a namespace; its ports are numbered in the order they are given."""

    def __init__(self, ns, name="dp0"):
        self.ns = ns
        with ns:
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.bind((0, 0))
        self.sock.settimeout(PATIENCE)
        self.seq, self.ifindex, self.ports = 0, 0, 0
        self.families = {kind: self._family(f"ovs_{kind}")
                         for kind in ("datapath", "vport", "packet")}
        self._request("datapath", NEW, [(1, rtnl.text(name)), (2, u32(0))], version=2)
        self.ifindex = ns.index(name)
        ns.keep(self)

    def close(self):
        """Take the datapath away; its ports are links of their own again."""
        self._request("datapath", DEL, [], version=2)
        self.sock.close()

    def _send(self, family, command, version, body):
        self.seq += 1
        body = struct.pack("=BBH", command, version, 0) + body
        self.sock.send(struct.pack("=IHHII", 16 + len(body), family,
                                   u.NLM_F_REQUEST | u.NLM_F_ACK, self.seq, 0) + body)

    def _replies(self):
        """The answers to the last request, up to its ack."""
        found = []
        while True:
            for kind, flags, seq, payload in rtnl.split(self.sock.recv(1 << 16)):
                if kind != u.NLMSG_ERROR:
                    found.append(payload)
                    continue
                assert seq == self.seq
                code = -struct.unpack_from("=i", payload)[0]
                if code:
                    raise OSError(code, os.strerror(code), flags)
                return found

    def _family(self, name):
        attrs = rtnl.encode([(FAMILY_NAME, rtnl.text(name))])
        self._send(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, attrs)
        return struct.unpack("=H", dict(decode(self._replies()[0][4:]))[FAMILY_ID])[0]

    def _request(self, kind, command, attrs, version=1):
        body = struct.pack("=i", self.ifindex) + rtnl.encode(attrs)
        self._send(self.families[kind], command, version, body)
        return self._replies()

    def port(self, name):
        """Take a link as a port; its number."""
        self.ports += 1
        self._request("vport", NEW, [(1, u32(self.ports)), (2, u32(VPORT_NETDEV)),
                                     (3, rtnl.text(name)), (5, u32(0))])
        return self.ports

    def execute(self, frame, *actions):
        """Do something with a frame that comes from nowhere."""
        return self._request("packet", EXECUTE, [
            (PACKET, frame), (KEY, [(IN_PORT, u32(0))]), (ACTIONS, list(actions))])

    def told(self, port):
        """The action that has the kernel tell us how a packet would leave by a port."""
        pid = self.sock.getsockname()[0]
        return (USERSPACE, [(1, u32(pid)), (2, b"told"), (3, u32(port))])

    def egress(self, frame, port, *actions):
        """How a packet, after the actions, would be tunnelled: a key, or None."""
        packets = [dict(decode(reply[8:])) for reply in
                   self.execute(frame, *actions, self.told(port))]
        if not packets:
            assert select.select([self.sock], [], [], PATIENCE)[0], "nothing was told"
            (message,) = rtnl.split(self.sock.recv(1 << 16))
            packets = [dict(decode(message[3][8:]))]
        (packet,) = packets
        assert packet[USERDATA] == b"told" and packet[PACKET] == frame
        raw = packet.get(EGRESS)
        return None if raw is None else tunnel_key(raw)
