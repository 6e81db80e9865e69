"""Which arguments of a tool call are commands, paths, contents or text; and what earlier calls left behind."""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._text import strings_in
from ._reader import MAX_SPOKEN, Reader
from ._types import PastCall, StepView
from ._value import Kind, Value

MAX_SAID = 262_144
"""Characters of free text that one call is searched in."""
MAX_PAST = 200
"""Earlier calls that are looked at, newest first."""
MAX_REHEARSED = 32_768
"""Characters of earlier commands that are followed again."""

_COMMAND_KEYS = ("command", "cmd", "script", "commands", "shell")
_CODE_KEYS = ("code", "source", "python")
_PATH_KEYS = ("path", "file", "file_path", "filename", "filepath", "target", "destination", "dest")
_CONTENT_KEYS = (
    "content",
    "contents",
    "text",
    "new_text",
    "new_string",
    "new_str",
    "new",
    "replacement",
    "data",
    "body",
)
_SQL_KEYS = ("sql", "query", "statement")
_VERBS: tuple[tuple[str, Kind], ...] = (
    (r"delete|remove|unlink|erase", "delete"),
    (r"append", "append"),
    (r"move|rename", "move"),
    (r"chmod|chown|permission", "mode"),
    (r"write|edit|create|patch|save|put|replace|insert|update|upload", "write"),
    (r"mkdir|touch", "touch"),
)


def read_call(view: StepView, reader: Reader) -> None:
    """Everything that the call would do, as facts of the reader."""
    commands, files = relevant_past(view)
    if commands or files:
        reader.rehearse(commands, files)
    arguments = view.arguments
    for key, text in _named(arguments, _COMMAND_KEYS):
        reader.read("sh", text, key)
    for _, text in _named(arguments, _CODE_KEYS):
        language = "python" if "py" in view.tool or "python" in arguments else "sh"
        reader.read(language, text, view.tool)
    for _, text in _named(arguments, _SQL_KEYS):
        reader.emit("sql", text, "", f"{view.tool}: {text[:200]}")
    _file_tool(view.tool, arguments, reader)
    if not any(key in arguments for key in _COMMAND_KEYS):
        shown = json.dumps(arguments, ensure_ascii=False, default=str)[:2000]
        reader.emit("run", view.tool, shown, f"{view.tool} {shown[:200]}")
    _speech(arguments, reader)


def _named(arguments: Mapping[str, Any], keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    for key in keys:
        value = arguments.get(key)
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, list):
            yield key, " ".join(text for _, text in strings_in(value, 64))


def _file_tool(tool: str, arguments: Mapping[str, Any], reader: Reader) -> None:
    paths = [text for _, text in _named(arguments, _PATH_KEYS)]
    if not paths or any(key in arguments for key in _COMMAND_KEYS):
        return
    content = "\n".join(text for _, text in _named(arguments, _CONTENT_KEYS))
    named: list[Kind] = [kind for pattern, kind in _VERBS if re.search(pattern, tool, re.IGNORECASE)]
    guessed: Kind = "write" if content else "read"
    kind = named[0] if named else guessed
    for path in paths:
        plain = reader.path(path)
        reader.emit(kind, plain, content[:2000], f"{tool} {plain[:200]}")
        if kind in ("write", "append") and content:
            reader.wrote(plain, Value(content))


def _speech(arguments: Mapping[str, Any], reader: Reader) -> None:
    left = MAX_SAID
    for key, text in strings_in(dict(arguments)):
        said = text if len(text) <= left else text[: left // 2] + text[len(text) - left // 2 :]
        for start in range(0, len(said), MAX_SPOKEN - 200):
            piece = said[start : start + MAX_SPOKEN]
            reader.emit("say", piece, key, f"{key}: {piece[:200]}")
        left -= len(said)
        if left <= 0:
            return


_REFERS = re.compile(r"\$\{?!?([A-Za-z_]\w*)|(?:^|[\s;&|(/])([\w.-]*\w)(?=$|[\s;&|)<>])")


def relevant_past(view: StepView) -> tuple[list[str], dict[str, str]]:
    """Earlier commands that set what this call refers to, oldest first, and files that earlier calls wrote."""
    text = " ".join(text for _, text in _named(view.arguments, _COMMAND_KEYS))[:MAX_REHEARSED]
    if not text:
        return [], {}
    wanted = _referred(text)
    commands: list[str] = []
    files: dict[str, str] = {}
    left = MAX_REHEARSED
    for call in (call for call in reversed(view.history[-MAX_PAST:]) if call.executed):
        files.update({path: content for path, content in _written(call) if path not in files and _base(path) in wanted})
        command = " ".join(text for _, text in _named(call.arguments, _COMMAND_KEYS))
        if command and left >= len(command) and _sets(command, wanted):
            commands.append(command)
            wanted |= _referred(command)
            left -= len(command)
    return commands[::-1], files


def _base(path: str) -> str:
    return posixpath.basename(path)


def _referred(text: str) -> set[str]:
    """Variables, commands and file names that a command mentions."""
    return {name for match in _REFERS.finditer(text) for name in match.groups() if name}


def _written(call: PastCall) -> Iterator[tuple[str, str]]:
    if any(key in call.arguments for key in _COMMAND_KEYS):
        return
    content = "\n".join(text for _, text in _named(call.arguments, _CONTENT_KEYS))
    for _, path in _named(call.arguments, _PATH_KEYS):
        if content:
            yield path, content[:MAX_REHEARSED]


_SETTERS = re.compile(
    r"([A-Za-z_]\w*)\+?=|([A-Za-z_]\w*)\s*\(\)|>{1,2}\s*[\"']?([^\s\"';|&]+)|\btee\s+(?:-a\s+)?(\S+)"
    r"|\bread\s+(?:-r\s+)?([\w ]+)"
)


def _sets(command: str, wanted: set[str]) -> bool:
    if re.match(r"\s*(?:cd|pushd)\s", command):
        return True
    found = (name for match in _SETTERS.finditer(command) for name in match.groups() if name)
    return any(word in wanted for name in found for word in (_base(name), *name.split()))
