# SPDX-License-Identifier: GPL-2.0
"""A namespace that is a tunnel end: VXLAN devices and forwarding entries in it."""

import socket
import struct

from . import packets, rtnl
from . import uapi as u
from .netns import NetNS
from .uapi import NDA, VX

NEW = u.NLM_F_CREATE | u.NLM_F_EXCL
APPEND = u.NLM_F_CREATE | u.NLM_F_APPEND
REPLACE = u.NLM_F_CREATE | u.NLM_F_REPLACE
PERMANENT, DYNAMIC = u.NUD_PERMANENT, u.NUD_REACHABLE
STATIC = u.NUD_NOARP | u.NUD_REACHABLE
ZERO_MAC = "00:00:00:00:00:00"

OPTIONS = {
    "id": (VX.ID, rtnl.u32),
    "remote": (VX.GROUP, rtnl.ip4),
    "remote6": (VX.GROUP6, rtnl.ip6),
    "dev": (VX.LINK, rtnl.u32),
    "local": (VX.LOCAL, rtnl.ip4),
    "local6": (VX.LOCAL6, rtnl.ip6),
    "ttl": (VX.TTL, rtnl.u8),
    "tos": (VX.TOS, rtnl.u8),
    "learning": (VX.LEARNING, rtnl.u8),
    "ageing": (VX.AGEING, rtnl.u32),
    "limit": (VX.LIMIT, rtnl.u32),
    "srcport": (VX.PORT_RANGE, lambda pair: struct.pack("!HH", *pair)),
    "port": (VX.PORT, rtnl.be16),
    "udp_csum": (VX.UDP_CSUM, rtnl.u8),
    "localbypass": (VX.LOCALBYPASS, rtnl.u8),
    "reserved_bits": (VX.RESERVED_BITS, bytes.fromhex),
    "ttl_inherit": (VX.TTL_INHERIT, lambda _: b""),
    "proxy": (VX.PROXY, rtnl.u8),
    "rsc": (VX.RSC, rtnl.u8),
    "l2miss": (VX.L2MISS, rtnl.u8),
    "l3miss": (VX.L3MISS, rtnl.u8),
    "zero_csum6_tx": (VX.UDP_ZERO_CSUM6_TX, rtnl.u8),
    "zero_csum6_rx": (VX.UDP_ZERO_CSUM6_RX, rtnl.u8),
    "remcsum_tx": (VX.REMCSUM_TX, rtnl.u8),
    "remcsum_rx": (VX.REMCSUM_RX, rtnl.u8),
    "nopartial": (VX.REMCSUM_NOPARTIAL, lambda _: b""),
    "gbp": (VX.GBP, lambda _: b""),
    "gpe": (VX.GPE, lambda _: b""),
    "external": (VX.COLLECT_METADATA, rtnl.u8),
    "vnifilter": (VX.VNIFILTER, rtnl.u8),
    "label": (VX.LABEL, lambda value: struct.pack("!I", value)),
    "label_policy": (VX.LABEL_POLICY, rtnl.u32),
    "df": (VX.DF, rtnl.u8),
    "mcroute": (VX.MC_ROUTE, rtnl.u8),
}


class Host(NetNS):
    """A namespace with one underlay link, u0, and its peer's addresses known."""

    dev = "u0"
    ip = peer_ip = mac_u0 = peer_mac = None
    ip4 = local6 = peer_local6 = None

    def vxlan_data(self, **options):
        """IFLA_INFO_DATA for options named as in OPTIONS, id 10 and port 4789 by default.

        `dev` may be a link's name; IPv6 addresses may be given as remote and local.
        """
        return self.vxlan_options(**{"id": 10, "port": packets.PORT, **options})

    def vxlan_options(self, **options):
        """IFLA_INFO_DATA for these options alone, in the order given."""
        data = []
        for key, value in options.items():
            if value is None:
                continue
            if key in ("remote", "local") and ":" in value:
                key += "6"
            elif key == "dev" and isinstance(value, str):
                value = self.index(value)
            number, pack = OPTIONS[key]
            data.append((number, pack(value)))
        return data

    def vxlan_change(self, name="vx0", attrs=(), **options):
        """Change a device: RTM_NEWLINK of an existing one, with these options alone."""
        info = [(u.INFO.KIND, b"vxlan"), (u.INFO.DATA, self.vxlan_options(**options))]
        self.link_set(name, attrs=[*attrs, (u.IFLA.LINKINFO, info)])

    def vxlan_info(self, name="vx0"):
        """IFLA_INFO_DATA of a device as the driver reports it: {attribute: bytes}."""
        nest = dict(rtnl.decode(self.link_get(name).get(u.IFLA.LINKINFO)))
        return dict(rtnl.decode(nest[u.INFO.DATA]))

    def vxlan(self, name="vx0", up=True, attrs=(), **options):
        """Make a VXLAN device, by default VNI 10 on port 4789, and bring it up."""
        self.link_add(name, "vxlan", self.vxlan_data(**options), attrs)
        if up:
            self.link_set(name, up=True)
        return name

    # -- Nexthops ----------------------------------------------------------

    def nexthop(self, number, gateway, port=None, fdb=True, replace=False, via=None):
        """A nexthop, by default one for forwarding entries."""
        six = ":" in gateway
        attrs = [(u.NHA.ID, rtnl.u32(number)),
                 (u.NHA.GATEWAY, rtnl.ip6(gateway) if six else rtnl.ip4(gateway))]
        if fdb:
            attrs.append((u.NHA.FDB, b""))
        if port is not None:
            attrs.append((u.NHA.DST_PORT, rtnl.be16(port)))
        if via is not None:
            attrs.append((u.NHA.OIF, rtnl.u32(self.index(via))))
        self._nexthop(socket.AF_INET6 if six else socket.AF_INET, attrs, replace)

    def nexthop_group(self, number, *members, fdb=True, replace=False, buckets=None):
        """A group of nexthops of equal weight; with `buckets` a resilient one."""
        raw = b"".join(struct.pack("=IBBH", member, 0, 0, 0) for member in members)
        attrs = [(u.NHA.ID, rtnl.u32(number)), (u.NHA.GROUP, raw)]
        if fdb:
            attrs.append((u.NHA.FDB, b""))
        if buckets is not None:
            attrs += [(u.NHA.GROUP_TYPE, rtnl.u16(1)),
                      (u.NHA.RES_GROUP | 0x8000, [(1, rtnl.u16(buckets))])]
        self._nexthop(socket.AF_UNSPEC, attrs, replace)

    def _nexthop(self, family, attrs, replace):
        how = u.NLM_F_REPLACE if replace else u.NLM_F_EXCL
        self.nl.request(u.RTM_NEWNEXTHOP, struct.pack("=BBBBI", family, 0, 0, 0, 0),
                        attrs, u.NLM_F_ACK | u.NLM_F_CREATE | how)

    def nexthop_del(self, number):
        self.nl.request(u.RTM_DELNEXTHOP, bytes(8), [(u.NHA.ID, rtnl.u32(number))])

    # -- Forwarding entries ------------------------------------------------

    def _ndmsg(self, name, state, flags=u.NTF_SELF, family=u.AF_BRIDGE):
        return struct.pack("=BxHiHBB", family, 0, self.index(name), state, flags, 0)

    @staticmethod
    def _entry(lladdr, dst, port, vni, via, nhid=None, src_vni=None):
        attrs = [(NDA.LLADDR, rtnl.mac(lladdr))] if lladdr else []
        if dst is not None:
            attrs.append((NDA.DST, rtnl.ip6(dst) if ":" in dst else rtnl.ip4(dst)))
        if port is not None:
            attrs.append((NDA.PORT, rtnl.be16(port)))
        if vni is not None:
            attrs.append((NDA.VNI, rtnl.u32(vni)))
        if via is not None:
            attrs.append((NDA.IFINDEX, rtnl.u32(via)))
        if nhid is not None:
            attrs.append((NDA.NH_ID, rtnl.u32(nhid)))
        if src_vni is not None:
            attrs.append((NDA.SRC_VNI, rtnl.u32(src_vni)))
        return attrs

    def fdb_add(self, lladdr, dst, name="vx0", how=NEW, state=PERMANENT,
                port=None, vni=None, via=None, ntf=u.NTF_SELF, **more):
        """One RTM_NEWNEIGH; `how` is the NLM_F_* of add, append or replace."""
        self.nl.request(u.RTM_NEWNEIGH, self._ndmsg(name, state, ntf),
                        self._entry(lladdr, dst, port, vni, via, **more),
                        u.NLM_F_ACK | how)

    def fdb_del(self, lladdr, dst=None, name="vx0", port=None, vni=None, via=None,
                **more):
        self.nl.request(u.RTM_DELNEIGH, self._ndmsg(name, PERMANENT),
                        self._entry(lladdr, dst, port, vni, via, **more))

    def fdb_flush(self, attrs=(), name="vx0", state=0, flags=u.NTF_SELF):
        """RTM_DELNEIGH of all entries that match."""
        self.nl.request(u.RTM_DELNEIGH, self._ndmsg(name, state, flags), attrs,
                        u.NLM_F_ACK | u.NLM_F_BULK)

    def fdb_get(self, lladdr, name="vx0", attrs=()):
        """RTM_GETNEIGH of one entry: the reply's Entry."""
        reply = self.nl.request(u.RTM_GETNEIGH, self._ndmsg(name, 0),
                                self._entry(lladdr, None, None, None, None)
                                + list(attrs), 0)
        return Entry(reply[0])

    def fdb_dump(self, name="vx0"):
        """Every forwarding entry of a device, an Entry for each remote, in order."""
        header = struct.pack("=BxHiII", u.AF_BRIDGE, 0, self.index(name), 0, 0)
        dump = self.nl.request(u.RTM_GETNEIGH, header, (), u.NLM_F_DUMP)
        return [e for e in map(Entry, dump) if e.ifindex == self.index(name)
                and e.flags & u.NTF_SELF]

    def fdb(self, name="vx0"):
        """The table as {address: [destinations]}."""
        table = {}
        for entry in self.fdb_dump(name):
            table.setdefault(entry.lladdr, []).append(entry.dst)
        return table


class Entry:
    """A forwarding entry's message: its fields, and its attributes untouched."""

    def __init__(self, message):
        self.message = message
        (self.family, self.ifindex, self.state, self.flags,
         self.type) = struct.unpack("=BxxxiHBB", message.header)
        raw = message.get(NDA.LLADDR)
        self.lladdr = raw and raw.hex(":")
        raw = message.get(NDA.DST)
        self.dst = raw and socket.inet_ntop(
            socket.AF_INET6 if len(raw) == 16 else socket.AF_INET, raw)
        raw = message.get(NDA.PORT)
        self.port = raw and struct.unpack("!H", raw)[0]
        raw = message.get(NDA.VNI)
        self.vni = raw and struct.unpack("=I", raw)[0]
        raw = message.get(NDA.IFINDEX)
        self.via = raw and struct.unpack("=I", raw)[0]
        raw = message.get(NDA.NH_ID)
        self.nhid = raw and struct.unpack("=I", raw)[0]
        raw = message.get(NDA.SRC_VNI)
        self.src_vni = raw and struct.unpack("=I", raw)[0]

    @property
    def kinds(self):
        """Attribute numbers in the order they came."""
        return [number for number, _ in self.message.attrs]

    def __repr__(self):
        return (f"<{self.lladdr} dst={self.dst} port={self.port} vni={self.vni} "
                f"via={self.via} state={self.state:#x} flags={self.flags:#x}>")
