"""Who owns an object on the engine: a process that can be told dead, after a reboot too.

Every object that we make carries these labels::

    offswitch.run        the run that it belongs to
    offswitch.episode    the episode
    offswitch.role       agent, twin or verifier
    offswitch.lease      bootid:pid:starttime of the process that answers for it
    offswitch.pidns      the namespace in which that pid counts
    offswitch.created    when, in UTC
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

RUN_LABEL = "offswitch.run"
"""On every object that we make on an engine: the run that it belongs to."""
EPISODE_LABEL = "offswitch.episode"
ROLE_LABEL = "offswitch.role"
LEASE_LABEL = "offswitch.lease"
"""The process that answers for the object, as `own_lease` names it."""
NAMESPACE_LABEL = "offswitch.pidns"
CREATED_LABEL = "offswitch.created"
UNNAMED = "unnamed"
"""Run and episode of a caller that has none."""

OwnerState = Literal["alive", "dead", "unknown"]


def own_lease() -> str:
    """This process as ``bootid:pid:starttime``: no other process, here or after a reboot, is called the same."""
    return _lease_of(os.getpid())


@cache
def _lease_of(ours: int) -> str:
    """Kept by its number: a forked child has another."""
    started = _started(ours)
    assert started is not None, "a process that asks for itself is running"
    return f"{boot_id()}:{ours}:{started}"


def owner_labels() -> dict[str, str]:
    """The labels that say who answers for an object."""
    return {
        LEASE_LABEL: own_lease(),
        NAMESPACE_LABEL: _namespace(),
        CREATED_LABEL: datetime.now(UTC).isoformat(timespec="seconds"),
    }


def labels(run: str, episode: str, role: str) -> dict[str, str]:
    """All labels of an object that this process makes for an episode."""
    return {RUN_LABEL: run, EPISODE_LABEL: episode, ROLE_LABEL: role, **owner_labels()}


def lease_is_held(lease: str | None) -> bool:
    """Whether the process that a lease names still lives; False for a lease that is missing or unreadable."""
    parsed = _parsed(lease)
    return parsed is not None and parsed[0] == boot_id() and _started(parsed[1]) == parsed[2]


def watchdog_name(lease: str, engine: str) -> str:
    """The abstract socket that the watchdog of a lease holds on an engine, which is given as it calls itself."""
    return f"offswitch-watchdog-{sha256(f'{lease} {engine}'.encode()).hexdigest()}"


def owner_state(found: Mapping[str, str], *, here: bool = True) -> OwnerState:
    """Whether the owner of an object with these labels lives; ``here``: the object is on this very machine.

    ``unknown`` where the labels do not say, where the owner may run on another machine, or where its process ids
    do not count in our namespace: what cannot be judged is not dead. A lease of another boot of this machine is
    dead: no process outlives a reboot.
    """
    parsed = _parsed(found.get(LEASE_LABEL))
    if parsed is None:
        return "unknown"
    if parsed[0] != boot_id():
        return "dead" if here else "unknown"
    if found.get(NAMESPACE_LABEL, _namespace()) != _namespace():
        return "unknown"
    return "alive" if lease_is_held(found[LEASE_LABEL]) else "dead"


def _parsed(lease: str | None) -> tuple[str, int, str] | None:
    parts = (lease or "").split(":")
    if len(parts) != 3 or not all(parts) or not parts[1].isdigit():
        return None
    return parts[0], int(parts[1]), parts[2]


def boot_id() -> str:
    """The kernel's name for the time since this machine was started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").stat().st_ino)


def _started(pid: int) -> str | None:
    """Start time in clock ticks since boot; None for a process that is gone or only waits to be buried.

    The name before it may hold any character, brackets included.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
