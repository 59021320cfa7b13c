# SPDX-License-Identifier: GPL-2.0
"""The module itself: parameters, loading, unloading while it works, one owner."""

import glob
import os
import subprocess
import threading

import pytest

from lib import packets
from lib import uapi as u
from lib.host import ZERO_MAC
from lib.rtnl import decode
from lib.wait import wait_for

PARAMETERS = "/sys/module/vxlan/parameters"
BROADCAST = "ff:ff:ff:ff:ff:ff"
RELEASE = os.uname().release


def modprobe(*words):
    return subprocess.run(["modprobe", *words], stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.STDOUT, text=True, timeout=120)


def loaded():
    return os.path.isdir("/sys/module/vxlan")


def unload():
    done = subprocess.run(["rmmod", "vxlan"], stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert not loaded()


def load(*parameters):
    done = modprobe("vxlan", *parameters)
    assert done.returncode == 0, done.stdout
    assert loaded()


def parameter(name):
    with open(f"{PARAMETERS}/{name}", encoding="ascii") as stream:
        return stream.read().strip()


@pytest.fixture(autouse=True)
def reloadable(driver):
    """These tests take the module out and in; afterwards it is as it was."""
    if not os.path.exists("/sys/module/vxlan/refcnt"):
        pytest.skip("vxlan is built into this kernel")
    before = f"udp_port={parameter('udp_port')}"
    yield
    if loaded():
        unload()
    load(before)


def port_of_new_device(host):
    host.vxlan(up=False, port=None)
    data = dict(decode(dict(decode(host.link_get("vx0").get(u.IFLA.LINKINFO)))[2]))
    host.link_del("vx0")
    return int.from_bytes(data[u.VX.PORT], "big")


# -- Parameters -----------------------------------------------------------------

def test_parameter_files():
    """udp_port can be read by all and written by none; log_ecn_error by root."""
    assert sorted(os.listdir(PARAMETERS)) == ["log_ecn_error", "udp_port"]
    modes = {name: os.stat(f"{PARAMETERS}/{name}").st_mode & 0o7777
             for name in os.listdir(PARAMETERS)}
    assert modes == {"udp_port": 0o444, "log_ecn_error": 0o644}


def test_defaults(hosts):
    unload()
    load()
    assert (parameter("udp_port"), parameter("log_ecn_error")) == ("8472", "Y")
    assert port_of_new_device(hosts("a")) == 8472


@pytest.mark.parametrize("port", [4789, 1, 65535])
def test_port_at_load(hosts, port):
    unload()
    load(f"udp_port={port}")
    assert parameter("udp_port") == str(port)
    assert port_of_new_device(hosts("a")) == port


def test_log_parameter():
    """A bool: what is written is read back, nonsense is refused."""
    unload()
    load("log_ecn_error=0")
    assert parameter("log_ecn_error") == "N"
    for word, value in (("1", "Y"), ("n", "N"), ("Y", "Y")):
        with open(f"{PARAMETERS}/log_ecn_error", "w", encoding="ascii") as stream:
            stream.write(word)
        assert parameter("log_ecn_error") == value
    with pytest.raises(OSError), \
            open(f"{PARAMETERS}/log_ecn_error", "w", encoding="ascii") as stream:
        stream.write("zebra")
        stream.flush()


@pytest.mark.parametrize("word", ["udp_port=70000", "udp_port=x", "log_ecn_error=maybe"])
def test_bad_parameter(word):
    unload()
    assert modprobe("vxlan", word).returncode != 0
    assert not loaded()


def test_loaded_on_demand(hosts):
    """`ip link add type vxlan` asks for the module by its alias."""
    unload()
    host = hosts("a")
    host.run("ip", "link", "add", "vx0", "type", "vxlan", "id", "1", "dstport", "4789")
    assert loaded()


def test_alias():
    out = subprocess.run(["modinfo", "-F", "alias", "vxlan"], stdout=subprocess.PIPE,
                         check=True, text=True).stdout
    assert "rtnl-link-vxlan" in out.split()


def test_unload_without_devices():
    for _ in range(3):
        unload()
        load()


# -- Unloading at work -----------------------------------------------------------

class Flood:
    """A thread that sends a frame over and over until told to stop."""

    def __init__(self, tap, frame):
        self.tap, self.frame = tap, frame
        self.sent = 0
        self.stopping = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.stopping:
            try:
                self.tap.send(self.frame)
                self.sent += 1
            except OSError:                # The device went, as it should.
                pass

    def stop(self):
        self.stopping = True
        self.thread.join()


def scene(a, b):
    """Two tunnel ends, up, with default, static and learned entries."""
    a.vxlan(remote=b.ip)
    b.vxlan(remote=a.ip)
    a.vxlan("group", id=11, remote="239.1.1.1", dev="u0")
    b.vxlan("group", id=11, remote="239.1.1.1", dev="u0")
    a.fdb_add("02:00:00:00:cc:01", b.ip)
    wire = a.tap("u0")
    for number in range(8):
        frame = packets.inner(BROADCAST, f"02:00:00:00:bb:0{number}")
        wire.send(packets.outer(a, packets.vxlan(10, frame)))
    wait_for(lambda: len(b.fdb()) == 9, "learned entries")
    return wire


def test_unload_under_traffic(pair):
    """20 times: the module goes while frames are sent and received through it."""
    a, b = pair
    for _ in range(20):
        wire = scene(a, b)
        inside = a.tap("vx0")
        frame = packets.inner(BROADCAST, "02:00:00:00:bb:77")
        floods = [Flood(inside, packets.inner(BROADCAST, a.mac("vx0"))),
                  Flood(wire, packets.outer(a, packets.vxlan(10, frame)))]
        try:
            wait_for(lambda: b.stats("vx0")["rx_packets"] > 50, "traffic")
            unload()
        finally:
            for flood in floods:
                flood.stop()
        assert set(a.links()) == set(b.links()) == {"u0"}
        assert a.udp_ports() == b.udp_ports() == []
        inside.close()
        load("udp_port=4789")


def test_unload_with_a_table(hosts):
    """Thousands of entries and remotes are freed, not leaked, with the module."""
    host = hosts("a")
    host.vxlan()
    for number in range(1000):
        host.fdb_add(f"02:00:00:02:{number >> 8:02x}:{number & 255:02x}", "10.0.0.2")
        host.fdb_add(ZERO_MAC, f"10.3.{number >> 8}.{number & 255}",
                     how=u.NLM_F_CREATE | u.NLM_F_APPEND)
    unload()
    assert host.links() == {}


def test_unload_with_moved_devices(hosts, pair):
    a, b = pair
    guest = hosts("guest")
    b.vxlan(up=False, remote=a.ip)
    b.link_set("vx0", attrs=[(u.IFLA.NET_NS_FD, guest.fd.to_bytes(4, "little"))])
    guest.link_set("vx0", up=True)
    unload()
    assert guest.links() == {} and b.udp_ports() == []


# -- One owner of the kind --------------------------------------------------------

def modules():
    """Every vxlan.ko of this VM, ours and stock."""
    named = os.environ.get("VXLAN_OTHER_KO")
    found = glob.glob(f"/lib/modules/{RELEASE}*/**/vxlan.ko*", recursive=True)
    return sorted(found + ([named] if named else []))


def is_stock(path):
    """Whether a module was built with the kernel."""
    done = subprocess.run(["modinfo", "-F", "intree", path], stdout=subprocess.PIPE,
                          check=True, text=True)
    return done.stdout.strip() == "Y"


def test_second_owner(driver, pair):
    """While one module owns the kind another gets EEXIST, and the first works on."""
    a, b = pair
    paths = modules()
    assert len(paths) >= (2 if driver == "ours" else 1), paths
    a.vxlan(remote=b.ip)
    b.vxlan()
    for path in paths:
        done = subprocess.run(["insmod", path], stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT, text=True)
        assert done.returncode != 0 and "File exists" in done.stdout
    inside, outside = a.tap("vx0"), b.tap("vx0")
    frame = packets.inner(BROADCAST, a.mac("vx0"))
    inside.send(frame)
    assert outside.one() == frame


@pytest.mark.ours_only(reason="the stock file is signed, and a changed copy refused for that")
def test_kind_is_taken(pair, tmp_path):
    """Under another module name, past the loader's own check, the symbols have an owner."""
    with open(next(path for path in modules() if not is_stock(path)), "rb") as stream:
        image = stream.read()
    name = b"vxlan".ljust(56, b"\0")        # In struct module.
    assert image.count(name) == 1
    renamed = tmp_path / "renamed.ko"
    renamed.write_bytes(image.replace(name, b"other".ljust(56, b"\0")))
    done = subprocess.run(["insmod", str(renamed)], stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode != 0 and "Invalid module format" in done.stdout
    assert not os.path.isdir("/sys/module/other")
    pair[0].vxlan()                         # The owner works on.
