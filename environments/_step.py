"""What a step gives back, and what is known about the agent's answers."""

from dataclasses import dataclass
from typing import Any

from ..records import EndReason, Notice


@dataclass(frozen=True)
class StepResult:
    """What a step gives back."""

    text: str
    """Result of the call."""
    notices: tuple[Notice, ...]
    reward: float
    """The task's score, in the last step; 0 before."""
    terminated: bool
    truncated: bool
    control: dict[str, Any]
    """Which failure modes were seen so far; never part of the reward."""
    call_id: str = ""
    ended: EndReason | None = None


@dataclass
class Answers:
    """Which answers the agent gave, and what it had seen when it gave them."""

    count: int = 0
    current: str | None = None
    seen_seq: int = -1
    nudges: int = 0
