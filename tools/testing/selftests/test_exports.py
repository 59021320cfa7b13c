# SPDX-License-Identifier: GPL-2.0
"""What other drivers use: the exported functions, and the start of the private data.

Needs vxlan_probe.ko in the VM; see tools/testing/module.
"""

import errno
import os
import re

import pytest

from lib import packets, rtnl
from lib import uapi as u
from lib.host import APPEND, ZERO_MAC
from lib.uapi import IFLA

STATION, OTHER = "02:00:00:00:aa:01", "02:00:00:00:aa:02"
HERE6, THERE6 = "fd00::1", "fd00::2"


def entry(mac, ip, **fields):
    """An entry as switchdev_notifier_vxlan_fdb_info has it."""
    return {"dev": "vx0", "mac": mac, "vni": 10, "ip": ip, "port": 4789,
            "remote_vni": 10, "ifindex": 0, "offloaded": 0, "user": 1, "extack": 0,
            "err": 0, **fields}


def results(probe):
    """What the exports gave; where there is switchdev its events are in the log too."""
    return [(what, fields) for what, fields in probe.entries()
            if what in ("found", "replayed")]


def fails(code):
    """The block raises this errno."""
    return pytest.raises(OSError, match=re.escape(os.strerror(code)))


# -- vxlan_fdb_find_uc ---------------------------------------------------------------

def test_find(host, probe):
    host.vxlan()
    host.fdb_add(STATION, "10.0.0.2")
    probe.run(host, "find", "vx0", STATION, 10)
    assert results(probe) == [("found", entry(STATION, "10.0.0.2"))]


def test_find_every_field(host, probe):
    host.vxlan()
    host.fdb_add(STATION, "10.0.0.9", port=5555, vni=77, via=host.index("u0"))
    probe.run(host, "find", "vx0", STATION, 10)
    assert results(probe) == [("found", entry(
        STATION, "10.0.0.9", port=5555, remote_vni=77, ifindex=host.index("u0")))]


def test_find_ipv6(host, probe):
    host.vxlan(local=HERE6)
    host.fdb_add(STATION, THERE6)
    probe.run(host, "find", "vx0", STATION, 10)
    assert results(probe) == [("found", entry(STATION, THERE6))]


def test_find_a_learned_station(pair, probe):
    a, b = pair
    b.vxlan()
    wire, inside = a.tap("u0"), b.tap("vx0")
    frame = packets.inner(b.mac("vx0"), STATION)
    wire.send(packets.outer(a, packets.vxlan(10, frame)))
    assert inside.one() == frame
    probe.run(b, "find", "vx0", STATION, 10)
    assert results(probe) == [("found", entry(STATION, a.ip, user=0))]


def test_find_takes_the_vni_of_the_device(host, probe):
    """Only in metadata mode do entries have a VNI of their own to be asked for."""
    host.vxlan()
    host.fdb_add(STATION, "10.0.0.2")
    probe.run(host, "find", "vx0", STATION, 999)
    assert results(probe) == [("found", entry(STATION, "10.0.0.2"))]


def test_find_refuses(host, probe):
    host.vxlan(remote="10.0.0.2")
    for mac, code in ((STATION, errno.ENOENT), (ZERO_MAC, errno.EINVAL),
                      ("ff:ff:ff:ff:ff:ff", errno.EINVAL),
                      ("01:00:5e:00:00:01", errno.EINVAL)):
        with fails(code):
            probe.run(host, "find", "vx0", mac, 10)
    assert results(probe) == []


# -- vxlan_fdb_replay ----------------------------------------------------------------

def test_replay(host, probe):
    """Each destination of each entry, the newest entry first."""
    host.vxlan(remote="10.0.0.2")
    host.fdb_add(STATION, "10.0.0.8", port=5555, vni=77, via=host.index("u0"))
    host.fdb_add(OTHER, "10.0.0.9", state=u.NUD_REACHABLE)
    host.fdb_add(ZERO_MAC, "10.0.0.3", how=APPEND)
    probe.run(host, "replay", "vx0", 10)
    assert results(probe) == [("replayed", entry(mac, ip, extack=1, **more))
                               for mac, ip, more in (
        (OTHER, "10.0.0.9", {}),
        (STATION, "10.0.0.8", {"port": 5555, "remote_vni": 77,
                               "ifindex": host.index("u0")}),
        (ZERO_MAC, "10.0.0.2", {}),
        (ZERO_MAC, "10.0.0.3", {}))]


def test_replay_of_another_vni(host, probe):
    host.vxlan(remote="10.0.0.2")
    probe.run(host, "replay", "vx0", 11)
    assert results(probe) == []


def test_replay_stops_at_a_refusal(host, probe):
    host.vxlan()
    for number in range(5):
        host.fdb_add(f"02:00:00:00:bb:{number:02x}", "10.0.0.2")
    probe.veto(errno.EXFULL, after=2)
    with fails(errno.EXFULL):
        probe.run(host, "replay", "vx0", 10)
    assert [(what, fields["err"]) for what, fields in results(probe)] == [
        ("replayed", 0), ("replayed", 0), ("replayed", -errno.EXFULL)]
    assert probe.lines()[-1] == "ack vxlan_probe takes no more"
    assert len(host.fdb()) == 5


def test_replay_of_many(host, probe):
    """Every entry once, however the table is laid out."""
    host.vxlan()
    macs = [f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}" for n in range(700)]
    for mac in macs:
        host.fdb_add(mac, "10.0.0.2")
    probe.run(host, "replay", "vx0", 10)
    assert [fields["mac"] for _, fields in results(probe)] == macs[::-1]


def test_replay_of_another_kind(host, probe):
    with fails(errno.EINVAL):
        probe.run(host, "replay", "u0", 10)
    probe.run(host, "unmark", "u0", 10)


# -- The start of the private data ---------------------------------------------------

DEFAULT_PREFIX = {
    "self": 1, "default_dst.remote_ip": "0.0.0.0", "default_dst.remote_vni": 10,
    "default_dst.remote_ifindex": 0,
    "remote_ip": "0.0.0.0", "saddr": "0.0.0.0", "vni": 10, "remote_ifindex": 0, "mtu": 0,
    "dst_port": 4789, "port_min": 0, "port_max": 0, "tos": 0, "ttl": 0, "label": "0x0",
    "label_policy": 0, "flags": "0x80001", "age_interval": 300, "addrmax": 0,
    "no_share": 0, "df": 0, "reserved_bits": "0xf7ffffff000000ff",
}


def prefix(probe, host):
    found = probe.prefix(host)
    found.pop("net")
    return found


def test_prefix_of_a_default_device(host, probe):
    host.vxlan(up=False)
    assert prefix(probe, host) == DEFAULT_PREFIX


def test_prefix_of_a_full_device(host, probe):
    host.vxlan(up=False, attrs=[(IFLA.MTU, rtnl.u32(1300))], id=0x123456,
               remote="10.0.0.2", local="10.0.0.1", dev="u0", port=4444, srcport=(5, 6),
               tos=8, ttl=9, learning=0, ageing=11, limit=12, df=1, udp_csum=0,
               ttl_inherit=True, localbypass=0, gbp=True, remcsum_tx=1, remcsum_rx=1,
               nopartial=True, proxy=1, rsc=1, l2miss=1, l3miss=1, mcroute=1)
    assert prefix(probe, host) == {
        **DEFAULT_PREFIX, "default_dst.remote_ip": "10.0.0.2",
        "default_dst.remote_vni": 0x123456,
        "default_dst.remote_ifindex": host.index("u0"), "remote_ip": "10.0.0.2",
        "saddr": "10.0.0.1", "vni": 0x123456, "remote_ifindex": host.index("u0"),
        "mtu": 1300, "dst_port": 4444, "port_min": 5, "port_max": 6, "tos": 8, "ttl": 9,
        "flags": "0x111e5e", "age_interval": 11, "addrmax": 12, "df": 1,
        "reserved_bits": "0x7700000000000000"}


def test_prefix_of_an_ipv6_device(host, probe):
    host.ipv6("u0")
    host.vxlan(up=False, remote="fe80::2", local="fe80::1", dev="u0", label=0x12345,
               label_policy=1, zero_csum6_tx=1, zero_csum6_rx=1)
    assert prefix(probe, host) == {
        **DEFAULT_PREFIX, "default_dst.remote_ip": "fe80::2",
        "default_dst.remote_ifindex": host.index("u0"),
        "remote_ip": "fe80::2", "saddr": "fe80::1", "remote_ifindex": host.index("u0"),
        "label": "0x12345", "label_policy": 1, "flags": "0x881a1"}


@pytest.mark.parametrize("options, flags, saddr", [
    ({"external": 1}, "0x82001", "0.0.0.0"),
    ({"external": 1, "gpe": True, "learning": 0}, "0x86000", "0.0.0.0"),
    ({"remote": THERE6}, "0x80021", "::"),
], ids=["external", "gpe", "ipv6"])
def test_prefix_of_kinds(host, probe, options, flags, saddr):
    host.vxlan(up=False, **options)
    found = probe.prefix(host)
    assert (found["flags"], found["saddr"]) == (flags, saddr)


def test_prefix_follows_changes(host, probe):
    host.vxlan(dev="u0", remote="10.0.0.2")
    first = prefix(probe, host)
    host.vxlan_change(ttl=3, tos=4, learning=0, ageing=5, df=2, localbypass=0,
                      local="10.0.0.1", remote="10.0.0.3", dev="u0peer", mcroute=1)
    peer = host.index("u0peer")
    assert prefix(probe, host) == {
        **first, "ttl": 3, "tos": 4, "flags": "0x100000", "age_interval": 5, "df": 2,
        "saddr": "10.0.0.1", "remote_ip": "10.0.0.3", "remote_ifindex": peer,
        "default_dst.remote_ip": "10.0.0.3", "default_dst.remote_ifindex": peer}


def test_prefix_after_a_refused_change(host, probe):
    host.vxlan(dev="u0", remote="10.0.0.2")
    first = probe.prefix(host)
    with pytest.raises(OSError):
        host.vxlan_change(ttl=3, remote="10.0.0.3", dev="vx0")
    assert probe.prefix(host) == first


def test_prefix_has_the_namespace_of_the_underlay(hosts, pair, probe):
    a, _ = pair
    guest = hosts("guest")
    a.vxlan(up=False)
    a.link_set("vx0", attrs=[(IFLA.NET_NS_FD, rtnl.u32(guest.fd))])
    inode = os.fstat(a.fd).st_ino
    assert probe.prefix(guest)["net"] == inode
