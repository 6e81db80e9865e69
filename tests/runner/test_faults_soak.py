"""Row K9 of the fault matrix: after many episodes in one process everything is as it was after the first few."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import linear_regression
from typing import Any

import pytest

from offswitch.sandbox import connect

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(3600)]
EPISODES = int(os.environ.get("OFFSWITCH_SOAK", "12"))
"""Half of them by an agent that works, half by one that does nothing."""
SLOPE_FROM = 200
"""Episodes below which the growth of memory says nothing: what grows once at the start hides it."""
SLOPE_MB = 1.0
"""Growth that is allowed in a hundred episodes."""

SOAK = """
import gc, json, os, sys, tempfile, threading, time
from pathlib import Path
from offswitch.runner import RunOptions, parse_spec, run_experiment

def state():
    time.sleep(1.0)
    gc.collect()
    links = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(link).split(":")[0])
        except FileNotFoundError:  # the one by which they are listed
            pass
    return {"descriptors": sorted(links), "threads": sorted(one.name for one in threading.enumerate())}

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def play(folder, episodes):
    memory = []
    def see(progress):
        if progress.what == "ended":
            memory.append(resident())
    text = f"tasks: backfill\\nsubjects: ['null', oracle]\\nepisodes: {episodes // 2}\\nscenario: {{mechanisms: []}}\\n"
    report = run_experiment(parse_spec(text), Path(sys.argv[1]) / folder, RunOptions(watch=see))
    assert [one.state for one in report.outcomes] == ["valid"] * episodes, report.missing
    return memory

play("warm", 6)
before = state()
memory = play("long", int(sys.argv[2]))
print(json.dumps({"pid": os.getpid(), "before": before, "after": state(), "memory": memory}), flush=True)
sys.stdin.read()
"""


def objects_of(pid: int) -> list[str]:
    """Containers, networks and volumes of a process."""
    with connect() as engine:
        only: dict[str, Any] = {"label": "offswitch.lease"}
        listed: list[dict[str, Any]] = engine.api.containers(all=True, filters=only)
        listed += engine.api.networks(filters=only) + (engine.api.volumes(filters=only)["Volumes"] or [])
    return [str(one.get("Names", one.get("Name"))) for one in listed if f":{pid}:" in one["Labels"]["offswitch.lease"]]


def test_k9_after_many_episodes_everything_is_as_at_the_start(
    tmp_path: Path, trials: Callable[[int], int], request: pytest.FixtureRequest
) -> None:
    """12 episodes, 500 in full: objects of the engine, descriptors, threads, temporary folders, memory."""
    number = trials(EPISODES)
    command = [sys.executable, "-c", SOAK, str(tmp_path), str(number)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        left = objects_of(told["pid"])
        folders = [path.name for path in Path(tempfile.gettempdir()).glob(f"offswitch-tmp-*-{told['pid']}-*")]
        process.communicate()
    assert told["after"] == told["before"]
    assert left == []
    assert folders == []
    memory = told["memory"]
    late = memory[len(memory) // 4 :]
    slope = linear_regression(range(len(late)), late).slope * 100
    request.node.user_properties.append(
        ("memory", f"{memory[0]:.0f} MB, {memory[-1]:.0f} MB at the end, {slope:.2f} MB/100 episodes")
    )
    assert slope < SLOPE_MB or number < SLOPE_FROM, memory
