# SPDX-License-Identifier: GPL-2.0
"""What the generator believes to be there. It may be wrong: it only aims by it."""

import errno
from dataclasses import dataclass, field

SLOTS = range(11, 17)                   # indexes of the VXLAN devices
GONE = "namespace is gone"


@dataclass
class Device:
    """A VXLAN device; `under` is the namespace of its underlay."""

    index: int
    ns: str
    under: str = "a"
    six: bool = False
    external: bool = False
    vni: int = 10
    stations: set = field(default_factory=set)

    @property
    def name(self):
        return f"vx{self.index - SLOTS[0]}"


@dataclass
class Model:
    """Devices by index, nexthops by number, and the classes of messages wanted.

    A maker of messages leaves in `then` what to do when its message succeeds, and in
    `subject` the device that it is about.
    """

    rng: object
    wanted: frozenset
    devices: dict = field(default_factory=dict)
    nexthops: dict = field(default_factory=dict)    # id: "4", "group 6", ...
    alive: set = field(default_factory=lambda: {"a", "b"})
    then: object = None
    subject: object = None

    def free(self):
        """The index of a device that is not there, or None."""
        slots = [slot for slot in SLOTS if slot not in self.devices]
        return self.rng.choice(slots) if slots else None

    def any_device(self):
        """A device, mostly one that is there."""
        if not self.devices or self.rng.random() < 0.03:
            return Device(self.rng.choice(SLOTS), self.namespace())
        self.subject = self.rng.choice(list(self.devices.values()))
        return self.subject

    def namespace(self):
        return "b" if "b" in self.alive and self.rng.random() < 0.2 else "a"

    def may(self, kind):
        return kind is None or kind in self.wanted

    def make(self, maker):
        """A message; learn() is told what came of it."""
        self.then = self.subject = None
        return maker(self)

    def learn(self, code):
        if code == 0 and self.then:
            self.then()
        elif code in (errno.ENODEV, GONE) and self.subject:
            self.devices.pop(self.subject.index, None)
