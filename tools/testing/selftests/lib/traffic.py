# SPDX-License-Identifier: GPL-2.0
"""Streams and datagrams between two hosts, by one thread: no side waits for the other."""

import select
import socket
import struct

from .wait import PATIENCE

STREAM_PORT, DATAGRAM_PORT = 5001, 5002
SOL_UDP, UDP_SEGMENT, UDP_GRO = 17, 103, 104


class Idle:
    """A link that needs no help of the test."""

    fds = seen = ()

    def forward(self, ready):
        """There is nothing to carry."""

    def discard(self):
        """There is nothing to lose."""

    def close(self):
        """There is nothing to close."""


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def stream(a, b, address, data, wire=Idle(), vrf=None):
    """What arrives at `address` of b when a sends `data` by TCP, each in its VRF if any."""
    with b:
        listener = _tcp(address, vrf)
    with a:
        client = _tcp(address, vrf)
    server, got, sent, view = None, bytearray(), 0, memoryview(data)
    with listener, client:
        listener.bind((address, STREAM_PORT))
        listener.listen()
        client.setblocking(False)
        client.connect_ex((address, STREAM_PORT))
        while len(got) < len(data):
            ready, writable, _ = select.select([server or listener, *wire.fds],
                                               [client] if sent < len(data) else [], [],
                                               PATIENCE)
            assert ready or writable, f"stream stands still at {len(got)} bytes"
            wire.forward(ready)
            if listener in ready:
                server, _ = listener.accept()
            elif server in ready:
                piece = server.recv(1 << 20)
                assert piece, f"stream ended after {len(got)} bytes"
                got += piece
            if writable:
                sent += client.send(view[sent:sent + (1 << 18)])
        server.close()
    return bytes(got)


def _tcp(address, vrf):
    sock = socket.socket(family(address), socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if vrf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, vrf.encode())
    return sock


def datagrams(a, b, address, data, size=None, wire=Idle()):
    """What arrives at `address` of b when a sends datagrams.

    `data` is a list of them, or, with `size`, what one call sends in pieces of `size`.
    The receiver lets the kernel gather them (UDP_GRO), and takes them apart again.
    """
    with b:
        receiver = socket.socket(family(address), socket.SOCK_DGRAM)
    with a:
        sender = socket.socket(family(address), socket.SOCK_DGRAM)
    want = len(data) if size is None else -(-len(data) // size)
    got = []
    with receiver, sender:
        receiver.setsockopt(SOL_UDP, UDP_GRO, 1)
        receiver.bind((address, DATAGRAM_PORT))
        if size is None:
            for datagram in data:
                sender.sendto(datagram, (address, DATAGRAM_PORT))
        else:
            ancillary = [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", size))]
            sender.sendmsg([data], ancillary, 0, (address, DATAGRAM_PORT))
        while len(got) < want:
            ready = select.select([receiver, *wire.fds], [], [], PATIENCE)[0]
            assert ready, f"{len(got)} datagrams of {want}"
            wire.forward(ready)
            if receiver in ready:
                got += _receive(receiver)
    return got


def _receive(receiver):
    data, ancillary, _, _ = receiver.recvmsg(1 << 17, 64)
    size = len(data)
    for level, kind, value in ancillary:
        if (level, kind) == (SOL_UDP, UDP_GRO):
            size = struct.unpack("=i", value)[0]
    return [data[at:at + size] for at in range(0, len(data), size)]
