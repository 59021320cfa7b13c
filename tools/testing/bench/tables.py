# SPDX-License-Identifier: GPL-2.0
"""The forwarding table: adding, dumping, deleting, flushing, ageing, appending, and memory."""

import socket
import struct
import time

import messages
from lib import rtnl
from lib import uapi as u
from lib.host import APPEND, DYNAMIC, ZERO_MAC
from meter import Value, least
from world import lone

AGE = 20        # Seconds of the guest, which cost nothing while it waits.


def dump(end, sock, buffer):
    """Read the whole table; how many octets of answers there were."""
    header = struct.pack("=BxHiII", u.AF_BRIDGE, 0, end.index("vx0"), 0, 0)
    sock.send(struct.pack("=IHHII", 16 + len(header), u.RTM_GETNEIGH, u.NLM_F_REQUEST | u.NLM_F_DUMP, 0, 0)
              + header)
    entries = 0
    while True:
        size = sock.recv_into(buffer)
        for kind, _flags, _seq, _payload in rtnl.split(memoryview(buffer)[:size]):
            if kind == u.NLMSG_DONE:
                return entries
            entries += 1


def table(meter, count):
    """For a table of that many entries, per entry: add, dump, delete a half, flush the other."""
    with lone() as end:
        end.vxlan()
        sock, buffer = end.nl.sock, bytearray(1 << 16)
        entries = messages.additions(end, count)
        removals = messages.removals(end, count // 2)
        add = meter.once(messages.send, sock, entries)
        messages.quiet(sock)
        there = dump(end, sock, buffer)
        assert there == count, f"{there} entries in place of {count}"
        dumped = least(meter.once(dump, end, sock, buffer) for _ in range(2))
        delete = meter.once(messages.send, sock, removals)
        messages.quiet(sock)
        flush = meter.once(end.fdb_flush)
        left = dump(end, sock, buffer)
        assert left == 0, f"{left} entries left"
    return add / count, dumped / count, delete / (count // 2), flush / (count - count // 2)


def append(meter, present):
    """Per remote that is appended where that many are."""
    few = 32
    with lone() as end:
        end.vxlan()
        sock = end.nl.sock
        buffers = messages.batches(
            end, u.RTM_NEWNEIGH, APPEND, messages.PERMANENT,
            [(rtnl.mac(ZERO_MAC), socket.inet_aton(end.address_of(2 + i))) for i in range(present + few)])
        messages.send(sock, buffers[:present // messages.BATCH])
        messages.quiet(sock)
        cost = meter.once(messages.send, sock, buffers[present // messages.BATCH:])
        messages.quiet(sock)
        assert len(end.fdb_dump()) == present // messages.BATCH * messages.BATCH + few
        yield cost / few


def ageing(meter, count):
    """Per entry that expires, of that many that were added as if learned, one after the other."""
    with lone() as end:
        end.vxlan(ageing=AGE)
        messages.fill(end, count, state=DYNAMIC)
        there = len(end.fdb_dump())
        assert there == count, f"{there} entries in place of {count}"
        cost = meter.once(time.sleep, 3 * AGE)
        left = len(end.fdb_dump())
        assert left == 0, f"{left} entries did not expire"
        yield cost / count


def memory(_meter, count):
    """Octets per entry, of all memory that a driver could allocate them from."""
    with lone() as end:
        end.vxlan()
        buffers = messages.additions(end, count)
        before = used()
        messages.send(end.nl.sock, buffers)
        messages.quiet(end.nl.sock)
        yield Value((used() - before) / count)


def used():
    with open("/proc/meminfo", encoding="ascii") as stream:
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in stream}
    return sizes["Slab:"] + sizes["Percpu:"] + sizes["VmallocUsed:"]


def rows_of(count):
    return tuple(f"fdb-{what}-{count // 1000}k" for what in ("add", "dump", "delete", "flush"))


SCENES = [
    *((rows_of(count), lambda meter, count=count: table(meter, count)) for count in (1000, 10_000, 100_000)),
    (("append-2k",), lambda meter: append(meter, 2048)),
    (("append-8k",), lambda meter: append(meter, 8192)),
    (("ageing",), lambda meter: ageing(meter, 50_000)),
    (("memory-1",), lambda meter: memory(meter, 50_000)),
    (("memory-64",), lambda meter: memory(meter, 20_000)),
]
