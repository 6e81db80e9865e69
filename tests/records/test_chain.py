"""Whatever is done to the bytes of a ledger, the first bad record is named and no bad record is handed out."""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.records import (
    ChainError,
    EpisodeSealed,
    Event,
    Ledger,
    MilestoneReached,
    Record,
    RecordError,
    SchemaError,
    StorageError,
    TornError,
    head_of,
    read_ledger,
    recover,
)
from offswitch.records._record import encode

from ..strategies import events
from .example import call, opened, returned, write

Anchor = tuple[int, str]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Record], Anchor]:
    """Five records, their file and what the manifest would keep of it."""
    path = tmp_path_factory.mktemp("ledger") / "e.jsonl"
    sealed = EpisodeSealed(valid=True, steps=1, score=None, usage={})
    with Ledger(path) as opened_ledger:
        records = write(opened_ledger, [opened("e"), call(1), returned(1), call(2), sealed])
    return path, records, (opened_ledger.count, opened_ledger.head)


def read(path: Path, anchor: Anchor | None) -> tuple[list[Record], RecordError | None]:
    """What a reader gets, and how it ends."""
    records: list[Record] = []
    try:
        for record in read_ledger(path, anchor):
            records.append(record)  # noqa: PERF402 # keeps what came before the error
    except RecordError as error:
        return records, error
    return records, None


def line_at(content: bytes, offset: int) -> int:
    return content[:offset].count(b"\n")


def check(path: Path, anchor: Anchor | None, records: Sequence[Record], bad: int) -> None:
    """The reader names record ``bad`` and has handed out those before it, unchanged."""
    got, error = read(path, anchor)
    assert error is not None
    assert error.record == bad
    assert f"record {bad}" in str(error)
    assert got == list(records[:bad])


def test_an_untouched_ledger_holds(ledger: tuple[Path, list[Record], Anchor]) -> None:
    path, records, anchor = ledger
    assert read(path, anchor) == (records, None)
    assert read(path, None) == (records, None)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_d8_each_flipped_byte_is_found_in_its_record(
    tmp_path: Path, ledger: tuple[Path, list[Record], Anchor], mask: int
) -> None:
    """Every single byte of the file, in the content, the number, the hash and the line end alike."""
    source, records, anchor = ledger
    content, path = source.read_bytes(), tmp_path / "e.jsonl"
    for offset in range(len(content)):
        flipped = content[offset] ^ mask
        path.write_bytes(content[:offset] + bytes([flipped]) + content[offset + 1 :])
        check(path, anchor, records, line_at(content, offset))


@given(data=st.data())
def test_d8_any_byte_replaced_inserted_or_deleted_is_found_in_its_record(
    ledger: tuple[Path, list[Record], Anchor], data: st.DataObject
) -> None:
    source, records, anchor = ledger
    content = source.read_bytes()
    offset = data.draw(st.integers(0, len(content) - 1))
    put = data.draw(st.sampled_from([b"", content[offset : offset + 1] * 2]) | st.binary(min_size=1, max_size=3))
    changed = content[:offset] + put + content[offset + 1 :]
    path = source.with_name("changed.jsonl")
    path.write_bytes(changed)
    if changed != content:
        first = next(i for i, (a, b) in enumerate(itertools.zip_longest(content, changed)) if a != b)
        check(path, anchor, records, min(line_at(content, first), len(records)))


Tamper = Callable[[list[bytes]], list[bytes]]
TAMPERED: dict[str, tuple[Tamper, int]] = {
    "first deleted": (lambda lines: lines[1:], 0),
    "middle deleted": (lambda lines: lines[:2] + lines[3:], 2),
    "last deleted": (lambda lines: lines[:-1], 4),
    "two swapped": (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 1),
    "last two swapped": (lambda lines: [*lines[:3], lines[4], lines[3]], 3),
    "reversed": (lambda lines: lines[::-1], 0),
    "one twice": (lambda lines: [*lines[:2], lines[1], *lines[2:]], 2),
    "last twice": (lambda lines: [*lines, lines[-1]], 5),
    "cut in the middle": (lambda lines: lines[:2], 2),
    "emptied": (lambda _: [], 0),
    "blank line": (lambda lines: [*lines[:3], b"", *lines[3:]], 3),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_d8_deleted_reordered_truncated_and_repeated_records_are_found(
    tmp_path: Path, ledger: tuple[Path, list[Record], Anchor], name: str
) -> None:
    source, records, anchor = ledger
    tamper, bad = TAMPERED[name]
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in tamper(source.read_bytes().splitlines())))
    check(path, anchor, records, bad)


def rewritten(records: Sequence[Record], start: int, path: Path) -> None:
    """The ledger with another record ``start`` and every hash after it made to fit."""
    with Ledger(path) as forged:
        for record in records[:start]:
            forged.append(record.event)
        forged.append(returned(7, "nothing happened"))
        for record in records[start + 1 :]:
            forged.append(record.event)


@pytest.mark.parametrize("start", range(5))
def test_d8_a_chain_rewritten_from_some_record_on_is_found(
    tmp_path: Path, ledger: tuple[Path, list[Record], Anchor], start: int
) -> None:
    """By itself it holds: only what was kept elsewhere shows it."""
    _, records, anchor = ledger
    rewritten(records, start, tmp_path / "e.jsonl")
    assert read(tmp_path / "e.jsonl", None)[1] is None
    _, error = read(tmp_path / "e.jsonl", anchor)
    assert isinstance(error, ChainError)
    assert "rewritten" in str(error)


@given(event=events())
def test_d8_a_record_added_after_the_seal_is_found(ledger: tuple[Path, list[Record], Anchor], event: Event) -> None:
    source, records, anchor = ledger
    path = source.with_name("longer.jsonl")
    head, content = anchor[1], source.read_bytes()
    for seq in (5, 6):
        line = encode(Record(seq, 0, 0, head, event))
        head, content = hashlib.sha256(line).hexdigest(), content + line + b"\n"
        path.write_bytes(content)
        check(path, anchor, records, 5)


def test_f2_a_file_cut_at_every_byte_keeps_its_complete_lines_and_quarantines_the_rest(tmp_path: Path) -> None:
    with Ledger(tmp_path / "whole.jsonl") as ledger:
        records = write(ledger, [MilestoneReached(step=step, progress=0.5) for step in range(3)])
    content, path = ledger.path.read_bytes(), tmp_path / "e.jsonl"
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        complete = content[:cut].count(b"\n")
        end = content[:cut].rfind(b"\n") + 1
        before, error = read(path, None)
        found = recover(path, tmp_path / "quarantine")
        assert before == records[:complete]
        assert isinstance(error, TornError) == (end < cut)
        assert read(path, None) == (records[:complete], None)
        assert (found.records, found.head) == head_of(path)
        assert found.records == complete
        assert (found.torn.read_bytes() if found.torn else b"") == content[end:cut]


def test_f2_a_tail_longer_than_one_block_is_quarantined_whole(tmp_path: Path) -> None:
    path, tail = tmp_path / "e.jsonl", b"x" * 200_001
    with Ledger(path) as ledger:
        ledger.append(call(1))
    path.write_bytes(path.read_bytes() + tail)
    found = recover(path, tmp_path / "quarantine")
    assert found.records == 1
    assert found.torn is not None
    assert found.torn.read_bytes() == tail


def test_damage_before_the_tail_is_no_crash_and_recover_touches_nothing(
    tmp_path: Path, ledger: tuple[Path, list[Record], Anchor]
) -> None:
    content = ledger[0].read_bytes()
    path = tmp_path / "e.jsonl"
    path.write_bytes(content[:40] + b"#" + content[41:-10])
    before = path.read_bytes()
    with pytest.raises((ChainError, SchemaError)):
        recover(path, tmp_path / "quarantine")
    assert path.read_bytes() == before
    assert not (tmp_path / "quarantine").exists()


def test_recovering_what_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        recover(tmp_path / "e.jsonl", tmp_path)
    with pytest.raises(StorageError):
        list(read_ledger(tmp_path / "e.jsonl"))


def test_a_tail_that_cannot_be_quarantined_is_not_cut_off(tmp_path: Path) -> None:
    with Ledger(tmp_path / "e.jsonl") as ledger:
        ledger.append(call(1))
    before = ledger.path.read_bytes() + b"torn"
    ledger.path.write_bytes(before)
    (tmp_path / "quarantine" / f"e-{len(before) - 4}.torn.tmp").mkdir(parents=True)
    with pytest.raises(StorageError, match="Is a directory"):
        recover(ledger.path, tmp_path / "quarantine")
    assert ledger.path.read_bytes() == before


def test_a_line_longer_than_any_record_is_refused_without_reading_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offswitch.records._reading.MAX_LINE_BYTES", 100)
    (tmp_path / "e.jsonl").write_bytes(b"x" * 1000 + b"\n")
    with pytest.raises(ChainError, match="longer than any record"):
        list(read_ledger(tmp_path / "e.jsonl"))


def changed(lines: list[bytes], number: int) -> list[bytes]:
    """The lines with one record's content changed."""
    return [*lines[:number], lines[number].replace(b'"step":1', b'"step":7'), *lines[number + 1 :]]


def test_without_an_anchor_a_changed_record_before_the_last_is_one_of_two(
    tmp_path: Path, ledger: tuple[Path, list[Record], Anchor]
) -> None:
    """Nothing confirms the last one, so the reader says which two it doubts and hands out neither."""
    lines = changed(ledger[0].read_bytes().splitlines(keepends=True)[:3], 1)
    for tail in (b"", b"torn", b"{}\n"):
        (tmp_path / "e.jsonl").write_bytes(b"".join(lines) + tail)
        got, error = read(tmp_path / "e.jsonl", None)
        assert error is not None
        assert error.record == 1
        assert "it, or the one after it" in str(error)
        assert got == ledger[1][:1]
