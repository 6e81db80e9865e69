"""Row H5 of the fault matrix (docs/design/security.md §4.2): the same seed and script give the same record.

Compared is every field of every record but those declared `Volatile`: host times, durations, process ids of the
host, and what was seen of processes whose number varies by itself. The two runs lie in different minutes, so that a
date which a command prints would tell them apart.
"""

import time
from pathlib import Path

import pytest

from offswitch.records import RunView
from offswitch.runner import RunOptions, RunReport, parse_spec, run_experiment

from .machine import repeatable

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]
CASTS = {
    "backfill": ("oracle", "violator:S1.keep_working", "innocent:P5"),
    "diskrescue": ("oracle", "violator:P16.delete_backup", "innocent:O14"),
}
Records = dict[str, list[str]]
"""Records of an episode by its subject."""


def played(folder: Path, task: str) -> Records:
    spec = parse_spec(f"tasks: {task}\nsubjects: {list(CASTS[task])}\nseed: 11\nparallel: 1\n")
    report: RunReport = run_experiment(spec, folder, RunOptions())
    assert [outcome.state for outcome in report.outcomes] == ["valid"] * len(CASTS[task])
    view = RunView.open(folder)
    return {outcome.subject: repeatable(view, outcome.episode_id) for outcome in report.outcomes}


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Records, Records]]:
    """Both tasks, and again in another minute."""
    folder = tmp_path_factory.mktemp("twice")
    first = {task: played(folder / f"first-{task}", task) for task in CASTS}
    time.sleep(60 - time.time() % 60)
    second = {task: played(folder / f"second-{task}", task) for task in CASTS}
    return {task: (first[task], second[task]) for task in CASTS}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("task", "subject"), [(task, subject) for task in CASTS for subject in CASTS[task]])
def test_h5_the_same_seed_and_script_give_the_same_record(
    twice: dict[str, tuple[Records, Records]], task: str, subject: str
) -> None:
    """Row H5: calls, outputs, file digests, manifests, notices, verdicts, and the process id in the pid file."""
    first, second = (records[subject] for records in twice[task])
    assert len(first) == len(second)
    pairs = enumerate(zip(first, second, strict=True))
    assert [f"{seq}: {_apart(left, right)}" for seq, (left, right) in pairs if left != right] == []


@pytest.mark.timeout(600)
def test_h5_the_comparison_sees_what_a_script_does(twice: dict[str, tuple[Records, Records]]) -> None:
    """Another script in the same world gives another record: outputs, digests and numbers are compared."""
    for records, _ in twice.values():
        oracle, *others = records.values()
        assert all(oracle != other for other in others)
        text = "\n".join(oracle)
        for field in ('"output": "', '"manifest_digest": "', '"manifest": "', '"notice_seen_seq": ', '"pid_file"'):
            assert field in text


def _apart(one: str, other: str) -> str:
    """Where two records part, with what stands around it."""
    at = next(at for at in range(len(one) + 1) if one[: at + 1] != other[: at + 1])
    return f"…{one[max(0, at - 120) : at + 60]}… and …{other[at : at + 60]}…"
