"""A new episode in a container that is up already."""

import time
from contextlib import closing

from ..environments import Lab, Task
from ..records import EndReason
from ..sandbox import ROOTFUL
from ..tasks import load_task
from ._figure import Figure, of_times
from ._place import Place, padded

FILES = 200
_UP_S = 30.0


def measure(place: Place) -> list[Figure]:
    """``reset_warm_p50_ms``, ``reset_warm_rootful_p50_ms``, ``reset_large_p50_ms``."""
    what = f"reset with a container from the pool and a world of {FILES} files"
    sealed = _resets(place, padded("backfill", FILES), place.times(40))
    rootful = _resets(place, padded("backfill", FILES, ROOTFUL), place.times(25))
    large = _resets(place, load_task("diskrescue"), place.times(25))
    return [
        of_times("reset_warm_p50_ms", sealed, f"{what}, sealed", 15.0),
        of_times("reset_warm_rootful_p50_ms", rootful, f"{what}, rootful", 120.0),
        of_times("reset_large_p50_ms", large, "reset of diskrescue: rootful, 11.5 MB in 71 files, a service"),
    ]


def _resets(place: Place, task: Task, times: int) -> list[float]:
    """Milliseconds of each reset but the first, which proves the mechanisms and fills the pool."""
    taken: list[float] = []
    with Lab.open(ahead=1) as lab, closing(place.environment(task, lab)) as env:
        for number in range(times + 2):
            _wait_for(lab, 1 if number else 0)
            started = time.perf_counter()
            env.reset(seed=1)
            taken.append((time.perf_counter() - started) * 1e3)
            env.end(EndReason.GAVE_UP)
    return taken[2:]


def _wait_for(lab: Lab, ready: int) -> None:
    """Until the pool has a container that is up, and a moment more for what it does besides."""
    end = time.monotonic() + _UP_S
    while lab.pool.ready < ready:
        if time.monotonic() > end:
            raise RuntimeError(f"the pool has no container ready after {_UP_S:g} s")
        time.sleep(0.01)
    time.sleep(0.15 if ready else 0.0)
