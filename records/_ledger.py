"""The hash-chained ledger of one episode: writing.

One unbuffered ``write`` a record, so a killed process loses nothing that was acknowledged; ``sync=True`` adds an
``fdatasync`` for decisions that must survive a power cut.
"""

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from ._atomic import close_file, sync_folder
from ._errors import RecordError, StorageError
from ._events import Event
from ._record import GENESIS, MAX_LINE_BYTES, Record, as_written
from ._redact import Redactor
from ._syncing import Syncer


class _End(NamedTuple):
    """Where the acknowledged part of the file ends. Replaced as a whole, so that no signal can tear it."""

    records: int
    head: str
    size: int


def _created(path: Path) -> int:
    """Descriptor of a new file whose name is on the disk."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        sync_folder(path.parent)
    except OSError:
        os.close(fd)
        raise
    return fd


class Ledger:
    """Writes one episode's records. Safe to use from several threads; a context manager."""

    def __init__(
        self, path: Path, *, clock: Callable[[], int] = time.monotonic_ns, redactor: Redactor | None = None
    ) -> None:
        """Create the file; an existing one is refused (`StorageError`): an episode is written once.

        What the ``redactor`` finds in an event is replaced before it is written or shown to an observer.
        """
        self.path = path
        self._clock = clock
        self._redactor = redactor
        self._lock = threading.RLock()
        self._end = _End(0, GENESIS, 0)
        self._broken: OSError | None = None
        self._syncer: Syncer | None = None
        self._interrupted = False
        self._telling = False
        self._observers: list[Callable[[Record], None]] = []
        try:
            self._fd = _created(path)
        except OSError as error:
            raise StorageError(error.errno, f"ledger {path}: {error.strerror}") from error

    @property
    def head(self) -> str:
        """SHA-256 of the last line; `GENESIS` while there is none."""
        return self._end.head

    @property
    def count(self) -> int:
        """Records written."""
        return self._end.records

    def subscribe(self, observer: Callable[[Record], None]) -> None:
        """Hand every later record to ``observer``, in order, after it is written.

        It gets the record as a reader of the file would; it must not append to this ledger (`RuntimeError`).
        """
        self._observers.append(observer)

    def append(self, event: Event, *, sync: bool = False) -> Record:
        """Write one record and return it as it stands in the file; with ``sync`` it is on the disk by then.

        Raises `StorageError` where the disk is full or gone. A torn line is cut off again, and the ledger then
        takes no more records: what follows a gap could not be believed. Raises `RecordError` for an event over
        `MAX_LINE_BYTES`, which changes nothing.
        """
        return self.append_all((event,), sync=sync)[-1]

    def append_all(self, events: Sequence[Event], *, sync: bool = False) -> list[Record]:
        """Write several records at once: all of them, or none, in one write. For the rest as `append`."""
        with self._lock:
            if self._telling:
                raise RuntimeError(f"ledger {self.path}: an observer must not append to the ledger it observes")
            self._check_whole()
            records, lines, end = self._made(events)
            self._write(b"".join(lines), sync)
            self._end = end
            self._interrupted = False
            self._tell(records)
            return records

    def _made(self, events: Sequence[Event]) -> tuple[list[Record], list[bytes], _End]:
        """The next records, their lines, and where the file ends with them."""
        records, lines, end = list[Record](), list[bytes](), self._end
        for event in events:
            made = Record(end.records, self._clock(), time.time_ns(), end.head, event)
            record, line = as_written(made, self._redactor)
            if len(line) > MAX_LINE_BYTES:
                raise RecordError(f"ledger {self.path}: {event.type} of {len(line)} bytes; store it as an artifact")
            records.append(record)
            lines.append(line + b"\n")
            end = _End(end.records + 1, hashlib.sha256(line).hexdigest(), end.size + len(line) + 1)
        return records, lines, end

    def _check_whole(self) -> None:
        """Refuse to go on behind a gap. A line that was interrupted before it counted is cut off."""
        if self._broken is not None:
            raise StorageError(self._broken.errno, f"ledger {self.path} takes no more records: {self._broken}")
        size = os.lseek(self._fd, 0, os.SEEK_END)
        if size == self._end.size:
            return
        if not self._interrupted:
            self._broken = OSError(errno.EIO, f"has {size} bytes where {self._end.size} were written")
            raise StorageError(errno.EIO, f"ledger {self.path} {self._broken.strerror}")
        try:
            os.ftruncate(self._fd, self._end.size)
        except OSError as error:
            raise StorageError(error.errno, f"ledger {self.path}: {error}") from error

    def _write(self, data: bytes, sync: bool) -> None:
        self._interrupted = True
        try:
            written = os.write(self._fd, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, f"short write: {written} of {len(data)} bytes, no space left on device")
            if sync:
                os.fdatasync(self._fd)
        except OSError as error:
            self._broken = error
            with suppress(OSError):  # `recover` cuts a torn line as well
                os.ftruncate(self._fd, self._end.size)
            raise StorageError(error.errno, f"ledger {self.path}: {error}") from error

    def _tell(self, records: Sequence[Record]) -> None:
        self._telling = True
        try:
            for record in records:
                for observer in self._observers:
                    observer(record)
        finally:
            self._telling = False

    def sync(self) -> None:
        """Put everything written so far on the disk. Raises `StorageError` where that is not certain."""
        with self._lock:
            if self._broken is not None:
                raise StorageError(self._broken.errno, f"ledger {self.path}: {self._broken}")
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                self._broken = error
                raise StorageError(error.errno, f"ledger {self.path}: {error}") from error

    def sync_beside(self) -> Callable[[], None]:
        """Begin to put everything written so far on the disk; what is returned waits for it.

        Nothing that depends on these records may get out before that has returned (the rule of output commit). It
        raises `StorageError` where it is not certain that they are there; the ledger takes no more records then.
        """
        with self._lock:
            if self._broken is not None:
                raise StorageError(self._broken.errno, f"ledger {self.path}: {self._broken}")
            if self._syncer is None:
                self._syncer = Syncer(self._fd)
            asked = self._syncer.ask()

        def wait() -> None:
            try:
                asked.wait()
            except OSError as error:
                with self._lock:
                    self._broken = self._broken or error
                raise StorageError(error.errno, f"ledger {self.path}: {error}") from error

        return wait

    def close(self) -> None:
        """Close the file; closing twice is fine. Raises `StorageError` where the disk complains only now."""
        with self._lock:
            if self._fd >= 0:
                if self._syncer is not None:
                    self._syncer.close()
                fd, self._fd = self._fd, -1
                self._broken = self._broken or OSError(errno.EBADF, "closed")
                close_file(fd, f"ledger {self.path}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
