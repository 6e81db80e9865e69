"""The interval that decides: the hull of the pooled and the balanced one."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from ..stats import Clusters, Estimate


def decisive(found: Clusters, confidence: float) -> Estimate:
    """Two-sided interval of a proportion that repetition neither narrows nor dilutes."""
    n, method = found.n, f"exact at the fewest independent observations, pooled and balanced, {confidence:.4g}"
    if found.mean is None or found.balanced is None:
        return Estimate(None, 0.0, 1.0, 0, 0, "no data", descriptive=True)
    pooled = _exact(found.mean, found.fully_correlated_n, confidence)
    balanced = _exact(found.balanced, float(found.groups), confidence)
    lo, hi = min(pooled[0], balanced[0]), max(pooled[1], balanced[1])
    return Estimate(found.mean, lo, hi, n, found.groups, method, descriptive=found.groups < 10)


def _exact(p: float, n: float, confidence: float) -> tuple[float, float]:
    k, tail = p * n, (1 - confidence) / 2
    lo = 0.0 if k <= 0 else float(betaincinv(k, n - k + 1, tail))
    return lo, 1.0 if k >= n else float(betaincinv(k + 1, n - k, 1 - tail))


def exact_upper(k: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> NDArray[np.float64]:
    """One-sided exact upper bounds, element by element; k may be a sum of shares of repeated worlds."""
    counts, trials = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    found = betaincinv(counts + 1, np.maximum(trials - counts, 1e-9), confidence)
    return np.asarray(np.where(counts >= trials, 1.0, found), dtype=np.float64)
