"""A profile's limits as the peers' own interfaces take them, so that all of them run in the same kind of container.

What they have no word for is named in `NOT_TAKEN`; nothing of it makes a peer slower.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..sandbox import Profile

COMMAND = ("tail", "-f", "/dev/null")
"""What keeps a container up, as the documentation of Inspect has it."""
_TOLD_CHARS = 300
NOT_TAKEN = (
    "the user-notification filter and its listener",
    "the read-only binding of the supervisor and its user",
    "the read-only cover of the memory that holds the mount points of v1 control groups",
)


def compose(profile: Profile, image: str, labels: Mapping[str, str], seccomp: Path) -> dict[str, Any]:
    """A compose file with one service, ``default``; written as JSON it is YAML too.

    ``seccomp`` is the host path of the profile of system calls. ``init``, the command, no network and the short grace
    are those of the file that Inspect writes where it is given none.
    """
    service: dict[str, Any] = {
        "image": image,
        "x-local": True,
        "command": list(COMMAND),
        "init": True,
        "network_mode": "none",
        "stop_grace_period": "1s",
        "user": f"{profile.agent_uid}:{profile.agent_uid}",
        "working_dir": profile.home,
        "environment": dict(_environment(profile)),
        "read_only": True,
        "tmpfs": [f"{place.path}:{place.options()}" for place in profile.places],
        "shm_size": profile.shm_bytes,
        "mem_limit": profile.memory_bytes,
        "memswap_limit": profile.memory_bytes,
        "pids_limit": profile.pids,
        "cpus": profile.cpus,
        "ulimits": {name: {"soft": value, "hard": value} for name, value in _ulimits(profile).items()},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", f"seccomp={seccomp}"],
        "ipc": "private",
        "cgroup": "private",
        "logging": {"driver": "none"},
        "labels": dict(labels),
    }
    return {"services": {"default": service}}


def sdk_options(profile: Profile, labels: Mapping[str, str], seccomp: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of ``containers.run`` of the docker SDK. ``seccomp`` is the profile of system calls itself."""
    return {
        "command": list(COMMAND),
        "detach": True,
        "init": True,
        "network_mode": "none",
        "user": f"{profile.agent_uid}:{profile.agent_uid}",
        "working_dir": profile.home,
        "environment": dict(_environment(profile)),
        "read_only": True,
        "tmpfs": {place.path: place.options() for place in profile.places},
        "shm_size": profile.shm_bytes,
        "mem_limit": profile.memory_bytes,
        "memswap_limit": profile.memory_bytes,
        "pids_limit": profile.pids,
        "nano_cpus": int(profile.cpus * 1e9),
        "ulimits": [{"Name": name, "Soft": value, "Hard": value} for name, value in _ulimits(profile).items()],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", "seccomp=" + json.dumps(seccomp)],
        "ipc_mode": "private",
        "cgroupns": "private",
        "log_config": {"Type": "none", "Config": {}},
        "labels": dict(labels),
    }


def differences(profile: Profile, seccomp: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """What the engine says of a peer's container and is not as asked for; ``told`` is its answer to an inspection.

    A word that a peer takes and does not pass on would make its containers cheaper than ours.
    """
    host: Mapping[str, Any] = told["HostConfig"]
    wanted: dict[str, Any] = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Init": True,
        "CapDrop": ["ALL"],
        "ShmSize": profile.shm_bytes,
        "Memory": profile.memory_bytes,
        "MemorySwap": profile.memory_bytes,
        "PidsLimit": profile.pids,
        "NanoCpus": int(profile.cpus * 1e9),
        "Tmpfs": {place.path: place.options() for place in profile.places},
        "User": f"{profile.agent_uid}:{profile.agent_uid}",
        "Ulimits": _ulimits(profile),
        "SecurityOpt": {"no-new-privileges": True, "seccomp": seccomp},
    }
    limits: list[dict[str, Any]] = host["Ulimits"] or []
    found: dict[str, Any] = {name: host.get(name) for name in wanted} | {
        "User": told["Config"]["User"],
        "Ulimits": {one["Name"]: one["Hard"] for one in limits if one["Hard"] == one["Soft"]},
        "SecurityOpt": _security(host["SecurityOpt"] or []),
    }
    return [f"{name} is {found[name]!r}"[:_TOLD_CHARS] for name, value in wanted.items() if found[name] != value]


def _security(options: Sequence[str]) -> dict[str, Any]:
    """``no-new-privileges`` and the filter, each as it is in force."""
    found: dict[str, Any] = {}
    for option in options:
        name, _, value = option.replace("no-new-privileges:", "no-new-privileges=").partition("=")
        found[name] = json.loads(value) if value else True
    return found


def _environment(profile: Profile) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in profile.env)


def _ulimits(profile: Profile) -> Mapping[str, int]:
    return {"nofile": profile.open_files, "fsize": profile.file_size_bytes, "core": 0}
