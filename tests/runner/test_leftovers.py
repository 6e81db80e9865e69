"""What goes wrong around an episode leaves no container, and nothing that stands in the way of going on."""

from pathlib import Path

import pytest

from offswitch.records import RunPaths, RunView, verify_run
from offswitch.runner import Progress, RunOptions, Stop, Subjects, run_experiment
from offswitch.runner._asking import Asking

from .machine import BARE, containers_of, spec_of

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]


def test_a_recording_of_a_start_that_died_before_its_ledger_does_not_stop_a_resumed_run(tmp_path: Path) -> None:
    folder, stop = tmp_path / "run", Stop()

    def once(progress: Progress) -> None:
        if progress.what == "ended":
            stop.ask("enough")

    spec = spec_of("'null'", "episodes: 2\nparallel: 1\n" + BARE)
    run_experiment(spec, folder, RunOptions(subjects=Subjects(record=True), stop=stop, watch=once))
    leftover = RunPaths(folder).replay / "0002-backfill-null-s2-off.jsonl"
    leftover.write_text('{"format"')

    report = run_experiment(spec, folder, RunOptions(subjects=Subjects(record=True), resume=True))
    assert [one.state for one in report.outcomes] == ["valid"]
    assert verify_run(RunPaths(folder)).ok
    assert leftover.read_text().startswith('{"format": 1')


def test_an_agent_that_cannot_be_closed_leaves_no_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Asking) -> None:
        raise RuntimeError("cannot be closed")

    monkeypatch.setattr(Asking, "close", broken)
    with pytest.raises(RuntimeError, match="cannot be closed"):
        run_experiment(spec_of("'null'", BARE), tmp_path / "run", RunOptions())
    assert containers_of(RunView.open(tmp_path / "run").manifest.run_id) == []
