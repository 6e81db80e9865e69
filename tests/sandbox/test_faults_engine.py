"""Rows G1 to G4 of the fault matrix (docs/design/security.md §4.2): the engine dies, is ended, loses parts or hangs.

All of it happens to a private second engine. What is asked each time: does the call under way go on, does the kill
work while there is no engine, is the end told as the infrastructure's, and is nothing left afterwards.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest

from offswitch.records import Blame
from offswitch.sandbox import (
    ContainerGone,
    DockerSandbox,
    Engine,
    EngineError,
    EngineTimeout,
    EventHub,
    ExitWatch,
    classify,
    connect,
)
from offswitch.sandbox._making import remove
from offswitch.sandbox._warden import warden

from .private_engine import PrivateEngine, private_engine
from .yard import Harness, Starter, Within, Yard

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]
MODES = [(), ("--live-restore",)][: int(os.environ.get("OFFSWITCH_ENGINE_MODES", "1"))]
"""Options of the engine: whether its containers are to outlive it. The plain one in ``make test``, both in full."""
PATIENCE_S = 2.0
"""Deadline of each call to the private engine."""
DEAF = "trap '' TERM INT HUP; while :; do sleep 0.01; done"


@pytest.fixture(scope="module")
def running() -> Generator[PrivateEngine]:
    with private_engine() as engine:
        yield engine


@pytest.fixture
def private(running: PrivateEngine) -> PrivateEngine:
    """Up, whatever the test before did to it."""
    if not running.answers:
        running.kill()
        running.start()
    return running


@pytest.fixture
def there(private: PrivateEngine) -> Generator[Engine]:
    with connect(private.endpoint, timeout_s=PATIENCE_S) as engine:
        yield engine


@pytest.fixture
def spare(own_watchdog: None, there: Engine, image: str, supervisor: Path, tmp_path: Path) -> Generator[Yard]:
    """Containers on the private engine."""
    yard = Yard(there, image, supervisor, tmp_path)
    yield yard
    yard.close()


@pytest.fixture
def watch(there: Engine) -> Generator[Callable[[DockerSandbox], ExitWatch]]:
    hub = EventHub(there)
    assert hub.wait_live()
    yield lambda sandbox: ExitWatch.begin(sandbox, hub)
    hub.close()


def until_gone(sandbox: DockerSandbox, within_s: float = 15.0) -> None:
    """Call until the container is dead."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            sandbox.exec(["/bin/sleep", "0.05"])
        except ContainerGone:
            return
    raise AssertionError(f"it still serves after {within_s} s")


def dead_within_a_second(sandbox: DockerSandbox) -> None:
    report = sandbox.kill()
    assert (report.route, report.survivors) == ("cgroup.kill", ())
    assert report.latency_s < 1.0


HARNESS = """
sandbox = DockerSandbox.start(open_engine(), spec("offswitch-doomed"))
sandbox.serve("deaf", ["/bin/bash", "-c", "trap '' TERM INT HUP; while :; do sleep 0.01; done"])
say(sandbox.pid)
sys.stdin.readline()
say(sandbox.kill().route)
try:
    sandbox.close()
except EngineError as error:
    say(type(error).__name__)
"""


@pytest.mark.parametrize("options", MODES)
def test_g1_a_kill_needs_no_engine_and_what_stayed_is_swept_when_it_is_back(
    private: PrivateEngine, spare: Yard, harness: Starter, eventually: Within, options: tuple[str, ...]
) -> None:
    if options:
        private.restart(*options)
    doomed: Harness = harness(HARNESS.replace("offswitch-doomed", f"offswitch-{spare.run}"), private.endpoint)
    pid = int(doomed.line())
    private.kill()
    doomed.say("go on")
    started = time.monotonic()
    assert (doomed.line(), doomed.line()) == ("cgroup.kill", "EngineNotFound")
    assert time.monotonic() - started < 2.0
    assert not Path(f"/proc/{pid}").exists()
    assert doomed.process.wait(10) == 0
    private.start(*options)
    eventually(lambda: not labelled(private), 15.0)
    if options:
        private.restart()


def labelled(private: PrivateEngine) -> list[str]:
    """Whatever of ours the private engine knows."""
    with connect(private.endpoint) as engine:
        found = engine.api.containers(all=True, filters={"label": "offswitch.lease"})
        found += engine.api.networks(filters={"label": "offswitch.lease"})
    return [str(one) for one in found]


@pytest.mark.parametrize("options", MODES)
def test_g1_a_call_under_way_ends_as_if_nothing_had_happened_and_the_gap_is_noticed(
    private: PrivateEngine, spare: Yard, watch: Callable[[DockerSandbox], ExitWatch], options: tuple[str, ...]
) -> None:
    """Without live-restore the engine ends the container when it is back; with it, it finds it and goes on."""
    if options:
        private.restart(*options)
    sandbox = spare.start()
    exits = watch(sandbox)
    timer = threading.Timer(0.3, private.kill)
    timer.start()
    assert sandbox.exec("sleep 0.8; echo done", session="main").stdout == b"done\n"
    timer.join()
    assert not private.runs
    assert sandbox.write("/work/on", b"goes on") == 0
    private.start(*options)
    if options:
        assert sandbox.exec("echo still here", session="main").stdout == b"still here\n"
        assert exits.hub.wait_live(10.0)
        dead_within_a_second(sandbox)
    else:
        until_gone(sandbox)
        assert classify(exits.facts()).blame is Blame.INFRA, exits.facts()
    assert exits.hub.gaps > exits.gaps, "nobody knows what the engine did meanwhile"
    sandbox.close()
    assert labelled(private) == []
    if options:
        private.restart()


def test_g2_an_engine_that_is_ended_takes_the_container_along_and_not_the_call_that_the_kill_is(
    private: PrivateEngine, spare: Yard, watch: Callable[[DockerSandbox], ExitWatch]
) -> None:
    sandbox = spare.start()
    spared = spare.start()
    exits = watch(sandbox)
    private.signal(signal.SIGTERM)
    halted = spared.kill()
    assert (halted.survivors, halted.latency_s < 1.0) == ((), True)
    until_gone(sandbox)
    private.wait()
    assert classify(exits.facts()).blame is Blame.INFRA, exits.facts()
    private.start()
    sandbox.close()
    spared.close()
    assert labelled(private) == []


def test_g3_without_containerd_the_container_is_served_and_killed(private: PrivateEngine, spare: Yard) -> None:
    sandbox = spare.start()
    os.kill(private.containerd(), signal.SIGKILL)
    assert sandbox.exec("echo served", session="main").stdout == b"served\n"
    dead_within_a_second(sandbox)
    with pytest.raises(EngineError):  # the engine waits for its other half to tell of the end
        sandbox.close()
    private.kill()
    private.start()
    assert is_gone(spare, sandbox)
    spare.start().close()
    assert labelled(private) == []


def is_gone(yard: Yard, sandbox: DockerSandbox) -> bool:
    """Ask the engine once more to let go of a container."""
    try:
        remove(yard.engine, sandbox.spec.name, sandbox.id, warden(yard.engine))
    except EngineError:
        return False
    return True


def test_g3_a_container_that_loses_its_shim_is_dead_and_that_is_nobodys_choice(
    private: PrivateEngine, spare: Yard, watch: Callable[[DockerSandbox], ExitWatch], eventually: Within
) -> None:
    sandbox = spare.start()
    exits = watch(sandbox)
    os.kill(private.shim(sandbox.id), signal.SIGKILL)
    until_gone(sandbox)
    eventually(lambda: sandbox.exit_state()["Status"] != "running", 20.0)  # a busy engine takes a while to notice
    reason = classify(exits.facts())
    assert (reason.blame, reason.proven) == (Blame.INFRA, True), exits.facts()
    sandbox.close()
    assert labelled(private) == []


@pytest.fixture
def still(private: PrivateEngine) -> Generator[Callable[[], None]]:
    """Makes the engine stand still; it goes on when the test is over."""
    yield lambda: private.signal(signal.SIGSTOP)
    private.signal(signal.SIGCONT)


def test_g4_an_engine_that_stands_still_keeps_nobody_from_working_and_no_kill_waiting(
    private: PrivateEngine, spare: Yard, still: Callable[[], None]
) -> None:
    one, other = spare.start(), spare.start()
    one.serve("deaf", ["/bin/bash", "-c", DEAF])
    still()
    dead_within_a_second(one)
    for number in range(20):
        assert other.exec(f"echo {number}", session="main").stdout == f"{number}\n".encode()
    started = time.monotonic()
    with pytest.raises(EngineTimeout):
        one.close()
    with pytest.raises(EngineTimeout):
        spare.start()
    assert time.monotonic() - started < 2 * PATIENCE_S + 1.0
    assert other.exec(["/bin/echo", "on"]).stdout == b"on\n"
    private.signal(signal.SIGCONT)
    other.close()


def test_g4_what_was_asked_of_an_engine_that_stood_still_does_not_stay(
    private: PrivateEngine, spare: Yard, still: Callable[[], None], harness: Starter, eventually: Within
) -> None:
    """It makes the container when it goes on; by then nobody wants it."""
    doomed = harness(LATE.replace("offswitch-late", f"offswitch-{spare.run}"), private.endpoint)
    assert doomed.line() == "ready"
    still()
    doomed.say("start")
    assert doomed.line() == "EngineTimeout"
    assert doomed.process.wait(10) == 0
    private.signal(signal.SIGCONT)
    eventually(lambda: not labelled(private) and not sweeps(doomed.pid), 20.0)
    assert labelled(private) == []


LATE = """
engine = connect(endpoint, timeout_s=1.0)
warden(engine).stand_by()
engine.told
say("ready")
sys.stdin.readline()
try:
    DockerSandbox.start(engine, spec("offswitch-late"))
except EngineError as error:
    say(type(error).__name__)
"""


def sweeps(harness: int) -> bool:
    """Whether the watchdog of a harness is still at work."""
    marked = f":{harness}:"
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and b"_watchdog.py" in (text := (entry / "cmdline").read_bytes()):
                if marked.encode() in text:
                    return True
    return False


def test_g4_a_container_whose_interface_is_locked_is_killed_and_costs_the_others_nothing(
    private: PrivateEngine, spare: Yard
) -> None:
    """Somebody copies a folder out of it, stops reading and holds on: each call about that container waits for them."""
    locked, other = spare.start(), spare.start()
    with socket.socket(socket.AF_UNIX) as held:
        held.connect(private.endpoint.removeprefix("unix://"))
        held.sendall(f"GET /containers/{locked.id}/archive?path=/usr HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert held.recv(12) == b"HTTP/1.1 200"
        with pytest.raises(EngineTimeout):
            locked.exit_state()
        dead_within_a_second(locked)
        started = time.monotonic()
        with pytest.raises(EngineTimeout):
            locked.close()
        assert time.monotonic() - started < PATIENCE_S + 1.0
        assert other.exec("echo on", session="main").stdout == b"on\n"
        other.close()
        spare.start().close()
    assert is_gone(spare, locked)
    assert labelled(private) == []
