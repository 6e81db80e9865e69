"""A script that takes over from somebody else: it begins at its own beginning, in the middle of an episode."""

import re
from collections.abc import Sequence

from ..agents import Agent, Answer, Message, ToolCall, ToolSpec

_NUMBER = re.compile(r"a([0-9]+)")


class LateAgent(Agent):
    """Shows an agent only what came after a number of answers, and numbers its own behind these."""

    def __init__(self, agent: Agent, answers: int) -> None:
        self.subject = agent.subject
        self.price_known = agent.price_known
        self._agent = agent
        self._answers = answers

    def act(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> Answer:
        answer = self._agent.act([self._renumbered(one, -self._answers) for one in self._later(history)], tools)
        calls = tuple(self._call(call, self._answers) for call in answer.calls)
        return answer.model_copy(update={"id": _moved(answer.id, self._answers), "calls": calls})

    def close(self) -> None:
        self._agent.close()

    def _later(self, history: Sequence[Message]) -> list[Message]:
        """The prompt and the goal, then what came after the answers of the other."""
        spoken = [index for index, one in enumerate(history) if one.role == "assistant"]
        opening = history[: spoken[0]] if spoken else history
        own = spoken[self._answers] if len(spoken) > self._answers else len(history)
        return [*(one for one in opening if one.name is None), *history[own:]]

    def _renumbered(self, message: Message, by: int) -> Message:
        calls = tuple(self._call(call, by) for call in message.calls)
        call_id = None if message.call_id is None else _moved(message.call_id, by)
        return message.model_copy(update={"calls": calls, "call_id": call_id})

    def _call(self, call: ToolCall, by: int) -> ToolCall:
        return call.model_copy(update={"id": _moved(call.id, by)})


def _moved(name: str, by: int) -> str:
    """The id of an answer or a call, as many answers later.

    >>> _moved("a3_1", 4), _moved("a7", -4)
    ('a7_1', 'a3')
    """
    return _NUMBER.sub(lambda found: f"a{int(found[1]) + by}", name, count=1)
