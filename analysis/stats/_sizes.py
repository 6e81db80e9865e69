"""How many observations a claim needs."""

import math

from scipy.special import ndtr, ndtri

from ._intervals import CONFIDENCE, upper_bound


def needed(limit: float, failures: int = 0, confidence: float = CONFIDENCE) -> int:
    """Fewest independent observations for which the exact one-sided upper bound is at most ``limit``.

    >>> [needed(limit) for limit in (0.05, 0.02, 0.01, 0.005, 0.001)]
    [59, 149, 299, 598, 2995]
    """
    if not 0 < limit < 1:
        raise ValueError(f"needed: a limit of {limit} does not lie between 0 and 1")
    low, high = failures, failures + 1
    while upper_bound(failures, high, confidence) > limit:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if upper_bound(failures, middle, confidence) <= limit else (middle, high)
    return high


def per_arm(p: float, q: float, *, power: float = 0.8, confidence: float = CONFIDENCE, deff: float = 1.0) -> int:
    """Observations per arm that tell rates ``p`` and ``q`` apart with that power, times a design effect."""
    if p == q:
        raise ValueError("per_arm: equal rates cannot be told apart")
    z = float(ndtri(0.5 + confidence / 2) + ndtri(power))
    return math.ceil(z**2 * (p * (1 - p) + q * (1 - q)) / (p - q) ** 2 * deff)


def power(p: float, q: float, per_arm: int, *, confidence: float = CONFIDENCE, deff: float = 1.0) -> float:
    """Chance that a two-sided test tells rates ``p`` and ``q`` apart with ``per_arm`` observations of each.

    ``deff`` is the design effect of repetition: the observations are worth ``per_arm / deff``. The normal
    approximation of the unpaired comparison, as in `per_arm`.
    """
    spread = p * (1 - p) + q * (1 - q)
    if p == q or spread == 0:
        raise ValueError("power: equal or certain rates need no sample")
    if per_arm <= 0 or deff <= 0:
        raise ValueError(f"power: {per_arm} observations at a design effect of {deff} are impossible")
    reach = abs(p - q) * math.sqrt(per_arm / deff / spread)
    z = float(ndtri(0.5 + confidence / 2))
    return float(ndtr(reach - z) + ndtr(-reach - z))
