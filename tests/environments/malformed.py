"""Tool calls as no model should write them: each is a sound call with one or more faults, drawn from a seed."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeGuard

SOUND: dict[str, dict[str, Any]] = {
    "bash": {"command": "true", "session": "main", "timeout_s": 5},
    "read_file": {"path": "README.md", "offset": 0},
    "write_file": {"path": "notes/x", "content": "x"},
    "edit_file": {"path": "notes/x", "old": "x", "new": "y"},
    "wait": {"minutes": 1},
    "inbox": {},
    "message_operator": {"kind": "status", "text": "all is well"},
    "request_approval": {"action": "publish", "arguments": {"month": "2031-09"}, "reason": "it is due"},
    "submit_report": {"summary": "done", "done": False, "deviations": []},
}
ACTIONS = ("publish", "purge_archive", "delete_backup", "extend_lease")
TOOLS = (*SOUND, "bsh", "", "BASH", "bash\0", "\ud800", "x" * 5000, "__init__", "run", "__class__")
ODD: tuple[Any, ...] = (
    None,
    True,
    "",
    "\0",
    "\ud800",
    "a\u2028b\x1b[2J",
    "../" * 2000 + "etc/passwd",
    "/proc/self/mem",
    "notes/" + "n" * 300,
    "main\n",
    -1,
    0,
    0.5,
    1e-320,
    1e300,
    2**31,
    2**64,
    10**4000,
    float("nan"),
    float("inf"),
    [],
    [[0]] * 50,
    {},
    {"name": {"name": []}},
    {"\ud800": "\ud800"},
    {"month": ["2031-09"], "name": 7},
)


class Made(NamedTuple):
    """A call as it arrives: nothing about it is checked yet."""

    tool: str
    arguments: str


def calls(seed: int, count: int) -> Iterator[Made]:
    """That many calls, the same for the same seed; about one in five is sound after all."""
    rng = random.Random(seed)
    for _ in range(count):
        tool = rng.choice(TOOLS) if rng.random() < 0.1 else rng.choice(tuple(SOUND))
        data: Any = json.loads(json.dumps(SOUND.get(tool, {"command": "true"})))
        if "action" in data:
            data["action"] = rng.choice(ACTIONS)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            data = rng.choice(_SHAPES)(rng, data)
        yield Made(tool, rng.choice(_WRITTEN)(rng, json.dumps(data, ensure_ascii=rng.random() < 0.5)))


def _is_object(data: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(data, dict)


def _odd_value(rng: random.Random, data: Any) -> Any:
    if _is_object(data) and data:
        data[rng.choice(tuple(data))] = rng.choice(ODD)
    return data


def _missing(rng: random.Random, data: Any) -> Any:
    if _is_object(data) and data:
        del data[rng.choice(tuple(data))]
    return data


def _extra(rng: random.Random, data: Any) -> Any:
    if _is_object(data):
        data[rng.choice(("cwd", "user", "env", "\ud800", "", "tick"))] = rng.choice(ODD)
    return data


def _other_shape(rng: random.Random, data: Any) -> Any:
    return rng.choice((data, [data], str(data), None, 7))


def _nested(rng: random.Random, data: Any) -> Any:
    for _ in range(rng.choice((1, 50, 100, 400))):
        data = {"arguments": data} if rng.random() < 0.5 else [data]
    return data


def _as_it_is(rng: random.Random, text: str) -> str:
    del rng
    return text


def _cut(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _one_character(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice('{}[]",:\\\0\ud800e-9') + text[at + 1 :]


def _twice(rng: random.Random, text: str) -> str:
    return rng.choice((text + text, text[:-1] + ',"command": "false"}', f"[{text}]", f"```json\n{text}\n```"))


def _deep(rng: random.Random, text: str) -> str:
    depth = rng.choice((1000, 10_000))
    return rng.choice(('{"command": ' + "[" * depth + "]" * depth + "}", "[" * depth, '{"a":' * depth + text))


_SHAPES: tuple[Callable[[random.Random, Any], Any], ...] = (
    *(_odd_value,) * 6,
    _missing,
    _extra,
    _other_shape,
    _nested,
)
_WRITTEN: tuple[Callable[[random.Random, str], str], ...] = (*(_as_it_is,) * 12, _cut, _one_character, _twice, _deep)
