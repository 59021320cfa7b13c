# SPDX-License-Identifier: GPL-2.0
"""Two links joined by the test itself, octet for octet.

Taps offload nothing and carry nothing but octets, so that what one host sends is what
stands on a real wire, and the other host knows nothing of it that it has not computed.
"""

import contextlib
import fcntl
import os
import struct
import subprocess

from . import rtnl
from .checksums import Packet
from .uapi import IFLA

TUNSETIFF, TUNSETCARRIER = 0x400454CA, 0x400454E2
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000


class Cable:
    """A tap u0 in each of two hosts; whatever runs traffic calls `forward`."""

    def __init__(self, hosts, macs):
        self.seen = []
        subprocess.run(["modprobe", "tun"], check=True)
        fds = [self._tap(host, mac) for host, mac in zip(hosts, macs)]
        self.peers = {fds[0]: fds[1], fds[1]: fds[0]}
        self.fds = fds

    @staticmethod
    def _tap(host, mac):
        with host:
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"u0", IFF_TAP | IFF_NO_PI))
            for carrier in (0, 1):      # Only a change makes the link's state known.
                fcntl.ioctl(fd, TUNSETCARRIER, struct.pack("=i", carrier))
        host.link_set("u0", attrs=[(IFLA.ADDRESS, rtnl.mac(mac))])
        return fd

    def forward(self, ready):
        """Carry what lies at the ends that are ready."""
        for fd in self.peers.keys() & set(ready):
            for frame in self._read(fd):
                self.seen.append(Packet(frame))
                os.write(self.peers[fd], frame)

    def discard(self):
        """Lose what has not been carried yet."""
        for fd in self.peers:
            for _ in self._read(fd):
                pass

    @staticmethod
    def _read(fd):
        with contextlib.suppress(BlockingIOError):
            while True:
                yield os.read(fd, 1 << 17)

    def close(self):
        for fd in self.peers:
            os.close(fd)
