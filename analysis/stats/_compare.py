"""Tests of paired flips and of families of tests."""

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr


def mcnemar(cured: int, broken: int) -> float:
    """Exact two-sided p of as lopsided a split of the flips, if each way were as likely; 1 without flips.

    Flips must be independent: of repeated worlds use `difference`. Source: McNemar 1947, with the exact binomial
    distribution; the same as statsmodels' `mcnemar(exact=True)`.
    """
    return min(1.0, 2 * float(bdtr(min(cured, broken), cured + broken, 0.5)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for their number, step-down: below a level means rejected at it for the family.

    Source: Holm 1979. The same as statsmodels' `multipletests`, which collects garbage at every call: a third of a
    second beside large tables.
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    raised = given[order] * np.arange(len(given), 0, -1)
    found = np.empty(len(given))
    found[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return tuple(found.tolist())
