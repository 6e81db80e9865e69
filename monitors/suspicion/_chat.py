"""The one place of the monitors that knows LangChain, which is imported when a chat is opened."""

import os
from typing import Any, Protocol, cast

from .._errors import SettingError


class Chat(Protocol):
    """A model that answers a system and a user message with text."""

    def ask(self, system: str, user: str) -> str:
        """The answer's text. Raises whatever the provider's client raises."""
        ...


class LangChainChat:
    """Any chat model of LangChain, by ``provider:name``."""

    def __init__(
        self, model: str, base_url: str | None, api_key_env: str | None, timeout_s: float, options: dict[str, Any]
    ) -> None:
        """Opens nothing yet but the client.

        With ``base_url`` the key comes from ``api_key_env`` alone, so that a provider's key is never sent to
        another address. Raises `SettingError` for a model or provider that cannot be opened.
        """
        from langchain.chat_models import init_chat_model
        from langchain_core.language_models import BaseChatModel

        settings = dict(options, timeout=timeout_s, max_retries=0)
        if base_url is not None:
            settings |= {"base_url": base_url, "api_key": "none"}
        if api_key_env is not None:
            settings["api_key"] = _key(api_key_env)
        try:
            opened = cast("BaseChatModel", init_chat_model(model, **settings))
        except Exception as error:
            raise SettingError(f"model {model}: {type(error).__name__}: {str(error)[:300]}") from error

        self._model: BaseChatModel = opened

    def ask(self, system: str, user: str) -> str:
        """The answer's text; reasoning and other blocks are left out."""
        answer = self._model.invoke([("system", system), ("user", user)])
        return str(answer.text)


def _key(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise SettingError(f"environment variable {variable} is not set: it should hold the monitor's API key")
    return value
