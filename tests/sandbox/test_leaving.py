"""A child that a shell did not wait for and that only has to end is not taken for work in the background."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from offswitch.records import ProcessSeen
from offswitch.sandbox import DockerSandbox
from offswitch.sandbox._leaving import ENOUGH_NS, MOST_S, UNTOLD_S, Leavers

SHELL = 64


def child(pid: int, state: str = "R") -> ProcessSeen:
    return seen(pid, SHELL, state)


def seen(pid: int, sid: int, state: str) -> ProcessSeen:
    return ProcessSeen(
        pid=pid,
        host_pid=pid,
        ppid=SHELL,
        pgid=sid,
        sid=sid,
        uid=0,
        start_ticks=1,
        state=state,
        comm="x",
        argv=("x",),
        exe="/usr/bin/x",
        sig_ignored=0,
        sig_caught=0,
        sig_blocked=0,
        preload=None,
    )


class World:
    """Processes that change from look to look; the last look repeats."""

    def __init__(self, *looks: list[ProcessSeen], each_ns: int | None = 0) -> None:
        self.looks, self.count, self.each_ns = looks, 0, each_ns

    def look(self) -> list[ProcessSeen]:
        self.count += 1
        return self.looks[min(self.count, len(self.looks)) - 1]

    def told(self, process: ProcessSeen) -> int | None:
        assert process.sid == SHELL
        return None if self.each_ns is None else self.each_ns * self.count


def waits(world: World, leavers: Leavers | None = None) -> tuple[list[ProcessSeen], float]:
    began = time.monotonic()
    found = (leavers or Leavers(world.told)).wait(world.look, {SHELL})
    return found, time.monotonic() - began


def test_a_child_that_ends_as_soon_as_it_may_is_not_seen() -> None:
    world = World([child(70)], [child(70)], [])
    assert waits(world)[0] == []


def test_who_ends_between_the_look_and_the_question_is_looked_for_again() -> None:
    times = iter([5, 5, None])

    def told(_: ProcessSeen) -> int | None:
        time.sleep(UNTOLD_S / 2)
        return next(times)

    world = World([child(70)], [child(70)], [child(70)], [])
    assert waits(world, Leavers(told))[0] == []


@pytest.mark.parametrize(
    "other", [child(70, "S"), child(70, "T"), seen(SHELL, SHELL, "R"), seen(70, 70, "R")], ids=lambda one: one.state
)
def test_who_waits_for_something_else_or_left_the_session_is_looked_at_once(other: ProcessSeen) -> None:
    world = World([other])
    assert waits(world)[0] == [other]
    assert world.count == 1


def test_who_works_is_waited_for_once_and_no_longer_than_it_takes_to_know() -> None:
    world = World([child(70)], each_ns=ENOUGH_NS // 2)
    leavers = Leavers(world.told)
    assert waits(world, leavers)[0] == [child(70)]
    assert world.count == 3
    assert waits(world, leavers)[0] == [child(70)]
    assert world.count == 4


def test_a_processor_that_never_comes_is_not_waited_for_without_end() -> None:
    found, took = waits(World([child(70)]))
    assert found == [child(70)]
    assert MOST_S <= took < MOST_S + 1


def test_where_nobody_tells_processor_times_the_wait_is_short() -> None:
    found, took = waits(World([child(70)], each_ns=None))
    assert found == [child(70)]
    assert UNTOLD_S <= took < UNTOLD_S + 1


def test_a_loop_that_goes_on_with_new_children_is_not_waited_for_long() -> None:
    looks = [[child(70, "S"), child(pid)] for pid in range(71, 2000)]
    found, took = waits(World(*looks))
    assert found[0] == child(70, "S")
    assert took < MOST_S


@contextmanager
def starved(process: ProcessSeen) -> Generator[None]:
    """The process gets the processor only when nobody else wants it, and somebody always does."""
    cpu = min(os.sched_getaffinity(0))
    os.sched_setaffinity(process.host_pid, {cpu})
    hog = os.fork()
    if hog == 0:
        os.sched_setaffinity(0, {cpu})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        until = time.monotonic() + 0.4
        while time.monotonic() < until:
            pass
        os._exit(0)
    yield
    os.waitpid(hog, 0)


@pytest.mark.docker
def test_a_child_without_a_processor_is_given_one_before_it_counts(sealed: DockerSandbox) -> None:
    """A real one: it was told to end, and somebody else has its processor for 0.4 s."""
    sealed.exec("(kill -STOP $BASHPID) & sleep 0.1", session="leaving")
    processes = sealed.evidence.processes
    (process,) = [one for one in processes.scan() if one.session == "leaving" and one.pid != one.sid]
    with starved(process):
        time.sleep(0.05)
        sealed.exec(f"kill -CONT {process.pid}", session="other")
        at_once = {one.pid: one.state for one in processes.look()}
        at_rest = {one.pid: one.state for one in processes.look_at_rest()}
    assert process.pid in at_once
    assert at_rest.get(process.pid, "Z") not in "RD"
