"""Plays scripted casts: the agents whose conduct is known and that prove the instrument."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..environments import Call, Outcome, Performance, Shown
from ..records import Subject, SubjectKind, canonical_json
from ._errors import ReplayError
from ._rounds import Rounds, answer_id, split_rounds
from ._types import Agent, Answer, Message, ToolCall, ToolSpec

Script = Callable[[], Performance]
"""Makes one performance of a script."""


class ScriptedAgent(Agent):
    """Plays a script against the history that it is given.

    The same history gives the same answer: on a history that this performance did not make (a branch, a resumed
    episode), the script is played again from its start against the results that stand there. When the script
    has ended, every answer is empty and makes no call. An exception inside the script surfaces as it is.
    """

    price_known = True

    def __init__(self, name: str, script: Script, params: Mapping[str, Any] | None = None) -> None:
        self.subject = Subject(kind=SubjectKind.SCRIPTED, name=name, scaffold="script", params=dict(params or {}))
        self._script = script
        self._performance: Performance | None = None
        self._played: list[tuple[ToolCall, ...]] = []

    def act(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> Answer:  # noqa: ARG002 - knows them
        """The script's next turn.

        Raises:
            ReplayError: The history holds calls that this script does not make.
            ValueError: A call of the last turn has no result in the history.
        """
        split = split_rounds(history)
        if self._played != [one.answer.calls for one in split.rounds]:
            self._catch_up(split)
        calls = self._next(_outcome(split, len(split.rounds) - 1))
        return Answer(id=answer_id(history), calls=calls, usd=0.0)

    def close(self) -> None:
        """End the performance."""
        if self._performance is not None:
            self._performance.close()
        self._performance, self._played = None, []

    def _catch_up(self, split: Rounds) -> None:
        self.close()
        for index, one in enumerate(split.rounds):
            calls = self._next(_outcome(split, index - 1))
            if calls != one.answer.calls:
                raise ReplayError(
                    f"script {self.subject.name}: in turn {index + 1} the history holds "
                    f"{_names(one.answer.calls)} where the script makes {_names(calls)}; "
                    "was it recorded with another script or seed?"
                )

    def _next(self, outcome: Outcome | None) -> tuple[ToolCall, ...]:
        turn = len(self._played) + 1
        calls = tuple(
            ToolCall(id=f"a{turn}_{index}", name=name, arguments=_json_text(arguments))
            for index, (name, arguments) in enumerate(self._advance(outcome), start=1)
        )
        self._played.append(calls)
        return calls

    def _advance(self, outcome: Outcome | None) -> list[Call]:
        """The calls of the script's next turn; none once it has ended."""
        try:
            if self._performance is None or outcome is None:
                self._performance = self._script()
                turn = next(self._performance)
            else:
                turn = self._performance.send(outcome)
        except StopIteration:
            return []
        except BaseException:
            self.close()  # a generator that raised looks ended: the next act must meet the same bug again
            raise
        return turn if isinstance(turn, list) else [turn]


def _outcome(split: Rounds, index: int) -> Outcome | None:
    """What followed the answer at this index; None before the first one."""
    if index < 0:
        return None
    one = split.rounds[index]
    early = [message for message in split.prologue if message.name is not None] if index == 0 else []
    return Outcome(
        results=tuple(_result(call, result) for call, result in zip(one.answer.calls, one.results, strict=True)),
        notices=tuple(_shown(message) for message in (*early, *one.others)),
    )


def _result(call: ToolCall, result: Message | None) -> str:
    if result is None:
        raise ValueError(f"the history has no result for call {call.id} ({call.name})")
    return result.text


def _shown(message: Message) -> Shown:
    return Shown(kind=message.name or message.role, text=message.text)


def _json_text(arguments: Mapping[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else canonical_json(dict(arguments)).decode()


def _names(calls: Sequence[ToolCall]) -> str:
    return ", ".join(f"{call.name}({call.arguments[:80]})" for call in calls) or "no call"
