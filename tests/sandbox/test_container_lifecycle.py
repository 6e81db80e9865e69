"""From the start of a container to its end: what a caller can rely on, and that nothing stays."""

import gc
import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offswitch.sandbox import (
    SEALED,
    Cgroup,
    ContainerGone,
    DockerSandbox,
    Engine,
    EngineFault,
    Entry,
    ImageError,
    Place,
    SandboxError,
    StartFailed,
    connect,
)
from offswitch.sandbox._lease import LEASE_LABEL, own_lease
from offswitch.sandbox._making import remove
from offswitch.sandbox._warden import warden

from .yard import Within, Yard, proxy

pytestmark = pytest.mark.docker


def test_a_container_carries_the_labels_of_its_run_and_owner(yard: Yard) -> None:
    yard.start()
    (found,) = yard.present()
    assert found["Labels"]["offswitch.run"] == yard.run
    assert found["Labels"]["offswitch.role"] == "agent"
    assert found["Labels"][LEASE_LABEL] == own_lease()
    assert found["Labels"]["offswitch.created"].startswith("20")


def test_a_caller_without_a_run_still_gets_an_owner_and_a_guard(yard: Yard) -> None:
    sandbox = yard.start(labels={})
    labels = yard.engine.api.inspect_container(sandbox.id)["Config"]["Labels"]
    assert (labels["offswitch.run"], labels[LEASE_LABEL]) == ("unnamed", own_lease())
    assert warden(yard.engine).pid is not None


def test_labels_of_the_caller_cannot_name_another_owner(yard: Yard) -> None:
    sandbox = yard.start(labels={LEASE_LABEL: "somebody:1:2"})
    labels = yard.engine.api.inspect_container(sandbox.id)["Config"]["Labels"]
    assert labels[LEASE_LABEL] == own_lease()


def test_closing_removes_the_container_and_closing_twice_is_fine(yard: Yard) -> None:
    sandbox = yard.start()
    assert len(yard.present()) == 1
    sandbox.close()
    sandbox.close()
    assert yard.present() == []
    with pytest.raises(ContainerGone):
        sandbox.exec("true")


def _held(yard: Yard) -> tuple[int, int, set[str]]:
    # How many idle connections the client pools depends on who asked at the same time.
    yard.engine.close()
    gc.collect()
    children = set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), children


def test_nothing_stays_after_many_containers(yard: Yard) -> None:
    """Descriptors, threads, processes and files are as many as before."""
    yard.start().close()
    before = _held(yard)
    for _ in range(6):
        with DockerSandbox.start(yard.engine, yard.spec()) as sandbox:
            sandbox.exec("echo x", session="main")
            sandbox.evidence.files.scan()
            sandbox.evidence.acts.take()
    assert _held(yard) == before
    assert list(yard.folder.iterdir()) == []
    assert yard.present() == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"image": "sha256:" + "0" * 64}, ImageError),
        ({"supervisor": Path("/bin/true")}, StartFailed),
        ({"supervisor": Path("/nonexistent/agentd")}, EngineFault),
        ({"profile": replace(SEALED, home="/work", pids=1)}, SandboxError),
        ({"profile": replace(SEALED, places=(*SEALED.places, Place("/srv", 1 << 20, seeded=True)))}, StartFailed),
        ({"scratch": Path("/nonexistent")}, FileNotFoundError),
    ],
    ids=["no image", "another program", "no program", "no room for a shell", "nothing to fill a place with", "no log"],
)
def test_a_start_that_fails_leaves_nothing(yard: Yard, change: dict[str, Any], error: type[Exception]) -> None:
    before = _held(yard)
    with pytest.raises(error):
        yard.start(**change)
    assert yard.present() == []
    assert _held(yard)[0] <= before[0] + 2, "the connection to the engine and to the watchdog may be new"
    assert not Path("/nonexistent").exists()


@pytest.mark.parametrize(
    ("change", "entries"),
    [({"supervisor": Path("/bin/true")}, []), ({}, [Entry("/proc/of-its-own", data=b"x")])],
    ids=["its program", "its world"],
)
def test_a_start_that_fails_tells_its_own_cause_where_the_removal_fails_too(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], entries: list[Entry]
) -> None:
    def busy(_: Engine, name: str, container_id: str) -> None:
        raise EngineFault("removing the container", name, f"{container_id} is busy")

    spec = yard.spec(**change)
    monkeypatch.setattr(Engine, "remove_container", busy)
    with pytest.raises(StartFailed, match=spec.name):
        DockerSandbox.start(yard.engine, spec, entries)
    monkeypatch.undo()
    (left,) = yard.present()
    remove(yard.engine, spec.name, left["Id"], warden(yard.engine))


def test_two_containers_do_not_see_each_other(yard: Yard) -> None:
    one, two = yard.start(), yard.start()
    one.write("/work/mine", b"1")
    one.serve("sleeper", ["/bin/sleep", "5001"])
    assert two.read("/work/mine").error == 2
    assert b"5001" not in two.exec("cat /proc/*/cmdline").stdout
    assert {p.host_pid for p in one.evidence.processes.scan()}.isdisjoint(
        p.host_pid for p in two.evidence.processes.scan()
    )


def test_a_polite_stop_ends_the_agents_processes_and_spares_what_the_harness_runs(
    yard: Yard, eventually: Within
) -> None:
    sandbox = yard.start()
    sandbox.serve("operator", ["/bin/sleep", "5002"], as_agent=False)
    sandbox.exec("sleep 5003 & bash -c 'trap \"\" TERM; touch /tmp/armed; sleep 5004' &", session="main")
    eventually(lambda: sandbox.evidence.files.read("/tmp/armed") is not None)
    stopped = sandbox.stop_agent(1.0)
    left = {process.argv[-1] for process in stopped.remaining}
    assert "5003" not in left
    assert "5002" in left
    assert any("5004" in text for text in left), "whoever ignores the signal is named"
    assert 1.0 <= stopped.latency_s < 3
    assert sandbox.alive


def test_a_polite_stop_that_everybody_obeys_waits_for_nothing(yard: Yard) -> None:
    sandbox = yard.start()
    sandbox.serve("worker", ["/bin/sleep", "5005"])
    sandbox.exec("exec sleep 5006 >/dev/null &", session="side")
    stopped = sandbox.stop_agent(10.0)
    assert [process for process in stopped.remaining if process.comm == "sleep"] == []
    assert stopped.latency_s < 10


def test_the_kill_empties_the_container_and_says_how(yard: Yard) -> None:
    sandbox = yard.start()
    sandbox.exec("for n in 1 2 3 4 5 6 7 8 9 10; do (trap '' TERM INT HUP; sleep 100) & done", session="main")
    ordered = time.monotonic_ns()
    report = sandbox.kill()
    assert (report.route, report.empty, report.survivors) == ("cgroup.kill", True, ())
    assert ordered <= report.order_mono_ns <= time.monotonic_ns()
    assert 0 < report.latency_s < 2
    assert sandbox.kill() is report
    assert not sandbox.alive
    assert sandbox.exit_state()["Status"] in ("exited", "running")


def test_a_kill_tells_the_processor_time_used_after_the_order(yard: Yard) -> None:
    # On a busy machine the engine may take the empty group away before anybody reads it: that kill tells nothing.
    told = (yard.start().kill().cpu_ns_after_order for _ in range(5))
    assert next((used for used in told if used is not None), -1) >= 0


def test_where_the_kernel_cannot_kill_a_group_its_first_process_is_killed(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = yard.start()

    def cannot(_: Cgroup) -> bool:
        return False

    monkeypatch.setattr(Cgroup, "kill", cannot)
    report = sandbox.kill()
    assert (report.route, report.empty) == ("pid1", True)


def test_a_frozen_container_can_be_killed(yard: Yard) -> None:
    sandbox = yard.start()
    sandbox.serve("sleeper", ["/bin/sleep", "100"])
    assert sandbox.evidence.cgroup.freeze()
    report = sandbox.kill()
    assert (report.route, report.empty) == ("cgroup.kill", True)


def test_a_container_that_somebody_paused_can_be_killed(yard: Yard) -> None:
    sandbox = yard.start()
    yard.engine.api.pause(sandbox.id)
    report = sandbox.kill()
    assert report.empty
    assert report.latency_s < 2


@contextmanager
def _stopped(pid: int) -> Generator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_the_kill_needs_no_engine(yard: Yard, tmp_path: Path) -> None:
    """The engine is reached through a process that stands still: every call to it would wait for ever."""
    with proxy(yard.engine, tmp_path) as (endpoint, pid), connect(endpoint) as engine:
        sandbox = DockerSandbox.start(engine, yard.spec())
        try:
            with _stopped(pid):
                started = time.monotonic()
                report = sandbox.kill()
                assert (report.route, report.empty) == ("cgroup.kill", True)
                assert time.monotonic() - started < 1
        finally:
            sandbox.close()
    assert yard.present() == []


def test_a_call_needs_no_engine_either(yard: Yard, tmp_path: Path) -> None:
    """Requests and answers go past it; only the dead-man's stream still leads through."""
    with proxy(yard.engine, tmp_path) as (endpoint, pid), connect(endpoint) as engine:
        sandbox = DockerSandbox.start(engine, yard.spec())
        with _stopped(pid):
            assert sandbox.exec("echo on", session="main").stdout == b"on\n"
            assert sandbox.write("/work/file", b"x" * 300_000) == 0
            assert sandbox.read("/work/file").size == 300_000
        sandbox.close()


def test_the_agent_finds_no_way_to_the_harness_in_its_own_descriptors(yard: Yard) -> None:
    sandbox = yard.start()
    for command in ("ls -l /proc/self/fd", "exec 2>&1; ls -l /proc/1/fd; true"):
        said = sandbox.exec(command, session="main").stdout.decode()
        assert "socket:" not in said
    assert b"socket:" not in sandbox.exec(["/bin/ls", "-l", "/proc/self/fd"]).stdout


def test_a_container_whose_first_process_was_killed_is_gone_for_its_caller(yard: Yard) -> None:
    sandbox = yard.start()
    os.kill(sandbox.pid, signal.SIGKILL)
    with pytest.raises(ContainerGone):
        sandbox.exec("sleep 5", timeout_s=10)
    assert not sandbox.alive
    assert sandbox.exit_state()["ExitCode"] in (137, 0)


def test_a_command_under_way_notices_at_once_that_its_container_died(yard: Yard) -> None:
    sandbox = yard.start()
    timer = threading.Timer(0.3, lambda: os.kill(sandbox.pid, signal.SIGKILL))
    timer.start()
    started = time.monotonic()
    with pytest.raises(ContainerGone):
        sandbox.exec("sleep 100", timeout_s=100)
    assert time.monotonic() - started < 5
    timer.join()


def test_a_mechanism_that_takes_its_time_does_not_cost_the_lease(yard: Yard) -> None:
    sandbox = yard.start(lease_s=3.0)
    waited: list[float] = []

    def tick(_: float) -> None:
        if not waited:
            waited.append(4.0)
            time.sleep(4.0)

    assert sandbox.exec("echo served", tick=tick).stdout == b"served\n"
    assert sandbox.alive


def test_several_threads_may_each_use_their_own_container(yard: Yard) -> None:
    outcomes: dict[int, bytes] = {}

    def live(number: int) -> None:
        with DockerSandbox.start(yard.engine, yard.spec()) as sandbox:
            for _ in range(20):
                outcomes[number] = sandbox.exec(f"echo {number}", session="main").stdout

    threads = [threading.Thread(target=live, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {number: f"{number}\n".encode() for number in range(4)}


def test_a_container_outlives_the_thread_that_started_it(yard: Yard) -> None:
    made: list[DockerSandbox] = []
    thread = threading.Thread(target=lambda: made.append(yard.start()))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert made[0].exec("echo alive", session="main").stdout == b"alive\n"
    assert made[0].evidence.acts.alive
