"""Who runs in a container whose processes this machine does not show: by the container's own /proc, which one looks at.

Numbers are the container's own. Who looks is the sidecar (a kernel's account), or PID 1 where no sidecar can be had
(the word of a program inside, G0).
"""

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ..records import ProcessSeen, path_text
from ._aside import Peeked
from ._cgroup import Cgroup
from ._errors import SandboxError
from ._leaving import Leavers
from ._processes import ProcessWatch, Stat, last_number, parse_stat, parse_status, preload_of
from ._wire import Reader

_TEXT_MOST = 4096
_ENVIRON_MOST = 65536
_GONE = (errno.ENOENT, errno.ESRCH)
_ITEMS = (("r", "stat"), ("r", "status"), ("r", "cmdline"), ("l", "exe"), ("r", "environ"))


class Peeker(Protocol):
    """Looks at places below a container's /proc."""

    def peek(self, items: Sequence[tuple[str, str]]) -> list[Peeked]:
        """Kind (``r`` read, ``l`` link, ``d`` directory, ``s`` status) and path of each. Raises `SandboxError`."""
        ...


class PeekedProcesses(ProcessWatch):
    """Everybody in the process namespace but PID 1 and whoever looks."""

    def __init__(self, peeker: Peeker, cgroup: Cgroup, ended: Callable[[], bool]) -> None:
        """``ended``: whether the container is known to be dead, so that nobody to be seen is nobody there."""
        super().__init__(cgroup, 1)
        self._peeker = peeker
        self._ended = ended
        self._leavers = Leavers(told=lambda _: None)

    def look(self, pids: Iterable[int] | None = None) -> list[ProcessSeen]:
        try:
            owners = self._present()
            wanted = list(owners if pids is None else pids)
            found = self._peeker.peek([(kind, f"/proc/{pid}/{name}") for pid in wanted for kind, name in _ITEMS])
            seen = [
                self._seen(pid, owners.get(pid, 0), found[at : at + len(_ITEMS)])
                for at, pid in zip(range(0, len(found), len(_ITEMS)), wanted, strict=True)
            ]
        except SandboxError:
            if not self._ended():
                raise
            return []
        return [process for process in seen if process is not None]

    def others(self) -> bool:
        return bool(self._present())

    def _present(self) -> dict[int, int]:
        """Number of everybody → owner of the process."""
        listing, itself = self._peeker.peek([("d", "/proc/"), ("l", "/proc/self")])
        return {pid: uid for pid, uid in listed(listing).items() if pid not in (1, int(itself.data or b"1"))}

    def _seen(self, pid: int, owner: int, found: Sequence[Peeked]) -> ProcessSeen | None:
        """None for one that ended while it was looked at."""
        told, status_text, command, program, environment = found
        if told.error in _GONE or status_text.error in _GONE or not told.data or not status_text.data:
            return None
        stat = parse_stat(told.data)
        if stat.state == "Z" and (living := self._living_thread(pid)) is not None:
            told, status_text, command, program, environment = living
            stat = parse_stat(told.data)
        status = parse_status(status_text.data)
        return ProcessSeen(
            pid=pid,
            host_pid=pid,
            ppid=stat.ppid,
            pgid=last_number(status, "NSpgid", stat.pgid),
            sid=last_number(status, "NSsid", stat.sid),
            uid=int(status["Uid"].split()[1]) if "Uid" in status else owner,
            start_ticks=stat.start_ticks,
            state=status["State"][:1],
            comm=status["Name"],
            argv=tuple(path_text(part) for part in command.data[:_TEXT_MOST].rstrip(b"\0").split(b"\0")),
            exe="" if program.error else path_text(program.data),
            sig_ignored=int(status.get("SigIgn", "0"), 16),
            sig_caught=int(status.get("SigCgt", "0"), 16),
            sig_blocked=int(status.get("SigBlk", "0"), 16),
            preload=self._preload_of(pid, stat, environment),
        )

    def _living_thread(self, pid: int) -> list[Peeked] | None:
        """What is told of a thread that still runs: a process whose first thread has ended looks like a dead one."""
        (listing,) = self._peeker.peek([("d", f"/proc/{pid}/task")])
        for thread in listed(listing):
            found = self._peeker.peek([(kind, f"/proc/{pid}/task/{thread}/{name}") for kind, name in _ITEMS])
            if not found[0].error and found[0].data and parse_stat(found[0].data).state != "Z" and found[1].data:
                return found
        return None

    def _preload_of(self, pid: int, stat: Stat, environment: Peeked) -> str | None:
        key = (pid, stat.start_ticks)
        if not environment.error:
            self._preloads[key] = preload_of(environment.data[:_ENVIRON_MOST])
        return self._preloads.get(key)


def listed(listing: Peeked) -> dict[int, int]:
    """The numbers in a folder of processes or threads, with their owners. Raises `OSError` for one that is shut."""
    if listing.error in _GONE:
        return {}
    if listing.error:
        raise OSError(listing.error, os.strerror(listing.error), "/proc")
    body, found = Reader(listing.data), dict[int, int]()
    while body.left:
        name = body.raw(body.u32())
        _, uid, _, _ = body.u32(), body.u32(), body.u64(), body.u64()
        if name.isdigit():
            found[int(name)] = uid
    return found
