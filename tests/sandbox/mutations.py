"""Containers asked for with one option missing or one too much, each with the fact that gives it away."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from offswitch.sandbox._profile import container_config, seccomp_profile

Config = dict[str, Any]
Mutation = tuple[str, Callable[[Config], object]]


def without(name: str) -> Callable[[Config], object]:
    """The option is not there."""
    return lambda host: host.pop(name)


def having(**options: Any) -> Callable[[Config], object]:
    """The options are there, in the place of ours."""
    return lambda host: host.update(options)


def bind(source: str, target: str, *, read_only: bool) -> Callable[[Config], object]:
    """Something of the host is mounted."""
    mount = {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}
    return lambda host: host["Mounts"].append(mount)


def filtered(change: Callable[[Config], object]) -> Callable[[Config], object]:
    """Our own system call filter with a change."""

    def mutate(host: Config) -> None:
        profile = seccomp_profile()
        change(profile)
        host["SecurityOpt"] = ["no-new-privileges:true", "seccomp=" + json.dumps(profile)]

    return mutate


def let_through(*names: str, **conditions: Any) -> Callable[[Config], object]:
    """A filter that allows more."""
    return filtered(lambda p: p["syscalls"].append({"names": list(names), "action": "SCMP_ACT_ALLOW", **conditions}))


def _places(change: Callable[[str], str]) -> Callable[[Config], object]:
    return lambda host: host.update(Tmpfs={path: change(options) for path, options in host["Tmpfs"].items()})


def _limits(**changed: int) -> Callable[[Config], object]:
    def mutate(host: Config) -> None:
        kept = [one for one in host["Ulimits"] if one["Name"] not in changed]
        host["Ulimits"] = kept + [{"Name": name, "Soft": value, "Hard": value} for name, value in changed.items()]

    return mutate


_ANY_FAMILY = [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]

MUTATIONS: Mapping[str, Mutation] = {
    "a capability more": ("CapBnd", lambda host: host["CapAdd"].append("NET_RAW")),
    "all capabilities of the engine": ("CapBnd", without("CapDrop")),
    "no system call filter": ("Seccomp_filters", having(SecurityOpt=["no-new-privileges:true", "seccomp=unconfined"])),
    "the engine's own filter": ("filter_excess", having(SecurityOpt=["no-new-privileges:true"])),
    "a filter with one call more": ("filter_excess is .*ptrace", let_through("ptrace")),
    "a filter with the ring of requests": ("filter_excess is .*io_uring_setup", let_through("io_uring_setup")),
    "a filter with one family more": ("filter_excess is .*family 40", let_through("socket", args=_ANY_FAMILY)),
    "a filter that allows all": ("filter_excess", filtered(lambda p: p.update(defaultAction="SCMP_ACT_ALLOW"))),
    "a writable root": ("writable is", having(ReadonlyRootfs=False)),
    "no limit of processes": ("limits is", without("PidsLimit")),
    "twice the processes": ("limits is", lambda host: host.update(PidsLimit=host["PidsLimit"] * 2)),
    "no limit of memory": ("limits is", lambda host: (host.pop("Memory"), host.pop("MemorySwap"))),
    "swap beside the memory": ("limits is", having(MemorySwap=-1)),
    "no limit of the processor": ("limits is", without("NanoCpus")),
    "twice the processor": ("limits is", lambda host: host.update(NanoCpus=host["NanoCpus"] * 2)),
    "no limits of a process": ("rlimits", without("Ulimits")),
    "more open files": ("rlimits", _limits(nofile=4096)),
    "memory images of crashes": ("rlimits", _limits(core=1 << 20)),
    "a host folder to write": ("unexpected_mounts", bind("/mnt", "/mnt", read_only=False)),
    "a host folder to read": ("unexpected_mounts", bind("/mnt", "/mnt", read_only=True)),
    "a host folder among the kernel's": ("unexpected_mounts", bind("/mnt", "/sys/fs/cgroup/extra", read_only=True)),
    "the host's control groups to read": (
        "unexpected_mounts",
        bind("/sys/fs/cgroup", "/sys/fs/cgroup/extra", read_only=True),
    ),
    "the engine's socket": ("engine_sockets is", bind("/var/run/docker.sock", "/run/docker.sock", read_only=True)),
    "the engine's socket under another name": ("engine_sockets is", bind("/run/docker.sock", "/srv/x", read_only=True)),
    "the engine's folder": ("unexpected_mounts", bind("/var/run", "/opt", read_only=True)),
    "a memory place too many": ("unexpected_mounts", lambda host: host["Tmpfs"].update({"/opt": "rw"})),
    "a place too few": ("loose_mounts", lambda host: host["Tmpfs"].pop("/work")),
    "places that allow devices": ("loose_mounts", _places(lambda o: o.replace("nosuid,nodev,", "suid,dev,"))),
    "places without a size": ("places is", _places(lambda o: o.partition(",size=")[0])),
    "larger shared memory": ("places is", lambda host: host.update(ShmSize=host["ShmSize"] * 2)),
    "kernel settings to write": ("unmasked is", having(ReadonlyPaths=[])),
    "kernel secrets to read": ("unmasked is", having(MaskedPaths=[])),
    "a device more": (
        "devices is",
        having(Devices=[{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/more", "CgroupPermissions": "r"}]),
    ),
    "a device more in a folder": (
        "devices is",
        having(Devices=[{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/a/b", "CgroupPermissions": "r"}]),
    ),
    "the right to a device without a node": ("device_rules", having(DeviceCgroupRules=["c 1:1 rwm"])),
    "the host's queues and memory": ("namespaces is", having(IpcMode="host")),
    "the host's name": ("namespaces is", having(UTSMode="host")),
    "the host's control groups": ("namespaces is", having(CgroupnsMode="host")),
    "a better place when memory runs out": ("oom_score", having(OomScoreAdj=0)),
}
"""Name → what the refusal names, and the change of the engine's ``HostConfig``."""


def mutating(name: str) -> Callable[..., Config]:
    """Makes create calls with one mutation, in the place of the function that makes ours."""

    def make(*of_spec: Any, **network: Any) -> Config:
        return mutated(container_config(*of_spec, **network), name)

    return make


def mutated(config: Config, name: str) -> Config:
    """A create call with one mutation."""
    if name == "the host's name":
        config.pop("Hostname", None)
    MUTATIONS[name][1](config["HostConfig"])
    return config
