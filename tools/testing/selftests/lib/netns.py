# SPDX-License-Identifier: GPL-2.0
"""Network namespaces of the test process itself, with no fork per operation.

A namespace is a file descriptor. `with ns:` moves the thread into it; sockets
opened there stay there, so one process can hold ends in every namespace.
"""

import contextlib
import ctypes
import json
import os
import select
import socket
import struct
import subprocess
import tempfile
import time

from . import rtnl
from . import uapi as u
from .wait import PATIENCE, wait_for

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
IFA_F_NODAD = 2
SELF_NS = "/proc/thread-self/ns/net"
LIBC = ctypes.CDLL(None, use_errno=True)


class NetNS:
    """A network namespace, and what tests do in one."""

    def __init__(self, name):
        self.name = name
        self._homes = []
        self._open = []
        self._nl = None
        home = os.open(SELF_NS, os.O_RDONLY)
        os.unshare(CLONE_NEWNET)
        self.fd = os.open(SELF_NS, os.O_RDONLY)
        self._quiet()
        os.setns(home, CLONE_NEWNET)
        os.close(home)
        self.link_set("lo", up=True)

    @staticmethod
    def _quiet():
        """No IPv6: its router and listener messages would mix with the tests' frames."""
        for scope in ("all", "default"):
            path = f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"
            if os.path.exists(path):
                with open(path, "w", encoding="ascii") as stream:
                    stream.write("1")

    def __enter__(self):
        self._homes.append(os.open(SELF_NS, os.O_RDONLY))
        os.setns(self.fd, CLONE_NEWNET)
        return self

    def __exit__(self, *_):
        home = self._homes.pop()
        os.setns(home, CLONE_NEWNET)
        os.close(home)

    def keep(self, closable):
        """Close `closable` with the namespace, so that nothing holds it alive."""
        self._open.append(closable)
        return closable

    def close_sockets(self):
        for closable in self._open:
            closable.close()
        self._open = []

    def clear(self, keep=()):
        """Close the test's sockets and delete every link but those to keep."""
        self.close_sockets()
        for name in self.links().keys() - keep:
            with contextlib.suppress(OSError):      # Some go with another.
                self.link_del(name)

    def close(self):
        """Let the namespace go, with whatever is still in it."""
        self.close_sockets()
        if self._nl:
            self._nl.close()
            self._nl = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    # -- Links ------------------------------------------------------------

    @property
    def nl(self):
        if self._nl is None:
            with self:
                self._nl = rtnl.Netlink()
        return self._nl

    def listen(self, *groups):
        """A netlink socket that gets the notifications of `groups`."""
        with self:
            return self.keep(rtnl.Netlink(groups))

    def netlink(self, strict=False):
        """A netlink socket of its own."""
        with self:
            return self.keep(rtnl.Netlink(strict=strict))

    def index(self, name):
        with self:
            return socket.if_nametoindex(name)

    def nsid(self, other):
        """What another namespace is called in this one, by a number made if needed."""
        fd = (3, rtnl.u32(other.fd))         # NETNSA_FD; NETNSA_NSID is 1
        (reply,) = self.nl.request(u.RTM_GETNSID, bytes(4), [fd], 0)
        number = struct.unpack("=i", reply.get(1))[0]
        if number >= 0:
            return number
        self.nl.request(u.RTM_NEWNSID, bytes(4), [fd, (1, rtnl.s32(-1))])
        return self.nsid(other)

    def link_message(self, kind, name=None, attrs=(), flags=u.NLM_F_ACK, index=0,
                     iff=(0, 0)):
        header = struct.pack("=BxHiII", 0, 0, index, *iff)
        named = [(u.IFLA.IFNAME, rtnl.text(name))] if name else []
        return self.nl.request(kind, header, named + list(attrs), flags)

    def link_add(self, name, kind, data=None, attrs=()):
        info = [(u.INFO.KIND, kind.encode())]
        if data is not None:
            info.append((u.INFO.DATA, data))
        self.link_message(u.RTM_NEWLINK, name, [*attrs, (u.IFLA.LINKINFO, info)],
                          u.NLM_F_ACK | u.NLM_F_CREATE | u.NLM_F_EXCL)

    def link_set(self, name, up=None, attrs=()):
        iff = (0, 0) if up is None else (u.IFF_UP if up else 0, u.IFF_UP)
        self.link_message(u.RTM_NEWLINK, None, attrs, index=self.index(name), iff=iff)

    def link_del(self, name):
        self.link_message(u.RTM_DELLINK, None, index=self.index(name))

    def link_get(self, name):
        """The whole RTM_NEWLINK message of a link, unread."""
        return self.link_message(u.RTM_GETLINK, name, flags=0)[0]

    def links(self):
        """Name and index of every link but lo."""
        dump = self.link_message(u.RTM_GETLINK, flags=u.NLM_F_DUMP)
        found = {m.get(u.IFLA.IFNAME)[:-1].decode():
                 struct.unpack_from("=i", m.header, 4)[0] for m in dump}
        found.pop("lo")
        return found

    def stats(self, name):
        raw = self.link_get(name).get(u.IFLA.STATS64)
        values = struct.unpack(f"={len(u.STATS64)}Q", raw[:8 * len(u.STATS64)])
        return dict(zip(u.STATS64, values))

    def mac(self, name):
        return self.link_get(name).get(u.IFLA.ADDRESS).hex(":")

    def address(self, name, addr, prefix):
        """Give a link an address; an IPv6 one is usable at once (`ipv6` first)."""
        six = ":" in addr
        family, flags = (socket.AF_INET6, IFA_F_NODAD) if six else (socket.AF_INET, 0)
        raw = rtnl.ip6(addr) if six else rtnl.ip4(addr)
        header = struct.pack("=BBBBi", family, prefix, flags, 0, self.index(name))
        self.nl.request(u.RTM_NEWADDR, header, [(1, raw), (2, raw)],
                        u.NLM_F_ACK | u.NLM_F_CREATE | u.NLM_F_EXCL)

    def ipv6(self, name, on=True):
        """Allow IPv6 on a link, without router and neighbour messages of its own."""
        values = {"accept_dad": 0, "accept_ra": 0, "router_solicitations": 0,
                  "addr_gen_mode": 1, "disable_ipv6": 0 if on else 1}
        for key, value in values.items():
            self.sysctl(f"net/ipv6/conf/{name}/{key}", value)

    def sysctl(self, path, value):
        with self, open(f"/proc/sys/{path}", "w", encoding="ascii") as stream:
            stream.write(str(value))

    def neighbour(self, name, addr, lladdr):
        """A permanent neighbour, so that no ARP or ND frame mixes with the test's."""
        six = ":" in addr
        header = struct.pack("=BxHiHBB", socket.AF_INET6 if six else socket.AF_INET, 0,
                             self.index(name), u.NUD_PERMANENT, 0, 0)
        self.nl.request(u.RTM_NEWNEIGH, header,
                        [(u.NDA.DST, rtnl.ip6(addr) if six else rtnl.ip4(addr)),
                         (u.NDA.LLADDR, rtnl.mac(lladdr))],
                        u.NLM_F_ACK | u.NLM_F_CREATE | u.NLM_F_REPLACE)

    def multicast_route(self, name):
        """Send 224.0.0.0/4 out of a link."""
        header = struct.pack("=BBBBBBBBI", socket.AF_INET, 4, 0, 0, 254, 3, 253, 1, 0)
        self.nl.request(u.RTM_NEWROUTE, header,
                        [(1, rtnl.ip4("224.0.0.0")), (4, rtnl.u32(self.index(name)))],
                        u.NLM_F_ACK | u.NLM_F_CREATE)

    # -- Processes and files ----------------------------------------------

    def run(self, *command, check=True, timeout=60):
        """Run a program in the namespace; its output, errors joined in."""
        with self:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.STDOUT, timeout=timeout,
                                  check=False)
        if check:
            assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
            return done.stdout
        return done.returncode, done.stdout

    def json(self, *command):
        return json.loads(self.run(*command))

    def popen(self, *command):
        with self:
            return subprocess.Popen(command, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)

    def read(self, path):
        with self, open(path, encoding="ascii") as stream:
            return stream.read()

    @contextlib.contextmanager
    def sysfs(self):
        """A directory with this namespace's /sys: a mount shows one namespace only."""
        with tempfile.TemporaryDirectory() as path:
            with self:
                if LIBC.mount(b"sysfs", path.encode(), b"sysfs", 0, None):
                    raise OSError(ctypes.get_errno(), "mount sysfs")
            try:
                yield path
            finally:
                LIBC.umount2(path.encode(), 2)

    def udp_ports(self):
        """Ports of the UDP sockets of the namespace, the kernel's own included."""
        return self._ports("udp")

    def udp6_ports(self):
        """The same of IPv6."""
        return self._ports("udp6")

    def _ports(self, table):
        try:
            lines = self.read(f"/proc/net/{table}").splitlines()[1:]
        except FileNotFoundError:       # The kernel was booted without IPv6.
            return []
        return sorted(int(line.split()[1].split(":")[1], 16) for line in lines)

    # -- Frames -----------------------------------------------------------

    def tap(self, name):
        """A packet socket on a link, for sending and for looking."""
        with self:
            return self.keep(Tap(name))


class Tap:
    """An AF_PACKET socket on one link."""

    def __init__(self, name):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self.sock.bind((name, ETH_P_ALL))

    def close(self):
        self.sock.close()

    def send(self, frame):
        self.sock.send(frame)

    def collect(self, accept, want=1, timeout=PATIENCE, outgoing=False):
        """Frames that `accept`, until `want` came or time ran out.

        Frames that the link itself sent are seen only when `outgoing`.
        """
        found = []
        deadline = time.monotonic() + timeout
        while len(found) < want:
            left = max(0, deadline - time.monotonic())
            if not select.select([self.sock], [], [], left)[0]:
                break
            data, where = self.sock.recvfrom(65536)
            if (where[2] == socket.PACKET_OUTGOING) == outgoing and accept(data):
                found.append(data)
        return found

    def expect(self, accept, want=1, outgoing=False):
        """Exactly `want` frames, failing when they do not come."""
        found = self.collect(accept, want, outgoing=outgoing)
        assert len(found) == want, f"{len(found)} frames of {want}"
        return found

    def one(self, accept=lambda data: True, outgoing=False):
        return self.expect(accept, 1, outgoing)[0]

    def pending(self, accept=lambda data: True, outgoing=False):
        """Frames that have arrived by now."""
        return self.collect(accept, 1 << 30, timeout=0, outgoing=outgoing)


def await_stat(ns, name, key, value):
    """Wait until a counter of a link reaches `value`, and see that it is not more."""
    wait_for(lambda: ns.stats(name)[key] >= value,
             lambda: f"{key} of {value} on {name}: {ns.stats(name)}")
    assert ns.stats(name)[key] == value
