"""No row of the fault matrix is without a test in silence, and `make faults` runs what it says."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from .fault_rows import MATRIX, ROOT, allowed, covered, matrix, rows_of_name, trials, variables_read

TEXT = MATRIX.read_text(encoding="utf-8")


def test_every_row_has_a_test_or_stands_in_the_documentation_with_its_reason() -> None:
    rows = matrix(TEXT)
    assert len(rows) == len(set(rows)) == 101
    missing = [row for row in rows if row not in covered() and row not in allowed(TEXT)]
    assert missing == [], "write a test whose name begins with the id, or give the reason in security.md §4.4"


def test_no_test_and_no_reason_is_about_a_row_that_does_not_exist() -> None:
    assert set(covered()) - set(matrix(TEXT)) == set()
    assert set(allowed(TEXT)) - set(matrix(TEXT)) == set()
    assert all(len(reason) > 10 for reason in allowed(TEXT).values())


def test_every_number_of_trials_has_a_full_value() -> None:
    assert set(variables_read()) - set(trials()) == set(), "say in tests/faults.toml how often `make faults` does it"
    assert set(trials()) - set(variables_read()) == set(), "no test reads these"


def test_a_name_carries_its_row_and_no_other() -> None:
    assert rows_of_name("test_k10_what_stood_there") == {"K10"}
    assert rows_of_name("TestH1Provider") == {"H1"}
    assert [rows_of_name(name) for name in ("test_s3_x", "test_k1", "TestLife", "test_h264x_y")] == [set()] * 4


def test_the_table_of_reasons_is_read_with_its_ranges() -> None:
    table = "\n### 4.4 Rows\n| row | why |\n|---|---|\n| A1–A3, C2 | nobody has |\n\n## 5\n| D1 | not this |\n"
    assert allowed(table) == dict.fromkeys(("A1", "A2", "A3", "C2"), "nobody has")


REPORT = """<testsuites><testsuite>
<testcase classname="a" name="x"><properties><property name="rows" value="K1 K2"/><property name="trials" value="300"/>
</properties></testcase>
<testcase classname="a" name="y"><properties><property name="rows" value="K1"/></properties></testcase>
<testcase classname="a" name="z"><properties><property name="rows" value="K3"/></properties><skipped message="no root"/>
</testcase>
<testcase classname="a" name="w"><properties><property name="rows" value="K2"/></properties><failure message="no"/>
</testcase>
<testcase classname="a" name="v"/>
</testsuite></testsuites>"""


@pytest.fixture
def command(tmp_path: Path) -> dict[str, Any]:
    """What stands in the script of `make faults`, with a report of three rows."""
    (tmp_path / "faults.xml").write_text(REPORT)
    script = runpy.run_path(str(ROOT / ".ci" / "faults.py"))
    return {**script, "rows": script["read"](tmp_path / "faults.xml")}


def test_the_table_counts_trials_and_names_what_failed_was_skipped_or_is_missing(
    command: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert not command["show"](command["rows"], ["K1", "K2", "K3", "K4", "K5"], {"K5": "cannot be run here"})
    told = capsys.readouterr().out
    lines = {line.split()[0]: line.split()[1:] for line in told.splitlines() if line.startswith("K")}
    assert lines["K1"] == ["passed", "301"]
    assert lines["K2"] == ["FAILED", "300"]
    assert lines["K3"] == ["SKIPPED", "0"]
    assert lines["K4"] == ["MISSING", "–"]
    assert lines["K5"] == ["no", "test", "–", "cannot", "be", "run", "here"]
    assert "a::w" in told
    assert "a::z: no root" in told
    assert told.strip().endswith("K2 K3 K4")


def test_a_part_that_was_done_is_not_done_again(
    command: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tests.test_none.xml").write_text(REPORT)
    assert not command["part"]("tests/test_none.py", tmp_path, []), "it failed then, and that is remembered"
    assert capsys.readouterr().out == "tests/test_none.py: done before\n"


def test_a_part_that_was_broken_off_is_asked_for_again(command: dict[str, Any], tmp_path: Path) -> None:
    assert not command["part"]("tests/test_none.py", tmp_path, [])
    assert not (tmp_path / "tests.test_none.xml").exists()
    assert "no tests ran" in (tmp_path / "tests.test_none.log").read_text()


def test_another_selection_begins_anew(command: dict[str, Any]) -> None:
    assert command["key"]([]) != command["key"](["-k", "a1"])


def test_the_parts_are_one_report(command: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "other.xml").write_text(REPORT.replace("K1", "K9"))
    command["join"]([tmp_path / name for name in ("faults.xml", "missing.xml", "other.xml")], tmp_path / "whole.xml")
    assert {"K1", "K9"} <= command["read"](tmp_path / "whole.xml").keys()


def test_a_reason_excuses_a_row_that_was_skipped_and_none_that_failed(command: dict[str, Any]) -> None:
    show, rows = command["show"], command["rows"]
    assert show(rows, ["K1", "K3"], {"K3": "needs root"})
    assert not show(rows, ["K1", "K2"], {"K2": "a reason"})
