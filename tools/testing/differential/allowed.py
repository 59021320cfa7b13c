# SPDX-License-Identifier: GPL-2.0
"""Differences between stock and ours that are wanted. Each stands in parity.md too.

A rule sees one Difference, stock's side first, and matches as little as it can.
Where the state goes apart for good, the rest of the sequence is not looked at.
"""

import errno
from dataclasses import dataclass
from typing import Callable

from lib import uapi as u
from lib.uapi import IFLA, INFO, VX


@dataclass(frozen=True)
class Rule:
    """`name` as in Documentation/parity.md; `apart`: what follows cannot be compared."""

    name: str
    reason: str
    matches: Callable
    apart: bool = False


# What the parser of attributes says, and leaves standing where nobody else says more.
LEFTOVER = "bytes leftover after parsing attributes"


def _text_added(found):
    """Ours says something where stock says nothing, or says more after stock's words."""
    return (found.what == "ack-text" and found.second is not None
            and (found.first in (None, LEFTOVER) or found.second.startswith(found.first + ": ")))


def _right_attribute(found):
    """Stock names none, or the link attribute that has the number of the tunnel's."""
    if found.what != "ack-attribute":
        return False
    stock, ours = (ack[2] for ack in found.acks)
    return stock is None or (len(stock) == 1 and ours == (IFLA.LINKINFO, INFO.DATA, *stock))


def _refused_replace(found):
    """Stock changes state and flags of an entry before it refuses to replace it."""
    return (found.what in ("fdb", "events") and found.message.kind == u.RTM_NEWNEIGH
            and bool(found.message.flags & u.NLM_F_REPLACE)
            and found.acks[0][:2] == (errno.EOPNOTSUPP, "Cannot replace non-unicast fdb entries")
            and found.acks[0][:2] == found.acks[1][:2])


def _all(attrs):
    for attr in attrs:
        yield attr
        yield from _all(attr.children())


def _bad_nexthop_id(found):
    """Stock reads four octets wherever NDA_NH_ID is, however short it is."""
    return (found.message.kind in (u.RTM_NEWNEIGH, u.RTM_DELNEIGH)
            and found.acks[1][:2] == (errno.EINVAL, "Invalid nexthop id")
            and found.acks[1][2] == (u.NDA.NH_ID,)
            and any(attr.kind == u.NDA.NH_ID and (len(attr.value) != 4 or attr.length)
                    for attr in found.message.attrs))


def _headroom(found):
    """Stock forgets the lower link's share with a change that names no other link. It may show
    only later, when the links are looked at next."""
    if found.what not in ("links", "events") or found.where != "NEWLINK IFLA_HEADROOM":
        return False
    stock, ours = (int.from_bytes(bytes.fromhex(value), "little")
                   for value in (found.first, found.second))
    return stock < ours


RULES = (
    Rule("Every refusal has a text", "an errno alone does not say what is wrong", _text_added),
    Rule("The attribute named is the right one", "stock looks it up among the link's attributes",
         _right_attribute),
    Rule("A refused table update changes nothing", "nothing is half done", _refused_replace,
         apart=True),
    Rule("Headroom after a change", "packets are not copied for want of room", _headroom,
         apart=True),
    Rule("A nexthop id has four octets", "stock reads past the end of a shorter one",
         _bad_nexthop_id, apart=True),
)


def _device_zero(message, acks):
    """Stock goes on with a device in one of its two copies and none in the other."""
    return (message.kind == u.RTM_NEWLINK and acks[0][0] == acks[1][0] == 0
            and any(attr.kind == VX.LINK and attr.value == bytes(4)
                    for attr in _all(message.attrs)) and not message.flags & u.NLM_F_EXCL)


# What makes the two go apart though it may show only later: nothing after it is compared.
PARTINGS = (
    Rule("A change to `dev 0`", "the device below stays, and the default destination's with it",
         _device_zero, apart=True),
)


def rule_for(found, rules=RULES):
    """The rule that allows a difference, or None."""
    for rule in rules:
        if rule.matches(found):
            return rule
    return None


def parting(message, acks):
    """The rule by which the two drivers part here, or None."""
    for rule in PARTINGS:
        if rule.matches(message, acks):
            return rule
    return None
