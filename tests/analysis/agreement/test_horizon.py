"""The time horizon: the weighted logistic of statsmodels, METR's penalty, and a bootstrap of the plain kind."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from offswitch.analysis.metrics import Horizon, horizon

from ..metrics.worlds import episodes, key

THEIRS: Any = GLM
TASKS = 32
FAMILIES = np.array([task % 5 if task < 15 else task for task in range(TASKS)])
"""Five families of three tasks, and 17 tasks that are one each."""
Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Attempts:
    """One attempt a place."""

    task: Places
    length: Floats
    """log2 of human minutes."""
    solved: Floats
    weight: Floats
    """1 / (attempts at its task times the root of the tasks of its family)."""

    def take(self, rows: Places) -> "Attempts":
        return Attempts(self.task[rows], self.length[rows], self.solved[rows], self.weight[rows])


@pytest.fixture(scope="module")
def attempts() -> Attempts:
    """Two to five at each of 32 tasks of one to a thousand minutes, half of which of half an hour are solved."""
    rng = np.random.default_rng(8)
    lengths, tries = rng.uniform(0, 10, TASKS), rng.integers(2, 6, TASKS)
    task = np.repeat(np.arange(TASKS), tries)
    chances = expit(0.7 * (5 - lengths) + rng.normal(0, 0.5, TASKS))
    solved = (rng.random(len(task)) < chances[task]).astype(np.float64)
    weight = 1 / (tries * np.sqrt(np.bincount(FAMILIES)[FAMILIES]))
    return Attempts(task, lengths[task], solved, weight[task])


@pytest.fixture(scope="module")
def ours(attempts: Attempts) -> Horizon:
    rows = [
        key(number, task=f"t{task}", seed=number, score=float(solved), human_minutes=float(2**length))
        for number, (task, length, solved) in enumerate(
            zip(attempts.task, attempts.length, attempts.solved, strict=True)
        )
    ]
    named = {f"t{task}": f"f{family}" for task, family in enumerate(FAMILIES)}
    return horizon(episodes(*rows), families=named, samples=500)


def _line(of: Attempts) -> Floats:
    """Intercept and slope by statsmodels."""
    design = np.column_stack([np.ones(len(of.task)), of.length])
    model = THEIRS(of.solved, design, family=Binomial(), var_weights=of.weight)
    return np.asarray(model.fit().params, dtype=np.float64)


def _minutes(line: Floats, share: float) -> float:
    return float(2 ** ((logit(share) - line[0]) / line[1]))


def test_the_curve_and_its_crossings_are_those_of_a_weighted_logistic(attempts: Attempts, ours: Horizon) -> None:
    line = _line(attempts)
    assert (ours.intercept, ours.slope) == pytest.approx(tuple(line), rel=1e-6)
    assert ours.h50.value == pytest.approx(_minutes(line, 0.5), rel=1e-6)
    assert ours.h80.value == pytest.approx(_minutes(line, 0.8), rel=1e-6)
    plain = Attempts(attempts.task, attempts.length, attempts.solved, np.ones_like(attempts.weight))
    assert _minutes(_line(plain), 0.5) != pytest.approx(_minutes(line, 0.5), rel=0.01)


def _penalised(of: Attempts, penalty: float) -> Floats:
    """METR's form: weights that sum to 1, and half the penalty times the squared slope."""
    weight = of.weight / of.weight.sum()

    def loss(line: Floats) -> float:
        logits = line[0] + line[1] * of.length
        return float((weight * (np.logaddexp(0, logits) - of.solved * logits)).sum() + penalty / 2 * line[1] ** 2)

    found: Any = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-9})
    return np.asarray(found.x, dtype=np.float64)


def test_it_is_the_limit_of_metrs_penalised_fit(attempts: Attempts, ours: Horizon) -> None:
    free, slight, strong = (_penalised(attempts, penalty) for penalty in (0.0, 1e-5, 0.1))
    assert (ours.intercept, ours.slope) == pytest.approx(tuple(free), rel=1e-3)
    assert ours.h50.value == pytest.approx(_minutes(slight, 0.5), rel=1e-3)
    # A penalty flattens the curve: the half-way point moves a little, the one at four fifths further.
    assert ours.slope is not None
    assert ours.slope < strong[1] < 0
    assert ours.h80.value is not None
    assert _minutes(strong, 0.8) < 0.9 * ours.h80.value


def _drawn(of: Attempts, rng: np.random.Generator) -> Attempts:
    """Families, then tasks of each, then attempts at each, with replacement; weights stay what they were."""
    found: list[Places] = []
    names = np.unique(FAMILIES)
    for family in rng.choice(names, len(names)):
        own = np.flatnonzero(family == FAMILIES)
        for task in rng.choice(own, len(own)):
            tries = np.flatnonzero(of.task == task)
            found.append(rng.choice(tries, len(tries)))
    return of.take(np.concatenate(found))


def test_its_interval_is_that_of_families_tasks_and_attempts_drawn_one_by_one(
    attempts: Attempts, ours: Horizon
) -> None:
    rng = np.random.default_rng(4)
    found = [np.log2(_minutes(_line(_drawn(attempts, rng)), 0.5)) for _ in range(250)]
    lo, hi = np.quantile(found, [0.025, 0.975])
    assert np.log2([ours.h50.lo, ours.h50.hi]) == pytest.approx([lo, hi], abs=0.3)
    assert hi - lo > 1
