# SPDX-License-Identifier: GPL-2.0
"""Tests of the parts that need no kernel: cases, files, decoding, cutting down, what is allowed."""

import struct
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "differential"), str(HERE.parent / "selftests")]

# pylint: disable=wrong-import-position
import bench  # noqa: E402
import cases  # noqa: E402
import decode  # noqa: E402
import judge  # noqa: E402
import packet as packets  # noqa: E402
import show  # noqa: E402
from lib import packets as make  # noqa: E402
from lib import rtnl  # noqa: E402
from lib.uapi import VX  # noqa: E402
from packet import Look, Packet  # noqa: E402
from permitted import RULES, rule_for  # noqa: E402
from smaller import smaller  # noqa: E402

STATION, SENDER = "02:d1:ff:00:02:01", "02:d1:ff:00:02:02"


def wire(ident=0, frag=0, vni=10, tos=0):
    inside = make.inner(STATION, SENDER)
    ip = make.ipv4("10.0.0.2", "10.0.0.1", make.udp(1000, 4789, make.vxlan(vni, inside)), ident=ident,
                   frag=frag, tos=tos)
    return make.ethernet("02:d1:ff:00:01:02", "02:aa:00:00:00:02", ip)


class Cases(unittest.TestCase):
    def test_same_seed_same_case(self):
        one, two, other = (cases.case("selftest", number, 30, cases.CLASSES) for number in (1, 1, 2))
        self.assertEqual(one, two)
        self.assertNotEqual(one, other)

    def test_written_and_read_back(self):
        for number in range(60):
            case = cases.case("selftest", number, 30, cases.CLASSES)
            self.assertEqual(packets.load("# why\n" + packets.dump(case)), case)
            for each in case:
                self.assertTrue(packets.text(each, 1))

    def test_packets_can_be_put_in(self):
        """Pieces make the packet, none is empty, and there are not too many."""
        for number in range(60):
            for step in cases.case("selftest", number, 30, cases.CLASSES):
                if isinstance(step, Packet) and step.cuts:
                    self.assertIn(step.port, ("u1", "t0"))
                    self.assertEqual(sum(step.cuts), len(step.octets))
                    self.assertLessEqual(len(step.cuts), 18)
                    self.assertTrue(0 < min(step.cuts) and max(step.cuts[1:] or [0]) <= 4096)

    def test_a_class_can_be_left_out(self):
        def options(wanted):
            return {option.kind for number in range(200)
                    for step in cases.case("selftest", number, 30, wanted) if judge.is_message(step)
                    for info in step.attrs if info.kind == 18 and info.value[0].value == b"vxlan"
                    for data in info.children() if data.kind == 2 for option in data.children()}
        every = options(cases.CLASSES)
        for kind, option in (("gbp", VX.GBP), ("gpe", VX.GPE), ("ipv6", VX.GROUP6), ("proxy", VX.RSC)):
            self.assertIn(option, every)
            self.assertNotIn(option, options([each for each in cases.CLASSES if each != kind]))


class Decoding(unittest.TestCase):
    def test_fields(self):
        found = dict(decode.fields(wire(tos=3)))
        self.assertEqual((found["ip.tos"], found["vxlan.vni"], found["in.eth.dst"], found["in.ip.src"]),
                         ("03", 10, STATION, "192.0.2.1"))

    def test_anything_can_be_decoded(self):
        octets = wire()
        for length in range(len(octets)):
            decode.fields(octets[:length])
            decode.fields(octets[length:])
        for number in range(30):
            for step in cases.case("decode", number, 30, cases.CLASSES):
                if isinstance(step, Packet):
                    decode.fields(step.octets)

    def test_the_field_that_differs_is_named(self):
        for change, name in (({"tos": 1}, "ip.tos"), ({"vni": 11}, "vxlan.vni")):
            self.assertEqual(decode.first_difference(wire(), wire(**change))[0], name)

    def test_identification_is_masked_when_its_checksum_is_right(self):
        self.assertEqual(decode.masked(wire(ident=1)), decode.masked(wire(ident=2)))
        broken = bytearray(wire(ident=1))
        broken[24] ^= 1
        self.assertNotEqual(decode.masked(bytes(broken)), decode.masked(wire(ident=1)))
        self.assertNotEqual(decode.masked(wire(tos=1)), decode.masked(wire(tos=2)))

    def test_fragments_are_kept_apart(self):
        for octets in (wire(ident=7, frag=0x2000), wire(ident=7, frag=5)):
            one, two = (bench.fragments_apart(Packet("u0", octets), play).octets for play in (1, 2))
            self.assertNotEqual(one[18:20], two[18:20])
            self.assertEqual([make.checksum(each[14:34]) for each in (one, two)], [0, 0])
        whole = Packet("u0", wire(ident=7, frag=0x4000))
        self.assertEqual(bench.fragments_apart(whole, 1), whole)


def outcome(**fields):
    return bench.Outcome(**fields)


class Judging(unittest.TestCase):
    def kinds(self, one, two, step=None):
        case = [step or Packet("u0", wire())]
        return [found.kind for found in judge.differences(case, [one], [two])]

    def test_packets(self):
        out = [("u0", "", wire(ident=1))]
        self.assertEqual(self.kinds(outcome(out=out), outcome(out=[("u0", "", wire(ident=2))])), [])
        self.assertEqual(self.kinds(outcome(out=out), outcome(out=[("u0", "", wire(vni=3))])),
                         ["packet: u0 vxlan.vni"])
        self.assertEqual(self.kinds(outcome(out=out), outcome(out=[])),
                         ["packet: u0: second lacks it"])
        self.assertEqual(self.kinds(outcome(out=out), outcome(out=[("u1", "", wire())])),
                         ["packet: u0: second lacks it", "packet: u1: first lacks it"])
        self.assertEqual(self.kinds(outcome(out=out), outcome(out=[("u0", "1", wire())])),
                         ["said of a packet: u0"])
        # Identifications of frames that a tunnel received are not the kernel's.
        inside = [[("vx0", "", wire(ident=ident))] for ident in (1, 2)]
        self.assertNotEqual(self.kinds(*(outcome(out=out) for out in inside)), [])

    def test_drops_and_errors(self):
        self.assertEqual(self.kinds(outcome(drops=["A 0"]), outcome(drops=["B 0"]))[0], "drop: A 0")
        self.assertEqual(self.kinds(outcome(drops=["A 0"] * 2), outcome(drops=["A 0"])), ["drop: A 0"])
        self.assertEqual(self.kinds(outcome(), outcome(ack=(22, None, None, None))),
                         ["errno: Packet: 0: 22"])

    def test_state(self):
        def state(packets_=0, counters=None):
            return outcome(state={"stats": {"a 11": packets_.to_bytes(8, "little") + bytes(192)},
                                  "fdb": {"a": [], "b": []}, "counters": counters or {}})
        self.assertEqual(self.kinds(state(1), state(1), Look()), [])
        self.assertEqual(self.kinds(state(1), state(2), Look()), ["statistics: rx_packets"])
        self.assertEqual(self.kinds(state(1), state(1, {"a Udp:InErrors": 1}), Look()),
                         ["counter: a Udp:InErrors"])


class Shrinking(unittest.TestCase):
    def test_what_is_needed_stays(self):
        """One packet of many, the device, and no more octets and pieces than it takes."""
        for number in range(200):
            case = cases.case("shrink", number, 30, cases.CLASSES)
            sent = [at for at, step in enumerate(case)
                    if isinstance(step, Packet) and step.cuts and len(step.octets) > 100]
            if sent:
                break
        wanted = case[sent[-1]].octets[:40]

        def shows(each):
            return (any(judge.is_message(step) and step.kind == 16 for step in each)
                    and any(isinstance(step, Packet) and step.octets[:40] == wanted for step in each))

        source, answer = smaller(case, len(case) - 1), None
        while True:
            try:
                answer = [shows(each) for each in source.send(answer)]
            except StopIteration as stop:
                small = stop.value
                break
        self.assertEqual([type(step).__name__ for step in small], ["Message", "Packet"])
        self.assertEqual((small[0].attrs, small[1].cuts), ([], []))
        self.assertLess(len(small[1].octets), 64)
        self.assertTrue(show.whole(small, *[[outcome(), outcome()]] * 2, ["a", "b"]))


class Allowed(unittest.TestCase):
    """A rule must not cover more than it says."""

    def test_moved_station(self):
        def entry(state, *attrs, dst="0a000002"):
            return ("NEWNEIGH", "070000000b000000" + state + "0201", (("NDA_DST", dst), *attrs))
        link, other = ("NDA_IFINDEX", "03000000"), ("NDA_PORT", "12b5")
        six = "fe80" + "0" * 27 + "2"
        for stock, ours, allowed in (
                (entry("0200", link), entry("0200"), True),
                (entry("0200"), entry("0200", link), False),
                (entry("0200", dst=six), entry("0200", link, dst=six), True),
                (entry("0200", link, dst=six), entry("0200", dst=six), False),
                (entry("8000", link), entry("8000"), False),
                (entry("0200", link, other), entry("0200"), False),
                (entry("0200", link), judge.MISSING, False)):
            rule = rule_for(judge.Difference(0, "event", "NEWNEIGH", stock, ours))
            self.assertEqual(rule is not None, allowed, (stock, ours))

    def test_old_route(self):
        """Only of a station that an event showed at two places."""
        def told(address):
            attrs = rtnl.encode([(2, make.mac(STATION)), (1, rtnl.ip4(address))])
            head = struct.pack("=BxHiHBB", 7, 0, 11, 2, 2, 0)
            return ("a", struct.pack("=IHHII", 16 + len(head) + len(attrs), 28, 0, 0, 0) + head + attrs)
        case = [Packet("u0", wire())] * 2 + [Packet("vx0", make.inner(STATION, SENDER))]
        for second, allowed in (("10.0.0.3", True), ("10.0.0.2", False)):
            plays = [[outcome(events=[told("10.0.0.2")]), outcome(events=[told(second)]),
                      outcome(out=[(port, "", wire())])] for port in ("u0", "u1")]
            found = list(judge.differences(case, *plays))
            self.assertEqual([rule_for(each) is not None for each in found], [allowed] * 2)

    def test_answer_not_made(self):
        def asked(kind):
            body = bytes([kind]) + bytes(23)
            return make.ethernet(STATION, SENDER, make.ipv6("::1", "::2", body, proto=58), 0x86DD)
        for drops, kind, allowed in ((["NOT_SPECIFIED 0x86dd"], 135, True), (["NOT_SPECIFIED 0x86dd"], 136, False),
                                     (["NOT_SPECIFIED 0x0800"], 135, False),
                                     (["NOT_SPECIFIED 0x86dd"] * 2, 135, False)):
            (found,) = judge.differences([Packet("vx0", asked(kind))], [outcome(drops=drops)], [outcome()])
            self.assertEqual(rule_for(found) is not None, allowed, (drops, kind))

    def test_each_is_in_the_parity_page(self):
        page = (HERE.parents[2] / "Documentation/parity.md").read_text(encoding="utf-8")
        wanted = page.split("## Deliberate differences")[1]
        for rule in RULES:
            self.assertIn(f"- **{rule.name}", wanted)


if __name__ == "__main__":
    unittest.main()
