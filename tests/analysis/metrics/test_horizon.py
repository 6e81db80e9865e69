"""How long a task may be: where the data say so, and where they do not."""

from typing import Any

import numpy as np
import pytest
from statsmodels.api import GLM, families

from offswitch.analysis.metrics import horizon

from .worlds import Row, episodes, key

MINUTES = tuple(2.0**n for n in range(1, 11))
SOLVED = (8, 8, 7, 8, 6, 5, 3, 2, 1, 0)


def attempts(solved: tuple[int, ...] = SOLVED, minutes: tuple[float, ...] = MINUTES, each: int = 8) -> list[Row]:
    """So many attempts at a task of each length, of which some are solved."""
    return [
        key(task * each + n, task=f"task-{task}", seed=n, score=float(n < solved[task]), human_minutes=long)
        for task, long in enumerate(minutes)
        for n in range(each)
    ]


def test_the_curve_is_the_one_that_statsmodels_fits() -> None:
    found = horizon(episodes(*attempts()), samples=40)
    untyped: Any = GLM
    shares = np.array([[solved, 8 - solved] for solved in SOLVED])
    fitted = untyped(shares, np.stack([np.ones(10), np.log2(MINUTES)], axis=1), family=families.Binomial()).fit()
    assert (found.intercept, found.slope) == pytest.approx(tuple(fitted.params))
    assert found.h50.value == pytest.approx(2 ** (-fitted.params[0] / fitted.params[1]))
    assert found.success(found.h50.value or 0) == pytest.approx(0.5)
    assert found.success(found.h80.value or 0) == pytest.approx(0.8)
    assert found.h50.lo < (found.h50.value or 0) < found.h50.hi
    assert (found.tasks, found.attempts, found.refused) == (10, 80, "")


def test_a_family_of_many_tasks_does_not_outweigh_the_others() -> None:
    rows = attempts() + [key(1000 + n, task=f"more-{n}", seed=n, score=1.0, human_minutes=1024.0) for n in range(9)]
    alone = horizon(episodes(*rows), samples=20)
    together = horizon(episodes(*rows), families={f"more-{n}": "more" for n in range(9)}, samples=20)
    assert (alone.families, together.families) == (19, 11)
    assert (together.h50.value or 0) < (alone.h50.value or np.inf)


@pytest.mark.parametrize(
    ("solved", "why"),
    [
        (SOLVED[::-1], "does not fall"),
        ((8,) * 5 + (0,) * 5, "do not overlap"),
        ((8,) * 8 + (7, 6), "lies outside"),
    ],
)
def test_data_that_cannot_carry_a_horizon_give_a_reason_and_no_number(solved: tuple[int, ...], why: str) -> None:
    found = horizon(episodes(*attempts(solved)))
    assert why in found.refused
    assert (found.h50.value, found.slope, found.success(8.0)) == (None, None, None)
    assert (found.h50.lo, found.h50.hi) == (0, np.inf)


def test_a_few_lengths_or_no_attempt_carry_no_horizon_and_what_is_missing_is_counted() -> None:
    few = horizon(episodes(*attempts(SOLVED[:7], MINUTES[:7])))
    assert "7 different lengths" in few.refused
    rows = [key(1, score=None), key(2, score=1.0, human_minutes=None), key(3, valid=False)]
    none = horizon(episodes(*rows))
    assert (none.attempts, none.unknown, none.invalid) == (0, 2, 1)
    assert none.refused


def test_repetitions_of_few_worlds_do_not_narrow_the_interval() -> None:
    rows = attempts((2, 2, 1, 2, 1, 1, 1, 0, 1, 0), each=2)
    again = [row | {"episode_id": f"again-{n}-{row['episode_id']}"} for n in range(4) for row in rows]
    once, often = (horizon(episodes(*some), samples=100) for some in (rows, rows + again))
    assert once.h50.value == pytest.approx(often.h50.value)
    assert (once.h50.lo, once.h50.hi) == pytest.approx((often.h50.lo, often.h50.hi))
