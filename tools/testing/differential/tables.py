# SPDX-License-Identifier: GPL-2.0
"""Messages about forwarding entries and about the nexthops that they may use."""

import struct

import values
from lib import rtnl
from lib import uapi as u
from lib.uapi import NDA
from message import Attr, Message
from names import (NDA_FLAGS_EXT, NDA_FLAGS_MASK, NDA_STATE_MASK, NHA, NLM_F_BULK, NLM_F_ECHO,
                   RTM_DELNEXTHOP, RTM_GETNEXTHOP, RTM_NEWNEXTHOP)

NEW = u.NLM_F_CREATE | u.NLM_F_EXCL
HOW = (NEW,) * 4 + (u.NLM_F_CREATE | u.NLM_F_APPEND,) * 4 + (
    u.NLM_F_CREATE | u.NLM_F_REPLACE,) * 4 + (u.NLM_F_CREATE,) * 2
ODD_HOW = (0, u.NLM_F_REPLACE, u.NLM_F_APPEND, u.NLM_F_EXCL, NEW | u.NLM_F_APPEND,
           u.NLM_F_REPLACE | u.NLM_F_APPEND | u.NLM_F_CREATE, NEW | NLM_F_ECHO)
NEXTHOPS, GROUPS = range(1, 6), range(101, 104)


def _destination(model, device):
    """The octets of an address that the device can mostly have remotes at."""
    rng = model.rng
    if values.rarely(rng, 0.03):
        return bytes(rng.choice((0, 1, 3, 5, 8, 15, 17, 32)))
    six = device.six if not values.rarely(rng, 0.04) else not device.six
    if six and model.may("ipv6"):
        return values.ip6(rng, 0.1)
    return values.ip4(rng, 0.1)


def _remote(model, device):
    """NDA_PORT, NDA_VNI, NDA_IFINDEX, NDA_SRC_VNI of a destination, mostly none."""
    rng, attrs = model.rng, []
    if values.rarely(rng, 0.12):
        attrs.append(Attr(NDA.PORT, values.port(rng)))
    if values.rarely(rng, 0.12):
        attrs.append(Attr(NDA.VNI, values.vni(rng)))
    if values.rarely(rng, 0.12):
        attrs.append(Attr(NDA.IFINDEX, rtnl.u32(values.lower(rng, device.ns))))
    if values.rarely(rng, 0.4 if device.external else 0.05):
        attrs.append(Attr(NDA.SRC_VNI, values.vni(rng)))
    return attrs


def _known(model, device):
    """The address of an entry that is mostly there."""
    if device.stations and not values.rarely(model.rng, 0.2):
        return model.rng.choice(sorted(device.stations))
    return values.lladdr(model.rng)


def add(model):
    rng = model.rng
    device = model.any_device()
    station = values.lladdr(rng)
    model.then = lambda: device.stations.add(station)
    attrs = [Attr(NDA.LLADDR, station)]
    groups = _groups(model, device)
    if model.may("nexthop") and values.rarely(rng, 0.35 if groups else 0.05):
        attrs.append(Attr(NDA.NH_ID, rtnl.u32(rng.choice(groups)) if groups and
                          not values.rarely(rng, 0.1) else _nexthop_id(model)))
        if values.rarely(rng, 0.1):
            attrs.append(Attr(NDA.DST, _destination(model, device)))
        if values.rarely(rng, 0.3 if device.external else 0.05):
            attrs.append(Attr(NDA.SRC_VNI, values.vni(rng)))
    else:
        if not values.rarely(rng, 0.02):
            attrs.append(Attr(NDA.DST, _destination(model, device)))
        attrs += _remote(model, device)
    if values.rarely(rng, 0.03):
        attrs.append(rng.choice((Attr(NDA.VLAN, rtnl.u16(rng.choice((0, 5, 4095)))),
                                 Attr(NDA_FLAGS_EXT, rtnl.u32(rng.choice((0, 1, 2)))),
                                 Attr(NDA.PROTOCOL, b"\4"))))
    if values.rarely(rng):
        rng.shuffle(attrs)
    state = values.neighbour_state(rng)
    if any(attr.kind == NDA.NH_ID for attr in attrs) and not values.rarely(rng):
        state = values.NUD["permanent"]
    how = rng.choice(ODD_HOW) if values.rarely(rng, 0.08) else rng.choice(HOW)
    return Message(device.ns, u.RTM_NEWNEIGH, u.NLM_F_ACK | how,
                   values.header(device.index, state, values.neighbour_flags(rng)), attrs)


def delete(model):
    rng = model.rng
    device = model.any_device()
    attrs = [Attr(NDA.LLADDR, _known(model, device))]
    if rng.random() < 0.4:
        attrs += [Attr(NDA.DST, _destination(model, device)), *_remote(model, device)]
    elif values.rarely(rng, 0.1 if not device.external else 0.5):
        attrs.append(Attr(NDA.SRC_VNI, values.vni(rng)))
    elif model.may("nexthop") and values.rarely(rng, 0.1):
        attrs.append(Attr(NDA.NH_ID, _nexthop_id(model)))
    return Message(device.ns, u.RTM_DELNEIGH, u.NLM_F_ACK,
                   values.header(device.index, values.neighbour_state(rng),
                                 values.neighbour_flags(rng)), attrs)


def get(model):
    rng = model.rng
    device = model.any_device()
    attrs = [Attr(NDA.LLADDR, _known(model, device))]
    if values.rarely(rng, 0.15 if not device.external else 0.5):
        attrs.append(Attr(NDA.VNI, values.vni(rng)))
    flags = u.NTF_SELF if not values.rarely(rng) else rng.choice((0, 4, 6, 0x82))
    return Message(device.ns, u.RTM_GETNEIGH, u.NLM_F_ACK,
                   values.header(device.index, 0, flags), attrs, strict=rng.random() < 0.5)


def dump(model):
    rng = model.rng
    device = model.any_device()
    index = device.index if rng.random() < 0.7 else 0
    attrs = []
    if values.rarely(rng, 0.15):
        attrs.append(rng.choice((Attr(NDA.MASTER, rtnl.u32(device.index)),
                                 Attr(NDA.MASTER, rtnl.u32(999)),
                                 Attr(NDA.IFINDEX, rtnl.u32(device.index)),
                                 Attr(NDA.VNI, rtnl.u32(10)))))
    return Message(device.ns, u.RTM_GETNEIGH, u.NLM_F_ACK | u.NLM_F_DUMP,
                   values.header(index, 0, 0), attrs, strict=rng.random() < 0.6)


def flush(model):
    rng = model.rng
    device = model.any_device()
    choices = [Attr(NDA.PORT, values.port(rng)), Attr(NDA.VNI, values.vni(rng)),
               Attr(NDA.SRC_VNI, values.vni(rng)), Attr(NDA.DST, _destination(model, device)),
               Attr(NDA.NH_ID, _nexthop_id(model)), Attr(NDA.VLAN, rtnl.u16(1)),
               Attr(NDA.IFINDEX, rtnl.u32(values.lower(rng, device.ns)))]
    attrs = rng.sample(choices, rng.choice((0, 1, 1, 1, 2)))
    state = flags = 0
    if rng.random() < 0.4:
        state = rng.choice((0, 0x80, 0x40, 0xC0, 0x80, 0x02))
        attrs.append(Attr(NDA_STATE_MASK, rtnl.u16(rng.choice((0x80, 0x40, 0xC0, state, 2)))))
    if rng.random() < 0.4:
        flags = rng.choice((0, 0x10, 0x80, 0x20, 0x90, 0x01))
        attrs.append(Attr(NDA_FLAGS_MASK, rtnl.u8(rng.choice((0x10, 0x80, 0x20, 0x90, flags)))))
    return Message(device.ns, u.RTM_DELNEIGH, u.NLM_F_ACK | NLM_F_BULK,
                   values.header(device.index, state, u.NTF_SELF | flags), attrs)


# -- Nexthops -----------------------------------------------------------------

def _nexthop_id(model):
    if model.nexthops and not values.rarely(model.rng):
        groups = [number for number, kind in model.nexthops.items() if number in GROUPS]
        pool = groups if groups and model.rng.random() < 0.7 else list(model.nexthops)
        return rtnl.u32(model.rng.choice(pool))
    return rtnl.u32(model.rng.choice((0, 1, 2, 101, 102, 999)))


def _groups(model, device):
    """Groups that an entry of the device may use."""
    family = "6" if device.six else "4"
    return [number for number, kind in model.nexthops.items() if kind == "group " + family] \
        if device.ns == "a" else []


def _nhmsg(family):
    return struct.pack("=BBBxI", family, 0, 0, 0)


def nexthop(model):
    """A nexthop or a group of them, for forwarding entries mostly."""
    rng = model.rng
    ns = "a" if not values.rarely(rng) else model.namespace()
    flags = u.NLM_F_ACK | rng.choice((u.NLM_F_CREATE | u.NLM_F_EXCL, u.NLM_F_CREATE,
                                      u.NLM_F_CREATE | u.NLM_F_REPLACE, u.NLM_F_REPLACE))
    singles = [number for number, kind in model.nexthops.items() if number in NEXTHOPS]
    if singles and rng.random() < 0.4:
        number = rng.choice(GROUPS)
        family = rng.choice([model.nexthops[single] for single in singles])
        members = [single for single in singles if model.nexthops[single] == family]
        if values.rarely(rng):
            members = singles
        members = rng.sample(members, rng.randint(1, len(members)))
        attrs = [Attr(NHA.ID, rtnl.u32(number)), Attr(NHA.GROUP, b"".join(
            struct.pack("=IBBH", member, rng.choice((0, 0, 3)), 0, 0) for member in members))]
        kind, header = f"group {family}", _nhmsg(0)
    else:
        number = rng.choice(NEXTHOPS)
        six = model.may("ipv6") and rng.random() < 0.4
        gateway = rtnl.ip6(rng.choice(values.ADDRESSES6[:3])) if six \
            else rtnl.ip4(rng.choice(values.ADDRESSES[:3]))
        attrs = [Attr(NHA.ID, rtnl.u32(number)), Attr(NHA.GATEWAY, gateway)]
        kind, header = ("6", _nhmsg(10)) if six else ("4", _nhmsg(2))
    if not values.rarely(rng, 0.05):
        attrs.append(Attr(NHA.FDB, b""))
    elif values.rarely(rng, 0.5):
        attrs.append(Attr(NHA.OIF, rtnl.u32(2)))
    model.then = lambda: model.nexthops.__setitem__(number, kind)
    return Message(ns, RTM_NEWNEXTHOP, flags, header, attrs)


def nexthop_delete(model):
    number = _nexthop_id(model)
    model.then = lambda: model.nexthops.pop(int.from_bytes(number, "little"), None)
    return Message("a", RTM_DELNEXTHOP, u.NLM_F_ACK, _nhmsg(0),
                   [Attr(NHA.ID, number)])


def nexthop_get(model):
    return Message("a", RTM_GETNEXTHOP, u.NLM_F_ACK, _nhmsg(0),
                   [Attr(NHA.ID, _nexthop_id(model))])
