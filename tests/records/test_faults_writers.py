"""Rows F1, F6, F10 and F11 of the fault matrix: killed writers, many writers, odd places, many and large records."""

import errno
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from offswitch.records import MAX_LINE_BYTES, RunStore, RunView, StorageError, doubt_about, verify_run

from .disk import CHECKOUT, nursery
from .example import SPEC, facts, run_episode
from .survivors import missing
from .trials import episode

pytestmark = pytest.mark.timeout(1800)
KILLS = int(os.environ.get("OFFSWITCH_WRITER_KILLS", "40"))
"""Writers killed at random; 1,000 bound the chance of a loss by 0.3 % with 95 % confidence."""
RECORDS = int(os.environ.get("OFFSWITCH_MANY_RECORDS", "20000"))
"""Records of one ledger."""


def forked(work: Callable[[], None]) -> int:
    """Do something in a child of ours."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def write_on(folder: Path, pipe: int) -> None:
    """Episode after episode with the real writer: store, ledger, evidence, manifest, verdicts."""

    def acknowledge(text: str) -> None:
        os.write(pipe, f"{text}\n".encode())

    with RunStore.create(folder / "RUN", facts(), SPEC) as store:
        acknowledge("begun")
        for number in itertools.count():
            episode(store, f"e{number}", acknowledge)


def killed_writer(folder: Path, after_s: float) -> list[str]:
    """What a writer had acknowledged when it was killed."""
    reading, writing = os.pipe()
    pid = forked(lambda: write_on(folder, writing))
    os.close(writing)
    time.sleep(after_s)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(reading, "rb") as said:
        return said.read().decode().splitlines()


def test_f1_nothing_that_was_acknowledged_is_lost_when_the_writer_is_killed(
    tmp_path: Path, trials: Callable[[int], int]
) -> None:
    """40 kills, 1,000 in full, of the real writer of a run: records, artifacts, seals, verdicts."""
    moments = random.Random(1)
    acknowledged = 0
    for number in range(trials(KILLS)):
        folder = tmp_path / str(number)
        folder.mkdir()
        said = killed_writer(folder, moments.uniform(0.0, 0.25))
        assert missing(folder, said) == []
        acknowledged += sum(one.startswith("record ") for one in said)
    assert acknowledged > 10 * KILLS, "most of them were killed in the midst of writing"


def take_turns(root: Path, writer: int) -> None:
    """Wait for the run, write one episode, let it go; five times."""
    for turn in range(5):
        while True:
            with suppress(StorageError):
                with RunStore.resume(root) as store:
                    run_episode(store, f"w{writer}-{turn}")
                break
            time.sleep(0.002)


def test_f6_eight_writers_of_one_run_take_turns_and_no_record_of_one_stands_in_that_of_another(tmp_path: Path) -> None:
    RunStore.create(tmp_path / "RUN", facts(), SPEC).close()
    pids = [forked(partial(take_turns, tmp_path / "RUN", writer)) for writer in range(8)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 8
    view = RunView.open(tmp_path / "RUN")
    assert sorted(view.episodes()) == sorted(f"w{writer}-{turn}" for writer in range(8) for turn in range(5))
    assert all(view.anchor(one).sealed for one in view.episodes())
    assert verify_run(view.paths).ok


def write_own(root: Path) -> None:
    with RunStore.create(root, facts(), SPEC) as store:
        for number in range(5):
            run_episode(store, f"e{number}")


def test_f6_eight_runs_side_by_side_in_one_results_folder_do_not_touch_each_other(tmp_path: Path) -> None:
    pids = [forked(partial(write_own, tmp_path / str(one))) for one in range(8)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 8
    reports = [verify_run(RunView.open(tmp_path / str(one)).paths) for one in range(8)]
    assert [(one.ok, one.notes, one.episodes) for one in reports] == [(True, (), 5)] * 8


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a file system in a folder of its own."""
    made: list[Path] = []

    def mount(kind: str, options: str) -> Path:
        folder = tmp_path / kind
        folder.mkdir()
        subprocess.run(["mount", "-t", kind, "-o", options, kind, folder], check=True)
        made.append(folder)
        return folder

    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    yield mount
    for folder in reversed(made):
        subprocess.run(["umount", folder], check=True)


def test_f10_a_run_in_memory_or_in_a_container_s_layer_is_doubted(
    tmp_path: Path, mounted: Callable[[str, str], Path]
) -> None:
    memory = mounted("tmpfs", "size=1m")
    for name in ("lower", "upper", "work"):
        (memory / name).mkdir()
    layers = mounted("overlay", f"lowerdir={memory}/lower,upperdir={memory}/upper,workdir={memory}/work")
    assert "lies in memory (tmpfs)" in doubt_about(memory / "not there yet" / "RUN")
    assert "lies in the layer of a container (overlay)" in doubt_about(layers)
    RunStore.create(layers / "RUN", facts(), SPEC).close()
    assert verify_run(RunView.open(layers / "RUN").paths).ok, "it is told, and it works"


@pytest.mark.parametrize(
    ("kind", "doubted"),
    [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("9p", True), ("ext4", False), ("xfs", False)],
)
def test_f10_places_on_the_network_are_doubted_and_plain_disks_are_not(kind: str, doubted: bool) -> None:
    table = f"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / /my\\040runs rw - {kind} server:/x rw\n"
    assert bool(doubt_about(Path("/my runs/RUN"), table)) == doubted
    assert doubt_about(Path("/my runs2/RUN"), table) == ""


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_f10_a_file_system_without_locks_is_refused_by_name(tmp_path: Path, number: int) -> None:
    with nursery("tests.records.trials", tmp_path) as disk:
        for nth in range(1, 100):
            (tmp_path / str(nth)).mkdir()
            told = disk.fail("whole_run", tmp_path / str(nth), nth, number)
            if told.fired == "flock":
                assert "has no working locks" in told.text
                assert "put the run on a local disk" in told.text
                return
    raise AssertionError("no lock was ever taken")


MEASURED = """
import json, resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from offswitch.records import *
from tests.records.example import *
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
root, told = Path(sys.argv[1]), {"before": most()}
"""


def measured(root: Path, script: str, *more: object) -> dict[str, float]:
    """What a process of its own says about its time and memory, in seconds and MiB."""
    command = [sys.executable, "-c", MEASURED + script, str(root), str(CHECKOUT), *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


LARGE = """
size = int(sys.argv[3])
with RunStore.create(root, facts(), SPEC) as store:
    ledger = store.open_ledger("e1")
    ledger.append(opened("e1"))
    ledger.append(ProbeRead(step=0, probe="p", value="x" * size))
    try:
        ledger.append(ProbeRead(step=0, probe="p", value="x" * (size + 1000)))
    except RecordError as error:
        told["refused"] = "store it as an artifact" in str(error)
    ledger.append(EpisodeSealed(valid=True, steps=0, score=0.0, usage={}))
    store.seal(ledger)
told["records"] = sum(1 for _ in RunView.open(root).records("e1"))
told["most"] = most()
print(json.dumps(told))
"""


def test_f11_the_largest_record_is_written_and_read_in_bounded_memory(tmp_path: Path) -> None:
    told = measured(tmp_path / "RUN", LARGE, MAX_LINE_BYTES - 500)
    assert told["refused"]
    assert told["records"] == 3
    assert told["most"] - told["before"] < 8 * MAX_LINE_BYTES / 2**20


MANY = """
with RunStore.create(root, facts(), SPEC) as store:
    ledger = store.open_ledger("e1")
    ledger.append(opened("e1"))
    for step in range(int(sys.argv[3])):
        ledger.append(MilestoneReached(step=step, progress=0.5))
    ledger.append(EpisodeSealed(valid=True, steps=0, score=0.0, usage={}))
    store.seal(ledger)
told["most"] = most()
print(json.dumps(told))
"""
OPENED = """
started = time.monotonic()
view = RunView.open(root)
told["open_s"] = time.monotonic() - started
RunStore.resume(root).close()
told["resume_s"] = time.monotonic() - started
told["records"] = sum(1 for _ in view.records("e1"))
told["most"] = most()
print(json.dumps(told))
"""


def test_f11_a_ledger_of_many_records_is_opened_at_once_and_read_in_bounded_memory(
    tmp_path: Path, trials: Callable[[int], int]
) -> None:
    """20,000 records, 10⁶ in full; opening and going on take at most 2 s, reading holds one record at a time."""
    number = trials(RECORDS)
    written = measured(tmp_path / "RUN", MANY, number)
    read = measured(tmp_path / "RUN", OPENED)
    assert read["records"] == number + 2
    assert read["open_s"] <= read["resume_s"] <= 2.0
    assert max(written["most"] - written["before"], read["most"] - read["before"]) < 64
