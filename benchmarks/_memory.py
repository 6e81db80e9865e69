"""What an episode that waits for its model costs in memory."""

import gc
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, suppress
from multiprocessing import get_context
from pathlib import Path

from ..environments import ControlEnv, Lab
from ..tasks import load_task
from ._figure import Figure
from ._place import Place

_ENDED = (FileNotFoundError, ProcessLookupError)


def measure(place: Place) -> list[Figure]:
    """``rss_per_idle_episode_mb``, in a process of its own: what one that did other work has free hides the growth."""
    count = place.times(16, 4)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        grown, inside = alone.submit(_grown_by, count, place.folder).result()
    parts = {"in_the_container_mb": round(inside / count, 2)}
    what = "memory of the harness and its helpers for an episode that waits"
    return [Figure("rss_per_idle_episode_mb", grown / count, "MB", what, readings=count, parts=parts)]


def _grown_by(count: int, folder: Path) -> tuple[float, float]:
    """MB by which this process and its helpers grow with ``count`` episodes, and MB in their containers."""
    inside = 0.0
    with Lab.open() as lab, ExitStack() as open_ones:

        def begin(seed: int) -> ControlEnv:
            env = open_ones.enter_context(closing(ControlEnv(load_task("backfill"), record_dir=folder, lab=lab)))
            env.reset(seed=seed)
            return env

        for warming in range(2):
            begin(warming)
        before = _resident_mb()
        for number in range(count):
            inside += (begin(number).episode.sandbox.evidence.cgroup.counters().memory_bytes or 0) / 1e6
        return _resident_mb() - before, inside


def _resident_mb() -> float:
    """Proportional share of this process, without what waits to be collected, and of those that it started, in MB."""
    gc.collect()
    return sum(_share(pid) for pid in [os.getpid(), *_children(os.getpid())]) / 1e3


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(*_ENDED):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *_children(child)]
    return found


def _share(pid: int) -> float:
    """Of one process, in kB; nothing of one that ended meanwhile."""
    with suppress(*_ENDED):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "Pss":
                return float(value.split()[0])
    return 0.0
