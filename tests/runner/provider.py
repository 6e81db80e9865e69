"""A model at a scripted provider: its specification, and what the provider may answer with."""

import json
import threading
from typing import Any

from offswitch.agents import Message, ToolSpec

from ..agents.wire import Act, Wire, answer, call

HISTORY = (Message(role="user", text="Count the files."),)
TOOLS = (ToolSpec(name="bash", description="Run a command.", parameters={"type": "object", "properties": {}}),)


def model_at(wire: Wire, *, max_attempts: int = 1, **more: object) -> str:
    """The subject of an experiment; between its attempts it hardly waits."""
    retry = {"max_attempts": max_attempts, "base_delay_s": 0.001}
    return json.dumps({"model": "gpt-4o", "base_url": wire.url, "retry": retry, "timeout_s": 60, **more})


def bash(command: str, **more: Any) -> Act:
    """An answer with one call of the shell."""
    return answer(None, [call("bash", json.dumps({"command": command}))], **more)


def late(arrived: threading.Event, release: threading.Event, then: Act) -> Act:
    """Say that the request has arrived, wait to be released, and answer only then."""

    def act(handler: Any) -> None:
        arrived.set()
        release.wait(60)
        then(handler)

    return act
