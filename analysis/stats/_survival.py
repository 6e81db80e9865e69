"""Kaplan–Meier curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from ._clusters import Floats
from ._intervals import CONFIDENCE

_LOOKS = 200
"""Times at which the clustered variance is computed; between them its ratio to Greenwood's is interpolated."""


@dataclass(frozen=True)
class Survival:
    """The share that nothing has happened to by each time."""

    times: tuple[float, ...]
    """Distinct times at which something happened, ascending."""
    at_risk: tuple[int, ...]
    events: tuple[int, ...]
    survival: tuple[float, ...]
    """Just after each time."""
    lo: tuple[float, ...]
    hi: tuple[float, ...]
    n: int
    censored: int
    median: float | None
    """First time by which half of them had it; None where the curve stays above."""
    method: str
    clusters: int = 0
    """Independent groups; n where none were told of."""
    censored_at: tuple[float, ...] = ()
    """Distinct times at which a watch ended without it, ascending."""


def kaplan_meier(
    times: ArrayLike,
    happened: ArrayLike,
    confidence: float = CONFIDENCE,
    *,
    clusters: "Sequence[Any] | NDArray[Any] | pd.Series[Any] | None" = None,
) -> Survival:
    """The product-limit curve of times, ``happened`` False where the watch ended before (censored).

    Bands: pointwise, Greenwood's variance on the log-log scale; where the curve is at 0 that says nothing, and the
    upper end is the exact binomial one over those at risk. With ``clusters`` the variance is the sum over clusters of
    squared influences (Ying and Wei 1994), each as large as if its cluster were left out, G / (G - 1), with t of G - 1
    degrees, never below Greenwood's.
    Raises `ValueError` for times that are missing or negative.
    """
    given, seen = np.asarray(times, dtype=np.float64), np.asarray(happened, dtype=bool)
    if len(given) != len(seen) or np.isnan(given).any() or (given < 0).any():
        raise ValueError("kaplan_meier: a time is missing or below 0, or not told whether it happened")
    moments, counts = np.unique(given[seen], return_counts=True)
    events = counts.astype(np.float64)
    at_risk = (len(given) - np.searchsorted(np.sort(given), moments, side="left")).astype(np.float64)
    curve = np.cumprod(1 - events / at_risk, dtype=np.float64)
    greenwood = _greenwood(at_risk, events)
    codes, groups = _groups(clusters, len(given))
    reach = np.full(len(moments), float(ndtri(0.5 + confidence / 2)))
    if groups < len(given):
        reach = _reach(given, seen, codes, (moments, at_risk, events, greenwood), confidence)
    lo, hi = _bands(curve, _independent(given, codes, at_risk), greenwood, reach, confidence)
    below = np.flatnonzero(curve <= 0.5 + 1e-12)
    return Survival(
        times=tuple(map(float, moments)),
        at_risk=tuple(map(int, at_risk)),
        events=tuple(map(int, events)),
        survival=tuple(map(float, curve)),
        lo=tuple(map(float, lo)),
        hi=tuple(map(float, hi)),
        n=len(given),
        censored=int((~seen).sum()),
        median=float(moments[below[0]]) if len(below) else None,
        method=_method(len(given), groups, confidence),
        clusters=groups,
        censored_at=tuple(map(float, np.unique(given[~seen]))),
    )


def _method(n: int, groups: int, confidence: float) -> str:
    return f"Kaplan–Meier, {'clustered ' if groups < n else ''}log-log {confidence:.0%}" if n else "no data"


def _groups(clusters: Any, n: int) -> tuple[NDArray[np.intp], int]:
    if clusters is None:
        return np.arange(n), n
    codes, labels = pd.factorize(np.asarray(clusters, dtype=object))
    if len(codes) != n or (codes < 0).any():
        raise ValueError(f"kaplan_meier: {n} times need as many cluster labels, none missing")
    return codes, len(labels)


def _independent(times: Floats, codes: NDArray[np.intp], at_risk: Floats) -> Floats:
    """Clusters at risk at the last time, the only one at which the curve can have ended; elsewhere not needed."""
    found = np.ones_like(at_risk)
    if len(found):
        found[-1] = len(np.unique(codes[times >= np.sort(times)[-int(at_risk[-1])]]))
    return found


def _greenwood(at_risk: Floats, events: Floats) -> Floats:
    """Variance of the log of the curve; infinite once the last one had it."""
    left = at_risk - events
    steps = np.full(len(events), np.inf)
    return np.cumsum(np.divide(events, at_risk * left, out=steps, where=left > 0))


def _reach(
    times: Floats, seen: NDArray[np.bool_], codes: NDArray[np.intp], steps: tuple[Floats, ...], confidence: float
) -> Floats:
    """How many of Greenwood's standard errors each band reaches, for clustered observations."""
    moments, at_risk, events, greenwood = steps
    groups = int(codes.max()) + 1 if len(codes) else 0
    if groups < 2 or not len(moments):
        return np.full(len(moments), np.inf)
    hazard = np.concatenate([[0.0], np.cumsum(events / at_risk**2)])
    own = np.searchsorted(moments, times, side="right")
    jump = np.where(seen, 1 / at_risk[np.maximum(own - 1, 0)], 0.0)
    looks = np.unique(np.linspace(0, len(moments) - 1, _LOOKS).astype(int)) if len(moments) else np.zeros(0, dtype=int)

    def ratio(look: int) -> float:
        influence = jump * (own <= look + 1) - hazard[np.minimum(own, look + 1)]
        robust = (np.bincount(codes, weights=influence) ** 2).sum() * (groups / (groups - 1)) ** 2
        return float(np.sqrt(max(1.0, robust / greenwood[look])))

    if not len(looks):
        return np.zeros(0)
    inflation = np.interp(np.arange(len(moments)), looks, [ratio(int(look)) for look in looks])
    return inflation * float(stdtrit(groups - 1, 0.5 + confidence / 2))


def _bands(
    curve: Floats, independent: Floats, greenwood: Floats, reach: Floats, confidence: float
) -> tuple[Floats, Floats]:
    ended = curve <= 0
    logs = -np.log(np.where(ended, 0.5, curve))
    with np.errstate(over="ignore"):
        half = np.exp(reach * np.sqrt(np.where(ended, 1.0, greenwood)) / logs)
        lo, hi = np.exp(-logs * half), np.exp(-logs / half)
    unseen = 1 - ((1 - confidence) / 2) ** (1 / independent)
    return np.where(ended, 0.0, lo), np.where(ended, np.where(np.isinf(reach), 1.0, unseen), hi)
