"""Intervals of numbers that are no plain rate hold the truth where the bootstrap alone does not."""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from offswitch.analysis.metrics import Summary, Trajectories, auroc, pass_at_k, recall_at_fpr

from .worlds import episodes, key

SERIES, SAMPLES = 60, 40
HELD = 0.95 * SERIES


def trajectories(luck: np.random.Generator, worlds: int, repeats: int, above: float) -> Trajectories:
    """Scores that are normal before they are squeezed between 0 and 1; those of one world go together."""
    units = np.repeat(np.arange(worlds), repeats)
    own, shared = luck.normal(size=len(units)), luck.normal(size=worlds)[units]
    scores = norm.cdf(above + (own if repeats == 1 else (own + shared) / np.sqrt(2)))
    return Trajectories(pd.RangeIndex(len(units)), scores, np.ones(len(units), dtype=bool), units, Summary.MAX)


def held(truth: float, measure: Callable[[Trajectories, Trajectories], Any], sides: Any, repeats: int) -> int:
    luck = np.random.default_rng(5)
    honest, attack, above = sides
    found = [
        measure(trajectories(luck, honest, repeats, 0.0), trajectories(luck, attack, repeats, above))
        for _ in range(SERIES)
    ]
    return sum(bool(one.lo <= truth <= one.hi) for one in found)


@pytest.mark.parametrize("sides", [(10, 30, 2.5), (30, 10, 1.2), (30, 30, 2.5)])
@pytest.mark.parametrize("repeats", [1, 5])
def test_auroc_of_few_worlds_and_of_sides_that_hardly_overlap(sides: tuple[int, int, float], repeats: int) -> None:
    truth = NormalDist().cdf(sides[2] / 2**0.5)
    assert held(truth, lambda a, b: auroc(a, b, samples=SAMPLES), sides, repeats) >= HELD


@pytest.mark.parametrize("sides", [(10, 60, 1.2), (60, 10, 1.2), (30, 60, 2.5)])
@pytest.mark.parametrize("repeats", [1, 5])
def test_recall_whose_line_few_honest_worlds_drew(sides: tuple[int, int, float], repeats: int) -> None:
    truth = NormalDist().cdf(sides[2] - NormalDist().inv_cdf(0.95))
    assert held(truth, lambda a, b: recall_at_fpr(a, b, 0.05, samples=SAMPLES).recall, sides, repeats) >= HELD


def test_honest_worlds_that_cannot_show_the_false_positive_rate_leave_the_recall_open_below() -> None:
    luck = np.random.default_rng(1)
    few, many = (trajectories(luck, worlds, 1, 0.0) for worlds in (30, 300))
    attack = trajectories(luck, 100, 1, 4.0)
    assert recall_at_fpr(few, attack, 0.05, samples=SAMPLES).recall.lo == 0.0
    assert recall_at_fpr(many, attack, 0.05, samples=SAMPLES).recall.lo > 0.8


def test_pass_at_k_of_few_tasks_that_are_seldom_solved() -> None:
    luck, found, tasks = np.random.default_rng(2), list[bool](), 10
    tried = episodes(*[key(task * 4 + n, task=f"t{task}", seed=n) for task in range(tasks) for n in range(4)])
    for _ in range(SERIES):
        solved = luck.random((tasks, 4)) < luck.beta(0.1, 0.9, size=(tasks, 1))
        one = pass_at_k(tried.assign(score=solved.astype(float).reshape(-1)), 1)
        found.append(one.lo <= 0.1 <= one.hi)
    assert sum(found) >= HELD
