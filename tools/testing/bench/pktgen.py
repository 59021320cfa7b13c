# SPDX-License-Identifier: GPL-2.0
"""The kernel's packet generator, as a source of transmits that cost little themselves."""

import re
import subprocess

from meter import least

ROOT = "/proc/net/pktgen"
THREAD = "kpktgend_0"
RUNS = 3


def write(file, *commands):
    for command in commands:
        with open(f"{ROOT}/{file}", "w", encoding="ascii") as stream:
            stream.write(command)


def load():
    subprocess.run(["modprobe", "pktgen"], check=True)


def prepare(device, packets, size, dst_mac, *options):
    write(THREAD, "rem_device_all", f"add_device {device}")
    write(device, f"count {packets}", f"pkt_size {size}", "delay 0", "clone_skb 0",
          "xmit_mode start_xmit", "src_mac 02:00:00:00:00:01", f"dst_mac {dst_mac}",
          "src_min 198.51.100.1", "src_max 198.51.100.1", "dst 198.51.100.2", *options)


def start():
    write("pgctrl", "start")


def finish(device, packets):
    """See that all were sent."""
    with open(f"{ROOT}/{device}", encoding="ascii") as stream:
        result = stream.read()
    write(THREAD, "rem_device_all")
    sent = re.search(r"pkts-sofar: (\d+)\s+errors: 0$", result, re.MULTILINE)
    if not sent or int(sent.group(1)) != packets:
        raise SystemExit(f"bench: pktgen did not send {packets} packets:\n{result}")


def cost(meter, device, packets, size, dst_mac, *options):
    """Per packet; what starting and stopping cost is in both kinds of run and goes."""
    few, many = counts(packets)
    return (_runs(meter, device, many, size, dst_mac, *options)
            - _runs(meter, device, few, size, dst_mac, *options)) / packets


def _runs(meter, device, packets, *options):
    def again():
        prepare(device, packets, *options)
        cost = meter.once(start)
        finish(device, packets)
        return cost
    return least(again() for _ in range(RUNS))


def counts(packets):
    """How many packets the two kinds of run of cost() send."""
    return packets // 4, packets + packets // 4


def sent(packets):
    """How many packets cost() sends in all."""
    return RUNS * sum(counts(packets))
