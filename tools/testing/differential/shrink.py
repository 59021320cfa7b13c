# SPDX-License-Identifier: GPL-2.0
"""Makes a sequence smaller while it still shows the same difference.

A shrinker is a generator: it yields a list of candidates, and is sent a list that
says which of them still show it. So several can share one change of drivers, which
is what costs time. It returns the smallest sequence.
"""

from message import places, without


def _shrink_list(items, build):
    """Delta debugging over a list: `build` makes a candidate of the items that stay."""
    size = max(1, len(items) // 2)
    while items:
        chunks = [(at, at + size) for at in range(0, len(items), size)]
        rests = [items[:start] + items[end:] for start, end in chunks]
        shows = yield [build(rest) for rest in rests]
        gone = [chunk for chunk, show in zip(chunks, shows) if show]
        if len(gone) > 1:
            # What can go one by one can mostly go together.
            dropped = {at for start, end in gone for at in range(start, end)}
            rest = [item for at, item in enumerate(items) if at not in dropped]
            if (yield [build(rest)])[0]:
                items = rest
                continue
        if gone:
            start, end = gone[0]
            items = items[:start] + items[end:]
        elif size == 1:
            break
        else:
            size //= 2
    return items


def _attributes(sequence):
    """Every attribute of a sequence, as (message, place)."""
    return [(number, place) for number, message in enumerate(sequence)
            for place in places(message.attrs)]


def _only(sequence, kept):
    """The sequence with those attributes only; a child needs its parent."""
    kept = set(kept)
    result = []
    for number, message in enumerate(sequence):
        dropped = [place for place in places(message.attrs) if not all(
            (number, place[:depth]) in kept for depth in range(1, len(place) + 1))]
        # The child of a dropped nest goes with it.
        tops = [place for place in dropped
                if not any(place[:depth] in dropped for depth in range(1, len(place)))]
        result.append(without(message, tops))
    return result


def shrinker(sequence, last):
    """Shrinks a sequence whose difference shows after message `last`."""
    sequence = sequence[:last + 1]
    numbers = yield from _shrink_list(list(range(len(sequence))),
                                      lambda kept: [sequence[number] for number in kept])
    sequence = [sequence[number] for number in numbers]
    kept = yield from _shrink_list(_attributes(sequence), lambda kept: _only(sequence, kept))
    return _only(sequence, kept)
