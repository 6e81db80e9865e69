"""OpenAI's chat models, and everything that speaks their wire format, with the tool calls kept as they came.

Imported only where such a model is opened: it pulls in LangChain.
"""

from typing import Any

from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import BaseModel, SecretStr

from ._json import as_list, as_object, dump
from ._reply import RAW_CALLS
from ._settings import ModelSettings

_PREVIEW = 100


class _KeepsRawCalls(BaseChatOpenAI):
    """LangChain parses the arguments, sorts the broken ones behind the others and fails on ones that are no
    object; what the model wrote must reach the broker as it is."""

    def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
        data = as_object(response) or (response.model_dump(warnings=False) if isinstance(response, BaseModel) else {})
        if not data:
            raise TypeError(f"the endpoint sent no chat completion but {str(response)[:_PREVIEW]!r}")
        messages = [as_object(as_object(choice).get("message")) for choice in as_list(data.get("choices"))]
        if not all(messages):
            raise TypeError("the endpoint sent a choice without a message")
        calls = [_take_calls(message) for message in messages]
        for message in messages:
            message["role"] = "assistant"
        result = super()._create_chat_result(data, generation_info)  # pyright: ignore[reportUnknownMemberType]  # bare dict
        for generation, message, own in zip(result.generations, messages, calls, strict=True):
            extra = generation.message.additional_kwargs
            extra[RAW_CALLS] = own
            extra["refusal"] = message.get("refusal")
        return result


class Compatible(_KeepsRawCalls):
    """Any OpenAI-compatible endpoint; the limit goes out as ``max_tokens``, which all of them know."""


class OpenAI(_KeepsRawCalls, ChatOpenAI):
    """OpenAI itself."""


def open_openai(name: str, key: str, settings: ModelSettings) -> BaseChatOpenAI:
    """The model at its provider, or at the endpoint of the settings."""
    common: dict[str, Any] = {
        "model": name,
        "api_key": SecretStr(key),
        "max_tokens": settings.max_tokens,
        "timeout": settings.timeout_s,
        "max_retries": 0,
        "cache": False,
    }
    if settings.temperature is not None:
        common["temperature"] = settings.temperature
    if settings.base_url is None:
        return OpenAI(**common)
    return Compatible(**common, base_url=settings.base_url, use_responses_api=False)


def _take_calls(message: dict[str, Any]) -> list[dict[str, str]]:
    """Remove the tool calls from a message of the wire, the old form of a single one included."""
    functions = [_function_of(call) for call in as_list(message.pop("tool_calls", None))]
    single = message.pop("function_call", None)
    return [_raw_call(function) for function in [*functions, *([single] if single else [])]]


def _function_of(call: object) -> object:
    parts = as_object(call)
    return parts.get("function") or parts.get("custom") or call


def _raw_call(function: object) -> dict[str, str]:
    parts = as_object(function)
    arguments: object = parts.get("arguments", parts.get("input")) or "{}"
    text = arguments if isinstance(arguments, str) else dump(arguments)
    return {"name": str(parts.get("name") or ""), "arguments": text}
