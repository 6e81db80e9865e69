"""`offswitch plot`: files, words, and clear errors."""

from pathlib import Path

import pytest

from offswitch.records import RunPaths, verify_run

from ..analysis.figures.runs import drawn_run
from .terminal import offswitch


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_run(tmp_path_factory.mktemp("plot") / "RUN", seeds=1)


def test_it_writes_the_pages_and_says_where_and_the_run_still_holds(drawn: Path) -> None:
    told = offswitch("plot", drawn, "--page", "verdicts", "--page", "cost")
    assert told.code == 0
    assert told.out.split() == [str(drawn / "figures" / f"{name}.svg") for name in ("verdicts", "cost")]
    assert (drawn / "figures" / "cost.svg").read_bytes().startswith(b"<?xml")
    assert verify_run(RunPaths(drawn)).ok


def test_it_tells_paths_and_words_as_json(drawn: Path, tmp_path: Path) -> None:
    flags = ("--page", "comparison", "--compare", drawn, "--out", tmp_path, "--format", "png", "--json")
    told = offswitch("plot", drawn, *flags)
    (figure,) = told.json["figures"]
    assert figure["path"] == str(tmp_path / "comparison.png")
    assert figure["alt"].startswith("Comparison of drawn and drawn.")
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--page", "radar"), "there is no page 'radar'; --page takes verdicts, frontier"),
        (("--format", "gif"), "--format takes svg, png, pdf, not 'gif'"),
        (("--episode", "ep-9999"), "no episode is called 'ep-9999'"),
    ],
)
def test_what_is_not_there_is_wrong_use_and_said_in_one_line(
    drawn: Path, words: tuple[str, str], complaint: str
) -> None:
    told = offswitch("plot", drawn, *words)
    assert told.code == 2
    assert complaint in told.complaint


def test_a_record_that_does_not_hold_is_told_beside_the_pages(tmp_path: Path) -> None:
    run = drawn_run(tmp_path / "RUN", seeds=1)
    ledger = min((run / "episodes").glob("*.jsonl"))
    ledger.write_bytes(ledger.read_bytes()[:-100])
    told = offswitch("plot", run, "--page", "verdicts")
    assert told.code == 0
    assert "1 episode without a record that holds, in no rate and counted as invalid" in told.err
