"""The index of a run: its ledgers and verdict files as SQL tables, for queries.

Derived only: nothing is stored here that is not in the ledgers, and whatever is missing, stale or damaged is built
again from them. Tables: ``episodes``, ``steps``, ``suspicions``, ``verdicts`` (version ``live`` for those in the
ledgers).
"""

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Self

from ._errors import RecordError, StorageError
from ._paths import RunPaths
from ._plain import digest_plain, read_plain
from ._rows import (
    EPISODES,
    STEPS,
    SUSPICIONS,
    TABLES,
    VERDICTS,
    Episode,
    Row,
    Table,
    episode_row,
    live_verdicts,
    step_rows,
    suspicion_rows,
    verdict_rows,
)
from ._view import LIVE, RunView

INDEX_VERSION = 2
"""Version of the tables; another one on the disk is built again."""


class RunIndex:
    """An open index; a context manager."""

    def __init__(self, view: RunView, connection: sqlite3.Connection, path: Path | None) -> None:
        """Use `open` or `rebuild`."""
        self.connection = connection
        """For queries; the tables are described by `TABLES`."""
        self.path = path
        """None where the run directory cannot be written: the index then lives in memory."""
        self._view = view
        self._changed = False

    @classmethod
    def open(cls, view: RunView) -> "RunIndex":
        """The index of a run, built again where the one on the disk is not exactly that of the manifest.

        Raises `RecordError` where a ledger or verdict file does not hold: a wrong index would be worse than none.
        """
        connection = _current(view) if _is_intact(view.paths) else None
        return cls.rebuild(view) if connection is None else cls(view, connection, view.paths.index)

    @classmethod
    def rebuild(cls, view: RunView) -> "RunIndex":
        """Build the index from the ledgers and verdict files, whatever lies on the disk."""
        try:
            path = _written(view)
        except (OSError, sqlite3.OperationalError) as error:
            if isinstance(error, RecordError):
                raise
            return cls(view, _filled(view, _connected(":memory:")), None)
        return cls(view, _connected(path), path)

    def add(self, episode_id: str) -> None:
        """Index one episode as its ledger and verdict files stand now, in place of what the index says of it.

        Raises `StorageError` where it cannot be written, and as `open` does.
        """
        self._changed = True
        try:
            with self.connection:
                for table in TABLES:
                    query = f"DELETE FROM {table.name} WHERE episode_id = ?"  # noqa: S608 # ours
                    self.connection.execute(query, (episode_id,))
                _insert_episode(self._view, self.connection, episode_id)
        except sqlite3.OperationalError as error:
            raise StorageError(errno.EIO, f"index {self.path}: {error}") from error

    def dump(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Every row as (table, values), in the order of the keys: equal dumps mean equal indexes."""
        for table in TABLES:
            query = f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY {', '.join(table.key)}"  # noqa: S608 # ours
            for row in self.connection.execute(query):
                yield table.name, tuple(row)

    def close(self) -> None:
        """Close it; what was added is from now on as good as rebuilt. Twice is fine.

        Raises `StorageError` where that cannot be written: the index is then built again next time.
        """
        changed, self._changed = self._changed, False
        try:
            if changed:
                _set_stamp(self.connection, self._view)
            self.connection.close()
            if changed and self.path is not None:
                _write_digest(self._view.paths)
        except (OSError, sqlite3.OperationalError) as error:
            raise StorageError(errno.EIO, f"index {self.path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _written(view: RunView) -> Path:
    """Build the index beside the old one and put it in its place."""
    path = _scratch(view.paths)
    try:
        _filled(view, _connected(path)).close()
        path.chmod(0o644)
        path.replace(view.paths.index)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    _write_digest(view.paths)
    return view.paths.index


def _filled(view: RunView, connection: sqlite3.Connection) -> sqlite3.Connection:
    """The connection with all tables and the stamp; closed where that fails."""
    try:
        with connection:
            for table in TABLES:
                connection.execute(_definition(table))
            for episode_id in view.episodes():
                _insert_episode(view, connection, episode_id)
        _set_stamp(connection, view)
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    _quicken(connection)
    return connection


def _quicken(connection: sqlite3.Connection) -> None:
    """No journal file, no syncs: a file that a crash left half-written is built again, not repaired."""
    connection.execute("PRAGMA trusted_schema = OFF")  # a file that was handed over may hold any
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")


def _definition(table: Table) -> str:
    columns = ", ".join(f"{name} {sql}" for name, sql in table.columns.items())
    return f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({', '.join(table.key)})) STRICT, WITHOUT ROWID"


def _insert_episode(view: RunView, connection: sqlite3.Connection, episode_id: str) -> None:
    anchor = view.anchor(episode_id)
    records = tuple(view.records(episode_id))
    episode = Episode(episode_id, anchor.state, anchor.valid, anchor.head, records)
    _insert(connection, EPISODES, [episode_row(episode)])
    _insert(connection, STEPS, step_rows(episode))
    _insert(connection, SUSPICIONS, suspicion_rows(episode))
    _insert(connection, VERDICTS, verdict_rows(episode_id, LIVE, live_verdicts(episode)))
    for version in view.versions_of(episode_id):
        found = view.verdicts(episode_id, version)
        _insert(connection, VERDICTS, verdict_rows(episode_id, version, found))


def _insert(connection: sqlite3.Connection, table: Table, rows: Iterable[Row]) -> None:
    marks = ", ".join("?" for _ in table.columns)
    query = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})"  # noqa: S608 # ours
    connection.executemany(query, ([_plain(row.get(name)) for name in table.columns] for row in rows))


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _expected_stamp(view: RunView) -> tuple[int, str]:
    return INDEX_VERSION, view.manifest.root


def _set_stamp(connection: sqlite3.Connection, view: RunView) -> None:
    version, root = _expected_stamp(view)
    with connection:
        connection.execute("CREATE TABLE IF NOT EXISTS stamp (version INTEGER, root TEXT) STRICT")
        connection.execute("DELETE FROM stamp")
        connection.execute("INSERT INTO stamp VALUES (?, ?)", (version, root))


def _current(view: RunView) -> sqlite3.Connection | None:
    """The index on the disk, where it is of this version and of this state of the run."""
    connection = sqlite3.connect(view.paths.index)
    try:
        _quicken(connection)
        found: object = connection.execute("SELECT version, root FROM stamp").fetchone()
    except sqlite3.DatabaseError:
        found = None
    if found == _expected_stamp(view):
        return connection
    connection.close()
    return None


def _scratch(paths: RunPaths) -> Path:
    fd, name = tempfile.mkstemp(prefix="index.sqlite.", suffix=".tmp", dir=paths.root)
    os.close(fd)
    return Path(name)


def _is_intact(paths: RunPaths) -> bool:
    """Whether the file is byte for byte the one that was closed last."""
    try:
        return read_plain(paths.index_digest, 128).decode() == _digest(paths.index)
    except (OSError, ValueError):
        return False


def _write_digest(paths: RunPaths) -> None:
    paths.index_digest.unlink(missing_ok=True)  # never through a link that stands there
    with paths.index_digest.open("x", encoding="ascii") as file:
        file.write(_digest(paths.index))


def _digest(path: Path) -> str:
    return digest_plain(path)
