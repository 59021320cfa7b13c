# SPDX-License-Identifier: GPL-2.0
"""Cases from a seed: a set-up, packets from both sides and changes, and looks at everything."""

import random

import devices
import inner
import metadata
import outer
from lib.uapi import VX
from packet import Look, Packet, Watch

CLASSES = devices.OPTION_CLASSES
BATCH = 10                              # Packets between two looks.


def case(seed, number, packets, wanted):
    """The `number`th case of a seed: always the same steps."""
    rng = random.Random(f"{seed}/{number}")
    setup = devices.Setup(rng, frozenset(wanted))
    if setup.may("clones", 0.3):
        setup.steps.append(Watch("links"))
    if setup.may("clones", 0.3):
        setup.steps.append(Watch("wires"))
    for which in range(rng.choice((1, 1, 1, 2, 2, 3))):
        _furnish(setup, devices.tunnel(setup, which))
    first = setup.tunnels[0]
    if first.ns == "a" and VX.GPE not in first.options and setup.may("bridge", 0.3):
        setup.steps.append(devices.bridged(first))
        setup.bridged = first
    if setup.may("mtu", 0.3):
        change = devices.Message("a", devices.u.RTM_SETLINK, devices.u.NLM_F_ACK, devices.ifinfomsg(
            rng.choice((2, 2, 3))), [devices.Attr(devices.IFLA.MTU, devices.rtnl.u32(
                rng.choice((1280, 1330, 1400, 1450, 9000))))])
        setup.steps.append(change)
    _traffic(setup, packets)
    return setup.steps


def _furnish(setup, tunnel):
    """A table, neighbours and metadata for a tunnel."""
    rng, steps = setup.rng, setup.steps
    for _ in range(rng.choice((0, 1, 2, 4, 7))):
        steps.append(devices.entry(setup, tunnel))
    if setup.may("nexthop", 0.2):
        steps.extend(devices.nexthops(setup, tunnel))
    if tunnel.has(VX.PROXY) or tunnel.has(VX.RSC):
        steps += [devices.neighbour(setup, tunnel) for _ in range(rng.choice((2, 5, 8)))]
    if tunnel.has(VX.COLLECT_METADATA):
        steps.append(metadata.classifier(tunnel))
        steps += metadata.egress(rng, tunnel, devices,
                                 lambda family: devices.REMOTES[family] + devices.OWN[family]
                                 + devices.ODD_REMOTES[family][:3])
        if VX.GPE not in tunnel.options and rng.random() < 0.6:
            steps += metadata.ingress(tunnel, devices)


def _traffic(setup, packets):
    rng, steps, sent, looked = setup.rng, setup.steps, 0, 0
    while sent < packets:
        if setup.may("changes", 0.04):
            steps.append(devices.change(setup, rng.choice(setup.tunnels)))
        found = _some(setup)
        steps += found
        sent += len(found)
        if sent - looked >= BATCH:
            steps.append(Look())
            looked = sent
    if not isinstance(steps[-1], Look):
        steps.append(Look())


def _some(setup):
    """The next packet, or packets that belong together."""
    rng, roll = setup.rng, setup.rng.random()
    if roll < 0.46:
        return outer.aimed(rng, setup)
    if roll < 0.5 and "errors" in setup.wanted:
        return outer.icmp_error(rng, setup)
    if roll < 0.52 and "offloads" in setup.wanted:
        return outer.segments(rng, setup)
    return [_sent(setup)]


def _sent(setup):
    """A packet that a tunnel is to send, from its own end or through a bridge."""
    rng = setup.rng
    tunnel = rng.choice(setup.tunnels)
    mark = rng.choice((0, 1, 2, 3, 77, 0x480005)) \
        if {VX.GBP, VX.COLLECT_METADATA} & tunnel.options.keys() else 0
    if setup.bridged and rng.random() < 0.5:
        octets, name = inner.frame(rng, setup)
        return Packet("t0", octets, outer.cuts(rng, len(octets)) if rng.random() < 0.6 else [], note=name)
    if VX.GPE in tunnel.options:
        maker = rng.choice((inner.ip4_packet, inner.ip6_packet, inner.arp))
        octets, name = inner.spoil(rng, setup, maker(rng, setup), maker.__name__, 2)
        return Packet(tunnel.name, octets, mark=mark, note=f"GPE {name}")
    if setup.may("offloads", 0.15):
        octets, vnet, name = inner.offloaded(rng, setup)
        return Packet(tunnel.name, octets, vnet=vnet, mark=mark, note=name)
    octets, name = inner.frame(rng, setup)
    return Packet(tunnel.name, octets, mark=mark, note=name)
