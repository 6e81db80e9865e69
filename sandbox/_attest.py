"""The posture of a running container compared with an allow-list: what is not named there is refused.

What was asked of the engine proves nothing: options are accepted and not enforced (docs/design/security.md). Read
are PID 1 and a process of the agent, separately, at the opening; at the end PID 1 again and every process that is
left. What needs rights over the processes is read through a `Look`: from the host, or through the evidence sidecar.
"""

import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from . import _mount_rules as rules
from . import _posture as posture
from ._allowed import DEVICE_RULES, Facts, allowed, first_process, of_container
from ._cgroup import Cgroup
from ._errors import PostureError
from ._filters import excess, read_filters
from ._guarantees import GUARANTEES, Path, facts_of, lacking, without
from ._look import HOST, Look
from ._network_facts import NO_NETWORK
from ._profile import OPS_UID, Profile

LOOKS: Mapping[str, str] = {
    "init": "PID 1 has its own user, only its capabilities, no new privileges and both filters",
    "agent": "the agent has its user, no capability beyond the profile, no new privileges and both filters",
    "agent_namespaces": "the agent lives in the namespaces of PID 1",
    "filter_excess": "the system call filters let nothing more through than ours; None where they cannot be read",
    "descriptors": "nothing is held open that leads out",
    "namespaces": "no namespace is the host's but those that no engine makes",
    "user_map": "the ids of users are the host's own, or none is the host's root",
    "group_map": "the ids of groups are the host's own, or none is the host's root",
    "places": "every writable place is memory of a bounded size",
    "engine_sockets": "no socket is there by which an engine could be commanded",
    "network": "only the declared network is there, in a namespace of its own",
    "unmasked": "what the kernel tells and lets be set of the whole machine is hidden",
}
"""What is attested and can never be given up: each fact, and what it has to show."""


def attest(
    profile: Profile,
    init_pid: int,
    agent_pid: int,
    cgroup: Cgroup,
    *,
    network: int | None = None,
    net: Mapping[str, Any] = NO_NETWORK,
    look: Look = HOST,
) -> Facts:
    """Return the attested facts. Raises `PostureError` naming every fact that is not as the profile wants it.

    ``network`` is the inode of the network namespace that was made for this container, None where the engine made
    it; ``net`` is what may be in it. ``look`` sees what needs rights over the processes.
    """
    try:
        found = _found(profile, init_pid, agent_pid, cgroup, network, look)
    except OSError as error:
        raise PostureError("attesting the container", profile.name, f"it cannot be looked at: {error}") from error
    wanted = allowed(profile, found, net)
    given_up = facts_of(profile.without)
    wrong = _differing(without(found, given_up), without(wanted, given_up))
    if wrong:
        raise _refusal(profile, wrong, found, wanted)
    lost = lacking(_deeper(_differing(found, wanted), found, wanted), found, wanted)
    return {**found, "not_enforced": [name for name in profile.without if name in lost]}


def shortfalls(profile: Profile, found: Facts, net: Mapping[str, Any] = NO_NETWORK) -> dict[str, str]:
    """Guarantee → what an attested posture lacks of it, in words; those that are kept are not among them."""
    wanted = allowed(profile, found, net)
    told: dict[str, str] = {}
    for name, one in GUARANTEES.items():
        pairs = [(path, _at(found, path), _at(wanted, path)) for path in one.facts]
        wrong = [f"{'.'.join(path)} is {have!r}, wanted {want!r}" for path, have, want in pairs if have != want]
        if wrong:
            told[name] = "; ".join(wrong)
    return told


def _at(facts: Facts, path: Path) -> object:
    value: Any = facts
    for key in path:
        value = value.get(key)
    return value


def _found(profile: Profile, init: int, agent: int, cgroup: Cgroup, network: int | None, look: Look) -> Facts:
    """Every fact at the opening, in the order in which differences are told."""
    whole = posture.of_container(init, cgroup, network, look)
    first, child = posture.of_process(init, look), posture.of_process(agent, look)
    return {
        "init": first,
        "agent": child,
        "agent_namespaces": posture.namespaces(agent, init, look),
        "descriptors": {"init": posture.descriptors(init, look), "agent": posture.descriptors(agent, look)},
        **_filters(agent, child["Seccomp_filters"], look),
        **_judged_mounts(profile, whole, cgroup),
    }


def _judged_mounts(profile: Profile, whole: Facts, cgroup: Cgroup) -> Facts:
    mounted, nodes, strangers = whole.pop("mounts"), whole.pop("mounted_devices"), whole.pop("strangers")
    rulings = whole["device_rules"]
    whole["device_rules"] = None if rulings is None else [rule for rule in rulings if rule not in DEVICE_RULES]
    whole["unexpected_mounts"] = rules.unexpected(profile, mounted, nodes)
    whole["foreign_groups"] = rules.foreign_groups(mounted, cgroup.names)
    whole["loose_mounts"] = rules.loose(profile, mounted, strangers)
    return whole


def _filters(pid: int, count: str, look: Look) -> Facts:
    """Whether this user on this kernel can read the filters, and which calls get through and should not."""
    if not look.here:
        return {"filters_read": False, "filter_excess": None}
    if not count.isdigit() or not 0 < int(count) < 16:
        return {"filters_read": True, "filter_excess": ["everything"]}
    try:
        filters = read_filters(pid, int(count))
    except PermissionError:
        filters = None
    found = None if filters is None else list(excess(filters, platform.machine()))
    return {"filters_read": filters is not None, "filter_excess": found}


def _differing(found: Facts, wanted: Facts) -> list[Path]:
    return [(name,) for name in (*found, *(wanted.keys() - found.keys())) if found.get(name) != wanted.get(name)]


def _refusal(profile: Profile, wrong: list[Path], found: Facts, wanted: Facts) -> PostureError:
    told = [f"{name} is {found.get(name)!r}, wanted {wanted.get(name)!r}" for (name,) in wrong]
    return refusal(profile, told, lacking(_deeper(wrong, found, wanted), found, wanted))


def refusal(profile: Profile, told: Sequence[str], names: Sequence[str]) -> PostureError:
    """What is raised for a posture that differs as ``told``; ``names`` are the guarantees that could be given up."""
    if not names:
        return PostureError("attesting the container", profile.name, "; ".join(told))
    cause = f"not_enforced: {', '.join(names)} ({'; '.join(told)})"
    flags = " ".join(f"--without {name}" for name in sorted({*profile.without, *names}))
    remedy = f"offswitch run {flags}, which lowers the profile; offswitch conformance shows what this engine keeps"
    return PostureError("attesting the container", profile.name, cause, remedy=remedy)


def _deeper(wrong: list[Path], found: Facts, wanted: Facts) -> list[Path]:
    """The differing facts one level down, where both are objects."""
    paths: list[Path] = []
    for (name,) in wrong:
        if isinstance(found.get(name), dict) and isinstance(wanted.get(name), dict):
            have, want = cast("Facts", found[name]), cast("Facts", wanted[name])
            paths += [(name, key) for key in {**have, **want} if have.get(key) != want.get(key)]
        else:
            paths.append((name,))
    return paths


def changed(
    profile: Profile,
    init_pid: int,
    pids: Iterable[int],
    cgroup: Cgroup,
    *,
    network: int | None = None,
    net: Mapping[str, Any] = NO_NETWORK,
    look: Look = HOST,
) -> list[str]:
    """What is looser now than the profile allows, in words; () for a container that is as it was.

    Looks at PID 1 and at every other process that is there. Raises `OSError` where PID 1 is gone or cannot be seen.
    """
    whole = _judged_mounts(profile, posture.of_container(init_pid, cgroup, network, look), cgroup)
    found: Facts = {"init": posture.of_process(init_pid, look), **whole}
    wanted = {"init": first_process(profile, found["init"]), **of_container(profile, found, net)}
    # An agent that may write to /run can put a socket of its own there; one that was mounted is unexpected anyway.
    gone = [("engine_sockets",), *facts_of(profile.without)]
    now, wants = without(found, gone), without(wanted, gone)
    told = [f"{name} is {now.get(name)!r}, wanted {wants.get(name)!r}" for (name,) in _differing(now, wants)]
    for pid in pids:
        told += _of_child(profile, pid, init_pid, look)
    return list(dict.fromkeys(told))


def _of_child(profile: Profile, pid: int, init_pid: int, look: Look) -> list[str]:
    """What is looser about one process than about any that the agent could start; nothing of one that has ended."""
    try:
        who = posture.identity(pid, look)
        spaces = posture.namespaces(pid, init_pid, look)
        label = posture.label(pid, look)
    except (FileNotFoundError, ProcessLookupError):
        return []
    if spaces["mnt"] == "unknown":  # it has ended, and nobody has asked for its status yet
        return []
    more = [name for name in _CAPABILITIES if int(who[name], 16) & ~profile.agent_mask]
    told = [f"a process has {name} {who[name]}" for name in more]
    told += [f"a process has the namespace {kind} for itself" for kind, one in spaces.items() if one != "shared"]
    told += [f"a process has {name} {who[name]}" for name in ("NoNewPrivs", "Seccomp") if who[name] != _FIXED[name]]
    if not who["Seccomp_filters"].isdigit() or int(who["Seccomp_filters"]) < 2:
        told.append(f"a process has {who['Seccomp_filters']} filters")
    if "apparmor" not in profile.without and profile.apparmor not in label:
        told.append(f"a process runs under the label {label!r}")
    if "SETUID" not in profile.agent_capabilities and not set(who["uid"].split()) <= _uids(profile):
        told.append(f"a process has the ids {who['uid']}")
    return told


_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_FIXED = {"NoNewPrivs": "1", "Seccomp": "2"}


def _uids(profile: Profile) -> set[str]:
    return {str(profile.agent_uid), str(OPS_UID)}
