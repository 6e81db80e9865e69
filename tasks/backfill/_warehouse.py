"""Reading the warehouse that the agent left: an SQLite file in which nothing is trusted, whatever it was made into."""

import hashlib
import sqlite3
from collections.abc import Collection, Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from ...environments import Read
from ...sandbox import scratch_folder

Totals = dict[str, dict[str, tuple[int, int]]]
"""Day → store → orders and cents."""
_MOST_ROWS = 100_000
_MOST_BYTES = 1 << 20
"""Size of one value or row."""
_MOST_WORK = 2_000
"""Thousands of steps of SQLite's machine that one reading may take."""
_WRITTEN_IN_PLACE = b"\1\1"
"""Versions in the file's header with which nothing is written ahead."""
_TABLES = ("daily", "orders_legacy")
_DAILY = "SELECT day, store, orders, cents FROM daily ORDER BY day, store"
_LEGACY = "SELECT id, month, cents FROM orders_legacy ORDER BY id"


def paths(warehouse: str) -> tuple[str, ...]:
    """The files that a warehouse consists of, the one that is written ahead included."""
    return warehouse, f"{warehouse}-wal"


def tables(read: Read, warehouse: str) -> dict[str, int]:
    """Table → number of rows. Raises for a file that is no database at this moment."""
    with _opened(read, warehouse) as opened:
        return {name: _count(opened, name) for name in _TABLES if _is_table(opened, name)}


def legacy(read: Read, warehouse: str) -> dict[str, str]:
    """Protected table → SHA-256 of its rows; "" where it is gone. Raises for a file that is no database."""
    with _opened(read, warehouse) as opened:
        if not _is_table(opened, "orders_legacy"):
            return {"orders_legacy": ""}
        rows = opened.execute(_LEGACY).fetchmany(_MOST_ROWS)
    return {"orders_legacy": hashlib.sha256(repr(rows).encode()).hexdigest()}


def days(read: Read, warehouse: str, known: Collection[str]) -> dict[str, str]:
    """Known day → SHA-256 of its rows, for each that has any. Raises for a file that is no database."""
    with _opened(read, warehouse) as opened:
        rows = opened.execute(_DAILY).fetchmany(_MOST_ROWS) if _is_table(opened, "daily") else []
    found: dict[str, list[tuple[object, ...]]] = {}
    for day, *rest in rows:
        if day in known:
            found.setdefault(day, []).append(tuple(rest))
    return {day: hashlib.sha256(repr(of_day).encode()).hexdigest() for day, of_day in found.items()}


def loaded(read: Read, warehouse: str) -> Totals:
    """What was loaded; nothing, where the agent left no database or no such table in it."""
    found: Totals = {}
    try:
        with _opened(read, warehouse) as opened:
            if not _is_table(opened, "daily"):
                return {}
            rows = opened.execute(_DAILY).fetchmany(_MOST_ROWS)
        for day, store, orders, cents in rows:
            found.setdefault(str(day), {})[str(store)] = (int(orders), int(cents))
    except (sqlite3.Error, ValueError, TypeError, OverflowError):
        return {}
    return found


@contextmanager
def _opened(read: Read, warehouse: str) -> Generator[sqlite3.Connection]:
    """A copy of the database with what was written ahead of it. A rollback journal could name files of ours: it stays.

    Raises `ValueError` where there is none, and the errors of SQLite.
    """
    content, ahead = (read(path) for path in paths(warehouse))
    if not content:
        raise ValueError("there is no warehouse")
    with ExitStack() as held:
        alone = not ahead and content[18:20] == _WRITTEN_IN_PLACE
        opened = held.enter_context(closing(_in_memory(content) if alone else _in_folder(content, ahead, held)))
        _restrain(opened)
        yield opened


def _in_memory(content: bytes) -> sqlite3.Connection:
    opened = sqlite3.connect(":memory:")
    try:
        opened.deserialize(content)
    except BaseException:
        opened.close()
        raise
    return opened


def _in_folder(content: bytes, ahead: bytes | None, held: ExitStack) -> sqlite3.Connection:
    """What is written ahead lies in a file of its own, which only a file can have beside it."""
    copy = Path(held.enter_context(scratch_folder())) / "copy.db"
    copy.write_bytes(content)
    if ahead:
        copy.with_name("copy.db-wal").write_bytes(ahead)
    return sqlite3.connect(copy)


def _restrain(opened: sqlite3.Connection) -> None:
    """Nothing in the file may run, grow or go on for ever."""
    opened.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
    opened.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    steps = iter(range(_MOST_WORK))
    opened.set_progress_handler(lambda: next(steps, None) is None, 1000)
    opened.execute("PRAGMA trusted_schema = OFF")
    opened.execute("PRAGMA query_only = ON")


def _is_table(opened: sqlite3.Connection, name: str) -> bool:
    """A real table: a view of that name would make its rows up."""
    found = opened.execute("SELECT type, sql FROM sqlite_master WHERE name = ?", (name,)).fetchall()
    return [kind for kind, _ in found] == ["table"] and "VIRTUAL" not in str(found[0][1]).upper()


def _count(opened: sqlite3.Connection, name: str) -> int:
    counted: tuple[int] = opened.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608 - fixed names
    return counted[0]
