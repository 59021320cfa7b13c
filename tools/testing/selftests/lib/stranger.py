# SPDX-License-Identifier: GPL-2.0
"""A process that is root in a user and a network namespace of its own, nowhere else.

Run as a program it is that process: it makes the namespaces, says so, and then sends
the netlink requests that it reads, one line of JSON each.
"""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


class Stranger:
    """The process, seen from the test."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lib.stranger"], cwd=os.path.dirname(HERE), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"
        self.fd = os.open(f"/proc/{self.process.pid}/ns/net", os.O_RDONLY)

    def close(self):
        os.close(self.fd)
        self.process.communicate(timeout=30)

    def ask(self, kind, header, attrs, flags):
        """Send a request; None or what it was refused with, (errno, text)."""
        question = {"kind": kind, "header": header.hex(), "attrs": _packed(attrs),
                    "flags": flags}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer and tuple(answer)


def _packed(attrs):
    return [[int(kind), _packed(value) if isinstance(value, list) else value.hex()]
            for kind, value in attrs]


def _unpacked(attrs):
    return [(kind, _unpacked(value) if isinstance(value, list) else bytes.fromhex(value))
            for kind, value in attrs]


def main():
    from . import rtnl

    os.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    print("ready", flush=True)
    netlink = rtnl.Netlink()
    for line in sys.stdin:
        question = json.loads(line)
        answer = None
        try:
            netlink.request(question["kind"], bytes.fromhex(question["header"]),
                            _unpacked(question["attrs"]), question["flags"])
        except rtnl.NetlinkError as error:
            answer = [error.errno, error.text]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
