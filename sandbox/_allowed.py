"""The allow-list of a profile: every fact of a posture as it has to be. What it does not name is refused."""

import os
from collections.abc import Mapping
from typing import Any

from . import _mount_rules as rules
from ._profile import OOM_SCORE, OPS_UID, SHARED_MEMORY, SUPERVISOR_CAPABILITIES, Profile, capability_mask

Facts = dict[str, Any]
_OWN = ("cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "uts")
_HOSTS = ("time", "time_for_children", "user")
"""Kinds of namespace that no engine makes by default. A user namespace of its own is tighter and allowed."""
_WHOLE_MAP = "0 0 4294967295"
DEVICE_RULES = frozenset(
    {f"c {number} rwm" for number in ("1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:1", "5:2", "10:200", "136:*")}
    | {"b *:* m", "c *:* m"}
)
"""What engines let be used everywhere; making a node (m) needs a capability that nobody here has."""
_OF_HOST = (
    "Max cpu time",
    "Max data size",
    "Max stack size",
    "Max resident set",
    "Max processes",
    "Max locked memory",
    "Max address space",
    "Max file locks",
    "Max pending signals",
    "Max msgqueue size",
    "Max realtime timeout",
)
"""Limits of a process that the control group bounds already; each machine has its own."""
_CHILD_OOM_SCORE = 900


def allowed(profile: Profile, found: Facts, net: Mapping[str, Any]) -> Facts:
    """The allow-list. Where more than one value will do, it names the one that was found."""
    return {
        "init": first_process(profile, found["init"]),
        "agent": _process(profile, profile.agent_uid, profile.agent_mask, _CHILD_OOM_SCORE, found["agent"]),
        "agent_namespaces": dict.fromkeys(found["namespaces"], "shared"),
        "descriptors": {"init": [], "agent": []},
        "filters_read": True,
        "filter_excess": [] if found["filters_read"] else None,
        **of_container(profile, found, net),
    }


def of_container(profile: Profile, found: Facts, net: Mapping[str, Any]) -> Facts:
    """What belongs to the container as a whole."""
    return {
        "namespaces": _namespaces(found["namespaces"]),
        "user_map": _id_map(found, "user_map"),
        "group_map": _id_map(found, "group_map"),
        "writable": sorted({place.path for place in profile.places} | rules.ALWAYS_WRITABLE),
        "places": _sizes(profile),
        "inodes": {place.path: str(place.inodes) for place in profile.places},
        "engine_sockets": [],
        "devices": rules.DEVICES,
        "device_rules": None if found["device_rules"] is None else [],
        "network": dict(net),
        "limits": {
            "pids": profile.pids,
            "memory": profile.memory_bytes,
            "memory_swap": profile.memory_bytes,
            "cpu_milli": int(profile.cpus * 1000),
        },
        "unexpected_mounts": [],
        "foreign_groups": [],
        "loose_mounts": [],
        "unmasked": [],
    }


def first_process(profile: Profile, found: Facts) -> Facts:
    """What PID 1 may be."""
    return _process(profile, OPS_UID, capability_mask(SUPERVISOR_CAPABILITIES), OOM_SCORE, found)


def _process(profile: Profile, uid: int, mask: int, oom_score: int, found: Facts) -> Facts:
    capabilities = {"CapInh": 0, "CapPrm": mask, "CapEff": mask, "CapBnd": mask, "CapAmb": 0}
    limits = {
        "Max open files": f"{profile.open_files} {profile.open_files}",
        "Max file size": f"{profile.file_size_bytes} {profile.file_size_bytes}",
        "Max core file size": "0 0",
        "Max nice priority": "0 0",
        "Max realtime priority": "0 0",
    }
    return {
        "uid": " ".join([str(uid)] * 4),
        "gid": " ".join([str(uid)] * 4),
        "groups": "",
        **{name: f"{value:016x}" for name, value in capabilities.items()},
        "NoNewPrivs": "1",
        "Seccomp": "2",
        "Seccomp_filters": "2",
        "TracerPid": "0",
        "label": f"{profile.apparmor} (enforce)" if profile.apparmor else found["label"],
        "oom_score": oom_score,
        "rlimits": limits | {name: found["rlimits"][name] for name in _OF_HOST if name in found["rlimits"]},
    }


def _namespaces(found: dict[str, str]) -> dict[str, str]:
    allowed = dict.fromkeys(_OWN, "own") | {kind: "shared" for kind in _HOSTS if kind in found}
    return allowed | ({"user": "own"} if found.get("user") == "own" else {})


def _id_map(found: Facts, name: str) -> str:
    """The host's own numbering, or in a namespace of its own one in which nobody is the host's root."""
    mapped: str = found[name]
    outer = [int(line.split()[1]) for line in mapped.split(", ")]
    tighter = found["namespaces"].get("user") == "own" and 0 not in outer
    return mapped if tighter else _WHOLE_MAP


def _sizes(profile: Profile) -> dict[str, str]:
    sizes = {place.path: _kib(place.size_bytes) for place in profile.places}
    return sizes | {"/dev": "65536k", SHARED_MEMORY: _kib(profile.shm_bytes)}


def _kib(size_bytes: int) -> str:
    """A size as the kernel writes it: whole pages, in kibibytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    return f"{-(-size_bytes // page) * page // 1024}k"
