"""Tests of paired flips and of families of tests."""

from collections.abc import Sequence
from typing import Any

from scipy.stats import binomtest
from statsmodels.stats import multitest


def mcnemar(cured: int, broken: int) -> float:
    """Exact two-sided p of as lopsided a split of the flips, if each way were as likely; 1 without flips.

    Flips must be independent: of repeated worlds use `difference`.
    """
    return float(binomtest(cured, cured + broken, 0.5).pvalue) if cured + broken else 1.0


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for their number, step-down: below a level means rejected at it for the family."""
    if not p_values:
        return ()
    untyped: Any = multitest
    return tuple(float(p) for p in untyped.multipletests(list(p_values), method="holm")[1])
