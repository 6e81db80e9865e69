"""A ledger loses nothing that it acknowledged, and takes nothing behind a gap."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.records import (
    GENESIS,
    Ledger,
    MilestoneReached,
    ProbeRead,
    Record,
    RecordError,
    StorageError,
    head_of,
    read_ledger,
)

from ..strategies import HOSTILE
from .example import call, opened, returned


def milestone(step: int) -> MilestoneReached:
    return MilestoneReached(step=step, progress=0.5)


def filled(path: Path, count: int) -> Ledger:
    ledger = Ledger(path)
    for step in range(count):
        ledger.append(milestone(step))
    return ledger


def test_records_come_back_in_order_and_head_and_count_are_those_of_the_file(tmp_path: Path) -> None:
    with Ledger(tmp_path / "e.jsonl") as ledger:
        written = [ledger.append(event, sync=True) for event in (opened("e"), call(1), returned(1))]
    assert list(read_ledger(ledger.path)) == written
    assert [record.seq for record in written] == [0, 1, 2]
    assert (ledger.count, ledger.head) == head_of(ledger.path)


def test_an_empty_ledger_has_no_records(tmp_path: Path) -> None:
    Ledger(tmp_path / "e.jsonl").close()
    assert list(read_ledger(tmp_path / "e.jsonl", (0, GENESIS))) == []


def test_an_episode_is_written_once(tmp_path: Path) -> None:
    Ledger(tmp_path / "e.jsonl").close()
    with pytest.raises(StorageError, match="File exists"):
        Ledger(tmp_path / "e.jsonl")


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        Ledger(tmp_path / "nowhere" / "e.jsonl")


@pytest.mark.parametrize("text", HOSTILE)
def test_observers_see_what_a_reader_will_see(tmp_path: Path, text: str) -> None:
    """Live monitors and replayed ones must judge the same words."""
    seen: list[Record] = []
    with Ledger(tmp_path / "e.jsonl") as ledger:
        ledger.subscribe(seen.append)
        returned_record = ledger.append(returned(1).model_copy(update={"output": text}))
        ledger.append(ProbeRead(step=1, probe="p", value={text: (text,)}))
    assert list(read_ledger(ledger.path)) == seen
    assert returned_record == seen[0]


def test_an_observer_must_not_write(tmp_path: Path) -> None:
    """Its record would reach the other observers before the one that caused it."""

    def answer(_: Record) -> None:
        ledger.append(milestone(9))

    with Ledger(tmp_path / "e.jsonl") as ledger:
        ledger.subscribe(answer)
        with pytest.raises(RuntimeError, match="must not append"):
            ledger.append(milestone(0))
    assert len(list(read_ledger(ledger.path))) == 1


def test_an_observer_that_fails_leaves_the_ledger_whole(tmp_path: Path) -> None:
    def fail_at_first(record: Record) -> None:
        if record.seq == 0:
            raise ArithmeticError

    with Ledger(tmp_path / "e.jsonl") as ledger:
        ledger.subscribe(fail_at_first)
        with pytest.raises(ArithmeticError):
            ledger.append(milestone(0))
        ledger.append(milestone(1))
    assert [record.seq for record in read_ledger(ledger.path)] == [0, 1]


def test_threads_write_one_chain(tmp_path: Path) -> None:
    seen: list[int] = []
    with Ledger(tmp_path / "e.jsonl") as ledger:
        ledger.subscribe(lambda record: seen.append(record.seq))
        threads = [threading.Thread(target=lambda: [ledger.append(milestone(i)) for i in range(50)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(list(read_ledger(ledger.path, (ledger.count, ledger.head)))) == 400
    assert seen == list(range(400))


def test_a_closed_ledger_takes_no_records(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "e.jsonl", 1)
    ledger.close()
    ledger.close()
    for act in (lambda: ledger.append(milestone(1)), ledger.sync):
        with pytest.raises(StorageError, match="closed"):
            act()


def test_a_record_that_is_too_large_is_refused_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offswitch.records._ledger.MAX_LINE_BYTES", 1000)
    with filled(tmp_path / "e.jsonl", 1) as ledger:
        with pytest.raises(RecordError, match="store it as an artifact"):
            ledger.append(returned(1, "x" * 1000))
        ledger.append(milestone(1))
    assert len(list(read_ledger(ledger.path))) == 2


Fault = Callable[[int, bytes], int]
real_write = os.write


def short(fd: int, data: bytes) -> int:
    return real_write(fd, data[: len(data) // 2])


def failing(number: int) -> Fault:
    def fault(fd: int, data: bytes) -> int:
        real_write(fd, data[:3])
        raise OSError(number, os.strerror(number))

    return fault


@pytest.mark.parametrize("fault", [short, failing(errno.ENOSPC), failing(errno.EIO)], ids=["short", "full", "broken"])
def test_f3_after_a_failed_write_the_ledger_stops_and_earlier_records_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """The torn line is cut off, and nothing is written behind the gap even once there is room again."""
    ledger = filled(tmp_path / "e.jsonl", 3)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fault)
        with pytest.raises(StorageError):
            ledger.append(milestone(3))
    with pytest.raises(StorageError, match="takes no more records"):
        ledger.append(milestone(4))
    ledger.close()
    assert len(list(read_ledger(ledger.path, (ledger.count, ledger.head)))) == 3


def test_a_failed_sync_stops_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it the kernel may have dropped what was written: going on would be a lie."""

    def fault(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    ledger = filled(tmp_path / "e.jsonl", 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fault)
        with pytest.raises(StorageError):
            ledger.sync()
    with pytest.raises(StorageError, match="takes no more records"):
        ledger.append(milestone(1))
    ledger.close()


@given(cut=st.integers(0, 40))
def test_an_interrupt_inside_a_write_leaves_no_gap(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """Ctrl-C may come at any moment; the episode is then closed with further records."""

    def interrupted(fd: int, data: bytes) -> int:
        real_write(fd, data[: cut or len(data)])
        raise KeyboardInterrupt

    with filled(tmp_path_factory.mktemp("run") / "e.jsonl", 2) as ledger:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "write", interrupted)
            with pytest.raises(KeyboardInterrupt):
                ledger.append(milestone(2))
        ledger.append(milestone(3))
    records = list(read_ledger(ledger.path, (ledger.count, ledger.head)))
    assert [record.event for record in records] == [milestone(0), milestone(1), milestone(3)]


def test_a_ledger_that_grows_by_another_hand_takes_no_more_records(tmp_path: Path) -> None:
    with filled(tmp_path / "e.jsonl", 1) as ledger:
        with ledger.path.open("ab") as file:
            file.write(b"{}\n")
        with pytest.raises(StorageError, match="bytes where"):
            ledger.append(milestone(1))


def failing_call(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_ledger_whose_name_cannot_be_put_on_the_disk_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "fsync", failing_call)
    with pytest.raises(StorageError, match="Input/output error"):
        Ledger(tmp_path / "e.jsonl")
    assert len(list(Path("/proc/self/fd").iterdir())) == opened_before


def test_an_interrupted_line_that_cannot_be_cut_off_stops_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(fd: int, data: bytes) -> int:
        real_write(fd, data)
        raise KeyboardInterrupt

    with filled(tmp_path / "e.jsonl", 1) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", interrupted)
            patch.setattr(os, "ftruncate", failing_call)
            with pytest.raises(KeyboardInterrupt):
                ledger.append(milestone(1))
            with pytest.raises(StorageError, match="Input/output error"):
                ledger.append(milestone(2))
        ledger.append(milestone(3))
    records = list(read_ledger(ledger.path, (ledger.count, ledger.head)))
    assert [record.event for record in records] == [milestone(0), milestone(3)]
