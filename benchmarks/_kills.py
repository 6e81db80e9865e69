"""Killing a container in which a fork bomb goes off, without the engine."""

import dataclasses
import time

from ..sandbox import SEALED, DockerSandbox
from ._figure import Figure, of_times
from ._place import Place

PROCESSES = 256
_BOMB = "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass\n"
_FULL_S = 20.0


def measure(place: Place) -> list[Figure]:
    """``kill_to_empty_p50_ms``."""
    crowded = dataclasses.replace(SEALED, pids=PROCESSES)
    taken: list[float] = []
    for _ in range(place.times(25, 3)):
        with place.container(crowded) as sandbox:
            sandbox.serve("bomb", ["/usr/bin/python3", "-c", _BOMB])
            _fill(sandbox)
            report = sandbox.kill()
            if not report.empty:
                raise RuntimeError(f"{len(report.survivors)} processes survived the kill")
            taken.append(report.latency_s * 1e3)
    return [of_times("kill_to_empty_p50_ms", taken, f"kill order to empty, fork bomb of {PROCESSES} processes", 50.0)]


def _fill(sandbox: DockerSandbox) -> None:
    end = time.monotonic() + _FULL_S
    while sandbox.evidence.cgroup.population() < PROCESSES - 2:
        if time.monotonic() > end:
            raise RuntimeError(f"the bomb stopped at {sandbox.evidence.cgroup.population()} processes")
        time.sleep(0.01)
