"""An episode without a container, and agents that do as they are told: what the loop needs, with the real meter."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from offswitch.agents import Agent, Answer, Message, ModelFailure, ToolCall, ToolSpec
from offswitch.environments import Clock, Episode, Meter, StepResult, tool_schemas
from offswitch.records import Budgets, EndReason, Event, ModelAnswered, Notice, Subject, SubjectKind
from offswitch.runner import Stop, play
from offswitch.runner._asking import Asking

NUDGE = "make a call"


def step_result(text: str = "", notices: Sequence[Notice] = (), ended: EndReason | None = None) -> StepResult:
    return StepResult(
        text=text,
        notices=tuple(notices),
        reward=0.0,
        terminated=bool(ended and ended.terminated),
        truncated=bool(ended and not ended.terminated),
        control={},
        ended=ended,
    )


@dataclass
class Stage:
    """Says "ran TOOL" to every call and ends by its budgets, as an episode does."""

    budgets: Budgets = field(default_factory=lambda: Budgets(max_steps=None, max_wall_s=None))
    told: dict[int, Sequence[Notice]] = field(default_factory=dict[int, Sequence[Notice]])
    """Notices by the step whose result carries them; 0 for the opening."""
    ends_at: int | None = None
    """Step that submits."""
    on_step: Callable[[int], None] = lambda _: None
    system: str = "rules"
    goal: str = "work"
    steps: int = 0
    calls: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    events: list[Event] = field(default_factory=list[Event])
    ended: list[tuple[EndReason, str]] = field(default_factory=list[tuple[EndReason, str]])

    def __post_init__(self) -> None:
        self.schemas = tool_schemas({})
        self.clock = Clock()
        self.meter = Meter(self.budgets)
        self.meter.start()

    def step(self, tool: str, arguments: str, answer_id: str = "") -> StepResult:
        if not tool:
            return step_result(NUDGE)
        self.steps += 1
        self.meter.steps += 1
        self.calls.append((tool, arguments, answer_id))
        self.on_step(self.steps)
        reason = EndReason.SUBMITTED if self.steps == self.ends_at else self.meter.exceeded(self.clock.virtual_s)
        return step_result(f"ran {tool}", self.told.get(self.steps, ()), reason)

    def end(self, reason: EndReason, detail: str = "") -> StepResult:
        self.ended.append((reason, detail))
        return step_result(ended=reason)

    def write(self, event: Event, *, sync: bool = False) -> int:
        del sync
        self.events.append(event)
        return len(self.events) - 1

    def answered(self, event: ModelAnswered) -> None:
        self.write(event)
        self.meter.answer((event.input_tokens or 0) + (event.output_tokens or 0), event.usd)

    def play(self, agent: Agent, stop: Stop | None = None) -> StepResult:
        """The loop under test."""
        stop = stop or Stop()
        asking = Asking(agent, stop)
        try:
            first = step_result(notices=self.told.get(0, ()))
            return play(cast("Episode", self), first, asking, stop)
        finally:
            asking.close()


class Told(Agent):
    """Gives the answers that it was given, then makes no more calls; keeps what it was asked."""

    price_known = True
    subject = Subject(kind=SubjectKind.AS_IS, name="told", scaffold="tool_calls")

    def __init__(self, *answers: Answer | ModelFailure | Callable[[], Answer]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[Message, ...]] = []
        self.closed = threading.Event()

    def act(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> Answer:
        self.asked.append(tuple(history))
        assert [tool.name for tool in tools] == list(tool_schemas({}))
        number = sum(message.role == "assistant" for message in history)
        if number >= len(self._answers):
            return Answer(id=f"a{number + 1}")
        answer = self._answers[number]
        if isinstance(answer, ModelFailure):
            raise answer
        return answer if isinstance(answer, Answer) else answer()

    def close(self) -> None:
        self.closed.set()


def answer(number: int, *calls: str, **more: Any) -> Answer:
    """The answer of this number, with calls of these tools."""
    made = tuple(ToolCall(id=f"a{number}_{n}", name=name, arguments="{}") for n, name in enumerate(calls, 1))
    return Answer(id=f"a{number}", calls=made, **more)
