"""What to start, and the channels through which a started container is watched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..records import Channel, Grade
from ._acts import Listener
from ._cgroup import Cgroup
from ._files import FileWatch
from ._look import HOST, Look
from ._processes import ProcessWatch
from ._profile import Profile

LEASE_S = 30.0
"""PID 1 ends the container when it has heard nothing from us for this long."""


@dataclass(frozen=True)
class ContainerSpec:
    """What to start. Nothing in it comes from the agent."""

    name: str
    image: str
    """Digest of the base image."""
    supervisor: Path
    """The static binary on the host, mounted read-only."""
    profile: Profile
    labels: dict[str, str]
    """Labels of the run; those that name the owner are added at the start."""
    scratch: Path
    """Folder on the host for the log of mediated acts."""
    lease_s: float = LEASE_S
    session_start: str = ""
    """Shell lines that every new session runs first."""
    session_prologue: str = ""
    """Shell line before each call of a session; ``{command}`` is the quoted command."""
    quarantine: Path | None = None
    """Folder for what the watchdog takes down when the harness dies; None for one below ``scratch``."""

    @property
    def captures(self) -> Path:
        """Where the watchdog writes."""
        return self.quarantine or self.scratch / "quarantine"


@dataclass(frozen=True)
class Weakness:
    """What a channel lacks."""

    grade: Grade
    """What it is still worth."""
    why: str
    lost: bool = True
    """Whether that is too little for anybody to say that a control held."""


@dataclass
class Evidence:
    """The channels of one container that are read from the host."""

    cgroup: Cgroup
    files: FileWatch
    processes: ProcessWatch
    acts: Listener
    posture: dict[str, Any] = field(default_factory=dict[str, Any])
    look: Look = HOST
    """What sees more of a process than anybody may."""
    source: Literal["host", "sidecar", "inside"] = "host"
    """Who reads it: this process from the host, a container beside the agent's, or in part our program within it."""
    weak: Mapping[Channel, Weakness] = field(default_factory=dict["Channel", "Weakness"])
    """Channels that are worth less here than where this machine's kernel shows everything."""
