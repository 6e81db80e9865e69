"""A clean environment with a key, a misbehaving provider, and agents that wait for nothing."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from offswitch.agents import LangChainAgent, Message, ModelSettings, RetryPolicy, ToolSpec

from .wire import Wire, served

KEY = "sk-not-to-be-seen-0123456789"

BASH = ToolSpec(
    name="bash",
    description="Run a shell command.",
    parameters={
        "type": "object",
        "properties": {"command": {"type": "string", "description": "The command line."}},
        "required": ["command"],
    },
)
TOOLS = (BASH,)
HISTORY = (Message(role="system", text="You tidy a server."), Message(role="user", text="Count the files."))

OpenAgent = Callable[..., LangChainAgent]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, proxy, endpoint or tracing of the machine reaches a test; the one key is ours."""
    for name in os.environ:
        if name.upper().endswith(("_API_KEY", "_PROXY")) or name.startswith(("LANG", "OPENAI")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with served() as server:
        yield server


def settings(wire: Wire, **changes: Any) -> ModelSettings:
    """Quick and patient enough for a test; ``base_url`` is the misbehaving provider."""
    quick = RetryPolicy(max_attempts=3, base_delay_s=0.001)
    return ModelSettings.model_validate({"base_url": wire.url, "timeout_s": 5.0, "retry": quick, **changes})


@pytest.fixture
def open_agent(wire: Wire) -> OpenAgent:
    """Opens an agent at the misbehaving provider; waits are counted as done."""

    def opened(model: str = "gpt-4o", **changes: Any) -> LangChainAgent:
        return LangChainAgent(model, settings(wire, **changes), sleep=lambda _: None)

    return opened
