"""What a chat model's message says: text, calls, cost, identity, and whether the provider withheld the answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..records import clean_json, clean_text
from ._errors import Category
from ._json import as_object, dump
from ._prices import Tokens
from ._types import ToolCall

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

RAW_CALLS = "offswitch_raw_calls"
"""Key of a message's additional data with ``[{"name": …, "arguments": …}, …]`` as they came, in their order."""
_CUT_REASONS = frozenset({"length", "max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens"})
_FILTER_REASONS = frozenset(
    {
        "content_filter",
        "content_filtered",
        "SAFETY",
        "PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "guardrail_intervened",
    }
)
_MOST_TOKENS = 10**12
_REFUSAL_REASONS = frozenset({"refusal"})


class Usage(NamedTuple):
    """Tokens of an answer and where the numbers come from."""

    tokens: Tokens
    source: Literal["provider", "estimate"]
    raw: dict[str, Any] | None


def text_of(message: "AIMessage") -> str:
    """The words of the answer; blocks of other kinds (reasoning, calls) are left out."""
    content: Any = message.content
    if isinstance(content, str):
        return content
    parts = [part if isinstance(part, str) else part.get("text") for part in content]
    return "".join(part for part in parts if isinstance(part, str))


def calls_of(message: "AIMessage", answer: str) -> tuple[ToolCall, ...]:
    """The calls in the answer's order, under ids of ours: providers repeat theirs, or send none."""
    raw = message.additional_kwargs.get(RAW_CALLS)
    if raw is None:
        valid = [{"name": call["name"] or "", "arguments": dump(call["args"])} for call in message.tool_calls]
        broken = [{"name": call["name"] or "", "arguments": call["args"] or ""} for call in message.invalid_tool_calls]
        raw = valid + broken
    return tuple(
        ToolCall(id=f"{answer}_{index}", name=call["name"], arguments=call["arguments"])
        for index, call in enumerate(raw, start=1)
    )


def model_of(message: "AIMessage") -> str | None:
    """The model id that the provider says it used."""
    return _first_text(message.response_metadata, "model_name", "model")


def fingerprint_of(message: "AIMessage") -> str | None:
    """The provider's fingerprint of its configuration."""
    return _first_text(message.response_metadata, "system_fingerprint")


def was_cut(message: "AIMessage") -> bool:
    """Whether a limit ended the answer."""
    return bool(_reasons(message) & _CUT_REASONS)


def withheld(message: "AIMessage") -> Category | None:
    """Why the provider, not the model's conduct, ended the answer; None for an ordinary one."""
    reasons = _reasons(message)
    if reasons & _FILTER_REASONS:
        return "content_filter"
    blocks: Sequence[Any] = message.content if isinstance(message.content, list) else ()
    refused = any(as_object(block).get("type") == "refusal" for block in blocks)
    if reasons & _REFUSAL_REASONS or message.additional_kwargs.get("refusal") or refused:
        return "refusal"
    return None


def refusal_of(message: "AIMessage") -> str:
    """The first words of what came instead of an answer."""
    refusal = message.additional_kwargs.get("refusal") or text_of(message)
    return clean_text(" ".join(str(refusal).split())[:200])


def usage_of(message: "AIMessage", asked: int, answered: int) -> Usage:
    """What the provider counted; where it counted nothing sensible, the two estimates given, in tokens."""
    usage = as_object(message.usage_metadata)
    details = as_object(usage.get("input_token_details"))
    tokens = Tokens(
        _count(usage.get("input_tokens")),
        _count(usage.get("output_tokens")),
        _count(details.get("cache_read")),
        _count(details.get("cache_creation")),
    )
    if not tokens.input and not tokens.output:
        return Usage(Tokens(asked, answered), "estimate", None)
    return Usage(tokens, "provider", _plain(message.response_metadata) or _plain({"usage": usage}))


def _count(value: object) -> int:
    """A number of tokens, whatever the provider sent in its place."""
    return int(value) if isinstance(value, int | float) and 0 <= value < _MOST_TOKENS else 0


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The raw usage as JSON data; empty where there is none, or where an SDK put objects of its own into it."""
    raw = as_object(metadata.get("token_usage") or metadata.get("usage"))
    try:
        return as_object(clean_json(raw))
    except ValueError:
        return {}


def _reasons(message: "AIMessage") -> set[str]:
    """Everything that the metadata says about why the answer ended; providers name it differently."""
    metadata = message.response_metadata
    found = [metadata.get(name) for name in ("finish_reason", "stop_reason", "done_reason")]
    found.append(as_object(metadata.get("incomplete_details")).get("reason"))
    return {reason for reason in found if isinstance(reason, str)}


def _first_text(metadata: Mapping[str, Any], *names: str) -> str | None:
    return next((metadata[name] for name in names if isinstance(metadata.get(name), str) and metadata[name]), None)
