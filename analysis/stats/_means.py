"""Means, differences and ratios over clusters."""

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ._clusters import Clusters
from ._estimate import Estimate
from ._intervals import CONFIDENCE
from ._proportion import ENOUGH_INFORMATIVE, FEWEST_CLUSTERS, effective_n, informative, proportion

Labels = NDArray[Any]
Places = NDArray[np.intp]


def mean(clusters: Clusters, confidence: float = CONFIDENCE, *, within: tuple[float, float] = (0.0, 1.0)) -> Estimate:
    """The mean of bounded values, clustered; ``within`` is the values' range, which must be finite.

    Of all variables with that range and mean, one of its two ends varies the most: the interval of `proportion` at
    the effective number of observations holds for any of them. Raises `ValueError` for values beyond the range.
    """
    low, span = within[0], within[1] - within[0]
    if not 0 < span < math.inf:
        raise ValueError(f"mean: a range of {within} is not finite, or empty")
    share = proportion(Clusters((clusters.sums - low * clusters.sizes) / span, clusters.sizes), confidence)
    ends = low + span * share.lo, low + span * share.hi
    return Estimate(clusters.mean, *ends, share.n, share.clusters, share.method, share.descriptive)


def difference(clusters: Clusters, confidence: float = CONFIDENCE) -> Estimate:
    """The mean of paired differences of values between 0 and 1, clustered; between -1 and 1.

    It is what went up less what went down, see `risen`, each cluster being one or the other as a whole.
    """
    up, down = np.maximum(clusters.sums, 0.0), np.maximum(-clusters.sums, 0.0)
    return risen(Clusters(up, clusters.sizes), Clusters(down, clusters.sizes), confidence)


def risen(up: Clusters, down: Clusters, confidence: float = CONFIDENCE) -> Estimate:
    """The mean difference of pairs whose rises and falls are given apart, over the same clusters.

    Two proportions of the same pairs, put together by the method of variance estimates recovery (Zou and Donner 2008),
    with the correlation of answers that exclude one another. Rare flips make intervals of standard errors far too
    narrow, and none at all make them vanish: these do not.
    """
    rises, falls = proportion(up, confidence), proportion(down, confidence)
    if rises.value is None or falls.value is None:
        return Estimate(None, -1.0, 1.0, 0, 0, "no data", descriptive=True)
    value = rises.value - falls.value
    together = _exclusion(rises.value, falls.value)
    lower = _side(rises.value - rises.lo, falls.hi - falls.value, together)
    upper = _side(rises.hi - rises.value, falls.value - falls.lo, together)
    method = f"paired, {rises.method}"
    ends = max(-1.0, value - lower), min(1.0, value + upper)
    return Estimate(value, *ends, up.n, up.groups, method, rises.descriptive)


def _exclusion(up: float, down: float) -> float:
    """Minus the correlation of two answers of which at most one can be yes."""
    return math.sqrt(up * down / ((1 - up) * (1 - down))) if up < 1 and down < 1 else 0.0


def _side(one: float, other: float, together: float) -> float:
    """Length of two arms that go together; as long as both where one has no end."""
    if math.isinf(one) or math.isinf(other):
        return math.inf
    return math.sqrt(max(0.0, one**2 + other**2 + 2 * together * one * other))


def difference_of(a: Clusters, b: Clusters, confidence: float = CONFIDENCE, *, correlation: float = 0.0) -> Estimate:
    """Proportion of ``a`` minus that of ``b``, by the method of variance estimates recovery.

    ``correlation``: of the two proportions where they share clusters, see `shared_correlation`; 0 for two samples.
    Source: Newcombe 1998, method 10, and Zou and Donner 2008, with clustered intervals in place of Wilson's.
    """
    one, other = proportion(a, confidence), proportion(b, confidence)
    n, groups = a.n + b.n, min(a.groups, b.groups)
    if one.value is None or other.value is None:
        return Estimate(None, -1.0, 1.0, n, groups, "no data", descriptive=True)
    value = one.value - other.value
    down = _side(one.value - one.lo, other.hi - other.value, -correlation)
    up = _side(one.hi - one.value, other.value - other.lo, -correlation)
    method = f"Newcombe, {one.method}{_paired(correlation)}"
    return Estimate(value, max(-1.0, value - down), min(1.0, value + up), n, groups, method, groups < FEWEST_CLUSTERS)


def log_ratio(a: Clusters, b: Clusters, confidence: float = CONFIDENCE, *, correlation: float = 0.0) -> Estimate:
    """Ratio of two proportions, ``a`` over ``b``, on the log scale by variance estimates recovery.

    ``correlation`` as in `difference_of`. Without a positive observation below there is no ratio: None, from 0 to
    infinity. Source: Donner and Zou 2012 (closed-form intervals for functions of means), with clustered intervals.
    """
    one, other = proportion(a, confidence), proportion(b, confidence)
    n, groups = a.n + b.n, min(a.groups, b.groups)
    if one.value is None or not other.value:
        return Estimate(None, 0.0, math.inf, n, groups, "no data", descriptive=True)
    value = one.value / other.value
    above, below = _log(other.hi, other.value), _log(other.value, other.lo)
    lo = 0.0 if not one.value else value * math.exp(-_side(_log(one.value, one.lo), above, -correlation))
    top = one.hi / other.value if not one.value else value
    up = 0.0 if not one.value else _log(one.hi, one.value)
    hi = top * math.exp(_side(up, below, -correlation))
    method = f"log ratio, {one.method}{_paired(correlation)}"
    return Estimate(value, lo, hi, n, groups, method, groups < FEWEST_CLUSTERS)


def _paired(correlation: float) -> str:
    return ", paired" if correlation else ""


def shared_correlation(a: Clusters, b: Clusters, shared: tuple[Places, Places] | None = None) -> float:
    """Correlation of the means of two samples that share clusters; cautious.

    The sum over shared clusters of the products of their residuals, over the root of both sums of squares. ``shared``
    holds the places of those clusters in each sample; None where both samples are over the same ones, in one order.
    A positive correlation, which makes intervals narrower, is believed in proportion to the clusters that hold the
    rarer answer, in full from `ENOUGH_INFORMATIVE` on; a negative one, which makes them wider, at once.
    """
    one, other = a.residuals, b.residuals
    spread = math.sqrt(float((one**2).sum() * (other**2).sum()))
    if not spread:
        return 0.0
    here, there = shared or (np.arange(a.groups), np.arange(b.groups))
    found = float((one[here] * other[there]).sum()) / spread
    return found if found < 0 else found * min(1.0, min(informative(a), informative(b)) / ENOUGH_INFORMATIVE)


def sharing(a: tuple[ArrayLike, Labels], b: tuple[ArrayLike, Labels]) -> tuple[Clusters, Clusters, float]:
    """Two samples, each as values and cluster labels, as clusters, and their `shared_correlation`."""
    one, other = Clusters.of(*a), Clusters.of(*b)
    names = [pd.Index(pd.unique(np.asarray(labels))) for _, labels in (a, b)]
    at = names[1].get_indexer(names[0])
    both = np.flatnonzero(at >= 0)
    return one, other, shared_correlation(one, other, (both, at[both]))


def _log(above: float, below: float) -> float:
    return math.log(above / below) if below > 0 else math.inf


def design_effect(clusters: Clusters) -> float | None:
    """By how much repetition within clusters shrinks the observations: n over the effective n; None without any."""
    effective = effective_n(clusters)
    return clusters.n / effective if effective else None
