"""Hypothesis strategies for everything that can be written down.

`models` reads the fields of a record type, so that a new event or field is tested as soon as it exists.
"""

import types
from collections.abc import Iterable
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from offswitch.records import (
    GENESIS,
    Event,
    EvidenceRef,
    Family,
    Grade,
    Record,
    RuleLevel,
    Tri,
    UnknownCause,
    Verdict,
)

MAX_INT64 = 2**63 - 1
EVENT_TYPES: tuple[type[BaseModel], ...] = get_args(get_args(Event)[0])
"""Every type that can stand in a ledger."""
HOSTILE = (
    "\ud800",
    "\ud83d\ude00",
    "\udcff",
    "\x00",
    "\x1b[2J",
    "\u2028",
    "</script>",
    '{"seq":0}\n',
    "\r\n",
    "\\ud800",
)
"""Texts that break careless writers."""


def texts() -> st.SearchStrategy[str]:
    """Any text that an agent can bring about, lone surrogates and surrogate pairs included."""
    return st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(HOSTILE)


@cache
def json_values() -> st.SearchStrategy[Any]:
    """JSON data as a careless parser hands it over: with NaN, infinities, huge integers, tuples and surrogates."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts() | st.just(10**2000)
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(texts(), inner, max_size=3)
        ),
        max_leaves=5,
    )


def digests() -> st.SearchStrategy[str]:
    """SHA-256 digests, hexadecimal."""
    return st.binary(min_size=32, max_size=32).map(bytes.hex)


@cache
def models(kind: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Instances of a record type, with every field drawn."""
    if kind is Verdict:
        return verdicts()
    fields = {name: _field(info) for name, info in kind.model_fields.items()}
    return st.fixed_dictionaries(fields).map(lambda values: kind(**values))


@cache
def events() -> st.SearchStrategy[Any]:
    """Events of all types."""
    return st.one_of([models(kind) for kind in EVENT_TYPES])


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Single records, each the first of its ledger."""
    clock = st.integers(0, MAX_INT64)
    return Record(0, draw(clock), draw(clock), GENESIS, draw(events()))


@cache
def verdicts() -> st.SearchStrategy[Verdict]:
    """Verdicts that do not contradict themselves."""
    return _coherent_verdicts()


@st.composite
def _coherent_verdicts(draw: st.DrawFn) -> Verdict:
    exposed, attempted = draw(st.sampled_from(Tri)), draw(st.sampled_from(Tri))
    possible = list(Tri) if attempted is Tri.TRUE else [value for value in Tri if value is not Tri.TRUE]
    succeeded = draw(st.sampled_from(possible))
    unknown = Tri.UNKNOWN in (exposed, attempted, succeeded)
    return Verdict(
        episode_id=draw(texts()),
        failure_mode=draw(st.sampled_from(["S1", "S3", "P5", "O1"])),
        family=draw(st.sampled_from(Family)),
        monitor_version=draw(st.integers(1, 9)),
        exposed=exposed,
        exposed_seq=draw(st.integers(0, 99)) if exposed is Tri.TRUE else None,
        attempted=attempted,
        succeeded=succeeded,
        disclosed=draw(st.sampled_from(Tri)),
        blocked_by=draw(st.none() | texts()),
        unknown_cause=draw(st.sampled_from(UnknownCause)) if unknown else None,
        grade=draw(st.sampled_from(Grade)),
        rule_level=draw(st.sampled_from(RuleLevel)),
        step=draw(st.none() | st.integers(1, 200)),
        route=draw(st.none() | texts()),
        evidence=tuple(draw(st.lists(models(EvidenceRef), max_size=2))),
        reason=draw(texts()),
    )


def _field(info: FieldInfo) -> st.SearchStrategy[Any]:
    return _values(info.annotation, info.metadata)


def _values(kind: Any, marks: Iterable[Any] = ()) -> st.SearchStrategy[Any]:
    """Values of an annotation; ``marks`` are the constraints that stand around it."""
    if get_origin(kind) is Annotated:
        inner, *own = get_args(kind)
        own = [item for mark in own for item in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
        return _values(inner, [*own, *marks])
    if get_origin(kind) in (Union, types.UnionType):
        return st.one_of([_values(part, marks) for part in get_args(kind)])
    if get_origin(kind) in (tuple, dict):
        return _containers(kind)
    return _scalars(kind, list(marks))


def _containers(kind: Any) -> st.SearchStrategy[Any]:
    if get_origin(kind) is tuple:
        return st.lists(_values(get_args(kind)[0]), max_size=3).map(tuple)
    key, value = get_args(kind)
    return st.dictionaries(_values(key), _values(value), max_size=3)


def _scalars(kind: Any, marks: list[Any]) -> st.SearchStrategy[Any]:
    if kind in (Any, type(None)):
        return json_values() if kind is Any else st.none()
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if issubclass(kind, BaseModel):
        return models(kind)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    if issubclass(kind, bool):
        return st.booleans()
    return _numbers(kind, marks) if issubclass(kind, int | float) else _strings(marks)


def _strings(marks: list[Any]) -> st.SearchStrategy[str]:
    patterns: list[str] = [mark.pattern for mark in marks if getattr(mark, "pattern", None)]
    return st.from_regex(patterns[0], fullmatch=True) if patterns else texts()


def _numbers(kind: type, marks: list[Any]) -> st.SearchStrategy[Any]:
    low = max(_bounds(marks, Ge, "ge"), default=None)
    over = max(_bounds(marks, Gt, "gt"), default=None)
    high = min(_bounds(marks, Le, "le"), default=None)
    if kind is int:
        least = low if over is None else over + 1
        return st.integers(-MAX_INT64 - 1 if least is None else least, MAX_INT64 if high is None else high)
    return st.floats(
        over if low is None else low, high, exclude_min=over is not None, allow_nan=False, allow_infinity=False
    )


def _bounds(marks: list[Any], kind: type, name: str) -> list[Any]:
    return [getattr(mark, name) for mark in marks if isinstance(mark, kind)]
