"""Threads that run foreign code for a caller who may stop waiting; kept for the next call, since a start costs."""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue


class Job:
    """One call under way in a thread of its own."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._ended = threading.Lock()
        self._ended.acquire()

    @property
    def is_over(self) -> bool:
        """Whether the call returned."""
        return not self._ended.locked()

    def run(self) -> None:
        """Make the call, which must raise nothing."""
        try:
            self._call()
        finally:
            self._ended.release()

    def wait(self, timeout_s: float) -> bool:
        """Whether the call returned within the time."""
        if not self._ended.acquire(timeout=max(0.0, timeout_s)):
            return False
        self._ended.release()
        return True


_idle: list[SimpleQueue[Job]] = []
"""Where threads without work wait for some. In a forked child there are none."""
os.register_at_fork(after_in_child=_idle.clear)


def start(call: Callable[[], object]) -> Job:
    """Make a call in a thread that does nothing else meanwhile, and that keeps no process alive."""
    job = Job(call)
    try:
        _idle.pop().put(job)
    except IndexError:
        threading.Thread(target=_serve, args=(job,), name="offswitch-watch", daemon=True).start()
    return job


def _serve(job: Job) -> None:
    mine: SimpleQueue[Job] = SimpleQueue()
    while True:
        job.run()
        _idle.append(mine)
        job = mine.get()
