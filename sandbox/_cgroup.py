"""The container's control group as the kernel shows it on the host: v2, or v1 with a v2 hierarchy beside it."""

import ctypes
import os
import select
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ._kernel_files import read_file

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
        """Find the group of host process ``pid``. Raises `OSError` where the process is not visible here.

        An engine without control groups leaves a container in the group of whoever started it, which is then no
        group of the container: to kill or freeze it would hit others, and to list it would be to take them for the
        agent. Such a group counts as none.
        """
        mounts = _mounts()
        self._pid = pid
        self._files: dict[tuple[str, str], str] = {}
        own, starters = _groups(pid), _groups(_parent(pid))
        self.names = tuple(dict.fromkeys(own.values()))
        """What the kernel calls it in each hierarchy."""
        self._paths: dict[str, Path] = {
            controller: mounts[controller] / path.lstrip("/")
            for controller, path in own.items()
            if controller in mounts and path not in ("/", starters.get(controller))
        }

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

    def _file(self, controller: str, name: str) -> str:
        if (controller, name) not in self._files:
            self._files[controller, name] = str(self._paths.get(controller, self._unified) / name)
        return self._files[controller, name]

    def pids(self) -> list[int]:
        """Host process ids of the members; empty where the group is gone."""
        for controller in ("pids", "unified"):
            with suppress(OSError):
                return [int(pid) for pid in read_file(self._file(controller, "cgroup.procs")).split()]
        return [] if {"pids", "unified"} & self._paths.keys() else members_of_namespace(self._pid)

    def population(self) -> int:
        """Number of tasks that still exist, also those that are just exiting; 0 where the group is gone."""
        count = self._number(self._file("pids", "pids.current"))
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
            "pids": self._number(self._file("pids", "pids.max")),
            "memory": self._first(self._file("memory", "memory.limit_in_bytes"), self._file("unified", "memory.max")),
            "memory_swap": self._memory_and_swap(),
            "cpu_milli": self._cpu_milli(),
        }

    def _memory_and_swap(self) -> int | None:
        """Memory and swap together: one number in v1, two in v2; where there is no swap, memory alone."""
        together = self._first(self._file("memory", "memory.memsw.limit_in_bytes"))
        memory = self._first(self._file("unified", "memory.max"))
        swap = self._number(self._file("unified", "memory.swap.max"))
        if together is None and memory is not None and swap is not None:
            return memory + swap
        if together is None and b"\nSwapTotal:             0 kB" in self._text("/proc/meminfo"):
            return self._first(self._file("memory", "memory.limit_in_bytes"), self._file("unified", "memory.max"))
        return together

    def _cpu_milli(self) -> int | None:
        quota = self._number(self._file("cpu", "cpu.cfs_quota_us"))
        period = self._number(self._file("cpu", "cpu.cfs_period_us"))
        if quota is None or period is None:
            with suppress(OSError, ValueError):
                first, second = self._text(str(self._unified / "cpu.max")).split()
                return int(first) * 1000 // int(second)
            return None
        return quota * 1000 // period if quota > 0 else None

    def counters(self) -> Counters:
        """All counters at once."""
        oom = self._keyed(self._file("memory", "memory.oom_control"), "oom_kill")
        return Counters(
            cpu_ns=self.cpu_ns(),
            memory_bytes=self._first(
                self._file("memory", "memory.usage_in_bytes"), self._file("unified", "memory.current")
            ),
            pids=self._number(self._file("pids", "pids.current")),
            oom_kills=self._keyed(self._file("unified", "memory.events"), "oom_kill") if oom is None else oom,
            pids_limit_hits=self._keyed(self._file("pids", "pids.events"), "max"),
        )

    def cpu_ns(self) -> int | None:
        """Processor time that the group has used."""
        used = self._number(self._file("cpuacct", "cpuacct.usage"))
        if used is not None:
            return used
        micros = self._keyed(self._file("unified", "cpu.stat"), "usage_usec")
        return None if micros is None else micros * 1000

    def device_rules(self) -> list[str] | None:
        """Devices that may be used (v1); None where the kernel keeps that in a program (v2)."""
        folder = self._paths.get("devices")
        return None if folder is None else sorted(self._text(f"{folder}/devices.list").decode().splitlines())

    def _text(self, path: str) -> bytes:
        """What a file of the kernel's says. Raises `OSError`."""
        return read_file(path)

    def _number(self, path: str) -> int | None:
        try:
            text = self._text(path).strip()
        except OSError:
            return None
        return int(text) if text.lstrip(b"-").isdigit() else None

    def _first(self, *paths: str) -> int | None:
        return next((n for n in map(self._number, paths) if n is not None), None)

    def _keyed(self, path: str, key: str) -> int | None:
        with suppress(OSError):
            for line in self._text(path).splitlines():
                name, _, value = line.partition(b" ")
                if name == key.encode():
                    return int(value)
        return None


def _groups(pid: int) -> dict[str, str]:
    """The path of a process's group in each hierarchy."""
    found: dict[str, str] = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(",") if controllers else ["unified"], path))
    return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])


def members_of_namespace(init: int) -> list[int]:
    """Host process ids in the process namespace whose first process is ``init``; empty where that has ended.

    It is the tree below ``init``, which inherits the orphans of its namespace; to see it needs no rights.
    """
    parents = dict(_all_parents())
    if init not in parents:
        return []
    found, waiting = [init], [init]
    while waiting:
        current = waiting.pop()
        children = [pid for pid, parent in parents.items() if parent == current]
        found += children
        waiting += children
    return sorted(found)


def _all_parents() -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it has ended
                found.append((int(entry.name), _parent(int(entry.name))))
    return found


def _mounts() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup2":
            found["unified"] = Path(where)
        elif kind == "cgroup":
            found.update((option, Path(where)) for option in options.split(","))
    return found


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


def prefer(pid: int) -> bool:
    """Put a process before all that it serves, however many they are; False where we may not (CAP_SYS_NICE)."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, -20)
    except OSError:
        return False
    return True


def copy_descriptor(process: int, number: int) -> int:
    """A copy of a descriptor of another process, named by its pidfd (Linux 5.6): it survives that process."""
    libc = ctypes.CDLL(None, use_errno=True)
    copy: int = libc.syscall(_PIDFD_GETFD, process, number, 0)
    if copy < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    os.set_inheritable(copy, False)
    return copy
