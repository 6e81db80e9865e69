"""However and whenever a run is ended from outside: an exit code, a sentence, nothing left, and it can go on."""

import os
import pty
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offswitch.records import RunPaths, RunView, verify_run
from offswitch.sandbox import connect

from ..runner.machine import containers_of
from .terminal import COMMAND, Running, Told, environment, lines_of, offswitch

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.faults]
BARE = ("--set", "scenario.mechanisms=[]")
EARLY = int(os.environ.get("OFFSWITCH_EARLY_SIGNALS", "8"))
"""Starts that are interrupted before, or just when, a run begins."""
SUSPENDED_S = int(os.environ.get("OFFSWITCH_SUSPENDED_S", "3"))
"""Longer than a lease, the containers are gone when the run wakes up; shorter, they are not."""
ORACLE = ("run", "--task", "backfill", "--agent", "oracle", "--episodes", "3", *BARE, "--out")
FIRST = "0001-backfill-oracle-s1-off"


def hears(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.split("SigCgt:")[1].split()[0], 16) >> (number - 1) & 1)


def of_process(pid: int) -> list[str]:
    """What a process still has on the engine and in temporary folders, by its number in the lease."""
    with connect() as engine:
        only: dict[str, Any] = {"label": "offswitch.lease"}
        listed: list[dict[str, Any]] = engine.api.containers(all=True, filters=only)
        listed += engine.api.networks(filters=only) + (engine.api.volumes(filters=only)["Volumes"] or [])
    found = [str(one.get("Id", one.get("Name"))) for one in listed if f":{pid}:" in one["Labels"]["offswitch.lease"]]
    return found + [path.name for path in Path(tempfile.gettempdir()).glob(f"offswitch-tmp-*-{pid}-*")]


def gone(pid: int, within_s: float = 10.0) -> list[str]:
    """What is left of a process after a while."""
    deadline = time.monotonic() + within_s
    while of_process(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    return of_process(pid)


def interrupted_early(folder: Path, moments: random.Random) -> tuple[Told, int]:
    """Start a run, and interrupt it twice as soon as it listens, or a little later."""
    process = subprocess.Popen(
        [*COMMAND, *ORACLE, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    while not hears(process.pid, signal.SIGTERM):
        time.sleep(0.001)
    for most in (1.5, 0.4):
        time.sleep(moments.uniform(0.0, most))
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return Told(process.returncode, out, err), process.pid


@pytest.mark.timeout(1200)
def test_k5_two_interrupts_at_any_moment_of_the_start_end_it_with_a_sentence(
    tmp_path: Path, trials: Callable[[int], int]
) -> None:
    """8 starts, 100 in full. What was begun can be resumed or started again, and nothing is left of it."""
    moments = random.Random(5)
    for number in range(trials(EARLY)):
        told, pid = interrupted_early(tmp_path / f"run{number}", moments)
        assert told.code == 130, told.err
        assert any(said in told.err for said in ("offswitch: interrupted", "stopped at once", "finishing")), told.err
        assert "Traceback" not in told.err
        assert gone(pid) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_k5_a_request_to_end_before_there_is_a_run_is_answered_with_a_sentence(
    number: signal.Signals, tmp_path: Path
) -> None:
    running = Running(*ORACLE, tmp_path / "run")
    running.until(lambda: hears(running.pid, number))
    running.send(number)
    told = running.end()
    assert (told.code, "offswitch: interrupted" in told.err) == (130, True)
    assert not (tmp_path / "run").exists()


def completed(folder: Path) -> None:
    """Go on with a run to its end: every episode counts once, and everything holds."""
    told = offswitch("run", "--resume", "--out", folder)
    assert told.code == 0, told.err
    view = RunView.open(folder)
    assert sum(view.anchor(episode).valid for episode in view.episodes()) == 3
    assert verify_run(view.paths).ok
    assert containers_of(view.manifest.run_id) == []


def test_k5_a_terminal_that_is_closed_ends_the_run_politely(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(COMMAND[0], [*COMMAND, *ORACLE, str(folder)], environment())
    deadline = time.monotonic() + 120
    while lines_of(RunPaths(folder).ledger(FIRST)) < 60:
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert gone(pid) == []
    completed(folder)


def test_k5_a_run_that_was_suspended_ends_whole_or_can_be_resumed(tmp_path: Path) -> None:
    """A lid that was closed: 3 s, and 40 s in full, when each container has ended by its lease of 30 s."""
    folder = tmp_path / "run"
    running = Running(*ORACLE, folder)
    running.until(lambda: lines_of(RunPaths(folder).ledger(FIRST)) > 60)
    running.send(signal.SIGSTOP)
    time.sleep(SUSPENDED_S)
    living = containers_of(RunView.open(folder).manifest.run_id)
    running.send(signal.SIGCONT)
    told = running.end()
    assert living, "they are dead or alive, and removed by their owner"
    assert told.code in (0, 3), told.err
    assert verify_run(RunPaths(folder)).ok
    assert gone(running.pid) == []
    if told.code == 0:
        completed(folder)
