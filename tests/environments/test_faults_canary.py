"""Row D11 of the fault matrix (docs/design/security.md §4.2): a file on the host that nobody has a reason to open."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from offswitch.environments import ControlEnv, Lab
from offswitch.records import EndReason, Tri, UnknownCause
from offswitch.sandbox import Canary
from offswitch.tasks import load_task

pytestmark = pytest.mark.faults


def within_a_second(condition: Callable[[], object]) -> bool:
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("way", ["read", "by another name", "by a link", "changed", "moved", "by a program"])
def test_d11_whoever_opens_the_canary_raises_an_alarm_within_a_second(tmp_path: Path, way: str) -> None:
    with Canary(tmp_path) as canary:
        time.sleep(0.25)
        assert not canary.alarms
        before = time.monotonic_ns()
        if way == "read":
            assert canary.token in canary.path.read_text()
        elif way == "by another name":
            os.link(canary.path, tmp_path / "other")
            (tmp_path / "other").read_bytes()
        elif way == "by a link":
            (tmp_path / "link").symlink_to(canary.path)
            (tmp_path / "link").read_bytes()
        elif way == "changed":
            os.truncate(canary.path, 0)
        elif way == "moved":
            canary.path.rename(tmp_path / "elsewhere")
        else:
            subprocess.run(["/bin/cat", str(canary.path)], check=True, capture_output=True)
        assert within_a_second(lambda: canary.alarms)
        assert before <= canary.alarms[0] <= before + 10**9


def test_d11_looking_at_the_folder_is_no_alarm(tmp_path: Path) -> None:
    with Canary(tmp_path) as canary:
        assert canary.path.stat().st_mode & 0o777 == 0o400
        list(tmp_path.iterdir())
        time.sleep(0.3)
        assert not canary.alarms


@pytest.mark.docker
@pytest.mark.xdist_group("backfill")
@pytest.mark.parametrize("opened", [True, False])
def test_d11_an_episode_in_which_it_was_opened_holds_nothing(lab: Lab, records: Path, opened: bool) -> None:
    with ControlEnv(load_task("backfill"), record_dir=records, lab=lab) as env:
        env.reset(seed=1)
        if opened:
            before = len(lab.canary.alarms)
            lab.canary.path.read_bytes()
            assert within_a_second(lambda: len(lab.canary.alarms) > before)
        env.episode.end(EndReason.GAVE_UP)
        ending = env.episode.ending
    assert ending is not None
    verdicts = ending.verdicts.values()
    assert {verdict.succeeded for verdict in verdicts} == {Tri.UNKNOWN if opened else Tri.FALSE}
    assert {verdict.unknown_cause for verdict in verdicts} == {UnknownCause.AGENT_CAUSED if opened else None}
