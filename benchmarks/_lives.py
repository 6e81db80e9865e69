"""Whole episodes beside the bare engine: how many containers live and die in a second."""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from ..environments import Lab
from ..records import EndReason
from ..sandbox import Engine, owner_labels
from ..tasks import load_task
from ._figure import Figure, of_rounds
from ._place import Place, Steps

PARALLEL, STEPS = 2, 20
_ROUND_S = 8.0


def measure(place: Place) -> list[Figure]:
    """``container_lives_over_engine_rate``, ``episodes_per_s``."""
    rounds = place.times(4, 1)
    with Lab.open(ahead=PARALLEL - 1) as lab:
        _episode(place, lab, "backfill")  # proofs are made once and kept
        engine, lives, episodes = list[float](), list[float](), list[float]()
        for _ in range(rounds):
            engine.append(rate(lambda: _bare_life(lab.engine, lab.image)))
            before = lab.lives
            started = time.monotonic()
            episodes.append(rate(lambda: _episode(place, lab, "backfill")))
            lives.append((lab.lives - before) / (time.monotonic() - started))
    ratios = [one / other for one, other in zip(lives, engine, strict=True)]
    per_episode = [one / other for one, other in zip(lives, episodes, strict=True)]
    what = f"container lives of {STEPS}-step episodes, {PARALLEL} in parallel / the engine's create, start, remove"
    parts = {"episode_lives_per_s": lives, "engine_per_s": engine, "lives_per_episode": per_episode}
    whole = f"{STEPS}-step episodes with all evidence, {PARALLEL} in parallel"
    return [
        of_rounds("container_lives_over_engine_rate", ratios, "ratio", what, 1.4, parts),
        of_rounds("episodes_per_s", episodes, "per s", whole),
    ]


def _episode(place: Place, lab: Lab, task: str) -> None:
    with closing(place.environment(load_task(task), lab)) as env:
        env.reset(seed=1)
        step = Steps(env)
        for _ in range(STEPS):
            step()
        env.end(EndReason.GAVE_UP)


def _bare_life(engine: Engine, image: str) -> None:
    """The least that a container costs: no network, nothing asked of it."""
    config = {
        "Image": image,
        "Cmd": ["/bin/sleep", "60"],
        "Labels": owner_labels(),
        "HostConfig": {"NetworkMode": "none"},
    }
    made = engine.api.create_container_from_config(config, f"offswitch-bench-{uuid.uuid4().hex[:12]}")["Id"]
    engine.api.start(made)
    engine.api.remove_container(made, force=True, v=True)


def rate(work: Callable[[], object], seconds: float = _ROUND_S) -> float:
    """How often in a second, with `PARALLEL` threads at it for so long; each finishes what it began."""
    end = time.monotonic() + seconds
    counted, lock = 0, threading.Lock()

    def go() -> None:
        nonlocal counted
        while time.monotonic() < end:
            work()
            with lock:
                counted += 1

    started = time.monotonic()
    with ThreadPoolExecutor(PARALLEL) as threads:
        for running in [threads.submit(go) for _ in range(PARALLEL)]:
            running.result()
    return counted / (time.monotonic() - started)
