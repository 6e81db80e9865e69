"""Opening a chat model by name: provider, key, endpoint."""

import ipaddress
import os
import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ..records import Redactor
from ._errors import SetupError
from ._secrets import KEY_VARIABLES, find_key, redactor, redactor_of
from ._settings import ModelSettings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_NO_KEY = "none-needed"
_PROVIDER = re.compile(r"([a-z][a-z0-9_-]*):(.+)", re.DOTALL)


class Opened(NamedTuple):
    """A chat model that is ready to be asked."""

    chat: "BaseChatModel"
    name: str
    """Model id as it is asked for."""
    priced_as: str | None
    """Provider whose price list applies; None at endpoints whose prices nobody published."""
    base_url: str | None
    """An endpoint that somebody chose; None for the provider's own."""
    home: str | None
    """The provider's own endpoint, without credentials; None where its class does not say."""
    redactor: Redactor
    """Takes the keys out of texts."""


def open_model(model: str, settings: ModelSettings) -> Opened:
    """Open ``provider:name``, or any name at the OpenAI-compatible endpoint of the settings.

    Raises:
        SetupError: Unknown provider, package not installed, no key.
    """
    provider, name = split_name(model, at_endpoint=settings.base_url is not None)
    found = _key(provider, settings)
    opens = _open_openai if provider == "openai" else partial(_open_other, provider)
    chat = opens(name, found, settings)
    base_url = settings.base_url or _own_base_url(chat)
    return Opened(chat, name, provider if base_url is None else None, base_url, _home(chat), redactor_of(chat, found))


def wrap_model(chat: "BaseChatModel") -> Opened:
    """Take a chat model that somebody else opened.

    Raises:
        SetupError: It retries by itself.
    """
    retries: Any = getattr(chat, "max_retries", 0)
    if retries != 0:
        raise SetupError(
            f"model: this {type(chat).__name__} retries by itself (max_retries={retries}), so attempts and their "
            "cost would not be counted. Construct it with max_retries=0."
        )
    name: Any = getattr(chat, "model_name", None) or getattr(chat, "model", None) or type(chat).__name__
    return Opened(chat, str(name), None, _own_base_url(chat), _home(chat), redactor_of(chat))


def split_name(model: str, *, at_endpoint: bool) -> tuple[str, str]:
    """Provider and name. At an endpoint a name without a known provider is the endpoint's own.

    >>> split_name("openai:gpt-4o", at_endpoint=False), split_name("qwen2.5:7b", at_endpoint=True)
    (('openai', 'gpt-4o'), ('openai', 'qwen2.5:7b'))

    Raises:
        SetupError: No provider is named.
    """
    found = _PROVIDER.fullmatch(model)
    if at_endpoint and (found is None or found[1] not in KEY_VARIABLES):
        return "openai", model
    if found is None:
        raise SetupError(
            f"model: {model!r} names no provider. Write provider:name (for example openai:gpt-4o), "
            "local:FILE.gguf, or add --base-url for an OpenAI-compatible endpoint."
        )
    return found[1], found[2]


def is_loopback(url: str) -> bool:
    """Whether an endpoint lies on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _key(provider: str, settings: ModelSettings) -> tuple[str, str] | None:
    try:
        return find_key(provider, settings.api_key_env)
    except SetupError:
        if settings.api_key_env is None and settings.base_url is not None and is_loopback(settings.base_url):
            return "no key", _NO_KEY
        raise


def _open_openai(name: str, found: tuple[str, str] | None, settings: ModelSettings) -> "BaseChatModel":
    from ._openai import open_openai

    return open_openai(name, found[1] if found else _NO_KEY, settings)


def _open_other(provider: str, name: str, found: tuple[str, str] | None, settings: ModelSettings) -> "BaseChatModel":
    from langchain.chat_models import init_chat_model

    options: dict[str, Any] = {"max_tokens": settings.max_tokens, "timeout": settings.timeout_s, "max_retries": 0}
    if settings.temperature is not None:
        options["temperature"] = settings.temperature
    if settings.base_url is not None:
        options["base_url"] = settings.base_url
    if settings.api_key_env is not None and found is not None:
        options["api_key"] = found[1]
    construct: Any = init_chat_model
    try:
        chat: BaseChatModel = construct(name, model_provider=provider, **options)
    except ImportError as error:
        raise SetupError(f"model: {provider}:{name} cannot be opened: {error}") from error
    except Exception as error:  # whatever a provider's class says of its own settings, without the key
        cause = " ".join(redactor(dict([found] if found else [])).redact(str(error)).text.split())
    else:
        return chat
    raise SetupError(f"model: {provider}:{name} cannot be opened: {cause}")


def _own_base_url(chat: "BaseChatModel") -> str | None:
    """The endpoint that the environment or the caller gave an OpenAI model, without credentials."""
    url: Any = getattr(chat, "openai_api_base", None)
    if url is None and hasattr(chat, "openai_api_base"):
        url = os.environ.get("OPENAI_BASE_URL")
    return _plain(url)


def _home(chat: "BaseChatModel") -> str | None:
    """Where the client of an OpenAI model, or an Anthropic model, sends its requests."""
    client: Any = getattr(chat, "root_client", None)
    url: Any = getattr(client, "base_url", None) or getattr(chat, "anthropic_api_url", None)
    return _plain(None if url is None else str(url))


def _plain(url: object) -> str | None:
    """An address without credentials; None where it is none."""
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or not parts.hostname:
        return None
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
