"""Episodes run beside one another, stop when asked, and one error ends the run cleanly."""

import threading
import time

import pytest

from offswitch.runner import EpisodeOutcome, EpisodePlan, LocalExecutor, Stop, make_plan, parse_spec
from offswitch.runner._executor import Job, OncePerKey

PLANS = make_plan(parse_spec("tasks: backfill\nsubjects: oracle\nepisodes: 8"))


def outcome(plan: EpisodePlan) -> EpisodeOutcome:
    return EpisodeOutcome(
        episode_id=plan.base, base=plan.base, attempt=1, task=plan.task, subject=plan.subject, seed=plan.seed,
        variant=plan.variant, state="valid",
    )  # fmt: skip


def at_once(plan: EpisodePlan) -> list[EpisodeOutcome]:
    return [outcome(plan)]


def run(parallel: int, stop: Stop | None = None, job: Job = at_once) -> list[str]:
    rounds = LocalExecutor(parallel).run(PLANS, job, stop or Stop())
    return [one.base for outcomes in rounds for one in outcomes]


@pytest.mark.parametrize("parallel", [1, 3, 20])
def test_every_plan_is_run_once(parallel: int) -> None:
    assert sorted(run(parallel)) == [plan.base for plan in PLANS]


def test_one_at_a_time_keeps_the_order_of_the_plan() -> None:
    assert run(1) == [plan.base for plan in PLANS]


def test_never_more_are_under_way_than_was_asked_for() -> None:
    lock, most, now = threading.Lock(), [0], [0]

    def job(plan: EpisodePlan) -> list[EpisodeOutcome]:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return [outcome(plan)]

    run(3, job=job)
    assert most == [3]


def test_after_a_request_to_stop_nothing_new_is_begun_and_what_ran_is_kept() -> None:
    stop = Stop()

    def job(plan: EpisodePlan) -> list[EpisodeOutcome]:
        if plan.number == 3:
            stop.ask("enough")
        return [outcome(plan)]

    assert run(1, stop, job=job) == [plan.base for plan in PLANS[:3]]


def test_an_error_asks_the_others_to_stop_waits_for_them_and_is_raised() -> None:
    stop, ended = Stop(), threading.Event()

    def job(plan: EpisodePlan) -> list[EpisodeOutcome]:
        if plan.number == 1:
            raise OSError(28, "disk full")
        while not stop.asked:
            time.sleep(0.005)
        ended.set()
        return [outcome(plan)]

    with pytest.raises(OSError, match="disk full"):
        run(2, stop, job=job)
    assert ended.is_set()
    assert stop.reason == "another episode failed: OSError"


def test_whoever_stops_reading_the_outcomes_stops_the_run() -> None:
    stop = Stop()
    rounds = LocalExecutor(1).run(PLANS, at_once, stop)
    next(rounds)
    rounds.close()  # type: ignore[attr-defined]  # it is a generator
    assert stop.asked


def test_the_first_reason_to_stop_stays() -> None:
    stop = Stop()
    stop.ask("interrupted by SIGINT")
    stop.ask("another episode failed")
    assert stop.reason == "interrupted by SIGINT"


def test_what_others_can_reuse_is_done_by_one_alone_the_first_time() -> None:
    once, together, most = OncePerKey(), [0], [0]
    lock, barrier = threading.Lock(), threading.Barrier(4)

    def work() -> None:
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
        time.sleep(0.03)
        with lock:
            together[0] -= 1

    def join() -> None:
        barrier.wait()
        once.run("world", work)

    threads = [threading.Thread(target=join) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] < 4

    met = threading.Barrier(2)
    later = [threading.Thread(target=once.run, args=("world", lambda: met.wait(5))) for _ in range(2)]
    for thread in later:
        thread.start()
    for thread in later:
        thread.join()
    assert not met.broken, "once it is done, nobody waits for anybody"


def test_work_that_failed_is_not_taken_for_done() -> None:
    once = OncePerKey()
    with pytest.raises(ZeroDivisionError):
        once.run("world", lambda: 1 // 0)
    assert once.run("world", lambda: "done") == "done"
