"""YAML without its traps: plain data with the line of every key.

Only the core of YAML 1.2: ``on``, ``off`` and ``no`` are words, not truth values; there are no dates and no numbers
of base 60. Refused with their line: a key that comes twice, a key that is no text, anchors and aliases (a few lines
of them unfold to gigabytes), tags, several documents, and what is too large or too deep to have been meant.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from ._errors import YamlError

YamlPath = tuple[str | int, ...]
"""Keys and indexes from the top of a document."""
MOST_YAML_BYTES = 1 << 20
MOST_DEPTH = 24
_CORE = (
    ("null", re.compile(r"~|null|Null|NULL|"), "~nN"),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    ("int", re.compile(r"[-+]?[0-9]+"), "-+0123456789"),
    ("float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), "-+.0123456789"),
)
_TAG = "tag:yaml.org,2002:"
_READINGS: dict[str, Callable[[str], Any]] = {
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": int,
    "float": float,
}


@dataclass
class YamlDocument:
    """Plain data, and where each part of it was written."""

    source: str
    data: Any
    places: dict[YamlPath, str] = field(default_factory=dict[YamlPath, str])
    """YamlPath → ``line 3``, or the option that put it there."""

    def written(self, location: YamlPath) -> YamlPath:
        """The part of a location that was written: shorthands and defaults leave parts out."""
        data: Any = self.data
        path: list[str | int] = []
        for part in location:
            if part in yaml_keys(data):
                data = data[part]
                path.append(part)
        return tuple(path)

    def place(self, location: YamlPath) -> str:
        """Where a location, or what holds it, was written."""
        path = self.written(location)
        while path and path not in self.places:
            path = path[:-1]
        return ", ".join(part for part in (self.source, self.places.get(path, "")) if part) or "experiment"


def yaml_keys(data: Any) -> Collection[str | int]:
    """What leads further down: the keys of a mapping, the places of a list."""
    items: Any = data
    if isinstance(data, dict):
        return cast("dict[str | int, Any]", data).keys()
    return range(len(items)) if isinstance(data, list) else ()


def parse_yaml(text: str, source: str) -> YamlDocument:
    """The only document of a text; an empty text is None. Raises `YamlError`."""
    if len(text.encode(errors="replace")) > MOST_YAML_BYTES:
        raise YamlError(f"{source}: is larger than {MOST_YAML_BYTES >> 10} KiB")
    document = YamlDocument(source, None)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise YamlError(f"{source}{line}: is no YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise YamlError(f"{source}: is no YAML: {' '.join(str(error).split())[:200]}") from error
    if node is not None:
        document.data = _Reader(document).value(node, ())
    return document


class _Loader(yaml.SafeLoader):
    """Composes nodes; refuses what has no place in a specification."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, Any]]] = {}  # noqa: RUF012 - the name is PyYAML's
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        untyped: Any = self
        event: Any = untyped.peek_event()
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise yaml.MarkedYAMLError(None, None, "anchors and aliases are not allowed", mark)
        if self.depth >= MOST_DEPTH:
            raise yaml.MarkedYAMLError(None, None, f"is nested deeper than {MOST_DEPTH} levels", mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


for _name, _pattern, _first in _CORE:
    _whole = re.compile(f"(?:{_pattern.pattern})$")
    for _character in (*_first, *([""] if _name == "null" else [])):
        _Loader.yaml_implicit_resolvers.setdefault(_character, []).append((_TAG + _name, _whole))


class _Reader:
    """Turns nodes into data and notes their lines."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document

    def value(self, node: yaml.Node, path: YamlPath) -> Any:
        """The data of a node."""
        self._document.places.setdefault(path, f"line {node.start_mark.line + 1}")
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._refused(node, f"the tag {node.tag} is not allowed")

    def _mapping(self, node: yaml.MappingNode, path: YamlPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                raise self._refused(key_node, "a key must be a text; put it in quotes")
            if key in found:
                raise self._refused(key_node, f"the key {key!r} comes twice")
            self._document.places[(*path, key)] = f"line {key_node.start_mark.line + 1}"
            found[key] = self.value(value_node, (*path, key))
        return found

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text = str(node.value)
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        if kind == "null":
            return None
        read = _READINGS.get(kind)
        if read is None:
            raise self._refused(node, f"the tag {node.tag} is not allowed")
        try:
            return read(text)
        except (ValueError, KeyError) as error:
            raise self._refused(node, f"{text[:20]!r} is no usable {kind}") from error

    def _refused(self, node: yaml.Node, what: str) -> YamlError:
        return YamlError(f"{self._document.source}, line {node.start_mark.line + 1}: {what}")
