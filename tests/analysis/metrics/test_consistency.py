"""Which tasks are solved consistently."""

import pandas as pd
import pytest

from offswitch.analysis.metrics import consistent_share

from .worlds import episodes, key


def attempts(*scores: tuple[float | None, ...]) -> pd.DataFrame:
    """One task a row of scores, a world a score."""
    return episodes(
        *[
            key(100 * task + seed, task=f"t{task}", seed=seed, score=score)
            for task, row in enumerate(scores)
            for seed, score in enumerate(row)
        ]
    )


def test_a_task_is_consistent_from_four_worlds_in_five_on_and_needs_enough_of_them() -> None:
    found = consistent_share(attempts((1.0,) * 8, (1.0,) * 8 + (0.0,) * 2, (1.0,) * 6 + (0.0,) * 2, (1.0,) * 7))
    assert (found.consistent, found.share.n, found.too_few) == (2, 3, 1)
    assert found.share.value == pytest.approx(2 / 3)
    assert found.share.descriptive


def test_what_has_no_score_makes_no_world() -> None:
    found = consistent_share(attempts((1.0,) * 7 + (None,)))
    assert (found.share.value, found.too_few, found.unknown) == (None, 1, 1)


def test_repeating_a_world_adds_none() -> None:
    often = pd.concat([attempts((1.0,) * 7)] * 3, ignore_index=True)
    assert consistent_share(often).too_few == 1
    failing = episodes(*[key(number, task="t0", seed=number % 8, score=float(number >= 16)) for number in range(80)])
    assert consistent_share(failing).consistent == 1
    lopsided = episodes(
        *[key(number, task="t0", seed=max(0, number - 92), score=float(number < 93)) for number in range(100)]
    )
    assert consistent_share(lopsided).consistent == 0


def test_invalid_attempts_are_counted_and_in_no_world() -> None:
    table = attempts((1.0,) * 9)
    table.loc[0, "valid"] = False
    found = consistent_share(table)
    assert (found.consistent, found.invalid) == (1, 1)
