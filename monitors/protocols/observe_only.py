"""The protocol that lets everything pass: the monitors' scores are recorded and nothing else happens."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from ...records import Action, Model
from .._params import parse_params
from ..suspicion import Observation, StepView
from ._types import Decision, Protocol


class ObserveOnly(Protocol):
    """Always proceeds. Takes no parameters."""

    id: ClassVar[str] = "observe_only"
    computes: ClassVar[bool] = True

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """Raises `SettingError` for any parameter."""
        parse_params(Model, params, cls.id)
        return cls()

    def decide(self, observations: Sequence[Observation], view: StepView) -> Decision:  # noqa: ARG002 (contract)
        """Proceed."""
        return Decision(action=Action.PROCEED)
