"""Rows K1, K10 and F8 of the fault matrix on whole runs: killed at any moment, they leave nothing and lose nothing."""

import hashlib
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from offswitch.records import EpisodeState, RunPaths, RunView, SandboxStarted, verify_run
from offswitch.sandbox import Engine, connect

from .doomed import Nursery, alive, kill

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(3600)]
RUNS = int(os.environ.get("OFFSWITCH_RUN_KILLS", "9"))
"""Runs that are killed at a random moment; 300 bound the chance of a leak by 1 % with 95 % confidence."""
RESUMES = int(os.environ.get("OFFSWITCH_RESUME_KILLS", "8"))
"""Times that runs are killed and gone on with."""
AT_ONCE = 3
EPISODES = 6
RUN = ("run", "--task", "backfill", "--set", "scenario.mechanisms=[]", "--agent", "oracle", "--episodes", str(EPISODES))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with connect() as engine:
        yield engine


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


def objects(engine: Engine, pids: set[int]) -> list[dict[str, Any]]:
    """Containers (holders of networks among them), networks and volumes of these processes."""
    only: dict[str, Any] = {"label": "offswitch.lease"}
    found: list[dict[str, Any]] = engine.api.containers(all=True, filters=only)
    found += engine.api.networks(filters=only) + (engine.api.volumes(filters=only)["Volumes"] or [])
    return [one for one in found if int(one["Labels"]["offswitch.lease"].split(":")[1]) in pids]


def folders(pids: set[int]) -> list[str]:
    """Their temporary folders."""
    names = [path.name for path in Path(tempfile.gettempdir()).glob("offswitch-tmp-*")]
    return [name for name in names if int(name.split("-")[3]) in pids]


def is_clean(engine: Engine, pids: set[int]) -> bool:
    """Whether nothing of these processes is left."""
    return not objects(engine, pids) and not folders(pids)


def is_dead(engine: Engine, pid: int) -> bool:
    """Whether neither the process nor anything in its containers runs any more."""
    return not alive(pid) and not running(engine, pid)


def running(engine: Engine, pid: int) -> list[str]:
    """Their containers in which something runs."""
    return [one["Id"] for one in objects(engine, {pid}) if one.get("State") == "running"]


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held


def die_together(nursery: Nursery, tmp_path: Path, moments: random.Random, number: int) -> dict[int, Path]:
    """Three runs at a time, killed one after the other; their processes and folders.

    The first one dies at a random moment since its start, the others at one since they first wrote something: how
    long a start takes depends on the machine.
    """
    folders = [tmp_path / f"run{number + one}" for one in range(AT_ONCE)]
    born = {nursery.bear(*RUN, "--out", folder): folder for folder in folders}
    for place, (pid, folder) in enumerate(born.items()):
        assert not place or within(60.0, partial(has_begun, folder))
        time.sleep(moments.uniform(0.0, 2.0))
        kill(pid)
    return born


def test_k1_a_run_killed_at_any_moment_leaves_nothing(
    nursery: Nursery, engine: Engine, tmp_path: Path, trials: Callable[[int], int]
) -> None:
    """9 runs, 300 in full. Nothing stays on the engine, in the temporary folders or among the processes."""
    moments = random.Random(1)
    killed: dict[int, Path] = {}
    busy = 0
    for number in range(0, trials(RUNS), AT_ONCE):
        born = die_together(nursery, tmp_path, moments, number)
        pids = set(born)
        busy += sum(lines > 0 for lines in map(recorded, born.values()))
        assert within(10.0, partial(is_clean, engine, pids)), [*objects(engine, pids), *folders(pids)]
        killed |= born
    assert busy >= len(killed) // 2, "most of them were killed in the midst of their episodes"
    assert is_clean(engine, set(killed))
    for folder in killed.values():
        assert not (folder / "manifest.json").exists() or damage(folder) == []


def recorded(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in RunPaths(folder).episodes.glob("*.jsonl"))


def damage(folder: Path) -> list[str]:
    """Findings that no crash explains."""
    return [
        str(one) for one in verify_run(RunPaths(folder)).findings if one.kind not in ("unsealed", "torn", "verdicts")
    ]


def test_k6_of_two_runs_the_death_of_one_costs_the_other_nothing(
    nursery: Nursery, engine: Engine, tmp_path: Path
) -> None:
    """Each sweeps when it starts, and neither takes the other for dead."""
    first, other = (nursery.bear(*RUN, "--out", tmp_path / name) for name in ("first", "other"))
    assert within(60.0, lambda: min(map(recorded, (tmp_path / "first", tmp_path / "other"))) > 60)
    kill(first)
    third = nursery.bear(*RUN, "--out", tmp_path / "third")
    assert within(240.0, lambda: has_ended(other) and has_ended(third))
    for name in ("other", "third"):
        view = RunView.open(tmp_path / name)
        assert sum(view.anchor(one).valid for one in view.episodes()) == EPISODES
        assert len(list(view.episodes())) == EPISODES, "at the first attempt"
    assert within(10.0, lambda: is_clean(engine, {first, other, third}))


def test_k1_containers_of_a_killed_run_are_dead_within_a_second(
    nursery: Nursery, engine: Engine, tmp_path: Path
) -> None:
    pid = nursery.bear(*RUN, "--out", tmp_path / "run")
    assert within(60.0, lambda: recorded(tmp_path / "run") > 60)
    inits = [int(engine.api.inspect_container(one)["State"]["Pid"]) for one in running(engine, pid)]
    assert len(inits) >= 4, "two episodes, each with its container and the holder of its network"
    kill(pid)
    assert within(1.0, lambda: not any(map(alive, inits)))


def test_k10_what_stood_in_the_containers_of_a_killed_run_lies_in_the_run(
    nursery: Nursery, engine: Engine, tmp_path: Path
) -> None:
    """The watchdog's captures name the process that the ledger names, and the resumed run answers for them."""
    folder = tmp_path / "run"
    pid = nursery.bear(*RUN, "--out", folder)
    assert within(60.0, lambda: recorded(folder) > 60)
    kill(pid)
    assert within(10.0, lambda: not objects(engine, {pid}))
    again = nursery.bear("run", "--resume", "--out", folder)
    assert within(240.0, partial(has_ended, again))
    view = RunView.open(folder)
    crashed = [one for one in view.episodes() if view.anchor(one).state is EpisodeState.CRASHED]
    started = {event.container["pid"] for one in crashed for event in of_type(view, one)}
    captures = [json.loads(path.read_text()) for path in view.paths.quarantine.glob("offswitch-*.json")]
    assert started
    assert started <= {capture["pid"] for capture in captures}
    assert any(file["path"].startswith("/work/") for capture in captures for file in capture["files"])
    anchored = [name for name in view.manifest.files if name.startswith("quarantine/offswitch-")]
    assert len(anchored) == len(captures)
    assert verify_run(view.paths).ok
    (view.paths.root / anchored[0]).write_text("{}")
    assert [one.where for one in verify_run(view.paths).findings] == [anchored[0]]


def of_type(view: RunView, episode: str) -> list[SandboxStarted]:
    return [record.event for record in view.records(episode) if isinstance(record.event, SandboxStarted)]


def sealed(folder: Path) -> dict[str, str]:
    """Finished episodes → digest of their ledgers."""
    if not (folder / "manifest.json").exists():
        return {}
    view = RunView.open(folder)
    done = [one for one in view.episodes() if view.anchor(one).sealed]
    return {one: hashlib.sha256(view.paths.ledger(one).read_bytes()).hexdigest() for one in done}


def test_f8_a_run_that_is_killed_again_and_again_does_every_episode_once(
    nursery: Nursery, engine: Engine, tmp_path: Path, trials: Callable[[int], int]
) -> None:
    """8 kills, 200 in full, each followed by going on: what was complete stays as it was, byte by byte."""
    moments = random.Random(8)
    left = trials(RESUMES)
    number = 0
    while left > 0:
        folder = tmp_path / f"run{number}"
        left -= killed_to_its_end(nursery, engine, folder, moments, left)
        number += 1
        view = RunView.open(folder)
        valid = [one for one in view.episodes() if view.anchor(one).valid]
        assert len(valid) == len(bases(valid)) == EPISODES
        assert verify_run(view.paths).ok


def has_begun(folder: Path) -> bool:
    return recorded(folder) > 0


def has_ended(pid: int) -> bool:
    return not alive(pid)


def bases(episodes: list[str]) -> set[str]:
    """Ids without the number of the attempt."""
    return {one[: one.index("-off") + 4] for one in episodes}


def killed_to_its_end(nursery: Nursery, engine: Engine, folder: Path, moments: random.Random, most: int) -> int:
    """Kill and resume one run until it is through; how often it was killed."""
    kills, complete = 0, dict[str, str]()
    words: tuple[str, ...] = RUN
    while True:
        pid = nursery.bear(*words, "--out", folder)
        dying = kills < min(most, 12)
        if within(moments.uniform(0.5, 6.0) if dying else 300.0, partial(has_ended, pid)):
            break
        assert dying, "it ends by itself where it is not killed"
        kill(pid)
        kills += 1
        assert within(10.0, partial(is_dead, engine, pid))
        now = sealed(folder)
        assert complete.items() <= now.items(), "a complete episode was done again or lost"
        complete = now
        words = ("run", "--resume") if (folder / "manifest.json").exists() else RUN
    assert complete.items() <= sealed(folder).items()
    return max(kills, 1)
