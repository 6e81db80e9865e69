"""How a model is asked: everything about it that may stand in an experiment's specification. Never a secret."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator

from ..records import Model, SubjectKind
from ._retry import RetryPolicy

Mode = Literal["tool_calls", "text_protocol"]
"""``tool_calls``: the provider's own tool calling · ``text_protocol``: one fenced block of text a turn."""


class ModelSettings(Model):
    """How a model is asked."""

    model_config = ConfigDict(hide_input_in_errors=True)

    mode: Mode | None = None
    """None takes ``text_protocol`` for local files and ``tool_calls`` for the rest."""
    kind: SubjectKind = SubjectKind.AS_IS
    base_url: str | None = None
    """An OpenAI-compatible endpoint (or the provider's own, where the model names another provider)."""
    api_key_env: str | None = None
    """Environment variable that holds the key; None takes the provider's usual one."""
    temperature: float | None = Field(default=None, ge=0)
    """None leaves it to the provider; some models refuse any value."""
    max_tokens: int = Field(default=2048, gt=0)
    """Of one answer."""
    timeout_s: float = Field(default=300.0, gt=0)
    """Of one attempt, from its start to the last byte."""
    retry: RetryPolicy = RetryPolicy()
    n_ctx: int = Field(default=8192, gt=0)
    """Context length of a local file's server, in tokens."""
    n_threads: int | None = Field(default=None, gt=0)
    """Threads of a local file's server. None takes half of the cores: its threads wait for one another, so each
    core that something else needs stalls them all."""
    allow_tracing: bool = False
    """Whether LangChain may send transcripts to a tracing service where the environment asks for it."""

    @field_validator("base_url")
    @classmethod
    def _holds_no_secret(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("base_url needs the form http://HOST:PORT/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base_url must not hold credentials or parameters: put the key into the environment")
        return value.rstrip("/")
