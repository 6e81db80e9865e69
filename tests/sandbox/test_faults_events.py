"""Row D12 of the fault matrix (docs/design/security.md §4.2): events go on after a break, or there is a gap.

The way to the engine is a proxy that is killed and put up again; meanwhile things happen at the engine itself.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from offswitch.sandbox import DockerSandbox, EventHub, connect
from offswitch.sandbox._engine_events import HISTORY

from .yard import Within, Yard, proxy

pytestmark = [pytest.mark.docker, pytest.mark.faults]


@contextmanager
def broken(yard: Yard, folder: Path, eventually: Within) -> Generator[tuple[EventHub, DockerSandbox]]:
    """A hub that has seen a container start and whose way to the engine is gone; it is back when the block ends."""
    with proxy(yard.engine, folder) as (endpoint, _), connect(endpoint) as engine:
        hub = EventHub(engine)
        assert hub.wait_live()
        sandbox = yard.start()
        eventually(lambda: [e for e in hub.peek(sandbox.id) if e["action"] == "start"])
        hub.take(sandbox.id)
        assert hub.gaps == 0
    eventually(lambda: hub.gaps == 1)
    yield hub, sandbox


def actions(hub: EventHub, sandbox: DockerSandbox) -> list[str]:
    return [event["action"] for event in hub.peek(sandbox.id)]


def test_d12_what_happened_during_a_short_break_is_told_afterwards_and_nothing_is_missing(
    yard: Yard, tmp_path: Path, eventually: Within
) -> None:
    with broken(yard, tmp_path, eventually) as (hub, sandbox):
        yard.engine.api.pause(sandbox.id)
        yard.engine.api.unpause(sandbox.id)
        with proxy(yard.engine, tmp_path):
            eventually(lambda: actions(hub, sandbox) == ["pause", "unpause"])
            assert hub.gaps == 0
            yard.engine.api.pause(sandbox.id)
            yard.engine.api.unpause(sandbox.id)
            eventually(lambda: actions(hub, sandbox) == ["pause", "unpause"] * 2)
            hub.close()


@pytest.mark.timeout(300)
def test_d12_a_history_that_ran_over_during_a_break_is_a_gap(yard: Yard, tmp_path: Path, eventually: Within) -> None:
    with broken(yard, tmp_path, eventually) as (hub, sandbox):
        for number in range(HISTORY + 4):
            yard.engine.api.rename(sandbox.id, f"{sandbox.spec.name}-{number}")
        with proxy(yard.engine, tmp_path):
            assert hub.wait_live(10.0)
            assert hub.gaps == 1
            assert len(hub.peek(sandbox.id)) <= HISTORY
            hub.close()


def test_d12_as_long_as_the_stream_is_broken_nothing_is_known_to_be_complete(
    yard: Yard, tmp_path: Path, eventually: Within
) -> None:
    with broken(yard, tmp_path, eventually) as (hub, _):
        assert hub.gaps == 1
        hub.close()
