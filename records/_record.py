"""One line of a ledger: ``{"event": …, "mono_ns": …, "prev": …, "seq": …, "wall_ns": …}`` and its newline."""

import json
from dataclasses import dataclass
from typing import Any, cast

from pydantic import Field, TypeAdapter, ValidationError

from ._base import SCHEMA_VERSION, Model, Sha256
from ._canonical import canonical_json, json_text
from ._errors import ChainError, RecordError, SchemaError
from ._events import Event
from ._redact import Redactor

GENESIS = "0" * 64
"""Stands for the hash of the line before the first."""
MAX_LINE_BYTES = 64 << 20
"""A longer record is refused: what is large belongs into the evidence store."""


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
    """SHA-256 of the line before; `GENESIS` for the first."""
    event: Event


class _Line(Model):
    event: Event
    mono_ns: int
    prev: Sha256
    seq: int = Field(ge=0)
    wall_ns: int


_LINE = TypeAdapter(_Line)


def encode(record: Record) -> bytes:
    """The line of a record, without its newline."""
    return canonical_json(_data(record))


def as_written(record: Record, redactor: Redactor | None) -> tuple[Record, bytes]:
    """The record's line, and the record exactly as a reader will find it.

    The two differ from the given record only where it holds lone surrogates or a secret of the redactor.
    """
    data = _data(record)
    if redactor is not None and (kept := redactor.json(data["event"])) != data["event"]:
        return _reread(canonical_json(data | {"event": kept}))
    try:
        return record, json_text(data).encode()
    except UnicodeEncodeError:
        return _reread(canonical_json(data))


def _reread(line: bytes) -> tuple[Record, bytes]:
    return decode(line, "the record to be written"), line


def _data(record: Record) -> dict[str, Any]:
    return {
        "seq": record.seq,
        "mono_ns": record.mono_ns,
        "wall_ns": record.wall_ns,
        "prev": record.prev,
        "event": record.event.model_dump(mode="json"),
    }


def decode(line: bytes, where: str) -> Record:
    """The record of a line. Raises `ChainError` for broken JSON, `SchemaError` for a newer or unknown format."""
    try:
        read = _LINE.validate_json(line, strict=True)
    except ValidationError as error:
        raise _refusal(line, where, error) from error
    return Record(read.seq, read.mono_ns, read.wall_ns, read.prev, read.event)


def _refusal(line: bytes, where: str, error: ValidationError) -> RecordError:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return ChainError(f"{where}: not a record ({first['msg']})")
    stated = refused_version(_stated_version(line))
    return SchemaError(f"{where}: {stated or complaint(error)}")


def complaint(error: ValidationError) -> str:
    """What the first failed check says, and where; nothing of the input, which may be hostile."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{first['msg']} at {'.'.join(map(str, first['loc'])) or 'the top'}"


def refused_version(version: object) -> str | None:
    """Why a schema version cannot be read, in words; None where it is ours."""
    if version is None or (type(version) is int and version == SCHEMA_VERSION):
        return None
    if type(version) is not int:
        return f"schema version {str(version)[:40]!r} is not a number"
    age = "newer" if version > SCHEMA_VERSION else "older"
    return f"schema version {version} is {age} than version {SCHEMA_VERSION}, which this offswitch reads"


def _stated_version(line: bytes) -> object:
    """What the line says about its version; None where it says nothing."""
    data: object = json.loads(line)
    for key in ("event", "key", "schema_version"):
        data = cast("dict[str, object]", data).get(key) if isinstance(data, dict) else None
    return data
