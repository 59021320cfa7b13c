# SPDX-License-Identifier: GPL-2.0
"""FRR with EVPN: zebra reads the device and fills its forwarding table from BGP.

The daemons take long to start on an emulated machine, so one test sees all of it.
"""

import contextlib

import pytest

from lib.frr import Frr
from lib.wait import wait_for

REMOTE_MAC = "02:00:00:00:11:01"
ZERO_MAC = "00:00:00:00:00:00"
PATIENCE = 40       # BGP meets in a second or two, on a machine that has time.

CONFIG = """
hostname {name}
router bgp 65000
 bgp router-id {ip}
 no bgp default ipv4-unicast
 neighbor {peer} remote-as 65000
 neighbor {peer} timers 1 6
 neighbor {peer} timers connect 1
 address-family l2vpn evpn
  neighbor {peer} activate
  advertise-all-vni
 exit-address-family
exit
"""


@pytest.fixture
def routers(pair):
    """Two VTEPs as EVPN wants them: vx100 and an Ethernet link d0 under a bridge."""
    with contextlib.ExitStack() as stack:
        daemons = []
        for name, host, peer in zip("ab", pair, reversed(pair)):
            host.link_add("br0", "bridge")
            host.link_set("br0", up=True)
            host.vxlan("vx100", id=100, local=host.ip, learning=0)
            host.link_add("d0", "dummy")
            for port in ("vx100", "d0"):
                host.run("ip", "link", "set", port, "up", "master", "br0")
            config = CONFIG.format(name=name, ip=host.ip, peer=peer.ip)
            daemons.append(stack.enter_context(Frr(host, config)))
        yield daemons


def entries(host):
    """What `bridge fdb` shows of the device's own table."""
    shown = host.json("bridge", "-j", "fdb", "show", "dev", "vx100")
    return sorted((entry for entry in shown if "self" in entry["flags"]), key=lambda e: e["mac"])


def await_entries(router, want):
    wait_for(lambda: entries(router.ns) == want,
             lambda: f"entries {want}: {entries(router.ns)}\n{router.log('zebra')[-3000:]}",
             timeout=PATIENCE, pause=0.2)


def flood_to(address):
    return {"mac": ZERO_MAC, "dst": address, "flags": ["self"], "state": "permanent"}


def learned_from(address):
    return {"mac": REMOTE_MAC, "dst": address, "flags": ["self", "extern_learn"], "state": ""}


def zebra_sees_the_device(a, b):
    vni = a.show("evpn vni 100")
    assert {key: vni[key] for key in ("vni", "type", "vxlanInterface", "vtepIp", "sviInterface",
                                      "mcastGroup", "remoteVteps")} == {
        "vni": 100, "type": "L2", "vxlanInterface": "vx100", "vtepIp": a.ns.ip,
        "sviInterface": "br0", "mcastGroup": "0.0.0.0",
        "remoteVteps": [{"ip": b.ns.ip, "flood": "HER"}]}
    link = a.show("interface vx100")["vx100"]
    assert {key: link[key] for key in ("interfaceType", "interfaceSlaveType", "vtepIp", "vxlanId",
                                       "masterInterface", "operationalStatus", "mtu")} == {
        "interfaceType": "Vxlan", "interfaceSlaveType": "Bridge", "vtepIp": a.ns.ip,
        "vxlanId": 100, "masterInterface": "br0", "operationalStatus": "up", "mtu": 1500}


def entries_come_and_go_with_routes(a, b):
    a.ns.run("bridge", "fdb", "add", REMOTE_MAC, "dev", "d0", "master", "static")
    await_entries(b, [flood_to(a.ns.ip), learned_from(a.ns.ip)])
    assert b.show("evpn mac vni 100")["macs"][REMOTE_MAC]["remoteVtep"] == a.ns.ip
    a.ns.run("bridge", "fdb", "del", REMOTE_MAC, "dev", "d0", "master")
    await_entries(b, [flood_to(a.ns.ip)])


def zebra_follows_a_change_of_the_device(a, b):
    """A new local address: the other VTEP floods there."""
    a.ns.address("lo", "10.0.0.77", 32)
    a.ns.vxlan_change("vx100", local="10.0.0.77")
    await_entries(b, [flood_to("10.0.0.77")])
    assert a.show("evpn vni 100")["vtepIp"] == "10.0.0.77"


def test_evpn(routers):
    a, b = routers
    await_entries(a, [flood_to(b.ns.ip)])
    await_entries(b, [flood_to(a.ns.ip)])
    zebra_sees_the_device(a, b)
    entries_come_and_go_with_routes(a, b)
    zebra_follows_a_change_of_the_device(a, b)
    a.stop("bgpd")
    await_entries(b, [])
    assert entries(a.ns) == []
