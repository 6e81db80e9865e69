"""A harness that dies at any moment leaves nothing running, nothing lying about, and a note of what there was."""

import hashlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from offswitch.sandbox import DockerSandbox, StartFailed, connect
from offswitch.sandbox._warden import warden

from .yard import Harness, Starter, Within, Yard, proxy

pytestmark = pytest.mark.docker

KILLS = int(os.environ.get("OFFSWITCH_KILLS", "20"))
"""How many harnesses are killed at random; 300 bound the chance of a leak by 1 % with 95 % confidence."""

BUSY = """
    sandbox = DockerSandbox.start(open_engine(), spec(f"offswitch-{run}-{os.getpid()}"))
    say(sandbox.pid, warden(sandbox._engine).pid)
"""
"""A harness with one container, which tells the host's numbers of its first process and of its watchdog."""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def numbers(harness: Harness) -> tuple[int, int]:
    init, watchdog = map(int, harness.line().split())
    assert alive(init)
    assert alive(watchdog)
    return init, watchdog


def watchdogs_of(pids: set[int]) -> list[int]:
    """Watchdog processes that answer for a harness with one of these numbers."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                if len(arguments) > 6 and arguments[3].endswith(b"_watchdog.py"):
                    owner = int(arguments[6].split(b":")[1])
                    found += [int(entry.name)] if owner in pids else []
    return found


NURSERY = """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sandbox = DockerSandbox.start(open_engine(), spec(f"offswitch-{run}-{os.getpid()}"))
            while True:
                sandbox.exec("sleep 100 & echo x > f$RANDOM; (setsid sleep 200 &)", session="main")
                sandbox.exec(["/bin/true"])
                sandbox.write("/work/x", b"y")
                sandbox.evidence.files.scan()
        say(pid)
"""
"""Bears harnesses that are already awake, so that a killing costs no start of an interpreter."""


@pytest.mark.timeout(1800)
def test_k1_a_harness_killed_at_any_moment_leaves_nothing(
    yard: Yard, harness: Starter, eventually: Within, trials: Callable[[int], int]
) -> None:
    nursery = harness(NURSERY)
    moments = random.Random(20)
    killed: set[int] = set()
    doomed: list[tuple[float, int]] = []
    wanted = trials(KILLS)
    while len(killed) < wanted:
        while len(doomed) < 3 and len(doomed) + len(killed) < wanted:
            nursery.say("another")
            doomed.append((time.monotonic() + moments.uniform(0.0, 1.2), int(nursery.line())))
        moment, pid = min(doomed)
        time.sleep(max(0.0, moment - time.monotonic()))
        os.kill(pid, signal.SIGKILL)
        doomed.remove((moment, pid))
        killed.add(pid)
    eventually(lambda: not yard.present(), 10)
    eventually(lambda: not watchdogs_of(killed), 15)
    assert yard.present() == []


def test_k1_the_containers_first_process_dies_within_a_second_of_the_harness(
    harness: Starter, eventually: Within
) -> None:
    one = harness(BUSY + "    time.sleep(1000)")
    init, watchdog = numbers(one)
    one.kill()
    eventually(lambda: not alive(init), 1.5)
    eventually(lambda: not alive(watchdog), 15)


def test_k10_what_stood_there_is_taken_down_before_the_kill(yard: Yard, harness: Starter, eventually: Within) -> None:
    script = """
    quarantine = Path(folder) / "kept"
    sandbox = DockerSandbox.start(open_engine(), spec(f"offswitch-{run}-x", quarantine=quarantine))
    sandbox.write("/work/secret plan", b"the plan")
    sandbox.exec("ln -s /etc/shadow link; (exec -a disguise sleep 9001) & mkdir deep; echo x > deep/f", session="main")
    say("ready")
    time.sleep(1000)
    """
    one = harness(script)
    assert one.line() == "ready"
    one.kill()
    eventually(lambda: not yard.present(), 10)
    eventually(lambda: len(list((yard.folder / "kept").glob("*.json"))) == 2, 10)
    (capture,) = (yard.folder / "kept").glob("offswitch-*.json")
    found = json.loads(capture.read_text())
    files = {one["path"]: one for one in found["files"]}
    assert found["frozen"] is True
    assert files["/work/secret plan"]["sha256"] == hashlib.sha256(b"the plan").hexdigest()
    assert files["/work/link"]["target"] == "/etc/shadow"
    assert files["/work/deep/f"]["size"] == 2
    assert found["unread"] == []
    assert found["notes"] == []
    assert ["disguise", "9001"] in [process["argv"] for process in found["processes"]]
    assert "/usr/bin/sleep" in [process.get("exe") for process in found["processes"]]
    assert capture.stat().st_mode & 0o777 == 0o600
    (report,) = (yard.folder / "kept").glob("watchdog-*.json")
    swept = json.loads(report.read_text())
    assert len(swept["removed"]) == 1
    assert swept["faults"] == []


def test_k10_a_hostile_tree_delays_no_kill(yard: Yard, harness: Starter, eventually: Within) -> None:
    script = """
    sandbox = DockerSandbox.start(open_engine(), spec(f"offswitch-{run}-x"))
    deep = "import os\\nfor _ in range(500): os.mkdir('d'); os.chdir('d')"
    wide = "for n in range(15000): open(f'/work/{n}', 'w').close()"
    for program in (deep, wide):
        sandbox.exec(["/usr/bin/python3", "-c", program])
    sandbox.serve("bomb", ["/usr/bin/python3", "-c", "import os\\nwhile 1:\\n try: os.fork()\\n except OSError: pass"])
    time.sleep(0.3)
    say(sandbox.pid)
    time.sleep(1000)
    """
    one = harness(script)
    init = int(one.line())
    one.kill()
    eventually(lambda: not alive(init), 4)
    eventually(lambda: not yard.present(), 10)
    (capture,) = (yard.folder / "quarantine").glob("offswitch-*.json")
    assert json.loads(capture.read_text())["unread"], "what was not read is said"


def test_k2_without_its_watchdog_a_container_still_ends_with_its_harness(
    yard: Yard, harness: Starter, eventually: Within
) -> None:
    one = harness(BUSY + "    time.sleep(1000)")
    init, watchdog = numbers(one)
    os.kill(watchdog, signal.SIGKILL)
    time.sleep(0.2)
    assert alive(init), "the harness is well"
    one.kill()
    eventually(lambda: not alive(init), 2)


def test_k3_when_both_are_killed_at_once_the_next_start_sweeps(
    yard: Yard, harness: Starter, eventually: Within
) -> None:
    one = harness(BUSY + "    time.sleep(1000)")
    init, watchdog = numbers(one)
    os.kill(watchdog, signal.SIGKILL)
    one.kill()
    eventually(lambda: not alive(init), 2)
    other = harness(BUSY + "    sandbox.close(); say('closed')")
    assert other.line().split()[0].isdigit()
    assert other.line() == "closed"
    assert yard.present() == []


def test_a_forked_worker_of_the_harness_hides_neither_death(harness: Starter, eventually: Within) -> None:
    script = """
    worker = os.fork()
    if worker == 0:
        time.sleep(1000)
        os._exit(0)
    say(worker)
    time.sleep(1000)
    """
    one = harness(BUSY + script)
    init, watchdog = numbers(one)
    worker = int(one.line())
    try:
        os.kill(watchdog, signal.SIGKILL)
        one.kill()
        eventually(lambda: not alive(init), 2)
    finally:
        os.kill(worker, signal.SIGKILL)


def test_k5_a_harness_that_stands_still_loses_its_containers_when_the_lease_ends(
    harness: Starter, eventually: Within
) -> None:
    script = """
    sandbox = DockerSandbox.start(open_engine(), spec(f"offswitch-{run}-x", lease_s=3.0))
    sandbox.serve("flood", ["/bin/bash", "-c", "while :; do echo x; done"])
    say(sandbox.pid)
    sandbox.exec("while :; do echo a flood of output; done", timeout_s=1000)
    """
    one = harness(script)
    init = int(one.line())
    time.sleep(3.5)
    assert alive(init), "a call under way renews the lease"
    os.kill(one.pid, signal.SIGSTOP)
    eventually(lambda: not alive(init), 6)


@pytest.mark.parametrize("ending", ["sandbox.close()", "sys.exit(0)", "raise RuntimeError", "os._exit(3)"])
def test_a_harness_that_ends_by_itself_leaves_nothing(
    yard: Yard, harness: Starter, eventually: Within, ending: str
) -> None:
    one = harness("    sys.stderr = open(os.devnull, 'w')\n" + BUSY + f"    {ending}")
    assert one.line()
    one.process.wait(10)
    eventually(lambda: not yard.present(), 10)


def test_after_a_clean_end_the_watchdog_is_gone_at_once(harness: Starter, eventually: Within) -> None:
    one = harness(BUSY + "    sandbox.close()")
    watchdog = int(one.line().split()[1])
    one.process.wait(10)
    eventually(lambda: not alive(watchdog), 1)


def test_k5_signals_of_the_terminal_end_the_harness_and_not_the_watchdog(
    yard: Yard, harness: Starter, eventually: Within
) -> None:
    one = harness("    signal.signal(signal.SIGTERM, signal.SIG_DFL)\n" + BUSY + "    time.sleep(1000)")
    init, watchdog = numbers(one)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(watchdog, number)
    assert os.getsid(watchdog) == watchdog != os.getsid(one.pid)
    os.kill(one.pid, signal.SIGTERM)
    one.process.wait(10)
    eventually(lambda: not alive(init), 1.5)
    eventually(lambda: not yard.present(), 10)


def test_the_watchdog_holds_nothing_of_the_harness(harness: Starter) -> None:
    script = (
        "    held = open('/etc/hostname'); os.set_inheritable(held.fileno(), True)\n" + BUSY + "    time.sleep(1000)"
    )
    _, watchdog = numbers(harness(script, PROVIDER_KEY="sk-not-for-others"))
    process = Path(f"/proc/{watchdog}")
    assert b"PROVIDER_KEY" not in (process / "environ").read_bytes()
    assert (process / "environ").read_bytes() == b""
    assert b"sk-not" not in (process / "cmdline").read_bytes()
    held = [str(link.readlink()) for link in (process / "fd").iterdir()]
    assert "/etc/hostname" not in held
    assert held.count("/dev/null") == 3
    others = [name for name in held if name != "/dev/null"]
    assert all(name.startswith(("socket:", "anon_inode:")) or "pidfd" in name for name in others), others
    assert len(others) <= 7
    assert (process / "cwd").readlink() == Path("/")


@pytest.mark.usefixtures("own_watchdog")
def test_k2_the_next_start_says_that_the_watchdog_died_and_the_one_after_has_another(yard: Yard) -> None:
    first = yard.start()
    guardian = warden(yard.engine)
    assert guardian.pid is not None
    os.kill(guardian.pid, signal.SIGKILL)
    time.sleep(0.1)
    with pytest.raises(StartFailed, match=r"watchdog.*died"):
        yard.start()
    assert len(yard.present()) == 1
    second = yard.start()
    assert guardian.pid is not None
    held = [str(link.readlink()) for link in Path(f"/proc/{guardian.pid}/fd").iterdir()]
    assert sum("pidfd" in name for name in held) == 3, "the harness and both containers"
    assert first.exec("echo well", session="main").ok
    first.close()
    second.close()


@pytest.mark.usefixtures("own_watchdog")
def test_a_watchdog_that_does_not_answer_is_an_error_and_is_replaced(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offswitch.sandbox._warden.ANSWER_S", 0.5)
    guardian = warden(yard.engine)
    sandbox = yard.start()
    assert guardian.pid is not None
    os.kill(guardian.pid, signal.SIGSTOP)
    with pytest.raises(StartFailed, match="does not answer"):
        yard.start()
    assert len(yard.present()) == 1
    yard.start()
    sandbox.close()


@pytest.fixture
def slow_engine(yard: Yard, tmp_path: Path) -> Generator[tuple[str, int]]:
    """The engine by way of a process that a test can stop."""
    with proxy(yard.engine, tmp_path) as found:
        yield found


def test_a_slow_engine_delays_the_removal_and_not_the_kill(
    yard: Yard, harness: Starter, eventually: Within, slow_engine: tuple[str, int]
) -> None:
    endpoint, engine = slow_engine
    one = harness(BUSY + "    time.sleep(1000)", endpoint)
    init, watchdog = numbers(one)
    os.kill(engine, signal.SIGSTOP)
    try:
        one.kill()
        eventually(lambda: not alive(init), 1.5)
        time.sleep(1)
        assert alive(watchdog), "it waits for the engine"
        assert len(yard.present()) == 1
    finally:
        os.kill(engine, signal.SIGCONT)
    eventually(lambda: not yard.present(), 10)


def test_k4_a_creation_under_way_when_the_harness_died_is_found(
    yard: Yard, harness: Starter, eventually: Within, slow_engine: tuple[str, int]
) -> None:
    """The request has left the harness, the engine makes the container after its death."""
    endpoint, engine = slow_engine
    script = """
    engine = open_engine()
    warden(engine).expect("nothing yet")
    say(warden(engine).pid)
    sys.stdin.readline()
    DockerSandbox.start(engine, spec(f"offswitch-{run}-late"))
    """
    one = harness(script, endpoint)
    watchdog = int(one.line())
    os.kill(engine, signal.SIGSTOP)
    one.say("go")
    time.sleep(0.5)
    one.kill()
    time.sleep(0.5)
    os.kill(engine, signal.SIGCONT)
    eventually(lambda: not alive(watchdog), 20)
    assert yard.present() == []


def test_k1_networks_and_volumes_of_the_dead_harness_go_too(yard: Yard, harness: Starter, eventually: Within) -> None:
    script = """
    owned = labels(run, "e", "agent")
    sandbox._engine.api.create_volume(f"offswitch-{run}", labels=owned)
    sandbox._engine.api.create_network(f"offswitch-{run}", driver="bridge", internal=True, labels=owned)
    say("made")
    time.sleep(1000)
    """
    one = harness(BUSY + script)
    numbers(one)
    assert one.line() == "made"
    one.kill()
    only: dict[str, Any] = {"label": f"offswitch.run={yard.run}"}
    eventually(lambda: not yard.engine.api.networks(filters=only), 10)
    eventually(lambda: not yard.engine.api.volumes(filters=only)["Volumes"], 10)
    assert yard.present() == []


def test_listeners_end_with_their_containers_although_nobody_told_them(
    yard: Yard, harness: Starter, eventually: Within
) -> None:
    one = harness(BUSY + "    time.sleep(1000)")
    init, _ = numbers(one)
    search = ["/usr/bin/pgrep", "-f", f"listen {init} "]
    assert len(subprocess.run(search, capture_output=True, check=True).stdout.split()) == 1
    one.kill()
    eventually(lambda: subprocess.run(search, capture_output=True, check=False).returncode == 1, 5)


def test_a_guarded_container_is_an_ordinary_one(yard: Yard) -> None:
    """Through another connection to the same engine too: there is one watchdog for each way to it."""
    with connect() as engine, DockerSandbox.start(engine, yard.spec()) as sandbox:
        assert sandbox.exec("echo x", session="main").stdout == b"x\n"
