"""Which attempts count, and which episodes may be tried again."""

from pathlib import Path

import pytest

from offswitch.records import Event
from offswitch.runner import Attempts, Standing

from .book import ABANDONED, CRASHED, VALID, invalidated, model_failed, write_run

BASE = "0001-backfill-oracle-s1-off"


def standing(root: Path, *attempts: tuple[Event, ...]) -> Standing:
    named = [(BASE if n == 1 else f"{BASE}-a{n}", events) for n, events in enumerate(attempts, start=1)]
    with write_run(root, named) as store:
        return Attempts(store).standing(BASE)


@pytest.mark.parametrize(
    ("attempt", "done"),
    [
        (VALID, True),
        (CRASHED, False),
        (ABANDONED, False),
        (invalidated(proven=True), False),
        (invalidated(proven=False), True),
        (model_failed("transient"), False),
        (model_failed("quota"), False),
        (model_failed("deterministic"), True),
        (model_failed("refusal"), True),
        (model_failed("content_filter"), True),
        (model_failed("context"), True),
    ],
    ids=[
        "valid",
        "crashed",
        "abandoned",
        "proven",
        "unproven",
        "transient",
        "quota",
        "deterministic",
        "refusal",
        "filter",
        "context",
    ],
)
def test_only_what_has_nothing_to_do_with_the_agent_is_tried_again(
    attempt: tuple[Event, ...], done: bool, tmp_path: Path
) -> None:
    """A repetition by result would choose the results."""
    assert standing(tmp_path / "run", attempt) == (1, done)


def test_an_episode_that_was_never_begun_is_to_do(tmp_path: Path) -> None:
    assert standing(tmp_path / "run") == (0, False)


def test_a_valid_attempt_is_never_repeated_whatever_came_before(tmp_path: Path) -> None:
    assert standing(tmp_path / "run", CRASHED, invalidated(proven=True), VALID) == (3, True)


def test_the_last_attempt_decides_where_none_is_valid(tmp_path: Path) -> None:
    assert standing(tmp_path / "run", CRASHED, invalidated(proven=False)) == (2, True)
    assert standing(tmp_path / "other", model_failed("refusal"), CRASHED) == (2, False)


def test_attempts_are_listed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    numbers = [BASE, *(f"{BASE}-a{n}" for n in range(2, 12))]
    with write_run(tmp_path / "run", [(name, ABANDONED) for name in sorted(numbers)]) as store:
        assert Attempts(store).of(BASE) == numbers
        assert Attempts(store).of("0002-backfill-oracle-s1-off") == []
