# SPDX-License-Identifier: GPL-2.0
"""What netlink does not show: features by ethtool, how an address came about."""

import array
import fcntl
import os
import socket
import struct

SIOCETHTOOL, ETHTOOL_GFEATURES = 0x8946, 0x3A
BLOCKS = 4


def features(link):
    """Available, requested, active and never-changed bits of a link."""
    block = array.array("B", struct.pack("=II", ETHTOOL_GFEATURES, BLOCKS) + bytes(16 * BLOCKS))
    address = block.buffer_info()[0]
    request = struct.pack("16sP", os.fsencode(link), address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request)
    return block.tobytes()[8:].hex()


def final_facts(ns):
    """{link: facts} of a namespace's links, at the end of a sequence."""
    facts = {}
    with ns.sysfs() as path, ns:
        for link in sorted(os.listdir(f"{path}/class/net")):
            with open(f"{path}/class/net/{link}/addr_assign_type", encoding="ascii") as stream:
                kind = stream.read().strip()
            facts[link] = {"features": features(link), "addr_assign_type": kind}
    return facts
