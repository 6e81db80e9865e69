"""What the pages compute with: independence by world, and the intervals of `stats` on it."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..stats import Clusters, Estimate, decisive, difference, mean
from ._parts import Floats

Codes = NDArray[np.int64]


def world(table: pd.DataFrame) -> "pd.Series[str]":
    """What counts as one independent observation: the task and the seed, under whatever factors."""
    return table["task"].astype("string").fillna("?") + "\x1f" + table["seed"].astype("string").fillna("?")


def mean_score(episodes: pd.DataFrame) -> Estimate:
    """Mean of the scores of valid episodes, by world."""
    scored = episodes[episodes["valid"].astype(bool)].dropna(subset=["score"])
    return mean_of(scored["score"], world(scored))


def mean_of(values: Any, labels: Any) -> Estimate:
    """Mean of values from 0 to 1, by cluster."""
    return mean(Clusters.of(np.asarray(values, dtype=np.float64), labels), within=(0.0, 1.0))


def share(values: Any, labels: Any) -> Estimate:
    """Share of true values, by cluster: the hull of the pooled and the balanced interval."""
    return decisive(Clusters.of(np.asarray(values, dtype=np.float64), labels))


def paired_difference(differences: Any, labels: list[str]) -> Estimate:
    """Mean of paired differences of truth values, by cluster, within -1 to 1."""
    return difference(Clusters.of(differences, labels))


def resampled(labels: Any, samples: int, seed: int) -> tuple[Floats, Codes]:
    """How often each cluster is drawn in each replicate, and the number of each observation's cluster."""
    codes, names = pd.factorize(np.asarray(labels, dtype=object))
    draw = np.random.default_rng(seed)
    weights = draw.multinomial(len(names), np.full(len(names), 1 / max(1, len(names))), size=samples)
    return weights.astype(np.float64), np.asarray(codes, dtype=np.int64)
