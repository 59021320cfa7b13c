# SPDX-License-Identifier: GPL-2.0
"""A packet as the generator makes it: what goes in, where, and how it is cut up.

A case is a list of steps: messages of the other differential tests, packets, and
places where everything is looked at. It can be written to a file and read back.
"""

import copy
import json
from dataclasses import dataclass, field

import decode
import message as messages
from message import Message

PLAIN = bytes(10)                       # A virtio_net_hdr that says nothing.


@dataclass
class Packet:
    """A packet that goes in at `port`: a tap of the underlay, or a link's own end.

    `cuts` are the lengths of the linear part and of fragments, `vnet` is what comes in
    front of it: struct virtio_net_hdr. `attrs` is empty; it lets a packet stand
    among messages where these are cut down.
    """

    port: str
    octets: bytes
    cuts: list = field(default_factory=list)
    vnet: bytes = PLAIN
    mark: int = 0
    note: str = ""
    attrs: list = field(default_factory=list)

    def copy(self):
        return copy.copy(self)


@dataclass
class Watch:
    """From here on `what` is looked at from beside, so that the driver gets clones.

    It is "links": what the tunnels send, or "wires": what the underlay receives.
    """

    what: str
    attrs: list = field(default_factory=list)

    def copy(self):
        return self


@dataclass
class Look:
    """Tables, counters and statistics are looked at here."""

    attrs: list = field(default_factory=list)

    def copy(self):
        return self


def dump(steps):
    """A case as text, a step a line."""
    lines = []
    for step in steps:
        if isinstance(step, Message):
            lines.append(messages.dump([step]).rstrip("\n"))
        elif isinstance(step, Look):
            lines.append(json.dumps({"look": True}))
        elif isinstance(step, Watch):
            lines.append(json.dumps({"watch": step.what}))
        else:
            lines.append(json.dumps({
                "packet": step.octets.hex(), "port": step.port, "cuts": step.cuts,
                "vnet": step.vnet.hex(), "mark": step.mark, "note": step.note}))
    return "\n".join(lines) + "\n"


def load(text):
    """The case that dump() wrote; lines that begin with # say what it is for."""
    steps = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        fields = json.loads(line)
        if "look" in fields:
            steps.append(Look())
        elif "watch" in fields:
            steps.append(Watch(fields["watch"]))
        elif "packet" in fields:
            steps.append(Packet(fields["port"], bytes.fromhex(fields["packet"]), fields["cuts"],
                                bytes.fromhex(fields["vnet"]), fields["mark"], fields["note"]))
        else:
            steps += messages.load(line)
    return steps


def text(step, number):
    """A step as lines of text."""
    if isinstance(step, Message):
        return messages.text(step, number)
    if isinstance(step, Look):
        return f"{number}. a look at everything"
    if isinstance(step, Watch):
        return f"{number}. a look at the {step.what} from beside"
    odd = f" in pieces of {step.cuts}" if step.cuts else ""
    odd += f" virtio_net_hdr={step.vnet.hex()}" if step.vnet != PLAIN else ""
    odd += f" mark={step.mark:#x}" if step.mark else ""
    first = f"{number}. into {step.port}: {len(step.octets)} octets{odd} ({step.note})"
    return "\n".join([first, "      " + decode.line(step.octets), "      " + decode.short(step.octets)])
