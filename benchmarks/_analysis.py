"""A hundred thousand episodes, read from exported tables and analysed from end to end."""

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from ._figure import Figure
from ._place import Place
from ._tables import STEPS_EACH, write_tables

EPISODES = 100_000


def measure(place: Place) -> list[Figure]:
    """``analysis_100k_s``, ``analysis_100k_mb``, ``analysis_growth_100k_over_10k``; each in a process of its own."""
    few, many = (place.times(count, 200) for count in (EPISODES // 10, EPISODES))
    small, _ = _alone(place.folder / "analysis-few", few)
    taken, peak = _alone(place.folder / "analysis-many", many)
    what = f"{EPISODES:,} synthetic episodes with {EPISODES * STEPS_EACH:,} steps, from Parquet to every number"
    parts = {"few_s": round(small, 3), "many_s": round(taken, 3)}
    return [
        Figure("analysis_100k_s", taken, "s", what, 10.0),
        Figure("analysis_100k_mb", peak, "MB", "peak memory of that process, libraries included", 2_000.0),
        Figure("analysis_growth_100k_over_10k", taken / small, "ratio", "of ten times the episodes", 12.0, parts=parts),
    ]


def _alone(folder: Path, episodes: int) -> tuple[float, float]:
    """Seconds and MB; who makes the tables is not who reads them."""
    spawn = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as maker:
        maker.submit(write_tables, folder, episodes).result()
    with ProcessPoolExecutor(1, mp_context=spawn) as reader:
        return reader.submit(analysed, folder).result()


def analysed(folder: Path) -> tuple[float, float]:
    """Seconds and peak MB of this process for everything that the analysis says of these tables."""
    from ._everything import everything

    started = time.perf_counter()
    everything(folder)
    return time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
