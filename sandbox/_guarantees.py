"""Guarantees that a user may give up by name, because an engine accepts the option for them and enforces nothing.

A profile without one of them carries another name (``sealed-without-limits``) and a lower isolation label. Nothing
else can be given up: who PID 1 and the agent are, what they may do, their filters, their network, the namespaces of
processes, mounts and messages, what stands before the kernel's files, and that no engine can be commanded from inside.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]


@dataclass(frozen=True)
class Guarantee:
    """One of the things that a profile promises."""

    facts: tuple[Path, ...]
    """Where it shows in the posture."""
    meaning: str
    absent_where: str
    """Where engines are known to accept the option and not to enforce it."""


GUARANTEES: Mapping[str, Guarantee] = {
    "limits": Guarantee(
        (("limits",),),
        "processes, memory and processor time are bounded",
        "rootless engines on control groups v1",
    ),
    "swap": Guarantee(
        (("limits", "memory_swap"),),
        "memory and swap together are bounded",
        "kernels that do not account for swap",
    ),
    "inodes": Guarantee(
        (("inodes",),),
        "how many files each writable place can hold is bounded; that its bytes are is always demanded",
        "Podman, which refuses the option",
    ),
    "rlimits": Guarantee(
        (("init", "rlimits"), ("agent", "rlimits")),
        "open files, file size and core files of every process are bounded as asked",
        "engines whose own limits are lower and that may not raise them",
    ),
    "oom_score": Guarantee(
        (("init", "oom_score"), ("agent", "oom_score")),
        "the agent dies before PID 1 where memory runs out, and both before the host's own",
        "engines that may not set it",
    ),
    "control_groups": Guarantee(
        (("namespaces", "cgroup"), ("foreign_groups",)),
        "the container sees no control groups but its own",
        "Podman through Docker's API and rootless engines, on control groups v1",
    ),
    "writable": Guarantee(
        (("writable",),),
        "only the declared places can be written",
        "Podman, which adds a place of its own and leaves the folder of control groups writable",
    ),
    "unexpected_mounts": Guarantee(
        (("unexpected_mounts",),),
        "nothing is mounted that was not declared",
        "Podman, which adds a place of its own",
    ),
    "loose_mounts": Guarantee(
        (("loose_mounts",),),
        "every mount is as tight as it can be",
        "engines with mount options of their own",
    ),
    "devices": Guarantee(
        (("devices",), ("device_rules",)),
        "only the six harmless devices are there and may be used",
        "engines with devices of their own",
    ),
    "apparmor": Guarantee(
        (("init", "label"), ("agent", "label")),
        "every process runs under the AppArmor profile that was asked for",
        "kernels without AppArmor",
    ),
    "filters": Guarantee(
        (("filters_read",),),
        "the content of the system call filters is read; what is read has to be ours in any case",
        "kernels without CONFIG_CHECKPOINT_RESTORE, and users who are not root",
    ),
}
"""What can be given up, by name, where an engine does not enforce it."""
CHOSEN: Mapping[str, str] = {
    "kernel": "it runs on the kernel of the engine's machine, which shows all of it from outside",
    "mediation": "programs, signals and connects wait until they are recorded",
}
"""What can be given up to have another kind of container, and what each means: both together, where the runtime has a
kernel of its own (gVisor) and hands out no listener of a filter."""


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, sorted, each once. One that is no guarantee is a `ValueError` that lists them."""
    known = (*GUARANTEES, *CHOSEN)
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no guarantee that can be given up; there are {', '.join(known)}")
    return tuple(sorted(set(names)))


def lacking(differing: Sequence[Path], found: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """The fewest guarantees under which all differing facts fall; () where one of them falls under none."""
    fitting = [{name for name, one in GUARANTEES.items() if _covers(one, path, found, wanted)} for path in differing]
    if not all(fitting):
        return ()
    chosen = {min(names, key=lambda name: len(GUARANTEES[name].facts[0]) * -1) for names in fitting}
    return tuple(sorted(name for name in chosen if not any(_includes(other, name) for other in chosen - {name})))


def facts_of(names: Iterable[str]) -> list[Path]:
    """Where these guarantees show in a posture."""
    return [path for name in names if name in GUARANTEES for path in GUARANTEES[name].facts]


def given_up(name: str, without: Iterable[str]) -> bool:
    """Whether who does without these does without this one as well."""
    return any(_includes(larger, name) for larger in GUARANTEES.keys() & set(without))


def _includes(larger: str, smaller: str) -> bool:
    """Whether who gives up the one has given up the other as well."""
    return all(any(at[: len(up)] == up for up in GUARANTEES[larger].facts) for at in GUARANTEES[smaller].facts)


def _covers(one: Guarantee, path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether what differs at ``path`` is only what a guarantee is about."""
    if any(path[: len(at)] == at for at in one.facts):
        return True
    inner = [at for at in one.facts if at[: len(path)] == path]
    return bool(inner) and without(found, inner).get(path[0]) == without(wanted, inner).get(path[0])


def without(facts: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """A copy of facts that lacks some."""
    copy = dict(facts)
    for first, *rest in paths:
        if rest and isinstance(copy.get(first), dict):
            copy[first] = without(copy[first], [tuple(rest)])
        elif not rest:
            copy.pop(first, None)
    return copy
