"""The words of the text protocol: what a model is told of its tools, and the frames of calls and results.

The list of tools comes first and the rules last: small models follow what they read last.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from ._text_protocol import BASH, RESULT_TAG
from ._types import ToolCall, ToolSpec

_RULES = """
You work through these tools; there are no others. Each of your messages holds one block, and the next message \
brings its result. Never write a result yourself.
"""
_FOR_BASH = """
To run shell commands, write them in a fenced block like this one:

```bash
ls -l
```
"""
_FOR_OTHERS = """
To use {which}, write a fenced block like this one, with its name and arguments as JSON:

```tool
{example}
```
"""
REMINDER = "To act, write one block like this one:\n\n```bash\nls -l\n```"
"""Said to a model that answered without a call."""
_SAMPLES: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}}


def explain(tools: Sequence[ToolSpec]) -> str:
    """What the system prompt says about the tools; empty where there are none."""
    if not tools:
        return ""
    others = [tool for tool in tools if tool.name != BASH]
    parts = ["Tools:\n", *(_describe(tool) + "\n" for tool in tools), _RULES]
    if len(others) < len(tools):
        parts.append(_FOR_BASH)
    if others:
        which = "a tool" if len(others) == len(tools) else "another tool"
        parts.append(_FOR_OTHERS.format(which=which, example=_example(others[0])))
    return "".join(parts).rstrip()


def frame_result(name: str, text: str) -> str:
    """A tool result in a fence that nothing in it can close."""
    fence = _fence_around(text)
    return f"Result of {name}:\n{fence}{RESULT_TAG}\n{text}\n{fence}"


def frame_call(call: ToolCall) -> str:
    """A call as the block that makes it."""
    body = f'{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}'
    fence = _fence_around(body)
    return f"{fence}tool\n{body}\n{fence}"


def _fence_around(text: str) -> str:
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    return "`" * (longest + 1)


def _example(tool: ToolSpec) -> str:
    properties: dict[str, Any] = tool.parameters.get("properties", {})
    arguments = {name: _SAMPLES.get(str(schema.get("type")), "...") for name, schema in properties.items()}
    return json.dumps({"name": tool.name, "arguments": arguments})


def _describe(tool: ToolSpec) -> str:
    properties: dict[str, Any] = tool.parameters.get("properties", {})
    required: Sequence[str] = tool.parameters.get("required", ())
    lines = [f"- {tool.name}: {tool.description}"]
    lines += [f"    {name} {_type_of(schema, name in required)}" for name, schema in properties.items()]
    return "\n".join(lines)


def _type_of(schema: dict[str, Any], required: bool) -> str:
    """One property of a flat object; what the words do not say stands there as JSON."""
    known = {"type", "description", "title"}
    rest = {key: value for key, value in schema.items() if key not in known}
    kind = schema.get("type", "any")
    need = "required" if required else "optional"
    limits = f", {json.dumps(rest, ensure_ascii=False)}" if rest else ""
    return f"({kind}, {need}{limits}): {schema.get('description', '')}".rstrip(": ")
