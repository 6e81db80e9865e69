"""The posture of a running container, read from the host and compared with an allow-list.

What was asked of the engine proves nothing: options are accepted and not enforced (docs/design/security.md). Read
are PID 1 and one process of the agent, separately; any difference refuses the container.
"""

import os
import stat
from pathlib import Path
from typing import Any

from ._cgroup import Cgroup
from ._errors import PostureError
from ._mounts import Mount, mounts
from ._profile import (
    OOM_SCORE,
    OPS_UID,
    SHARED_MEMORY,
    SUPERVISOR_CAPABILITIES,
    SUPERVISOR_PATH,
    Profile,
    capability_mask,
)

_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
_KERNEL_PLACES = {"/proc", "/dev/pts", "/dev/mqueue", "/sys", "/sys/fs/cgroup"}
_ALWAYS_WRITABLE = {"/dev", SHARED_MEMORY, "/dev/mqueue", "/dev/pts", "/proc"}
_READ_ONLY_FILES = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", SUPERVISOR_PATH}


def attest(
    profile: Profile, init_pid: int, agent_pid: int, cgroup: Cgroup, *, network: int | None = None
) -> dict[str, Any]:
    """Return the attested facts. Raises `PostureError` naming every fact that is not as the profile wants it.

    ``network`` is the inode of the network namespace that was made for this container; None where the engine made it.
    """
    mounted = mounts(init_pid)
    found = {
        "init": _identity(init_pid),
        "agent": _identity(agent_pid),
        "namespaces_shared": _shared_namespaces(init_pid),
        "writable": sorted(where for where, mount in mounted.items() if mount.is_writable),
        "unexpected_mounts": _unexpected_mounts(profile, mounted),
        "loose_mounts": _loose_mounts(profile, mounted),
        "devices": _devices(init_pid),
        "network": _network(init_pid, network),
        "limits": cgroup.limits(),
        "rlimits": _rlimits(agent_pid),
        "oom_score": {"init": _oom_score(init_pid), "agent": _oom_score(agent_pid)},
    }
    wanted = _wanted(profile)
    wrong = [f"{name} is {found[name]!r}, wanted {value!r}" for name, value in wanted.items() if found[name] != value]
    if wrong:
        raise PostureError("attesting the container", profile.name, "; ".join(wrong))
    return found


def _wanted(profile: Profile) -> dict[str, Any]:
    own = capability_mask(SUPERVISOR_CAPABILITIES)
    swap = profile.memory_bytes
    return {
        "init": _expected_identity(OPS_UID, own, own),
        "agent": _expected_identity(profile.agent_uid, profile.agent_mask, profile.agent_mask),
        "namespaces_shared": [],
        "writable": sorted({place.path for place in profile.places} | _ALWAYS_WRITABLE),
        "unexpected_mounts": [],
        "loose_mounts": [],
        "devices": ["full", "null", "random", "tty", "urandom", "zero"],
        "network": {"devices": ["lo"], "routes": 0, "own": True},
        "limits": {
            "pids": profile.pids,
            "memory": profile.memory_bytes,
            "memory_swap": swap,
            "cpu_milli": int(profile.cpus * 1000),
        },
        "rlimits": {
            "Max open files": str(profile.open_files),
            "Max file size": str(profile.file_size_bytes),
            "Max core file size": "0",
        },
        "oom_score": {"init": OOM_SCORE, "agent": 900},
    }


def _expected_identity(uid: int, effective: int, bounding: int) -> dict[str, Any]:
    return {
        "uid": f"{uid} {uid} {uid} {uid}",
        "gid": f"{uid} {uid} {uid} {uid}",
        "groups": "",
        "CapInh": f"{0:016x}",
        "CapPrm": f"{effective:016x}",
        "CapEff": f"{effective:016x}",
        "CapBnd": f"{bounding:016x}",
        "CapAmb": f"{0:016x}",
        "NoNewPrivs": "1",
        "Seccomp": "2",
        "Seccomp_filters": "2",
    }


def _identity(pid: int) -> dict[str, Any]:
    lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    status = {name: " ".join(value.split()) for name, _, value in (line.partition(":") for line in lines)}
    kept = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters")
    return {
        "uid": status["Uid"],
        "gid": status["Gid"],
        "groups": status["Groups"],
        **{name: status.get(name, "absent") for name in kept},
    }


def _shared_namespaces(pid: int) -> list[str]:
    return [
        name for name in _NAMESPACES if os.readlink(f"/proc/{pid}/ns/{name}") == os.readlink(f"/proc/self/ns/{name}")
    ]


def _unexpected_mounts(profile: Profile, found: dict[str, Mount]) -> list[str]:
    """Neither declared, nor the engine's own in the place where it always is."""
    known = {place.path for place in profile.places} | _KERNEL_PLACES | _READ_ONLY_FILES | {"/", "/dev", SHARED_MEMORY}
    return sorted(where for where, mount in found.items() if where not in known and not _is_the_kernels(mount))


def _is_the_kernels(mount: Mount) -> bool:
    return mount.where.startswith(("/proc/", "/sys/")) and (mount.is_kernel or mount.is_mask)


def _loose_mounts(profile: Profile, found: dict[str, Mount]) -> list[str]:
    """Writable places that are absent, without nosuid and nodev, or not memory."""
    return sorted(place.path for place in profile.places if not _is_tight(found.get(place.path)))


def _is_tight(mount: Mount | None) -> bool:
    return mount is not None and mount.kind == "tmpfs" and {"nosuid", "nodev"} <= mount.options


def _network(pid: int, wanted: int | None) -> dict[str, Any]:
    own = wanted is None or os.stat(f"/proc/{pid}/ns/net").st_ino == wanted
    devices = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    routes = Path(f"/proc/{pid}/net/route").read_text().splitlines()[1:]
    return {"devices": sorted(line.split(":")[0].strip() for line in devices), "routes": len(routes), "own": own}


def _rlimits(pid: int) -> dict[str, str]:
    names = ("Max open files", "Max file size", "Max core file size")
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return {name: line[26:].split()[1] for line in lines for name in names if line.startswith(name)}


def _devices(pid: int) -> list[str]:
    """Device nodes in /dev; elsewhere there are none, since all other places are mounted without them."""
    found: list[str] = []
    root = f"/proc/{pid}/root/dev"
    for name in os.listdir(root):
        kind = os.lstat(f"{root}/{name}").st_mode
        if stat.S_ISCHR(kind) or stat.S_ISBLK(kind):
            found.append(name)
    return sorted(found)


def _oom_score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())
