"""A folder of exported tables: what stands in it, where it comes from, and whether it is as it was written."""

import hashlib
import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow.parquet
from pydantic import BaseModel, ConfigDict, ValidationError

from .._columns import EPISODES, STEPS, VERDICTS, Column
from .._data import Source
from .._errors import ExportError, InvalidRunError, TableError
from ._arrow import from_arrow, pa, to_arrow
from ._csv import NOTE, read_csv, write_csv

SCHEMA: Literal[1] = 1
"""Version of the columns; raised when one changes its meaning."""
TABLES = {"episodes": EPISODES, "steps": STEPS, "verdicts": VERDICTS}
ABOUT = "tables.json"
_KEY = b"offswitch"
_pq: Any = pyarrow.parquet


class Format(StrEnum):
    """How tables are stored."""

    PARQUET = "parquet"
    CSV = "csv"


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnFacts(_Plain):
    """A column as it was when the table was written."""

    type: str
    meaning: str


class TableFacts(_Plain):
    """One file."""

    file: str
    rows: int
    sha256: str
    columns: dict[str, ColumnFacts]


class About(_Plain):
    """``tables.json``: everything about a folder of exported tables."""

    what: Literal["offswitch tables"] = "offswitch tables"
    schema_version: Literal[1] = SCHEMA
    format: Format
    verdicts: str
    """Version of the verdicts."""
    note: str
    sources: tuple[Source, ...]
    tables: dict[str, TableFacts]


def is_export(root: Path) -> bool:
    """Whether a folder says that it holds exported tables."""
    return (root / ABOUT).is_file()


def about(root: Path) -> About:
    """What stands in a folder. Raises `TableError` for one that this version cannot read."""
    try:
        return About.model_validate_json((root / ABOUT).read_bytes())
    except (OSError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        where = ".".join(map(str, first["loc"]))
        raise TableError(f"load: {root / ABOUT}: {where}: {first['msg']}; export the run again") from error


def checked(root: Path) -> About:
    """As `about`, and every file has the digest that was noted. Raises `InvalidRunError` for one that was changed."""
    told = about(root)
    for name in TABLES:
        facts = told.tables.get(name)
        if facts is None or Path(facts.file).name != facts.file:
            raise TableError(f"load: {root / ABOUT} names no file for the table {name}; export the run again")
        if _digest(root / facts.file) != facts.sha256:
            raise InvalidRunError(f"load: {root / facts.file} was changed since it was exported; export the run again")
    return told


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ExportError(f"load: {path}: {error.strerror}; export the run again") from error


def read_table(
    root: Path, told: About, name: str, wanted: Sequence[str] | None = None, *, coded: bool = False
) -> pd.DataFrame:
    """One table, or only some of its columns; ``coded``: its texts as categories. Raises `TableError`."""
    facts = told.tables[name]
    columns = [column for column in TABLES[name] if wanted is None or column.name in wanted]
    lacking = [column.name for column in columns if column.name not in facts.columns]
    if lacking:
        raise TableError(f"load: {root / facts.file} lacks columns: {', '.join(lacking)}; export the run again")
    return from_arrow(_stored(root / facts.file, columns, told.format), columns, f"load: {facts.file}", coded=coded)


def _stored(path: Path, columns: Sequence[Column], kind: Format) -> Any:
    if kind is Format.CSV:
        return read_csv(path, columns)
    coded = [one.name for one in columns if isinstance(one.kind, type) or one.kind in ("exact", "text")]
    try:
        return _pq.read_table(str(path), columns=[column.name for column in columns], read_dictionary=coded)
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"load: {path.name}: {str(error)[:200]}") from error


class Writer:
    """Writes a folder table by table, each in as many parts as there are; a part is a frame with all its columns."""

    def __init__(self, root: Path, kind: Format, *, sources: Sequence[Source] = (), verdicts: str = "live") -> None:
        self._root, self._kind, self._sources, self._verdicts = root, kind, tuple(sources), verdicts
        self._facts: dict[str, TableFacts] = {}

    def write(self, name: str, parts: Sequence[pd.DataFrame] | Any) -> None:
        """One table from one or more frames."""
        path, columns = self._root / f"{name}.{self._kind}", TABLES[name]
        rows = self._parquet(path, columns, parts) if self._kind is Format.PARQUET else _csv_file(path, columns, parts)
        told = {one.name: ColumnFacts(type=one.kind_name, meaning=one.meaning) for one in columns}
        self._facts[name] = TableFacts(file=path.name, rows=rows, sha256=_digest(path), columns=told)

    def _parquet(self, path: Path, columns: Sequence[Column], parts: Any) -> int:
        rows, open_file = 0, None
        for part in parts:
            table = to_arrow(part, columns)
            table = table.replace_schema_metadata({_KEY: self._origin()})
            open_file = open_file or _pq.ParquetWriter(str(path), table.schema, compression="zstd")
            open_file.write_table(table)
            rows += len(part)
        if open_file is not None:
            open_file.close()
        return rows

    def _origin(self) -> bytes:
        """What a Parquet file alone says of itself."""
        told = [source.model_dump(mode="json") for source in self._sources]
        return json.dumps({"schema_version": SCHEMA, "verdicts": self._verdicts, "sources": told}).encode()

    def close(self) -> About:
        """Write ``tables.json``."""
        told = About(
            format=self._kind,
            verdicts=self._verdicts,
            note=NOTE if self._kind is Format.CSV else "Text is as the agent wrote it: hostile.",
            sources=self._sources,
            tables=self._facts,
        )
        (self._root / ABOUT).write_text(told.model_dump_json(indent=2) + "\n")
        return told


def _csv_file(path: Path, columns: Sequence[Column], parts: Any) -> int:
    whole = pd.concat(list(parts), ignore_index=True)
    write_csv(to_arrow(whole, columns), columns, path)
    return len(whole)
