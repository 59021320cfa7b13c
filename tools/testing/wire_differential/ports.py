# SPDX-License-Identifier: GPL-2.0
"""Where packets go in and come out: taps, and packet sockets on devices."""

import ctypes
import fcntl
import os
import socket
import struct

TUNSETIFF, TUNSETOFFLOAD, TUNSETIFINDEX = 0x400454CA, 0x400454D0, 0x400454DA
IFF_TAP, IFF_NAPI, IFF_NAPI_FRAGS, IFF_NO_PI, IFF_VNET_HDR = 0x2, 0x10, 0x20, 0x1000, 0x4000
# Checksums, TSO over both families, with ECN, UDP segmentation over both.
OFFLOADS = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40
SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 8, 15, 23
SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_RCVMARK = 26, 33, 75
ETH_P_ALL, SIZE = 3, 1 << 17
VNET = 10
RAW_KINDS = {4: 0x0800, 6: 0x86DD}      # What a packet without Ethernet header is.


class Tap:
    """A tap: the underlay's wire, or a station behind a bridge.

    With `offloads` what comes out may be large or lack checksums, and says so; without,
    what goes in may be cut into fragments and goes through GRO.
    """

    def __init__(self, name, index, offloads):
        self.name, self.offloads = name, offloads
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        kind = IFF_VNET_HDR if offloads else IFF_NAPI | IFF_NAPI_FRAGS
        fcntl.ioctl(self.fd, TUNSETIFINDEX, struct.pack("=I", index))
        fcntl.ioctl(self.fd, TUNSETIFF,
                    struct.pack("=16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | kind))
        if offloads:
            fcntl.ioctl(self.fd, TUNSETOFFLOAD, OFFLOADS)

    def fileno(self):
        return self.fd

    def close(self):
        os.close(self.fd)

    def put(self, packet):
        """Has the link receive a packet."""
        if self.offloads:
            os.write(self.fd, packet.vnet + packet.octets)
            return
        pieces, at = [], 0
        for length in packet.cuts:
            pieces.append(packet.octets[at:at + length])
            at += length
        if at < len(packet.octets):
            pieces.append(packet.octets[at:])
        os.writev(self.fd, [piece for piece in pieces if piece] or [b""])

    def take(self):
        """The next packet that the link sent, and what it says about it."""
        octets = os.read(self.fd, SIZE)
        if self.offloads:
            return self.name, octets[:VNET].hex(), octets[VNET:]
        return self.name, "", octets


class Inside:
    """A packet socket for the tunnels of a namespace: sends as the stack would, sees what they receive.

    `watch` has it look at what goes out too, so that the driver gets clones. Links with an
    index below `first` are none of its business.
    """

    def __init__(self, first):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.setblocking(False)
        self.raw, self.mark, self.watching = set(), 0, None
        for option in (PACKET_AUXDATA, PACKET_VNET_HDR):
            self.sock.setsockopt(SOL_PACKET, option, 1)
        # Loads the index of the link, compares, takes all or nothing.
        lines = ((0x20, 0, 0, 0xFFFFF008), (0x35, 0, 1, first), (6, 0, 0, 0xFFFFFFFF), (6, 0, 0, 0))
        program = b"".join(struct.pack("=HBBI", *line) for line in lines)
        buffer = ctypes.create_string_buffer(program, len(program))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                             struct.pack("HL", len(lines), ctypes.addressof(buffer)))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVMARK, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.watch(False)

    def watch(self, outgoing):
        if outgoing != self.watching:
            self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, not outgoing)
            self.watching = outgoing

    def fileno(self):
        return self.sock.fileno()

    def close(self):
        self.sock.close()

    def put(self, packet):
        if packet.mark != self.mark:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, packet.mark)
            self.mark = packet.mark
        kind = 0
        if packet.port in self.raw:     # What has no Ethernet header says no protocol.
            kind = RAW_KINDS.get(packet.octets[0] >> 4 if packet.octets else 0, 0x0806)
        self.sock.sendto(packet.vnet + packet.octets, (packet.port, kind))

    def take(self):
        """The next frame that a device received, and what the kernel says about it."""
        octets, control, _, where = self.sock.recvmsg(SIZE, 256)
        if where[2] == socket.PACKET_OUTGOING:
            return None
        said = [f"vnet={octets[:VNET].hex()}", f"type={where[1]:#x}/{where[2]}/{where[3]}"]
        for level, kind, value in control:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, length, _, mac, net, tci, tpid = struct.unpack("=IIIHHHH", value)
                said.append(f"status={status:#x} len={length} net={net - mac} "
                            f"vlan={tpid:#x}/{tci:#x}")
            else:
                said.append(f"mark={int.from_bytes(value, 'little'):#x}")
        return where[0], " ".join(said), octets[VNET:]


class Beside:
    """A packet socket that only makes others get clones of what a wire receives."""

    def __init__(self, name):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setblocking(False)
        self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.sock.bind((name, ETH_P_ALL))

    def fileno(self):
        return self.sock.fileno()

    def close(self):
        self.sock.close()

    def take(self):
        self.sock.recv(1)


class Barrier:
    """Waits until this CPU has received what was sent to it before.

    Softirqs are done by a thread when there were many; what it still has to do comes
    before a datagram that is sent now.
    """

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.connect(self.sock.getsockname())
        self.sock.settimeout(30)

    def wait(self):
        self.sock.send(b"x")
        self.sock.recv(1)


def pin(cpu=0):
    """Keeps the process on one CPU, so that packets are received in the order they were sent."""
    os.sched_setaffinity(0, {cpu})
