"""Cluster and multilevel bootstrap."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._intervals import CONFIDENCE, Interval

SAMPLES = 2000
Statistic = Callable[..., float]


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
    """
    rng = np.random.default_rng(seed)
    plans = [_Plan([pd.factorize(np.asarray(level, dtype=object))[0] for level in levels]) for levels in populations]
    found = np.array([statistic(*(plan.draw(rng) for plan in plans)) for _ in range(samples)])
    told = found[~np.isnan(found)]
    if len(told) < 0.95 * samples:
        return None
    tail = (1 - confidence) / 2
    lo, hi = np.quantile(told, [tail, 1 - tail])
    return Interval(float(lo), float(hi))


class _Plan:
    """Draws units of each level with replacement, inner ones within each drawn outer one."""

    def __init__(self, levels: list[NDArray[np.intp]]) -> None:
        self._tree = _tree(np.arange(len(levels[0])), levels)

    def draw(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Row numbers of one resample."""
        return _drawn(self._tree, rng)


_Tree = Any
"""Rows at the bottom, lists of trees above."""


def _tree(rows: NDArray[np.intp], levels: list[NDArray[np.intp]]) -> _Tree:
    if not levels:
        return rows
    codes = levels[0][rows]
    order = np.argsort(codes, kind="stable")
    cuts = np.flatnonzero(np.diff(codes[order])) + 1
    return [_tree(part, levels[1:]) for part in np.split(rows[order], cuts)]


def _drawn(tree: _Tree, rng: np.random.Generator) -> NDArray[np.intp]:
    if isinstance(tree, np.ndarray):
        return cast("NDArray[np.intp]", tree)
    branches = cast("list[_Tree]", tree)
    chosen = rng.integers(len(branches), size=len(branches))
    return np.concatenate([_drawn(branches[index], rng) for index in chosen])
