"""Tests: paired flips, families of tests, trends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr
from scipy.stats import binomtest
from statsmodels.stats import multitest


def mcnemar(cured: int, broken: int) -> float:
    """Exact two-sided p of as lopsided a split of the flips, if each way were as likely; 1 without flips."""
    return float(binomtest(cured, cured + broken, 0.5).pvalue) if cured + broken else 1.0


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for their number, step-down: below a level means rejected at it for the family."""
    if not p_values:
        return ()
    untyped: Any = multitest
    return tuple(float(p) for p in untyped.multipletests(list(p_values), method="holm")[1])


@dataclass(frozen=True)
class Trend:
    """Whether a rate moves with an ordered condition."""

    z: float | None
    """Above 0: it rises. None where nothing could differ."""
    p_value: float
    """Two-sided; 1 where nothing could differ."""


def trend(successes: ArrayLike, trials: ArrayLike, scores: ArrayLike) -> Trend:
    """Cochran–Armitage test of a trend of independent rates over ``scores``, one a condition."""
    k, n, x = (np.asarray(one, dtype=np.float64) for one in (successes, trials, scores))
    total = n.sum()
    p = k.sum() / total if total else 0.0
    spread = (n * x**2).sum() - (n * x).sum() ** 2 / total if total else 0.0
    if not 0 < p < 1 or spread <= 0:
        return Trend(None, 1.0)
    z = float((x * (k - n * p)).sum() / np.sqrt(p * (1 - p) * spread))
    return Trend(z, float(2 * ndtr(-abs(z))))
