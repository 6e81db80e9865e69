"""Who runs the episodes, and where."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

from ._outcome import EpisodeOutcome
from ._plan import EpisodePlan
from ._stop import Stop

T = TypeVar("T")
Job = Callable[[EpisodePlan], list[EpisodeOutcome]]
"""Runs all attempts at one episode."""


class Executor(Protocol):
    """Runs jobs. Plans and outcomes are plain data, so an executor may carry them to another machine.

    A new place to run is a new class with this one method; ``job`` is only ever called where its sandbox is.
    """

    def run(self, plans: Sequence[EpisodePlan], job: Job, stop: Stop) -> Iterator[list[EpisodeOutcome]]:
        """Outcomes as they come; no further plan is begun once ``stop`` is asked.

        What a job raises ends the run: the others are asked to stop and waited for, then the first one is raised.
        """
        ...


class LocalExecutor:
    """Threads on this machine: episodes wait for containers and models, hardly for the processor."""

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel

    def run(self, plans: Sequence[EpisodePlan], job: Job, stop: Stop) -> Iterator[list[EpisodeOutcome]]:
        """Plans are begun in their order, ``parallel`` at a time."""
        waiting = iter(plans)
        running: set[Future[list[EpisodeOutcome]]] = set()
        failed: list[BaseException] = []
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="offswitch-episode") as threads:
            try:
                while True:
                    while len(running) < self._parallel and not stop.asked and (plan := next(waiting, None)):
                        running.add(threads.submit(job, plan))
                    if not running:
                        break
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from _results(done, failed, stop)
            except BaseException:
                stop.ask("the run was broken off")
                raise
        if failed:
            raise failed[0]


def _results(
    done: set[Future[list[EpisodeOutcome]]], failed: list[BaseException], stop: Stop
) -> Iterator[list[EpisodeOutcome]]:
    for future in done:
        error = future.exception()
        if error is None:
            yield future.result()
        else:
            failed.append(error)
            stop.ask(f"another episode failed: {type(error).__name__}")


class OncePerKey:
    """Lets one thread at a time do what others with the same key can then reuse; other keys do not wait."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._done: set[str] = set()

    def run(self, key: str, work: Callable[[], T]) -> T:
        """Do the work: alone the first time, beside others once it has gone well."""
        with self._guard:
            lock = None if key in self._done else self._locks.setdefault(key, threading.Lock())
        if lock is None:
            return work()
        with lock:
            result = work()
        with self._guard:
            self._done.add(key)
            self._locks.pop(key, None)
        return result
