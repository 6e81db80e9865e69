"""The contract of control mechanisms, and the stage on which they act."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError

from ..records import Control, Family, MechanismSpec, Model, Placement
from ..sandbox import DockerSandbox
from ._errors import MechanismNotLive, ScenarioError
from ._world import Owner, World


@dataclass(frozen=True)
class Rules:
    """What the agent is told about a mechanism, in the steps of the instruction factor."""

    fact: str
    """That it exists and what it does (``implied``)."""
    rule: str
    """What the agent must or must not do (``stated``)."""
    reason: str
    """Why (``policy_reasons``)."""


@dataclass(frozen=True)
class Moment:
    """When a mechanism is asked whether something is due."""

    step: int
    progress: float
    """Of the main task, from 0 to 1, seen from outside."""
    virtual_s: float
    running_s: float | None = None
    """Seconds that the current command has been running; None between commands."""
    decisions: int = 0
    """Answers of the agent so far."""
    stopping: bool = False
    """Whether an order to stop was delivered: nobody tells the agent to go on after that."""


@dataclass(frozen=True)
class Tail:
    """An append-only file that must keep what it held."""

    path: str
    expected: Callable[[], bytes] | None
    """The outside copy: what the file should hold, in whole lines; None where only growth is checked."""


@dataclass
class Delivery:
    """Something that is due: a notice for the agent, an act in the world, or both (the act first)."""

    kind: str
    trigger: str
    text: str | None = None
    """Words for the agent; None for an act that nobody announces."""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    act: Callable[["Stage"], "Acted"] | None = None
    ends_after_decisions: int | None = None
    """The episode is stopped hard when the agent has decided this often since it saw the notice."""
    placement: Placement | None = None
    """None for the scenario's own placement."""


@dataclass(frozen=True)
class Acted:
    """What an act of a mechanism did."""

    act: str
    ok: bool | None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    timing: dict[str, Any] = field(default_factory=dict[str, Any])


Pending = Callable[[], list[Acted]]
"""Something that was begun: waits for it, once, and returns what came of it."""


@dataclass
class Stage:
    """A living world to act on: the episode's own container, or a twin of it."""

    sandbox: DockerSandbox
    world: World
    services: dict[str, Any]
    """Gateways by name."""


class NoParams(Model):
    """A mechanism without parameters."""


class Mechanism(ABC):
    """One real means of control. Everything that changes lies in `state`, so that it can be dumped and loaded."""

    id: ClassVar[str]
    family: ClassVar[Family]
    version: ClassVar[int] = 1
    story: ClassVar[str]
    """One sentence for ``offswitch list mechanisms``."""

    params_type: ClassVar[type[Model]] = NoParams
    params: Any

    def __init__(self, spec: MechanismSpec, control: Control) -> None:
        """Raises `ScenarioError` for a parameter that the mechanism does not have or that does not fit."""
        try:
            self.params = self.params_type.model_validate(spec.params)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ScenarioError(f"mechanism {self.id}, parameter {where}: {first['msg']}") from error
        self.control = control
        self.state: dict[str, Any] = {}

    @property
    def owner(self) -> Owner:
        """Who owns what the mechanism puts into the container: out of the agent's reach where it is enforced."""
        return "ops" if self.control is Control.ENFORCED else "agent"

    @abstractmethod
    def install(self, world: World) -> None:
        """Add what the mechanism needs to the world."""

    @abstractmethod
    def facts(self, world: World) -> dict[str, Any]:
        """What monitors need to judge it."""

    @abstractmethod
    def rules(self, world: World) -> Rules:
        """What the agent is told."""

    @abstractmethod
    def prove_live(self, stage: Stage) -> list[str]:
        """Deliver the mechanism to effect on a twin; returns the links that were seen to hold.

        Raises `MechanismNotLive` at the first link that does not.
        """

    def due(self, moment: Moment) -> list[Delivery]:
        """What is due now; each thing is returned once."""
        del moment
        return []

    def before_call(self, stage: Stage, step: int, tool: str, arguments: dict[str, Any]) -> Pending | None:
        """Called when a decided call is about to run. What is begun here takes effect before the call does; what is
        returned is asked, when the call is over, what came of it."""
        del stage, step, tool, arguments
        return None

    def at_end(self, stage: Stage) -> Acted | None:
        """The mechanism's own stop at the end of an episode, where it has one that was not delivered before."""
        del stage
        return None

    def decided(self, request: dict[str, Any]) -> None:
        """Called when the operator has decided a request for approval."""
        del request

    def tails(self, world: World) -> list[Tail]:
        """Append-only files to compare with their outside copy after every step."""
        del world
        return []

    def guarded(self, world: World) -> list[str]:
        """Small files whose content has to be known after every step, whatever their time stamps say."""
        del world
        return []

    def dump(self) -> dict[str, Any]:
        """The whole changing state as JSON data, which nothing that follows changes."""
        copied: dict[str, Any] = json.loads(json.dumps(self.state))
        return copied

    def load(self, state: dict[str, Any]) -> None:
        """Take over a dumped state."""
        self.state = json.loads(json.dumps(state))

    def link(self, holds: bool, what: str) -> str:
        """A link of the proof; raises `MechanismNotLive` where it does not hold."""
        if not holds:
            raise MechanismNotLive("proving a mechanism on a twin", self.id, f"this link does not hold: {what}")
        return what


_REGISTRY: dict[str, type[Mechanism]] = {}


Kind = TypeVar("Kind", bound=type[Mechanism])


def register(kind: Kind) -> Kind:
    """Class decorator. A second mechanism with the same id is a `ScenarioError`."""
    if kind.id in _REGISTRY:
        raise ScenarioError(f"two mechanisms are called {kind.id}")
    _REGISTRY[kind.id] = kind
    return kind


def mechanism(spec: MechanismSpec, control: Control) -> Mechanism:
    """Make a mechanism of a scenario. Raises `ScenarioError` for an unknown id, naming the known ones."""
    kind = mechanisms().get(spec.id)
    if kind is None:
        raise ScenarioError(f"unknown mechanism {spec.id!r}; known: {', '.join(sorted(mechanisms()))}")
    return kind(spec, control)


def mechanisms() -> dict[str, type[Mechanism]]:
    """Every mechanism by id."""
    _load_own()
    return dict(_REGISTRY)


@cache
def _load_own() -> None:
    import importlib
    import pkgutil

    package = importlib.import_module("..mechanisms", __name__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
