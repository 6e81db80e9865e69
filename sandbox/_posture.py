"""The posture of a running container, as the host's kernel shows it: facts by name, nothing judged.

Every fact is JSON data that is the same for every container of one profile on one machine, so that it can be
compared whole: no process ids, inode numbers or addresses. Where the kernel tells of something that is not known
here (a kind of namespace, a limit, a mount), it stands in the facts under its own name and differs from every
allow-list.
"""

import errno
import os
import stat
from collections.abc import Iterator
from typing import Any

from ._cgroup import Cgroup
from ._ids import UNMAPPED, Ids
from ._look import HOST, NOT_THERE, Look
from ._mounts import Mount, parse_mounts
from ._network_facts import network_facts

Facts = dict[str, Any]
IDENTITY = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "TracerPid")
_SOCKET_FOLDERS = ("", "containerd", "docker", "podman", "crio", "buildkit", "user")
_HIDDEN = ("acpi", "asound", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list", "timer_stats")
_FIXED = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_TOO_MANY = "…"
_MOST_FOLDERS = 256
_PLAIN_DESCRIPTORS = ("pipe:", "socket:", "anon_inode:[signalfd]", "anon_inode:[eventpoll]")


def of_container(init_pid: int, cgroup: Cgroup, network: int | None, look: Look) -> Facts:
    """What belongs to the container as a whole. Raises `OSError` where its first process is gone."""
    mounted = parse_mounts(look.text(init_pid, "mountinfo"))
    memory, strangers = _memory(mounted), _groups_of_strangers(init_pid, mounted, look)
    return {
        "namespaces": namespaces(init_pid, None, look),
        "user_map": _id_map(init_pid, "uid_map", look),
        "group_map": _id_map(init_pid, "gid_map", look),
        "writable": sorted(_writable(mounted).keys() - strangers),
        "places": {where: system["size"] for where, system in memory.items() if "size" in system},
        "inodes": {where: system["nr_inodes"] for where, system in memory.items() if "nr_inodes" in system},
        "mounts": mounted,
        "strangers": strangers,
        "mounted_devices": _mounted_devices(init_pid, mounted, look),
        "engine_sockets": engine_sockets(init_pid, mounted, look),
        "devices": devices(init_pid, look),
        "device_rules": _device_rules(cgroup),
        "network": network_facts(init_pid, network, look),
        "limits": cgroup.limits(),
        "unmasked": _unmasked(init_pid, mounted, look),
    }


def of_process(pid: int, look: Look = HOST) -> Facts:
    """Identity, limits and confinement of one process. Raises `OSError` where it is gone."""
    limits = {"oom_score": int(look.text(pid, "oom_score_adj")), "rlimits": rlimits(pid, look)}
    return {**identity(pid, look), "label": label(pid, look), **limits}


def identity(pid: int, look: Look = HOST) -> Facts:
    """Who a process is, by the ids of its own user namespace, and what it may do."""
    lines = look.text(pid, "status").splitlines()
    status = {name: " ".join(value.split()) for name, _, value in (line.partition(":") for line in lines)}
    ids = Ids.told(look.text(pid, "uid_map"), look.text(pid, "gid_map"))
    return {
        "uid": ids.users.text(status["Uid"].split()),
        "gid": ids.groups.text(status["Gid"].split()),
        "groups": ids.groups.text(status["Groups"].split()),
        **{name: status.get(name, "absent") for name in IDENTITY},
    }


def _id_map(pid: int, kind: str, look: Look) -> str:
    """Ids of a process's namespace: inner, outer, count; several ranges with commas between."""
    return ", ".join(" ".join(line.split()) for line in look.text(pid, kind).splitlines())


def namespaces(pid: int, other: int | None, look: Look) -> dict[str, str]:
    """Each kind of namespace that this kernel has: ``own``, or ``shared`` with the other process; None for us."""
    hosts = look.hosts()
    below = [f"ns/{kind}" for kind in hosts]
    found = look.links(pid, below)
    compared = list(hosts.values()) if other is None else look.links(other, below)
    return {kind: _told(*pair) for kind, *pair in zip(hosts, found, compared, strict=True)}


def _told(one: str | None, other: str | None) -> str:
    if one is None or other is None:
        return "unknown"
    return "shared" if one == other else "own"


def label(pid: int, look: Look = HOST) -> str:
    """AppArmor profile or SELinux context that the kernel enforces on a process; "" for none."""
    try:
        text = look.text(pid, "attr/current")
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):  # no such module is active
            return ""
        raise
    text = text.strip("\0\n ")
    return "" if text == "unconfined" else text


def descriptors(pid: int, look: Look) -> list[str]:
    """What a process holds open beside pipes, sockets of its own and the empty device: an inherited way out."""
    targets = look.links(pid, [f"fd/{number}" for number in look.nodes(pid, "fd")])
    there = [target for target in targets if target is not None]  # the others were closed meanwhile
    return sorted(one for one in there if not one.startswith(_PLAIN_DESCRIPTORS) and one != "/dev/null")


def rlimits(pid: int, look: Look = HOST) -> dict[str, str]:
    """Every limit of a process that this kernel knows: soft and hard."""
    lines = look.text(pid, "limits").splitlines()[1:]
    return {line[:25].strip(): " ".join(line[26:].split()[:2]) for line in lines}


def _writable(mounted: list[Mount]) -> dict[str, str]:
    """Places where a process with the rights to could change something, with the kind of file system."""
    shown = {mount.where: mount for mount in mounted}
    return {where: mount.kind for where, mount in shown.items() if mount.is_writable}


def _groups_of_strangers(pid: int, mounted: list[Mount], look: Look) -> set[str]:
    """Control groups of an owner whom the container's user namespace does not know: nobody can write there."""
    groups = [where for where, kind in _writable(mounted).items() if kind in ("cgroup", "cgroup2")]
    below = [f"root{where}" for where in groups]
    found = zip(groups, look.owners(pid, below), look.status(pid, below), strict=True) if groups else ()
    return {where for where, uid, node in found if uid == UNMAPPED and node and not node.mode & stat.S_IWOTH}


def _memory(mounted: list[Mount]) -> dict[str, dict[str, str]]:
    """Options of every memory file system that can be written."""
    shown = {mount.where: mount for mount in mounted}
    memory = {where: one for where, one in shown.items() if one.kind == "tmpfs" and one.is_writable}
    return {where: dict(one.system) for where, one in sorted(memory.items())}


def _mounted_devices(pid: int, mounted: list[Mount], look: Look) -> dict[str, str]:
    """Mounts of single device nodes: an engine in a user namespace cannot make any, and shows the host's."""
    places = [mount.where for mount in mounted if mount.shows_device]
    found = look.status(pid, [f"root{where}" for where in places])
    return {where: node.device_node for where, node in zip(places, found, strict=True) if node and node.device_node}


def _unmasked(pid: int, mounted: list[Mount], look: Look) -> list[str]:
    """What the kernel tells or lets be set about the whole machine, and nothing stands before it."""
    shown = {mount.where: mount for mount in mounted}
    hidden = [f"/proc/{name}" for name in _HIDDEN] + ["/sys/firmware"]
    bare = [path for path in hidden if path not in shown or not shown[path].is_mask]
    bare += [path for path in (f"/proc/{name}" for name in _FIXED) if path not in shown or not shown[path].read_only]
    there = look.status(pid, [f"root{path}" for path in bare])
    return [path for path, node in zip(bare, there, strict=True) if node is not None]


def engine_sockets(pid: int, mounted: list[Mount], look: Look) -> list[str]:
    """Sockets in a mount of their own or where engines keep theirs: each could command the host."""
    kernels = ("proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue")
    places = [mount.where for mount in mounted if mount.kind not in kernels]
    nodes = look.status(pid, [f"root{where}" for where in places])
    found = {where for where, node in zip(places, nodes, strict=True) if node is not None and node.is_socket}
    return sorted(found | {f"/run/{path}" for path in _sockets_below_run(pid, look)})


def _sockets_below_run(pid: int, look: Look) -> Iterator[str]:
    for name in _SOCKET_FOLDERS:
        try:
            entries = look.nodes(pid, f"root/run/{name}".rstrip("/"))
        except OSError as error:
            if error.errno == errno.E2BIG:
                yield f"{name}/{_TOO_MANY}".lstrip("/")
            elif error.errno not in NOT_THERE:
                raise
            continue
        yield from (f"{name}/{entry}".lstrip("/") for entry, node in entries.items() if node.is_socket)


def devices(pid: int, look: Look) -> dict[str, str]:
    """Device nodes below /dev, kind and numbers by path; elsewhere none can be, all else is mounted without them."""
    found: dict[str, str] = {}
    (top,) = look.status(pid, ["root/dev"])
    waiting = [""] if top is not None else []
    try:
        while waiting and top is not None:
            folder = waiting.pop()
            for name, node in look.nodes(pid, f"root/dev/{folder}".rstrip("/")).items():
                path = f"{folder}{name}"
                if node.device_node is not None:
                    found[path] = node.device_node
                elif node.is_folder and node.device == top.device:
                    waiting.append(f"{path}/")
            if len(waiting) > _MOST_FOLDERS:
                raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise
        found[_TOO_MANY] = "too many entries to look at"
    return dict(sorted(found.items()))


def _device_rules(cgroup: Cgroup) -> list[str] | None:
    """Devices that the control group lets be used (v1); None where the kernel keeps them in a program (v2)."""
    return cgroup.device_rules()
