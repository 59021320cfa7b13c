# SPDX-License-Identifier: GPL-2.0
"""Fixtures of the VM tests: who drives, fresh namespaces, a clean kernel log."""

import contextlib
import os
import subprocess

import pytest

from lib.host import Host
from lib.kernel_log import KernelLog
from lib.probe import Probe
from lib.rtnl import NetlinkError, encode, mac, text
from lib.uapi import IFLA
from lib.wait import wait_for

MODULE = "/sys/module/vxlan"


def pytest_addoption(parser):
    parser.addoption("--driver", choices=("ours", "stock"), default="stock",
                     help="which vxlan.ko the VM has")
    parser.addoption("--probe", action="store_true",
                     help="vxlan_probe.ko must be there for the tests that need it")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "ours_only(reason): a thing that ours does better on purpose")


def pytest_collection_modifyitems(config, items):
    """Module tests reload the module, so they come last."""
    items.sort(key=lambda item: item.path.name == "test_module.py")
    if config.getoption("driver") == "ours":
        return
    for item in items:
        for mark in item.iter_markers("ours_only"):
            item.add_marker(pytest.mark.skip(reason=mark.kwargs["reason"]))


@pytest.fixture(scope="session")
def driver(pytestconfig):
    """The driver under test, loaded, and seen to be the one that was asked for."""
    wanted = pytestconfig.getoption("driver")
    if not os.path.isdir(MODULE):
        subprocess.run(["modprobe", "vxlan", "udp_port=4789"], check=True)
    taint = ""
    if os.path.exists(f"{MODULE}/taint"):
        with open(f"{MODULE}/taint", encoding="ascii") as stream:
            taint = stream.read()
    assert ("O" in taint) == (wanted == "ours"), f"loaded vxlan.ko has taint {taint!r}"
    return wanted


@pytest.fixture(autouse=True)
def kernel_log():
    log = KernelLog()
    yield log
    bad = log.trouble()
    log.close()
    assert not bad, "the kernel complained:\n" + "\n".join(log.lines)


@pytest.fixture
def probe(driver, pytestconfig):
    """vxlan_probe.ko, loaded for one test, with an empty log."""
    if not Probe.there():
        assert not pytestconfig.getoption("probe"), "no vxlan_probe.ko in the VM"
        pytest.skip("vxlan_probe.ko is not in this VM (tools/vm --file)")
    loaded = Probe()
    yield loaded
    loaded.close()


@contextlib.contextmanager
def _fresh_hosts():
    """Make namespaces; afterwards they must give back every device and socket."""
    made = []

    def make(name):
        made.append(Host(name))
        return made[-1]

    yield make
    alive = [host for host in made if host.fd >= 0]
    for host in alive:
        host.clear()
    leaks = {host.name: (host.links(), host.udp_ports(), host.udp6_ports())
             for host in alive
             if host.links() or host.udp_ports() or host.udp6_ports()}
    for host in made:
        host.close()
    assert not leaks, f"left behind: {leaks}"


@pytest.fixture
def hosts(driver, kernel_log):
    """Makes namespaces for one test."""
    with _fresh_hosts() as make:
        yield make


def _address(host, number, six=False):
    """10.0.0.<number>/24 on u0; if `six`, fd00::<number> and fe80::<number> as well.

    `ip` is then the IPv6 address, so that a test can be the same for both.
    """
    host.ip = host.ip4 = f"10.0.0.{number}"
    host.mac_u0 = f"02:00:00:00:00:{number:02x}"
    host.address("u0", host.ip4, 24)
    if six:
        host.ip, host.local6 = f"fd00::{number:x}", f"fe80::{number:x}"
        for name in ("lo", "u0"):
            host.ipv6(name)
        host.address("u0", host.ip, 64)
        host.address("u0", host.local6, 64)
    host.link_set("u0", up=True)


def _veth(one, name, two, peer, macs):
    """A veth pair between two namespaces, with addresses chosen by the test."""
    ends = [(IFLA.IFNAME, text(peer)), (IFLA.ADDRESS, mac(macs[1])),
            (IFLA.NET_NS_FD, two.fd.to_bytes(4, "little"))]
    one.link_add(name, "veth", _veth_peer(ends), [(IFLA.ADDRESS, mac(macs[0]))])


def _veth_peer(ends):
    """VETH_INFO_PEER: an ifinfomsg, then a link's attributes."""
    return [(1, bytes(16) + encode(ends))]


def _settle(host):
    """Wait until every link of a host can send: carrier comes a moment after `up`."""
    for name in host.links():
        wait_for(lambda link=name: host.link_get(link).get(IFLA.OPERSTATE) == b"\6"
                 and host.link_get(link).get(IFLA.QDISC) != b"noop\0",
                 f"carrier on {name} of {host.name}")


def _acquaint(members):
    for host in members:
        _settle(host)
        for other in members:
            if other is not host:
                for addr in {other.ip4, other.ip, other.local6} - {None}:
                    host.neighbour("u0", addr, other.mac_u0)
    for host in members:
        peer = next(other for other in members if other is not host)
        host.peer_ip, host.peer_mac = peer.ip, peer.mac_u0
        host.peer_local6 = peer.local6


def _lone(one, six=False):
    one.link_add("u0", "veth", _veth_peer([(IFLA.IFNAME, text("u0peer"))]),
                 [(IFLA.ADDRESS, mac("02:00:00:00:00:01"))])
    one.link_set("u0peer", up=True)
    _address(one, 1, six)
    _settle(one)
    return one


@pytest.fixture
def host(hosts):
    """One namespace with an Ethernet link u0, 10.0.0.1/24, whose other end is idle."""
    return _lone(hosts("a"))


@pytest.fixture
def host6(hosts):
    """The same, and fd00::1/64 and fe80::1/64."""
    return _lone(hosts("a"), six=True)


@pytest.fixture(scope="module")
def bench_host(driver, request):
    """A namespace like that of `host` for a whole module, made ready by its prepare()."""
    one = _lone(Host("bench"))
    request.module.prepare(one)
    yield one
    one.clear()
    one.close()


@pytest.fixture
def bench(bench_host, kernel_log):
    """The same for one test, which must leave u0 as it is: tables of many small cases.

    What the test made is taken away, and nothing of it may stay.
    """
    own = bench_host.links()
    yield bench_host
    bench_host.clear(keep=own)
    left = (bench_host.links(), bench_host.udp_ports(), bench_host.udp6_ports())
    assert left == (own, [], []), f"left behind: {left}"


@pytest.fixture
def pair(hosts):
    """Two namespaces, 10.0.0.1 and 10.0.0.2, joined by veth pair u0-u0."""
    return _make_pair(hosts)


@pytest.fixture
def pair6(hosts):
    """The same, and fd00::1, fe80::1 and fd00::2, fe80::2."""
    return _make_pair(hosts, six=True)


@pytest.fixture(params=[4, 6], ids=("over4", "over6"))
def either(hosts, request):
    """`pair` and then `pair6`: a test of what is the same over both."""
    return _make_pair(hosts, six=request.param == 6)


@pytest.fixture(scope="module")
def lasting_pair(driver):
    """Context manager: a pair like `pair6` for many tests, joined as the caller likes."""
    @contextlib.contextmanager
    def make(join=_join_by_veth):
        with _fresh_hosts() as hosts:
            yield _make_pair(hosts, six=True, join=join)
    return make


def _join_by_veth(a, b, macs):
    _veth(a, "u0", b, "u0", macs)


def _make_pair(hosts, six=False, join=_join_by_veth):
    a, b = hosts("a"), hosts("b")
    join(a, b, ("02:00:00:00:00:01", "02:00:00:00:00:02"))
    _address(a, 1, six)
    _address(b, 2, six)
    _acquaint([a, b])
    return a, b


@pytest.fixture
def trio(hosts):
    """Three namespaces, 10.0.0.1 to .3, on a bridge in a fourth."""
    return _make_trio(hosts)


@pytest.fixture
def trio6(hosts):
    """The same, and fd00::1 to ::3, fe80::1 to ::3."""
    return _make_trio(hosts, six=True)


def _make_trio(hosts, six=False):
    members, switch = [hosts(name) for name in "abc"], hosts("switch")
    switch.link_add("br0", "bridge", [(23, b"\0")])    # IFLA_BR_MCAST_SNOOPING
    switch.link_set("br0", up=True)
    for number, member in enumerate(members, 1):
        port = f"p{number}"
        _veth(member, "u0", switch, port,
              (f"02:00:00:00:00:{number:02x}", f"02:00:00:00:01:{number:02x}"))
        master = switch.index("br0").to_bytes(4, "little")
        switch.link_set(port, up=True, attrs=[(IFLA.MASTER, master)])
        _address(member, number, six)
    _settle(switch)
    _acquaint(members)
    return members


@pytest.fixture
def refused(driver):
    """Context manager: the block is refused with this errno, text and attribute.

    What stock leaves unsaid ours may say; what stock says ours says too, and may
    add to its end.
    """
    @contextlib.contextmanager
    def check(code, message=None, attr=None):
        with pytest.raises(NetlinkError) as caught:
            yield caught
        error = caught.value
        assert error.errno == code, str(error)
        if driver == "stock":
            assert (error.text, error.path) == (message, attr)
        else:
            assert message is None or (error.text or "").startswith(message), str(error)
            assert attr is None or error.path == attr, str(error)
    return check
