"""Acting: the decision on a call, and the only types that can make one."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, model_validator

from ...records import Action, Model
from .._text import brief
from ..suspicion import Observation, StepView

BLOCKED = "blocked by policy"


class Decision(Model):
    """What happens to a call."""

    action: Action
    reason: Annotated[str, AfterValidator(lambda text: brief(text, 600))] = ""
    """For the record alone: it may name monitors and scores."""
    shown: str = BLOCKED
    """What the agent may be told when its call does not run."""
    arguments: dict[str, Any] | None = None
    """The call's arguments after a `MODIFY`; None for every other action."""

    @model_validator(mode="after")
    def _arguments_belong_to_modify(self) -> Self:
        if (self.arguments is not None) != (self.action is Action.MODIFY):
            raise ValueError("arguments go with modify, and only with modify")
        return self


class Protocol(ABC):
    """Decides on a call from what the monitors said. Several threads may call it at once."""

    id: ClassVar[str]

    timeout_s: float = 10.0
    """Longest time that one decision may take; a later one counts as failed, and a failed one rejects."""

    computes: ClassVar[bool] = False
    """Whether it decides by arithmetic alone, and so may be asked without a thread and a limit of time."""

    needs_monitors: bool = False
    """Whether it is a mistake to use this protocol with nothing that watches."""

    @classmethod
    @abstractmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """A protocol with these parameters. Raises `SettingError`."""

    @abstractmethod
    def decide(self, observations: Sequence[Observation], view: StepView) -> Decision:
        """The decision. May raise anything: `watch` rejects the call then."""
