# SPDX-License-Identifier: GPL-2.0
"""Where cases are played: namespaces and taps that stay, devices that come and go.

Namespace a has the underlay, u0 and u1, and a bridge br0 with a tap t0; b is another one
for tunnels. They are made once in a boot, for the numbers that the kernel mixes into
source ports are those of a namespace. A case starts with nothing but them.
"""

import contextlib
import errno
import os
import select
import socket
import struct
import subprocess
from dataclasses import dataclass, field

from drops import Drops
from lib import rtnl
from lib import uapi as u
from lib.uapi import VX
from lib.netns import NetNS
from lib.wait import wait_for
from message import Message, NsFd, encode
from names import IFLA, RTM_GETNEXTHOP, RTM_NEWNEXTHOP
from packet import Look, Packet, Watch
from ports import Barrier, Beside, Inside, Tap
from world import Port

GROUP = 77                              # Of the links that go with a case.
BRIDGE, WIRES = 5, ("u0", "u1")
TAPS = {"u0": (2, True), "u1": (3, False), "t0": (4, False)}
ADDRESSES = (("u0", "10.0.0.1", 24), ("u1", "10.0.1.1", 24),
             ("u0", "fd00::1", 64), ("u1", "fd01::1", 64),
             ("u0", "fe80::1", 64), ("u1", "fe80::1:1", 64))
NEIGHBOURS = [(link, f"{net}{number}", number, link == "u1")
              for link, nets in (("u0", ("10.0.0.", "fd00::", "fe80::")),
                                 ("u1", ("10.0.1.", "fd01::", "fe80::1:")))
              for net in nets for number in range(2, 10)]
ROUTES = (("u0", "224.0.0.0", 4, None), ("u0", "198.51.100.0", 24, "10.0.0.9"),
          ("u0", "2001:db8:7::", 48, "fd00::9"), (None, "203.0.113.0", 24, None),
          (None, "2001:db8:bad::", 48, None))
SYSCTLS = {
    "net/ipv4/icmp_ratelimit": 0, "net/ipv4/icmp_echo_ignore_broadcasts": 1,
    "net/ipv4/ipfrag_time": 36000, "net/ipv4/ipfrag_max_dist": 0,
    "net/ipv4/ipfrag_high_thresh": 1 << 28, "net/ipv6/ip6frag_time": 36000,
    "net/ipv6/ip6frag_high_thresh": 1 << 28, "net/ipv6/icmp/ratelimit": 0,
    "net/ipv4/icmp_msgs_per_sec": 1000000, "net/ipv4/icmp_msgs_burst": 1000000,
    "net/ipv4/fwmark_reflect": 0,
}
# Nobody is asked who has an address: it fails at once.
PER_LINK = {
    "net/ipv4/neigh/{}/mcast_solicit": 0, "net/ipv4/neigh/{}/ucast_solicit": 0,
    "net/ipv4/neigh/{}/app_solicit": 0, "net/ipv6/neigh/{}/mcast_solicit": 0,
    "net/ipv6/neigh/{}/ucast_solicit": 0, "net/ipv6/neigh/{}/app_solicit": 0,
    "net/ipv4/conf/{}/rp_filter": 0, "net/ipv4/conf/{}/accept_redirects": 0,
    "net/ipv4/conf/{}/accept_local": 1, "net/ipv6/conf/{}/accept_redirects": 0,
}
RTM_GETSTATS, TOO_BIG = 94, "Icmp6InPktTooBigs"
COUNTERS = ("snmp", "snmp6", "netstat")
MODULES = ("tun", "bridge", "sch_ingress", "cls_fw", "cls_matchall", "cls_flower", "act_tunnel_key",
           "act_vlan", "act_mirred")


@dataclass
class Outcome:
    """What one step brought."""

    ack: tuple = (0, None, None, None)
    out: list = field(default_factory=list)         # (port, what is said, octets)
    events: list = field(default_factory=list)      # (namespace, datagram)
    drops: list = field(default_factory=list)
    state: dict | None = None


class Bench:
    """Context manager: the namespaces, and playing cases there."""

    def __init__(self):
        self.spaces, self.taps, self.ports, self.listeners = {}, {}, {}, {}
        self.files, self.before, self.used = {}, {}, set()
        self.inside, self.beside, self.homes = {}, [], {}
        self.poll, self.by_fd = select.poll(), {}
        self.drops, self.barrier, self.plays = Drops(), Barrier(), 0

    def __enter__(self):
        for name in ("a", "b"):
            ns = self.spaces[name] = NetNS(name)
            with ns:
                self.ports[name] = Port()
                self.listeners[name] = Port((u.RTNLGRP_NEIGH,))
                self.inside[name] = Inside(BRIDGE)
            self._watch(self.listeners[name], ("events", name))
            self._watch(self.inside[name], ("packets", name))
        self._sysctls()
        with self.spaces["a"]:
            for name, (index, offloads) in TAPS.items():
                self.taps[name] = Tap(name, index, offloads)
                self._watch(self.taps[name], ("packets", name))
        self._underlay()
        for name, ns in self.spaces.items():
            with ns:
                for file in COUNTERS:
                    self.files[name, file] = os.open(f"/proc/thread-self/net/{file}", os.O_RDONLY)
        self.drops.__enter__()
        return self

    def __exit__(self, *_):
        self.reset()
        self.drops.__exit__()
        for each in (*self.files.values(),):
            os.close(each)
        for each in (*self.inside.values(), *self.taps.values(), *self.ports.values(), *self.listeners.values(),
                     *self.spaces.values()):
            each.close()

    def _sysctls(self):
        for ns in self.spaces.values():
            for path, value in SYSCTLS.items():
                with contextlib.suppress(FileNotFoundError):    # Some are of the first namespace.
                    ns.sysctl(path, value)
            for path, value in PER_LINK.items():
                for scope in ("default", "all"):
                    with contextlib.suppress(FileNotFoundError):
                        ns.sysctl(path.format(scope), value)
            # Tunnels have IPv6, but no address and nothing to say.
            ns.ipv6("default")
            ns.sysctl("net/ipv6/conf/all/disable_ipv6", 0)

    def _underlay(self):
        ns = self.spaces["a"]
        for name, (index, _) in TAPS.items():
            for path, value in PER_LINK.items():
                ns.sysctl(path.format(name), value)
            ns.link_set(name, attrs=[(IFLA.ADDRESS, b"\2\xd1\xff\0\1" + bytes([index])),
                                     (IFLA.MTU, rtnl.u32(1500)), (IFLA.TXQLEN, rtnl.u32(4000))])
            ns.ipv6(name)
            ns.link_set(name, up=True)
        self._bridge(ns)
        for link, address, prefix in ADDRESSES:
            ns.address(link, address, prefix)
        for link, address, number, second in NEIGHBOURS:
            ns.neighbour(link, address, f"02:aa:00:00:{second:02x}:{number:02x}")
        for route in ROUTES:
            self._route(*route)

    def _bridge(self, ns):
        """A bridge with t0, silent by itself, for cases to put a tunnel into."""
        quiet = [(23, b"\0"), (4, rtnl.u32(100000000))]     # No snooping, no ageing.
        attrs = [(IFLA.ADDRESS, b"\2\xd1\xff\0\1\5"),
                 (IFLA.LINKINFO, [(u.INFO.KIND, b"bridge"), (u.INFO.DATA, quiet)])]
        ns.link_message(u.RTM_NEWLINK, "br0", attrs,
                        u.NLM_F_ACK | u.NLM_F_CREATE | u.NLM_F_EXCL, index=BRIDGE)
        for link in ("br0", "t0"):
            ns.ipv6(link, on=False)
        ns.link_set("t0", attrs=[(IFLA.MASTER, rtnl.u32(BRIDGE))])
        # An MTU that was changed by a user does not follow the ports'.
        for mtu in (1400, 1500):
            ns.link_set("br0", attrs=[(IFLA.MTU, rtnl.u32(mtu))])
        ns.link_set("br0", up=True)
        wait_for(lambda: self._state_of(ns, "br0") == 6, "br0 is not up")      # IF_OPER_UP

    @staticmethod
    def _state_of(ns, link):
        return ns.link_get(link).get(u.IFLA.OPERSTATE)[0]

    def _route(self, link, prefix, length, gateway, replace=False):
        """A route; without a link, one that says that nobody is there."""
        six = ":" in prefix
        octets = rtnl.ip6 if six else rtnl.ip4
        kind = 1 if link else 7
        header = struct.pack("=BBBBBBBBI", socket.AF_INET6 if six else socket.AF_INET, length, 0, 0,
                             254, 3, 0 if gateway or not link or six else 253, kind, 0)
        attrs = [(1, octets(prefix))]
        if link:
            attrs.append((4, rtnl.u32(TAPS[link][0])))
        if gateway:
            attrs.append((5, octets(gateway)))
        if six:
            attrs.append((6, rtnl.u32(256)))
        flags = u.NLM_F_CREATE | (u.NLM_F_REPLACE if replace else u.NLM_F_EXCL)
        self.spaces["a"].nl.request(u.RTM_NEWROUTE, header, attrs, u.NLM_F_ACK | flags)

    def _watch(self, source, what):
        fd = (source.sock if isinstance(source, Port) else source).fileno()
        self.poll.register(fd, select.POLLIN)
        self.by_fd[fd] = (what, source)

    def _forget(self, source):
        self.poll.unregister(source)
        del self.by_fd[source.fileno()]
        source.close()

    # -- Between cases ------------------------------------------------------

    def reset(self):
        """Back to the taps alone, and to what they know of nobody's path MTU."""
        for each in self.beside:
            self._forget(each)
        self.beside, self.homes = [], {}
        for each in self.inside.values():
            each.watch(False)
            each.raw.clear()
        for name, port in self.ports.items():
            if {(name, u.RTM_NEWLINK), (name, "given")} & self.used:
                port.play(u.RTM_DELLINK, u.NLM_F_ACK, bytes(16) + rtnl.encode(
                    [(IFLA.GROUP, rtnl.u32(GROUP))]), {})
            if (name, RTM_NEWNEXTHOP) in self.used:
                self._delete_nexthops(port)
        if self.used:
            for index in (2, 3):
                self.ports["a"].play(u.RTM_NEWLINK, u.NLM_F_ACK,
                                     struct.pack("=BxHiII", 0, 0, index, 1, 1)
                                     + rtnl.encode([(IFLA.MTU, rtnl.u32(1500))]), {})
            self.ports["a"].play(u.RTM_DELNEIGH, u.NLM_F_ACK | u.NLM_F_BULK,
                                 struct.pack("=BxHiHBB", u.AF_BRIDGE, 0, BRIDGE, 0, u.NTF_SELF, 0)
                                 + rtnl.encode([(u.NDA.NDM_STATE_MASK, rtnl.u16(u.NUD_PERMANENT))]), {})
        self.used = set()
        self._forget_paths()
        self.barrier.wait()
        self._collect()
        self.drops.read()
        self.before = self._counters()

    @staticmethod
    def _delete_nexthops(port):
        for _, payload in port.dump(RTM_GETNEXTHOP, bytes(8)):
            number = dict(rtnl.decode(payload[8:]))[1]
            port.play(u.RTM_DELNEXTHOP, u.NLM_F_ACK, bytes(8) + rtnl.encode([(1, number)]), {})

    def _forget_paths(self):
        """IPv4 forgets all at once; IPv6 with the routes, if anybody said that packets are too big."""
        self.spaces["a"].sysctl("net/ipv4/route/flush", 1)
        said = [line for line in self._counters()["a", "snmp6"] if line.startswith(TOO_BIG)]
        if not self.before or said != [line for line in self.before["a", "snmp6"]
                                       if line.startswith(TOO_BIG)]:
            for route in (("u0", "fd00::", 64, None), ("u1", "fd01::", 64, None),
                          ("u0", "2001:db8:7::", 48, "fd00::9")):
                self._route(*route, replace=True)

    # -- Playing ------------------------------------------------------------

    def play(self, case):
        """The outcome of each step of a case."""
        self.reset()
        self.plays += 1
        outcomes = []
        for number, step in enumerate(case):
            outcome = Outcome()
            outcomes.append(outcome)
            self.drops.mark(number)
            self._step(step, outcome)
            outcome.out, outcome.events = self._collect()
            if isinstance(step, Look):
                outcome.state = self._state(number == len(case) - 1)
        for number, drops in self.drops.read().items():
            if number is not None:
                outcomes[number].drops = drops
        return outcomes

    def _step(self, step, outcome):
        if isinstance(step, Packet):
            try:
                self._put(step)
            except OSError as error:
                outcome.ack = (error.errno, None, None, None)
            self.barrier.wait()
        elif isinstance(step, Message):
            self.used.add((step.ns, step.kind))
            self.used.update((attr.value.ns, "given") for attr in step.attrs
                             if isinstance(attr.value, NsFd))
            body, offsets = encode(step, lambda name: self.spaces[name].fd)
            if step.kind == u.RTM_NEWLINK and step.flags & u.NLM_F_CREATE:
                body += rtnl.encode([(IFLA.GROUP, rtnl.u32(GROUP))])
            outcome.ack, _ = self.ports[step.ns].play(step.kind, step.flags, body, offsets)
            self._note(step, outcome.ack)
        elif isinstance(step, Watch):
            self._beside(step.what)

    def _put(self, packet):
        if packet.port in WIRES:
            packet = fragments_apart(packet, self.plays)
        port = self.taps.get(packet.port)
        if port is None:
            # The kernel would look for a module by the name of a link that is not there.
            if packet.port not in self.homes:
                raise OSError(errno.ENODEV, packet.port)
            port = self.inside[self.homes[packet.port]]
        port.put(packet)

    def _note(self, message, ack):
        """Where a new tunnel is, and whether it carries IP packets without Ethernet."""
        if message.kind != u.RTM_NEWLINK or not message.flags & u.NLM_F_CREATE or ack[0]:
            return
        attrs = {attr.kind: attr.value for attr in message.attrs}
        name = attrs.get(IFLA.IFNAME, b"").rstrip(b"\0").decode()
        home = attrs[IFLA.NET_NS_FD].ns if IFLA.NET_NS_FD in attrs else message.ns
        self.homes[name] = home
        options = [option.kind for info in attrs.get(IFLA.LINKINFO, ()) for option in info.children()]
        if VX.GPE in options:
            self.inside[home].raw.add(name)

    def _beside(self, what):
        """Has somebody else look at what tunnels send, or at what the underlay receives."""
        if what == "links":
            for each in self.inside.values():
                each.watch(True)
            return
        with self.spaces["a"]:
            for name in WIRES:
                self.beside.append(Beside(name))
                self._watch(self.beside[-1], ("packets", name))

    def _collect(self):
        """What came out and what was told since the last time."""
        out, events = [], []
        while ready := self.poll.poll(0):
            for fd, _ in ready:
                (kind, name), source = self.by_fd[fd]
                if kind == "events":
                    events += [(name, datagram) for datagram in source.arrived()]
                    continue
                taken = source.take()
                if taken is not None:
                    out.append(taken)
        return out, events

    # -- Looking ------------------------------------------------------------

    def _state(self, last):
        """Tables and statistics; at the end of a case the counters of the namespaces too."""
        found = {"stats": {}, "fdb": {}, "counters": {}}
        for name, port in self.ports.items():
            if not {ns for ns, _ in self.used} & {name}:
                continue
            found["fdb"][name] = port.dump(u.RTM_GETNEIGH, struct.pack("=B11x", u.AF_BRIDGE))
            for _, payload in port.dump(RTM_GETSTATS, struct.pack("=BxHII", 0, 0, 0, 1)):
                index = struct.unpack_from("=I", payload, 4)[0]
                found["stats"][f"{name} {index}"] = dict(rtnl.decode(payload[12:]))[1]
        if last:
            found["counters"] = self._counted(self._counters())
        return found

    def _counters(self):
        """The lines of the files that count, unread."""
        return {key: os.pread(descriptor, 1 << 16, 0).decode("ascii").splitlines()
                for key, descriptor in self.files.items()}

    def _counted(self, now):
        """{counter: how much it grew since the case began} of those that did."""
        found = {}
        for (ns, file), lines in now.items():
            old = self.before[ns, file]
            if file == "snmp6":
                before = dict(line.split() for line in old)
                found.update({f"{ns} {name}": int(value) - int(before.get(name, 0)) for name, value in
                              (line.split() for line in set(lines) - set(old))})
                continue
            # Some lines are there only with counters that are not zero.
            before = {names.split()[0]: (names, values) for names, values in zip(old[::2], old[1::2])}
            for names, values in zip(lines[::2], lines[1::2]):
                group, *names = names.split()
                earlier = dict(zip(*(line.split()[1:] for line in before.get(group, ("", "")))))
                for name, value in zip(names, values.split()[1:]):
                    if value != earlier.get(name, "0"):
                        found[f"{ns} {group}{name}"] = int(value) - int(earlier.get(name, 0))
        return found


def fragments_apart(packet, play):
    """Fragments get an identification of this play, lest they meet those of another."""
    octets = packet.octets
    if octets[12:14] == b"\x08\0" and len(octets) >= 34 and octets[20] & 0x3F | octets[21]:
        head = bytearray(octets[14:34])
        ident = int.from_bytes(head[4:6], "big") ^ play * 40503 & 0xFFFF
        return _with(packet, 14, head, ident)
    if octets[12:14] == b"\x86\xdd" and len(octets) >= 62 and octets[20] == 44:
        ident = int.from_bytes(octets[58:62], "big") ^ play
        packet = packet.copy()
        packet.octets = octets[:58] + ident.to_bytes(4, "big") + octets[62:]
    return packet


def _with(packet, at, head, ident):
    """The packet with an IPv4 identification, its checksum as right or wrong as before."""
    old = int.from_bytes(head[4:6], "big")
    total = (~int.from_bytes(head[10:12], "big") & 0xFFFF) + (~old & 0xFFFF) + ident
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    head[4:6], head[10:12] = ident.to_bytes(2, "big"), (~total & 0xFFFF).to_bytes(2, "big")
    packet = packet.copy()
    packet.octets = packet.octets[:at] + bytes(head) + packet.octets[at + 20:]
    return packet


def load_modules():
    """What namespaces, taps and tc need, so that nothing is loaded while a case is played.

    RCU is told not to wait for company: devices come and go all the time.
    """
    for name in ("first", "next"):
        with open(f"/sys/module/rcutree/parameters/jiffies_till_{name}_fqs", "w",
                  encoding="ascii") as stream:
            stream.write("0")
    for module in MODULES:
        subprocess.run(["modprobe", module], check=True)
