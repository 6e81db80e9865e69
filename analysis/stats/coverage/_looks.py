"""How often a sequence holds the truth at every look, and a curve at one time."""

import numpy as np
from scipy.stats import binom

from .._clusters import Floats
from .._intervals import CONFIDENCE
from .._sequence import refuted
from .._survival import Survival, kaplan_meier


def sequence_coverage(rate: float, longest: int, samples: int, seed: int = 0, confidence: float = CONFIDENCE) -> float:
    """The share of runs in which the confidence sequence holds the rate at every one of ``longest`` looks."""
    k, n = _looks(rate, longest, samples, seed)
    return float(1 - refuted(k, n, rate, confidence).any(axis=1).mean())


def repeated_coverage(rate: float, longest: int, samples: int, seed: int = 0, confidence: float = CONFIDENCE) -> float:
    """For comparison: the same of the exact interval, which is made for one look, taken at every look."""
    k, n = _looks(rate, longest, samples, seed)
    tail = (1 - confidence) / 2
    least = np.minimum(np.asarray(binom.cdf(k, n, rate)), np.asarray(binom.sf(k - 1, n, rate)))
    return float((least.min(axis=1) >= tail).mean())


def _looks(rate: float, longest: int, samples: int, seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    k = (rng.random((samples, longest)) < rate).cumsum(axis=1, dtype=np.float64)
    return k, np.arange(1.0, longest + 1)[None, :]


def curve_coverage(groups: int, repeats: int, samples: int, seed: int = 0) -> dict[str, float]:
    """Kaplan–Meier bands at one time, clustered ones and those of as many independent times.

    Times are 2 u / (1 - u) of a uniform u that a cluster shares half of the time, some of them censored: at time 1
    two thirds are left.
    """
    rng = np.random.default_rng([seed, groups])
    held = [_curve_holds(rng, groups, repeats) for _ in range(samples)]
    return {"clustered": sum(one for one, _ in held) / samples, "independent": sum(two for _, two in held) / samples}


def _curve_holds(rng: np.random.Generator, groups: int, repeats: int) -> tuple[bool, bool]:
    codes, n = np.repeat(np.arange(groups), repeats), groups * repeats
    uniform = np.where(rng.random(n) < 0.5, rng.random(groups)[codes], rng.random(n))
    times, watched = 2 * uniform / (1 - uniform), rng.exponential(8.0, n)
    data = np.minimum(times, watched), times <= watched
    return _holds_at(kaplan_meier(*data, clusters=codes)), _holds_at(kaplan_meier(*data))


def _holds_at(curve: Survival, time: float = 1.0, truth: float = 2 / 3) -> bool:
    last = int(np.searchsorted(curve.times, time, side="right")) - 1
    return last < 0 or curve.lo[last] <= truth <= curve.hi[last]
