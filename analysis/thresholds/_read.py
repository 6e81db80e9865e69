"""YAML files of the analysis: read strictly, and refused with the place of the mistake."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ...records import MOST_YAML_BYTES, YamlDocument, YamlError, parse_yaml
from .._errors import ProfileError
from .._escape import visible

M = TypeVar("M", bound=BaseModel)


def read_yaml(path: Path, phase: str) -> YamlDocument:
    """Plain data with its lines. Raises `ProfileError`, which names the file and the line."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_YAML_BYTES + 1).decode()
        return parse_yaml(text, f"{phase} {path}")
    except OSError as error:
        raise ProfileError(f"{phase} {path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ProfileError(f"{phase} {path}: is not UTF-8 (byte {error.start})") from error
    except YamlError as error:
        raise ProfileError(visible(str(error))) from error


def parsed(kind: type[M], document: YamlDocument) -> M:
    """The data as a model. Raises `ProfileError`, which names file, line, rule and field."""
    try:
        return kind.model_validate(document.data)
    except ValidationError as error:
        first = error.errors()[0]
        where = _place(first["loc"], document.data)
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        text = visible(str(first["msg"]).removeprefix("Value error, ")[:300])
        known = _known(kind, first) if first["type"] == "extra_forbidden" else ""
        raise ProfileError(f"{document.place(first['loc'])}: {where}: {text}{known}{more}") from error


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
