# SPDX-License-Identifier: GPL-2.0
"""What a person reads about a difference."""

import errno

import message as messages
from compare import MISSING
from names import path_text


def _errno_name(code):
    if code == 0:
        return "success"
    return errno.errorcode.get(code, str(code))


def ack_text(message, ack):
    """An ack in a line."""
    code, text, path, missing = ack
    parts = [_errno_name(code)]
    if text is not None:
        parts.append(repr(text))
    if path is not None:
        parts.append("at " + str(path_text(message.kind, path)))
    if missing is not None:
        parts.append(f"missing {missing}")
    return " ".join(parts)


def _side(name, found, value):
    if found.what == "errno":
        value = _errno_name(value)
    elif value == MISSING:
        pass
    elif isinstance(value, tuple) and len(value) == 3:
        kind, header, attrs = value
        value = f"{kind} {header} " + " ".join(f"{path}={text}" for path, text in attrs)
    return f"    {name}: {value}"


def difference(found, names):
    """A Difference as lines: what, where, both sides."""
    lines = [f"  after message {found.step + 1}, namespace {found.ns}: {found.what} differs"
             + (f" ({found.where})" if found.where else "")]
    return "\n".join([*lines, _side(names[0], found, found.first),
                      _side(names[1], found, found.second)])


def whole(sequence, one, two, names):
    """A sequence with both drivers' acks under each message."""
    lines = []
    for number, message in enumerate(sequence):
        lines.append("  " + messages.text(message, number + 1).replace("\n", "\n  "))
        acks = [ack_text(message, trace.steps[number].ack) for trace in (one, two)]
        if acks[0] == acks[1]:
            lines.append(f"      -> {acks[0]}")
        else:
            lines += [f"      -> {name}: {ack}" for name, ack in zip(names, acks)]
    return "\n".join(lines)
