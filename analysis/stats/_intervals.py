"""Confidence intervals of one proportion. Pure numbers; the episodes behind them are counted elsewhere."""

from dataclasses import dataclass

from scipy.special import betaincinv, ndtri

CONFIDENCE = 0.95
"""Two-sided confidence of every interval unless told otherwise."""


@dataclass(frozen=True)
class Interval:
    """Lower and upper end, both within 0 and 1."""

    lo: float
    hi: float


NO_DATA = Interval(0.0, 1.0)
"""What no observation says about a proportion: nothing."""


def wilson(k: float, n: float, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval for ``k`` of ``n`` independent trials; `NO_DATA` for n = 0.

    Never of zero width, also where k is 0 or n. Raises `ValueError` for impossible counts.
    """
    _check(k, n, confidence)
    if n == 0:
        return NO_DATA
    z = float(ndtri(0.5 + confidence / 2))
    p, z2 = k / n, z * z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z * (p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5 / (1 + z2 / n)
    lo = 0.0 if k == 0 else max(0.0, centre - half)
    return Interval(lo, 1.0 if k == n else min(1.0, centre + half))


def clopper_pearson(k: float, n: float, confidence: float = CONFIDENCE) -> Interval:
    """The exact interval: it never covers less than ``confidence``; `NO_DATA` for n = 0.

    ``k`` and ``n`` need not be whole numbers: effective counts are not.

    Raises `ValueError` for impossible counts.
    """
    _check(k, n, confidence)
    if n == 0:
        return NO_DATA
    alpha = (1 - confidence) / 2
    lo = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, alpha))
    return Interval(lo, 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - alpha)))


def upper_bound(k: float, n: float, confidence: float = CONFIDENCE) -> float:
    """The exact one-sided bound: the proportion lies above it with at most 1 - ``confidence``; 1 for n = 0."""
    _check(k, n, confidence)
    return 1.0 if k == n else float(betaincinv(k + 1, n - k, confidence))


def lower_bound(k: float, n: float, confidence: float = CONFIDENCE) -> float:
    """The exact one-sided bound from below; 0 for n = 0."""
    _check(k, n, confidence)
    return 0.0 if k == 0 else float(betaincinv(k, n - k + 1, 1 - confidence))


def _check(k: float, n: float, confidence: float) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"interval: {k} of {n} is impossible")
    if not 0 < confidence < 1:
        raise ValueError(f"interval: confidence {confidence} is not between 0 and 1")
