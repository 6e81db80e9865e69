"""Reading experiments: from a file or a text, with overrides, checked against what is there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..records import MOST_YAML_BYTES, yaml_keys
from ..records import YamlDocument as Document
from ._check import check_spec
from ._complaints import complaints
from ._errors import SpecError
from ._spec import ExperimentSpec
from ._words import brief
from ._yaml import parse


class Override(NamedTuple):
    """``KEY.KEY=VALUE`` that a flag of its own stands for."""

    text: str
    flag: str
    """For example ``--episodes``: what complaints name."""


def load_spec(path: Path, overrides: Iterable[str | Override] = ()) -> ExperimentSpec:
    """Read an experiment from a file and check that what it names is there. Raises `SpecError`."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_YAML_BYTES + 1).decode()
    except OSError as error:
        raise SpecError(f"spec {path}: cannot be read ({error.strerror}); give a YAML file, or --task") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"spec {path}: is not UTF-8 (byte {error.start})") from error
    return checked_spec(read_document(text, str(path), overrides))


def parse_spec(text: str, source: str = "spec", overrides: Iterable[str | Override] = ()) -> ExperimentSpec:
    """The experiment of a text; whether what it names is there is not looked at. Raises `SpecError`."""
    return _validated(read_document(text, source, overrides))


def read_document(content: str, source: str, overrides: Iterable[str | Override] = ()) -> Document:
    """Plain data of a text with its ``KEY.KEY=VALUE`` overrides, each value in YAML. Raises `SpecError`."""
    document = parse(content, source)
    if document.data is None:
        document.data = {}
    if not isinstance(document.data, dict):
        raise SpecError(f"{source}: an experiment is a mapping of keys to values; see `offswitch run --schema`")
    for text in overrides:
        override(document, text)
    return document


def checked_spec(document: Document) -> ExperimentSpec:
    """The experiment that plain data describes, with everything that it names. Raises `SpecError`."""
    spec = _validated(document)
    check_spec(spec, document.place)
    return spec


def _validated(document: Document) -> ExperimentSpec:
    try:
        return ExperimentSpec.model_validate(document.data)
    except ValidationError as error:
        raise SpecError(*complaints(error, document, ExperimentSpec)) from error


def override(document: Document, given: str | Override) -> None:
    """Put the value of ``KEY.KEY=VALUE`` into a document. Raises `SpecError`."""
    text = given if isinstance(given, str) else given.text
    keys, equals, value = text.partition("=")
    origin = f"--set {keys}" if isinstance(given, str) else given.flag
    parts = keys.split(".")
    if not equals or not all(parts):
        example = "--set scenario.budgets.max_steps=50"
        raise SpecError(f"--set {brief(text)}: write --set KEY.KEY=VALUE, for example {example}")
    target: Any = document.data
    path: list[str | int] = []
    for part in parts[:-1]:
        path.append(_key(target, part, text))
        if path[-1] not in yaml_keys(target) or target[path[-1]] is None:
            target[path[-1]] = {}
            document.places[tuple(path)] = origin
        target = target[path[-1]]
    last = _key(target, parts[-1], text)
    target[last] = parse(value, origin).data
    whole = (*path, last)
    document.places = {at: line for at, line in document.places.items() if at[: len(whole)] != whole}
    document.places[whole] = origin


def _key(target: Any, part: str, text: str) -> str | int:
    """The key that a part of a path means; a mapping takes new ones."""
    if isinstance(target, dict):
        return part
    if part.isdigit() and int(part) in yaml_keys(target):
        return int(part)
    what = f"a list of {len(yaml_keys(target))}, counted from 0" if isinstance(target, list) else "a single value"
    raise SpecError(f"--set {brief(text)}: {part!r} leads nowhere in {what}")
