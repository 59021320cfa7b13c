# SPDX-License-Identifier: GPL-2.0
"""tc for tunnels in metadata mode: what gives packets their metadata, and shows it as marks."""

import struct

from lib import rtnl
from lib import uapi as u
from message import Attr, Message

RTM_NEWQDISC, RTM_NEWTFILTER = 36, 44
CLSACT, INGRESS, EGRESS = 0xFFFFFFF1, 0xFFFFFFF2, 0xFFFFFFF3
PIPE, TC_ACT_UNSPEC = 3, 0xFFFFFFFF
CREATE = u.NLM_F_ACK | u.NLM_F_CREATE
KIND, OPTIONS = 1, 2
MARKS = (1, 2, 3)


def _tcmsg(index, handle, parent, info=0):
    return struct.pack("=BxxxiIII", 0, index, handle, parent, info)


def _filter(tunnel, parent, kind, priority, options, handle=0, protocol=0x0003):
    info = priority << 16 | (protocol >> 8 | (protocol & 255) << 8)
    return Message(tunnel.ns, RTM_NEWTFILTER, CREATE, _tcmsg(tunnel.index, handle, parent, info),
                   [Attr(KIND, rtnl.text(kind)), Attr(OPTIONS, options)])


def classifier(tunnel):
    return Message(tunnel.ns, RTM_NEWQDISC, CREATE, _tcmsg(tunnel.index, 0xFFFF0000, CLSACT),
                   [Attr(KIND, b"clsact\0")])


def _key(rng, tunnel, devices, remotes):
    """Attributes of the action tunnel_key: all that a packet can be told."""
    family = tunnel.family if rng.random() < 0.9 else 10 - tunnel.family
    source, target = (5, 6) if family == 6 else (3, 4)
    own = devices.OWN[family][0] if rng.random() < 0.8 else ("::" if family == 6 else "0.0.0.0")
    attrs = [Attr(2, struct.pack("=IIiiii", 0, 0, PIPE, 0, 0, 1)),
             Attr(source, devices.address(family, own)),
             Attr(target, devices.address(family, rng.choice(remotes(family)))),
             Attr(7, struct.pack("!I", rng.choice((*devices.VNIS, 0, 0xFFFFFF))))]
    if rng.random() < 0.4:
        attrs.append(Attr(9, rtnl.be16(rng.choice((4789, 8472, 7777)))))
    if rng.random() < 0.5:
        attrs.append(Attr(10, bytes([rng.choice((0, 1))])))
    if rng.random() < 0.3:
        attrs.append(Attr(11, [Attr(2, [Attr(1, rtnl.u32(rng.choice((0, 77, 0x400000 | 5, 0xFFFFFFFF))))],
                                    0x8000)], 0x8000))
    if rng.random() < 0.5:
        attrs.append(Attr(12, bytes([rng.choice((0, 1, 2, 3, 0x48, 0xFF))])))
    if rng.random() < 0.5:
        attrs.append(Attr(13, bytes([rng.choice((0, 1, 7, 255))])))
    if rng.random() < 0.3:
        attrs.append(Attr(14, b""))
    return attrs


def _action(name, options):
    return [Attr(1, [Attr(1, rtnl.text(name)), Attr(2, options)])]


def egress(rng, tunnel, devices, remotes):
    """Metadata for each mark, and for packets without one."""
    for mark in MARKS:
        if rng.random() < 0.6:
            action = _action("tunnel_key", _key(rng, tunnel, devices, remotes))
            yield _filter(tunnel, EGRESS, "fw", 10, [Attr(4, action)], handle=mark)
    if rng.random() < 0.85:
        action = _action("tunnel_key", _key(rng, tunnel, devices, remotes))
        yield _filter(tunnel, EGRESS, "matchall", 20, [Attr(2, action)], handle=1)


def _probe(tunnel, number, match):
    """Puts a tag with its number on what matches, and goes on."""
    parms = struct.pack("=IIiiii", 0, 0, -1, 0, 0, 2)       # TCA_VLAN_ACT_PUSH
    action = _action("vlan", [Attr(2, parms), Attr(3, rtnl.u16(100 + number)),
                              Attr(4, rtnl.be16(0x8100))])
    return _filter(tunnel, INGRESS, "flower", 30 + number, [Attr(3, action), *match])


def _address(family, target, octets):
    kind = (31 if family == 6 else 27) + 2 * target
    return [Attr(kind, octets), Attr(kind + 1, b"\xff" * len(octets))]


def ingress(tunnel, devices):
    """What a tunnel receives goes on to t0, with tags that tell which metadata it has."""
    family = tunnel.family
    matches = [[Attr(26, struct.pack("!I", vni))] for vni in devices.VNIS[:3]]
    matches += [_address(family, 0, devices.address(family, text))
                for text in devices.REMOTES[family][:2]]
    matches.append(_address(family, 1, devices.address(family, devices.OWN[family][0])))
    matches += [[Attr(80, bytes([bit])), Attr(81, bytes([bit]))] for bit in (1, 2, 0x40)]
    matches.append([Attr(82, b"\x40"), Attr(83, b"\xff")])
    for number, match in enumerate(matches):
        yield _probe(tunnel, number, match)
    parms = struct.pack("=IIiiiiI", 0, 0, 4, 0, 0, 1, devices.TAP)      # TC_ACT_STOLEN, redirect
    yield _filter(tunnel, INGRESS, "matchall", 90, [Attr(2, _action("mirred", [Attr(2, parms)]))],
                  handle=1)
