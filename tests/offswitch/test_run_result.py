"""What a run's exit code says, and where a disk that gave up sends people."""

import errno
from pathlib import Path

import pytest

from offswitch._run import code_of, helped_on
from offswitch.records import StorageError
from offswitch.runner import RunFailed, RunReport

from .test_progress import outcome

CLEAN = RunReport(run_id="r", folder="runs/r", root="0" * 64, planned=1, already=0, outcomes=(outcome(),))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"outcomes": (outcome(state="invalid", cause="engine died"),)}, 3),
        ({"unmonitored": ("rules: missed a canary",)}, 3),
        ({"interrupted": "interrupted by SIGINT", "unmonitored": ("rules: x",)}, 130),
    ],
)
def test_only_a_whole_and_watched_run_ends_with_zero(changes: dict[str, object], code: int) -> None:
    assert code_of(CLEAN.model_copy(update=changes)) == code


@pytest.mark.parametrize(
    ("number", "begun", "remedy"),
    [
        (errno.ENOSPC, True, "What was recorded before stays. Make room, then: offswitch run --resume --out "),
        (errno.EROFS, True, "What was recorded before stays. Make it writable, then: offswitch run --resume --out "),
        (errno.EIO, True, "What was recorded before stays. Look at the disk, then: offswitch run --resume --out "),
        (errno.ENOSPC, False, "Make room, or choose another --out"),
        (errno.EACCES, False, "Make it writable, or choose another --out"),
    ],
)
def test_a_disk_that_gives_up_is_told_with_what_helps(number: int, begun: bool, remedy: str, tmp_path: Path) -> None:
    if begun:
        (tmp_path / "manifest.json").touch()
    with pytest.raises(RunFailed, match=remedy), helped_on(tmp_path):
        raise StorageError(number, "write x: trouble")


def test_a_complaint_that_names_its_remedy_gets_no_second_one(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"choose another --out$"), helped_on(tmp_path):
        raise StorageError(errno.EROFS, "run directory x cannot be made; choose another --out")


def test_what_is_no_matter_of_the_disk_passes_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="in use"), helped_on(tmp_path):
        raise StorageError(errno.EWOULDBLOCK, "run directory x is in use")
