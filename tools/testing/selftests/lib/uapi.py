# SPDX-License-Identifier: GPL-2.0
"""Numbers of the kernel's user interface, by the names its headers give them."""

from enum import IntEnum

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x2, 0x4, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLM_F_BULK = 0x200                  # of a request to delete

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_NEWROUTE = 20, 24
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_NEWNSID, RTM_GETNSID = 88, 90
RTM_NEWNEXTHOP, RTM_DELNEXTHOP = 104, 105
RTNLGRP_LINK, RTNLGRP_NEIGH = 1, 3

AF_BRIDGE = 7
IFF_UP = 1


class IFLA(IntEnum):
    """Attributes of a link message."""

    ADDRESS = 1
    BROADCAST = 2
    IFNAME = 3
    MTU = 4
    LINK = 5
    QDISC = 6
    MASTER = 10
    TXQLEN = 13
    OPERSTATE = 16
    LINKINFO = 18
    NET_NS_PID = 19
    STATS64 = 23
    NET_NS_FD = 28
    LINK_NETNSID = 37


class INFO(IntEnum):
    """Attributes nested in IFLA_LINKINFO."""

    KIND = 1
    DATA = 2


class VX(IntEnum):
    """IFLA_VXLAN_*: attributes nested in IFLA_INFO_DATA."""

    ID = 1
    GROUP = 2
    LINK = 3
    LOCAL = 4
    TTL = 5
    TOS = 6
    LEARNING = 7
    AGEING = 8
    LIMIT = 9
    PORT_RANGE = 10
    PROXY = 11
    RSC = 12
    L2MISS = 13
    L3MISS = 14
    PORT = 15
    GROUP6 = 16
    LOCAL6 = 17
    UDP_CSUM = 18
    UDP_ZERO_CSUM6_TX = 19
    UDP_ZERO_CSUM6_RX = 20
    REMCSUM_TX = 21
    REMCSUM_RX = 22
    GBP = 23
    REMCSUM_NOPARTIAL = 24
    COLLECT_METADATA = 25
    LABEL = 26
    GPE = 27
    TTL_INHERIT = 28
    DF = 29
    VNIFILTER = 30
    LOCALBYPASS = 31
    LABEL_POLICY = 32
    RESERVED_BITS = 33
    MC_ROUTE = 34


def at(attribute):
    """Where an ack points for an attribute of IFLA_INFO_DATA."""
    return (IFLA.LINKINFO, INFO.DATA, attribute)


class NDA(IntEnum):
    """Attributes of a neighbour (FDB) message."""

    DST = 1
    LLADDR = 2
    CACHEINFO = 3
    PROBES = 4
    VLAN = 5
    PORT = 6
    VNI = 7
    IFINDEX = 8
    MASTER = 9
    LINK_NETNSID = 10
    SRC_VNI = 11
    PROTOCOL = 12
    NH_ID = 13
    FDB_EXT_ATTRS = 14
    FLAGS_EXT = 15
    NDM_STATE_MASK = 16
    NDM_FLAGS_MASK = 17


class NHA(IntEnum):
    """Attributes of a nexthop message."""

    ID = 1
    GROUP = 2
    GROUP_TYPE = 3
    OIF = 5
    GATEWAY = 6
    FDB = 11
    RES_GROUP = 12
    DST_PORT = 18


NTF_USE, NTF_SELF, NTF_MASTER, NTF_EXT_LEARNED = 0x01, 0x02, 0x04, 0x10
NTF_OFFLOADED, NTF_STICKY, NTF_ROUTER = 0x20, 0x40, 0x80
NUD_REACHABLE, NUD_STALE, NUD_NOARP, NUD_PERMANENT = 0x02, 0x04, 0x40, 0x80

STATS64 = (
    "rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped "
    "tx_dropped multicast collisions rx_length_errors rx_over_errors "
    "rx_crc_errors rx_frame_errors rx_fifo_errors rx_missed_errors "
    "tx_aborted_errors tx_carrier_errors tx_fifo_errors tx_heartbeat_errors "
    "tx_window_errors rx_compressed tx_compressed rx_nohandler"
).split()
