"""Means, differences and ratios over clusters."""

import math

import numpy as np

from ._clusters import Clusters
from ._estimate import Estimate
from ._intervals import CONFIDENCE
from ._proportion import FEWEST_CLUSTERS, effective_n, proportion


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
    return math.sqrt(one**2 + other**2 + 2 * together * one * other)


def difference_of(a: Clusters, b: Clusters, confidence: float = CONFIDENCE) -> Estimate:
    """Proportion of ``a`` minus that of ``b``, two unpaired samples, by the method of variance estimates recovery.

    Source: Newcombe 1998, method 10, with clustered intervals in place of Wilson's.
    """
    one, other = proportion(a, confidence), proportion(b, confidence)
    n, groups = a.n + b.n, min(a.groups, b.groups)
    if one.value is None or other.value is None:
        return Estimate(None, -1.0, 1.0, n, groups, "no data", descriptive=True)
    value = one.value - other.value
    down = math.hypot(one.value - one.lo, other.hi - other.value)
    up = math.hypot(one.hi - one.value, other.value - other.lo)
    method = f"Newcombe, {one.method}"
    return Estimate(value, max(-1.0, value - down), min(1.0, value + up), n, groups, method, groups < FEWEST_CLUSTERS)


def log_ratio(a: Clusters, b: Clusters, confidence: float = CONFIDENCE) -> Estimate:
    """Ratio of two proportions, ``a`` over ``b``, on the log scale by variance estimates recovery.

    Without a positive observation below there is no ratio: None, from 0 to infinity.
    Source: Donner and Zou 2012 (closed-form intervals for functions of means), with clustered intervals.
    """
    one, other = proportion(a, confidence), proportion(b, confidence)
    n, groups = a.n + b.n, min(a.groups, b.groups)
    if one.value is None or not other.value:
        return Estimate(None, 0.0, math.inf, n, groups, "no data", descriptive=True)
    value = one.value / other.value
    lo = 0.0 if not one.value else value * math.exp(-math.hypot(_log(one.value, one.lo), _log(other.hi, other.value)))
    top = one.hi / other.value if not one.value else value
    up = 0.0 if not one.value else _log(one.hi, one.value)
    hi = top * math.exp(math.hypot(up, _log(other.value, other.lo)))
    method = f"log ratio, {one.method}"
    return Estimate(value, lo, hi, n, groups, method, groups < FEWEST_CLUSTERS)


def _log(above: float, below: float) -> float:
    return math.log(above / below) if below > 0 else math.inf


def design_effect(clusters: Clusters) -> float | None:
    """By how much repetition within clusters shrinks the observations: n over the effective n; None without any."""
    effective = effective_n(clusters)
    return clusters.n / effective if effective else None
