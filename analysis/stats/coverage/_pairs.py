"""How often means, differences, ratios and slopes over clusters hold the truth."""

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from scipy.special import expit

from .._clusters import Clusters, Floats
from .._means import difference, difference_of, log_ratio, mean, shared_correlation
from .._trend import clustered_slope
from ._simulated import Cell, samples_of


def compared(cell: Cell, samples: int, seed: int = 0) -> dict[str, float]:
    """Two arms over the same clusters, the second at half the rate: coverage of means, differences and ratios."""
    held: dict[str, int] = dict.fromkeys(("mean", "difference", "difference_of", "log_ratio"), 0)
    for one, other in zip(samples_of(cell, samples, seed), _halved(cell, samples, seed), strict=True):
        together = shared_correlation(one, other)
        found = {
            "mean": (mean(_softened(one)), 0.25 + cell.rate / 2),
            "difference": (difference(Clusters(one.sums - other.sums, one.sizes)), cell.rate / 2),
            "difference_of": (difference_of(one, other, correlation=together), cell.rate / 2),
            "log_ratio": (log_ratio(other, one, correlation=together), 0.5),
        }
        for name, (estimate, truth) in found.items():
            held[name] += estimate.lo <= truth <= estimate.hi
    return {name: count / samples for name, count in held.items()}


def _softened(clusters: Clusters) -> Clusters:
    """Scores of a quarter and three quarters in place of 0 and 1."""
    return Clusters(0.25 * clusters.sizes + 0.5 * clusters.sums, clusters.sizes)


def _halved(cell: Cell, samples: int, seed: int) -> Iterator[Clusters]:
    """The same clusters in the same order, each observation that was a yes stays one with one half."""
    rng = np.random.default_rng(seed + 1)
    for sample in samples_of(cell, samples, seed):
        yield Clusters(rng.binomial(sample.sums.astype(int), 0.5).astype(np.float64), sample.sizes)


Arms = Literal["alike", "apart", "opposed"]
ARMS: Mapping[Arms, str] = {
    "alike": "what fails in one arm fails more often in the other",
    "apart": "the arms have nothing to do with one another",
    "opposed": "what fails in one arm holds in the other",
}
"""How the rates of one world in two arms may go together."""


def shared(arms: Arms, clusters: int, samples: int, seed: int = 0) -> dict[str, float]:
    """Differences and ratios of two arms over the same clusters of five: coverage and width, paired and not.

    Rates of the first arm are beta-distributed with mean 0.3 and correlation 0.5.
    """
    rng = np.random.default_rng([seed, clusters, list(ARMS).index(arms)])
    names = ("difference_of", "log_ratio")
    told = {f"{name}{kind}": 0.0 for name in names for kind in (" paired", " unpaired", " width")}
    for _ in range(samples):
        one, other, truth = _arms(arms, clusters, rng)
        together = shared_correlation(one, other)
        for name, method, true in (
            ("difference_of", difference_of, 0.3 - truth),
            ("log_ratio", log_ratio, 0.3 / truth),
        ):
            paired, plain = method(one, other, correlation=together), method(one, other)
            told[f"{name} paired"] += (paired.lo <= true <= paired.hi) / samples
            told[f"{name} unpaired"] += (plain.lo <= true <= plain.hi) / samples
            told[f"{name} width"] += _relative(name, (paired.lo, paired.hi), (plain.lo, plain.hi)) / samples
    return told


def _relative(name: str, paired: tuple[float, float], plain: tuple[float, float]) -> float:
    """Width of the one over that of the other; of ratios on the log scale, where there is one."""
    ends = np.array([paired, plain])
    if name == "log_ratio":
        if not (np.isfinite(ends) & (ends > 0)).all():
            return 1.0
        ends = np.log(ends)
    return float((ends[0, 1] - ends[0, 0]) / (ends[1, 1] - ends[1, 0]))


def _arms(arms: Arms, clusters: int, rng: np.random.Generator) -> tuple[Clusters, Clusters, float]:
    rates = rng.beta(0.3, 0.7, clusters)
    others = {"alike": rates / 2, "apart": rng.beta(0.3, 0.7, clusters), "opposed": 1 - rates}[arms]
    sizes = np.full(clusters, 5.0)
    one, other = (Clusters(rng.binomial(5, each).astype(np.float64), sizes) for each in (rates, others))
    return one, other, {"alike": 0.15, "apart": 0.3, "opposed": 0.7}[arms]


def slope_coverage(
    slope: float, clusters: int, samples: int, seed: int = 0, *, within: bool = True
) -> dict[str, float]:
    """Log odds that rise by ``slope`` a step over five conditions, answers of one cluster alike half of the time.

    ``within``: every cluster is seen under every condition, else each under one. How often the interval holds the
    slope (no finite one holds anything), and how often the test finds one at 5 %.
    """
    rng = np.random.default_rng([seed, clusters, round(100 * slope), within])
    codes = np.repeat(np.arange(clusters), 5)
    steps = np.tile(np.arange(5.0), clusters) if within else np.repeat(np.arange(clusters) % 5, 5).astype(np.float64)
    held = found = 0
    for _ in range(samples):
        answers = _alike(expit(slope * (steps - 2)), codes, rng)
        told = clustered_slope(answers, steps, codes)
        held += told.lo <= slope <= told.hi
        found += told.p_value <= 0.05
    return {"covered": held / samples, "found": found / samples}


def _alike(chances: Floats, codes: "np.ndarray[tuple[int], np.dtype[np.intp]]", rng: np.random.Generator) -> Floats:
    """Answers with exactly these chances, which share a draw with their cluster half of the time."""
    n, together = len(codes), rng.random(int(codes.max()) + 1)[codes]
    drawn = np.where(rng.random(n) < 0.5, together, rng.random(n))
    return (drawn < chances).astype(np.float64)
