# SPDX-License-Identifier: GPL-2.0
"""Numbers that the VM tests' uapi.py has no use for, and every number's name."""

from enum import IntEnum

from lib import uapi as u
from lib.uapi import INFO, NDA, VX

NLM_F_ECHO, NLM_F_BULK = 0x8, 0x200
RTM_NEWNEXTHOP, RTM_DELNEXTHOP, RTM_GETNEXTHOP = 104, 105, 106
RTNLGRP_NEXTHOP = 32
NTF_EXT_LEARNED, NTF_OFFLOADED = 0x10, 0x20
NLA_F_NESTED, NLA_F_NET_BYTEORDER = 0x8000, 0x4000

LINK_NAMES = (
    "UNSPEC ADDRESS BROADCAST IFNAME MTU LINK QDISC STATS COST PRIORITY MASTER WIRELESS "
    "PROTINFO TXQLEN MAP WEIGHT OPERSTATE LINKMODE LINKINFO NET_NS_PID IFALIAS NUM_VF "
    "VFINFO_LIST STATS64 VF_PORTS PORT_SELF AF_SPEC GROUP NET_NS_FD EXT_MASK PROMISCUITY "
    "NUM_TX_QUEUES NUM_RX_QUEUES CARRIER PHYS_PORT_ID CARRIER_CHANGES PHYS_SWITCH_ID "
    "LINK_NETNSID PHYS_PORT_NAME PROTO_DOWN GSO_MAX_SEGS GSO_MAX_SIZE PAD XDP EVENT "
    "NEW_NETNSID TARGET_NETNSID CARRIER_UP_COUNT CARRIER_DOWN_COUNT NEW_IFINDEX MIN_MTU "
    "MAX_MTU PROP_LIST ALT_IFNAME PERM_ADDRESS PROTO_DOWN_REASON PARENT_DEV_NAME "
    "PARENT_DEV_BUS_NAME GRO_MAX_SIZE TSO_MAX_SIZE TSO_MAX_SEGS ALLMULTI DEVLINK_PORT "
    "GSO_IPV4_MAX_SIZE GRO_IPV4_MAX_SIZE DPLL_PIN MAX_PACING_OFFLOAD_HORIZON "
    "NETNS_IMMUTABLE HEADROOM TAILROOM").split()
IFLA = IntEnum("IFLA", LINK_NAMES, start=0)
NHA = IntEnum("NHA", (
    "UNSPEC ID GROUP GROUP_TYPE BLACKHOLE OIF GATEWAY ENCAP_TYPE ENCAP GROUPS MASTER FDB "
    "RES_GROUP RES_BUCKET OP_FLAGS GROUP_STATS HW_STATS_ENABLE HW_STATS_USED DST_PORT"
).split(), start=0)
# Of a bulk delete.
NDA_FLAGS_EXT, NDA_STATE_MASK, NDA_FLAGS_MASK = 15, 16, 17

# Messages: name, length of the fixed header, attribute space.
KINDS = {
    u.RTM_NEWLINK: ("NEWLINK", 16, "IFLA"), u.RTM_DELLINK: ("DELLINK", 16, "IFLA"),
    u.RTM_GETLINK: ("GETLINK", 16, "IFLA"), u.RTM_SETLINK: ("SETLINK", 16, "IFLA"),
    u.RTM_NEWNEIGH: ("NEWNEIGH", 12, "NDA"), u.RTM_DELNEIGH: ("DELNEIGH", 12, "NDA"),
    u.RTM_GETNEIGH: ("GETNEIGH", 12, "NDA"),
    RTM_NEWNEXTHOP: ("NEWNEXTHOP", 8, "NHA"), RTM_DELNEXTHOP: ("DELNEXTHOP", 8, "NHA"),
    RTM_GETNEXTHOP: ("GETNEXTHOP", 8, "NHA"),
}

# Attribute spaces: names, and the space of what is nested in an attribute.
SPACES = {
    "IFLA": ({m: m.name for m in IFLA}, {18: "INFO", 26: "AF_SPEC"}),
    "INFO": ({m: m.name for m in INFO}, {2: "VXLAN"}),
    "VXLAN": ({m: m.name for m in VX}, {}),
    "AF_SPEC": ({2: "INET", 10: "INET6"}, {2: "INET", 10: "INET6"}),
    "INET": ({1: "CONF"}, {}),
    "INET6": ({1: "FLAGS", 2: "CONF", 3: "STATS", 4: "MCAST", 5: "CACHEINFO", 6: "ICMP6STATS",
               7: "TOKEN", 8: "ADDR_GEN_MODE", 9: "RA_MTU"}, {}),
    "NDA": ({**{m: m.name for m in NDA}, NDA_FLAGS_EXT: "FLAGS_EXT",
             NDA_STATE_MASK: "NDM_STATE_MASK", NDA_FLAGS_MASK: "NDM_FLAGS_MASK"}, {}),
    "NHA": ({m: m.name for m in NHA}, {}),
}

REQUEST_FLAGS = {"ACK": 4, "ECHO": 8, "REPLACE": 0x100, "EXCL": 0x200, "CREATE": 0x400,
                 "APPEND": 0x800}


def space_of(kind):
    return KINDS[kind][2] if kind in KINDS else None


def name_of(space, number):
    """IFLA_MTU for ("IFLA", 4), and the number where there is no name."""
    names = SPACES[space][0] if space in SPACES else {}
    return f"{space}_{names[number]}" if number in names else f"{space or 'attr'}_{number}"


def nested_space(space, number):
    """The space of what is in an attribute, or None where nothing is nested."""
    return SPACES[space][1].get(number) if space in SPACES else None


def path_text(kind, path):
    """A path of attribute numbers of a message as IFLA_LINKINFO/INFO_DATA/VXLAN_ID."""
    if path is None or isinstance(path, str):
        return path
    space, parts = space_of(kind), []
    for number in path:
        parts.append(name_of(space, number))
        space = nested_space(space, number)
    return "/".join(parts)


def flags_text(kind, flags):
    """NLM_F_* of a request, by the names that its kind gives them."""
    known = dict(REQUEST_FLAGS)
    if KINDS.get(kind, ("",))[0].startswith("GET"):
        known = {"ACK": 4, "ECHO": 8, "DUMP": 0x300}
    elif KINDS.get(kind, ("",))[0].startswith("DEL"):
        known = {"ACK": 4, "ECHO": 8, "BULK": 0x200}
    left, names = flags & ~u.NLM_F_REQUEST, []
    for name, bits in known.items():
        if bits & left == bits:
            names.append(name)
            left &= ~bits
    return "|".join(names + ([hex(left)] if left else [])) or "0"
