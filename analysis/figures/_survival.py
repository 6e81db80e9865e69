"""Kaplan–Meier curves whose band respects that repetitions of a world go together."""

import numpy as np
import pandas as pd

from ..stats import wilson
from ._numbers import Codes, resampled
from ._parts import Curve, Floats

SAMPLES, SEED, MAX_TIMES = 500, 20_240_601, 400
METHOD = f"Kaplan–Meier; hull of wilson on the worlds at risk and bootstrap of worlds ({SAMPLES}) 95%"


def survival(name: str, times: Floats, happened: Floats, worlds: "pd.Series[str]") -> Curve:
    """Share without the event by each time at which one happened.

    An observation without the event counts as long as it lasted. The band is pointwise, and never without width.
    """
    n, events = len(times), int(happened.sum())
    censored = np.unique(times[happened == 0])
    places = _places(times[happened > 0])
    if not n:
        nothing = np.array([], dtype=float)
        return Curve(name, nothing, nothing, nothing, nothing, 0, 0, nothing)
    weights, codes = resampled(worlds, SAMPLES, SEED)
    groups = weights.shape[1]
    deaths, risk = _tables(times, happened, codes, groups, places)
    whole = np.ones((1, groups))
    y = _curve(whole, deaths, risk)[0]
    lo, hi = np.quantile(_curve(weights, deaths, risk), [0.025, 0.975], axis=0)
    alive = np.array([len(np.unique(codes[times >= place])) for place in places], dtype=float)
    likely = _wilson(y, np.maximum(alive, 1.0))
    start = _wilson(np.array([1.0]), np.array([float(groups)]))
    return Curve(
        name,
        np.concatenate([[0.0], places]),
        np.concatenate([[1.0], y]),
        np.concatenate([start[0], np.minimum(lo, likely[0])]),
        np.concatenate([start[1], np.maximum(hi, likely[1])]),
        n,
        events,
        censored,
    )


def reached(curve: Curve) -> Curve:
    """The same as the share with the event."""
    return Curve(
        curve.name, curve.x, 1 - curve.y, 1 - curve.hi, 1 - curve.lo, curve.n, curve.events, curve.censored
    )  # fmt: skip


def median(curve: Curve) -> float | None:
    """First time by which half had the event; None where that was never reached."""
    below = np.flatnonzero(curve.y <= 0.5)
    return float(curve.x[below[0]]) if len(below) else None


def _places(times: Floats) -> Floats:
    """Times of events; a grid of them where there are very many."""
    places = np.unique(times)
    return (
        places
        if len(places) <= MAX_TIMES
        else np.unique(np.quantile(places, np.linspace(0, 1, MAX_TIMES), method="higher"))
    )


def _tables(times: Floats, happened: Floats, codes: Codes, groups: int, places: Floats) -> tuple[Floats, Floats]:
    """Events at each place, and observations at risk there, by cluster. On a grid, an event moves up to its place."""
    width = len(places)
    if width:
        moved = places[np.minimum(np.searchsorted(places, times), width - 1)]
        times = np.where(happened > 0, moved, times)
    deaths, lasted = np.zeros((groups, width + 1)), np.zeros((groups, width + 1))
    np.add.at(deaths, (codes, np.minimum(np.searchsorted(places, times), width)), happened)
    np.add.at(lasted, (codes, np.searchsorted(places, times, side="right")), 1.0)
    risk = lasted[:, ::-1].cumsum(axis=1)[:, ::-1]
    return deaths[:, :width], risk[:, 1:]


def _curve(weights: Floats, deaths: Floats, risk: Floats) -> Floats:
    """Product over the places of one minus events over those at risk."""
    at_risk = weights @ risk
    ratio = np.divide(weights @ deaths, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    kept: Floats = np.cumprod(1 - np.minimum(ratio, 1.0), axis=1, dtype=np.float64)
    return kept


def _wilson(shares: Floats, n: Floats) -> tuple[Floats, Floats]:
    found = [wilson(float(share * size), float(size)) for share, size in zip(shares, n, strict=True)]
    return np.array([one.lo for one in found], dtype=float), np.array([one.hi for one in found], dtype=float)
