# SPDX-License-Identifier: GPL-2.0
"""Devices that systemd-networkd makes from its files, keeps and changes."""

import pytest

from lib.networkd import Networkd
from lib.wait import wait_for

ALONE = ("Independent=yes",)            # All others are stacked on u0.

DEVICES = {
    "plain": ("VNI=10", *ALONE),
    "unicast": ("VNI=11", "Remote=10.0.0.2", "Local=10.0.0.1", "DestinationPort=4789", "TTL=64",
                "TOS=16", "UDPChecksum=yes", *ALONE),
    "flood": ("VNI=12", "Group=239.1.1.1", "DestinationPort=4789", "TTL=inherit",
              "MacLearning=no", "FDBAgeingSec=2min", "MaximumFDBEntries=1000",
              "PortRange=20000-30000"),
    "helpful": ("VNI=13", "DestinationPort=4789", "ReduceARPProxy=yes", "L2MissNotification=yes",
                "L3MissNotification=yes", "RouteShortCircuit=yes", "IPDoNotFragment=yes", *ALONE),
    "rco": ("VNI=14", "DestinationPort=4791", "RemoteChecksumTx=yes", "RemoteChecksumRx=yes",
            *ALONE),
    "gbp": ("VNI=15", "DestinationPort=4793", "GroupPolicyExtension=yes", *ALONE),
    "six": ("VNI=17", "Remote=fd00::2", "Local=fd00::1", "DestinationPort=4789",
            "UDP6ZeroChecksumTx=yes", "UDP6ZeroChecksumRx=yes", "FlowLabel=74565",
            "IPDoNotFragment=inherit", *ALONE),
    "flood6": ("VNI=18", "Group=ff05::100", "DestinationPort=4795", "TTL=16"),
}

# What `ip -d -j link` says of every one of them, unless EXPECTED says otherwise.
COMMON = {
    "port_range": {"low": 0, "high": 0}, "port": 4789, "ttl": 0, "df": "unset", "ageing": 300,
    # networkd names the checksum offload attributes always, which frees their bits.
    "reserved_bits": "0xf7dfffff00000000",
    "external": False, "learning": True, "proxy": False, "rsc": False, "l2miss": False,
    "l3miss": False, "udp_csum": False, "udp_zero_csum6_tx": False, "udp_zero_csum6_rx": False,
    "remcsum_tx": False, "remcsum_rx": False, "localbypass": True,
}
EXPECTED = {
    "plain": {"id": 10, "port": 8472},
    "unicast": {"id": 11, "remote": "10.0.0.2", "local": "10.0.0.1", "tos": "0x10", "ttl": 64,
                "udp_csum": True},
    "flood": {"id": 12, "group": "239.1.1.1", "link": "u0", "learning": False, "ageing": 120,
              "limit": 1000, "port_range": {"low": 20000, "high": 30000}, "ttl": None},
    "helpful": {"id": 13, "proxy": True, "rsc": True, "l2miss": True, "l3miss": True, "df": "set"},
    "rco": {"id": 14, "port": 4791, "remcsum_tx": True, "remcsum_rx": True},
    "gbp": {"id": 15, "port": 4793, "gbp": None, "reserved_bits": "0x7700000000000000"},
    "six": {"id": 17, "remote6": "fd00::2", "local6": "fd00::1", "label": "0x12345",
            "udp_zero_csum6_tx": True, "udp_zero_csum6_rx": True, "df": "inherit"},
    "flood6": {"id": 18, "group6": "ff05::100", "link": "u0", "port": 4795, "ttl": 16},
}
# A change names neither the offload nor the policy, so their bits are reserved again.
CHANGED = {"reserved_bits": "0xf7ffffff000000ff"}


def expected(name, **more):
    """info_data of a device; a ttl of None is not shown at all."""
    data = {**COMMON, **EXPECTED[name], **more}
    if data["ttl"] is None:
        del data["ttl"]
    return data


def links(host):
    """{name: what ip shows of the link}, VXLAN devices only."""
    return {link["ifname"]: link for link in host.json("ip", "-d", "-j", "link")
            if link.get("linkinfo", {}).get("info_kind") == "vxlan"}


def info(host):
    return {name: link["linkinfo"]["info_data"] for name, link in links(host).items()}


def write_device(networkd, name, options, number=0):
    networkd.write(f"{name}.netdev", [
        ("NetDev", [f"Name={name}", "Kind=vxlan", f"MACAddress=02:00:00:00:01:{number:02x}"]),
        ("VXLAN", options)])
    networkd.write(f"{name}.network", [("Match", [f"Name={name}"]),
                                       ("Network", ["LinkLocalAddressing=no"])])


def write_lower(networkd, *stacked):
    """u0 keeps its addresses and carries the stacked devices."""
    networkd.write("u0.network", [
        ("Match", ["Name=u0"]),
        ("Network", ["LinkLocalAddressing=no", "Address=10.0.0.1/24", "Address=fd00::1/64",
                     *(f"VXLAN={name}" for name in stacked)])])


@pytest.fixture
def networkd(host):
    for name in ("all", "default", "u0"):
        host.ipv6(name)
    with Networkd(host) as daemon:
        yield daemon


def test_files_make_devices_and_a_restart_keeps_them(host, networkd):
    write_lower(networkd, "flood", "flood6")
    for number, (name, options) in enumerate(DEVICES.items(), 1):
        write_device(networkd, name, options, number)
    networkd.start()
    networkd.await_configured("u0", *DEVICES)
    assert info(host) == {name: expected(name) for name in DEVICES}
    made = links(host)
    for number, name in enumerate(DEVICES, 1):
        assert made[name]["address"] == f"02:00:00:00:01:{number:02x}"
        assert made[name]["flags"] == ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"]
    assert {name: link["mtu"] for name, link in made.items() if link["mtu"] != 1500} == {
        "flood": 1450, "flood6": 1430}

    networkd.stop()
    networkd.start()
    networkd.await_configured("u0", *DEVICES)
    # networkd tells the kernel all that may change, though nothing did.
    assert info(host) == {name: expected(name, **CHANGED) for name in DEVICES}
    identity = [(name, link["ifindex"], link["address"], link["mtu"], link["flags"])
                for name, link in made.items()]
    assert [(name, link["ifindex"], link["address"], link["mtu"], link["flags"])
            for name, link in links(host).items()] == identity
    assert "Failed to create netdev" not in networkd.log()


def test_reload_changes_a_device(host, networkd):
    write_lower(networkd)
    write_device(networkd, "unicast", DEVICES["unicast"])
    networkd.start()
    networkd.await_configured("u0", "unicast")
    index = links(host)["unicast"]["ifindex"]
    networkd.ctl("reload")
    assert info(host)["unicast"] == expected("unicast")

    write_device(networkd, "unicast", (
        "VNI=11", "Remote=10.0.0.3", "Local=10.0.0.1", "DestinationPort=4789", "TTL=5", "TOS=32",
        "UDPChecksum=yes", "FDBAgeingSec=60", "IPDoNotFragment=yes", *ALONE))
    networkd.ctl("reload")
    want = expected("unicast", remote="10.0.0.3", ttl=5, tos="0x20", ageing=60, df="set",
                    **CHANGED)
    wait_for(lambda: info(host)["unicast"] == want, lambda: f"change: {info(host)}")
    assert links(host)["unicast"]["ifindex"] == index
    assert host.fdb("unicast") == {"00:00:00:00:00:00": ["10.0.0.3"]}


def test_forwarding_entries_from_a_file(host, networkd):
    write_lower(networkd)
    write_device(networkd, "unicast", DEVICES["unicast"])
    networkd.write("unicast.network", [
        ("Match", ["Name=unicast"]), ("Network", ["LinkLocalAddressing=no"]),
        ("BridgeFDB", ["MACAddress=02:00:00:00:aa:01", "Destination=10.0.0.9", "VNI=77",
                       "AssociatedWith=self"]),
        ("BridgeFDB", ["MACAddress=02:00:00:00:aa:02", "Destination=10.0.0.8",
                       "AssociatedWith=self", "OutgoingInterface=u0"])])
    networkd.start()
    networkd.await_configured("u0", "unicast")
    entries = host.json("bridge", "-j", "fdb", "show", "dev", "unicast")
    kind = {"flags": ["self"], "state": "permanent"}
    assert sorted(entries, key=lambda entry: entry["mac"]) == [
        {"mac": "00:00:00:00:00:00", "dst": "10.0.0.2", **kind},
        {"mac": "02:00:00:00:aa:01", "dst": "10.0.0.9", "vni": 77, **kind},
        {"mac": "02:00:00:00:aa:02", "dst": "10.0.0.8", "viaIf": "u0", **kind}]


def test_networkctl_status(host, networkd):
    write_lower(networkd, "flood")
    write_device(networkd, "flood", DEVICES["flood"])
    networkd.start()
    networkd.await_configured("u0", "flood")
    lines = [line.strip() for line in networkd.ctl("status", "flood").splitlines()]
    for line in ("Kind: vxlan", "VNI: 12", "Group: 239.1.1.1", "Destination Port: 4789",
                 "Underlying Device: u0", "Learning: no", "MTU: 1450 (min: 68, max: 65535)"):
        assert line in lines, lines
