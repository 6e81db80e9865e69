"""Kaplan–Meier curves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from ._clusters import Floats
from ._intervals import CONFIDENCE


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


def kaplan_meier(times: ArrayLike, happened: ArrayLike, confidence: float = CONFIDENCE) -> Survival:
    """The product-limit curve of times, ``happened`` False where the watch ended before (censored).

    Bands: Greenwood's variance on the log-log scale; where the curve is at 0 that says nothing, and the upper end is
    the exact binomial one over those at risk.
    """
    given, seen = np.asarray(times, dtype=np.float64), np.asarray(happened, dtype=bool)
    if np.isnan(given).any() or (given < 0).any():
        raise ValueError("kaplan_meier: a time is missing or below 0")
    moments = np.unique(given[seen])
    at_risk = (given[:, None] >= moments[None, :]).sum(axis=0, dtype=np.float64)
    events = (given[seen, None] == moments[None, :]).sum(axis=0, dtype=np.float64)
    curve = np.cumprod(1 - events / at_risk, dtype=np.float64) if len(moments) else np.zeros(0)
    lo, hi = _bands(curve, at_risk, events, confidence)
    below = np.flatnonzero(curve <= 0.5)
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
        method=f"Kaplan–Meier, log-log {confidence:.0%}" if len(given) else "no data",
    )


def _bands(curve: Floats, at_risk: Floats, events: Floats, confidence: float) -> tuple[Floats, Floats]:
    z = float(ndtri(0.5 + confidence / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(events / (at_risk * (at_risk - events)))
        half = z * np.sqrt(greenwood) / np.abs(np.log(curve))
        lo, hi = curve ** np.exp(half), curve ** np.exp(-half)
    ended = curve <= 0
    unseen = 1 - ((1 - confidence) / 2) ** (1 / np.maximum(at_risk, 1))
    return np.where(ended, 0.0, lo), np.where(ended, unseen, hi)
