"""Why a container failed its caller: gathered from the host and the engine, then decided by one pure function.

Nothing that the agent says, prints or exits with comes in: a command that ends with 137 has killed nobody.
"""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ..records import ExitReason, JsonObject, LimitHit
from ._cgroup import Counters
from ._errors import ContainerGone, EngineError

if TYPE_CHECKING:
    from ._container import DockerSandbox
    from ._engine_events import EventHub

TOLD_S = 2.0
"""How long the engine may take to tell of an end that the kernel shows already."""
OOM_TOLD_S = 0.3
"""How long the engine's word on memory may lag behind the end, where the kernel's own counter went with the group."""
_SIGKILL = 128 + 9
State = Mapping[str, Any] | None
"""What the engine says of a dead container; empty where it knows none, None where it does not answer."""


@dataclass(frozen=True)
class ExitFacts:
    """What is known from outside about a container that failed its caller."""

    alive: bool
    """Whether PID 1 still runs, by the kernel."""
    frozen: bool = False
    killed_by_us: bool = False
    listener_lost: bool = False
    """Whether somebody outside killed or stopped the process that records mediated acts."""
    listener_failed: bool = False
    """Whether that process ended by a fault of its own."""
    record_full: bool = False
    oom_kills: int | None = None
    """Processes that the kernel killed for memory since the pass before; None where nobody can tell."""
    forks_refused: int | None = None
    full_places: tuple[str, ...] = ()
    status: int | None = None
    """Exit status of PID 1 as the engine tells it; None where it does not."""
    actions: tuple[str, ...] = ()
    """Engine events since the pass before, in their order."""
    engine_answers: bool = True
    engine_broke: bool = False
    """Whether the stream of events broke while the container lived."""
    known_to_engine: bool = True

    @property
    def limits(self) -> tuple[LimitHit, ...]:
        """Limits that the processes ran into."""
        hit: list[LimitHit] = []
        if self.oom_kills or "oom" in self.actions:
            hit.append("memory")
        if self.forks_refused:
            hit.append("processes")
        if self.full_places:
            hit.append("disk")
        return tuple(hit)

    def told(self) -> JsonObject:
        """The facts as JSON data."""
        told: JsonObject = dict(asdict(self).items())
        return told | {"full_places": list(self.full_places), "actions": list(self.actions)}


def classify(facts: ExitFacts) -> ExitReason:
    """The reason that the facts prove, the strongest evidence first.

    An end that could be the agent's doing as well as somebody else's is the agent's: an episode is never repeated
    because of what the agent did.
    """
    if facts.record_full:
        return ExitReason.RECORD_FULL
    return _by_listener(facts) or _standing(facts) or _by_somebody(facts) or _by_status(facts)


def _by_listener(facts: ExitFacts) -> ExitReason | None:
    if facts.listener_lost:
        return ExitReason.LISTENER_LOST
    return ExitReason.SUPERVISOR_FAULT if facts.listener_failed else None


def _standing(facts: ExitFacts) -> ExitReason | None:
    """What the kernel shows of the container itself."""
    if facts.alive:
        return ExitReason.PAUSED if facts.frozen else ExitReason.RUNNING
    if facts.killed_by_us:
        return ExitReason.OUR_KILL
    out_of_memory = "memory" in facts.limits and facts.status in (None, _SIGKILL)
    return ExitReason.AGENT_OOM if out_of_memory else None


def _by_somebody(facts: ExitFacts) -> ExitReason | None:
    """What people and programs beside us did by way of the engine."""
    if not facts.engine_answers or facts.engine_broke:
        return ExitReason.ENGINE_LOST
    if not facts.known_to_engine or "destroy" in facts.actions:
        return ExitReason.REMOVED
    if "kill" in facts.actions or "stop" in facts.actions:
        return ExitReason.ENGINE_KILL
    return None


def _by_status(facts: ExitFacts) -> ExitReason:
    if facts.status is None:
        return ExitReason.UNKNOWN
    if facts.status == 0:
        return ExitReason.LEASE_OVER
    if facts.status != _SIGKILL:
        return ExitReason.SUPERVISOR_FAULT
    # Without its counter nobody knows whether the kernel killed for memory.
    return ExitReason.UNKNOWN if facts.oom_kills is None else ExitReason.HOST_KILL


@dataclass
class ExitWatch:
    """Keeps what a later end of the container is held against."""

    sandbox: "DockerSandbox"
    hub: "EventHub"
    gaps: int
    last: Counters = field(default_factory=lambda: Counters(None, None, None, 0, 0))
    ending: tuple[str, ...] = ()
    """Actions of the pass that met the end before anybody missed the container."""

    @classmethod
    def begin(cls, sandbox: "DockerSandbox", hub: "EventHub") -> "ExitWatch":
        """From now on."""
        return cls(sandbox, hub, hub.gaps, sandbox.evidence.cgroup.counters())

    def passed(self, counters: Counters) -> None:
        """A pass read these counters: what comes later has happened since. A group that is gone has none."""
        if counters.cpu_ns is not None:
            self.last = counters

    def heard(self, events: Sequence[Mapping[str, Any]]) -> None:
        """A pass took these events: those of a dead container still count when the cause of its end is asked for."""
        if self.ending or not self.sandbox.alive:
            self.ending += _actions(events)

    def facts(self) -> ExitFacts:
        """What is known now; waits for the engine's word on an end, for `TOLD_S` at the most."""
        sandbox = self.sandbox
        now = sandbox.evidence.cgroup.counters()  # first: the group goes soon after its last process
        alive, acts = sandbox.alive, sandbox.evidence.acts
        state: State = {} if alive else self._state()
        if not alive and now.oom_kills is None:
            time.sleep(OOM_TOLD_S)
        actions = self._actions(expect_end=not alive and bool(state))
        return ExitFacts(
            alive=alive,
            frozen=alive and is_frozen(sandbox),
            killed_by_us=sandbox.halted,
            listener_lost=acts.was_killed,
            listener_failed=acts.fault() is not None and not acts.full and not acts.was_killed,
            record_full=acts.full,
            oom_kills=_since(self.last.oom_kills, now.oom_kills, self._told_of(actions, "oom")),
            forks_refused=_since(self.last.pids_limit_hits, now.pids_limit_hits, None),
            full_places=full_places(sandbox.evidence.files.roots),
            status=_status(state),
            actions=actions,
            engine_answers=state is not None,
            engine_broke=self.hub.gaps != self.gaps,
            known_to_engine=state is None or alive or bool(state),
        )

    def _state(self) -> State:
        """What the engine says of a dead container; {} where it knows none, None where it does not answer."""
        end = time.monotonic() + TOLD_S
        state: State = None
        while self.hub.answers and time.monotonic() < end:
            try:
                state = self.sandbox.exit_state()
            except ContainerGone:
                return {}
            except EngineError:
                return None
            if state.get("Status") not in ("running", "restarting", "removing"):
                break
            time.sleep(0.02)
        return state

    def _actions(self, *, expect_end: bool) -> tuple[str, ...]:
        end = time.monotonic() + TOLD_S
        while True:
            seen = self.ending + _actions(self.hub.peek(self.sandbox.id))
            if not expect_end or self._said_all(seen) or self.hub.gaps != self.gaps or time.monotonic() > end:
                return seen
            time.sleep(0.02)

    def _told_of(self, actions: tuple[str, ...], action: str) -> int | None:
        """How often the engine told of something, where it told of the end and its stream is whole; else None."""
        whole = "die" in actions and self.hub.gaps == self.gaps
        return actions.count(action) if whole else actions.count(action) or None

    def _said_all(self, seen: tuple[str, ...]) -> bool:
        """Whether the end was told, and a removal that a kill by the engine may be part of."""
        return "die" in seen and ("kill" not in seen or "destroy" in seen)


def _actions(events: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(event["action"]).split(":")[0] for event in events)


def _status(state: State) -> int | None:
    if not state or state.get("Status") in ("running", "restarting"):
        return None
    code = state.get("ExitCode")
    return code if isinstance(code, int) else None


def _since(before: int | None, now: int | None, otherwise: int | None) -> int | None:
    """How far a counter went; where the group is gone, what the engine told of."""
    return otherwise if before is None or now is None else now - before


def is_frozen(sandbox: "DockerSandbox") -> bool:
    """Whether somebody has stopped the whole group, by either hierarchy."""
    paths = sandbox.evidence.cgroup.paths
    for controller, name, mark in (("freezer", "freezer.state", "FROZEN"), ("unified", "cgroup.events", "frozen 1")):
        with suppress(KeyError, OSError):
            if mark in (paths[controller] / name).read_text():
                return True
    return False


def full_places(roots: Mapping[str, int]) -> tuple[str, ...]:
    """Writable places without room for another byte or another file."""
    return tuple(path for path, descriptor in sorted(roots.items()) if _is_full(descriptor))


def _is_full(descriptor: int) -> bool:
    usage = os.fstatvfs(descriptor)
    return bool(usage.f_blocks) and (not usage.f_bavail or (bool(usage.f_files) and not usage.f_favail))
