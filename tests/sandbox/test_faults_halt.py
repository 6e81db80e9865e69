"""The kill ladder without the engine, rung by rung, and what the report of a halt says was done after the order."""

import time
from typing import Any

import pytest

from offswitch.sandbox import DockerSandbox, EngineFault
from offswitch.sandbox._cgroup import Cgroup
from offswitch.sandbox._halt import halt

from .yard import Within, Yard

pytestmark = [pytest.mark.docker, pytest.mark.faults]


def no(*_: Any) -> bool:
    return False


def nothing_to_ask() -> None:
    raise EngineFault("killing the container", "x", "the engine is down")


@pytest.fixture
def busy(yard: Yard, eventually: Within) -> DockerSandbox:
    """A container that starts programs as fast as it can, and ignores every polite signal."""
    sandbox = yard.start()
    loop = "trap '' TERM INT HUP; while :; do /bin/true; done"
    for number in range(3):
        sandbox.serve(f"busy{number}", ["/bin/bash", "-c", loop])
    eventually(lambda: (sandbox.evidence.acts.begun_since(0) or 0) > 20, 20)
    return sandbox


def test_the_first_rung_is_the_kernels_own_kill(busy: DockerSandbox) -> None:
    report = busy.kill()
    assert (report.route, report.survivors) == ("cgroup.kill", ())
    assert report.latency_s < 1.0


def test_the_second_rung_is_the_first_process(busy: DockerSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cgroup, "kill", no)
    report = busy.kill()
    assert (report.route, report.survivors) == ("pid1", ())


def test_the_third_rung_is_the_engine(busy: DockerSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cgroup, "kill", no)
    monkeypatch.setattr("offswitch.sandbox._halt.signal_process", no)
    report = busy.kill()
    assert (report.route, report.survivors) == ("engine", ())


def test_a_ladder_without_a_rung_that_holds_names_who_survived(
    busy: DockerSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offswitch.sandbox._halt.signal_process", no)
    cgroup = busy.evidence.cgroup
    with monkeypatch.context() as blunt:
        blunt.setattr(Cgroup, "kill", no)
        report = halt(cgroup, -1, nothing_to_ask)
    assert report.route == "none"
    assert not report.empty
    assert busy.pid in report.survivors


def test_what_was_begun_after_the_order_is_counted(busy: DockerSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rung breaks only after a while, in which the programs go on."""

    def slow(_: Cgroup) -> bool:
        time.sleep(0.3)
        return False

    monkeypatch.setattr(Cgroup, "kill", slow)
    report = busy.kill()
    assert report.route == "pid1"
    assert report.latency_s > 0.3
    assert report.acts_after_order is not None
    assert report.acts_after_order > 20
    assert report.cpu_ns_after_order is not None
    assert report.cpu_ns_after_order > 50_000_000


@pytest.mark.parametrize("quiet", [True, False])
def test_a_container_at_rest_does_nothing_after_the_order(yard: Yard, quiet: bool) -> None:
    sandbox = yard.start()
    if not quiet:
        sandbox.exec("for i in 1 2 3; do /bin/true; done", session="main")
    report = sandbox.kill()
    assert (report.acts_after_order, report.survivors) == (0, ())


def test_without_a_record_of_acts_it_is_unknown_what_was_begun(busy: DockerSandbox, eventually: Within) -> None:
    busy.evidence.acts.end()
    eventually(lambda: not busy.alive)
    assert busy.kill().acts_after_order is None


def test_what_nobody_could_read_after_the_order_is_unknown_and_not_nothing(
    busy: DockerSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control group that is gone before anybody looks again tells nothing."""
    told = iter([7_000_000])

    def once(_: Cgroup) -> int | None:
        return next(told, None)

    monkeypatch.setattr(Cgroup, "cpu_ns", once)
    report = busy.kill()
    assert report.empty
    assert report.cpu_ns_after_order is None
