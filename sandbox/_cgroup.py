"""The container's control group as the kernel shows it on the host: v2, or v1 with a v2 hierarchy beside it."""

import ctypes
import os
import select
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PIDFD_GETFD = 438


@dataclass(frozen=True)
class Counters:
    """Kernel counters; None where this kernel does not show one."""

    cpu_ns: int | None
    memory_bytes: int | None
    pids: int | None
    oom_kills: int | None
    pids_limit_hits: int | None


class Cgroup:
    """Reads, freezes and kills one control group, found through a member process."""

    def __init__(self, pid: int) -> None:
        """Find the group of host process ``pid``. Raises `OSError` where the process is not visible here."""
        mounts = _mounts()
        self._paths: dict[str, Path] = {}
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(",") if controllers else ["unified"]:
                if controller in mounts:
                    self._paths[controller] = mounts[controller] / path.lstrip("/")

    @property
    def paths(self) -> dict[str, Path]:
        """Folder of the group in each hierarchy, by controller; ``unified`` is the one of v2."""
        return dict(self._paths)

    @property
    def can_kill(self) -> bool:
        """Whether the kernel kills the whole group by one write."""
        return (self._unified / "cgroup.kill").exists()

    @property
    def _unified(self) -> Path:
        return self._paths.get("unified", Path("/nonexistent"))

    def _file(self, controller: str, name: str) -> Path:
        return self._paths.get(controller, self._unified) / name

    def pids(self) -> list[int]:
        """Host process ids of the members; empty where the group is gone."""
        for controller in ("pids", "unified"):
            with suppress(OSError):
                return [int(pid) for pid in self._file(controller, "cgroup.procs").read_text().split()]
        return []

    def population(self) -> int:
        """Number of tasks that still exist, also those that are just exiting; 0 where the group is gone."""
        count = _number(self._file("pids", "pids.current"))
        return len(self.pids()) if count is None else count

    def kill(self) -> bool:
        """SIGKILL to every member, forks in flight included; False where this kernel cannot."""
        try:
            (self._unified / "cgroup.kill").write_text("1")
        except OSError:
            return False
        return True

    def freeze(self, deadline_s: float = 0.5) -> bool:
        """Stop all members; thaws again and returns False where they do not stop in time."""
        try:
            (self._unified / "cgroup.freeze").write_text("1")
        except OSError:
            return False
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            with suppress(OSError):
                if "frozen 1" in (self._unified / "cgroup.events").read_text():
                    return True
            time.sleep(0.0005)
        self.thaw()
        return False

    def thaw(self) -> None:
        """Let the members run, also those that somebody paused by v1; a group that is gone needs none."""
        with suppress(OSError):
            (self._unified / "cgroup.freeze").write_text("0")
        state = self._paths.get("freezer", self._unified) / "freezer.state"
        with suppress(OSError):
            if state.read_text().strip() != "THAWED":
                state.write_text("THAWED")

    def limits(self) -> dict[str, int | None]:
        """Limits as the kernel applies them: pids, memory bytes, CPU in thousandths; None for no limit."""
        return {
            "pids": _number(self._file("pids", "pids.max")),
            "memory": _first(self._file("memory", "memory.limit_in_bytes"), self._file("unified", "memory.max")),
            "memory_swap": self._memory_and_swap(),
            "cpu_milli": self._cpu_milli(),
        }

    def _memory_and_swap(self) -> int | None:
        """Memory and swap together: one number in v1, two in v2; where there is no swap, memory alone."""
        together = _first(self._file("memory", "memory.memsw.limit_in_bytes"))
        memory = _first(self._file("unified", "memory.max"))
        swap = _number(self._file("unified", "memory.swap.max"))
        if together is None and memory is not None and swap is not None:
            return memory + swap
        if together is None and "\nSwapTotal:             0 kB" in Path("/proc/meminfo").read_text():
            return _first(self._file("memory", "memory.limit_in_bytes"), self._file("unified", "memory.max"))
        return together

    def _cpu_milli(self) -> int | None:
        quota = _number(self._file("cpu", "cpu.cfs_quota_us"))
        period = _number(self._file("cpu", "cpu.cfs_period_us"))
        if quota is None or period is None:
            with suppress(OSError, ValueError):
                first, second = (self._unified / "cpu.max").read_text().split()
                return int(first) * 1000 // int(second)
            return None
        return quota * 1000 // period if quota > 0 else None

    def counters(self) -> Counters:
        """All counters at once."""
        oom = _keyed(self._file("memory", "memory.oom_control"), "oom_kill")
        return Counters(
            cpu_ns=self.cpu_ns(),
            memory_bytes=_first(self._file("memory", "memory.usage_in_bytes"), self._file("unified", "memory.current")),
            pids=_number(self._file("pids", "pids.current")),
            oom_kills=_keyed(self._file("unified", "memory.events"), "oom_kill") if oom is None else oom,
            pids_limit_hits=_keyed(self._file("pids", "pids.events"), "max"),
        )

    def cpu_ns(self) -> int | None:
        """Processor time that the group has used."""
        used = _number(self._file("cpuacct", "cpuacct.usage"))
        if used is not None:
            return used
        micros = _keyed(self._file("unified", "cpu.stat"), "usage_usec")
        return None if micros is None else micros * 1000


def _mounts() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup2":
            found["unified"] = Path(where)
        elif kind == "cgroup":
            found.update((option, Path(where)) for option in options.split(","))
    return found


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.lstrip("-").isdigit() else None


def _first(*paths: Path) -> int | None:
    return next((n for n in map(_number, paths) if n is not None), None)


def _keyed(path: Path, key: str) -> int | None:
    with suppress(OSError):
        for line in path.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == key:
                return int(value)
    return None


def signal_process(pidfd: int, number: int) -> bool:
    """Signal a process by its descriptor; False where it is gone."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except OSError:
        return False
    return True


def wait_process(pidfd: int, timeout_s: float) -> bool:
    """Whether the process ended within the time."""
    ended = select.poll()
    ended.register(pidfd, select.POLLIN)
    return bool(ended.poll(timeout_s * 1000))


def pid_descriptor(pid: int) -> int:
    """A descriptor that stays with this very process, whatever becomes of its number."""
    return os.pidfd_open(pid)


def copy_descriptor(process: int, number: int) -> int:
    """A copy of a descriptor of another process, named by its pidfd (Linux 5.6): it survives that process."""
    libc = ctypes.CDLL(None, use_errno=True)
    copy: int = libc.syscall(_PIDFD_GETFD, process, number, 0)
    if copy < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    os.set_inheritable(copy, False)
    return copy
