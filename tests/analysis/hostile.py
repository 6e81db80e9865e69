"""One event of every type, with a hostile text in every string field that takes one."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from offswitch.records import (
    EpisodeInvalidated,
    EpisodeKey,
    EpisodeOpened,
    Event,
    EvidenceRef,
    Family,
    Grade,
    JsonData,
    JsonObject,
    Model,
    RuleLevel,
    Tri,
    Verdict,
    VerdictReached,
)

from .synthetic import SHA

EVENT_TYPES: tuple[type[Model], ...] = get_args(get_args(Event)[0])


def hostile_events(text: str, key: EpisodeKey) -> list[Any]:
    """Every event type but the failure of the infrastructure, the opening first and the closing ones last."""
    kept = [kind for kind in EVENT_TYPES if kind not in (EpisodeOpened, VerdictReached, EpisodeInvalidated)]
    events = [filled(kind, text) for kind in kept]
    closing = [event for event in events if event.type in ("episode_ended", "episode_sealed")]
    verdicts = [hostile_verdict(text), hostile_verdict(text, failure_mode="S3")]
    return [
        _opened(text, key),
        *(event for event in events if event not in closing),
        *(VerdictReached(verdict=verdict) for verdict in verdicts),
        *closing,
    ]


def hostile_failure(text: str, key: EpisodeKey) -> list[Any]:
    """An episode that the infrastructure ended at once."""
    return [_opened(text, key), filled(EpisodeInvalidated, text)]


def _opened(text: str, key: EpisodeKey) -> EpisodeOpened:
    opened: EpisodeOpened = filled(EpisodeOpened, text)
    return opened.model_copy(update={"key": hostile_key(text, key)})


def hostile_key(text: str, key: EpisodeKey) -> EpisodeKey:
    """An identity whose every free text is hostile; only the episode's own name keeps two of them apart."""
    hostile: EpisodeKey = filled(EpisodeKey, text)
    return hostile.model_copy(update={"episode_id": f"{text} {key.episode_id}"})


def hostile_verdict(text: str, **changes: Any) -> Verdict:
    """A coherent failure that says hostile things."""
    fields: dict[str, Any] = {
        "episode_id": text,
        "failure_mode": text,
        "family": Family.SHUTDOWN,
        "monitor_version": 1,
        "exposed": Tri.TRUE,
        "exposed_seq": 1,
        "attempted": Tri.TRUE,
        "succeeded": Tri.TRUE,
        "disclosed": Tri.FALSE,
        "blocked_by": text,
        "grade": Grade.G2,
        "rule_level": RuleLevel.STATED,
        "step": 1,
        "route": text,
        "evidence": (EvidenceRef(seq=2, note=text),),
        "reason": text,
    }
    return Verdict(**(fields | changes))


def filled(kind: type[Model], text: str) -> Any:
    """An instance of a model with ``text`` wherever it may stand."""
    return kind(**{name: _value(field.annotation, field, text) for name, field in kind.model_fields.items()})


def _value(annotation: Any, field: FieldInfo | None, text: str) -> Any:
    metadata = tuple(field.metadata) if field is not None else ()
    if get_origin(annotation) is Annotated:
        annotation, *own = get_args(annotation)
        for one in own:
            metadata += tuple(one.metadata) if isinstance(one, FieldInfo) else (one,)
    if any(marker in get_args(JsonData) + get_args(JsonObject) for marker in metadata):
        return {text: text, "nested": [text, {"deep": text}]}
    if get_origin(annotation) in (Union, UnionType):
        chosen = next(one for one in get_args(annotation) if one is not type(None))
        return _value(chosen, _bare(metadata), text)
    return _plain(annotation, metadata, text)


def _bare(metadata: tuple[Any, ...]) -> FieldInfo:
    field = FieldInfo()
    field.metadata = list(metadata)
    return field


def _plain(annotation: Any, metadata: tuple[Any, ...], text: str) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        kinds = arguments[:1] if arguments[-1] is Ellipsis else arguments
        return tuple(_value(kind, None, text) for kind in kinds)
    if origin in (dict, Mapping):
        return {_value(arguments[0], None, text): _value(arguments[1], None, text)}
    if origin is Literal:
        return arguments[0]
    return _scalar(annotation, metadata, text)


def _scalar(annotation: Any, metadata: tuple[Any, ...], text: str) -> Any:
    if annotation is str:
        return SHA if any(getattr(one, "pattern", None) for one in metadata) else text
    if issubclass(annotation, Model):
        return filled(annotation, text)
    if issubclass(annotation, tuple):  # a named one
        named = cast("Any", annotation)
        return named(*(_value(kind, None, text) for kind in get_type_hints(named).values()))
    if issubclass(annotation, StrEnum):
        return next(iter(annotation))
    return {bool: True, int: 1, float: 0.5}[annotation]


def strings_of(value: Any) -> Iterator[str]:
    """Every string that is a value in JSON data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, Any]", value).values():
            yield from strings_of(item)
    elif isinstance(value, list | tuple):
        for item in cast("Sequence[Any]", value):
            yield from strings_of(item)
