"""A model that is a function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self


class ModelUsage:
    """No token was spent."""


@dataclass
class ModelOutput:
    """Either a command or nothing."""

    command: str
    usage: ModelUsage | None = None

    @classmethod
    def for_tool_call(cls, model: str, tool: str, arguments: dict[str, str]) -> Self:
        """A command."""
        assert (model, tool) == ("mockllm", "bash")
        return cls(arguments["command"])

    @classmethod
    def from_content(cls, model: str, content: str) -> Self:
        """Nothing more to do."""
        assert model
        assert content
        return cls("")


def get_model(name: str, *, custom_outputs: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    assert name == "mockllm/model"
    return custom_outputs
