"""A branch by files: from a stored snapshot to a container in the same state, looked at and proven."""

import time

from ..environments import Lab
from ..sandbox import pack, survey
from ..tasks import load_task
from ._figure import Figure, of_times
from ._place import Place

FILES = 1000
_PAUSE_S = 0.4
"""Between two branches, in which the pool brings up the next container, as it does beside a running episode."""
_FILL = f"mkdir -p notes/many && for i in $(seq {FILES}); do head -c 1024 /dev/urandom > notes/many/$i; done"


def measure(place: Place) -> list[Figure]:
    """``branch_p50_ms``, ``snapshot_p50_ms``."""
    world, rounds = load_task("backfill").world(1), place.times(21)
    snapshots, branches = list[float](), list[float]()
    with Lab.open(ahead=2) as lab:
        with lab.start(world, "branch-source", "agent") as source:
            done = source.exec(_FILL, cwd=world.root, timeout_s=60.0)
            if not done.ok:
                raise RuntimeError(f"the files could not be made: {done.stderr.decode(errors='replace')}")
            files = source.evidence.files
            files.scan()
            packed = pack(files, survey(files))
            for _ in range(rounds):
                started = time.perf_counter()
                packed = pack(files, survey(files))
                snapshots.append((time.perf_counter() - started) * 1e3)
        lab.start(world, "branch-warm", "agent").close()
        for _ in range(rounds):
            time.sleep(_PAUSE_S)
            started = time.perf_counter()
            sandbox = lab.branch(world, "branch", packed, ())
            branches.append((time.perf_counter() - started) * 1e3)
            sandbox.close()
    return [
        of_times("branch_p50_ms", branches, f"a container in the state of a snapshot of {FILES} files", 200.0),
        of_times("snapshot_p50_ms", snapshots, f"the snapshot of {FILES} files"),
    ]
