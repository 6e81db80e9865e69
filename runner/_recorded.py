"""Answers of models as the record of them: whole where they are of a size that can be meant, else by digest."""

import hashlib
from typing import Any

from ..agents import Answer, ToolCall
from ..records import ModelAnswered

MOST_RECORDED = 8 << 20
"""Characters of one answer that are written down as they are."""
_BEGINNING = 2000


def recorded(answer: Answer) -> ModelAnswered:
    """An answer as the record of it; what a model wrote behind its call belongs to what it wrote.

    No answer, however large, may keep its record from being written: that would end the run.
    """
    left = _Room()
    return ModelAnswered(
        answer_id=answer.id,
        text=left.text("\n".join(filter(None, (answer.text, answer.cut)))),
        calls=tuple(left.call(call) for call in answer.calls),
        model=answer.model,
        fingerprint=answer.fingerprint,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        usage_source=answer.usage_source,
        usd=answer.usd,
        attempts=answer.attempts,
        errors=answer.errors,
        latency_s=answer.latency_s,
    )


class _Room:
    """What may still be written down of one answer."""

    def __init__(self) -> None:
        self._left = MOST_RECORDED

    def _takes(self, text: str) -> bool:
        fits = len(text) <= self._left
        self._left -= len(text) if fits else _BEGINNING
        return fits

    def text(self, text: str) -> str:
        if self._takes(text):
            return text
        return f"{text[:_BEGINNING]}… ({len(text)} characters, sha256 {_digest(text)})"

    def call(self, call: ToolCall) -> dict[str, Any]:
        told: dict[str, Any] = {"id": call.id[:_BEGINNING], "name": call.name[:_BEGINNING]}
        if self._takes(call.arguments):
            return {**told, "arguments": call.arguments}
        shown = call.arguments[: min(_BEGINNING, max(0, self._left))]
        return {**told, "arguments": shown, "size": len(call.arguments), "sha256": _digest(call.arguments)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
