"""Cluster and multilevel bootstrap."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._intervals import CONFIDENCE, Interval

SAMPLES = 2000
Statistic = Callable[..., float]
_Rows = NDArray[np.intp]


def bootstrap(
    statistic: Statistic,
    populations: Sequence[Sequence[Sequence[Any] | NDArray[Any]]],
    *,
    confidence: float = CONFIDENCE,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Percentile interval of a statistic of the row numbers of one or more populations, each resampled by itself.

    ``populations``: for each the labels of its rows, one sequence a level, outermost first (for example tasks, worlds);
    what is in no inner level is not resampled within. ``statistic`` takes one array of row numbers a population and
    may say NaN where it has no value; None where more than a twentieth of the samples has none.
    Zero width means that the sample cannot tell: callers use an exact interval there.
    Source: Efron and Tibshirani 1993, chapter 13 (percentiles); Ren et al. 2010 (resampling of nested levels).
    """
    rng = np.random.default_rng(seed)
    plans = [_Plan(levels) for levels in populations]
    if not all(plan.rows for plan in plans):
        return None
    found = np.array([statistic(*(plan.draw(rng) for plan in plans)) for _ in range(samples)])
    told = found[~np.isnan(found)]
    if len(told) < 0.95 * samples:
        return None
    tail = (1 - confidence) / 2
    lo, hi = np.quantile(told, [tail, 1 - tail])
    return Interval(float(lo), float(hi))


class _Plan:
    """Draws units of each level with replacement, inner ones within each drawn outer one."""

    def __init__(self, levels: Sequence[Sequence[Any] | NDArray[Any]]) -> None:
        codes = [pd.factorize(np.asarray(level, dtype=object))[0] for level in levels]
        if len({len(one) for one in codes}) != 1 or any((one < 0).any() for one in codes):
            raise ValueError("bootstrap: each level gives one label to every row of its population, none missing")
        self.rows = len(codes[0])
        self._order = np.lexsort(codes[::-1])
        changes = np.zeros(max(self.rows - 1, 0), dtype=bool)
        self._starts: list[_Rows] = []
        """Of each level, where its units begin among the sorted rows."""
        for level in codes:
            changes = changes | (np.diff(level[self._order]) != 0)
            self._starts.append(np.concatenate([[0], np.flatnonzero(changes) + 1]).astype(np.intp))

    def draw(self, rng: np.random.Generator) -> _Rows:
        """Row numbers of one resample."""
        outermost = len(self._starts[0])
        units: _Rows = rng.integers(outermost, size=outermost).astype(np.intp)
        for outer, inner in zip(self._starts, self._starts[1:], strict=False):
            edges = np.searchsorted(inner, np.append(outer, self.rows))
            first, count = edges[:-1][units], np.diff(edges)[units]
            widths = np.repeat(count, count)
            units = (np.repeat(first, count) + np.floor(rng.random(len(widths)) * widths)).astype(np.intp)
        starts = self._starts[-1]
        sizes = np.diff(np.append(starts, self.rows))[units]
        within: _Rows = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows: _Rows = self._order[np.repeat(starts[units], sizes) + within]
        return rows
