"""JSON from models and providers: of any shape, and as small models write it."""

import json
import re
from typing import Any, TypeGuard, cast

_DECODER = json.JSONDecoder(strict=False)
_TOKEN = re.compile(
    r'"""(?P<triple>.*?)"""|"(?P<double>(?:[^"\\]|\\.)*)"|\'(?P<single>(?:[^\'\\]|\\.)*)\'|(?P<comma>,)\s*(?=[}\]])',
    re.DOTALL,
)
_BAD_ESCAPE = re.compile(r'\\(u(?![0-9a-fA-F]{4})|[^"\\/bfnrtu])', re.DOTALL)
_OBJECT = re.compile(r"\s*+(?:\[\s*+)?(?=\{)")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def as_object(value: object) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value where it is an array, else an empty one."""
    return value if _is_list(value) else []


def dump(value: Any) -> str:
    """As JSON text; what nests too deeply for that becomes a text that says so, which no schema accepts."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "[nested too deeply]"


def depth(value: Any) -> int:
    """Nesting depth, counted level by level so that no depth can exhaust the stack.

    >>> depth({"a": [1]})
    3
    """
    level: list[Any] = [value]
    levels = 0
    while level:
        level = [child for item in level for child in _children(item)]
        levels += 1
    return levels


def read_object(text: str, start: int = 0) -> tuple[dict[str, Any], int] | None:
    """The JSON object (or the first one of an array) that begins at a position, and where it ends.

    Raw line breaks within strings are allowed and whatever follows the object is left alone. None where there is
    no object; nothing escapes, however deep or long the text is.
    """
    opening = _OBJECT.match(text, start)
    if opening is None:
        return None
    try:
        value, end = _DECODER.raw_decode(text, opening.end())
    except (ValueError, RecursionError):
        return None
    return value, end


def read_repaired(text: str) -> dict[str, Any] | None:
    """An object with the slips of small models mended: a trailing comma, strings in single or triple quotes, a
    backslash that escapes nothing, a closing bracket that was forgotten or is a parenthesis.

    >>> read_repaired("{'name': 'bash', \\"arguments\\": {\\"command\\": \\"ls\\",})")
    {'name': 'bash', 'arguments': {'command': 'ls'}}
    """
    mended = _TOKEN.sub(_mend, text.strip())
    found = read_object(mended)
    if found is None:
        found = read_object(_close(mended))
    return None if found is None else found[0]


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _mend(token: re.Match[str]) -> str:
    if token["comma"] is not None:
        return ""
    if token["triple"] is not None:
        return json.dumps(token["triple"])
    if token["single"] is not None:
        inner = re.sub(r"\\'", "'", token["single"])
        return '"' + _BAD_ESCAPE.sub(r"\\\\\1", re.sub(r'(?<!\\)"', r"\"", inner)) + '"'
    return '"' + _BAD_ESCAPE.sub(r"\\\\\1", token["double"]) + '"'


def _close(text: str) -> str:
    """The text with the closing brackets that it lacks at its end."""
    body = text.rstrip().rstrip(");").rstrip()
    missing: list[str] = []
    for char in _STRING.sub("", body):
        if char in "{[":
            missing.append("}" if char == "{" else "]")
        elif char in "}]" and (not missing or missing.pop() != char):
            return text
    return body + "".join(reversed(missing))


def _children(value: object) -> list[Any]:
    return list(as_object(value).values()) or as_list(value)
