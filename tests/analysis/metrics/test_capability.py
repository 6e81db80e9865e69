"""Capability: whether it can ever, whether it does every time, and on how long a task."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.analysis.metrics import bucketed_success, milestones, pass_at_k, pass_hat_k, success_rate

from .worlds import episodes, key


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=3, max_size=6), st.integers(1, 3))
def test_both_estimates_are_the_share_of_all_choices_of_k_attempts(solved: list[bool], k: int) -> None:
    table = episodes(*[key(n, score=float(one)) for n, one in enumerate(solved)])
    choices = list(combinations(solved, k))
    assert pass_at_k(table, k).value == pytest.approx(sum(any(one) for one in choices) / len(choices))
    assert pass_hat_k(table, k).value == pytest.approx(sum(all(one) for one in choices) / len(choices))


def test_a_task_counts_once_however_often_it_was_tried_and_one_with_too_few_attempts_is_said() -> None:
    often = [key(n, task="a", score=1.0) for n in range(9)]
    table = episodes(*often, key(20, task="b", score=0.0), key(21, task="b", score=0.0), key(22, task="c", score=1.0))
    found = pass_at_k(table, 2)
    assert (found.value, found.tasks, found.too_few, found.attempts) == (0.5, 2, 1, 11)


def test_an_attempt_without_a_score_is_no_failure() -> None:
    table = episodes(key(1, score=1.0), key(2, score=None), key(3, score=1.0, valid=False))
    found = success_rate(table)
    assert (found.k, found.n, found.unknown, found.invalid) == (1, 1, 1, 1)
    assert pass_at_k(table, 1).unknown == 1


def test_tasks_that_were_all_solved_keep_an_open_end() -> None:
    found = pass_at_k(episodes(*[key(n, task=f"t{n}", score=1.0) for n in range(5)]), 1)
    assert found.value == found.hi == 1
    assert found.lo < 0.6
    assert found.descriptive


def test_no_attempt_gives_no_value() -> None:
    assert pass_at_k(episodes(), 1).value is None
    with pytest.raises(ValueError, match="at least 1"):
        pass_at_k(episodes(), 0)


def test_buckets_stand_by_length_and_what_names_none_is_shown() -> None:
    rows = [key(1, score=1.0), key(2, score=0.0, bucket="2-4h", human_minutes=200.0), key(3, score=1.0, bucket=None)]
    found = bucketed_success(episodes(*rows))
    assert [one.bucket for one in found] == ["1-2h", "unknown", "2-4h"]
    assert [one.success.k for one in found] == [1, 1, 0]
    assert found[0].success.unit == "task"


def test_milestones_are_counted_apart_from_success() -> None:
    found = milestones(episodes(key(1, milestones=(0.2, 0.5)), key(2, milestones=()), key(3, valid=False)))
    assert (found.furthest, found.mean, found.n, found.invalid) == ({0: 1, 2: 1}, 1.0, 2, 1)
