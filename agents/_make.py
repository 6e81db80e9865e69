"""An agent from its name on the command line."""

from pathlib import Path

from ._langchain import LangChainAgent
from ._local import LocalAgent
from ._prices import Prices
from ._settings import ModelSettings
from ._types import Agent

_LOCAL = "local:"


def make_agent(model: str, settings: ModelSettings | None = None, *, prices: Prices | None = None) -> Agent:
    """Open a model as an agent.

    Args:
        model: ``provider:name``, ``local:FILE.gguf``, or with a ``base_url`` in the settings the name of a model
            at that OpenAI-compatible endpoint.
        settings: How it is asked.
        prices: What it costs, beyond the installed price table.

    Raises:
        SetupError: It cannot run as asked; nothing was spent.
    """
    if model.startswith(_LOCAL):
        return LocalAgent(Path(model.removeprefix(_LOCAL)).expanduser(), settings)
    return LangChainAgent(model, settings, prices=prices)
