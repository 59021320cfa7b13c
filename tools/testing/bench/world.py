# SPDX-License-Identifier: GPL-2.0
"""The namespaces that are measured in: an end with a dummy device, or two joined by veth."""

import contextlib

from lib import rtnl
from lib import uapi as u
from lib.host import Host
from lib.wait import wait_for

VETH_INFO_PEER = 1
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")


class End(Host):
    """A tunnel end: addresses of the underlay, as IPv4 or as IPv6."""

    def __init__(self, name, number, six=False):
        super().__init__(name)
        self.six, self.number = six, number
        self.here = self.address_of(number)

    def address_of(self, number):
        """The address of the end with that number, of up to 65,000."""
        return f"fd00::{number:x}" if self.six else f"10.0.{number >> 8}.{number & 255}"

    def join(self):
        """Give u0, which is there, its address."""
        if self.six:
            self.ipv6("u0")
        self.link_set("u0", up=True)
        self.address("u0", self.here, 64 if self.six else 16)

    def knows(self, number, lladdr):
        self.neighbour("u0", self.address_of(number), lladdr)


@contextlib.contextmanager
def lone(six=False, remotes=1):
    """An end whose underlay is a dummy device, with that many neighbours: 2, 3, ..."""
    end = End("lone", 1, six)
    end.link_add("u0", "dummy")
    end.join()
    for number in range(2, 2 + remotes):
        end.knows(number, MACS[1])
    yield end
    end.close()


@contextlib.contextmanager
def pair(six=False):
    """Two ends joined by veth: 1 and 2."""
    ends = [End("sender", 1, six), End("receiver", 2, six)]
    peer = [(u.IFLA.IFNAME, rtnl.text("u0")), (u.IFLA.ADDRESS, rtnl.mac(MACS[1])),
            (u.IFLA.NET_NS_FD, rtnl.u32(ends[1].fd))]
    ends[0].link_add("u0", "veth", [(VETH_INFO_PEER, bytes(16) + rtnl.encode(peer))],
                     [(u.IFLA.ADDRESS, rtnl.mac(MACS[0]))])
    for end in ends:
        end.join()
    ends[0].knows(2, MACS[1])
    ends[1].knows(1, MACS[0])
    for end in ends:
        wait_for(lambda link=end: link.link_get("u0").get(u.IFLA.OPERSTATE) == b"\6", "carrier")
    yield ends
    for end in ends:
        end.close()
