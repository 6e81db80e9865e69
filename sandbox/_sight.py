"""What the host can see and do of a running container: asked of a throwaway one, since options prove nothing."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._cgroup import Cgroup
from ._check import Check
from ._engine import Engine
from ._errors import ContainerGone
from ._filters import read_filters
from ._lease import LEASE_LABEL, RUN_LABEL, own_lease
from ._profile import PROFILES

_PIDFD_GETFD = 438
"""The system call's number, the same on every architecture."""
_LIMITS = {"pids": 7, "memory": 64 << 20, "cpu_milli": 500}


def look_at_throwaway(engine: Engine, image: str) -> list[Check]:
    """Start a small container from `image`, look at it from the host, remove it. Raises `EngineError` kinds."""
    with engine.phase("starting a throwaway container", image):
        host = engine.api.create_host_config(
            network_mode="none",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            read_only=True,
            pids_limit=_LIMITS["pids"],
            mem_limit=_LIMITS["memory"],
            memswap_limit=_LIMITS["memory"],
            cpu_quota=_LIMITS["cpu_milli"] * 100,
            cpu_period=100_000,
        )
        labels = {RUN_LABEL: "doctor", LEASE_LABEL: own_lease()}
        made: dict[str, Any] = engine.api.create_container(image, ["sleep", "60"], host_config=host, labels=labels)
    try:
        with engine.phase("starting a throwaway container", made["Id"][:12]):
            engine.api.start(made["Id"])
            pid: int = engine.api.inspect_container(made["Id"])["State"]["Pid"]
        return _look(engine, made["Id"], pid)
    finally:
        engine.remove_container(made["Id"][:12], made["Id"])


def _look(engine: Engine, container: str, pid: int) -> list[Check]:
    try:
        return list(_looks(engine, container, pid))
    except OSError as error:
        raise ContainerGone("looking at a throwaway container", container[:12], str(error)) from error


def _looks(engine: Engine, container: str, pid: int) -> Iterator[Check]:
    if not engine.told.local:
        fact = "the engine stands elsewhere: all evidence comes through a sidecar there, refused as the profiles are"
        yield Check(name="host view", state="warn", fact=fact, help="offswitch run --without filters")
        return
    if not engine.sees(pid, container):
        fact = "this host cannot see the container's processes: nothing better than the engine's word (G1)"
        yield Check(name="host view", state="fail", fact=fact, help="run where the engine runs")
        return
    yield Check(name="host view", state="ok", fact="the host's /proc shows the container's processes")
    yield _identity(pid)
    group = Cgroup(pid)
    yield _limits(group)
    yield _kill(group)
    yield _profiles(pid, group)
    yield _descriptor(pid)


def _identity(pid: int) -> Check:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    wanted = {"Seccomp": "2", "NoNewPrivs": "1", "CapBnd": "0" * 16}
    wrong = [f"{name} is {status.get(name)}" for name, value in wanted.items() if status.get(name) != value]
    if wrong:
        fact = f"asked for and not enforced: {', '.join(wrong)}"
        return Check(name="confinement", state="fail", fact=fact, help="use an engine that enforces its options")
    return Check(name="confinement", state="ok", fact="seccomp filter, no new privileges and no capabilities are real")


def _limits(group: Cgroup) -> Check:
    applied = group.limits()
    wrong = [
        f"{name} is {applied.get(name)}, asked {asked}" for name, asked in _LIMITS.items() if applied[name] != asked
    ]
    if wrong:
        fact = f"asked for and not applied: {'; '.join(wrong)}"
        return Check(name="limits", state="fail", fact=fact, help="run the engine as root, or on cgroup v2")
    return Check(name="limits", state="ok", fact="processes, memory and processor are really limited")


def _profiles(pid: int, group: Cgroup) -> Check:
    """Under which name the profiles run here: guarantees that this engine does not keep are given up by name."""
    applied = group.limits()
    absent = [name for name, asked in _LIMITS.items() if applied[name] != asked]
    lost = ["limits"] if absent else ["swap"] if applied["memory_swap"] != _LIMITS["memory"] else []
    lost += [] if _filters_can_be_read(pid) else ["filters"]
    if not lost:
        fact = "limits, swap and filters are kept here; offswitch conformance tries every guarantee"
        return Check(name="profiles", state="ok", fact=fact)
    names = " and ".join(profile.lowered(*lost).name for profile in PROFILES.values())
    flags = " ".join(f"--without {name}" for name in sorted(lost))
    fact = f"refused as they are; would run as {names}, with a lower isolation label"
    return Check(name="profiles", state="warn", fact=fact, help=f"offswitch run {flags}")


def _filters_can_be_read(pid: int) -> bool:
    try:
        return read_filters(pid, 1) is not None
    except PermissionError:
        return False


def _kill(group: Cgroup) -> Check:
    if group.can_kill:
        return Check(name="kill", state="ok", fact="the kernel kills a whole container by one write (cgroup.kill)")
    fact = "no cgroup.kill here: containers are killed through their first process"
    return Check(name="kill", state="warn", fact=fact, help="use Linux 5.14 or newer with cgroup v2 mounted")


def _descriptor(pid: int) -> Check:
    """Taking a descriptor out of the container's process is how the record of its acts begins."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.pidfd_open(pid)
    try:
        taken: int = libc.syscall(_PIDFD_GETFD, handle, 1, 0)
        problem = os.strerror(ctypes.get_errno())
    finally:
        os.close(handle)
    if taken < 0:
        fact = f"no descriptor of the container's processes can be taken ({problem}): its acts would go unrecorded"
        return Check(name="mediation", state="fail", fact=fact, help="run as root, or with CAP_SYS_PTRACE")
    os.close(taken)
    fact = "descriptors of the container's processes can be taken (pidfd_getfd)"
    return Check(name="mediation", state="ok", fact=fact)
