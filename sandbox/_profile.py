"""The two declared container profiles, and the container configuration that each asks of the engine.

Every writable place is a size-limited tmpfs of its own: what the agent can change is bounded, is visible to the
evidence through one kind of mount, and stays readable from the host after the container is dead.
"""

import json
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any

from ._guarantees import check_names

MIB = 1 << 20
AGENT_UID = 1000
OPS_UID = 65000
"""The supervisor's own identity, which is also the owner of what the agent must not be able to write."""
SUPERVISOR_PATH = "/agentd"
OOM_SCORE = 500
"""Place of PID 1 in the kernel's list of victims when memory runs out; its children stand higher."""
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - inside the container
SUPERVISOR_CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "KILL",
    "SETGID",
    "SETPCAP",
    "SETUID",
)
"""What PID 1 needs to serve the agent's identity; AUDIT_WRITE only shields it: no child ever has it."""
SIDECAR_CAPABILITIES = ("SYS_PTRACE", "DAC_READ_SEARCH", "KILL", "SETUID", "SETGID")
"""What the evidence sidecar starts with; the last two are gone as soon as it has its own identity."""

CAPABILITY_BITS = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "FOWNER": 3,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
    "SETPCAP": 8,
    "AUDIT_WRITE": 29,
}


def capability_mask(names: tuple[str, ...]) -> int:
    """The kernel's bit mask of capabilities named without ``CAP_``."""
    return sum(1 << CAPABILITY_BITS[name] for name in names)


@dataclass(frozen=True)
class Place:
    """A writable place: a tmpfs with a size limit."""

    path: str
    size_bytes: int
    mode: int = 0o755
    uid: int = 0
    seeded: bool = False
    """Filled at the start from the image's /seed."""

    @property
    def inodes(self) -> int:
        """How many files it holds at most."""
        return max(2048, self.size_bytes // 4096)

    def options(self) -> str:
        """Mount options for the engine."""
        return (
            f"rw,exec,nosuid,nodev,size={self.size_bytes},nr_inodes={self.inodes},"
            f"mode={self.mode:o},uid={self.uid},gid={self.uid}"
        )


@dataclass(frozen=True)
class Profile:
    """How tightly a container is confined and what its agent may write."""

    name: str
    agent_uid: int
    agent_capabilities: tuple[str, ...]
    """Enumerated; () is none at all."""
    places: tuple[Place, ...]
    home: str
    memory_bytes: int = 512 * MIB
    pids: int = 192
    cpus: float = 1.0
    open_files: int = 1024
    file_size_bytes: int = 256 * MIB
    shm_bytes: int = 16 * MIB
    extra_env: dict[str, str] = field(default_factory=dict[str, str])
    apparmor: str = ""
    """AppArmor profile that every process must run under; "" asks for none."""
    without: tuple[str, ...] = ()
    """Guarantees that were given up by name (`GUARANTEES`)."""
    carried: bool = False
    """Our program stands in the image: the engine sees no file of this machine that it could mount."""

    def lowered(self, *names: str) -> "Profile":
        """The profile without these guarantees, under a name that says so. An unknown one is a `ValueError`.

        >>> SEALED.lowered("limits").name
        'sealed-without-limits'
        """
        given_up = check_names((*self.without, *names))
        if not given_up:
            return self
        base = self.name.partition("-without-")[0]
        return replace(self, name="-without-".join([base, *given_up]), without=given_up)

    def sized(self, sizes: dict[str, int]) -> "Profile":
        """The profile with other size limits (bytes by path). An unknown path is a `ValueError`."""
        unknown = sizes.keys() - {place.path for place in self.places}
        if unknown:
            raise ValueError(f"profile {self.name} has no writable place {', '.join(sorted(unknown))}")
        places = tuple(replace(p, size_bytes=sizes.get(p.path, p.size_bytes)) for p in self.places)
        return replace(self, places=places)

    @property
    def apart(self) -> bool:
        """Whether the container may have a kernel of its own, which shows the host nothing of it."""
        return "kernel" in self.without

    @property
    def processes(self) -> int:
        """Tasks that this machine's kernel lets it have; a kernel of its own is itself a hundred and more."""
        return 4 * self.pids + 256 if self.apart else self.pids

    @property
    def mediated(self) -> bool:
        """Whether acts wait until they are recorded."""
        return "mediation" not in self.without

    @property
    def agent_mask(self) -> int:
        """Capability mask of the agent's processes."""
        return capability_mask(self.agent_capabilities)

    @property
    def env(self) -> list[str]:
        """Environment of every process that PID 1 starts."""
        base = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": self.home,
            "USER": "root" if self.agent_uid == 0 else "agent",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return [f"{name}={value}" for name, value in {**base, **self.extra_env}.items()]


SEALED = Profile(
    name="sealed",
    agent_uid=AGENT_UID,
    agent_capabilities=(),
    home="/home/agent",
    places=(
        Place("/work", 64 * MIB, uid=AGENT_UID),
        Place("/home/agent", 16 * MIB, uid=AGENT_UID),
        Place("/tmp", 32 * MIB, mode=0o1777),  # noqa: S108 - inside the container
        Place("/run", 4 * MIB),
    ),
)

ROOTFUL = Profile(
    name="rootful",
    agent_uid=0,
    agent_capabilities=(),
    home="/root",
    places=(
        Place("/work", 32 * MIB),
        Place("/etc", 8 * MIB, seeded=True),
        Place("/usr/local", 16 * MIB, seeded=True),
        Place("/var", 32 * MIB, seeded=True),
        Place("/srv", 32 * MIB),
        Place("/root", 16 * MIB, mode=0o700, seeded=True),
        Place("/tmp", 32 * MIB, mode=0o1777),  # noqa: S108 - inside the container
        Place("/run", 4 * MIB),
    ),
)

PROFILES = {profile.name: profile for profile in (SEALED, ROOTFUL)}


def seccomp_profile() -> dict[str, Any]:
    """Our strict allow-list of system calls, as the engine takes it."""
    profile: dict[str, Any] = json.loads(files("offswitch.sandbox").joinpath("seccomp.json").read_text())
    return profile


def container_config(
    profile: Profile, image: str, supervisor: str, labels: dict[str, str], *, network_of: str | None = None
) -> dict[str, Any]:
    """The body of the engine's create call.

    ``image`` is a digest, ``supervisor`` the host path of the static binary, ``network_of`` the id of a container
    whose network namespace is joined; None for an empty one of its own. Nothing in it comes from the agent.
    """
    config = _config("launch" if profile.mediated else "serve", image, labels)
    config["HostConfig"] = _host_config(profile, supervisor)
    if profile.apart:
        _put_apart(config["HostConfig"], profile, labels)
    if network_of is None:
        return config
    del config["Hostname"]  # the engine takes it from whom we join, and refuses another
    config["HostConfig"]["NetworkMode"] = f"container:{network_of}"
    return config


def holder_config(image: str, supervisor: str, labels: dict[str, str]) -> dict[str, Any]:
    """The body of the create call of a container that only keeps an empty network namespace."""
    config = _config("hold", image, labels) | {"User": f"{OPS_UID}:{OPS_UID}"}
    confined = _host_config(SEALED, supervisor)
    config["HostConfig"] = confined | {"CapAdd": [], "Tmpfs": {}, "PidsLimit": _HOLDER_PIDS, "OomScoreAdj": 0}
    return config


def shelf_config(image: str, supervisor: str, labels: dict[str, str], volumes: dict[str, str]) -> dict[str, Any]:
    """The body of the create call of a container that only keeps volumes, given as place in it → name."""
    config = holder_config(image, supervisor, labels)
    host = config["HostConfig"]
    host["Mounts"] += [
        {"Type": "volume", "Source": name, "Target": where, "ReadOnly": True, "VolumeOptions": {"NoCopy": True}}
        for where, name in sorted(volumes.items())
    ]
    host["Runtime"] = ""  # the engine's own, whatever the agent's container has
    return config


def spaces_config(image: str, supervisor: str, labels: dict[str, str]) -> dict[str, Any]:
    """The body of the create call of a container that only says in which namespaces the engine's machine lives."""
    config = holder_config(image, supervisor, labels)
    del config["Hostname"]  # the machine's own
    line = 'for one in /proc/self/ns/*; do echo "${one##*/}=$(readlink "$one")"; done'
    shared = dict.fromkeys(("NetworkMode", "IpcMode", "PidMode", "UTSMode", "CgroupnsMode"), "host")
    return config | {"Cmd": ["/bin/sh", "-c", line], "HostConfig": {**config["HostConfig"], **shared}}


def _put_apart(host: dict[str, Any], profile: Profile, labels: dict[str, str]) -> None:
    """Make every writable place a volume of the engine, in memory and as bounded, so that it can be read from outside.

    The engine names them and removes them with the container.
    """
    shared = Place(SHARED_MEMORY, profile.shm_bytes, mode=0o1777)
    for place in (*profile.places, shared):
        driver = {"type": "tmpfs", "device": "tmpfs", "o": place.options()}
        options = {"NoCopy": True, "Labels": labels, "DriverConfig": {"Name": "local", "Options": driver}}
        host["Mounts"].append({"Type": "volume", "Target": place.path, "VolumeOptions": options})
    host["PidsLimit"] = profile.processes
    host["Tmpfs"] = {"/dev/mqueue": "ro,size=4k"}  # nobody could see the names of what stands there


def sidecar_config(image: str, supervisor: str, labels: dict[str, str], agent: str) -> dict[str, Any]:
    """The body of the create call of the evidence sidecar of the container with the id ``agent``."""
    config = _config("aside", image, labels)
    confined = _host_config(SEALED, supervisor)
    config["HostConfig"] = confined | {
        "PidMode": f"container:{agent}",
        "CapAdd": list(SIDECAR_CAPABILITIES),
        "SecurityOpt": ["no-new-privileges:true", "seccomp=" + json.dumps(_sidecar_seccomp())],
        "Tmpfs": {},
        "PidsLimit": _HOLDER_PIDS,
        "OomScoreAdj": 0,
    }
    return config


def _sidecar_seccomp() -> dict[str, Any]:
    """Our allow-list with the two calls by which descriptors and memory of other processes are read."""
    profile = seccomp_profile()
    needed = {"names": ["pidfd_getfd", "process_vm_readv"], "action": "SCMP_ACT_ALLOW"}
    return {**profile, "syscalls": [*profile["syscalls"], needed]}


_HOLDER_PIDS = 16
"""The holder is one process; the engine's runtime, which becomes it, has some threads."""


def _config(command: str, image: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "Image": image,
        "User": "0:0",
        "Cmd": [SUPERVISOR_PATH, command],
        "Entrypoint": [],
        "Env": [],
        "WorkingDir": "/",
        "Hostname": "worker",
        "StopSignal": "SIGKILL",  # PID 1 heeds no other: an engine that ends would wait for it in vain
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Labels": labels,
        "NetworkDisabled": False,
    }


_READ_ONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/sys/fs/cgroup")
"""The engine's own list, and the memory that holds the mount points of v1 control groups, which root can write."""


def _security_options(profile: Profile) -> list[str]:
    asked = ["no-new-privileges:true", "seccomp=" + json.dumps(seccomp_profile())]
    return [*asked, f"apparmor={profile.apparmor}"] if profile.apparmor else asked


def _host_config(profile: Profile, supervisor: str) -> dict[str, Any]:
    return {
        "NetworkMode": "none",
        "CapDrop": ["ALL"],
        "CapAdd": list(SUPERVISOR_CAPABILITIES),
        "SecurityOpt": _security_options(profile),
        "ReadonlyRootfs": True,
        "ReadonlyPaths": list(_READ_ONLY_PATHS),
        "Tmpfs": {place.path: place.options() for place in profile.places},
        "Mounts": [{"Type": "bind", "Source": supervisor, "Target": SUPERVISOR_PATH, "ReadOnly": True}],
        "ShmSize": profile.shm_bytes,
        "PidsLimit": profile.pids,
        "Memory": profile.memory_bytes,
        "MemorySwap": profile.memory_bytes,
        "NanoCpus": int(profile.cpus * 1e9),
        "Ulimits": [
            {"Name": "nofile", "Soft": profile.open_files, "Hard": profile.open_files},
            {"Name": "fsize", "Soft": profile.file_size_bytes, "Hard": profile.file_size_bytes},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "OomScoreAdj": OOM_SCORE,
        "CgroupnsMode": "private",
        "IpcMode": "private",
        "LogConfig": {"Type": "none", "Config": {}},
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
    }
