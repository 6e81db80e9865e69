"""The ledger: chained, canonical, one decision in ten on the disk before it counts."""

import time
import uuid

from ..records import CountersObserved, Ledger
from ._figure import Figure, of_rounds
from ._place import Place

_GROUP = 10


def measure(place: Place) -> list[Figure]:
    """``ledger_events_per_s``."""
    rounds = place.times(7, 3)
    event = CountersObserved(step=1, cpu_ns=1, memory_bytes=2, pids=3, oom_kills=0, pids_limit_hits=0)
    rates: list[float] = []
    for _ in range(rounds):
        groups = place.times(1000, 50)
        with Ledger(place.folder / f"{uuid.uuid4().hex}.jsonl") as ledger:
            started = time.perf_counter()
            for _ in range(groups):
                ledger.append_all([event] * (_GROUP - 1))
                ledger.append(event, sync=True)
            rates.append(groups * _GROUP / (time.perf_counter() - started))
    what = f"records a second into one ledger, every {_GROUP}th synced to the disk"
    return [of_rounds("ledger_events_per_s", rates, "per s", what, 20_000)]
