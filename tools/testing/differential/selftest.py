# SPDX-License-Identifier: GPL-2.0
"""Tests of the parts that need no kernel: cutting down, what is allowed, files."""

import errno
import struct
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "selftests")]

# pylint: disable=wrong-import-position
import message as messages  # noqa: E402
import normal  # noqa: E402
from allowed import PARTINGS, RULES, rule_for  # noqa: E402
from compare import differences  # noqa: E402
from generate import CLASSES, Sequence  # noqa: E402
from lib import rtnl  # noqa: E402
from lib import uapi as u  # noqa: E402
from message import Attr, Message  # noqa: E402
from shrink import shrinker  # noqa: E402
from world import Step, Trace  # noqa: E402


def generated(number=1):
    """A sequence whose every message is told that it succeeded."""
    source, found, answer = Sequence("selftest", number, 40, CLASSES).messages(), [], None
    while True:
        try:
            found.append(source.send(answer))
        except StopIteration:
            return found
        answer = 0


class Shrinking(unittest.TestCase):
    def shrink(self, sequence, last, shows):
        source = shrinker(sequence, last)
        asked, answer = 0, None
        while True:
            try:
                candidates = source.send(answer)
            except StopIteration as stop:
                return stop.value, asked
            asked += len(candidates)
            answer = [shows(each) for each in candidates]

    def test_what_is_needed_stays(self):
        """Two messages of thirty, and one nested attribute of one of them."""
        def info(number):
            return [Attr(18, [Attr(1, b"vxlan"), Attr(2, [Attr(n, bytes([number]))
                                                            for n in range(1, 9)])]), Attr(4, b"x")]

        sequence = [Message("a", u.RTM_NEWLINK, attrs=info(number)) for number in range(30)]

        def shows(each):
            inner = [child for m in each for attr in m.attrs if attr.kind == 18
                     for nest in attr.value if nest.kind == 2 for child in nest.value]
            return Attr(5, b"\7") in inner and len(each) > 1 and len(each[-1].attrs) >= 1

        small, asked = self.shrink(sequence, 25, shows)
        self.assertEqual(len(small), 2)
        self.assertTrue(shows(small))
        self.assertEqual(sum(1 for m in small for _ in messages.places(m.attrs)), 4)
        self.assertLess(asked, 200)


class Allowed(unittest.TestCase):
    """A rule must not cover more than it says."""

    def found(self, one, two, message=None):
        message = message or Message("a", u.RTM_NEWLINK)
        traces = [Trace([Step(ack, [], {})]) for ack in (one, two)]
        return [rule_for(each) for each in differences([message], *traces)]

    def test_text_added(self):
        for text in (None, "bytes leftover after parsing attributes", "No"):
            ours = "why not" if text != "No" else "No: why not"
            rules = self.found((errno.EINVAL, text, None, None), (errno.EINVAL, ours, None, None))
            self.assertEqual([rule.name for rule in rules], ["Every refusal has a text"])

    def test_text_lost_or_changed(self):
        for ours in (None, "Not", "Nothing"):
            rules = self.found((errno.EINVAL, "No", None, None), (errno.EINVAL, ours, None, None))
            self.assertEqual(rules, [None])

    def test_other_errno(self):
        rules = self.found((errno.EINVAL, None, None, None), (errno.ENOENT, "No", None, None))
        self.assertIn(None, rules)

    def test_attribute(self):
        for one, two, allowed in ((None, (18, 2, 3), True), ((3,), (18, 2, 3), True),
                                  ((3,), (18, 2, 4), False), ((18, 2, 3), None, False),
                                  ((18, 2, 3), (18, 2, 4), False), ((3,), (4,), False)):
            (rule,) = self.found((errno.EINVAL, None, one, None), (errno.EINVAL, None, two, None))
            self.assertEqual(rule is not None, allowed, (one, two))


    def test_each_is_in_the_parity_page(self):
        page = (HERE.parents[2] / "Documentation/parity.md").read_text(encoding="utf-8")
        wanted = page.split("## Deliberate differences")[1]
        for rule in (*RULES, *PARTINGS):
            self.assertIn(f"- **{rule.name}", wanted)


class Normal(unittest.TestCase):
    def test_random_is_masked_fixed_is_not(self):
        for address, masked in ((b"\2\xd1\xff\0\0\1", False), (b"\x9a\1\2\3\4\5", True),
                                (b"\1\1\2\3\4\5", False), (b"\0\1\2\3\4\5", False)):
            payload = bytes(16) + rtnl.encode([(1, address)])
            (_, value), = normal.message(u.RTM_NEWLINK, payload)[2]
            self.assertEqual(value == "(random)", masked, address)

    def test_ages_must_be_young(self):
        def entry(used):
            cache = struct.pack("=IIII", 0, used, 3, 0)
            return normal.message(u.RTM_NEWNEIGH, bytes(12) + rtnl.encode([(3, cache)]))
        self.assertEqual(entry(1), entry(100))
        self.assertNotEqual(entry(1), entry(0xFFFFFFF0))

    def test_order_within_an_entry_counts(self):
        def remote(address, octet):
            return (u.RTM_NEWNEIGH, bytes(12) + rtnl.encode([(2, address), (1, bytes([octet] * 4))]))
        a, b, c = remote(b"station", 1), remote(b"station", 2), remote(b"another", 3)
        self.assertEqual(normal.table([a, b, c]), normal.table([c, a, b]))
        self.assertNotEqual(normal.table([a, b, c]), normal.table([b, a, c]))


class Files(unittest.TestCase):
    def test_written_and_read_back(self):
        for number in range(20):
            sequence = generated(number)
            self.assertEqual(messages.load("# why\n" + messages.dump(sequence)), sequence)

    def test_same_seed_same_messages(self):
        self.assertEqual(generated(3), generated(3))
        self.assertNotEqual(generated(3), generated(4))

    def test_every_message_can_be_sent_and_read(self):
        for number in range(20):
            for message in generated(number):
                body, offsets = messages.encode(message, lambda name: 3)
                self.assertIsInstance(body, bytes)
                if not message.cut:
                    self.assertGreaterEqual(len(body), len(message.header))
                self.assertTrue(all(place >= 16 for place in offsets))
                self.assertTrue(messages.text(message))


if __name__ == "__main__":
    unittest.main()
