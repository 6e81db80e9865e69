"""The hash-chained ledger of one episode: reading, checking and recovering."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ._atomic import replace_file
from ._errors import ChainError, RecordError, StorageError, TornError
from ._plain import open_plain
from ._record import GENESIS, MAX_LINE_BYTES, Record, decode

_BLOCK = 1 << 16


def read_ledger(path: Path, anchor: tuple[int, str] | None = None) -> Iterator[Record]:
    """Yield the records of a ledger, checking the chain on the way.

    ``anchor`` is the number of records and the hash of the last line as they were kept elsewhere; without it a
    cut or rewritten end cannot be noticed. A record is yielded once its successor or the anchor confirms it, so
    every record before the first bad one comes and no later one does. Raises `ChainError` (`TornError` for a
    half-written last line) or `SchemaError`, whose ``record`` is the first bad one, and `StorageError`.
    """
    lines = _lines(path)
    held: Record | None = None
    head, count = GENESIS, 0
    try:
        for line in lines:
            record = _next_record(path, line, count, anchor)
            if record.prev != head:
                raise _blame(path, line, count, _peek(lines), anchor)
            if held is not None:
                yield held
            held, head, count = record, _hash(line), count + 1
        _check_end(path, count, head, anchor)
    except RecordError as error:
        if held is not None and error.record == count:
            yield held
        raise
    if held is not None:
        yield held


def _next_record(path: Path, line: bytes, seq: int, anchor: tuple[int, str] | None) -> Record:
    where = f"{path.name} record {seq}"
    if anchor is not None and seq >= anchor[0]:
        raise ChainError(f"{where}: was added after the ledger was sealed").at(seq)
    try:
        record = decode(line, where)
    except RecordError as error:
        raise error.at(seq) from error.__cause__
    if record.seq != seq:
        raise ChainError(f"{where}: carries number {record.seq}").at(seq)
    return record


def _peek(lines: Iterator[bytes]) -> bytes | None:
    try:
        return next(lines, None)
    except RecordError:
        return None


def _blame(path: Path, line: bytes, seq: int, following: bytes | None, anchor: tuple[int, str] | None) -> ChainError:
    """Which of two records that do not fit together was changed: the one that its successor confirms was not."""
    confirmed = _confirmed_hash(seq, following, anchor)
    if confirmed is None:
        return ChainError(f"{path.name} record {seq - 1}: it, or the one after it, was changed").at(seq - 1)
    if confirmed == _hash(line):
        return ChainError(f"{path.name} record {seq - 1}: was changed after it was written").at(seq - 1)
    return ChainError(f"{path.name} record {seq}: does not continue the record before it").at(seq)


def _confirmed_hash(seq: int, following: bytes | None, anchor: tuple[int, str] | None) -> str | None:
    if following is None:
        return anchor[1] if anchor is not None and anchor[0] == seq + 1 else None
    try:
        return decode(following, "").prev
    except RecordError:
        return None


def _check_end(path: Path, count: int, head: str, anchor: tuple[int, str] | None) -> None:
    if anchor is None or anchor == (count, head):
        return
    if count < anchor[0]:
        raise ChainError(f"{path.name} record {count}: is missing, as are all up to {anchor[0] - 1}").at(count)
    text = "is not the one that was sealed: it was changed, or the chain before it was rewritten"
    raise ChainError(f"{path.name} record {count - 1}: {text}").at(count - 1)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with open_plain(path) as file:
            for seq, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 2), b"")):
                if not line.endswith(b"\n"):
                    raise _unended(path, seq, len(line))
                yield line[:-1]
    except OSError as error:
        raise StorageError(error.errno, f"ledger {path}: {error.strerror}") from error


def _unended(path: Path, seq: int, size: int) -> ChainError:
    if size > MAX_LINE_BYTES + 1:
        return ChainError(f"{path.name} record {seq}: is longer than any record can be").at(seq)
    return TornError(f"{path.name} record {seq}: torn last line ({size} bytes)").at(seq)


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def head_of(path: Path) -> tuple[int, str]:
    """Number of records and hash of the last line, by the file's bytes alone."""
    head, count = GENESIS, 0
    for line in _lines(path):
        head, count = _hash(line), count + 1
    return count, head


@dataclass(frozen=True)
class Recovery:
    """What `recover` found in a ledger whose writer died."""

    records: int
    head: str
    torn: Path | None
    """Where the half-written tail was put; None where there was none."""


def recover(path: Path, quarantine: Path) -> Recovery:
    """Keep the complete records of a ledger and move a half-written tail to ``quarantine``, losing nothing.

    Raises `ChainError` or `SchemaError` where anything but the tail is bad: that is tampering or decay, not a
    crash, and the file is then as it was. Raises `StorageError` where it cannot be read or written.
    """
    try:
        _check_complete_part(path)  # first: a line longer than any record ends it, however large the file
        end = _end_of_lines(path)
        torn = _quarantined(path, end, quarantine)
        if torn is not None:
            _cut(path, end)
    except OSError as error:
        if isinstance(error, RecordError):
            raise
        raise StorageError(error.errno, f"recover {path}: {error.strerror}") from error
    return Recovery(*head_of(path), torn)


def _check_complete_part(path: Path) -> None:
    try:
        for _ in read_ledger(path):
            pass
    except TornError:
        return


def _end_of_lines(path: Path) -> int:
    """Bytes up to and with the last newline."""
    with open_plain(path) as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def _quarantined(path: Path, end: int, quarantine: Path) -> Path | None:
    with open_plain(path) as file:
        file.seek(end)
        tail = file.read()
    if not tail:
        return None
    quarantine.mkdir(parents=True, exist_ok=True)
    torn = quarantine / f"{path.stem}-{end}.torn"
    replace_file(torn, tail)
    return torn


def _cut(path: Path, end: int) -> None:
    with path.open("r+b") as file:
        file.truncate(end)
        os.fsync(file.fileno())
