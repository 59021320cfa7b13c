# SPDX-License-Identifier: GPL-2.0
"""Makes a case smaller while it still shows the same difference: steps, attributes, packets."""

from packet import PLAIN, Packet
from shrink import shrinker

ROUNDS = 14                             # Each costs a change of drivers.
LATEST = (1, 2, 5, 12)


def _plainer(packet):
    """A packet with less about it, the most first."""
    length = len(packet.octets)
    for change in ({"cuts": []}, {"vnet": PLAIN}, {"mark": 0}):
        (name, value), = change.items()
        if getattr(packet, name) != value:
            yield change
    for size in sorted({64, length // 2, length * 3 // 4, length - 16, length - 4, length - 1}):
        if 14 < size < length:
            yield {"octets": packet.octets[:size]}


def _with(case, number, change):
    packet = case[number].copy()
    vars(packet).update(change)
    if "octets" in change and packet.cuts:
        packet.cuts = _fitting(packet.cuts, len(packet.octets))
    return [*case[:number], packet, *case[number + 1:]]


def _fitting(cuts, length):
    found = []
    for cut in cuts:
        found.append(min(cut, length))
        length -= found[-1]
        if not length:
            break
    return found


def plainer(case):
    """Shrinks the packets of a case, as a generator like shrink.shrinker."""
    for _ in range(ROUNDS):
        candidates = [_with(case, number, change) for number, step in enumerate(case)
                      if isinstance(step, Packet) for change in _plainer(step)]
        if not candidates:
            break
        shows = yield candidates
        if True not in shows:
            break
        case = candidates[shows.index(True)]
    return case


def _latest(case, last):
    """Candidates with the last packets only, the fewest first: mostly one did it."""
    sent = [number for number, step in enumerate(case[:last + 1]) if isinstance(step, Packet)]
    for count in LATEST:
        gone = set(sent[:-count])
        if gone:
            yield [step for number, step in enumerate(case[:last + 1]) if number not in gone]


def smaller(case, last):
    """Shrinks a case whose difference shows after step `last`."""
    candidates = list(_latest(case, last))
    if candidates:
        shows = yield candidates
        if True in shows:
            case = candidates[shows.index(True)]
            last = len(case) - 1
    case = yield from shrinker(case, last)
    return (yield from plainer(case))
