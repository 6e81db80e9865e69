"""YAML files of the analysis: read strictly, and refused with the place of the mistake."""

import re
from collections.abc import Hashable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import yaml
from pydantic import BaseModel, ValidationError

from .._errors import ProfileError
from .._escape import visible

M = TypeVar("M", bound=BaseModel)
_MOST_BYTES = 1 << 20
_SHOWN = 120


class _Loader(yaml.SafeLoader):
    """Refuses a key that comes twice, and aliases, a few of which unfold to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        untyped: Any = self
        if untyped.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=untyped.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        untyped: Any = self
        seen: set[object] = set()
        for key_node, _ in node.value:
            key: Any = untyped.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(problem="a key must be a text", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} comes twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _words() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """`on`, `off` and dates are words, as in YAML 1.2."""
    known: dict[str, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
    kept = {
        first: [(tag, pattern) for tag, pattern in found if tag.rpartition(":")[2] not in ("bool", "timestamp")]
        for first, found in known.items()
    }
    truth = ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"))
    return kept | {letter: [truth, *kept.get(letter, [])] for letter in "tTfF"}


_Loader.yaml_implicit_resolvers = _words()


def read_yaml(path: Path, phase: str) -> object:
    """Plain data. Raises `ProfileError`, which names the file and the line."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProfileError(f"{phase} {path}: cannot be read ({error.strerror})") from error
    if len(content) > _MOST_BYTES:
        raise ProfileError(f"{phase} {path}: is larger than {_MOST_BYTES >> 10} KiB")
    try:
        return cast("object", yaml.load(content, _Loader))  # noqa: S506 - its loader is a safe one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ProfileError(f"{phase} {path}{where}: {visible(str(error.problem or error.context))}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        text = visible(" ".join(str(error).split())[:_SHOWN])
        raise ProfileError(f"{phase} {path}: is no YAML: {text}") from error


def parsed(kind: type[M], data: object, path: Path, phase: str) -> M:
    """The data as a model. Raises `ProfileError`, which names file, rule and field."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = _place(first["loc"], data)
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        text = visible(str(first["msg"]).removeprefix("Value error, ")[:300])
        known = _known(kind, first) if first["type"] == "extra_forbidden" else ""
        raise ProfileError(f"{phase} {path}: {where}: {text}{known}{more}") from error


def _place(location: tuple[int | str, ...], data: object) -> str:
    """``rule meta.loc1.swe2h: conditions[0].value``: an item of a list that has an id is called by it."""
    words: list[str] = []
    here: Any = data
    for step in location:
        here = _inside(here, step)
        named: Any = _inside(here, "id")
        if isinstance(step, int) and isinstance(named, str) and words == ["rules"]:
            words = [f"rule {visible(named[:64])}:"]
        elif isinstance(step, int) and words:
            words[-1] += f"[{step}]"
        else:
            words.append(visible(str(step)[:64]))
    head = f"{words[0]} " if words and words[0].endswith(":") else ""
    return (head + ".".join(words[bool(head) :])).strip().rstrip(":") or "the whole file"


def _inside(here: Any, step: int | str) -> Any:
    try:
        return here[step]
    except (KeyError, IndexError, TypeError):
        return None


def _known(kind: type[BaseModel], problem: Any) -> str:
    names = _field_names(kind, set())
    close = get_close_matches(str(problem["loc"][-1]), names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _field_names(kind: type[BaseModel], seen: set[type[BaseModel]]) -> list[str]:
    seen.add(kind)
    names = list(kind.model_fields)
    for field in kind.model_fields.values():
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel) and inner not in seen:
                names += _field_names(inner, seen)
    return names
