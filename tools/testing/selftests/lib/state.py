# SPDX-License-Identifier: GPL-2.0
"""What a VXLAN device is and has, read in many places, to see whether it changed."""

import os
import socket
import struct

from .uapi import IFLA


def groups(host):
    """Multicast groups joined: {(link, group): users}, both families."""
    found = {}
    link = None
    for line in host.read("/proc/net/igmp").splitlines()[1:]:
        words = line.split()
        if line.startswith("\t"):
            group = socket.inet_ntoa(struct.pack("=I", int(words[0], 16)))
            found[link, group] = int(words[1])
        else:
            link = words[1]
    if os.path.exists("/proc/net/igmp6"):
        for line in host.read("/proc/net/igmp6").splitlines():
            _, link, group, users, *_ = line.split()
            found[link, socket.inet_ntop(socket.AF_INET6, bytes.fromhex(group))] = int(users)
    return found


def joined(host, *links):
    """Groups that a tunnel may have joined: without those that every link is in."""
    own = {"224.0.0.1", "ff01::1", "ff02::1"}
    return {(link, group) for link, group in groups(host)
            if group not in own and not group.startswith("ff02::1:ff")
            and (not links or link in links)}


def lowers(host, name="vx0"):
    """The links that a device is stacked on, as sysfs has them."""
    with host.sysfs() as root:
        return sorted(entry[6:] for entry in os.listdir(f"{root}/class/net/{name}")
                      if entry.startswith("lower_"))


def fdb(host, name="vx0"):
    """The forwarding table, in order, without its ages."""
    return [(e.lladdr, e.dst, e.port, e.vni, e.via, e.state, e.flags)
            for e in host.fdb_dump(name)]


def state(host, name="vx0"):
    """All of it, for comparison."""
    message = host.link_get(name)
    counters = (7, IFLA.STATS64)        # IFLA_STATS
    return {
        "header": message.header,
        "link": [pair for pair in message.attrs if pair[0] not in counters],
        "fdb": fdb(host, name),
        "groups": groups(host),
        "lowers": lowers(host, name),
        "links": host.links(),
        "ports": (host.udp_ports(), host.udp6_ports()),
    }
