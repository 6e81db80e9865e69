"""Who runs in the container, by its control group and the host's /proc."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..records import ProcessSeen, path_text
from ._cgroup import Cgroup

_TEXT_MOST = 4096


@dataclass(frozen=True)
class _Stat:
    state: str
    ppid: int
    pgid: int
    sid: int
    start_ticks: int


class ProcessWatch:
    """Lists the members of a control group except PID 1 itself."""

    def __init__(self, cgroup: Cgroup, init_host_pid: int) -> None:
        self._cgroup = cgroup
        self._init = init_host_pid
        self._preloads: dict[tuple[int, int], str | None] = {}
        self.sessions: dict[int, str] = {}
        """Kernel session id in the container → name of the shell session that the supervisor started with it."""
        self.services: dict[int, str] = {}
        """Pid in the container → name of the declared service that the harness started."""

    def scan(self) -> tuple[ProcessSeen, ...]:
        """All members now, by start time. One that ends while we look is left out: it is no member any more."""
        seen = [self._look(pid) for pid in self._cgroup.pids() if pid != self._init]
        found = [process for process in seen if process is not None]
        by_host = {process.host_pid: process for process in found}
        named = [self._with_relatives(process, by_host) for process in found]
        return tuple(sorted(named, key=lambda process: (process.start_ticks, process.pid)))

    def others(self) -> bool:
        """Whether anybody but PID 1 is there."""
        return any(pid != self._init for pid in self._cgroup.pids())

    def _look(self, pid: int) -> ProcessSeen | None:
        try:
            stat = _read_stat(Path(f"/proc/{pid}"))
            at = _living_thread(pid) if stat.state == "Z" else Path(f"/proc/{pid}")
            status = _read_status(at)
            argv = (at / "cmdline").read_bytes()[:_TEXT_MOST]
        except (FileNotFoundError, ProcessLookupError):
            return None
        return ProcessSeen(
            pid=int(status["NSpid"].split()[-1]),
            host_pid=pid,
            ppid=stat.ppid,
            pgid=_last(status, "NSpgid", stat.pgid),
            sid=_last(status, "NSsid", stat.sid),
            uid=int(status["Uid"].split()[1]),
            start_ticks=stat.start_ticks,
            state=status["State"][:1],
            comm=status["Name"],
            argv=tuple(path_text(part) for part in argv.rstrip(b"\0").split(b"\0")),
            exe=_exe(at),
            sig_ignored=int(status["SigIgn"], 16),
            sig_caught=int(status["SigCgt"], 16),
            sig_blocked=int(status["SigBlk"], 16),
            preload=self._preload(at, stat.start_ticks),
        )

    def _with_relatives(self, process: ProcessSeen, by_host: dict[int, ProcessSeen]) -> ProcessSeen:
        parent = by_host.get(process.ppid)
        inside = parent.pid if parent else 1 if process.ppid == self._init else 0
        return process.model_copy(
            update={
                "ppid": inside,
                "session": self.sessions.get(process.sid),
                "service": self._service(process, by_host),
            }
        )

    def _service(self, process: ProcessSeen, by_host: dict[int, ProcessSeen]) -> str | None:
        current: ProcessSeen | None = process
        for _ in range(64):
            if current is None:
                return None
            if current.pid in self.services:
                return self.services[current.pid]
            current = by_host.get(current.ppid)
        return None

    def _preload(self, at: Path, start_ticks: int) -> str | None:
        """LD_PRELOAD of the environment that the running program was started with."""
        key = (int(at.name), start_ticks)
        try:
            environment = (at / "environ").read_bytes()[:65536]
        except OSError:
            return self._preloads.get(key)
        found = next((item[11:] for item in environment.split(b"\0") if item.startswith(b"LD_PRELOAD=")), None)
        value = path_text(found) if found else None
        self._preloads[key] = value
        return value


def _living_thread(pid: int) -> Path:
    """The place of a thread that still runs: a process whose first thread has ended looks like a dead one."""
    process = Path(f"/proc/{pid}")
    for thread in (process / "task").iterdir():
        with suppress(OSError):
            if _read_stat(thread).state != "Z":
                return thread
    return process


def _read_stat(at: Path) -> _Stat:
    text = (at / "stat").read_text(errors="replace")
    rest = text[text.rindex(")") + 2 :].split()
    return _Stat(rest[0], int(rest[1]), int(rest[2]), int(rest[3]), int(rest[19]))


def _read_status(at: Path) -> dict[str, str]:
    text = (at / "status").read_text(errors="backslashreplace")
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.split("\n"))}


def _last(status: dict[str, str], name: str, default: int) -> int:
    return int(status[name].split()[-1]) if name in status else default


def _exe(at: Path) -> str:
    try:
        return path_text(os.fsencode((at / "exe").readlink()))
    except OSError:
        return ""
