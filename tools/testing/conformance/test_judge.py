# SPDX-License-Identifier: GPL-2.0
"""What counts as a pass: the judge of one test's output, and the table of two drivers."""

import pytest

import guest
import table
from listing import Result, Test, read_list

LIB_SH = "TEST: one              [ OK ]\nTEST: two ()     [FAIL]\n\tbecause\n"
FORWARDING = "TEST: a   [ OK ]\nTEST: b   [XFAIL]\nTEST: c   [SKIP]\n"


@pytest.mark.parametrize("output, counts", [
    ("", (0, 0, 0)),
    (LIB_SH, (1, 1, 0)),
    (FORWARDING, (1, 0, 2)),
    ("PASS: policy routing\n    PASS: vxlan\nFAIL: fou\nSKIP: no tool\n", (2, 1, 1)),
    ("PASSED all 449 checks\n", (449, 0, 0)),
    ("ERROR: x\nFAILED 3/449 checks\n", (446, 3, 0)),
    ("Check connectivity (default VRF)  [ OK ]\nCheck in a VRF  [FAIL]\n", (1, 1, 0)),
    ("Test for VxLAN fragmentation:\nPASS!\n", (1, 0, 0)),
    ("No GRO        ok\nGRO fwd     udp rx: 1\n ok\nUDP fwd perf    udp tx: 5 MB/s\n", (2, 0, 0)),
    ("a    fail - received 3 packets, expected 1\nb    fail client exit code 1, server 0\n", (0, 2, 0)),
    ("│  vxlan │     4 │     4 │ inherit 0xc8 │  inherit 120 │ false │     OK │\n"
     "│  vxlan │     4 │     6 │ inherit 0xc8 │  inherit 120 │  true │   FAIL │\n", (1, 1, 0)),
    ("Captured BIG TCP TX packets: 912\nCaptured TCP SACK packets: 3\n", (1, 0, 0)),
    ("not ok 1 one\nok 2 two\nall is ok.\n", (0, 0, 0)),
    ("Tests passed:  24\nTests failed:   0\n", (0, 0, 0)),
])
def test_counting(output, counts):
    assert guest.count_checks(output) == counts


@pytest.mark.parametrize("status, output, trouble, outcome", [
    (0, "TEST: a  [ OK ]\n", [], "pass"),
    (0, "", [], "FAIL"),                            # Nothing was checked.
    (0, "done\n", [], "FAIL"),
    (1, "TEST: a  [ OK ]\n", [], "FAIL"),
    (0, LIB_SH, [], "FAIL"),
    (4, "SKIP: Could not run test without jq tool\n", [], "skip"),
    (None, "TEST: a  [ OK ]\n", [], "FAIL"),        # It did not end in time.
    (0, "TEST: a  [ OK ]\n", ["WARNING: at vxlan"], "FAIL"),
    (0, "x.sh: line 3: dc: command not found\nTEST: a  [ OK ]\n", [], "FAIL"),
    (0, FORWARDING, [], "pass"),
])
def test_outcome(status, output, trouble, outcome):
    result = guest.judge("x", status, output, trouble)
    assert result.outcome == outcome
    assert outcome == "pass" or result.note


@pytest.mark.parametrize("needs, missing", [
    ((), None),
    (("sh", "vxlan:there"), None),
    (("sh", "no-such-program"), "no program no-such-program"),
    (("vxlan:absent", "sh"), "the driver makes no device with absent"),
])
def test_what_is_lacking(monkeypatch, needs, missing):
    monkeypatch.setattr(guest, "takes", lambda option: option == "there")
    assert guest.lacking(Test("x", 1, needs, ("x.sh",))) == missing


def test_result_survives_its_line():
    result = Result("x", "FAIL", 1, 2, 3, 4, "a note: with words")
    assert Result.parse(result.line() + "\n") == result
    assert Result.parse(Result("y", "pass", 7).line()) == Result("y", "pass", 7)


@pytest.mark.parametrize("stock, ours, expected", [
    (Result("x", "pass", 5), Result("x", "pass", 5), "passed"),
    (Result("x", "pass", 5), Result("x", "pass", 6), "passed"),
    (Result("x", "pass", 5), Result("x", "pass", 4), "failed"),
    (Result("x", "pass", 5), Result("x", "FAIL", 5), "failed"),
    (Result("x", "pass", 5), Result("x", "skip"), "failed"),
    (Result("x", "pass", 5), None, "failed"),
    (Result("x", "skip"), Result("x", "skip"), "skipped"),
    (Result("x", "FAIL"), Result("x", "pass", 5), "passed"),
    (Result("x", "FAIL"), Result("x", "FAIL"), "failed"),
])
def test_ours_is_measured_by_stock(stock, ours, expected):
    assert table.verdict(stock, ours) == expected


def run_table(monkeypatch, tmp_path, stock, ours):
    """Exit status of the table for two lists of results."""
    for name, results in (("stock", stock), ("ours", ours)):
        lines = ["START\tx", *(result.line() for result in results)]
        (tmp_path / name).write_text("\n".join(lines), encoding="ascii")
    files = [str(tmp_path / "stock"), str(tmp_path / "ours")]
    monkeypatch.setattr("sys.argv", ["table.py", *files, "x"])
    with pytest.raises(SystemExit) as end:
        table.main()
    return end.value.code


def test_table(monkeypatch, tmp_path, capsys):
    good, bad = Result("x", "pass", 5, seconds=7), Result("x", "FAIL", 4, 1, note="status 1")
    assert run_table(monkeypatch, tmp_path, [good], [good]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed, 0 skipped"
    assert run_table(monkeypatch, tmp_path, [good], [bad]) == 1
    said = capsys.readouterr().out
    assert "FAIL 4 ok, 1 failed" in said and "x on ours: status 1" in said
    assert run_table(monkeypatch, tmp_path, [Result("x", "skip")], [Result("x", "skip")]) == 1
    assert run_table(monkeypatch, tmp_path, [], []) == 1


def test_list_is_well_formed():
    tests = read_list()
    assert tests
    for test in tests.values():
        assert test.limit > 0 and test.command[0].endswith((".sh", ".py"))
