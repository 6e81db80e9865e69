"""Values by cluster: what repeated, correlated observations are worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Clusters:
    """One value an observation, added up within clusters; observations of one cluster may go together in any way."""

    sums: Floats
    """Sum of the values of each cluster."""
    sizes: Floats
    """Number of observations of each cluster, never 0."""

    @classmethod
    def of(cls, values: ArrayLike, clusters: "Sequence[Any] | NDArray[Any] | pd.Series[Any]") -> Self:
        """From one value and one cluster label an observation. Raises `ValueError` for a missing value or label."""
        given = np.asarray(values, dtype=np.float64)
        codes, labels = pd.factorize(np.asarray(clusters, dtype=object))
        if len(given) != len(codes):
            raise ValueError(f"clusters: {len(given)} values but {len(codes)} labels")
        if np.isnan(given).any() or (codes < 0).any():
            raise ValueError("clusters: a value or a label is missing; leave such observations out and count them")
        count = len(labels)
        sizes = np.bincount(codes, minlength=count).astype(np.float64)
        sums = np.bincount(codes, weights=given, minlength=count).astype(np.float64)
        return cls(sums, sizes)

    @property
    def n(self) -> int:
        """Observations."""
        return int(self.sizes.sum())

    @property
    def groups(self) -> int:
        """Clusters."""
        return len(self.sizes)

    @property
    def total(self) -> float:
        """Sum of all values."""
        return float(self.sums.sum())

    @property
    def mean(self) -> float | None:
        """Every observation counts the same; None without observations."""
        return self.total / self.n if self.n else None

    @property
    def balanced(self) -> float | None:
        """Every cluster counts the same, however often it was repeated; None without observations."""
        return float((self.sums / self.sizes).mean()) if self.n else None

    @property
    def residuals(self) -> Floats:
        """Of each cluster, its sum less what `mean` makes of its size."""
        return self.sums - self.total / max(self.n, 1) * self.sizes

    @property
    def variance(self) -> float | None:
        """Of `mean`, robust to any correlation within clusters, with G / (G - 1); None below two clusters.

        Source: Miller, Adding Error Bars to Evals (arXiv 2411.00640), equation for clustered standard errors.
        """
        if self.groups < 2:
            return None
        return float(self.groups / (self.groups - 1) * (self.residuals**2).sum() / self.n**2)

    @property
    def fully_correlated_n(self) -> float:
        """Independent observations that these are worth where a cluster repeats a single answer: the fewest."""
        return float(self.n**2 / (self.sizes**2).sum()) if self.n else 0.0
