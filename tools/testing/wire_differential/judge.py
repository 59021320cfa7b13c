# SPDX-License-Identifier: GPL-2.0
"""Where two plays of one case differ."""

import struct
from dataclasses import dataclass, field
from typing import Any

import decode
import normal
from bench import WIRES
from lib import uapi as u
from message import Message
from packet import Packet

MISSING = "(nothing)"
# Reports of group membership count here when the kernel likes. What went out is compared itself.
SENT = {f"{ns} {name}" for ns in "ab" for name in (
    "Ip:OutRequests", "Ip:OutTransmits", "IpExt:OutOctets", "IpExt:OutMcastPkts",
    "IpExt:OutMcastOctets", "Ip6OutRequests", "Ip6OutTransmits", "Ip6OutOctets", "Ip6OutMcastPkts",
    "Ip6OutMcastOctets", "Icmp6OutMsgs", "Icmp6OutMLDv2Reports", "Icmp6OutType143")}
# Links below are the bench's: they count on, get old, and join groups when the kernel likes.
FIRST_OWN = 11


@dataclass
class Difference:
    """One thing that is not the same after step `step`; `what` and `where` say which."""

    step: int
    what: str
    where: str
    first: Any
    second: Any
    case: list = field(default_factory=list, repr=False)
    moved: frozenset = frozenset()      # stations that had moved before

    @property
    def kind(self):
        """What makes this difference the same as another one."""
        parts = [self.what, self.where]
        if self.what == "errno":
            parts += [str(self.first), str(self.second)]
        elif MISSING in (self.first, self.second):
            parts.append("first lacks it" if self.first == MISSING else "second lacks it")
        return ": ".join(parts)


def packets_out(outcome):
    """[(port, what is said, octets)], without noise and what is random; by port, then in order."""
    found = []
    for port, said, octets in outcome.out:
        if port in WIRES:
            if decode.is_noise(octets):
                continue
            octets = decode.masked(octets)
        found.append((port, said, octets))
    return sorted(found, key=lambda each: each[0])


def differences(case, one, two):
    """Every difference of two plays, step by step."""
    places, moved = {}, frozenset()
    for number, (step, left, right) in enumerate(zip(case, one, two)):
        for found in _step(step, left, right):
            found.step, found.case, found.moved = number, case, moved
            yield found
        moved |= _moves(left, places)


def _moves(outcome, places):
    """Stations that a step showed at another place than before; `places` is kept."""
    moved = set()
    for ns in ("a", "b") if outcome.events else ():
        for name, header, attrs in events(outcome, ns):
            attrs = dict(attrs)
            if name == "NEWNEIGH" and "NDA_DST" in attrs:
                key = header[8:16], attrs.get("NDA_LLADDR"), attrs.get("NDA_SRC_VNI")
                if places.setdefault(key, attrs["NDA_DST"]) != attrs["NDA_DST"]:
                    moved.add(bytes.fromhex(key[1]))
                places[key] = attrs["NDA_DST"]
    return frozenset(moved)


def _step(step, left, right):
    if left.ack[0] != right.ack[0]:
        yield Difference(0, "errno", type(step).__name__, left.ack[0], right.ack[0])
    if left.out != right.out:
        yield from _out(packets_out(left), packets_out(right))
    if left.events != right.events:
        yield from _events(left, right)
    if isinstance(step, Packet) and sorted(left.drops) != sorted(right.drops):
        yield from _drops(left.drops, right.drops)
    if left.state is not None and right.state is not None:
        yield from _state(left.state, right.state)


def _out(one, two):
    """Packets that came out: the first place where two lists part, port by port."""
    for port in sorted({each[0] for each in (*one, *two)}):
        lists = [[each[1:] for each in side if each[0] == port] for side in (one, two)]
        for (said, octets), (said2, octets2) in zip(*lists):
            if octets != octets2:
                where = f"{port} {decode.first_difference(octets, octets2)[0]}"
                yield Difference(0, "packet", where, octets, octets2)
                break
            if said != said2:
                yield Difference(0, "said of a packet", port, said, said2)
                break
        else:
            if len(lists[0]) != len(lists[1]):
                longer = max(lists, key=len)
                extra = longer[min(map(len, lists))][1]
                pair = (extra, MISSING) if longer is lists[0] else (MISSING, extra)
                yield Difference(0, "packet", port, *pair)


def events(outcome, ns):
    """What was told in a namespace. The ages of a miss are the time since boot, as it has none."""
    found = normal.events([datagram for name, datagram in outcome.events if name == ns])
    return [(name, header, tuple(each for each in attrs if each[0] != "NDA_CACHEINFO"))
            if name == "GETNEIGH" else (name, header, attrs) for name, header, attrs in found]


def _events(left, right):
    for ns in ("a", "b"):
        one, two = events(left, ns), events(right, ns)
        if one != two:
            for first, second in zip(one, two):
                if first != second:
                    yield Difference(0, "event", f"{first[0]} or {second[0]}" if first[0] != second[0]
                                     else first[0], first, second)
                    return
            more = max(one, two, key=len)[min(len(one), len(two))]
            pair = (more, MISSING) if len(one) > len(two) else (MISSING, more)
            yield Difference(0, "event", more[0], *pair)
            return


def _drops(one, two):
    one, two = sorted(one), sorted(two)
    for reason in sorted({*one, *two}):
        if one.count(reason) != two.count(reason):
            yield Difference(0, "drop", reason, one or MISSING, two or MISSING)
            return


def stats(octets):
    return dict(zip(u.STATS64, struct.unpack_from(f"={len(u.STATS64)}Q", octets)))


def _state(left, right):
    for link in sorted({*left["stats"], *right["stats"]}):
        if int(link.split()[1]) < FIRST_OWN or left["stats"].get(link) == right["stats"].get(link):
            continue
        one, two = (stats(each["stats"][link]) if link in each["stats"] else {} for each in (left, right))
        for name in u.STATS64:
            if one.get(name) != two.get(name):
                yield Difference(0, "statistics", name, f"{link}: {one.get(name)}",
                                 f"{link}: {two.get(name)}")
    for ns in sorted(left["fdb"].keys() & right["fdb"].keys()):
        yield from _table(*({key: entry for key, entry in normal.table(side["fdb"][ns]).items()
                             if int(key.split()[0]) >= FIRST_OWN} for side in (left, right)))
    one, two = left["counters"], right["counters"]
    for name in sorted({*one, *two} - SENT):
        if one.get(name, 0) != two.get(name, 0):
            yield Difference(0, "counter", name, one.get(name, 0), two.get(name, 0))


def _table(one, two):
    for key in sorted({*one, *two}):
        left, right = one.get(key, MISSING), two.get(key, MISSING)
        if left == right:
            continue
        where = "entry"
        if MISSING not in (left, right) and len(left) == len(right):
            pairs = [(dict(a[2]), dict(b[2])) for a, b in zip(left, right) if a != b]
            names = sorted({name for a, b in pairs for name in {*a, *b} if a.get(name) != b.get(name)})
            where = " ".join(names) or "header"
        yield Difference(0, "table", where, left, right)


def is_message(step):
    return isinstance(step, Message)
