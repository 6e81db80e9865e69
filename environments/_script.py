"""What scripted casts are made of: generators that yield turns and are sent outcomes."""

from collections.abc import Callable, Generator, Mapping
from typing import Any

from ..records import Model

Call = tuple[str, Mapping[str, Any] | str]
"""Tool name and arguments; a text stands for raw, possibly broken, JSON."""
Turn = Call | list[Call]
"""What a script yields: one call, or the calls of one answer. An empty list is an answer without a call."""


class Shown(Model):
    """A message that is not the result of a call: a notice, or a nudge."""

    kind: str
    """Its name in the history (the kind of a notice), or its role where it has none."""
    text: str


class Outcome(Model):
    """What a script is sent after a turn."""

    results: tuple[str, ...]
    """Text of the tool result of each call of the turn, in order."""
    notices: tuple[Shown, ...]
    """What was shown since the outcome before."""

    @property
    def text(self) -> str:
        """Everything that the agent was shown, results first, one after the other."""
        return "\n".join((*self.results, *(shown.text for shown in self.notices)))


Performance = Generator[Turn, Outcome, None]
"""One performance of a script."""
ScriptFactory = Callable[[Mapping[str, Any]], Performance]
"""Makes a performance from the facts of a world."""
