# SPDX-License-Identifier: GPL-2.0
"""Differences between stock and ours that are wanted. Each stands in parity.md too.

A rule sees one Difference, stock's side first, and matches as little as it can.
Where the state goes apart for good, the rest of the case is not looked at.
"""

import decode
from allowed import Rule
from judge import MISSING
from packet import Packet

IFINDEX, AGES = "NDA_IFINDEX", "NDA_CACHEINFO"
UNMADE = "NOT_SPECIFIED 0x86dd"
LEARNED = "0200"                        # NUD_REACHABLE, in the header after the index


def _but_for_interface(entry):
    """An entry, or a message about one, without the interface of its destination."""
    name, header, attrs = entry
    return name, header, tuple(each for each in attrs if each[0] not in (IFINDEX, AGES))


def _moved_station(found):
    """Stock lets a station that moves keep the interface of where it was, or have none."""
    if found.what == "event":
        pairs = [(found.first, found.second)]
    elif found.what == "table" and MISSING not in (found.first, found.second):
        pairs = list(zip(found.first, found.second))
    else:
        return False
    return all(isinstance(stock, tuple) and isinstance(ours, tuple)
               and stock[0] == ours[0] == "NEWNEIGH" and stock[1][16:20] == LEARNED
               and _but_for_interface(stock) == _but_for_interface(ours)
               and (IFINDEX in dict(ours[2])) == dict(ours[2])["NDA_DST"].startswith("fe80")
               for stock, ours in pairs)


def _old_route(found):
    """Stock sends to a station that has moved by the route to where it was."""
    if found.what not in ("packet", "drop") or not isinstance(found.case[found.step], Packet):
        return False
    return found.case[found.step].octets[:6] in found.moved


def _answer_not_made(found):
    """Stock makes an answer, reads the options, and drops it; that is all there is to see."""
    if found.what != "drop" or not isinstance(found.case[found.step], Packet):
        return False
    stock, ours = ([] if side == MISSING else list(side) for side in (found.first, found.second))
    if stock.count(UNMADE) != ours.count(UNMADE) + 1:
        return False
    stock.remove(UNMADE)
    return stock == ours and _solicits(found.case[found.step].octets)


def _solicits(octets):
    return dict(decode.fields(octets)).get("icmp6.type") == "135/0"


RULES = (
    Rule("A station that moves", "what was given for the old place is not true of the new one",
         _moved_station, apart=True),
    Rule("A station that moves", "the route to the old place is none to the new one", _old_route,
         apart=True),
    Rule("A solicitation with a malformed option", "nothing is made in order to be dropped",
         _answer_not_made),
)


def rule_for(found, rules=RULES):
    """The rule that allows a difference, or None."""
    for rule in rules:
        if rule.matches(found):
            return rule
    return None
