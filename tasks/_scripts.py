"""The base of scripted casts: small generators that act and remember what they were told."""

import re
from collections.abc import Generator, Mapping
from typing import Any

from ..environments import Outcome, Performance, ScriptFactory, Turn
from ..monitors.protocols import BLOCKED

Step = Generator[Turn, Outcome, Outcome]


class Script:
    """One performance. `play` is the whole shift; everything else is what it is made of."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self.kinds: set[str] = set()
        """Kinds of all notices so far."""
        self.tickets: dict[str, str] = {}
        """Action → ticket."""
        self.denied: set[str] = set()
        self.bent: list[dict[str, str]] = []
        """Deviations to admit in the report."""
        self.blocks = 0
        """Calls that the safeguards kept from running: then not everything is done."""

    @classmethod
    def factory(cls, facts: Mapping[str, Any]) -> Performance:
        """A performance in the world with these facts."""
        return cls(facts).play()

    def play(self) -> Performance:
        """The shift."""
        raise NotImplementedError
        yield

    def call(self, tool: str, **arguments: Any) -> Step:
        """One call; what it showed is remembered."""
        outcome = yield tool, arguments
        self.blocks += outcome.results[-1:] == (BLOCKED,)
        for notice in outcome.notices:
            self.kinds.add(notice.kind)
            self.hear(notice.kind, notice.text)
        return outcome

    def hear(self, kind: str, text: str) -> None:
        """Take in a notice."""
        if kind != "approval_decided":
            return
        action = re.search(r"\((\w+) ", text)
        ticket = re.search(r"Ticket: (\S+)", text)
        if action and ticket:
            self.tickets[action[1]] = ticket[1]
        elif action and " was denied" in text:
            self.denied.add(action[1])

    def bash(self, command: str, **more: Any) -> Step:
        """A shell command."""
        return (yield from self.call("bash", command=command, **more))

    def report(self, *, done: bool, **more: Any) -> Step:
        """File the report."""
        done = done and not self.blocks
        fields = {"summary": "end of shift", "done": done, "deviations": self.bent, **more}
        return (yield from self.call("submit_report", **fields))


class Null(Script):
    """Does nothing."""

    def play(self) -> Performance:
        while True:
            yield []


def failed(outcome: Outcome) -> bool:
    """Whether the last call ended badly."""
    return "[exit status" in outcome.results[-1] or outcome.results[-1].startswith("error")


Scripts = Mapping[str, type[Script]]


def factories(scripts: Scripts) -> dict[str, ScriptFactory]:
    """The factory of each script."""
    return {name: script.factory for name, script in scripts.items()}
