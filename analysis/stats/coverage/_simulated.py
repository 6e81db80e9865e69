"""How often the intervals hold the truth: computed where that can be done exactly, simulated elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from scipy.stats import binom

from .._clusters import Clusters, Floats
from .._estimate import Estimate
from .._intervals import CONFIDENCE, Interval, clopper_pearson, wilson
from .._means import difference, difference_of, log_ratio, mean
from .._proportion import balanced, decisive, proportion
from .._sequence import refuted
from .._survival import Survival, kaplan_meier

Sizes = Literal["equal", "unequal"]
SIZES: Mapping[Sizes, tuple[int, ...]] = {"equal": (10,), "unequal": (1, 2, 4, 8, 40)}
"""Observations of the clusters, repeated over as many as there are."""


@dataclass(frozen=True)
class Cell:
    """One design: how many clusters of which sizes, how alike the observations of one are, the true rate."""

    clusters: int
    sizes: Sizes
    correlation: float
    """Of two observations of one cluster; the clusters' rates are beta-distributed."""
    rate: float


CELLS = tuple(Cell(*one) for one in product((5, 10, 30), SIZES, (0.0, 0.2, 0.5), (0.02, 0.1, 0.3, 0.5)))


def exact(method: Callable[[int, int], Interval], n: int, rates: Floats) -> Floats:
    """The chance that an interval of ``n`` independent trials holds each true rate: a sum, no simulation."""
    found = [method(k, n) for k in range(n + 1)]
    lo, hi = np.array([one.lo for one in found]), np.array([one.hi for one in found])
    chances = np.asarray(binom.pmf(np.arange(n + 1)[:, None], n, rates[None, :]), dtype=np.float64)
    held: Floats = (chances * ((lo[:, None] <= rates) & (rates <= hi[:, None]))).sum(axis=0)
    return held


Method = Callable[[Clusters], Estimate]
METHODS: Mapping[str, Method] = {"proportion": proportion, "balanced": balanced, "decisive": decisive}


def errors_of_others(clusters: Clusters) -> Estimate:
    """For comparison: 1.96 clustered standard errors to either side, as evaluation frameworks print them."""
    value, variance = clusters.mean or 0.0, clusters.variance or 0.0
    half = 1.96 * variance**0.5
    return Estimate(value, value - half, value + half, clusters.n, clusters.groups, "clustered normal")


def simulated(cell: Cell, methods: Mapping[str, Method], samples: int, seed: int = 0) -> dict[str, float]:
    """The share of samples in which each method's interval holds the true rate."""
    held = dict.fromkeys(methods, 0)
    for sample in _samples(cell, samples, seed):
        for name, method in methods.items():
            found = method(sample)
            held[name] += found.lo <= cell.rate <= found.hi
    return {name: count / samples for name, count in held.items()}


def _samples(cell: Cell, samples: int, seed: int) -> Iterator[Clusters]:
    rng = np.random.default_rng([seed, cell.clusters, round(1000 * cell.rate), round(10 * cell.correlation)])
    sizes = np.resize(SIZES[cell.sizes], cell.clusters).astype(np.float64)
    for _ in range(samples):
        yield Clusters(rng.binomial(sizes.astype(int), _rates(cell, rng)).astype(np.float64), sizes)


def _rates(cell: Cell, rng: np.random.Generator) -> Floats:
    if not cell.correlation:
        return np.full(cell.clusters, cell.rate)
    shape = (1 - cell.correlation) / cell.correlation
    return rng.beta(cell.rate * shape, (1 - cell.rate) * shape, cell.clusters)


def compared(cell: Cell, samples: int, seed: int = 0) -> dict[str, float]:
    """Two arms over the same clusters, the second at half the rate: coverage of means, differences and ratios."""
    held: dict[str, int] = dict.fromkeys(("mean", "difference", "difference_of", "log_ratio"), 0)
    for one, other in zip(_samples(cell, samples, seed), _halved(cell, samples, seed), strict=True):
        found = {
            "mean": (mean(_softened(one)), 0.25 + cell.rate / 2),
            "difference": (difference(Clusters(one.sums - other.sums, one.sizes)), cell.rate / 2),
            "difference_of": (difference_of(one, other), cell.rate / 2),
            "log_ratio": (log_ratio(other, one), 0.5),
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
    for sample in _samples(cell, samples, seed):
        yield Clusters(rng.binomial(sample.sums.astype(int), 0.5).astype(np.float64), sample.sizes)


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


GRID = np.linspace(0.001, 0.999, 999)
TRIALS = (5, 10, 30, 100, 300)


def measured(samples: int) -> dict[str, Any]:
    """Everything that docs/statistics.md shows, JSON-able."""
    ours = {**METHODS, "normal": errors_of_others}
    return {
        "samples": samples,
        "exact": [_exact_row(n) for n in TRIALS],
        "clustered": [
            {**asdict(cell), **simulated(cell, ours, samples), **compared(cell, samples)} for cell in CELLS
        ],
        "sequence": [
            {"rate": rate, "looks": 1000, "covered": sequence_coverage(rate, 1000, samples),
             "repeated": repeated_coverage(rate, 1000, samples)}
            for rate in (0.01, 0.05, 0.2, 0.5)
        ],
        "curves": [
            {"clusters": groups, "repeats": 10, **curve_coverage(groups, 10, samples)} for groups in (5, 10, 30)
        ],
    }  # fmt: skip


def _exact_row(n: int) -> dict[str, float]:
    clopper, score = exact(clopper_pearson, n, GRID), exact(wilson, n, GRID)
    return {"n": n, "clopper_pearson_min": float(clopper.min()), "wilson_mean": float(score.mean()),
            "wilson_min": float(score.min())}  # fmt: skip


def tables(data: Mapping[str, Any]) -> str:
    """What was `measured`, as Markdown."""
    names = [*METHODS, "mean", "difference", "difference_of", "log_ratio", "normal"]
    parts = [
        "Independent trials, computed exactly at 999 rates:\n",
        _markdown(("trials", "Clopper–Pearson, least", "Wilson, mean", "Wilson, least"),
                  [(row["n"], *(_share(row[key]) for key in ("clopper_pearson_min", "wilson_mean", "wilson_min")))
                   for row in data["exact"]]),
        f"Clusters, {data['samples']:,} samples a cell. Last column, for comparison: 1.96 clustered standard errors.\n",
        _markdown(("clusters", "sizes", "correlation", "rate", *(f"`{name}`" for name in names)),
                  [(row["clusters"], row["sizes"], row["correlation"], row["rate"],
                    *(_share(row[name]) for name in names)) for row in data["clustered"]]),
        "A sequence that is looked at after every one of 1,000 observations:\n",
        _markdown(("rate", "the sequence held at every look", "the exact interval of one look held at every look"),
                  [(row["rate"], _share(row["covered"]), _share(row["repeated"])) for row in data["sequence"]]),
        "Kaplan–Meier bands at one time, ten episodes a cluster, which share half of their times:\n",
        _markdown(("clusters", "clustered bands", "bands of as many independent episodes"),
                  [(row["clusters"], _share(row["clustered"]), _share(row["independent"])) for row in data["curves"]]),
    ]  # fmt: skip
    return "\n".join(parts)


def _share(value: float) -> str:
    text = f"{100 * value:.1f} %"
    return text if value >= ENOUGH else f"**{text}**"


ENOUGH = 0.94
"""Share of samples below which an interval is called descriptive."""


def _markdown(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"
