"""Rows F3 and F4 of the fault matrix: whichever call fails, the error has a type and nothing acknowledged is lost."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .disk import CHECKOUT, SHORT, Disk, nursery
from .survivors import missing, summary

pytestmark = pytest.mark.timeout(1800)
EVERY = int(os.environ.get("OFFSWITCH_DISK_EVERY", "17"))
"""Which of the calls are made to fail: each one in full."""


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    with nursery("tests.records.trials", tmp_path_factory.mktemp("disk")) as disk:
        yield disk


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory where there is one: here the disk fails only when it is told to."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder).resolve()


def fail_each(disk: Disk, place: Path, number: int) -> Counter[str]:
    """Let one call after the other fail, each in a run of its own; how often each kind of call was met."""
    met: Counter[str] = Counter()
    nth = 1
    while True:
        folder = place / str(nth)
        folder.mkdir()
        told = disk.fail("whole_run", folder, nth, number)
        where = f"call {nth} ({told.fired})"
        assert not told.error or {"RecordError", "OSError"} <= set(told.error), f"{where}: {told.trace}"
        assert missing(folder, told.acknowledged) == [], where
        shutil.rmtree(folder)
        if not told.fired:
            assert told.acknowledged[-1] == "closed", "without a failure it goes through"
            return met
        met[told.fired] += 1
        nth += EVERY


@pytest.mark.parametrize("number", [errno.ENOSPC, SHORT], ids=["ENOSPC", "short"])
def test_f3_a_disk_that_is_full_at_any_write_costs_nothing_that_was_acknowledged(
    disk: Disk, place: Path, number: int, trials: Callable[[int], int]
) -> None:
    """Each 17th call of a run, every one in full; a short write comes before the error, as the kernel does it."""
    met = fail_each(disk, place, number)
    assert met["write"] > 0, summary(met)
    trials(met.total())


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EMFILE, errno.EINTR], ids=errno.errorcode.get)
def test_f4_a_call_that_fails_anywhere_is_a_typed_error_and_costs_nothing_that_was_acknowledged(
    disk: Disk, place: Path, number: int, trials: Callable[[int], int]
) -> None:
    """Each 17th call of a run, every one in full: open, read, write, sync, rename, close, lock, make a folder …"""
    met = fail_each(disk, place, number)
    assert len(met) > 3, summary(met)
    if EVERY == 1:
        assert met.keys() >= {"open", "read", "write", "fsync", "fdatasync", "rename", "close", "flock", "mkdir"}
    trials(met.total())


def test_f4_the_look_itself_sees_an_error_without_a_type_and_a_loss(disk: Disk, place: Path) -> None:
    told = disk.fail("careless", place, 1, errno.EIO)
    assert told.fired == "open"
    assert "RecordError" not in told.error
    assert missing(place, ["begun"]) == ["the run was begun and has no manifest"]


LIMITED = """
import os, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from offswitch.records import RecordError
from tests.records.trials import whole_run
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + int(sys.argv[3]), 4096))
said = []
try:
    whole_run(Path(sys.argv[1]), said.append)
    print("through")
except RecordError as error:
    print("typed", error.errno)
"""


@pytest.mark.parametrize("spare", [0, 1])
def test_f4_the_kernel_itself_fails_as_it_is_made_to_fail_here(tmp_path: Path, spare: int) -> None:
    """Without a descriptor to spare the real calls give the same error as the ones that are made to."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path), str(CHECKOUT), str(spare)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["typed", str(errno.EMFILE)]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 64
    assert missing(tmp_path, []) == []
