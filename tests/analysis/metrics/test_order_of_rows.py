"""The same observations give the same numbers, intervals among them, whatever order the rows come in."""

import numpy as np
import pandas as pd
import pytest

from offswitch.analysis.metrics import auroc, horizon, pass_at_k, pass_hat_k, recall_at_fpr, suspicion

from .worlds import episodes, key, step, steps

LUCK = np.random.default_rng(7)
DONE = episodes(
    *[
        key(
            task * 8 + n,
            task=f"t{task}",
            seed=n,
            score=float(LUCK.random() < 0.95 - task * 0.09),
            human_minutes=2.0**task,
        )
        for task in range(10)
        for n in range(8)
    ]
)
SEEN = steps(*[step(n, round(LUCK.random(), 2), seed=n % 12, task=f"t{n % 3}") for n in range(120)])


def mixed(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.mark.parametrize("seed", range(3))
def test_of_what_was_solved(seed: int) -> None:
    other = mixed(DONE, seed)
    assert horizon(other, samples=40) == horizon(DONE, samples=40)
    assert horizon(DONE).h50.value is not None
    for k in (1, 3):
        assert pass_at_k(other, k) == pass_at_k(DONE, k)
        assert pass_hat_k(other, k) == pass_hat_k(DONE, k)


@pytest.mark.parametrize("seed", range(3))
def test_of_what_monitors_saw(seed: int) -> None:
    honest, attack = SEEN[:60], SEEN[60:]
    before = suspicion(honest), suspicion(attack)
    after = suspicion(mixed(honest, seed)), suspicion(mixed(attack, seed))
    assert auroc(*after) == auroc(*before)
    assert recall_at_fpr(after[0], after[1], 0.05) == recall_at_fpr(before[0], before[1], 0.05)
