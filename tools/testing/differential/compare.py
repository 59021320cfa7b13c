# SPDX-License-Identifier: GPL-2.0
"""Where two traces of one sequence differ."""

from dataclasses import dataclass, field
from typing import Any

import normal
from names import path_text

MISSING = "(nothing)"


@dataclass
class Difference:
    """One thing that is not the same on both drivers, after message `step`.

    `what` is errno, ack-text, ack-attribute, ack-missing, replies, events, a view of
    the state, or final. `where` narrows it down: the part that differs.
    """

    step: int
    what: str
    ns: str
    where: str
    first: Any
    second: Any
    message: Any = field(default=None, repr=False)
    acks: tuple = field(default=(), repr=False)

    @property
    def kind(self):
        """What makes this difference the same as another one."""
        parts = [self.what, self.where]
        if self.what in ("errno", "ack-text"):
            parts += [str(self.first), str(self.second)]
        elif MISSING in (self.first, self.second):
            parts.append("first lacks it" if self.first == MISSING else "second lacks it")
        return ": ".join(parts)


def _ack(step, message, one, two):
    for position, what in enumerate(("errno", "ack-text", "ack-attribute", "ack-missing")):
        values = one[position], two[position]
        if what == "ack-attribute":
            values = tuple(path_text(message.kind, path) for path in values)
        if values[0] != values[1]:
            yield Difference(step, what, message.ns, "", *values)


def _messages(step, what, ns, one, two):
    """Two lists of normal messages: the first place where they part."""
    for left, right in zip(one, two):
        if left == right:
            continue
        if left[0] != right[0]:
            yield Difference(step, what, ns, f"{left[0]} or {right[0]}", left, right)
        else:
            yield from _attributes(step, what, ns, left, right)
        return
    if len(one) != len(two):
        more = max(one, two, key=len)[min(len(one), len(two))]
        pair = (more, MISSING) if len(one) > len(two) else (MISSING, more)
        yield Difference(step, what, ns, more[0], *pair)


def _attributes(step, what, ns, left, right):
    name = left[0]
    if left[1] != right[1]:
        yield Difference(step, what, ns, f"{name} header", left[1], right[1])
    if [path for path, _ in left[2]] == [path for path, _ in right[2]]:
        for (path, one), (_, two) in zip(left[2], right[2]):
            if one != two:
                yield Difference(step, what, ns, f"{name} {path}", one, two)
        return
    one, two = dict(left[2]), dict(right[2])
    changed = False
    for path in dict.fromkeys([*one, *two]):
        values = one.get(path, MISSING), two.get(path, MISSING)
        # How many are in a nest says nothing that they do not say themselves.
        if values[0] != values[1] and not (values[0][:1] == "{" == values[1][:1]):
            changed = True
            yield Difference(step, what, ns, f"{name} {path}", *values)
    if not changed:
        yield Difference(step, what, ns, f"{name} order of attributes",
                         [path for path, _ in left[2]], [path for path, _ in right[2]])


def _mapping(step, what, ns, one, two):
    for key in dict.fromkeys([*one, *two]):
        left, right = one.get(key, MISSING), two.get(key, MISSING)
        if left == right:
            continue
        if MISSING in (left, right):
            yield Difference(step, what, ns, "whole", f"{key}: {left}" if left != MISSING else left,
                             f"{key}: {right}" if right != MISSING else right)
        elif isinstance(left, list):
            yield from _messages(step, what, ns, left, right)
        elif isinstance(left, dict):
            for name in left:
                if left[name] != right.get(name):
                    yield Difference(step, what, ns, name, f"{key}: {left[name]}",
                                     f"{key}: {right.get(name)}")
        else:
            yield from _attributes(step, what, ns, left, right)


def _view(step, what, ns, one, two):
    if one == two:
        return
    one, two = normal.VIEWS[what](one), normal.VIEWS[what](two)
    if isinstance(one, dict):
        yield from _mapping(step, what, ns, one, two)
    elif one and isinstance(one[0], tuple) or two and isinstance(two[0], tuple):
        yield from _messages(step, what, ns, one, two)
    elif one != two:
        only = [line for line in one if line not in two], [line for line in two if line not in one]
        yield Difference(step, what, ns, "", *only)


def _step(number, message, one, two):
    yield from _ack(number, message, one.ack, two.ack)
    if one.replies != two.replies:
        yield from _messages(number, "replies", message.ns, normal.replies(one.replies),
                             normal.replies(two.replies))
    for ns in one.events:
        if one.events[ns] != two.events.get(ns):
            yield from _messages(number, "events", ns, normal.events(one.events[ns]),
                                 normal.events(two.events.get(ns, [])))
    for ns in one.state if one.state and two.state else ():
        for what in normal.VIEWS:
            yield from _view(number, what, ns, one.state[ns][what], two.state[ns][what])


def differences(sequence, one, two):
    """Each Difference of two traces, in order of messages."""
    for number, message in enumerate(sequence):
        for found in _step(number, message, one.steps[number], two.steps[number]):
            found.message = message
            found.acks = one.steps[number].ack, two.steps[number].ack
            yield found
    for ns, facts in one.final.items():
        for found in _mapping(len(sequence) - 1, "final", ns, facts, two.final[ns]):
            found.message = sequence[-1] if sequence else None
            yield found
