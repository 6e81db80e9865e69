"""The posture of a container with a kernel of its own: what PID 1 reads in its /proc, and what the host sees around it.

At the opening nobody but our own program has run there, so that what it reads is what that kernel says. At the end it
is the word of a program inside (G0). The host's kernel shows how the whole of it is bounded, what network it is in, and
its other namespaces where we may look. What is not asked here is not attested: filters of system calls, masks of /proc,
devices, options of mounts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import _posture as posture
from ._aside import needs_aside
from ._cgroup import Cgroup
from ._guarantees import facts_of, lacking
from ._look import HOST
from ._mounts import parse_mounts
from ._network_facts import NO_NETWORK, network_facts
from ._peeked import Peeker
from ._peeked_look import PeekedLook
from ._profile import OPS_UID, SHARED_MEMORY, SUPERVISOR_CAPABILITIES, Profile, capability_mask

Facts = dict[str, Any]
TOLD = frozenset({"init", "agent", "network", "limits", "swap", "writable"})
"""What of all that is attested elsewhere is told here; the rest nobody knows."""
_IDENTITY = ("uid", "gid", "groups", "CapInh", "CapPrm", "CapEff", "CapBnd")
_ALWAYS = frozenset({"/dev", SHARED_MEMORY})
_OWN = ("ipc", "mnt", "net", "uts")
"""What keeps the sandbox itself from the host; who runs inside is in none of the host's process namespaces."""


@dataclass(frozen=True)
class Inside:
    """Where to look."""

    peeker: Peeker
    host_pid: int
    """The sandbox's first process, as the host counts."""
    cgroup: Cgroup


def inside(where: Inside, pids: Iterable[int]) -> Facts:
    """Every fact, and who each of these processes is (numbers of the container). Raises `OSError`, `SandboxError`."""
    look = PeekedLook(where.peeker)
    (version,) = where.peeker.peek([("r", "/proc/version")])
    shown = {one.where: one for one in parse_mounts(look.text(1, "mountinfo"))}
    writable = {where for where, one in shown.items() if one.is_writable and not one.is_kernel}
    return {
        "kernel": " ".join(version.data.decode(errors="replace").split()[:3]),
        "mediated": False,
        "init": _identity(1, look),
        "agents": [_identity(pid, look) for pid in pids],
        "writable": sorted(writable),
        "network": network_facts(where.host_pid, None, HOST),  # whatever it has inside, this is where it ends
        "limits": where.cgroup.limits(),
        "namespaces": {} if needs_aside() else posture.namespaces(where.host_pid, None, HOST),
    }


def _identity(pid: int, look: PeekedLook) -> Facts:
    """Who a process is; one that has ended is nobody."""
    try:
        told = posture.identity(pid, look)
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: told[name] for name in _IDENTITY}


def differing(profile: Profile, found: Facts) -> dict[str, tuple[object, object]]:
    """Fact → what was found and what the profile wants, of those that are not the same."""
    wanted = _wanted(profile, found)
    return {name: (found[name], want) for name, want in wanted.items() if found[name] != want}


def _wanted(profile: Profile, found: Facts) -> Facts:
    agent = _who(profile.agent_uid, profile.agent_mask)
    spaces = found["namespaces"]
    return {
        "init": _who(OPS_UID, capability_mask(SUPERVISOR_CAPABILITIES)),
        "agents": [one and agent for one in found["agents"]],
        "writable": sorted({place.path for place in profile.places} | _ALWAYS),
        "network": dict(NO_NETWORK),
        "limits": {
            "pids": profile.processes,
            "memory": profile.memory_bytes,
            "memory_swap": profile.memory_bytes,
            "cpu_milli": int(profile.cpus * 1000),
        },
        "namespaces": spaces and {**spaces, **dict.fromkeys(_OWN, "own")},
    }


def _who(uid: int, mask: int) -> Facts:
    ids = " ".join([str(uid)] * 4)
    capabilities = {"CapInh": 0, "CapPrm": mask, "CapEff": mask, "CapBnd": mask}
    return {"uid": ids, "gid": ids, "groups": "", **{name: f"{value:016x}" for name, value in capabilities.items()}}


def missing(profile: Profile, found: Facts) -> Sequence[str]:
    """Guarantees under which everything falls that differs; () where something falls under none."""
    wrong = differing(profile, found)
    return lacking([(name,) for name in wrong], found, {name: want for name, (_, want) in wrong.items()})


def looser(profile: Profile, found: Facts) -> list[str]:
    """What is not as the profile wants it and was not given up, in words."""
    given_up = {path[0] for path in facts_of(profile.without) if len(path) == 1}
    wrong = differing(profile, found)
    return [f"{name} is {have!r}, wanted {want!r}" for name, (have, want) in wrong.items() if name not in given_up]
