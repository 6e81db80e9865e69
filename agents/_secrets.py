"""API keys: where they come from, and how they are kept out of everything that is written or shown."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..records import Redactor
from ._errors import SetupError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

KEY_VARIABLES: dict[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "cohere": ("COHERE_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks": ("FIREWORKS_API_KEY",),
    "google_genai": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "mistralai": ("MISTRAL_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "perplexity": ("PPLX_API_KEY", "PERPLEXITY_API_KEY"),
    "together": ("TOGETHER_API_KEY",),
    "xai": ("XAI_API_KEY",),
}
"""Environment variables that hold a provider's key; any one will do. Other providers look by themselves."""

_TRACING_VARIABLES = (
    "LANGSMITH_TRACING",
    "LANGSMITH_TRACING_V2",
    "LANGCHAIN_TRACING",
    "LANGCHAIN_TRACING_V2",
    "LANGSMITH_GATEWAY",
)
_OFF = frozenset({"", "0", "false", "no", "off"})
_SHORTEST = 8
"""Characters; a shorter value is no key."""


def refuse_tracing(environment: Mapping[str, str]) -> None:
    """Refuse to run where LangChain would send transcripts to a tracing service or through its gateway.

    Raises:
        SetupError: Names the variable that is set.
    """
    for name in _TRACING_VARIABLES:
        if environment.get(name, "").strip().lower() not in _OFF:
            raise SetupError(
                f"model: {name} is set, so LangChain would send every transcript to a service outside this host. "
                f"Unset it (unset {name}), or allow it with allow_tracing=True."
            )


def find_key(provider: str, variable: str | None) -> tuple[str, str] | None:
    """Variable and key from the environment; None for a provider that finds its own.

    Args:
        provider: LangChain's name of the provider.
        variable: Environment variable to take instead of the provider's own.

    Raises:
        SetupError: Names the variable that is missing.
    """
    names = (variable,) if variable is not None else KEY_VARIABLES.get(provider, ())
    for name in names:
        if value := os.environ.get(name, "").strip():
            return name, value
    if names:
        raise SetupError(
            f"model: no API key for {provider}: set {' or '.join(names)} in the environment "
            f"(export {names[0]}=…). Nothing was sent."
        )
    return None


def redactor_of(chat: "BaseChatModel", found: tuple[str, str] | None = None) -> Redactor:
    """Takes out every key that a chat model holds, and the one given with its name."""
    from pydantic import SecretStr

    keys = dict([found] if found else [])
    for name in type(chat).model_fields:
        value: object = getattr(chat, name, None)
        if isinstance(value, SecretStr):
            keys[name] = value.get_secret_value()
    keys |= {name: os.environ[name] for name in chat.lc_secrets.values() if name in os.environ}
    return redactor(keys)


def redactor(keys: Mapping[str, str]) -> Redactor:
    """For those that are long enough to be keys."""
    return Redactor({name: key for name, key in keys.items() if len(key) >= _SHORTEST})
