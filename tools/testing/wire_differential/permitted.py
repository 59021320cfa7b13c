# SPDX-License-Identifier: GPL-2.0
"""Differences between stock and ours that are wanted. Each stands in parity.md too.

A rule sees one Difference, stock's side first, and matches as little as it can.
Where the state goes apart for good, the rest of the case is not looked at.
"""

from allowed import Rule
from judge import MISSING

IFINDEX, AGES = "NDA_IFINDEX", "NDA_CACHEINFO"
LEARNED = "0200"                        # NUD_REACHABLE, in the header after the index


def _but_for_interface(entry):
    """An entry, or a message about one, without the interface of its destination."""
    name, header, attrs = entry
    return name, header, tuple(each for each in attrs if each[0] not in (IFINDEX, AGES))


def _moved_station(found):
    """Stock lets a station that moves keep the interface of where it was."""
    if found.what == "event":
        pairs = [(found.first, found.second)]
    elif found.what == "table" and MISSING not in (found.first, found.second):
        pairs = list(zip(found.first, found.second))
    else:
        return False
    return all(isinstance(stock, tuple) and isinstance(ours, tuple)
               and stock[0] == ours[0] == "NEWNEIGH" and stock[1][16:20] == LEARNED
               and IFINDEX in dict(stock[2]) and _but_for_interface(stock) == _but_for_interface(ours)
               for stock, ours in pairs)


RULES = (
    Rule("A station that moves", "what was given for the old place is not true of the new one",
         _moved_station, apart=True),
)


def rule_for(found, rules=RULES):
    """The rule that allows a difference, or None."""
    for rule in rules:
        if rule.matches(found):
            return rule
    return None
