# SPDX-License-Identifier: GPL-2.0
"""Differences between stock and ours that are wanted. Each stands in parity.md too.

A rule sees one Difference, stock's side first, and matches as little as it can.
Where the state goes apart for good, the rest of the sequence is not looked at.
"""

import errno
from dataclasses import dataclass
from typing import Callable

from lib import uapi as u
from lib.uapi import IFLA, INFO


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


RULES = (
    Rule("Every refusal has a text", "an errno alone does not say what is wrong", _text_added),
    Rule("The attribute named is the right one", "stock looks it up among the link's attributes",
         _right_attribute),
    Rule("A refused table update changes nothing", "nothing is half done", _refused_replace,
         apart=True),
)


def rule_for(found, rules=RULES):
    """The rule that allows a difference, or None."""
    for rule in rules:
        if rule.matches(found):
            return rule
    return None
