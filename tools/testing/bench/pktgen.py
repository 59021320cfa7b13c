# SPDX-License-Identifier: GPL-2.0
"""The kernel's packet generator, as a source of transmits that cost little themselves."""

import re
import subprocess

ROOT = "/proc/net/pktgen"
THREAD = "kpktgend_0"
RUNS = 3


def write(file, *commands):
    for command in commands:
        with open(f"{ROOT}/{file}", "w", encoding="ascii") as stream:
            stream.write(command)


def load():
    subprocess.run(["modprobe", "pktgen"], check=True)


def transmit(device, packets, size, dst_mac, *options):
    """Send packets by a device; nanoseconds from the first to the last."""
    write(THREAD, "rem_device_all", f"add_device {device}")
    write(device, f"count {packets}", f"pkt_size {size}", "delay 0", "clone_skb 0",
          "xmit_mode start_xmit", "src_mac 02:00:00:00:00:01", f"dst_mac {dst_mac}",
          "src_min 198.51.100.1", "src_max 198.51.100.1", "dst 198.51.100.2", *options)
    write("pgctrl", "start")
    with open(f"{ROOT}/{device}", encoding="ascii") as stream:
        result = stream.read()
    write(THREAD, "rem_device_all")
    sent = int(re.search(r"pkts-sofar: (\d+)\s+errors: 0$", result, re.MULTILINE).group(1))
    if sent != packets:
        raise SystemExit(f"bench: pktgen sent {sent} packets, not {packets}:\n{result}")
    return 1000 * int(re.search(r"^Result: OK: (\d+)\(", result, re.MULTILINE).group(1))


def cost(meter, device, packets, size, dst_mac, *options):
    """Instructions per packet; what starting and stopping cost is in both runs and goes.

    The least of a few runs, as what else the guest has to do only ever adds.
    """
    few, many = (min(transmit(device, count, size, dst_mac, *options) for _ in range(RUNS))
                 for count in counts(packets))
    return (many - few) * meter.per_ns / packets


def counts(packets):
    """How many packets the two runs of cost() send."""
    return packets // 4, packets + packets // 4
