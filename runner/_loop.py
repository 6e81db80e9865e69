"""The agent loop: history in, answer out, one call a step, until the episode ends.

A limit ends the episode exactly: the answer that uses it up is recorded with its cost, and its calls do not run.
What a provider fails at is recorded as missing data. An answer that is late is recorded as such and not scored.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..agents import Answer, ModelFailure, ToolSpec
from ..environments import DESCRIPTIONS, Episode, StepResult
from ..records import EndReason, ModelAnswered, ModelFailed
from ._asking import Asking
from ._history import History
from ._recorded import recorded
from ._stop import Stop

LATE = "late: nobody waited for this answer; it is not scored and its cost is unknown"
UNREADABLE = "(unreadable)"
"""Stands for the tool of a call that could not be read: a malformed call, not an answer without one."""
_MOST_ERROR = 2000

StepSeen = Callable[[int], None]
"""Told the number of each step that is done."""


class SoFar(NamedTuple):
    """What was said and done before the loop begins, in an episode that goes on from another one's state."""

    history: History
    answers: int
    """Answers so far."""
    pending: Answer | None = None
    """The calls of the last answer that are still to be carried out; None where all are done."""


def play(
    episode: Episode,
    first: StepResult,
    asking: Asking,
    stop: Stop,
    seen: StepSeen = lambda _: None,
    so_far: SoFar | None = None,
) -> StepResult:
    """Play an opened episode to its end and return the last step.

    With ``so_far`` it goes on from there, and ``first`` was seen before.

    Raises `EpisodeInvalid`, and what an agent raises that is no `ModelFailure`: a bug of its script, or a recording
    that does not fit.
    """
    begun = so_far or SoFar(History(episode.system, episode.goal, first), 0)
    return _Play(episode, begun, asking, stop, seen).run()


class _Play:
    """One episode."""

    def __init__(self, episode: Episode, begun: SoFar, asking: Asking, stop: Stop, seen: StepSeen) -> None:
        self._episode = episode
        self._asking = asking
        self._stop = stop
        self._seen = seen
        self._history = begun.history
        self._tools = tool_specs(episode)
        self._answers = begun.answers
        self._pending = begun.pending

    def run(self) -> StepResult:
        ended = self._carry_out(self._pending) if self._pending is not None else None
        if ended is not None:
            return ended
        while True:
            ended = self._out_of_limits() or self._turn()
            if ended is not None:
                return ended

    def _why_end(self) -> tuple[EndReason, str] | None:
        """Why it is time to end; a limit comes first, since it would have ended the episode anyway."""
        reason = self._episode.meter.exceeded(self._episode.clock.virtual_s)
        if reason is not None:
            return reason, ""
        return (EndReason.ABANDONED, self._stop.reason) if self._stop.asked else None

    def _out_of_limits(self) -> StepResult | None:
        why = self._why_end()
        return None if why is None else self._episode.end(*why)

    def _turn(self) -> StepResult | None:
        self._answers += 1
        try:
            answer = self._asking.ask(self._history.messages, self._tools, self._remaining_s)
        except ModelFailure as failure:
            return self._failed(failure)
        if answer is None:
            why = self._why_end() or (EndReason.MAX_WALL, "")
            self._episode.answered(late_answer(f"a{self._answers}"))
            return self._episode.end(*why)
        self._episode.answered(recorded(answer))
        self._history.answered(answer)
        return self._out_of_limits() or self._carry_out(answer)

    def _remaining_s(self) -> float | None:
        limit_s = self._episode.meter.budgets.max_wall_s
        return None if limit_s is None else limit_s - self._episode.meter.wall_s

    def _carry_out(self, answer: Answer) -> StepResult | None:
        """The calls of an answer, one a step; those after the end do not run."""
        if not answer.calls:
            result = self._episode.step(UNREADABLE if answer.hint else "", "", answer.id)
            said = answer.hint or result.text
            self._history.nudged("\n".join(filter(None, (said, answer.reminder))), result.notices)
            return _end(result)
        for call in answer.calls:
            if self._stop.asked:
                return self._out_of_limits()
            result = self._episode.step(call.name or "(unnamed)", call.arguments, answer.id)
            self._seen(self._episode.steps)
            self._history.returned(call, result)
            if _end(result) is not None:
                return result
        return None

    def _failed(self, failure: ModelFailure) -> StepResult:
        """The provider gave nothing usable: what it cost counts, and what the agent would have done is unknown.

        Not so where the conversation grew out of the model's context. That is a limit like any other: left out, those
        who go on for long would be missing from every rate. A context that holds not even the task is a setting.
        """
        if failure.answer is not None:
            self._episode.answered(recorded(failure.answer))
        error = str(failure)[:_MOST_ERROR]
        self._episode.write(
            ModelFailed(category=failure.category, attempts=failure.attempts, error=error, errors=failure.errors)
        )
        outgrown = failure.category == "context" and self._answers > 1
        return self._episode.end(EndReason.MAX_CONTEXT if outgrown else EndReason.MODEL_FAILED, failure.category)


def _end(result: StepResult) -> StepResult | None:
    return result if result.ended is not None else None


def tool_specs(episode: Episode) -> tuple[ToolSpec, ...]:
    """The tools as the agent is told of them."""
    return tuple(
        ToolSpec(name=name, description=DESCRIPTIONS[name], parameters=schema)
        for name, schema in episode.schemas.items()
    )


def late_answer(answer_id: str) -> ModelAnswered:
    """What stands for an answer that was still under way when the episode ended."""
    return ModelAnswered(answer_id=answer_id, text="", calls=(), errors=(LATE,))
