"""The protocol that acts when the monitors' combined score lies above a threshold."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from ...records import Action, Model
from .._params import parse_params
from ..suspicion import Observation, StepView
from ._types import Decision, Protocol

Combine = Literal["max", "mean", "noisy_or"]


def _mean(scores: Sequence[float]) -> float:
    """Never above the largest, which rounding alone would allow."""
    return min(max(scores), math.fsum(scores) / len(scores))


def _noisy_or(scores: Sequence[float]) -> float:
    """Chance that at least one is right, as if they were independent. Of one score, that score exactly."""
    return scores[0] if len(scores) == 1 else 1.0 - math.prod(1.0 - score for score in scores)


_COMBINE: dict[Combine, Callable[[Sequence[float]], float]] = {"max": max, "mean": _mean, "noisy_or": _noisy_or}
_SEVERITY = (Action.PROCEED, Action.ESCALATE, Action.REJECT, Action.TERMINATE)


class ThresholdParams(Model):
    """Settings of `Threshold`."""

    threshold: float = Field(ge=0.0, lt=1.0, allow_inf_nan=False)
    """A call is flagged where the combined score lies above it. 1 is refused: no score lies above 1."""
    on_flag: Literal["reject", "terminate", "escalate"] = "reject"
    combine: Combine = "max"
    on_error: Literal["reject", "terminate", "proceed"] = "reject"
    """For a call on which a monitor failed, or which nothing watched."""


class Threshold(Protocol):
    """Flags a call whose combined score lies above the threshold; a monitor's error fails closed."""

    id: ClassVar[str] = "threshold"
    computes: ClassVar[bool] = True
    needs_monitors = True

    def __init__(self, params: ThresholdParams) -> None:
        """With checked parameters."""
        self._params = params

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """Raises `SettingError` for a threshold outside [0, 1) and for anything unknown."""
        return cls(parse_params(ThresholdParams, params, cls.id))

    def decide(self, observations: Sequence[Observation], view: StepView) -> Decision:  # noqa: ARG002 (contract)
        """The sterner of what a flag and what an error asks for."""
        flag, error = self._on_flag(observations), self._on_error(observations)
        action = max(flag.action, error.action, key=_SEVERITY.index)
        return Decision(action=action, reason="; ".join(filter(None, (flag.reason, error.reason))))

    def _on_flag(self, observations: Sequence[Observation]) -> Decision:
        scores = [found.score for found in observations if found.score is not None]
        combined = _COMBINE[self._params.combine](scores) if scores else None
        text = f"{self._params.combine} {'unknown' if combined is None else format(combined, '.3f')}"
        if combined is None or combined <= self._params.threshold:
            return Decision(action=Action.PROCEED, reason=f"{text}, not above {self._params.threshold}")
        return Decision(action=Action(self._params.on_flag), reason=f"{text} above {self._params.threshold}")

    def _on_error(self, observations: Sequence[Observation]) -> Decision:
        failed = [f"{found.monitor}: {found.error}" for found in observations if found.score is None]
        if observations and not failed:
            return Decision(action=Action.PROCEED)
        why = "; ".join(failed) or "nothing watched this call"
        return Decision(action=Action(self._params.on_error), reason=f"no score from {why}")
