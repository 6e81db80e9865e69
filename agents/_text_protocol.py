"""Tools for models without tool calling: one fenced block of text a turn, and how its result goes back.

A call is a block tagged ``tool`` with a JSON object of ``name`` and ``arguments``; a block tagged ``bash`` is the
bash tool with that command. The parser never executes and never raises: text that cannot be read as a call is an
answer without a call, with a hint that says why where it tried to be one.
"""

import re
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, NamedTuple

from ._json import as_object, dump, read_object, read_repaired

RESULT_TAG = "output"
STOP_SEQUENCES = (f"```{RESULT_TAG}",)
"""Where a model begins to invent the result of its own call."""

CUT_HINT = "Your answer was cut off because it was too long, so nothing was run. Write a shorter one."

_FENCE_HINT = "Your block has no fence, so nothing was run: put a line of ``` before and behind it."

BASH = "bash"
_SHELL_TAGS = frozenset({"bash", "sh", "shell", "zsh", "console", "terminal"})
_TOOL_TAGS = frozenset({"tool", "tools", "tool_call", "tool-call", "function", "function_call"})
_DATA_TAGS = frozenset({"", "json", "json5", "jsonc"})
_NAME_KEYS = ("name", "tool", "tool_name", "function")
_ARGUMENT_KEYS = ("arguments", "args", "parameters", "input")

_OPENING = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<tag>[A-Za-z][\w+-]*)?|<tool_call>", re.MULTILINE)
_HEREDOC = re.compile(r"<<-?[ \t]*(['\"]?)([A-Za-z_]\w*)\1")
_XML_CLOSING = re.compile("</tool_call>")
_MAX_CLOSINGS = 20
_UNFENCED = re.compile(r"\s*(?:bash|tool)[ \t]*\n")
_SHELL_LINE = re.compile(r"\A\s*(?:bash|sh)[ \t]*\n")
_REMARK = re.compile(r"[^\n{\[`]*\n(?=\s*\{)")
_STRAY_TAG = re.compile(r"\s*(?:tool|json|bash)[ \t]*\n(?=\s*[\[{])")


class Call(NamedTuple):
    """A call in a text."""

    name: str
    arguments: str
    """Raw JSON text, not validated."""


class Parsed(NamedTuple):
    """What an answer's text says."""

    text: str
    """The text up to the end of its first call, which is what the model is shown of it again."""
    call: Call | None = None
    hint: str = ""
    """Why there is no call, said to the model; empty where there is one, and where nothing tried to be one."""
    cut: str = ""
    """What stood behind the call."""


class _Block(NamedTuple):
    tag: str
    """Lower case; ``""`` where there is none."""
    body: str
    end: int
    """Where the text goes on behind the block."""
    closed: bool


def parse(text: str, tools: Collection[str], *, complete: bool = True) -> Parsed:
    r"""Read the first call in a text.

    Args:
        text: The model's answer, any text at all.
        tools: Names of the tools on offer. A call of another name is still a call: the broker refuses it.
        complete: Whether the model ended by itself. Where a limit cut it, an open block of commands is no call.

    >>> parse("I look.\n```bash\nls\n```\nDone!", ["bash"]).call
    Call(name='bash', arguments='{"command": "ls"}')
    """
    for block in _blocks(text):
        read = _read_block(block, tools, complete=complete)
        if isinstance(read, Call):
            return Parsed(text[: block.end], read, cut=text[block.end :].strip())
        if read:
            return Parsed(text, hint=read)
    hint = _FENCE_HINT if _UNFENCED.match(text) else ""
    return _bare_call(text, tools) or Parsed(text, hint=hint)


def _read_block(block: _Block, tools: Collection[str], *, complete: bool) -> Call | str:
    """The call that a block makes, or why its attempt at one fails, or "" where it does not attempt one."""
    if block.tag == RESULT_TAG:
        return ""
    cut_off = not block.closed and not complete
    call = _call_in(block, tools, repair=not cut_off)
    if call is not None:
        return call
    stray = _STRAY_TAG.match(block.body)
    if cut_off and (stray or block.tag in _SHELL_TAGS | _TOOL_TAGS):
        return CUT_HINT
    if stray or block.tag in _TOOL_TAGS:
        return 'Your block could not be read: it needs one JSON object with "name" and "arguments".'
    return _shell_call(block.body, tools) if block.tag in _SHELL_TAGS else ""


def _shell_call(body: str, tools: Collection[str]) -> Call | str:
    if BASH not in tools:
        return "There is no bash tool here: use one of the listed tools in a ```tool block."
    command = _without_prompts(_SHELL_LINE.sub("", body).strip("\n"))
    if not command.strip():
        return "Your block of commands is empty."
    return Call(BASH, dump({"command": command}))


def _without_prompts(command: str) -> str:
    """Of a console transcript, which starts with ``$``, only what was typed."""
    lines = command.split("\n")
    if not lines[0].startswith("$ "):
        return command
    return "\n".join(line[2:] for line in lines if line.startswith("$ "))


def _call_in(block: _Block, tools: Collection[str], *, repair: bool) -> Call | None:
    """The call that a block writes as JSON; where the tag does not promise one, only if it is plain."""
    stray = _STRAY_TAG.match(block.body)
    start = stray.end() if stray else 0
    promised = block.tag in _TOOL_TAGS or stray is not None
    found = read_object(block.body, start)
    mendable = repair and (promised or block.tag in _DATA_TAGS)
    value = found[0] if found else read_repaired(block.body[start:]) if mendable else None
    if value is None:
        return None
    implied = block.tag if block.tag in tools else BASH if promised and set(value) == {"command"} else None
    return _call_of(value, tools, implied=implied, promised=promised)


def _call_of(
    value: dict[str, Any], tools: Collection[str], *, implied: str | None = None, promised: bool = False
) -> Call | None:
    if nested := as_object(value.get("function")):
        return _call_of(nested, tools, promised=promised)
    name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
    for key in _ARGUMENT_KEYS:
        if name is not None and key in value:
            arguments = value[key]
            return Call(name, arguments if isinstance(arguments, str) else dump(arguments))
    if name in tools or (name is not None and promised):
        return Call(str(name), dump({key: item for key, item in value.items() if key not in _NAME_KEYS}))
    return None if implied is None else Call(implied, dump(value))


def _bare_call(text: str, tools: Collection[str]) -> Parsed | None:
    """The call of a text that begins with it, outside of any block."""
    stray = _STRAY_TAG.match(text)
    found = read_object(text, stray.end() if stray else 0)
    call = None if found is None else _call_of(found[0], tools)
    if found is None or call is None:
        return None
    end = found[1]
    return Parsed(text[:end], call, cut=text[end:].strip())


def _blocks(text: str) -> Iterator[_Block]:
    position = 0
    while opening := _OPENING.search(text, position):
        block = _block_at(text, opening)
        yield block
        position = max(block.end, opening.end())


def _block_at(text: str, opening: re.Match[str]) -> _Block:
    fence = opening["fence"]
    tag = (opening["tag"] or "").lower() if fence else "tool_call"
    closing = _closing(fence) if fence else _XML_CLOSING
    start = _behind_words(text, opening.end()) if tag in _TOOL_TAGS else opening.end()
    stray = _STRAY_TAG.match(text, start)
    json_object = read_object(text, stray.end() if stray else start)
    if json_object is not None:
        found = closing.search(text, json_object[1])
    else:
        found = _closing_of_commands(text, start, closing)
    if found is None:
        return _Block(tag, text[start:], len(text), closed=False)
    return _Block(tag, text[start : found.start()], found.end(), closed=True)


def _behind_words(text: str, start: int) -> int:
    """Where the object of a call may begin: words on the line of the tag are a remark."""
    words = _REMARK.match(text, start)
    return words.end() if words else start


def _closing(fence: str) -> re.Pattern[str]:
    """The end of a line with a fence as long as the opening one; also the tag with which results begin."""
    char = re.escape(fence[0])
    return re.compile(rf"(?<!{char}){char}{{{len(fence)},}}+[ \t]*+(?:{RESULT_TAG}[ \t]*+)?$", re.MULTILINE)


def _closing_of_commands(text: str, start: int, closing: re.Pattern[str]) -> re.Match[str] | None:
    """The first closing fence that does not stand inside a here-document."""
    candidates = list(islice(closing.finditer(text, start), _MAX_CLOSINGS))
    outside = (found for found in candidates if not _heredoc_open(text[start : found.start()]))
    return next(outside, candidates[0] if candidates else None)


def _heredoc_open(commands: str) -> bool:
    words = {found[2] for found in _HEREDOC.finditer(commands)}
    return bool(words) and not words <= {line.strip() for line in commands.splitlines()}
