# SPDX-License-Identifier: GPL-2.0
"""What ethtool tells of a VXLAN link: driver, settings, features."""

import pytest

DRIVER = {
    "driver": "vxlan", "version": "0.1", "firmware-version": "",
    "expansion-rom-version": "", "bus-info": "", "supports-statistics": "no",
    "supports-test": "no", "supports-eeprom-access": "no",
    "supports-register-dump": "no", "supports-priv-flags": "no",
}

# Every feature that is not "off [fixed]", as `ethtool -k` shows it.
FEATURES = {
    "rx-checksumming": "on", "tx-checksumming": "on",
    "tx-checksum-ip-generic": "on", "scatter-gather": "on",
    "tx-scatter-gather": "on", "tx-scatter-gather-fraglist": "on",
    "tcp-segmentation-offload": "on", "tx-tcp-segmentation": "on",
    "tx-tcp-ecn-segmentation": "on", "tx-tcp-mangleid-segmentation": "on",
    "tx-tcp6-segmentation": "on", "tx-tcp-accecn-segmentation": "on",
    "generic-segmentation-offload": "on", "generic-receive-offload": "on",
    "tx-gre-segmentation": "off", "tx-gre-csum-segmentation": "off",
    "tx-ipxip4-segmentation": "off", "tx-ipxip6-segmentation": "off",
    "tx-udp_tnl-segmentation": "off", "tx-udp_tnl-csum-segmentation": "off",
    "tx-gso-partial": "off", "tx-sctp-segmentation": "on",
    "tx-udp-segmentation": "on", "tx-gso-list": "on", "tx-nocache-copy": "off",
    "rx-gro-list": "off", "rx-udp-gro-forwarding": "off",
}


def features(host):
    lines = host.run("ethtool", "-k", "vx0").splitlines()[1:]
    shown = dict(line.strip().split(": ", 1) for line in lines)
    return {name: value for name, value in shown.items() if value != "off [fixed]"}


def test_driver(host):
    host.vxlan(up=False)
    lines = host.run("ethtool", "-i", "vx0").splitlines()
    assert {k: v.strip() for k, v in (line.split(":", 1) for line in lines)} == DRIVER


@pytest.mark.parametrize("dev", [None, "u0"])
def test_features(host, dev):
    """The whole list, with and without a lower device."""
    host.vxlan(dev=dev)
    assert features(host) == FEATURES


def test_changed_features(host):
    """Partial offloads may be switched on, and everything that is on switched off."""
    host.vxlan()
    for short, name, value in (
            ("tx-gso-partial", "tx-gso-partial", "on"),
            ("tx-udp_tnl-segmentation", "tx-udp_tnl-segmentation", "on"),
            ("rx", "rx-checksumming", "off"), ("gro", "generic-receive-offload", "off")):
        host.run("ethtool", "-K", "vx0", short, value)
        assert features(host)[name] == value


def settings(host, name):
    lines = host.run("ethtool", name).splitlines()[1:]
    return dict(line.strip().split(": ", 1) for line in lines if ": " in line)


def test_link_settings(host):
    """Speed, duplex and port are the lower device's; unknown where there is none."""
    host.vxlan("over", dev="u0", id=1)
    host.vxlan("free", id=2)
    over, lower, free = (settings(host, name) for name in ("over", "u0", "free"))
    for what in ("Speed", "Duplex", "Port"):
        assert over[what] == lower[what]
    assert (over["Speed"], over["Duplex"]) == ("10000Mb/s", "Full")
    assert (free["Speed"], free["Duplex"], free["Port"]) == (
        "Unknown!", "Unknown! (255)", "Other")
    assert over["Link detected"] == free["Link detected"] == "yes"
