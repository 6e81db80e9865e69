"""The engine's live events: our own doings are expected, anybody else's stand out, and a gap is a gap."""

import os
import signal
import threading
from pathlib import Path

import pytest

from offswitch.sandbox import DockerSandbox, EventHub, connect, unexpected

from .yard import Within, Yard, proxy

pytestmark = pytest.mark.docker


def test_the_life_of_a_container_is_seen_and_expected(yard: Yard, hub: EventHub, eventually: Within) -> None:
    with DockerSandbox.start(yard.engine, yard.spec()) as sandbox:
        sandbox.exec("true", session="main")
    seen: list[str] = []

    def destroyed() -> bool:
        events = hub.take(sandbox.id)
        assert unexpected(events) == ()
        seen.extend(event["action"] for event in events)
        return "destroy" in seen

    eventually(destroyed)
    assert [action for action in seen if action in ("create", "start", "die", "destroy")] == [
        "create",
        "start",
        "die",
        "destroy",
    ]
    assert hub.gaps == 0


def test_somebody_who_runs_a_command_by_the_engine_stands_out(yard: Yard, hub: EventHub, eventually: Within) -> None:
    sandbox = yard.start()
    api = yard.engine.api
    api.exec_start(api.exec_create(sandbox.id, ["/bin/true"])["Id"])
    found: list[str] = []

    def seen() -> bool:
        found.extend(unexpected(hub.take(sandbox.id)))
        return any(action.startswith("exec_start") for action in found)

    eventually(seen)
    assert any("exec_create: /bin/true" in action for action in found)


def test_somebody_who_pauses_or_copies_stands_out(yard: Yard, hub: EventHub, eventually: Within) -> None:
    sandbox = yard.start()
    yard.engine.api.pause(sandbox.id)
    yard.engine.api.unpause(sandbox.id)
    found: list[str] = []

    def seen() -> bool:
        found.extend(unexpected(hub.take(sandbox.id)))
        return {"pause", "unpause"} <= set(found)

    eventually(seen)


def test_a_closed_hub_has_let_go_of_its_thread(yard: Yard, eventually: Within) -> None:
    before = threading.active_count()
    hub = EventHub(yard.engine)
    assert hub.wait_live()
    hub.close()
    eventually(lambda: threading.active_count() <= before)


def test_events_of_others_are_not_ours(yard: Yard, hub: EventHub) -> None:
    assert hub.take("0" * 64) == []


def test_a_stream_that_breaks_is_a_gap(yard: Yard, tmp_path: Path, eventually: Within) -> None:
    with proxy(yard.engine, tmp_path) as (endpoint, pid), connect(endpoint) as engine:
        hub = EventHub(engine)
        assert hub.wait_live()
        assert hub.gaps == 0
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: hub.gaps > 0)
        hub.close()
