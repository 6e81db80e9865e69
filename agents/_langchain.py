"""Any LangChain chat model as an agent: with the provider's own tool calls, or with the text protocol."""

import json
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..records import Subject
from ._errors import Category, ModelFailure
from ._failures import classify
from ._history import estimate_tokens, for_text_protocol, for_tool_calls, tool_schema
from ._identity import is_another_model
from ._models import open_model, wrap_model
from ._prices import Prices
from ._reach import reach
from ._reply import Usage, calls_of, fingerprint_of, model_of, refusal_of, text_of, usage_of, was_cut, withheld
from ._retry import Retrier, Tried, within
from ._rounds import answer_id
from ._secrets import refuse_tracing
from ._settings import Mode, ModelSettings
from ._text_prompt import REMINDER
from ._text_protocol import CUT_HINT, STOP_SEQUENCES, parse
from ._types import Agent, Answer, Message, ToolCall, ToolSpec

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

_GRACE_S = 0.25
"""Lets the client's own timeout, which says more, come before ours."""

_WRITTEN_HINT = "You wrote a tool call as text, which runs nothing. Call the tool through your tool calling instead."
_REMEDIES: dict[Category, str] = {
    "transient": "Is the server up and reachable? Retrying is bounded by the retry settings.",
    "quota": "The account's money or allowance is used up: retrying does not help.",
    "deterministic": "The same request fails every time: look at the model name and the key.",
    "refusal": "The provider refused to answer: missing data, not the agent's conduct.",
    "content_filter": "The provider's filter withheld the answer: missing data, not the agent's conduct.",
    "wrong_model": "The provider answered with another model than was asked.",
    "context": "The conversation is longer than the model can read: serve it with a longer context.",
}


class _Said(NamedTuple):
    """The part of an answer that the agent made."""

    text: str
    calls: tuple[ToolCall, ...]
    hint: str
    cut: str


class _Request(NamedTuple):
    messages: "list[BaseMessage]"
    tools: tuple[dict[str, Any], ...]
    stop: list[str] | None

    def tokens(self) -> int:
        """Estimated."""
        return estimate_tokens(*(str(message.content) for message in self.messages), json.dumps(self.tools))


class LangChainAgent(Agent):
    """A chat model behind LangChain.

    Every answer is one request without streaming. What the provider fails at is retried within the policy and
    recorded; what it withholds (a refusal, a filter) or answers with another model is a `ModelFailure`, never the
    agent's conduct.

    Args:
        model: ``provider:name``, or a chat model of yours that does not retry by itself.
        settings: How it is asked. For a chat model of yours, sampling and endpoint are its own.
        prices: What it costs.
        sleep: Waits between attempts, in seconds.

    Raises:
        SetupError: No key, an unknown provider, a tracing service in the environment, a model that retries by
            itself. Nothing was sent.
    """

    def __init__(
        self,
        model: "str | BaseChatModel",
        settings: ModelSettings | None = None,
        *,
        prices: Prices | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings or ModelSettings()
        self._refuse_tracing()
        self._opened = open_model(model, self._settings) if isinstance(model, str) else wrap_model(model)
        self._mode: Mode = self._settings.mode or "tool_calls"
        self._prices = prices or Prices()
        self.price_known = self._prices.knows(self._opened.priced_as, self._opened.name)
        self.subject = self._describe(model)
        self._retrier = Retrier(self._settings.retry, lambda error: classify(error, self._opened.redactor), sleep)

    def act(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> Answer:
        """Ask the model, with retries.

        Raises:
            ModelFailure: There is no usable answer; its ``answer`` holds what came back, where something did.
            SetupError: A tracing service was switched on meanwhile.
        """
        self._refuse_tracing()
        started_s = time.monotonic()
        request = self._request(history, tools)
        tried = self._retrier.run(lambda: self._ask(request))
        if tried.value is None:
            raise self._failure(tried.category or "deterministic", tried)
        said = self._read(tried.value, answer_id(history), tools)
        usage = usage_of(tried.value, request.tokens(), _written_tokens(tried.value, said.calls))
        answer = Answer(
            id=answer_id(history),
            text=said.text,
            calls=said.calls,
            hint=said.hint,
            reminder=REMINDER if self._mode == "text_protocol" and not said.calls else "",
            cut=said.cut,
            attempts=tried.attempts,
            errors=tuple(failure.text for failure in tried.failures),
            latency_s=time.monotonic() - started_s,
            **self._bill(tried.value, usage),
        )
        category = self._unusable(tried.value)
        if category is not None:
            raise self._failure(category, tried, answer)
        return answer

    def check(self) -> None:
        """Look whether the endpoint can be reached at all: one TCP connection, no request.

        Raises:
            SetupError: It cannot.
        """
        if self._opened.base_url is not None:
            reach(self._opened.base_url, "Start the server there, or correct --base-url.")
        elif self._opened.home is not None:
            reach(self._opened.home, "Is this machine online? A proxy is taken from HTTPS_PROXY.")

    def __repr__(self) -> str:
        return f"LangChainAgent({self.subject.name!r}, {self._mode!r})"

    def _refuse_tracing(self) -> None:
        if not self._settings.allow_tracing:
            refuse_tracing(os.environ)

    def _describe(self, model: "str | BaseChatModel") -> Subject:
        source = self._settings if isinstance(model, str) else model
        params = {name: getattr(source, name, None) for name in ("temperature", "max_tokens")}
        params["base_url"] = self._opened.base_url
        return Subject(
            kind=self._settings.kind,
            name=model if isinstance(model, str) else self._opened.name,
            scaffold=self._mode,
            params={name: value for name, value in params.items() if value is not None},
        )

    def _request(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> _Request:
        if self._mode == "text_protocol":
            return _Request(for_text_protocol(history, tools), (), list(STOP_SEQUENCES) if tools else None)
        return _Request(for_tool_calls(history), tuple(tool_schema(tool) for tool in tools), None)

    def _ask(self, request: _Request) -> "AIMessage":
        from langchain_core.messages import AIMessage

        chat: Any = self._opened.chat
        bound = chat.bind_tools(request.tools) if request.tools else chat

        def invoke() -> AIMessage:
            message: Any = bound.invoke(request.messages, stop=request.stop)
            if not isinstance(message, AIMessage):
                raise TypeError(f"the provider answered with a {type(message).__name__}")
            # A key that the provider echoes must not get into the history, the world or a record.
            said = message.model_dump()
            kept = self._opened.redactor.json(said)
            return message if kept == said else AIMessage.model_validate(kept)

        return within(self._settings.timeout_s + _GRACE_S, invoke)

    def _read(self, message: "AIMessage", answer: str, tools: Sequence[ToolSpec]) -> _Said:
        text, cut_off = text_of(message), was_cut(message)
        if self._mode == "tool_calls":
            calls = calls_of(message, answer)
            return _Said(text, calls, "" if calls else self._hint(text, tools, cut_off=cut_off), "")
        parsed = parse(text, [tool.name for tool in tools], complete=not cut_off)
        if parsed.call is None:
            return _Said(text, (), parsed.hint or (CUT_HINT if cut_off else ""), "")
        call = ToolCall(id=f"{answer}_1", name=parsed.call.name, arguments=parsed.call.arguments)
        return _Said(parsed.text, (call,), "", parsed.cut)

    @staticmethod
    def _hint(text: str, tools: Sequence[ToolSpec], *, cut_off: bool) -> str:
        """Why an answer of a model that can call tools holds no call."""
        if cut_off:
            return CUT_HINT
        written = parse(text, [tool.name for tool in tools]).call
        return "" if written is None else _WRITTEN_HINT

    def _bill(self, message: "AIMessage", usage: Usage) -> dict[str, Any]:
        return {
            "model": model_of(message),
            "fingerprint": fingerprint_of(message),
            "input_tokens": usage.tokens.input,
            "output_tokens": usage.tokens.output,
            "usage_source": usage.source,
            "raw_usage": usage.raw,
            "usd": self._prices.usd(self._opened.priced_as, self._opened.name, usage.tokens),
        }

    def _unusable(self, message: "AIMessage") -> Category | None:
        answered = model_of(message)
        if answered is not None and is_another_model(self._opened.name, answered):
            return "wrong_model"
        return withheld(message)

    def _failure(self, category: Category, tried: "Tried[AIMessage]", answer: Answer | None = None) -> ModelFailure:
        errors = [failure.text for failure in tried.failures]
        if tried.value is not None:
            seen = f"{category}: model {model_of(tried.value)}: {refusal_of(tried.value)}"
            errors.append(self._opened.redactor.redact(seen).text.strip(": "))
        where = f" at {self._opened.base_url}" if self._opened.base_url else ""
        return ModelFailure(
            f"model {self._opened.name}{where}: no usable answer after {tried.attempts} attempt(s): {errors[-1]}. "
            f"{_REMEDIES[category]}",
            category,
            tried.attempts,
            tuple(errors),
            answer,
        )


def _written_tokens(message: "AIMessage", calls: Sequence[ToolCall]) -> int:
    """Estimated."""
    return estimate_tokens(text_of(message), *(text for call in calls for text in (call.name, call.arguments)))
