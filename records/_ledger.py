"""The hash-chained ledger of one episode: an append-only JSONL file.

Each line is ``{"event": …, "mono_ns": …, "prev": …, "seq": …, "wall_ns": …}``; ``prev`` is the SHA-256 of the line
before (64 zeros at the start). One unbuffered ``write`` a record, so a killed process loses nothing that was
acknowledged; ``sync=True`` adds an ``fdatasync`` for decisions that must survive a power cut.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from ._base import SCHEMA_VERSION
from ._canonical import canonical_json
from ._errors import ChainError, SchemaError, StorageError
from ._events import Event

GENESIS = "0" * 64
_EVENTS: TypeAdapter[Event] = TypeAdapter(Event)


@dataclass(frozen=True)
class Record:
    """One line of a ledger."""

    seq: int
    """Counts from 0 without gaps."""
    mono_ns: int
    """Host monotonic clock: durations and order within one episode."""
    wall_ns: int
    """Host wall clock, an annotation only: it may jump."""
    prev: str
    event: Event


class Ledger:
    """Writes one episode's records. Safe to use from several threads; a context manager."""

    def __init__(self, path: Path, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Create the file; an existing one is refused (`StorageError`): an episode is written once."""
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._head = GENESIS
        self._count = 0
        self._broken: str | None = None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags, 0o644)
        except OSError as error:
            raise StorageError(error.errno, f"ledger {path}: {error.strerror}") from error
        self._observers: list[Callable[[Record], None]] = []

    @property
    def head(self) -> str:
        """SHA-256 of the last line; `GENESIS` while there is none."""
        return self._head

    @property
    def count(self) -> int:
        """Records written."""
        return self._count

    def subscribe(self, observer: Callable[[Record], None]) -> None:
        """Hand every later record to ``observer``, in order, after it is written."""
        self._observers.append(observer)

    def append(self, event: Event, *, sync: bool = False) -> Record:
        """Write one record and return it; with ``sync`` it is on the disk when this returns.

        Raises `StorageError` where the disk is full or gone. A torn line is cut off again, and the ledger then
        takes no more records: what follows a gap could not be believed.
        """
        with self._lock:
            if self._broken:
                raise StorageError(0, f"ledger {self.path} is broken: {self._broken}")
            record = Record(self._count, self._clock(), time.time_ns(), self._head, event)
            line = encode(record)
            self._write(line + b"\n", sync)
            self._head = hashlib.sha256(line).hexdigest()
            self._count += 1
            for observer in self._observers:
                observer(record)
            return record

    def _write(self, data: bytes, sync: bool) -> None:
        before = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            written = os.write(self._fd, data)
            if written != len(data):
                raise OSError(28, "short write: no space left on device")
            if sync:
                os.fdatasync(self._fd)
        except OSError as error:
            self._broken = str(error)
            with suppress(OSError):
                os.ftruncate(self._fd, before)
            raise StorageError(error.errno, f"ledger {self.path}: {error}") from error

    def sync(self) -> None:
        """Put everything written so far on the disk."""
        with self._lock:
            os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
                self._broken = self._broken or "closed"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def encode(record: Record) -> bytes:
    """The line of a record, without its newline."""
    return canonical_json(
        {
            "seq": record.seq,
            "mono_ns": record.mono_ns,
            "wall_ns": record.wall_ns,
            "prev": record.prev,
            "event": record.event.model_dump(mode="json"),
        }
    )


def decode(line: bytes, where: str) -> Record:
    """The record of a line. Raises `ChainError` for broken JSON, `SchemaError` for an unknown or newer format."""
    try:
        data: dict[str, Any] = json.loads(line)
        version = _version(data)
        if version is not None and version > SCHEMA_VERSION:
            raise SchemaError(f"{where}: schema version {version} is newer than this offswitch knows")
        event = _EVENTS.validate_python(data["event"])
        return Record(data["seq"], data["mono_ns"], data["wall_ns"], data["prev"], event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SchemaError(f"{where}: {first['msg']} at {'.'.join(map(str, first['loc']))}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, SchemaError):
            raise
        raise ChainError(f"{where}: not a record ({error})") from error


def _version(data: dict[str, Any]) -> int | None:
    event = data["event"]
    if event.get("type") == "episode_opened":
        return int(event["key"]["schema_version"])
    return None


def read_ledger(path: Path) -> Iterator[Record]:
    """Yield the records of a ledger, checking the chain on the way.

    Raises `ChainError` at the first record whose number or previous hash is wrong, and for a torn last line;
    `SchemaError` for a format that is not ours.
    """
    prev = GENESIS
    for seq, line in enumerate(_lines(path)):
        where = f"{path.name} record {seq}"
        record = decode(line, where)
        if record.seq != seq:
            raise ChainError(f"{where}: carries number {record.seq}")
        if record.prev != prev:
            raise ChainError(f"{where}: does not continue the record before it")
        prev = hashlib.sha256(line).hexdigest()
        yield record


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for seq, line in enumerate(file):
                if not line.endswith(b"\n"):
                    raise ChainError(f"{path.name} record {seq}: torn last line ({len(line)} bytes)")
                yield line[:-1]
    except OSError as error:
        raise StorageError(error.errno, f"ledger {path}: {error.strerror}") from error


@dataclass(frozen=True)
class Recovery:
    """What `recover` found in a ledger whose writer died."""

    records: int
    head: str
    torn: Path | None
    """Where the half-written tail was put; None where there was none."""


def recover(path: Path, quarantine: Path) -> Recovery:
    """Keep the complete records of a ledger and move a half-written tail to ``quarantine``, losing nothing.

    Raises `ChainError` where anything but the tail is bad: that is tampering or decay, not a crash.
    """
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    torn: Path | None = None
    if end < len(content):
        quarantine.mkdir(parents=True, exist_ok=True)
        torn = quarantine / f"{path.stem}-{end}.torn"
        torn.write_bytes(content[end:])
        with path.open("r+b") as file:
            file.truncate(end)
            os.fsync(file.fileno())
    head, count = GENESIS, 0
    for count, line in enumerate(content[:end].splitlines(), start=1):  # noqa: B007
        head = hashlib.sha256(line).hexdigest()
    for _ in read_ledger(path):
        pass
    return Recovery(count, head, torn)


def head_of(path: Path) -> tuple[int, str]:
    """Number of records and hash of the last line, by the file's bytes alone."""
    head, count = GENESIS, 0
    for line in _lines(path):
        head = hashlib.sha256(line).hexdigest()
        count += 1
    return count, head
