"""How often the intervals hold the truth: computed where that can be done exactly, simulated elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from scipy.stats import binom

from .._clusters import Clusters, Floats
from .._estimate import Estimate
from .._intervals import Interval
from .._proportion import balanced, certificate, decisive, proportion

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
METHODS: Mapping[str, Method] = {
    "proportion": proportion,
    "balanced": balanced,
    "decisive": decisive,
    "certificate": certificate,
}


def errors_of_others(clusters: Clusters) -> Estimate:
    """For comparison: 1.96 clustered standard errors to either side, as evaluation frameworks print them."""
    value, variance = clusters.mean or 0.0, clusters.variance or 0.0
    half = 1.96 * variance**0.5
    return Estimate(value, value - half, value + half, clusters.n, clusters.groups, "clustered normal")


def simulated(cell: Cell, methods: Mapping[str, Method], samples: int, seed: int = 0) -> dict[str, float]:
    """The share of samples in which each method's interval holds the true rate."""
    held = dict.fromkeys(methods, 0)
    for sample in samples_of(cell, samples, seed):
        for name, method in methods.items():
            found = method(sample)
            held[name] += found.lo <= cell.rate <= found.hi
    return {name: count / samples for name, count in held.items()}


def samples_of(cell: Cell, samples: int, seed: int) -> Iterator[Clusters]:
    """Samples of a design."""
    rng = np.random.default_rng([seed, cell.clusters, round(1000 * cell.rate), round(10 * cell.correlation)])
    sizes = np.resize(SIZES[cell.sizes], cell.clusters).astype(np.float64)
    for _ in range(samples):
        yield Clusters(rng.binomial(sizes.astype(int), _rates(cell, rng)).astype(np.float64), sizes)


def _rates(cell: Cell, rng: np.random.Generator) -> Floats:
    if not cell.correlation:
        return np.full(cell.clusters, cell.rate)
    shape = (1 - cell.correlation) / cell.correlation
    return rng.beta(cell.rate * shape, (1 - cell.rate) * shape, cell.clusters)
