"""Means, differences and ratios over clusters."""

import math

import numpy as np
from scipy.special import stdtrit

from ._clusters import Clusters
from ._estimate import Estimate
from ._intervals import CONFIDENCE, Interval
from ._proportion import FEWEST_CLUSTERS, effective_n, proportion


def mean(
    clusters: Clusters, confidence: float = CONFIDENCE, *, within: tuple[float, float] = (-math.inf, math.inf)
) -> Estimate:
    """The mean of a value by Student's t over clusters, G - 1 degrees of freedom; ``within`` is the value's range.

    Source: Miller, arXiv 2411.00640 (clustered standard errors), with t in place of the normal. Where all clusters
    agree the spread says nothing: then the exact bound of one more unlike observation widens it, where the range is
    finite; else it is unbounded.
    """
    low, high = within
    value, groups = clusters.mean, clusters.groups
    if value is None:
        return Estimate(None, low, high, 0, 0, "no data", descriptive=True)
    half = _half(clusters, confidence)
    found = Interval(max(low, value - half), min(high, value + half))
    if half == 0 or math.isinf(half):
        found = _agreed(clusters, value, within, confidence)
    method = f"clustered t {confidence:.0%}"
    return Estimate(value, found.lo, found.hi, clusters.n, groups, method, groups < FEWEST_CLUSTERS)


def _half(clusters: Clusters, confidence: float) -> float:
    variance = clusters.variance
    if variance is None:
        return math.inf
    return float(stdtrit(clusters.groups - 1, 0.5 + confidence / 2)) * math.sqrt(variance)


def _agreed(clusters: Clusters, value: float, within: tuple[float, float], confidence: float) -> Interval:
    """All said the same: what an unseen share of unlike clusters could still move the mean by."""
    low, high = within
    if math.isinf(low) or math.isinf(high):
        return Interval(low, high)
    unseen = proportion(Clusters(np.zeros(clusters.groups), np.ones(clusters.groups)), confidence).hi
    return Interval(value - unseen * (value - low), value + unseen * (high - value))


def difference(clusters: Clusters, confidence: float = CONFIDENCE) -> Estimate:
    """The mean of paired differences of values between 0 and 1, clustered; between -1 and 1."""
    return mean(clusters, confidence, within=(-1.0, 1.0))


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
