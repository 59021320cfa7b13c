# SPDX-License-Identifier: GPL-2.0
"""Messages about links: making, changing, setting, moving, deleting, reading."""

import struct

import values
from lib import rtnl
from lib import uapi as u
from lib.uapi import INFO, VX
from message import NETNS_END, Attr, Message, NsFd
from model import Device
from names import IFLA, NLM_F_ECHO
from world import NSID

CREATE = u.NLM_F_ACK | u.NLM_F_CREATE | u.NLM_F_EXCL


def ifinfomsg(index=0, flags=0, change=0, family=0):
    return struct.pack("=BxHiII", family, 0, index, flags, change)


def linkinfo(data, kind=b"vxlan"):
    info = [Attr(INFO.KIND, kind)]
    if data is not None:
        info.append(Attr(INFO.DATA, data))
    return Attr(IFLA.LINKINFO, info)


def _options(model, six, under, chance):
    """IFLA_INFO_DATA, each option with its own chance, families mostly not mixed."""
    rng, data = model.rng, []
    mixed = values.rarely(rng, 0.03)
    for option, (value, often, kind) in values.OPTIONS.items():
        other = {VX.GROUP: six, VX.LOCAL: six, VX.GROUP6: not six, VX.LOCAL6: not six}
        if not model.may(kind) or other.get(option) and not mixed:
            continue
        if rng.random() < often * chance(option):
            data.append(Attr(option, value(rng)))
            if option == VX.LINK:
                data[-1].value = rtnl.u32(values.lower(rng, under))
    if six and not {VX.GROUP6, VX.LOCAL6} & {attr.kind for attr in data}:
        data.append(Attr(VX.LOCAL6, rtnl.ip6("fd00::1")))
    if values.rarely(rng, 0.2):
        rng.shuffle(data)
    _keep_valid(rng, data, under)
    return data


def _keep_valid(rng, data, under):
    """Mostly: a group needs a device, a label needs IPv6, GPE needs metadata mode."""
    there = {attr.kind: attr.value for attr in data}
    if values.rarely(rng, 0.1):
        return
    group = there.get(VX.GROUP, b"\0")[0] & 0xF0 == 0xE0 or there.get(VX.GROUP6, b"\0")[0] == 0xFF
    scoped = there.get(VX.GROUP6, b"")[:1] == b"\xfe" or there.get(VX.LOCAL6, b"")[:1] == b"\xfe"
    if (group or scoped) and VX.LINK not in there:
        data.append(Attr(VX.LINK, rtnl.u32(2 if under == "a" else 5)))
    six = VX.GROUP6 in there or VX.LOCAL6 in there
    data[:] = [attr for attr in data
               if not (attr.kind in (VX.LABEL, VX.LABEL_POLICY) and not six)
               and not (attr.kind == VX.GPE and VX.COLLECT_METADATA not in there)]


def _beside(model, device, creating):
    """Link attributes beside IFLA_LINKINFO."""
    rng, attrs = model.rng, []
    if not values.rarely(rng, 0.08):
        attrs.append(Attr(IFLA.ADDRESS, b"\2\xd1\xff\0\0" + bytes([device.index])))
    elif values.rarely(rng, 0.3):
        attrs.append(Attr(IFLA.ADDRESS, rng.choice((bytes(6), b"\1" + bytes(5), b"\2" * 5))))
    if values.rarely(rng, 0.15 if creating else 0.05):
        attrs.append(Attr(IFLA.MTU, values.mtu(rng)))
    if values.rarely(rng, 0.05):
        attrs.append(Attr(IFLA.TXQLEN, values.count(rng)))
    if values.rarely(rng, 0.03):
        attrs.append(Attr(IFLA.GROUP, rtnl.u32(rng.choice((0, 7)))))
    if values.rarely(rng, 0.02):
        attrs.append(Attr(IFLA.IFALIAS, b"alias\0"))
    return attrs


def create(model):
    rng = model.rng
    index = model.free()
    if index is None:
        index = model.any_device().index
    device = Device(index, model.namespace())
    device.six = model.may("ipv6") and rng.random() < 0.4
    attrs = [Attr(IFLA.IFNAME, rtnl.text(device.name)), *_beside(model, device, True)]
    sender = device.under = device.ns
    if values.rarely(rng) and len(model.alive) == 2:
        # Of the other namespace: the underlay stays where the message is sent.
        device.ns = "b" if sender == "a" else "a"
        attrs.append(Attr(IFLA.NET_NS_FD, NsFd(device.ns)))
    elif values.rarely(rng) and len(model.alive) == 2:
        other = "b" if sender == "a" else "a"
        attrs.append(Attr(IFLA.LINK_NETNSID, rtnl.u32(NSID[other])))
        device.under = other
    elif values.rarely(rng, 0.01):
        attrs.append(Attr(IFLA.LINK_NETNSID, rtnl.u32(99)))
    data = _options(model, device.six, device.under, lambda option: 1)
    if values.rarely(rng, 0.01):
        data = None
    attrs.append(linkinfo(data))
    device.six = False
    _note(device, data or [])
    up = u.IFF_UP if rng.random() < 0.6 else 0
    flags = CREATE if not values.rarely(rng, 0.1) else u.NLM_F_ACK | rng.choice(
        (u.NLM_F_CREATE, u.NLM_F_CREATE | u.NLM_F_REPLACE, CREATE | NLM_F_ECHO))
    model.then = lambda: model.devices.__setitem__(index, device)
    return Message(sender, u.RTM_NEWLINK, flags, ifinfomsg(index, up, up), attrs)


def _note(device, data):
    for attr in data:
        if attr.kind == VX.COLLECT_METADATA:
            device.external = attr.value != b"\0"
        elif attr.kind in (VX.GROUP6, VX.LOCAL6):
            device.six = True
        elif attr.kind == VX.ID:
            device.vni = int.from_bytes(attr.value, "little")


def change(model):
    rng = model.rng
    device = model.any_device()
    few = rng.choice((0.15, 0.4, 1))
    data = _options(model, device.six, device.under,
                    lambda option: few * (0.05 if option in values.FIXED else 1))
    for attr in data:
        if attr.kind == VX.ID and not values.rarely(rng, 0.3):
            attr.value = rtnl.u32(device.vni)
    attrs = _beside(model, device, False) if values.rarely(rng, 0.1) else []
    if values.rarely(rng, 0.3):
        attrs.append(Attr(IFLA.IFNAME, rtnl.text(device.name)))
    attrs.append(linkinfo(data, b"vxlan" if not values.rarely(rng, 0.02) else b"dummy"))
    flags = u.NLM_F_ACK
    if values.rarely(rng, 0.1):
        flags |= rng.choice((u.NLM_F_CREATE, u.NLM_F_REPLACE, u.NLM_F_EXCL, NLM_F_ECHO,
                             u.NLM_F_CREATE | u.NLM_F_REPLACE))
    up = rng.choice((0, u.IFF_UP)) if values.rarely(rng, 0.1) else None
    head = ifinfomsg(device.index) if up is None else ifinfomsg(device.index, up, u.IFF_UP)
    return Message(device.ns, u.RTM_NEWLINK, flags, head, attrs)


def set_(model):
    rng = model.rng
    device = model.any_device()
    kind = u.RTM_SETLINK if rng.random() < 0.3 else u.RTM_NEWLINK
    roll = rng.random()
    if roll < 0.5:
        up = u.IFF_UP if rng.random() < 0.65 else 0
        return Message(device.ns, kind, u.NLM_F_ACK, ifinfomsg(device.index, up, u.IFF_UP))
    attr = rng.choice((
        Attr(IFLA.MTU, values.mtu(rng)), Attr(IFLA.MTU, values.mtu(rng)),
        Attr(IFLA.ADDRESS, b"\2\xd1\xff\0\3" + bytes([device.index])),
        Attr(IFLA.ADDRESS, rng.choice((bytes(6), b"\1" + bytes(5), b"\2" * 5))),
        Attr(IFLA.TXQLEN, values.count(rng)), Attr(IFLA.IFALIAS, b"alias\0"),
        Attr(IFLA.GROUP, rtnl.u32(7)), Attr(IFLA.BROADCAST, b"\xff" * 6),
        Attr(IFLA.LINK, rtnl.u32(3))))
    attrs = [attr]
    if values.rarely(rng, 0.1):
        attrs.append(linkinfo([], b"vxlan"))
    return Message(device.ns, kind, u.NLM_F_ACK, ifinfomsg(device.index), attrs)


def delete(model):
    device = model.any_device()
    model.then = lambda: model.devices.pop(device.index, None)
    if values.rarely(model.rng, 0.3):
        return Message(device.ns, u.RTM_DELLINK, u.NLM_F_ACK, ifinfomsg(),
                       [Attr(IFLA.IFNAME, rtnl.text(device.name))])
    return Message(device.ns, u.RTM_DELLINK, u.NLM_F_ACK, ifinfomsg(device.index))


def move(model):
    rng = model.rng
    device = model.any_device()
    here, there = device.ns, "b" if device.ns == "a" else "a"
    if there not in model.alive:
        there = here
    attrs = [Attr(IFLA.NET_NS_FD, NsFd(there))]
    if values.rarely(rng, 0.2):
        attrs = [Attr(46, rtnl.u32(NSID[there]))]       # IFLA_TARGET_NETNSID
    if values.rarely(rng, 0.3):
        attrs.append(Attr(IFLA.IFNAME, rtnl.text(device.name)))
    model.then = lambda: setattr(device, "ns", there)
    return Message(here, u.RTM_NEWLINK, u.NLM_F_ACK, ifinfomsg(device.index), attrs)


def lower(model):
    """Something happens to a device that may be below."""
    rng = model.rng
    ns, index = rng.choice((("a", 2), ("a", 3), ("a", 4), ("b", 5)))
    if ns not in model.alive:
        ns, index = "a", 2
    roll = rng.random()
    if roll < 0.15:
        return Message(ns, u.RTM_DELLINK, u.NLM_F_ACK, ifinfomsg(index))
    if roll < 0.6:
        return Message(ns, u.RTM_SETLINK, u.NLM_F_ACK, ifinfomsg(index),
                       [Attr(IFLA.MTU, rtnl.u32(rng.choice((1280, 1400, 1500, 2000, 9000))))])
    up = rng.choice((0, u.IFF_UP))
    return Message(ns, u.RTM_SETLINK, u.NLM_F_ACK, ifinfomsg(index, up, u.IFF_UP))


def read(model):
    device = model.any_device()
    attrs = [Attr(IFLA.EXT_MASK, rtnl.u32(model.rng.choice((0, 1, 8))))] \
        if values.rarely(model.rng, 0.3) else []
    return Message(device.ns, u.RTM_GETLINK, u.NLM_F_ACK, ifinfomsg(device.index), attrs,
                   strict=values.rarely(model.rng, 0.3))


def namespace_ends(model):
    """Namespace b goes, with what is in it and what has its underlay there."""
    model.alive.discard("b")
    model.devices = {index: device for index, device in model.devices.items()
                     if "b" not in (device.ns, device.under)}
    return Message("b", NETNS_END, 0)
