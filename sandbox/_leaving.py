"""Who has only to end: a child that a shell did not wait for is no work in the background.

A shell returns from ``cmd <(other)`` while the child for ``other`` has yet to be given a processor to end on. On a busy
machine that takes long enough to be seen, and it would be taken for a job that goes on.
"""

import time
from collections.abc import Callable, Collection

from ..records import ProcessSeen
from ._kernel_files import read_file

ENOUGH_NS = 20_000_000
"""Time on a processor after which somebody works, and does not end. Unit: nanoseconds."""
MOST_S = 2.0
"""Longest wait for a processor that never comes. Unit: seconds."""
UNTOLD_S = 0.05
"""The same where nobody says how long a process had a processor."""
_PAUSE_S = 0.002

Told = Callable[[ProcessSeen], int | None]
Key = tuple[int, int]


def cpu_ns(process: ProcessSeen) -> int | None:
    """How long a process has had a processor, by the host's /proc; None where it does not say."""
    try:
        return int(read_file(f"/proc/{process.host_pid}/schedstat").split()[0])
    except (OSError, IndexError, ValueError):
        return None


class Leavers:
    """Tells those who may be about to end from those who work: everybody is waited for once."""

    def __init__(self, told: Told = cpu_ns) -> None:
        self._told = told
        self._working: set[Key] = set()

    def wait(self, look: Callable[[], list[ProcessSeen]], sessions: Collection[int]) -> list[ProcessSeen]:
        """What the last look showed, once nobody is about to end.

        Who comes while we wait has a parent that goes on, as in a loop, and is not waited for as long.
        """
        began, at_first = time.monotonic(), None
        while True:
            found = look()
            runnable = {_key(one): one for one in found if _may_end(one, sessions)}
            had = {key: self._told(runnable[key]) for key in runnable.keys() - self._working}
            at_first = had if at_first is None else at_first
            waited = time.monotonic() - began
            self._working |= {key for key, now in had.items() if _works(at_first.get(key), now, waited)}
            if runnable.keys() <= self._working:
                return found
            time.sleep(_PAUSE_S)


def _works(start: int | None, now: int | None, waited: float) -> bool:
    """Whether somebody has had enough time to end. ``start``: the processor time that it had had at the first look."""
    if start is None:
        return waited >= UNTOLD_S
    # Without a time now it has ended since it was looked at; whatever is told, the wait has an end.
    return waited >= MOST_S or (now is not None and now - start >= ENOUGH_NS)


def _key(process: ProcessSeen) -> Key:
    return process.host_pid, process.start_ticks


def _may_end(process: ProcessSeen, sessions: Collection[int]) -> bool:
    """Whether it is a shell's child that waits for nothing but a processor or a disk."""
    return process.state in "RD" and process.sid in sessions and process.pid != process.sid
