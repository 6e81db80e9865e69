"""Killed processes and full disks: what was acknowledged is there, and nothing is half there."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from offswitch.records import (
    Ledger,
    Record,
    RunPaths,
    RunStore,
    StorageError,
    load_manifest,
    read_ledger,
    recover,
    verify_run,
)

from .example import SPEC, call, facts, opened, returned, run_episode

WRITER = """
import os, sys
from pathlib import Path
from offswitch.records import Ledger, MilestoneReached
ledger = Ledger(Path(sys.argv[1]))
os.write(1, b"ready\\n")
for step in range(10**9):
    record = ledger.append(MilestoneReached(step=step, progress=0.5))
    os.write(1, b"%d\\n" % record.seq)
"""


def killed_writer(path: Path, after_s: float) -> int:
    """Let a process write to a ledger, kill it, and return how many records it had acknowledged."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(after_s)
        process.kill()
        acknowledged = process.stdout.read().split(b"\n")[:-1]
        assert process.wait() == -signal.SIGKILL
    return len(acknowledged)


@pytest.mark.parametrize("seed", range(20))
def test_f1_no_acknowledged_record_is_lost_when_the_writer_is_killed(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "e.jsonl"
    acknowledged = killed_writer(path, random.Random(seed).uniform(0.001, 0.03))
    found = recover(path, tmp_path / "quarantine")
    assert found.records in (acknowledged, acknowledged + 1)
    assert [record.seq for record in read_ledger(path)] == list(range(found.records))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small file system is not allowed here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(ledger: Ledger) -> tuple[list[Record], StorageError]:
    """Write until the disk is full."""
    written = [ledger.append(opened("e1"))]
    for step in range(1, 10**6):
        try:
            written.append(ledger.append(returned(step, "x" * (step % 701))))
        except StorageError as error:
            return written, error
    raise AssertionError("the disk never filled")


@pytest.mark.parametrize("step", range(0, 4000, 371))
def test_f3_on_a_full_disk_the_ledger_stops_and_every_earlier_record_is_intact(small_disk: Path, step: int) -> None:
    """A ballast of different sizes makes the last write fit in part, so that short writes are met too."""
    (small_disk / "ballast").write_bytes(b"x" * step)
    with Ledger(small_disk / "e1.jsonl") as ledger:
        written, error = fill(ledger)
        (small_disk / "ballast").unlink()
        with pytest.raises(StorageError, match="takes no more records"):
            ledger.append(call(1))
        assert "space" in str(error)
        assert list(read_ledger(ledger.path, (ledger.count, ledger.head))) == written


def test_f3_a_run_on_a_full_disk_says_so_and_resumes_once_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 8192)
    store = RunStore.create(small_disk / "RUN", facts(), SPEC)
    written, _ = fill(store.open_ledger("e1"))
    with pytest.raises(StorageError, match="No space left"):
        store.evidence.put(os.urandom(9000))
    ballast.unlink()
    store.close()
    with RunStore.resume(small_disk / "RUN") as again:
        assert list(again.records("e1")) == written
        assert again.finished == frozenset()
    assert verify_run(again.paths).ok


LIMITED = """
import resource, signal, sys
from pathlib import Path
from offswitch.records import Ledger, ProbeRead, StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = Ledger(Path(sys.argv[1]))
ledger.append(ProbeRead(step=0, probe="p", value="x" * 100))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    for step in range(1, 1000):
        ledger.append(ProbeRead(step=step, probe="p", value="x" * 100))
except StorageError as error:
    print(ledger.count, ledger.head, error)
"""


@pytest.mark.parametrize("limit", [1000, 1001, 1234, 4096])
def test_f3_a_write_that_the_kernel_cuts_short_is_cut_off_again(tmp_path: Path, limit: int) -> None:
    """A limit on the size of a file makes the kernel write a part of a line, as a full disk does."""
    path = tmp_path / "e.jsonl"
    done = subprocess.run([sys.executable, "-c", LIMITED, path, str(limit)], capture_output=True, text=True, check=True)
    count, head, said = done.stdout.split(" ", 2)
    assert "short write" in said
    assert len(list(read_ledger(path, (int(count), head)))) == int(count)
    assert path.stat().st_size <= limit


FAULTY = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from offswitch.records import RunStore
from tests.records.example import run_episode

def die_at(number):
    left = [number]
    def step(name, act, *args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            if name == "write":
                act(args[0], args[1][: len(args[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*args, **kwargs)
    for name in ("open", "write", "fsync", "replace"):
        act = getattr(os, name)
        setattr(os, name, lambda *args, _name=name, _act=act, **kwargs: step(_name, _act, *args, **kwargs))

store = RunStore.resume(Path(sys.argv[1]))
act, number = sys.argv[2], int(sys.argv[3])
if act == "seal":
    run_episode(store, "e1")
    die_at(number)
    run_episode(store, "e2")
else:
    store.paths.readme.write_text("offswitch run …")
    die_at(number)
    store.anchor_file(store.paths.readme)
"""


def dies(root: Path, act: str, number: int) -> bool:
    """Do something with a run in another process that is killed at its ``number``-th system call that writes."""
    checkout = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FAULTY, root, act, str(number), checkout],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def test_f7_a_crash_at_any_step_of_writing_the_manifest_leaves_the_old_or_the_new_one(tmp_path: Path) -> None:
    found: list[bool] = []
    while dies(new_run(tmp_path / f"RUN{len(found)}"), "anchor", len(found) + 1):
        paths = RunPaths(tmp_path / f"RUN{len(found)}")
        found.append("README.txt" in load_manifest(paths.manifest).files)
        assert verify_run(paths).ok
    # killed while the anchored file is put on the disk, in open, write, sync, close, rename; then in syncing the folder
    assert found == [False] * 9 + [True, True]


def test_f7_a_crash_at_any_step_of_sealing_leaves_a_run_that_resumes_with_nothing_lost(tmp_path: Path) -> None:
    """The episode before it is always there; the one that was being sealed is complete or a crashed attempt."""
    steps = 0
    while dies(new_run(tmp_path / f"RUN{steps + 1}"), "seal", steps + 1):
        steps += 1
        root = tmp_path / f"RUN{steps}"
        with RunStore.resume(root) as store:
            assert "e1" in store.finished
            assert set(store.resumed.adopted) | set(store.resumed.crashed) <= {"e2"}
            if "e2" not in store.manifest.episodes:
                run_episode(store, "e2")
            elif "e2" not in store.finished:
                run_episode_again(store)
        assert verify_run(store.paths).ok
    assert steps >= 20


def new_run(root: Path) -> Path:
    RunStore.create(root, facts(), SPEC).close()
    return root


def run_episode_again(store: RunStore) -> None:
    """A crashed attempt is never written to again: the next one has a name of its own."""
    with pytest.raises(StorageError, match="File exists"):
        store.open_ledger("e2")
    run_episode(store, "e2-again")
