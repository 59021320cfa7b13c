# SPDX-License-Identifier: GPL-2.0
"""What the kernel said, in a form that two runs can be compared in.

Nothing is left out but what is random or follows the clock: statistics, random
addresses, ages, and the identity of sockets. Ages must be young, and what is
left out must still be there with the same length.
"""

import functools
import struct

from lib import rtnl
from lib import uapi as u
from names import IFLA, KINDS, name_of, nested_space, space_of

FIXED_MAC = b"\2\xd1\xff"
# Clock ticks (1/100 s) that a sequence may take at the most on a slow machine.
YOUNG = 30000
MASKED = {("IFLA", IFLA.STATS), ("IFLA", IFLA.STATS64), ("INET6", 3), ("INET6", 5),
          ("INET6", 6)}


def _value(space, number, payload):
    if (space, number) in MASKED:
        return f"({len(payload)} octets)"
    if space == "IFLA" and number in (IFLA.ADDRESS, IFLA.PERM_ADDRESS):
        if len(payload) == 6 and payload[0] & 3 == 2 and payload[:3] != FIXED_MAC:
            return "(random)"
    if space == "NDA" and number == u.NDA.CACHEINFO:
        confirmed, used, updated, refcnt = struct.unpack("=IIII", payload)
        used, updated = ("young" if age < YOUNG else str(age) for age in (used, updated))
        return f"confirmed={confirmed} used={used} updated={updated} refcnt={refcnt}"
    return payload.hex()


def attributes(space, payload, prefix=""):
    """(path, value) of each attribute, nests taken apart, in the order they came."""
    for number, value in rtnl.decode(payload):
        path = prefix + name_of(space, number)
        inner = nested_space(space, number)
        if inner:
            yield path, f"{{{len(rtnl.decode(value))}}}"
            yield from attributes(inner, value, path + "/")
        else:
            yield path, _value(space, number, value)


@functools.lru_cache(maxsize=1 << 14)
def message(kind, payload):
    """(name, header, ((path, value), ...)) of a message."""
    if kind not in KINDS:
        return (str(kind), payload.hex(), ())
    name, size, _ = KINDS[kind]
    return (name, payload[:size].hex(), tuple(attributes(space_of(kind), payload[size:])))


def replies(found):
    return [message(kind, payload) for kind, payload in found]


def events(datagrams):
    """The messages of datagrams, with the flags that they came with.

    Not those about IP neighbours: a report that a group was joined makes one below
    the tunnel, sooner or later.
    """
    found = []
    for datagram in datagrams:
        for kind, flags, _seq, payload in rtnl.split(datagram):
            if kind in (u.RTM_NEWNEIGH, u.RTM_DELNEIGH) and payload[0] != u.AF_BRIDGE:
                continue
            name, header, attrs = message(kind, payload)
            found.append((name, f"{header} flags={flags:#x}" if flags else header, attrs))
    return found


def links(found):
    """{index: message} of a link dump."""
    return {struct.unpack_from("=i", payload, 4)[0]: message(kind, payload)
            for kind, payload in found}


def table(found):
    """{index/address/source VNI: [messages]} of an FDB dump.

    The order of entries is not promised, that of an entry's destinations is.
    """
    entries = {}
    for kind, payload in found:
        attrs = dict(rtnl.decode(payload[12:]))
        key = (struct.unpack_from("=i", payload, 4)[0], attrs.get(u.NDA.LLADDR, b"").hex(":"),
               attrs.get(u.NDA.SRC_VNI, b"").hex())
        entries.setdefault("{} {} {}".format(*key).rstrip(), []).append(message(kind, payload))
    return entries


def sockets(octets):
    """Local and remote end, state, owner, references of UDP sockets, sorted."""
    found = []
    for line in octets.decode("latin-1").splitlines()[1:]:
        fields = line.split()
        found.append(" ".join((*fields[1:4], fields[7], fields[10])))
    return sorted(found)


def groups(octets):
    """IPv4 groups: device, then group and users; not the timers."""
    found, device = [], ""
    for line in octets.decode("latin-1").splitlines()[1:]:
        fields = line.split()
        if line[:1].isdigit():
            device = f"{fields[0]} {fields[1]}"
        else:
            found.append(f"{device} {fields[0]} {fields[1]}")
    return sorted(found)


def groups6(octets):
    """IPv6 groups: index, device, group, users."""
    return sorted(" ".join(line.split()[:4]) for line in octets.decode("latin-1").splitlines())


VIEWS = {"links": links, "fdb": table, "nexthops": replies, "udp": sockets, "udp6": sockets,
         "igmp": groups, "igmp6": groups6}
