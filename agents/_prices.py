"""What an answer costs. A price that nobody stated is unknown, which is never 0."""

import importlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from ..records import Model
from ._errors import SetupError

_PROVIDER_IDS = {
    "anthropic": "anthropic",
    "azure_openai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "google_genai": "google",
    "google_vertexai": "google",
    "groq": "groq",
    "mistralai": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "xai": "x-ai",
}
"""LangChain's name of a provider → the one of the ``genai-prices`` table."""


class Tokens(NamedTuple):
    """What an answer used."""

    input: int
    """All input tokens, the cached ones included."""
    output: int
    cache_read: int = 0
    cache_write: int = 0


class ModelPrice(Model):
    """US dollars for a million tokens."""

    input_per_mtok: float = Field(ge=0, allow_inf_nan=False)
    output_per_mtok: float = Field(ge=0, allow_inf_nan=False)


_FILE_BYTES = 16 << 20


def _bytes_of(path: Path) -> bytes:
    """A file that the user named, of a bounded size."""
    with path.open("rb") as file:
        content = file.read(_FILE_BYTES + 1)
    if len(content) > _FILE_BYTES:
        raise ValueError(f"it is larger than {_FILE_BYTES >> 20} MiB")
    return content


class Prices:
    """Prices of models: a file of the user's first, then the ``genai-prices`` table where that extra is installed.

    The table is the installed package's; nothing is fetched.

    Args:
        overrides: Prices by model name, with or without ``provider:`` in front.
    """

    def __init__(self, overrides: dict[str, ModelPrice] | None = None) -> None:
        self._overrides = dict(overrides or {})

    @classmethod
    def from_file(cls, path: Path) -> "Prices":
        """Read ``{"MODEL": {"input_per_mtok": 2.5, "output_per_mtok": 10}}``.

        Raises:
            SetupError: The file cannot be read or says something else.
        """
        try:
            return cls(TypeAdapter(dict[str, ModelPrice]).validate_python(json.loads(_bytes_of(path))))
        except (OSError, ValueError) as error:
            cause = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise SetupError(
                f"prices: {path} cannot be used ({cause}). It needs an object of "
                '{"MODEL": {"input_per_mtok": USD, "output_per_mtok": USD}}.'
            ) from error

    def usd(self, provider: str | None, model: str, tokens: Tokens) -> float | None:
        """Dollars for these tokens; None where no price is known."""
        own = self._overrides.get(f"{provider}:{model}") or self._overrides.get(model)
        if own is not None:
            return (tokens.input * own.input_per_mtok + tokens.output * own.output_per_mtok) / 1e6
        return _table_price(_PROVIDER_IDS.get(provider or ""), model, tokens)

    def knows(self, provider: str | None, model: str) -> bool:
        """Whether this model has a price."""
        return self.usd(provider, model, Tokens(1, 1)) is not None


def _table_price(provider_id: str | None, model: str, tokens: Tokens) -> float | None:
    if provider_id is None:
        return None
    try:
        table: Any = importlib.import_module("genai_prices")
    except ImportError:
        return None
    usage = table.Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read or None,
        cache_write_tokens=tokens.cache_write or None,
    )
    try:
        total: Decimal = table.calc_price(usage, model_ref=model, provider_id=provider_id).total_price
    except (LookupError, ValueError):
        # an unknown model, or a count that contradicts itself (more cached than input tokens)
        return None
    return float(total)
