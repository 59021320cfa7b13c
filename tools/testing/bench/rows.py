#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The rows of the table, in its order. Run, it prints the keys of those that are chosen."""

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What is measured, for which unit."""

    group: str
    title: str
    unit: str


ROWS = {
    "tx-v4-60": Row("transmit", "transmit, IPv4, 60 octets", "packet"),
    "tx-v4-1396": Row("transmit", "transmit, IPv4, 1396 octets", "packet"),
    "tx-v6-zero": Row("transmit", "transmit, IPv6, zero checksum", "packet"),
    "tx-v6-csum": Row("transmit", "transmit, IPv6, checksum", "packet"),
    "rx-v4": Row("receive", "receive, IPv4, no learning", "packet"),
    "rx-v6": Row("receive", "receive, IPv6, no learning", "packet"),
    "rx-known": Row("receive", "receive, learning, known source", "packet"),
    "rx-new": Row("receive", "receive, learning a new source", "packet"),
    "rx-metadata": Row("receive", "receive, metadata mode", "packet"),
    "rx-batches": Row("receive", "receive, NAPI batches, outer GRO", "packet"),
    "tx-1": Row("transmit-fdb", "transmit, 1 address in the table", "packet"),
    "tx-1k": Row("transmit-fdb", "transmit, 1,000 addresses at random", "packet"),
    "tx-100k": Row("transmit-fdb", "transmit, 100,000 addresses at random", "packet"),
    "tx-100k-16": Row("transmit-fdb", "the same, over 16 tunnel ends", "packet"),
    "tx-first": Row("transmit-fdb", "the same, first packet to each of 20,000", "packet"),
    "flood-1": Row("flood", "flood to 1 tunnel end", "copy"),
    "flood-10": Row("flood", "flood to 10", "copy"),
    "flood-100": Row("flood", "flood to 100", "copy"),
    "flood-1000": Row("flood", "flood to 1,000", "copy"),
    "append-2k": Row("fdb", "append a remote to 2,048", "remote"),
    "append-8k": Row("fdb", "append a remote to 8,192", "remote"),
    "fdb-add-1k": Row("fdb", "add to a table of 1,000", "entry"),
    "fdb-dump-1k": Row("fdb", "dump a table of 1,000", "entry"),
    "fdb-delete-1k": Row("fdb", "delete from a table of 1,000", "entry"),
    "fdb-flush-1k": Row("fdb", "flush a table of 1,000", "entry"),
    "fdb-add-10k": Row("fdb", "add to a table of 10,000", "entry"),
    "fdb-dump-10k": Row("fdb", "dump a table of 10,000", "entry"),
    "fdb-delete-10k": Row("fdb", "delete from a table of 10,000", "entry"),
    "fdb-flush-10k": Row("fdb", "flush a table of 10,000", "entry"),
    "fdb-add-100k": Row("fdb", "add to a table of 100,000", "entry"),
    "fdb-dump-100k": Row("fdb", "dump a table of 100,000", "entry"),
    "fdb-delete-100k": Row("fdb", "delete from a table of 100,000", "entry"),
    "fdb-flush-100k": Row("fdb", "flush a table of 100,000", "entry"),
    "ageing": Row("fdb", "expire 50,000 entries", "entry"),
    "memory-1": Row("memory", "memory, 1 possible CPU", "entry, octets"),
    "memory-64": Row("memory", "memory, 64 possible CPUs", "entry, octets"),
    "create-1k": Row("devices", "create a device where 1,000 are", "device"),
    "rx-1k-vnis": Row("devices", "receive, 1,000 VNIs on the port", "packet"),
    "tcp-tso-plain": Row("tcp", "TCP without VXLAN, TSO", "octet"),
    "tcp-tso": Row("tcp", "TCP, TSO", "octet"),
    "tcp-plain": Row("tcp", "TCP without VXLAN, MTU packets, GRO", "octet"),
    "tcp-outer-gro": Row("tcp", "TCP, MTU packets, outer GRO", "octet"),
    "tcp-cells": Row("tcp", "TCP, MTU packets, GRO cells only", "octet"),
    "tcp-no-gro": Row("tcp", "TCP, MTU packets, no GRO", "octet"),
}
GROUPS = list(dict.fromkeys(row.group for row in ROWS.values()))


def chosen(names):
    """Keys of the rows that have one of the names as key or group, in order."""
    if names == ["all"]:
        return list(ROWS)
    for name in names:
        if name not in ROWS and name not in GROUPS:
            raise SystemExit(f"bench: no group or row \"{name}\" (groups: {' '.join(GROUPS)}; "
                             "tools/bench --list has the rows)")
    return [key for key, row in ROWS.items() if key in names or row.group in names]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="?", default="all")
    args = parser.parse_args()
    keys = chosen(args.names.split(","))
    if args.list:
        for key in keys:
            print(f"{ROWS[key].group:12} {key:20} {ROWS[key].title}, for each {ROWS[key].unit}")
    else:
        print(",".join(keys))


if __name__ == "__main__":
    main()
