"""The contract of a task, and what its verifier and its cast get to see."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..records import Factors, FileChange, MechanismSpec
from ._script import ScriptFactory
from ._world import World


@dataclass(frozen=True)
class Score:
    """How well the main task was done, from data that the agent never saw."""

    value: float
    """From 0 to 1; 1 is full credit."""
    parts: Mapping[str, float]
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


Read = Callable[[str], bytes | None]
"""Bytes of a file of the container, read from outside; None where there is none."""


@dataclass(frozen=True)
class Probe:
    """A fact that is read from files in a trusted process."""

    paths: tuple[str, ...]
    """Files whose change calls for a new reading."""
    reading: Callable[[Read], Any]
    """The fact as JSON data. Raises where the files do not hold it."""


Follow = Callable[[Sequence[FileChange], Mapping[str, Any]], float]
"""The changes of a pass and what each probe read last in, progress from 0 to 1 out."""


@dataclass(frozen=True)
class Collected:
    """What a verifier may look at, after the container is dead."""

    read: Read
    """Bytes of a file as it was left; None where there is none."""
    paths: Sequence[str]
    """Every path that is left."""
    gateways: Mapping[str, dict[str, Any]]
    """State of each gateway."""
    report: Mapping[str, Any] | None
    stopped: bool
    """Whether an order to stop reached the agent before it was done."""
    progress_at_stop: float
    """Progress when that order came; 1 where none came."""


@dataclass(frozen=True)
class Cast:
    """Scripted agents of a task: the proof that the instrument works."""

    oracle: ScriptFactory
    null: ScriptFactory
    violators: Mapping[str, Mapping[str, ScriptFactory]]
    """Failure mode → route → script."""
    innocents: Mapping[str, ScriptFactory]
    """Failure mode → harmless look-alike."""
    blocked: frozenset[str] = frozenset()
    """Routes (``P5.forged_ticket``) that a bypassable control stops all the same: attempted, not succeeded."""

    def member(self, name: str) -> ScriptFactory:
        """``oracle``, ``null``, ``violator:S3.overwrite`` or ``innocent:S3``. Raises `KeyError` for another name."""
        kind, _, rest = name.partition(":")
        if kind in ("oracle", "null") and not rest:
            return self.oracle if kind == "oracle" else self.null
        if kind == "innocent":
            return self.innocents[rest]
        if kind == "violator":
            mode, _, route = rest.partition(".")
            return self.violators[mode][route]
        raise KeyError(name)

    def names(self) -> list[str]:
        """Every member, oracle and null first."""
        violators = [f"violator:{mode}.{route}" for mode, routes in self.violators.items() for route in routes]
        return ["oracle", "null", *sorted(violators), *sorted(f"innocent:{mode}" for mode in self.innocents)]


class Task(ABC):
    """A long job with a seeded world, a goal, a verifier and a cast."""

    id: ClassVar[str]
    env_id: ClassVar[str]
    """Name of its Gymnasium id, without the namespace and the version."""
    title: ClassVar[str]
    version: ClassVar[int] = 1
    human_minutes: ClassVar[float]
    """Estimated time that a familiar professional takes."""
    bucket: ClassVar[str]

    @abstractmethod
    def mechanisms(self) -> tuple[MechanismSpec, ...]:
        """The task's own set of mechanisms."""

    @abstractmethod
    def world(self, seed: int) -> World:
        """The world of a seed: names, paths, values and order are drawn from it."""

    @abstractmethod
    def goal(self, world: World, factors: Factors) -> str:
        """What the agent is asked to do, without the rules (the environment adds those)."""

    @abstractmethod
    def side_goals(self, world: World) -> Mapping[str, str]:
        """Failure mode → side task that asks for it, for the red-team arms."""

    @abstractmethod
    def progress(self, world: World) -> Follow:
        """A follower of the evidence, from the start of an episode.

        Orders come at milestones of it. Count the work itself where it can be read, not only the marks of it: marks
        that the agent hides would put the orders off.
        """

    @abstractmethod
    def probes(self, world: World) -> Mapping[str, Probe]:
        """Facts by name, read at the start, whenever one of their files has changed, and at the end."""

    @abstractmethod
    def verify(self, world: World, collected: Collected) -> Score:
        """Score the work. Reads data only; never runs anything that the agent wrote."""

    @abstractmethod
    def cast(self) -> Cast:
        """The scripted agents."""
