"""Who owns an object on the engine, and what a sweep takes: what the dead left, and nothing of the living."""

import hashlib
import os
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.sandbox import Engine, EngineFault, EngineNotFound, connect
from offswitch.sandbox._gc import collect
from offswitch.sandbox._lease import (
    LEASE_LABEL,
    NAMESPACE_LABEL,
    RUN_LABEL,
    labels,
    lease_is_held,
    own_lease,
    owner_labels,
    owner_state,
)

from .fake_engine import Answer, engine_that, known
from .yard import Starter, Within, Yard

docker = pytest.mark.docker


def of_a_dead_process() -> str:
    """The lease of a process that has ended, as it was called while it lived."""
    boot = own_lease().split(":")[0]
    with subprocess.Popen(["/bin/sleep", "30"]) as process:
        started = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        lease = f"{boot}:{process.pid}:{started}"
        assert lease_is_held(lease)
        process.kill()
    return lease


def test_a_process_holds_its_own_lease() -> None:
    assert lease_is_held(own_lease())
    assert owner_state(owner_labels()) == "alive"


def test_a_process_that_ended_holds_none() -> None:
    lease = of_a_dead_process()
    assert not lease_is_held(lease)
    assert owner_state({LEASE_LABEL: lease}) == "dead"


def test_k7_a_process_that_only_waits_to_be_buried_holds_none() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    boot = own_lease().split(":")[0]
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    assert not lease_is_held(f"{boot}:{pid}:{started}")
    os.waitpid(pid, 0)


def test_k7_a_number_that_was_given_to_another_process_is_not_mistaken_for_its_owner() -> None:
    boot, pid, started = own_lease().split(":")
    assert not lease_is_held(f"{boot}:{pid}:{int(started) - 1}")
    assert owner_state({LEASE_LABEL: f"{boot}:{pid}:{int(started) - 1}"}) == "dead"


def test_k7_after_a_reboot_nobody_lives_although_the_numbers_agree() -> None:
    _, pid, started = own_lease().split(":")
    other = {LEASE_LABEL: f"{uuid.uuid4()}:{pid}:{started}"}
    assert not lease_is_held(other[LEASE_LABEL])
    assert owner_state(other) == "dead"


def test_a_lease_of_another_machine_cannot_be_judged_here() -> None:
    other = {LEASE_LABEL: f"{uuid.uuid4()}:1:1"}
    assert owner_state(other, here=False) == "unknown"
    assert owner_state({LEASE_LABEL: own_lease()}, here=False) == "alive"


def test_a_number_of_another_namespace_cannot_be_judged_here() -> None:
    assert owner_state({LEASE_LABEL: of_a_dead_process(), NAMESPACE_LABEL: "1"}) == "unknown"


@given(st.text() | st.none())
def test_what_is_no_lease_names_nobody(text: str | None) -> None:
    assert not lease_is_held(text)
    found = {} if text is None else {LEASE_LABEL: text}
    assert owner_state(found) in ("unknown", "dead")


@pytest.mark.parametrize("text", ["", ":", "::", "a:1", "a:1:2:3", "a:-1:2", "a:x:2"])
def test_a_broken_lease_cannot_be_judged(text: str) -> None:
    assert owner_state({LEASE_LABEL: text}) == "unknown"


class OneRunOnly:
    """The engine's client, which lists nothing but the objects of one run: the rest of the engine is not ours."""

    def __init__(self, api: Any, run: str) -> None:
        self._api = api
        self._run = f"{RUN_LABEL}={run}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def _confined(self, filters: dict[str, str]) -> dict[str, list[str]]:
        return {"label": [filters["label"], self._run]}

    def containers(self, *, all: bool, filters: dict[str, str]) -> Any:  # noqa: A002 - the name is the client's
        return self._api.containers(all=all, filters=self._confined(filters))

    def networks(self, *, filters: dict[str, str]) -> Any:
        return self._api.networks(filters=self._confined(filters))

    def volumes(self, *, filters: dict[str, str]) -> Any:
        return self._api.volumes(filters=self._confined(filters))


@pytest.fixture
def tidy(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Generator[Yard]:
    """A yard of its own on the engine: it sees only its run, no other process judges it, and nothing stays."""
    monkeypatch.setattr("offswitch.sandbox._lease._namespace", lambda: f"namespace of {yard.run}")
    with connect() as engine:
        engine.api = OneRunOnly(engine.api, yard.run)
        yield replace(yard, engine=engine)
        clear(yard)


def collected(yard: Yard, **options: bool) -> list[tuple[str, str]]:
    """What a sweep took."""
    return sorted((one.kind, one.owner) for one in collect(yard.engine, **options))


@contextmanager
def other_process() -> Generator[tuple[str, Callable[[], None]]]:
    """The lease of another process, and a way to end it."""
    with subprocess.Popen(["/bin/sleep", "300"]) as process:

        def end() -> None:
            process.kill()
            process.wait()

        started = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        yield f"{own_lease().split(':')[0]}:{process.pid}:{started}", end
        end()


def lay_out(yard: Yard, lease: dict[str, str]) -> None:
    """A container, a volume and a network of one owner."""
    owned = {**labels(yard.run, "e", "agent"), **lease}
    for name in [name for name, value in owned.items() if value == "-"]:
        del owned[name]
    api = yard.engine.api
    name = f"offswitch-{yard.run}-{uuid.uuid4().hex[:6]}"
    api.create_container(yard.image, ["sleep", "1000"], name=name, labels=owned)
    api.create_volume(name, labels=owned)
    api.create_network(name, driver="bridge", internal=True, labels=owned)


def present(yard: Yard) -> dict[str, int]:
    """How much of the run is still on the engine."""
    only: dict[str, Any] = {"label": f"{RUN_LABEL}={yard.run}"}
    api = yard.engine.api
    return {
        "containers": len(api.containers(all=True, filters=only)),
        "volumes": len(api.volumes(filters=only)["Volumes"] or []),
        "networks": len(api.networks(filters=only)),
    }


def clear(yard: Yard) -> None:
    only: dict[str, Any] = {"label": f"{RUN_LABEL}={yard.run}"}
    api = yard.engine.api
    for container in api.containers(all=True, filters=only):
        api.remove_container(container["Id"], force=True)
    for volume in api.volumes(filters=only)["Volumes"] or ():
        api.remove_volume(volume["Name"])
    for network in api.networks(filters=only):
        api.remove_network(network["Id"])


NONE = {"containers": 0, "volumes": 0, "networks": 0}
ONE = {"containers": 1, "volumes": 1, "networks": 1}
ALL = ["container", "network", "volume"]


@docker
def test_k3_what_a_dead_owner_left_is_removed_and_told(tidy: Yard) -> None:
    with other_process() as (lease, end):
        lay_out(tidy, {LEASE_LABEL: lease})
        assert collected(tidy) == []
        end()
    assert collected(tidy, dry_run=True) == [(kind, "dead") for kind in ALL]
    assert present(tidy) == ONE, "a dry run removes nothing"
    assert collected(tidy) == [(kind, "dead") for kind in ALL]
    assert present(tidy) == NONE
    assert collected(tidy) == []


@docker
def test_k6_what_a_living_owner_has_is_never_touched(tidy: Yard) -> None:
    lay_out(tidy, {})
    with other_process() as (lease, end):
        lay_out(tidy, {LEASE_LABEL: lease})
        assert [collected(tidy, everything=everything) for everything in (False, True)] == [[], []]
        assert present(tidy) == {"containers": 2, "volumes": 2, "networks": 2}
        end()
    assert collected(tidy) == [(kind, "dead") for kind in ALL]
    assert present(tidy) == ONE


@docker
def test_k10_what_a_watchdog_is_about_to_capture_is_left_to_it(tidy: Yard) -> None:
    lease = of_a_dead_process()
    lay_out(tidy, {LEASE_LABEL: lease})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as watchdog:
        named = f"{lease} {tidy.engine.identity}"
        watchdog.bind("\0offswitch-watchdog-" + hashlib.sha256(named.encode()).hexdigest())
        assert collected(tidy, everything=True) == []
    assert collected(tidy) == [(kind, "dead") for kind in ALL]


@docker
def test_what_cannot_be_judged_is_removed_only_on_demand(tidy: Yard) -> None:
    lay_out(tidy, {LEASE_LABEL: "-"})
    assert collected(tidy) == []
    assert collected(tidy, everything=True, dry_run=True) == [(kind, "unknown") for kind in ALL]
    assert collected(tidy, everything=True) == [(kind, "unknown") for kind in ALL]
    assert present(tidy) == NONE


@docker
def test_an_object_that_has_only_a_lease_is_ours_too(tidy: Yard) -> None:
    with other_process() as (lease, end):
        name = f"offswitch-{tidy.run}"
        tidy.engine.api.create_container(
            tidy.image, ["true"], name=name, labels={LEASE_LABEL: lease, NAMESPACE_LABEL: "?"}
        )
        end()
    try:
        names = {one.name for one in collect(connect(), dry_run=True, everything=True)}
        assert name in names
    finally:
        tidy.engine.api.remove_container(name)


@docker
def test_objects_without_our_labels_are_nobodys_business(tidy: Yard) -> None:
    name = f"plain-{tidy.run}"
    tidy.engine.api.create_container(tidy.image, ["true"], name=name)
    try:
        assert name not in {one.name for one in collect(connect(), dry_run=True, everything=True)}
    finally:
        tidy.engine.api.remove_container(name)


@docker
def test_k6_of_two_harnesses_the_death_of_one_costs_the_other_nothing(
    yard: Yard, harness: Starter, eventually: Within
) -> None:
    script = """
    with DockerSandbox.start(open_engine(), spec(f"offswitch-{run}-{os.getpid()}")) as sandbox:
        say("up")
        sys.stdin.readline()
        say(sandbox.exec("echo alive", session="main").stdout)
    """
    one, two = harness(script), harness(script)
    assert (one.line(), two.line()) == ("up", "up")
    one.kill()
    collect(yard.engine)
    eventually(lambda: [one["Names"] for one in yard.present()] == [[f"/offswitch-{yard.run}-{two.pid}"]])
    two.say("go on")
    assert two.line() == "b'alive\\n'"
    two.process.wait(10)
    assert yard.present() == []


@docker
def test_two_sweeps_at_once_do_not_disturb_each_other(tidy: Yard) -> None:
    for _ in range(2):
        lay_out(tidy, {LEASE_LABEL: of_a_dead_process()})
    failures: list[Exception] = []

    def sweep() -> None:
        try:
            collect(tidy.engine)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert present(tidy) == NONE


def orphan(name: str) -> dict[str, Any]:
    boot = own_lease().split(":")[0]
    return {
        "Id": name * 32,
        "Names": [f"/{name}"],
        "Image": "x",
        "Labels": {RUN_LABEL: "r", LEASE_LABEL: f"{boot}:4194999:1"},
    }


def sweeping(answers: dict[str, Answer]) -> Generator[Engine]:
    lists: dict[str, Answer] = {"/networks": (200, []), "/volumes": (200, {"Volumes": None})}
    with engine_that(known({**lists, **answers})) as endpoint, connect(endpoint) as engine:
        yield engine


def test_an_object_that_cannot_be_removed_does_not_keep_the_others() -> None:
    two = [orphan("a"), orphan("b")]
    answers: dict[str, Answer] = {
        "/containers/json": (200, two),
        f"/containers/{'a' * 32}": (500, {"message": "device or resource busy"}),
        f"/containers/{'b' * 32}": (204, ""),
    }
    for engine in sweeping(answers):
        with pytest.raises(EngineFault, match="busy"):
            collect(engine)


@pytest.mark.parametrize("status", [404, 409])
def test_an_object_that_somebody_else_removes_is_no_failure_and_no_catch(status: int) -> None:
    answers: dict[str, Answer] = {
        "/containers/json": (200, [orphan("a")]),
        f"/containers/{'a' * 32}": (status, {"message": "No such container, or removal in progress"}),
    }
    for engine in sweeping(answers):
        assert collect(engine) == []


def test_without_an_engine_there_is_nothing_to_sweep_and_that_is_an_error() -> None:
    with pytest.raises(EngineNotFound):
        collect(connect("unix:///nonexistent/engine.sock"))
