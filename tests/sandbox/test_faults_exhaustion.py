"""Rows B1, B2, B5, B9 and B11 of the fault matrix (docs/design/security.md §4.2): processes, memory, descriptors and
the processor, used up by the agent and held.

What is asked each time: is a call answered, in time or by an error with a type; does the kill work; is the harness as
it was.
"""

import errno
import os
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from offswitch.records import ExitReason
from offswitch.sandbox import MIB, ROOTFUL, SEALED, DockerSandbox, EventHub, ExecResult, ExitWatch, Profile, classify

from .yard import Within, Yard

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
SPIN_S = int(os.environ.get("OFFSWITCH_SPIN_S", "2"))
"""Seconds for which everything spins; 60 in full."""
LIMIT_S = 0.3
BOMB = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
HOG = "x = bytearray(1 << 30)\nfor i in range(0, 1 << 30, 4096): x[i] = 1"
ORPHANS = """
import os
for _ in range(1000):
    if not os.fork():
        os.fork()
        os._exit(0)
    os.wait()
"""
UNBURIED = """
import os, time
for _ in range(100):
    if not os.fork(): os._exit(0)
open('/work/laid', 'w').close()
time.sleep(600)
"""
BOTH = pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=["sealed", "rootful"])


def pids(sandbox: DockerSandbox) -> int:
    found = sandbox.evidence.cgroup.counters().pids
    assert found is not None
    return found


@pytest.fixture
def stormy(yard: Yard, eventually: Within, request: pytest.FixtureRequest) -> DockerSandbox:
    """A container that is full of processes, each of which asks for more all the time."""
    sandbox = yard.start(request.param)
    sandbox.exec(f"python3 -c '{BOMB}' &", session="main")
    eventually(lambda: pids(sandbox) >= sandbox.profile.pids, 20)
    return sandbox


CALLS: dict[str, Callable[[DockerSandbox], ExecResult | int]] = {
    "a command": lambda sandbox: sandbox.exec(["/bin/true"], timeout_s=LIMIT_S),
    "a new session": lambda sandbox: sandbox.exec("true", session="another", timeout_s=LIMIT_S),
    "a file to be read": lambda sandbox: sandbox.read("/etc/hostname").error,
    "a file to be written": lambda sandbox: sandbox.write("/work/x", b"x"),
    "a file to be put": lambda sandbox: sum(sandbox.install([]).values()),
    "a file to be removed": lambda sandbox: sandbox.remove("/work/nothing"),
}


@pytest.mark.parametrize("stormy", [SEALED, ROOTFUL], ids=["sealed", "rootful"], indirect=True)
def test_b1_in_a_storm_of_forks_each_call_is_answered_within_a_second_and_the_kill_ends_it(
    stormy: DockerSandbox,
) -> None:
    for name, call in CALLS.items():
        started = time.monotonic()
        told = call(stormy)
        assert time.monotonic() - started < LIMIT_S + 1.0, name
        error = told if isinstance(told, int) else told.not_started
        assert error in (None, 0, errno.EAGAIN, errno.ENOENT), (name, told)
    assert stormy.evidence.cgroup.counters().pids_limit_hits
    assert pids(stormy) > stormy.profile.pids // 2, "it still goes on"
    report = stormy.kill()
    assert (report.route, report.survivors) == ("cgroup.kill", ())
    assert report.latency_s < 1.0


def test_b1_the_first_process_comes_before_what_it_starts_which_has_no_part_in_that(
    sealed: DockerSandbox, eventually: Within
) -> None:
    assert os.getpriority(os.PRIO_PROCESS, sealed.pid) == -20
    assert sealed.exec(["/usr/bin/nice"]).stdout == b"0\n"
    assert sealed.exec("nice; nice -n -5 nice 2>/dev/null", session="main").stdout == b"0\n0\n"
    sealed.serve("service", ["/bin/bash", "-c", "nice > /work/nice"])
    eventually(lambda: sealed.evidence.files.read("/work/nice") == b"0\n")


@pytest.mark.parametrize("stormy", [SEALED], ids=["sealed"], indirect=True)
def test_b1_the_time_limit_of_a_call_that_is_a_storm_ends_it(stormy: DockerSandbox) -> None:
    told = stormy.exec(f"python3 -c '{BOMB}'", session="another", timeout_s=5.0)
    assert told.not_started == errno.EAGAIN
    started = time.monotonic()
    assert stormy.exec("while :; do :; done", session="main", timeout_s=LIMIT_S).timed_out
    assert time.monotonic() - started < LIMIT_S + 2.0


@pytest.mark.parametrize("stormy", [SEALED], ids=["sealed"], indirect=True)
def test_b1_a_polite_stop_reaches_a_storm_and_names_who_is_left(stormy: DockerSandbox) -> None:
    started = time.monotonic()
    stopped = stormy.stop_agent(1.0)
    assert time.monotonic() - started < 3.0
    assert len(stopped.remaining) < stormy.profile.pids


@BOTH
def test_b2_memory_that_a_command_uses_up_is_told_by_the_kernels_counter(
    yard: Yard, hub: EventHub, profile: Profile
) -> None:
    sandbox = yard.start(replace(profile, memory_bytes=64 * MIB))
    watch = ExitWatch.begin(sandbox, hub)
    assert sandbox.exec(["/usr/bin/python3", "-c", HOG]).signal == 9
    facts = watch.facts()
    assert (classify(facts), facts.limits) == (ExitReason.RUNNING, ("memory",))
    assert facts.oom_kills
    assert sandbox.exec("echo served", session="main").stdout == b"served\n"


@BOTH
def test_b2_memory_whose_use_takes_the_first_process_is_the_agents_doing(
    yard: Yard, hub: EventHub, profile: Profile, eventually: Within
) -> None:
    """PID 1 stands last in the kernel's list of victims; the host puts it first. Files in memory are no victim."""
    sandbox = yard.start(replace(profile, memory_bytes=32 * MIB))
    watch = ExitWatch.begin(sandbox, hub)
    Path(f"/proc/{sandbox.pid}/oom_score_adj").write_text("1000")
    fill = "while :; do head -c 28M /dev/zero > /work/fill; head -c 28M /dev/zero > /tmp/fill; done"
    sandbox.serve("hog", ["/bin/bash", "-c", fill])
    eventually(lambda: not sandbox.alive, 10)
    facts = watch.facts()
    assert classify(facts) is ExitReason.AGENT_OOM, facts
    assert facts.oom_kills


DESCRIPTORS = """
import os, socket, sys, time
held = []
try:
    while True: held.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    print(len(held), error.errno, flush=True)
"""
PEERS = """
import socket, time
held = []
for _ in range(600):
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(0.2)
    try: one.connect("\\0gateway")
    except OSError: break
    held.append(one)
open("/work/held", "w").write(str(len(held)))
time.sleep(600)
"""


def test_b5_descriptors_end_at_their_limit_and_the_harness_has_all_of_its_own(yard: Yard) -> None:
    sandbox = yard.start()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        told = sandbox.exec(["/usr/bin/python3", "-c", DESCRIPTORS])
        count, error = map(int, told.stdout.split())
        assert (error, count < sandbox.profile.open_files) == (errno.EMFILE, True)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_b5_an_agent_that_opens_every_session_it_can_leaves_the_first_process_able_to_end_a_call(
    yard: Yard, eventually: Within
) -> None:
    """PID 1 has a limit of descriptors too, and needs some to see whom it kills."""
    sandbox = yard.start(replace(SEALED, pids=2000))
    sandbox.serve("peers", ["/usr/bin/python3", "-c", PEERS])
    told = [sandbox.exec("true", session=f"s{number}") for number in range(300)]
    full = [one for one in told if one.not_started]
    assert full
    assert {one.not_started for one in full} == {errno.EMFILE}
    eventually(lambda: sandbox.evidence.files.read("/work/held") is not None, 30)
    assert sandbox.exec("setsid sleep 777 & sleep 778", session="main", timeout_s=0.5).timed_out
    left = {" ".join(process.argv) for process in sandbox.evidence.processes.scan()}
    assert not {"sleep 777", "sleep 778"} & left
    assert sandbox.exec(["/bin/echo", "served"]).stdout == b"served\n"
    assert sandbox.write("/work/x", b"x") == 0


def test_b9_a_container_that_spins_has_its_share_and_the_harness_keeps_its_beat(
    yard: Yard, trials: Callable[[int], int]
) -> None:
    """2 s in ``make test``, 60 s in ``make faults``."""
    sandbox = yard.start()
    spinners = f"for n in $(seq {4 * (os.cpu_count() or 1)}); do (while :; do :; done) & done; sleep {trials(SPIN_S)}"
    beats: list[float] = [time.monotonic()]
    used, began = sandbox.evidence.cgroup.cpu_ns(), time.monotonic()

    def tick(_: float) -> None:
        beats.append(time.monotonic())

    sandbox.exec(spinners, session="main", timeout_s=SPIN_S + 30, tick=tick)
    now, took_s = sandbox.evidence.cgroup.cpu_ns(), time.monotonic() - began
    assert used is not None
    assert now is not None
    share = (now - used) / 1e9 / took_s
    gaps = sorted(later - earlier for earlier, later in pairwise(beats))
    assert len(gaps) > SPIN_S * 4
    assert gaps[int(len(gaps) * 0.99)] < 0.25
    assert 0.1 < share < 1.05 * sandbox.profile.cpus


@pytest.mark.parametrize("session", [None, "main"], ids=["command", "session"])
def test_b11_thousands_of_orphans_are_buried(sealed: DockerSandbox, eventually: Within, session: str | None) -> None:
    quiet = pids(sealed)
    told = sealed.exec(f"python3 -c '{ORPHANS}'", session=session, timeout_s=60)
    assert told.ok, told
    eventually(lambda: pids(sealed) <= quiet + 1, 2.0)


def test_b11_the_dead_that_nobody_buries_go_with_who_left_them(yard: Yard, eventually: Within) -> None:
    sandbox = yard.start()
    quiet = pids(sandbox)
    sandbox.exec(f'python3 -c "{UNBURIED}" &', session="main")
    eventually(lambda: sandbox.evidence.files.read("/work/laid") is not None, 10)
    assert pids(sandbox) >= quiet + 100
    sandbox.exec("kill -9 %1", session="main")
    eventually(lambda: pids(sandbox) <= quiet, 2.0)
