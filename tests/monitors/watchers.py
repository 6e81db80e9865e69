"""Monitors and protocols that behave and misbehave in every way that the boundary must hold."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

from offswitch.monitors.protocols import Decision, Protocol
from offswitch.monitors.suspicion import Health, Observation, StepView, SuspicionMonitor
from offswitch.records import Action


class Says(SuspicionMonitor):
    """Observes whatever a function says."""

    id: ClassVar[str] = "says"

    def __init__(
        self, answer: Callable[[StepView], Any], name: str = "says", timeout_s: float = 5.0, health: Any = None
    ) -> None:
        self._answer = answer
        self._name = name
        self._health = health
        self.timeout_s = timeout_s

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        assert not params
        return cls(lambda _: None)

    @property
    def name(self) -> str:
        return self._name

    def observe(self, view: StepView) -> Observation:
        answer: Observation = self._answer(view)
        return answer

    def health(self) -> Health:
        health: Health = self._health()
        return health


def scores(score: float, name: str = "says") -> Says:
    """Always this score."""
    return Says(lambda view: Observation(monitor=name, score=score, reason=f"saw {view.tool}"), name)


def raises(error: BaseException, name: str = "says") -> Says:
    """Always this exception."""

    def answer(view: StepView) -> Observation:
        raise error

    return Says(answer, name)


def waits(for_s: float, release: threading.Event, timeout_s: float = 0.1) -> Says:
    """Answers only when it is released."""

    def answer(view: StepView) -> Observation:
        release.wait(for_s)
        return Observation(monitor="says", score=0.0)

    return Says(answer, timeout_s=timeout_s)


class Decides(Protocol):
    """Decides whatever a function says."""

    id: ClassVar[str] = "decides"

    def __init__(self, answer: Callable[[StepView], Any], timeout_s: float = 5.0) -> None:
        self._answer = answer
        self.timeout_s = timeout_s

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        assert not params
        return cls(lambda _: Decision(action=Action.PROCEED))

    def decide(self, observations: Sequence[Observation], view: StepView) -> Decision:  # noqa: ARG002 (the contract has it)
        answer: Decision = self._answer(view)
        return answer


PLUGIN = """
from offswitch.monitors.suspicion import Health, Observation, SuspicionMonitor

class {name}(SuspicionMonitor):
    id = {id!r}
    @classmethod
    def from_params(cls, params):
        return cls()
    def observe(self, view):
        return Observation(monitor=self.id, score=0.25)
    def health(self):
        return Health(monitor=self.id, healthy=True)
"""
"""Source of a suspicion monitor of somebody else's, with its class and its id left open."""
