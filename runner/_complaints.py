"""What is wrong with an experiment, in one line a problem: file, line, key, and what is allowed there."""

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..records import YamlDocument as Document
from ..records import YamlPath as Path
from ._words import brief, meant


def complaints(error: ValidationError, document: Document, model: type[BaseModel]) -> list[str]:
    """One line a problem; problems of the same place once."""
    found = [_complaint(detail, document, model) for detail in error.errors(include_url=False)]
    return list(dict.fromkeys(found))


def _complaint(detail: ErrorDetails, document: Document, model: type[BaseModel]) -> str:
    written = document.written(detail["loc"])
    if detail["type"] == "missing":
        written = (*written, detail["loc"][-1])
    key = ".".join(map(str, written)) or "the top"
    return f"{document.place(detail['loc'])}, {key}: {_what(detail, model)}"


def _what(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return f"unknown key; {meant(str(detail['loc'][-1]), _keys(model, detail['loc'][:-1]))}"
    if detail["type"] == "missing":
        return "is missing"
    if detail["type"] in ("enum", "literal_error"):
        return f"unknown value {brief(detail['input'])}; {meant(str(detail['input']), _values(model, detail['loc']))}"
    if detail["type"] == "too_short":
        return "needs at least one"
    message = detail["msg"].removeprefix("Value error, ")
    shown = "" if detail["type"] == "value_error" else f", not {brief(detail['input'])}"
    return f"{message[:1].lower()}{message[1:]}{shown}"


def _keys(model: type[BaseModel], location: Path) -> list[str]:
    return sorted({name for found in _models_at(model, location) for name in found.model_fields})


def _values(model: type[BaseModel], location: Path) -> list[str]:
    annotations: list[Any] = [model]
    for part in location:
        annotations = [inner for one in annotations for inner in _below(one, part)]
    enums = [one for annotation in annotations for one in _unfolded(annotation)]
    found = [str(member.value) for one in enums if isinstance(one, type) and issubclass(one, Enum) for member in one]
    literals = [str(value) for one in enums if get_origin(one) is Literal for value in get_args(one)]
    return found + literals


def _models_at(model: type[BaseModel], location: Path) -> Iterator[type[BaseModel]]:
    annotations: list[Any] = [model]
    for part in location:
        annotations = [inner for one in annotations for inner in _below(one, part)]
    for annotation in annotations:
        yield from (one for one in _unfolded(annotation) if isinstance(one, type) and issubclass(one, BaseModel))


def _below(annotation: Any, part: str | int) -> Iterator[Any]:
    """What stands at a key or index of this type; the kind of a subject leads nowhere."""
    for one in _unfolded(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            if part in one.model_fields:
                yield one.model_fields[str(part)].annotation
            else:
                yield one
        elif get_origin(one) in (tuple, list):
            yield get_args(one)[0]
        elif get_origin(one) is dict:
            yield get_args(one)[1]


def _unfolded(annotation: Any) -> Iterator[Any]:
    """The alternatives of a type, without what is only remarked about it."""
    if get_origin(annotation) is Annotated:
        yield from _unfolded(get_args(annotation)[0])
    elif get_origin(annotation) in (tuple, list, dict, Literal) or not get_args(annotation):
        yield annotation
    else:
        for one in get_args(annotation):
            yield from _unfolded(one)
