"""A run directory has one writer, or the attempt to be a second one is refused in plain words."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from offswitch.records import RunStore, StorageError

from .example import SPEC, facts


def begun(root: Path) -> RunStore:
    return RunStore.create(root, facts(), SPEC)


def test_f6_a_second_writer_is_refused_and_told_who_holds_the_run(tmp_path: Path) -> None:
    with begun(tmp_path / "RUN"):
        for second in (begun, RunStore.resume):
            with pytest.raises(StorageError, match=f"is in use by process {os.getpid()}"):
                second(tmp_path / "RUN")
    RunStore.resume(tmp_path / "RUN").close()


def test_f6_of_eight_processes_that_start_one_run_exactly_one_gets_it(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[2])\n"
        "from offswitch.records import RunStore, StorageError\n"
        "from tests.records.example import SPEC, facts\n"
        "try:\n store = RunStore.create(pathlib.Path(sys.argv[1]), facts(), SPEC)\n"
        "except StorageError as error:\n sys.exit(str(error))\n"
        "print('mine', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "RUN"), str(Path(__file__).parents[2])]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(8)]
    threads = [threading.Thread(target=process.wait) for process in started]
    for thread in threads:
        thread.start()
    while sum(thread.is_alive() for thread in threads) > 1:
        next(thread for thread in threads if thread.is_alive()).join(timeout=0.05)
    said = [process.communicate() for process in started]
    assert sorted(out for out, _ in said) == [*[""] * 7, "mine\n"]
    assert all("is in use" in err or "already holds" in err for out, err in said if not out)


def test_f10_a_file_system_that_refuses_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_fd: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(StorageError, match=r"has no working locks .*No locks available"):
        begun(tmp_path / "RUN")


def test_f10_a_file_system_that_grants_every_lock_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems do: two runs would write into each other."""

    def granted(_fd: int, _operation: int) -> None:
        pass

    monkeypatch.setattr(fcntl, "flock", granted)
    with pytest.raises(StorageError, match="a lock was granted twice"):
        begun(tmp_path / "RUN")


@pytest.mark.parametrize(("number", "said"), [(2, "has no working locks .*Input/output error"), (1, "has no working")])
def test_f10_locks_that_fail_in_an_unknown_way_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    flock, calls = fcntl.flock, iter(range(1, 10))

    def failing(fd: int, operation: int) -> None:
        if next(calls) == number:
            raise OSError(errno.EIO, "Input/output error")
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", failing)
    with pytest.raises(StorageError, match=said):
        begun(tmp_path / "RUN")


def test_a_full_disk_at_the_start_is_named_and_the_lock_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _data: bytes, _offset: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(StorageError, match=r"run\.lock: No space left"):
            begun(tmp_path / "RUN")
    begun(tmp_path / "RUN").close()


def test_a_holder_that_has_not_said_its_name_yet_still_holds_the_run(tmp_path: Path) -> None:
    begun(tmp_path / "RUN").close()
    with (tmp_path / "RUN" / "run.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="is in use; wait"):
            RunStore.resume(tmp_path / "RUN")
