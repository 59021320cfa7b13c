# SPDX-License-Identifier: GPL-2.0
"""A multicast router: what a routing daemon tells the kernel, and what it is told."""

import select
import socket
import struct

from . import rtnl
from .wait import PATIENCE

INIT, ADD_VIF, ADD_MFC = 200, 202, 204
USE_IFINDEX, MAX_VIFS = 8, 32
NOCACHE = 1


class Router:
    """The multicast router of a namespace for one family, for the links given."""

    def __init__(self, ns, six, *links):
        self.ns, self.six, self.links = ns, six, links
        family, proto, self.level = (socket.AF_INET6, socket.IPPROTO_ICMPV6, socket.IPPROTO_IPV6) \
            if six else (socket.AF_INET, socket.IPPROTO_IGMP, socket.IPPROTO_IP)
        with ns:
            self.sock = ns.keep(socket.socket(family, socket.SOCK_RAW, proto))
        self.sock.setsockopt(self.level, INIT, 1)
        for number, link in enumerate(links):
            self.sock.setsockopt(self.level, ADD_VIF, self._vif(number, ns.index(link)))

    def _vif(self, number, ifindex):
        if self.six:
            return struct.pack("=HBBHxxI", number, 0, 1, ifindex, 0)
        return struct.pack("=HBBIiI", number, USE_IFINDEX, 1, 0, ifindex, 0)

    def route(self, source, group, come, *go):
        """Send packets of a source to a group that come by one link out by others."""
        parent = self.links.index(come)
        numbers = [self.links.index(link) for link in go]
        if self.six:
            ends = b"".join(struct.pack("=HHI", socket.AF_INET6, 0, 0) + rtnl.ip6(addr) + bytes(4)
                            for addr in (source, group))
            bits = sum(1 << number for number in numbers)
            entry = ends + struct.pack("=Hxx8I", parent, bits, *[0] * 7)
        else:
            ttls = bytes(1 if number in numbers else 0 for number in range(MAX_VIFS))
            entry = rtnl.ip4(source) + rtnl.ip4(group) + struct.pack(
                "=H32sxxIIIi", parent, ttls, 0, 0, 0, 0)
        self.sock.setsockopt(self.level, ADD_MFC, entry)

    def asked(self):
        """The next packet that the kernel has no route for: link, source, group."""
        while True:
            assert select.select([self.sock], [], [], PATIENCE)[0], "nothing was asked"
            data = self.sock.recv(4096)
            if self.six and data[:2] == bytes([0, NOCACHE]):
                (number,) = struct.unpack_from("=H", data, 2)
                return (self.links[number], *(socket.inet_ntop(socket.AF_INET6, data[at:at + 16])
                                              for at in (8, 24)))
            if not self.six and data[8:10] == bytes([NOCACHE, 0]):
                return (self.links[data[10]], *(socket.inet_ntoa(data[at:at + 4])
                                                for at in (12, 16)))
