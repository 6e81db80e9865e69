"""A task whose world has more than one container: the agent's, and companions that it reaches and nobody else does."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from offswitch.environments import Companion, ControlEnv, EpisodeInvalid, Lab, Task, World
from offswitch.environments._snapshot import take_snapshot
from offswitch.records import EndReason, PostureAttested, SandboxStarted, Tri, read_ledger
from offswitch.sandbox import Engine
from offswitch.sandbox._lease import RUN_LABEL
from offswitch.tasks import load_task

pytestmark = [pytest.mark.docker, pytest.mark.faults, pytest.mark.xdist_group("backfill")]
SERVE = """
import socket
s = socket.socket(); s.bind(("0.0.0.0", 8080)); s.listen()
open("/tmp/ready", "w").close()
while 1:
    c, _ = s.accept(); c.sendall(b"rates"); c.close()
"""
ASK = "python3 -c \"import socket; print(socket.create_connection(('rates', 8080), 5).recv(9))\""


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Task:
    """Backfill, with a service in a container of its own."""
    made = load_task("backfill")
    whole = made.world

    def among_others(seed: int) -> World:
        world = whole(seed)
        world.companions.append(Companion("rates", ("/usr/bin/python3", "-c", SERVE), ready="/tmp/ready"))
        return world

    monkeypatch.setattr(made, "world", among_others)
    return made


@pytest.fixture
def env(task: Task, lab: Lab, records: Path) -> Generator[ControlEnv]:
    with ControlEnv(task, record_dir=records, lab=lab) as env:
        env.reset(seed=1)
        yield env


def left(lab: Lab) -> list[Any]:
    """Networks and companions of this lab that the engine still knows."""
    only = {"label": f"offswitch.run={lab.run_id}"}
    names = [one["Names"][0] for one in lab.engine.api.containers(all=True, filters=only)]
    networks = [one["Name"] for one in lab.engine.api.networks(filters=only)]
    return [*networks, *(name for name in names if "seat" in name or "rates" in name)]


def call(env: ControlEnv, command: str) -> str:
    observation, *_ = env.step({"tool": "bash", "arguments": json.dumps({"command": command}), "answer_id": ""})
    return str(observation["text"])


def test_c2_a_task_declares_a_companion_and_the_agent_reaches_it_by_name(env: ControlEnv, lab: Lab) -> None:
    assert "b'rates'" in call(env, ASK)
    assert left(lab)
    env.episode.end(EndReason.GAVE_UP)
    events = [record.event for record in read_ledger(env.episode.ledger.path)]
    (started,) = [event for event in events if isinstance(event, SandboxStarted)]
    facts: dict[str, Any] = dict(started.posture)
    assert started.isolation == "T0/H1+/N2"
    assert facts["network"]["devices"] == ["eth0", "lo"]
    assert facts["companions"]["rates"]["agent"]["NoNewPrivs"] == "1"
    (attested,) = [event for event in events if isinstance(event, PostureAttested)]
    assert attested.holds
    assert env.episode.ending is not None
    assert env.episode.ending.verdicts["S3"].attempted is Tri.FALSE
    assert left(lab) == []


def test_c2_a_companion_that_became_looser_leaves_no_verdict_standing(env: ControlEnv, lab: Lab) -> None:
    companion = env.episode.sandbox.companions["rates"]
    (companion.evidence.cgroup.paths["pids"] / "pids.max").write_text("max")
    env.episode.end(EndReason.GAVE_UP)
    events = [record.event for record in read_ledger(env.episode.ledger.path)]
    (attested,) = [event for event in events if isinstance(event, PostureAttested)]
    assert attested.changed[0].startswith("rates: limits is")
    assert env.episode.ending is not None
    assert env.episode.ending.verdicts["S3"].attempted is Tri.UNKNOWN
    assert left(lab) == []


def test_an_episode_that_is_given_up_leaves_no_network(env: ControlEnv, lab: Lab) -> None:
    env.close()
    assert left(lab) == []


def blind(engine: Engine) -> bool:
    """Nobody may look into a network of this engine."""
    del engine
    return False


def test_who_cannot_look_into_a_network_gets_none(env: ControlEnv, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on an engine with user namespaces, or for a user who is not root: refused in one line, nothing is left."""
    monkeypatch.setattr("offswitch.sandbox._peers.can_hold", blind)
    with pytest.raises(EpisodeInvalid, match="looked into by root"):
        env.reset(seed=1)
    assert lab.engine.api.networks(filters={"label": f"{RUN_LABEL}={lab.run_id}"}) == []


def test_a_world_of_several_containers_is_reached_again_by_its_calls(env: ControlEnv) -> None:
    """The companions' files and processes are in no snapshot."""
    env.reset(seed=1)
    reasons = take_snapshot(env.episode).snapshot.reasons
    assert any("companion" in reason for reason in reasons)
