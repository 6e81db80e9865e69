"""Who runs in the container, by its control group and the host's /proc."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from ..records import ProcessSeen, path_text
from ._cgroup import Cgroup
from ._ids import SAME, Ids
from ._kernel_files import read_file
from ._leaving import Leavers

_TEXT_MOST = 4096
_ENVIRONMENT_MOST = 65536
_PRELOAD = re.compile(rb"(?:^|\0)LD_PRELOAD=([^\0]*)")
_FIELDS = ("Name", "State", "Uid", "NSpid", "NSpgid", "NSsid", "SigIgn", "SigBlk", "SigCgt")


class Stat(NamedTuple):
    """State, relatives and start of a process."""

    state: str
    ppid: int
    pgid: int
    sid: int
    start_ticks: int


class ProcessWatch:
    """Lists the members of a control group except PID 1 itself."""

    def __init__(self, cgroup: Cgroup, init_host_pid: int, ids: Ids = SAME) -> None:
        self._cgroup = cgroup
        self._ids = ids
        self._init = init_host_pid
        self._preloads: dict[tuple[int, int], str | None] = {}
        self._leavers = Leavers()
        self.sessions: dict[int, str] = {}
        """Kernel session id in the container → name of the shell session that the supervisor started with it."""
        self.services: dict[int, str] = {}
        """Pid in the container → name of the declared service that the harness started."""

    def scan(self, pids: Iterable[int] | None = None) -> tuple[ProcessSeen, ...]:
        """All members now, by start time. One that ends while we look is left out: it is no member any more.

        ``pids``: the host's numbers of the members, where the caller has just asked for them.
        """
        return self.name(self.look(pids))

    def look(self, pids: Iterable[int] | None = None) -> list[ProcessSeen]:
        """The members as the kernel shows them: parents by the host's number, sessions and services unnamed."""
        seen = [self._look(pid) for pid in (self._cgroup.pids() if pids is None else pids) if pid != self._init]
        return [process for process in seen if process is not None]

    def look_at_rest(self) -> list[ProcessSeen]:
        """`look`, once whoever has only to end has ended."""
        return self._leavers.wait(self.look, self.sessions)

    def name(self, found: list[ProcessSeen]) -> tuple[ProcessSeen, ...]:
        """What `look` found, with what only we know of it."""
        by_host = {process.host_pid: process for process in found}
        named = [self._with_relatives(process, by_host) for process in found]
        return tuple(sorted(named, key=lambda process: (process.start_ticks, process.pid)))

    def others(self) -> bool:
        """Whether anybody but PID 1 is there."""
        return any(pid != self._init for pid in self._cgroup.pids())

    def _look(self, pid: int) -> ProcessSeen | None:
        try:
            at = f"/proc/{pid}"
            stat = _read_stat(at)
            at = _living_thread(pid) if stat.state == "Z" else at
            status = _read_status(at)
            argv = read_file(f"{at}/cmdline", _TEXT_MOST)[:_TEXT_MOST]
        except (FileNotFoundError, ProcessLookupError):
            return None
        return ProcessSeen(
            pid=int(status["NSpid"].split()[-1]),
            host_pid=pid,
            ppid=stat.ppid,
            pgid=last_number(status, "NSpgid", stat.pgid),
            sid=last_number(status, "NSsid", stat.sid),
            uid=self._ids.users.inside(int(status["Uid"].split()[1])),
            start_ticks=stat.start_ticks,
            state=status["State"][:1],
            comm=status["Name"],
            argv=tuple(path_text(part) for part in argv.rstrip(b"\0").split(b"\0")),
            exe=_exe(at),
            sig_ignored=int(status["SigIgn"], 16),
            sig_caught=int(status["SigCgt"], 16),
            sig_blocked=int(status["SigBlk"], 16),
            preload=self._preload(at, pid, stat.start_ticks),
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

    def _preload(self, at: str, pid: int, start_ticks: int) -> str | None:
        """LD_PRELOAD of the environment that the running program was started with."""
        key = (pid, start_ticks)
        try:
            environment = read_file(f"{at}/environ", _ENVIRONMENT_MOST)[:_ENVIRONMENT_MOST]
        except OSError:
            return self._preloads.get(key)
        value = preload_of(environment)
        self._preloads[key] = value
        return value


def preload_of(environment: bytes) -> str | None:
    """LD_PRELOAD of an environment; None where it sets none."""
    found = _PRELOAD.search(environment)
    return path_text(found[1]) if found and found[1] else None


def _living_thread(pid: int) -> str:
    """The place of a thread that still runs: a process whose first thread has ended looks like a dead one."""
    process = f"/proc/{pid}"
    for number in os.listdir(f"{process}/task"):
        with suppress(OSError):
            if _read_stat(f"{process}/task/{number}").state != "Z":
                return f"{process}/task/{number}"
    return process


def _read_stat(at: str) -> Stat:
    return parse_stat(read_file(f"{at}/stat"))


def parse_stat(text: bytes) -> Stat:
    """What a process's ``stat`` says."""
    rest = text[text.rindex(b")") + 2 :].split(None, 20)
    return Stat(rest[0].decode(), int(rest[1]), int(rest[2]), int(rest[3]), int(rest[19]))


def _read_status(at: str) -> dict[str, str]:
    return parse_status(read_file(f"{at}/status"))


def parse_status(status: bytes) -> dict[str, str]:
    """The fields of `_FIELDS` that this kernel shows."""
    text = b"\n" + status
    found: dict[str, str] = {}
    for name in _FIELDS:
        start = text.find(b"\n%b:" % name.encode())
        if start >= 0:
            line = text[start + len(name) + 2 : text.index(b"\n", start + 1)]
            found[name] = line.decode(errors="backslashreplace").strip()
    return found


def last_number(status: dict[str, str], name: str, default: int) -> int:
    """The last number of a field, as the innermost namespace counts; ``default`` where there is no such field."""
    return int(status[name].split()[-1]) if name in status else default


def _exe(at: str) -> str:
    try:
        return path_text(os.fsencode(os.readlink(f"{at}/exe")))
    except OSError:
        return ""
