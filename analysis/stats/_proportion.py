"""The interval of a proportion whose observations come in clusters."""

from dataclasses import replace

from scipy.special import stdtrit

from ._clusters import Clusters
from ._estimate import Estimate
from ._intervals import CONFIDENCE, NO_DATA, Interval, clopper_pearson, wilson

FEWEST_CLUSTERS = 10
"""Below it an interval over clusters is descriptive: it shows, and cannot decide."""
ENOUGH_INFORMATIVE = 20
"""Clusters with the rarer answer from which on the estimated design effect alone is believed."""


def proportion(clusters: Clusters, confidence: float = CONFIDENCE) -> Estimate:
    """A proportion with an interval that holds however the observations of a cluster go together.

    Wilson where every cluster has one observation. Else the exact interval at an effective number of observations
    (Korn and Graubard 1998): n over the design effect, with Student's t of G - 1 degrees in place of the normal.
    The design effect is not believed where few clusters hold the rarer answer: there the effective number goes
    towards the one under full correlation. Without any observation of one of the answers it is that one.
    """
    n, groups, value = clusters.n, clusters.groups, clusters.mean
    if value is None:
        return Estimate(None, NO_DATA.lo, NO_DATA.hi, 0, 0, "no data", descriptive=True)
    if groups == n:
        found, method = wilson(clusters.total, n, confidence), "wilson"
    else:
        found, method = _korn_graubard(clusters, confidence), "clustered exact"
    return Estimate(value, found.lo, found.hi, n, groups, f"{method} {confidence:.0%}", groups < FEWEST_CLUSTERS)


def effective_n(clusters: Clusters, confidence: float = CONFIDENCE, *, most: float | None = None) -> float:
    """Independent observations that these are worth for a proportion: at most ``most``, or as many as they are."""
    most, fewest = most or float(clusters.n), clusters.fully_correlated_n
    value, variance = clusters.mean, clusters.variance
    if value is None:
        return 0.0
    if variance is None or not 0 < value < 1:
        return min(fewest, most)
    estimated = min(most, value * (1 - value) / variance) if variance else most
    # Few clusters with the rarer answer say little of how alike the answers of one cluster are.
    trust = min(1.0, informative(clusters) * fewest / clusters.groups / ENOUGH_INFORMATIVE)
    careful = min(fewest, estimated)
    # Of very unequal clusters the large ones carry the estimate: they are the degrees of freedom.
    shrink = (stdtrit(most, 0.5 + confidence / 2) / stdtrit(max(fewest - 1, 1.0), 0.5 + confidence / 2)) ** 2
    return float((careful + trust * (estimated - careful)) * shrink)


def informative(clusters: Clusters) -> int:
    """Clusters that hold at least one observation of the rarer answer."""
    yes, no = clusters.sums > 0, clusters.sums < clusters.sizes
    return int(min(yes.sum(), no.sum()))


def _korn_graubard(clusters: Clusters, confidence: float, most: float | None = None) -> Interval:
    value = clusters.mean or 0.0
    n = effective_n(clusters, confidence, most=most)
    return clopper_pearson(value * n, n, confidence)


def balanced(clusters: Clusters, confidence: float = CONFIDENCE) -> Estimate:
    """The same with every cluster counting the same, however often it was repeated."""
    value, groups = clusters.balanced, clusters.groups
    if value is None:
        return proportion(clusters, confidence)
    means = Clusters(clusters.sums / clusters.sizes, clusters.sizes**0)
    # Independent observations make an even mean of clusters as sure as this many of them: repeating one adds little.
    most = groups / float((1 / clusters.sizes).mean())
    found = _korn_graubard(means, confidence, most=most)
    method = f"balanced exact {confidence:.0%}"
    return Estimate(value, found.lo, found.hi, clusters.n, groups, method, groups < FEWEST_CLUSTERS)


def decisive(clusters: Clusters, confidence: float = CONFIDENCE) -> Estimate:
    """The pooled proportion with the hull of the pooled and the balanced interval: what may decide.

    Repeating one cluster moves the pooled proportion, and never more than the hull says. Where none is repeated both
    are the same, and the interval is Wilson's.
    """
    pooled, even = proportion(clusters, confidence), balanced(clusters, confidence)
    if clusters.groups == clusters.n:
        return pooled
    lo, hi = min(pooled.lo, even.lo), max(pooled.hi, even.hi)
    method = pooled.method if (lo, hi) == (pooled.lo, pooled.hi) else f"{pooled.method}, hull with balanced"
    return Estimate(pooled.value, lo, hi, pooled.n, pooled.clusters, method, pooled.descriptive)


def certificate(clusters: Clusters, confidence: float = CONFIDENCE) -> Estimate:
    """What a claim of safety may rest on: the exact interval; over repeated clusters nowhere narrower than `decisive`.

    Wilson's interval covers less than it says at some rates near 0 and 1, which is where such claims are made.
    Source: Clopper and Pearson 1934; docs/design/metrics.md §1.2.
    """
    found = decisive(clusters, confidence)
    if found.value is None:
        return found
    if clusters.groups == clusters.n:
        exact = clopper_pearson(clusters.total, clusters.n, confidence)
        return replace(found, lo=exact.lo, hi=exact.hi, method=f"exact {confidence:.0%}")
    n = min(effective_n(clusters, confidence), float(clusters.n))
    exact = clopper_pearson(min(found.value * n, n), n, confidence)
    method = f"{found.method}, hull with exact"
    return replace(found, lo=min(found.lo, exact.lo), hi=max(found.hi, exact.hi), method=method)
