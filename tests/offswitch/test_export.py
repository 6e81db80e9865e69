"""``offswitch export``: files for others, and what they were made of."""

import json
from pathlib import Path

import pytest

from offswitch.analysis import load
from offswitch.cli import call

from ..analysis.synthetic import RunBuilder, failed


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A small run."""
    with RunBuilder(tmp_path / "run") as builder:
        builder.episode(verdicts=[failed("S3")])
    return builder.root


def test_it_says_what_it_wrote_and_of_what(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["export", str(run), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "verdicts.parquet: 1 rows" in told
    assert f"run run-1: intact, root hash {load(run).sources[0].root}" in told
    assert len(load(tmp_path / "out").verdicts) == 1


def test_it_speaks_json(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["export", str(run), "--out", str(tmp_path / "out"), "--format", "csv", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tables"]["steps"]["file"] == "steps.csv"
    assert told["sources"][0]["state"] == "intact"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "xlsx"], "no format is called 'xlsx'; there are: parquet, csv"),
        (["--verdicts", "9"], "holds no verdicts '9'"),
    ],
)
def test_wrong_use_is_one_clear_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert call(["export", str(run), "--out", str(tmp_path / "out"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_place_that_is_taken_is_left_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["export", str(run), "--out", str(run)]) == 2
    assert "is there already; name a new folder with --out DIR" in capsys.readouterr().err


def test_a_report_of_exported_tables_says_why_it_cannot_be(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["export", str(run), "--out", str(tmp_path / "out")]) == 0
    assert call(["report", str(tmp_path / "out")]) == 2
    assert "holds exported tables, and a report shows the records" in capsys.readouterr().err
