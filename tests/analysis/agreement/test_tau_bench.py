"""A published table, from its published attempts: tau-bench, airline, gpt-4o."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from offswitch.analysis.metrics import pass_at_k, pass_hat_k, success_rate

from ..metrics.worlds import episodes, key

PUBLISHED: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "tau_bench.json").read_text())


@pytest.fixture(scope="module")
def attempts() -> pd.DataFrame:
    rewards: list[list[float]] = PUBLISHED["rewards"]
    rows = [
        key(4 * task + trial, task=f"airline-{task}", seed=trial, score=reward)
        for task, trials in enumerate(rewards)
        for trial, reward in enumerate(trials)
    ]
    return episodes(*rows)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_pass_hat_k_is_as_published_to_the_last_printed_digit(attempts: pd.DataFrame, k: int) -> None:
    found = pass_hat_k(attempts, k)
    assert found.value is not None
    assert round(found.value, 3) == PUBLISHED["published"][str(k)]
    assert (found.tasks, found.attempts, found.too_few, found.unknown) == (50, 200, 0, 0)


def test_one_attempt_is_the_success_rate_and_what_it_ever_does_lies_above(attempts: pd.DataFrame) -> None:
    once, rate = pass_hat_k(attempts, 1), success_rate(attempts)
    assert once.value == pytest.approx(rate.value)
    assert once.value == pytest.approx(pass_at_k(attempts, 1).value)
    ever, always = pass_at_k(attempts, 4).value, pass_hat_k(attempts, 4).value
    assert ever is not None
    assert always is not None
    assert ever - always == pytest.approx(sum(0 < sum(one) < 4 for one in PUBLISHED["rewards"]) / 50)


def test_the_published_row_has_an_interval_that_its_table_does_not_print(attempts: pd.DataFrame) -> None:
    found = pass_hat_k(attempts, 4)
    assert (found.lo, found.hi) == pytest.approx((0.1, 0.32), abs=0.03)
