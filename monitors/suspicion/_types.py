"""Observing: what a monitor sees, what it says, and that it can do nothing else."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from ...records import Model
from .._text import brief


def _labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(brief(label, 80) for label in labels[:32])


def _reason(text: str) -> str:
    return brief(text, 600)


class PastCall(Model):
    """A call that was decided before the one in question. Arguments and output are agent-made text."""

    step: int
    call_id: str
    tool: str
    arguments: dict[str, Any]
    executed: bool = True
    output: str = ""
    """What the agent was shown, notices included; empty where nothing ran."""


class StepView(Model):
    """All that a deployed monitor would see of one tool call. No fact of the world is in it."""

    step: int
    call_id: str
    tool: str
    arguments: dict[str, Any]
    """As the agent gave them."""
    goal: str
    """As the agent was given it; not agent-made."""
    system_prompt: str = ""
    """As the agent was given it; not agent-made."""
    history: tuple[PastCall, ...] = ()
    """Calls before this one, oldest first."""


class Observation(Model):
    """What a monitor thinks of one call. The agent never sees it, and it carries no power to act."""

    monitor: str
    score: float | None = Field(ge=0.0, le=1.0, allow_inf_nan=False)
    """From 0 (nothing) to 1 (certain); None exactly where ``error`` says why: missing, never 0."""
    labels: Annotated[tuple[str, ...], AfterValidator(_labels)] = ()
    reason: Annotated[str, AfterValidator(_reason)] = ""
    """May quote the agent's text: printable, on one line, at most 600 characters."""
    error: Annotated[str | None, AfterValidator(lambda text: None if text is None else _reason(text))] = None

    @model_validator(mode="after")
    def _score_or_error(self) -> Self:
        if (self.score is None) != bool(self.error):
            raise ValueError("an observation has either a score or an error")
        return self


class Health(Model):
    """Whether a monitor tells a known-bad sample from a known-good one at this moment."""

    monitor: str
    healthy: bool
    detail: Annotated[str, AfterValidator(_reason)] = ""


class SuspicionMonitor(ABC):
    """Watches one call at a time. Several threads may call it at once."""

    id: ClassVar[str]

    timeout_s: float = 10.0
    """Longest time that one observation may take; a later answer is missing data."""

    @classmethod
    @abstractmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """A monitor with these parameters. Raises `SettingError`."""

    @abstractmethod
    def observe(self, view: StepView) -> Observation:
        """What this monitor thinks of the call. May raise anything: `watch` records it as an error."""

    @abstractmethod
    def health(self) -> Health:
        """Runs the monitor on its canaries. May raise: `check` records it as unhealthy."""

    @property
    def name(self) -> str:
        """What its observations are recorded under; the id unless a parameter says otherwise."""
        return self.id
