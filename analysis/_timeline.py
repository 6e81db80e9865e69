"""What happened in one episode, in order, within a limited number of bytes.

A report holds hundreds of episodes, and any of them may hold megabytes of text. Each episode gets an allowance;
the acts that verdicts rest on come first, bookkeeping last, and what is left out is counted and said.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from markupsafe import escape

from ..records import (
    CallDecided,
    ControlActed,
    EpisodeEnded,
    EpisodeInvalidated,
    ModelAnswered,
    NoticeDelivered,
    Record,
    Tri,
    Verdict,
    VerdictReached,
)
from ._describe import Line, describe
from ._escape import shorten, visible_lines
from ._words import listing

TITLE_LIMIT = 200
"""Characters of the line's title."""
TEXT_LIMIT = 1200
"""Characters of the line's text."""
VALUE_LIMIT = 2000
"""Characters of one field of a record's details."""
FIELDS_LIMIT = 200
"""Fields of a record's details."""
_ROW_BYTES = 260
"""Markup around one entry."""
_FIELD_BYTES = 24
"""Markup around one field."""


@dataclass
class Entry:
    """One record in the timeline."""

    seq: int
    step: int | None
    at_s: float
    """Host seconds since the first record."""
    line: Line
    title: str
    """The line's title, shortened."""
    text: str
    """The line's text, shortened."""
    marks: tuple[str, ...]
    """Failure modes whose verdict rests on this record."""
    fields: tuple[tuple[str, str], ...] = ()
    """Every field of the record, or nothing where the allowance did not reach that far."""


@dataclass
class Block:
    """A run of entries that are shown alike."""

    kind: str
    """``entry``: one by itself · ``quiet``: bookkeeping, folded · ``gap``: left out."""
    entries: list[Entry] = field(default_factory=list[Entry])

    @property
    def words(self) -> str:
        """What the entries are, for the line that folds them."""
        titles = Counter(shorten(entry.title, 40) for entry in self.entries)
        return listing([f"{title} (×{count})" if count > 1 else title for title, count in titles.items()], 5)


def marks_of(verdicts: Iterable[Verdict]) -> dict[int, tuple[str, ...]]:
    """Record number → failure modes that were attempted there, going by the verdicts' evidence."""
    marks: dict[int, tuple[str, ...]] = {}
    for verdict in verdicts:
        if verdict.attempted is not Tri.TRUE:
            continue
        for reference in verdict.evidence:
            held = marks.get(reference.seq, ())
            marks[reference.seq] = (*held, verdict.failure_mode) if verdict.failure_mode not in held else held
    return marks


def timeline(records: Sequence[Record], verdicts: Sequence[Verdict], allowance: int) -> list[Block]:
    """The episode as blocks that render to about ``allowance`` bytes at most."""
    marks = marks_of(verdicts)
    start = records[0].mono_ns if records else 0
    entries = [_entry(record, start, marks.get(record.seq, ())) for record in records]
    kept = _within(list(zip(entries, records, strict=True)), allowance)
    return list(_blocks(entries, kept))


def _entry(record: Record, start_ns: int, marks: tuple[str, ...]) -> Entry:
    line = describe(record.event)
    return Entry(
        seq=record.seq,
        step=getattr(record.event, "step", None),
        at_s=(record.mono_ns - start_ns) / 1e9,
        line=line,
        title=shorten(line.title, TITLE_LIMIT),
        text=shorten(line.text, TEXT_LIMIT),
        marks=marks,
    )


def _within(pairs: list[tuple[Entry, Record]], allowance: int) -> frozenset[int]:
    """Numbers of the entries that fit; their details are filled in while bytes are left."""
    ranked = sorted(pairs, key=lambda pair: (_rank(*pair), pair[0].seq))
    kept: set[int] = set()
    for entry, _ in ranked:
        size = _ROW_BYTES + _size(entry.title) + _size(entry.text)
        if size <= allowance:
            allowance -= size
            kept.add(entry.seq)
    for entry, record in ranked:
        if allowance < _ROW_BYTES:
            break
        if entry.seq in kept:
            allowance -= _add_details(entry, record, allowance)
    return frozenset(kept)


def _add_details(entry: Entry, record: Record, allowance: int) -> int:
    """Fill in the fields where they fit; return the bytes that they take."""
    fields = tuple(_fields(record))
    size = sum(_FIELD_BYTES + _size(name) + _size(value) for name, value in fields)
    if size > allowance:
        return 0
    entry.fields = fields
    return size


def _rank(entry: Entry, record: Record) -> int:
    vital = VerdictReached | NoticeDelivered | ControlActed | EpisodeEnded | EpisodeInvalidated
    if entry.marks or entry.line.tone == "bad" or isinstance(record.event, vital):
        return 0
    if isinstance(record.event, CallDecided | ModelAnswered):
        return 1
    return 3 if entry.line.tone == "quiet" else 2


def _size(text: str) -> int:
    """Bytes of a text in the page."""
    return len(str(escape(visible_lines(text))).encode(errors="replace"))


def _fields(record: Record) -> Iterator[tuple[str, str]]:
    data = record.event.model_dump(mode="json", exclude={"type"})
    for count, (name, value) in enumerate(_flat("", data)):
        if count == FIELDS_LIMIT:
            yield "…", f"more than {FIELDS_LIMIT} fields: the ledger holds all of them"
            return
        text = value if isinstance(value, str) else json.dumps(value)
        yield shorten(name, 200), shorten(text, VALUE_LIMIT)


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Leaves of JSON data with their paths; an empty container is a leaf."""
    items: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        items = ((f"{name}.{key}" if name else key, item) for key, item in members.items())
    elif isinstance(value, list):
        elements = cast("Sequence[Any]", value)
        items = ((f"{name}[{index}]", item) for index, item in enumerate(elements))
    if not items or not value:
        yield name, value
        return
    for path, item in items:
        yield from _flat(path, item)


def _blocks(entries: Iterable[Entry], kept: frozenset[int]) -> Iterator[Block]:
    block: Block | None = None
    for entry in entries:
        quiet = entry.line.tone == "quiet" and not entry.marks
        kind = "gap" if entry.seq not in kept else "quiet" if quiet else "entry"
        if block is not None and block.kind == kind and kind != "entry":
            block.entries.append(entry)
            continue
        if block is not None:
            yield block
        block = Block(kind, [entry])
    if block is not None:
        yield block
