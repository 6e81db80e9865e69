"""Why a container ended, or did not: one list of reasons for the episode, its report and the decision to try again."""

from enum import StrEnum
from typing import Annotated, Literal

from ._base import Model, Volatile
from ._text import JsonObject


class Blame(StrEnum):
    """Whose doing it was."""

    NOBODY = "nobody"
    AGENT = "agent"
    INFRA = "infra"
    OURS = "ours"
    UNKNOWN = "unknown"


class ExitReason(StrEnum):
    """How a container stands when its caller misses it. What the agent printed or exited with is no part of it."""

    RUNNING = "running"
    """It lives: what went wrong, went wrong in a command."""
    AGENT_OOM = "agent_oom"
    """Its processes used up their memory, and the kernel killed PID 1 along with them."""
    RECORD_FULL = "record_full"
    """Its processes filled the record of mediated acts."""
    LISTENER_LOST = "listener_lost"
    """The process on the host that records mediated acts died or stood still, so we ended the container."""
    OUR_KILL = "our_kill"
    LEASE_OVER = "lease_over"
    """PID 1 heard nothing from us for the length of its lease, or lost its stream, and exited by itself."""
    SUPERVISOR_FAULT = "supervisor_fault"
    """PID 1 ended in a way that nobody outside brought about: a defect of ours, which the agent may have found."""
    PAUSED = "paused"
    """Somebody froze it."""
    REMOVED = "removed"
    """Somebody removed it from the engine."""
    ENGINE_KILL = "engine_kill"
    """Somebody had the engine kill or stop it."""
    ENGINE_LOST = "engine_lost"
    """The engine went away and took it along."""
    HOST_KILL = "host_kill"
    """Killed from the host; nobody inside can send PID 1 that signal."""
    UNKNOWN = "unknown"
    """The evidence does not tell."""

    @property
    def blame(self) -> Blame:
        """Whose doing it was."""
        return _BLAME[self]

    @property
    def proven(self) -> bool:
        """Whether an infrastructure cause is proven from outside: only then may an episode be tried again."""
        return self.blame is Blame.INFRA


_BLAME = {
    ExitReason.RUNNING: Blame.NOBODY,
    ExitReason.AGENT_OOM: Blame.AGENT,
    ExitReason.RECORD_FULL: Blame.AGENT,
    ExitReason.LISTENER_LOST: Blame.INFRA,
    ExitReason.OUR_KILL: Blame.OURS,
    ExitReason.LEASE_OVER: Blame.OURS,
    ExitReason.SUPERVISOR_FAULT: Blame.UNKNOWN,
    ExitReason.PAUSED: Blame.INFRA,
    ExitReason.REMOVED: Blame.INFRA,
    ExitReason.ENGINE_KILL: Blame.INFRA,
    ExitReason.ENGINE_LOST: Blame.INFRA,
    ExitReason.HOST_KILL: Blame.INFRA,
    ExitReason.UNKNOWN: Blame.UNKNOWN,
}

LimitHit = Literal["memory", "processes", "disk"]
"""A limit that the processes of a container ran into."""


class ContainerEnded(Model):
    """The container failed its caller: why, by evidence from outside alone."""

    type: Literal["container_ended"] = "container_ended"
    step: int
    reason: ExitReason
    limits: tuple[LimitHit, ...] = ()
    """Limits that were hit since the pass before, whatever the reason."""
    facts: Annotated[JsonObject, Volatile]
    """What the reason rests on: the engine's state of the container (G1), counters and signals (G2)."""
