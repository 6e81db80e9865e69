"""The neutral history as LangChain messages, for both ways of calling tools.

What providers insist on: one system message, at the start; the result of every call right behind the answer that
made it; no empty texts; people and model taking turns. Reasoning is not part of the neutral history and is not
sent back.
"""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from ..records import clean_json
from ._json import depth
from ._rounds import Round, Rounds, split_rounds
from ._text_prompt import explain, frame_call, frame_result
from ._text_protocol import parse
from ._types import Message, ToolCall, ToolSpec

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

_NO_OUTPUT = "(no output)"
_NO_RESULT = "(this call was not carried out)"
_NO_ANSWER = "(empty answer)"
_MAX_DEPTH = 32
"""Deeper arguments go back as text: SDKs and servers recurse over them."""
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


def for_tool_calls(history: Sequence[Message]) -> "list[BaseMessage]":
    """For models that call tools natively."""
    from langchain_core.messages import AIMessage, ToolMessage

    split = split_rounds(history)
    system, opening = _prologue(split)
    messages = [*system, *_human(opening)]
    for one in split.rounds:
        calls = one.answer.calls
        tool_calls: list[Any] = [_native_call(call) for call in calls]
        messages.append(AIMessage(one.answer.text or ("" if calls else _NO_ANSWER), tool_calls=tool_calls))
        messages += [
            ToolMessage(_result_text(result), tool_call_id=call.id)
            for call, result in zip(calls, one.results, strict=True)
        ]
        messages += _human([_spoken(message) for message in one.others])
    return messages


def for_text_protocol(history: Sequence[Message], tools: Sequence[ToolSpec]) -> "list[BaseMessage]":
    """For models that write their calls as text; the system message explains the tools."""
    from langchain_core.messages import AIMessage, SystemMessage

    split = split_rounds(history)
    system, opening = _prologue(split)
    said = [str(message.content) for message in system]
    prompt = "\n\n".join(text for text in (*said, explain(tools)) if text)
    messages: list[BaseMessage] = [SystemMessage(prompt)] if prompt else []
    messages += _human(opening)
    names = [tool.name for tool in tools]
    for one in split.rounds:
        messages.append(AIMessage(_written(one.answer, names)))
        messages += _human([*_framed_results(one), *(_spoken(message) for message in one.others)])
    return messages


def tool_schema(tool: ToolSpec) -> dict[str, Any]:
    """A tool in the form that every LangChain provider binds."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def estimate_tokens(*texts: str) -> int:
    """Four characters a token, rounded up: an estimate, and recorded as one."""
    return -(-sum(len(text) for text in texts) // 4)


def _prologue(split: Rounds) -> "tuple[list[BaseMessage], list[str]]":
    """The system message that the history begins with, if it does, and what else came before the first answer."""
    from langchain_core.messages import SystemMessage

    first = split.prologue[:1]
    if first and first[0].role == "system":
        return [SystemMessage(first[0].text)], [_spoken(message) for message in split.prologue[1:]]
    return [], [_spoken(message) for message in split.prologue]


def _spoken(message: Message) -> str:
    """A message that stands outside of calls and results, as a person's words."""
    if message.role == "system":
        return f"[system]\n{message.text}"
    if message.role == "tool":
        return frame_result(message.name or "a tool", message.text)
    return message.text


def _human(texts: Sequence[str]) -> "list[BaseMessage]":
    """One message for all of them: many chat templates refuse two people's turns in a row."""
    from langchain_core.messages import HumanMessage

    spoken = "\n\n".join(text for text in texts if text)
    return [HumanMessage(spoken)] if spoken else []


def _result_text(result: Message | None) -> str:
    return _NO_RESULT if result is None else result.text or _NO_OUTPUT


def _framed_results(one: Round) -> list[str]:
    return [
        frame_result(call.name, _result_text(result))
        for call, result in zip(one.answer.calls, one.results, strict=True)
    ]


def _written(answer: Message, tools: Sequence[str]) -> str:
    """The answer's text, with its calls written out where the text does not hold them (it came from elsewhere)."""
    if not answer.calls or parse(answer.text, tools).call is not None:
        return answer.text or _NO_ANSWER
    return "\n\n".join(text for text in (answer.text, *map(frame_call, answer.calls)) if text)


def _native_call(call: ToolCall) -> dict[str, Any]:
    """A call as LangChain takes it. Arguments that are no sound JSON object go back as text under one key:
    servers parse them again, and some answer the whole request with an error."""
    name = _NOT_IN_NAMES.sub("_", call.name)[:64] or "unnamed"
    return {"type": "tool_call", "id": call.id, "name": name, "args": _sound_object(call.arguments)}


def _sound_object(arguments: str) -> dict[str, Any]:
    broken = {"unreadable_arguments": arguments}
    try:
        value = json.loads(arguments, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return broken
    if not isinstance(value, dict) or depth(value) > _MAX_DEPTH:
        return broken
    return cast("dict[str, Any]", clean_json(value))


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
