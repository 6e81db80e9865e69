"""Row G5 of the fault matrix (docs/design/security.md §4.2): every call that we make of an engine, and every fault.

Each is an error of ours that names what was being done; only a removal is asked for again; and whatever the engine
had done by then, without our being told, is gone afterwards.
"""

import os
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from offswitch.sandbox import (
    ContainerGone,
    DockerSandbox,
    Engine,
    EngineTimeout,
    EventHub,
    Holders,
    PeerNetwork,
    Pool,
    SandboxError,
    collect,
    connect,
)
from offswitch.sandbox._cgroup import Cgroup
from offswitch.sandbox._image import need_image
from offswitch.sandbox._lease import labels
from offswitch.sandbox._warden import warden

from .faulty_engine import FAULTS, Way, way_to
from .yard import Within, Yard

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
EACH = int(os.environ.get("OFFSWITCH_ENGINE_FAULTS", "1"))
"""Faults that each call meets."""
PATIENCE_S = 2.0
"""Deadline of each call where one is to pass it; elsewhere a busy machine has time."""
CALLS = {
    "version": "GET /version$",
    "facts": "GET /info$",
    "images": "GET /images/json$",
    "image": "GET /images/.+/json$",
    "containers": "GET /containers/json$",
    "networks": "GET /networks$",
    "volumes": "GET /volumes$",
    "create": "POST /containers/create$",
    "attach": "POST /containers/.+/attach$",
    "start": "POST /containers/.+/start$",
    "inspect": "GET /containers/.+/json$",
    "remove": "DELETE /containers/",
    "create network": "POST /networks/create$",
    "remove network": "DELETE /networks/",
}
HARMLESS = {
    ("images", "nonsense"),  # whether there is any; which one it is, is asked next
    ("start", "truncated"),  # an answer without a body
    ("start", "nonsense"),
    ("remove", "truncated"),
    ("remove", "nonsense"),
    ("remove network", "truncated"),
    ("remove network", "nonsense"),
}
"""What does not matter to the life of a container; everything else has to be told."""
STAYS = {"remove": ("500", "409", "reset", "hang"), "remove network": ("500", "409", "reset", "hang", "lost")}
"""What is still there when the error is told; the watchdog expects it."""
ASKED_AGAIN = {"remove"}
"""Calls that may be made twice, because that does no harm."""


@pytest.fixture(scope="module")
def way(engine: Engine) -> Generator[Way]:
    """A way to the machine's engine."""
    with way_to(engine.endpoint) as way:
        yield way


@dataclass
class Life:
    """One container and one network, from the first question to the last; it goes as far as it gets."""

    yard: Yard
    way: Way
    opened: list[Engine] = field(default_factory=list[Engine])

    def live(self) -> None:
        engine = connect(self.way.endpoint, timeout_s=PATIENCE_S if self.way.delays else 30.0)
        self.opened.append(engine)
        assert engine.told.kind == "docker"
        need_image(engine)
        collect(engine, dry_run=True)
        with PeerNetwork.create(engine, labels(self.yard.run, "episode", "network")):
            sandbox = DockerSandbox.start(engine, self.yard.spec())
            try:
                assert sandbox.exec(["/bin/echo", "lives"]).stdout == b"lives\n"
                assert sandbox.exit_state()["Status"] == "running"
            finally:
                sandbox.close()

    def left(self) -> set[str]:
        """Names of what the engine has of this test: containers and networks."""
        only = {"label": f"offswitch.run={self.yard.run}"}
        containers, networks = self.yard.engine.api.containers(all=True, filters=only), self._networks(only)
        return {one["Names"][0].lstrip("/") for one in containers} | {one["Name"] for one in networks}

    def _networks(self, only: dict[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.yard.engine.api.networks(filters=only)
        return found

    def end(self) -> None:
        """Do what a watchdog does after its harness, but at once: remove what it was told to expect, and only that."""
        self.way.heal()
        for engine in self.opened:
            for name in warden(engine).expected:
                self._remove(name)
                warden(engine).release(name)
            warden(engine).close()
            engine.close()

    def _remove(self, name: str) -> None:
        with suppress(ContainerGone):
            self.yard.engine.remove_container(name, name)
        for one in self._networks({"name": name}):
            self.yard.engine.api.remove_network(one["Id"])


@pytest.fixture
def life(yard: Yard, way: Way, own_watchdog: None) -> Generator[Life]:
    made = Life(yard, way)
    yield made
    made.end()
    assert made.left() == set()


def test_a_life_without_a_fault_makes_each_of_these_calls_and_leaves_nothing(life: Life) -> None:
    """The positive control of the rest: no call is in the table that is not made, and no fault is what ends a life."""
    life.way.fail("^$", "500")
    life.live()
    assert [name for name, request in CALLS.items() if not life.way.times(request)] == []
    assert life.left() == set()


def cases() -> list[tuple[str, str]]:
    """Calls with what they meet, each call with `EACH` faults and no two neighbours with the same."""
    return [(call, FAULTS[(at * EACH + n) % len(FAULTS)]) for at, call in enumerate(CALLS) for n in range(EACH)]


@pytest.mark.parametrize(("call", "fault"), cases())
def test_g5_a_wrong_answer_is_told_and_leaves_nothing(life: Life, call: str, fault: str) -> None:
    """One fault a call in ``make test``, all seven in ``make faults``."""
    life.way.fail(CALLS[call], fault)
    if (call, fault) in HARMLESS:
        life.live()
    else:
        with pytest.raises(SandboxError) as error:
            life.live()
        assert error.value.phase
        assert error.value.subject
        assert isinstance(error.value, EngineTimeout) or fault != "hang"
    asked = life.way.times(CALLS[call])
    assert asked == 1 or (call in ASKED_AGAIN and fault not in ("truncated", "nonsense")), life.way.asked
    assert life.left() == set() or fault in STAYS.get(call, ()), "nothing stays but what could not be removed"
    assert life.left() <= set().union(*(warden(engine).expected for engine in life.opened))


def test_g5_what_was_made_without_our_being_told_is_gone_before_the_error_is(life: Life) -> None:
    """No watchdog is needed for that: the container would stay for as long as a whole run."""
    for fault in ("lost", "truncated", "nonsense"):
        life.way.fail(CALLS["create"], fault)
        with pytest.raises(SandboxError):
            life.live()
        assert life.left() == set(), fault


@pytest.mark.parametrize("fault", ["500", "hang", "409", "reset"][: 1 + EACH])
def test_g5_a_kill_that_only_the_engine_could_do_and_does_not_names_the_survivors(
    life: Life, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def no(*_: object) -> bool:
        return False

    with connect(life.way.endpoint, timeout_s=PATIENCE_S if fault == "hang" else 30.0) as engine:
        sandbox = DockerSandbox.start(engine, life.yard.spec())
        life.way.fail("POST /containers/.+/kill$", fault)
        with monkeypatch.context() as blunt:
            blunt.setattr(Cgroup, "kill", no)
            blunt.setattr("offswitch.sandbox._halt.signal_process", no)
            blunt.setattr("offswitch.sandbox._halt.RUNG_S", 0.2)
            blunt.setattr("offswitch.sandbox._link.Link.close", no)
            report = sandbox.kill()
        assert life.way.times("POST /containers/.+/kill$") == 1
        assert report.route == "none"
        assert sandbox.pid in report.survivors
        life.way.heal()
        sandbox.close()
        warden(engine).close()
    assert life.left() == set()


@pytest.mark.parametrize("fault", ["500", "reset", "409"][: 1 + EACH])
def test_g5_without_the_engines_events_nobody_takes_them_for_followed(
    life: Life, eventually: Within, fault: str
) -> None:
    life.way.fail("GET /events$", fault)
    with connect(life.way.endpoint) as engine:
        hub = EventHub(engine)
        assert not hub.wait_live(0.5)
        life.way.heal()
        assert hub.wait_live(5.0)
        with life.yard.start() as sandbox:
            eventually(lambda: [one for one in hub.peek(sandbox.id) if one["action"] == "start"])
        hub.close()


@pytest.fixture
def pool(life: Life, yard: Yard) -> Generator[Pool]:
    """With one container in stock, by the way on which things go wrong."""
    with connect(life.way.endpoint) as engine:
        marked = labels(yard.run, "episode", "network")
        holders = Holders(engine, yard.image, yard.supervisor, yard.folder / "captures", marked)
        pool = Pool(engine, holders, ahead=1)
        yield pool
        life.way.heal()
        pool.close()
        warden(engine).close()


def test_g5_a_stock_that_failed_once_says_nothing_about_now(life: Life, pool: Pool, eventually: Within) -> None:
    pool.take(life.yard.spec()).close()
    eventually(lambda: pool.ready == 1)
    life.way.fail(CALLS["create"], "500")
    pool.take(life.yard.spec()).close()
    eventually(lambda: life.way.times(CALLS["create"]) and pool.ready == 1)
    life.way.heal()
    with pool.take(life.yard.spec()) as sandbox:
        assert sandbox.alive


def test_g5_a_removal_that_nobody_waited_for_and_that_failed_is_tried_again_at_the_end(
    life: Life, pool: Pool, eventually: Within
) -> None:
    sandbox = pool.take(life.yard.spec())
    eventually(lambda: pool.ready == 1)
    life.way.fail(CALLS["remove"], "500")
    sandbox.close()
    eventually(lambda: life.way.times(CALLS["remove"]) == 3)
    assert sandbox.spec.name in life.left()
    life.way.heal()
    pool.close()
    assert life.left() == set()
