# SPDX-License-Identifier: GPL-2.0
"""Sequences of messages from a seed."""

import random

import links
import tables
from corrupt import corrupt
from model import Model

# Maker, how often, class.
MAKERS = (
    (links.create, 12, "create"),
    (links.change, 14, "change"),
    (links.set_, 10, "set"),
    (links.delete, 4, "delete"),
    (links.move, 2, "move"),
    (links.lower, 2, "lower"),
    (links.read, 2, "read"),
    (tables.add, 28, "fdb"),
    (tables.delete, 7, "fdb"),
    (tables.get, 4, "fdb"),
    (tables.dump, 3, "fdb"),
    (tables.flush, 5, "flush"),
    (tables.nexthop, 6, "nexthop"),
    (tables.nexthop_delete, 2, "nexthop"),
    (tables.nexthop_get, 1, "nexthop"),
)
# Classes of options, of which more is in values.py, and of broken messages.
OPTION_CLASSES = ("netns", "ipv6", "external", "extensions", "proxy", "df", "mcroute", "broken",
                  "vnifilter")
CLASSES = tuple(dict.fromkeys(kind for _, _, kind in MAKERS)) + OPTION_CLASSES
BROKEN = 0.08


ENDS = 0.15                             # Sequences in which namespace b ends.


class Sequence:
    """The `number`th sequence of a seed: always the same messages on the same kernel.

    What comes next depends on what became of the messages before, so that most find
    what they are about. messages() is a generator that is sent each errno.
    """

    def __init__(self, seed, number, length, wanted):
        self.rng = random.Random(f"{seed}/{number}")
        self.length, self.wanted = length, frozenset(wanted)
        self.ends = "netns" in wanted and self.rng.random() < ENDS

    def messages(self):
        rng = self.rng
        model = Model(rng, self.wanted)
        makers = [maker for maker, _, kind in MAKERS if kind in self.wanted]
        weights = [weight for _, weight, kind in MAKERS if kind in self.wanted]
        end = rng.randrange(self.length // 3, self.length) if self.ends else None
        for number in range(self.length):
            if number == end:
                maker = links.namespace_ends
            elif not model.devices:
                maker = links.create
            else:
                maker, = rng.choices(makers, weights)
            message = model.make(maker)
            if "broken" in self.wanted and rng.random() < BROKEN:
                message = corrupt(rng, message)
            model.learn((yield message))
