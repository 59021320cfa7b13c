#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs selftests of the kernel tree in the VM, one after the other.

guest.py NAME...: the scripts are in /files/linux, as in the kernel's tree, programs that they call in
/files/bin, modules that the kernel lacks in /files/modules.
Prints START before and RESULT after each test; its whole output goes to /out/NAME.log.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "selftests"))

# pylint: disable=wrong-import-position
from lib.kernel_log import KernelLog  # noqa: E402
from listing import Result, read_list  # noqa: E402

SCRIPTS = Path("/files/linux/tools/testing/selftests")
PROGRAMS = Path("/files/bin")
MODULES = Path("/files/modules")
OUT = Path("/out")
SKIP = 4
# One check's outcome, in the ways that the scripts print it; of the last, "Captured", those that
# fall short end the script, with status 1.
VERDICTS = (
    r"\[ ?(OK|PASS|FAIL|SKIP|XFAIL) ?\]\s*$",     # lib.sh, forwarding/lib.sh
    r"^\s*(PASS|FAIL|SKIP): ",                     # rtnetlink.sh
    r"^(PASS)!$",                                  # vxlan_mtu_frag.sh
    r" (ok)$| (fail)(?: -| client )",              # udpgro_fwd.sh
    r"│ +(OK|FAIL) │$",                            # l2_tos_ttl_inherit.sh
    r"^(Captured) TCP SACK packets: \d",           # big_tcp_tunnels.sh
)
VERDICT = re.compile("|".join(VERDICTS), re.MULTILINE)
MEANING = {"PASS": "OK", "ok": "OK", "Captured": "OK", "XFAIL": "SKIP", "fail": "FAIL"}
COUNTED = re.compile(r"^(?:PASSED all|FAILED (\d+)/)\s?(\d+) checks$", re.MULTILINE)
# Without a program that it needs a test may go on and call it a success.
LACKING = re.compile(r"^.*command not found.*$", re.MULTILINE)


def count_checks(output):
    """How many checks a test says have passed, failed, been skipped."""
    tally = {"OK": 0, "FAIL": 0, "SKIP": 0}
    for match in VERDICT.finditer(output):
        word = match.group(match.lastindex)
        tally[MEANING.get(word, word)] += 1
    for failed, total in COUNTED.findall(output):
        tally["FAIL"] += int(failed or 0)
        tally["OK"] += int(total) - int(failed or 0)
    return tally["OK"], tally["FAIL"], tally["SKIP"]


def judge(name, status, output, trouble):
    """Status 0 alone is no pass: checks must have been counted, and none failed."""
    passed, failed, skipped = count_checks(output)
    result = Result(name, "FAIL", passed, failed, skipped)
    broken = LACKING.search(output)
    if trouble:
        result.note = f"the kernel complained: {trouble[0][:80]}"
    elif status is None:
        result.note = "took too long"
    elif broken:
        result.note = broken.group().strip()[:80]
    elif failed or status not in (0, SKIP):
        result.note = f"status {status}"
    elif passed:
        result.outcome = "pass"
    elif status == SKIP or skipped:
        result.outcome = "skip"
        result.note = next((s.strip() for s in output.splitlines() if "SKIP" in s), "")[:80]
    else:
        result.note = "ended well, but checked nothing"
    return result


def install_modules():
    """Put the modules we bring where the tests' own modprobe finds them."""
    files = sorted(MODULES.glob("*.ko"))
    if files:
        target = Path("/lib/modules", os.uname().release, "updates")
        target.mkdir(exist_ok=True)
        for file in files:
            shutil.copy(file, target)
        subprocess.run(["depmod"], check=True)


def takes(option):
    """Whether there can be a device with this option: some scripts go on without theirs, and call it a pass."""
    add = ["ip", "link", "add", "needed", "type", "vxlan", "external", option]
    made = subprocess.run(add, capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run(["ip", "link", "delete", "needed"], check=True)
    return made


def lacking(test):
    """What the test needs and is not here, or None."""
    for need in test.needs:
        kind, _, name = need.rpartition(":")
        if kind == "vxlan":
            if not takes(name):
                return f"the driver makes no device with {name}"
        elif kind == "module":
            run = subprocess.run(["modprobe", "--dry-run", name], capture_output=True, check=False)
            if run.returncode:
                return f"no {name} in this kernel"
        elif not shutil.which(name):
            return f"no program {name}"
    return None


def end_group(child):
    """Ask the test and all it started to end, so that its own clean-up runs, then make them."""
    for how, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)
            return


def execute(test):
    """Exit status, None if it took too long, and output."""
    script = SCRIPTS / test.command[0]
    log = OUT / f"{test.name}.log"
    status = None
    with log.open("wb") as stream:
        # pylint: disable-next=consider-using-with
        child = subprocess.Popen([f"./{script.name}", *test.command[1:]], cwd=script.parent,
                                 stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                                 env={**os.environ, "KSFT_MACHINE_SLOW": "yes"},
                                 start_new_session=True)
        try:
            status = child.wait(test.limit)
        except subprocess.TimeoutExpired:
            end_group(child)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    return status, log.read_text(errors="replace")


def links():
    return set(os.listdir("/sys/class/net"))


def clear(before):
    """What a test left behind is not to meet the next one."""
    subprocess.run(["ip", "-all", "netns", "delete"], capture_output=True, check=False)
    for name in links() - before:
        subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)
    subprocess.run(["modprobe", "vxlan"], check=True)


def other_driver():
    """Tests unload and load the driver; it must still be the one that was asked for."""
    taint = Path("/sys/module/vxlan/taint").read_text(encoding="ascii")
    return ("O" in taint) != (os.environ["VXLAN_DRIVER"] == "ours")


def run(test):
    missing = lacking(test)
    if missing:
        return Result(test.name, "skip", note=missing)
    before, log, start = links(), KernelLog(), time.monotonic()
    status, output = execute(test)
    seconds = round(time.monotonic() - start)
    clear(before)
    trouble = log.trouble()
    log.close()
    result = judge(test.name, status, output, trouble)
    result.seconds = seconds
    if other_driver():
        result.outcome, result.note = "FAIL", "it ran on the other driver"
    return result


def main():
    tests = read_list()
    names = sys.argv[1:]
    os.environ["PATH"] += f":{PROGRAMS}"
    install_modules()
    for name in names:
        print("START", name, sep="\t", flush=True)
        print(run(tests[name]).line(), flush=True)


if __name__ == "__main__":
    main()
