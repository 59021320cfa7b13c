# SPDX-License-Identifier: GPL-2.0
"""What a person reads about a difference."""

import errno

import decode
import packet
from judge import MISSING, packets_out
from message import Message
from packet import Look


def _side(name, value):
    if isinstance(value, bytes):
        return [f"    {name}:", f"      {decode.short(value, 4000)}"]
    if isinstance(value, tuple) and len(value) == 3:
        kind, header, attrs = value
        value = f"{kind} {header} " + " ".join(f"{path}={text}" for path, text in attrs)
    return [f"    {name}: {value}"]


def difference(found, names):
    """A Difference as lines: what, where, both sides; packets field by field."""
    lines = [f"  after step {found.step + 1}: {found.what} differs ({found.where})"]
    lines += [*_side(names[0], found.first), *_side(names[1], found.second)]
    if isinstance(found.first, bytes) or isinstance(found.second, bytes):
        one, two = (dict(decode.fields(each)) if isinstance(each, bytes) else {}
                    for each in (found.first, found.second))
        for name in dict.fromkeys([*one, *two]):
            left, right = one.get(name, MISSING), two.get(name, MISSING)
            mark = " " if left == right else "*"
            text = left if left == right else f"{left} | {right}"
            lines.append(f"    {mark} {name}: {text}")
    return "\n".join(lines)


def _errno(code):
    return "" if code == 0 else f"{errno.errorcode.get(code, code)} "


def _outcome(outcome):
    """What a step brought, in a line."""
    parts = [f"{port}: {decode.line(octets)} [{len(octets)}]"
             + (f" ({said})" if said.strip("0") else "")
             for port, said, octets in packets_out(outcome)]
    parts += [f"dropped: {reason}" for reason in outcome.drops]
    parts += [f"{len(outcome.events)} events"] if outcome.events else []
    return _errno(outcome.ack[0]) + ("; ".join(parts) or "nothing" if not outcome.ack[0] else "")


def whole(case, one, two, names):
    """A case with what each step brought on both drivers."""
    lines = []
    for number, step in enumerate(case):
        lines.append("  " + packet.text(step, number + 1).replace("\n", "\n  "))
        if isinstance(step, Look):
            continue
        if isinstance(step, Message):
            texts = [_errno(each[number].ack[0]) + (each[number].ack[1] or "") or "success"
                     for each in (one, two)]
        else:
            texts = [_outcome(each[number]) for each in (one, two)]
        if texts[0] == texts[1]:
            lines.append(f"      -> {texts[0]}")
        else:
            lines += [f"      -> {name}: {text}" for name, text in zip(names, texts)]
    return "\n".join(lines)
