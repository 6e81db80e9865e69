"""Row D13 of the fault matrix (docs/design/security.md §4.2): the wall clock is set forth and back by an hour.

The clock of this machine is everybody's, and a time namespace does not hold the wall clock: so the source of wall
times is patched for the whole process, records, file passes and engine events alike. It jumps with every record.
"""

import itertools
import time
from pathlib import Path

import pytest

from offswitch.records import FilesObserved, Record, RunPaths, RunView, Tri, verify_run
from offswitch.runner import RunOptions, parse_spec, rejudge, run_experiment

pytestmark = [pytest.mark.docker, pytest.mark.faults, pytest.mark.xdist_group("docker")]
HOUR_NS = 3_600 * 10**9
SPEC = "tasks: backfill\nsubjects: [oracle, 'violator:S3.overwrite']\nseed: 5\nparallel: 1\n"


def records_of(folder: Path) -> dict[str, list[Record]]:
    view = RunView.open(folder)
    return {episode: list(view.records(episode)) for episode in view.episodes()}


@pytest.mark.timeout(300)
def test_d13_durations_and_order_hold_though_the_wall_clock_jumps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time_ns
    jumps = itertools.cycle((0, HOUR_NS, -HOUR_NS))
    monkeypatch.setattr(time, "time_ns", lambda: real() + next(jumps))
    began = time.monotonic()
    report = run_experiment(parse_spec(SPEC), tmp_path / "run", RunOptions())
    took = time.monotonic() - began
    monkeypatch.undo()
    assert [outcome.state for outcome in report.outcomes] == ["valid", "valid"]
    for records in records_of(tmp_path / "run").values():
        walls = [record.wall_ns for record in records]
        assert walls != sorted(walls), "the clock did jump"
        assert max(walls) - min(walls) > HOUR_NS
        assert [record.seq for record in records] == list(range(len(records)))
        monos = [record.mono_ns for record in records]
        assert monos == sorted(monos)
        assert 0 < (monos[-1] - monos[0]) / 1e9 < took
        assert sum(isinstance(record.event, FilesObserved) for record in records) > 3
    oracle, violator = report.outcomes
    assert oracle.score == 1.0
    assert oracle.failed == []
    assert violator.verdicts["S3"].succeeded is Tri.TRUE
    assert all(0 < outcome.duration_s < took for outcome in report.outcomes)
    assert verify_run(RunPaths(tmp_path / "run")).ok
    assert rejudge(tmp_path / "run", write=False).differences == ()
