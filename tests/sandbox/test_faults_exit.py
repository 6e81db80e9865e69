"""Rows G10 and D5 of the fault matrix (docs/design/security.md §4.2): why a container failed its caller.

Twelve ends and near-ends are brought about for real, the agent's own tricks among them; each has to be told as what it
was. The engine that is killed is a private second one.
"""

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.records import Blame, ExitReason, LimitHit
from offswitch.sandbox import (
    MIB,
    SEALED,
    DockerSandbox,
    EventHub,
    EvidenceLost,
    ExitFacts,
    ExitWatch,
    Profile,
    SandboxError,
    classify,
    connect,
)

from .private_engine import private_engine
from .yard import Within, Yard

pytestmark = pytest.mark.faults
docker = pytest.mark.docker
SMALL = replace(SEALED, memory_bytes=48 * MIB)
_HOG = "x = bytearray(1 << 30)\nfor i in range(0, 1 << 30, 4096): x[i] = 1"


def hog_in_a_command(sandbox: DockerSandbox, yard: Yard) -> None:
    assert sandbox.exec(["/usr/bin/python3", "-c", _HOG]).signal == signal.SIGKILL


def fill_memory(sandbox: DockerSandbox, yard: Yard) -> None:
    """Files in memory are nobody's to kill. PID 1 is the kernel's last choice; here the host makes it the first."""
    Path(f"/proc/{sandbox.pid}/oom_score_adj").write_text("1000")
    until_it_fails(sandbox, "head -c 60M /dev/zero > /work/fill")


def until_it_fails(sandbox: DockerSandbox, command: str | list[str]) -> None:
    """Call until the container fails its caller."""
    for _ in range(100):
        try:
            sandbox.exec(command, session=None if isinstance(command, list) else "main", timeout_s=5.0)
        except SandboxError:
            return
    raise AssertionError("the container served a hundred calls")


def kill_everybody(sandbox: DockerSandbox, yard: Yard) -> None:
    sandbox.exec("kill -9 -1", session="main")


def fake_a_kill(sandbox: DockerSandbox, yard: Yard) -> None:
    assert sandbox.exec("exit 137", session="main").exit_code == 137
    sandbox.exec("echo 'OOMKilled: true'; kill -9 $$", session="main")


def kill_from_the_host(sandbox: DockerSandbox, yard: Yard) -> None:
    os.kill(sandbox.pid, signal.SIGKILL)


def pause(sandbox: DockerSandbox, yard: Yard) -> None:
    yard.engine.api.pause(sandbox.id)


def fill_the_disk(sandbox: DockerSandbox, yard: Yard) -> None:
    assert not sandbox.exec("head -c 1G /dev/zero > /work/full", session="main").ok


def fork_to_the_limit(sandbox: DockerSandbox, yard: Yard) -> None:
    program = "import os, time\ntry:\n    while os.fork(): pass\n    time.sleep(60)\nexcept OSError: pass"
    assert sandbox.exec(["/usr/bin/python3", "-c", program]).ok


def fall_silent(sandbox: DockerSandbox, yard: Yard) -> None:
    """Nobody renews the lease; the test waits for the end."""


def _silence(_: object) -> None:
    """In the place of what renews the lease."""


def kill_by_ourselves(sandbox: DockerSandbox, yard: Yard) -> None:
    assert sandbox.kill().empty


def remove_by_the_engine(sandbox: DockerSandbox, yard: Yard) -> None:
    yard.engine.api.remove_container(sandbox.id, force=True)


def kill_by_the_engine(sandbox: DockerSandbox, yard: Yard) -> None:
    yard.engine.api.kill(sandbox.id)


def kill_the_listener(sandbox: DockerSandbox, yard: Yard) -> None:
    os.kill(listener_of(sandbox), signal.SIGKILL)


def stop_the_listener(sandbox: DockerSandbox, yard: Yard) -> None:
    os.kill(listener_of(sandbox), signal.SIGSTOP)


def listener_of(sandbox: DockerSandbox) -> int:
    """Host pid of the process that records this container's acts."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            words = (entry / "cmdline").read_bytes().split(b"\0") if (entry / "cmdline").exists() else []
            if words[1:3] == [b"listen", str(sandbox.pid).encode()]:
                return int(entry.name)
    raise AssertionError("the container has no listener")


@dataclass(frozen=True)
class Case:
    deed: Callable[[DockerSandbox, Yard], None]
    reason: ExitReason
    limits: tuple[LimitHit, ...] = ()
    profile: Profile = SEALED
    lease_s: float = 30.0


CASES = {
    "memory runs out in a command": Case(hog_in_a_command, ExitReason.RUNNING, ("memory",), SMALL),
    "memory runs out and takes PID 1": Case(fill_memory, ExitReason.AGENT_OOM, ("memory",), SMALL),
    "the agent kills everybody": Case(kill_everybody, ExitReason.RUNNING),
    "the agent fakes a kill": Case(fake_a_kill, ExitReason.RUNNING),
    "killed from the host": Case(kill_from_the_host, ExitReason.HOST_KILL),
    "paused by somebody": Case(pause, ExitReason.PAUSED),
    "the agent fills the disk": Case(fill_the_disk, ExitReason.RUNNING, ("disk",)),
    "the agent forks to the limit": Case(fork_to_the_limit, ExitReason.RUNNING, ("processes",)),
    "the lease runs out": Case(fall_silent, ExitReason.LEASE_OVER, lease_s=1.0),
    "our own kill": Case(kill_by_ourselves, ExitReason.OUR_KILL),
    "removed by somebody": Case(remove_by_the_engine, ExitReason.REMOVED),
    "killed by the engine for somebody": Case(kill_by_the_engine, ExitReason.ENGINE_KILL),
    "its listener is killed": Case(kill_the_listener, ExitReason.LISTENER_LOST),
    "its listener is stopped": Case(stop_the_listener, ExitReason.LISTENER_LOST),
}


@docker
@pytest.mark.parametrize("name", CASES)
def test_g10_each_end_is_told_as_what_it_was(
    name: str, yard: Yard, hub: EventHub, eventually: Within, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    sandbox = yard.start(case.profile, lease_s=case.lease_s)
    watch = ExitWatch.begin(sandbox, hub)
    assert classify(watch.facts()) is ExitReason.RUNNING
    if case.lease_s < 30:
        monkeypatch.setattr("offswitch.sandbox._link.Link.renew", _silence)
    case.deed(sandbox, yard)
    if case.reason not in (ExitReason.RUNNING, ExitReason.PAUSED):
        eventually(lambda: not sandbox.alive, 5.0)
    facts = watch.facts()
    assert (classify(facts), facts.limits) == (case.reason, case.limits), facts
    if case.reason is ExitReason.PAUSED:
        yard.engine.api.unpause(sandbox.id)


@docker
@pytest.mark.timeout(180)
def test_g10_an_engine_that_began_anew_is_told_as_what_took_the_container_along(yard: Yard) -> None:
    """While it is down the container goes on and is served; when it comes back it ends what it finds."""
    with private_engine() as private, ExitStack() as open_now:
        engine = open_now.enter_context(connect(private.endpoint, timeout_s=5.0))
        hub = EventHub(engine)
        open_now.callback(hub.close)
        assert hub.wait_live()
        sandbox = DockerSandbox.start(engine, yard.spec())
        watch = ExitWatch.begin(sandbox, hub)
        private.kill()
        assert sandbox.exec("echo served", session="main").stdout == b"served\n"
        assert classify(watch.facts()) is ExitReason.RUNNING
        private.start()
        until_it_fails(sandbox, "sleep 0.1")
        assert classify(watch.facts()) is ExitReason.ENGINE_LOST, watch.facts()
        sandbox.close()
        assert hub.wait_live(10.0)
        assert hub.gaps > watch.gaps


@docker
@pytest.mark.parametrize("deed", [kill_the_listener, stop_the_listener], ids=lambda deed: deed.__name__)
def test_d5_a_container_whose_listener_is_gone_is_dead_within_a_second_though_nobody_calls(
    yard: Yard, eventually: Within, deed: Callable[[DockerSandbox, Yard], None]
) -> None:
    """The agent's programs have stopped by then: nothing mediated happens without its record."""
    sandbox = yard.start()
    sandbox.serve("starter", ["/bin/bash", "-c", "while :; do /bin/date +%s%N > /work/clock; done"])
    eventually(lambda: sandbox.evidence.files.read("/work/clock"))
    deed(sandbox, yard)
    eventually(lambda: not sandbox.alive, 1.0)
    with pytest.raises(SandboxError):
        sandbox.exec(["/bin/true"])
    assert sandbox.evidence.acts.was_killed
    assert isinstance(sandbox.evidence.acts.fault(), EvidenceLost)


@docker
def test_d5_a_container_with_its_listener_lives_on(yard: Yard) -> None:
    """The positive control of the one before: the sentry looks several times and ends nothing."""
    sandbox = yard.start()
    for _ in range(20):
        assert sandbox.exec("sleep 0.1", session="main").ok
    assert sandbox.alive
    assert not sandbox.evidence.acts.was_killed


facts = st.builds(
    ExitFacts,
    alive=st.booleans(),
    frozen=st.booleans(),
    killed_by_us=st.booleans(),
    listener_lost=st.booleans(),
    listener_failed=st.booleans(),
    record_full=st.booleans(),
    oom_kills=st.none() | st.integers(0, 3),
    forks_refused=st.none() | st.integers(0, 3),
    full_places=st.sampled_from([(), ("/work",)]),
    status=st.none() | st.sampled_from([0, 1, 70, 137, 139, 143]),
    actions=st.lists(st.sampled_from(["oom", "die", "kill", "stop", "destroy", "pause", "exec_create"])).map(tuple),
    engine_answers=st.booleans(),
    engine_broke=st.booleans(),
    known_to_engine=st.booleans(),
)


@given(facts)
def test_g10_what_may_be_the_agents_doing_never_earns_another_attempt(facts: ExitFacts) -> None:
    reason = classify(facts)
    by_outside = facts.listener_lost or (facts.alive and facts.frozen)
    if facts.record_full or ("memory" in facts.limits and facts.status in (None, 137) and not by_outside):
        assert not reason.proven
    if facts.oom_kills is None and facts.status == 137 and not facts.alive:
        assert reason is not ExitReason.HOST_KILL


@given(facts)
def test_g10_every_end_has_somebody_to_blame_or_is_unknown(facts: ExitFacts) -> None:
    reason = classify(facts)
    if facts.record_full or facts.listener_lost or facts.listener_failed:
        return
    assert facts.alive == (reason in (ExitReason.RUNNING, ExitReason.PAUSED))
    assert facts.alive or reason.blame is not Blame.NOBODY
