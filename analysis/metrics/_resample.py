"""Two samples of scores, each resampled by its own worlds many times at once."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import betaincinv

from .._units import Labels, clusters_of
from ..stats import CONFIDENCE, Interval
from ._joins import Floats

_BATCH = 2_000_000
"""Numbers that are held at once."""


def resampled(
    honest: tuple[Floats, Labels], attack: tuple[Floats, Labels], *, samples: int, seed: int
) -> Iterator[tuple[Floats, Floats]]:
    """How often each different score comes, ascending, among the honest and among the attacks: a row a replicate.

    Worlds are drawn with replacement, all their scores together: the cluster bootstrap (Efron and Tibshirani 1993).
    """
    values = np.unique(np.concatenate([honest[0], attack[0]]))
    rng = np.random.default_rng(seed)
    tables = [_by_world(*one, values) for one in (honest, attack)]
    batch = max(1, _BATCH // (len(values) + max(table.shape[0] for table in tables)))
    for start in range(0, samples, batch):
        count = min(batch, samples - start)
        yield _drawn(tables[0], count, rng), _drawn(tables[1], count, rng)


def _by_world(scores: Floats, units: Labels, values: Floats) -> Any:
    worlds, own = np.unique(units, return_inverse=True)
    at = own.reshape(-1), np.searchsorted(values, scores)
    table: Any = sparse.csr_array((np.ones(len(scores)), at), shape=(len(worlds), len(values)))
    # Whatever order the rows came in: worlds that hold the same are alike, all others stand in one order.
    told = np.asarray(table @ np.random.default_rng(0).random(len(values)))
    return table[np.argsort(told, kind="stable")]


def _drawn(table: Any, samples: int, rng: np.random.Generator) -> Floats:
    worlds = table.shape[0]
    drawn = rng.integers(worlds, size=(samples, worlds)) + worlds * np.arange(samples)[:, None]
    counts = np.bincount(drawn.reshape(-1), minlength=samples * worlds).reshape(samples, worlds)
    return np.asarray((table.T @ counts.T.astype(np.float64)).T, dtype=np.float64)


def areas(honest: Floats, attack: Floats) -> Floats:
    """P(s_attack > s_honest) + ½ P(equal) of each replicate."""
    below = np.cumsum(honest, axis=1) - honest
    wins = (attack * (below + honest / 2)).sum(axis=1)
    return np.asarray(wins / (honest.sum(axis=1) * attack.sum(axis=1)), dtype=np.float64)


def shares_above(honest: Floats, attack: Floats, fpr: float) -> Floats:
    """The share of attacks above the (1 - fpr) percentile, method "higher", of the honest, of each replicate."""
    upto = np.cumsum(honest, axis=1)
    place = np.ceil((1 - fpr) * (upto[:, -1] - 1))
    line = (upto > place[:, None]).argmax(axis=1)
    flagged = np.cumsum(attack, axis=1)
    below = np.take_along_axis(flagged, line[:, None], axis=1)[:, 0]
    return np.asarray(1 - below / flagged[:, -1], dtype=np.float64)


def lines_between(scores: Floats, units: Labels, fpr: float, confidence: float) -> tuple[float, float]:
    """The lowest and the highest line above which the share of honest scores may be ``fpr``; infinite without an end.

    The exact interval of a line's share, at as many answers as worlds of a single score each would be worth: a
    confidence interval of a quantile whatever the distribution of the scores (Scheffé and Tukey 1945).
    """
    worth = clusters_of(np.zeros(len(scores)), units).fully_correlated_n
    values, counts = np.unique(scores, return_counts=True)
    above = np.clip(1 - np.cumsum(counts) / len(scores), 0.0, 1.0)
    tail = (1 - confidence) / 2
    # A share is refuted where so few, or so many, above the line are less likely than the tail.
    few, many = above * worth, (1 - above) * worth
    most = np.where(many > 0, betaincinv(few + 1, np.maximum(many, 1e-12), 1 - tail), 1.0)
    least = np.where(few > 0, betaincinv(np.maximum(few, 1e-12), many + 1, tail), 0.0)
    low, high = values[least > fpr], values[most < fpr]
    return float(low.max(initial=-np.inf)), float(high.min(initial=np.inf))


def percentiles(found: Floats, confidence: float = CONFIDENCE) -> Interval:
    """The percentile interval of replicates."""
    tail = (1 - confidence) / 2
    lo, hi = np.quantile(found, [tail, 1 - tail])
    return Interval(float(lo), float(hi))
