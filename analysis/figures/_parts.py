"""What several pages draw alike: intervals beside names, curves with bands, values in words."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._words import percent
from ._sheet import label
from ._style import FAINT, INK, SMALL_PT, Axes, Look, name_ticks, plain, write

Floats = NDArray[np.float64]


class Measured(Protocol):
    """A number with its interval: a `Rate` or an `Estimate`."""

    @property
    def value(self) -> float | None: ...
    @property
    def lo(self) -> float: ...
    @property
    def hi(self) -> float: ...
    @property
    def n(self) -> int: ...
    @property
    def clusters(self) -> int: ...
    @property
    def method(self) -> str: ...


@dataclass(frozen=True)
class Row:
    """One interval with its name."""

    name: str
    measured: Measured
    look: Look
    words: str = ""
    """Beside the interval; k/n or n where empty."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A step function with its band."""

    name: str
    x: Floats
    y: Floats
    lo: Floats
    hi: Floats
    n: int
    events: int
    censored: Floats
    """Places at which an observation ended without the event."""


def share_words(measured: Measured) -> str:
    """A share with its interval.

    >>> from offswitch.analysis.stats import Estimate
    >>> share_words(Estimate(0.5, 0.1, 0.9, 4, 4, "wilson 95%"))
    '50% [10–90%]'
    """
    if measured.value is None or not measured.n:
        return "no data"
    return f"{percent(measured.value)} [{percent(measured.lo).removesuffix('%')}–{percent(measured.hi)}]"


def interval_rows(axis: Axes, rows: list[Row], *, label_in: float = 1.4, bars: bool = False) -> None:
    """Rows from top to bottom on an axis of shares, each with its numbers at the right."""
    for place, row in enumerate(rows):
        _interval(axis, row, place, bars=bars)
    plain(axis)
    names = [label(row.name, label_in, SMALL_PT) for row in rows]
    name_ticks(axis, "y", range(len(rows)), names, color=INK, fontsize=SMALL_PT)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlim(-0.015, 1.42)
    axis.set_xticks([0, 0.5, 1], ["0", "50%", "100%"])


def _interval(axis: Axes, row: Row, y: int, *, bars: bool) -> None:
    one, look = row.measured, row.look
    if one.n and one.value is not None:
        if bars:
            axis.barh([y], [one.value], height=0.56, color=look.colour, alpha=0.45, hatch=look.hatch, linewidth=0)
        axis.plot([one.lo, one.hi], [y, y], color=INK if bars else look.colour, linewidth=1.5)
        axis.plot([one.value], [y], marker=look.marker, color=look.colour, markeredgecolor=INK if bars else look.colour,
                  markersize=5, clip_on=False)  # fmt: skip
    write(axis, 1.05, y, row.words or counts(one), va="center", color=INK if one.n else FAINT)


def counts(measured: Measured) -> str:
    """k/n of a rate, n of an estimate, or that there is nothing."""
    if not measured.n:
        return "no data"
    k = getattr(measured, "k", None)
    return f"n = {measured.n:,}" if k is None else f"{k:,}/{measured.n:,}"


def step_curve(axis: Axes, curve: Curve, look: Look, *, end: float | None = None) -> None:
    """A step function with its band, a tick at every censored place, drawn on to ``end``."""
    x, y, lo, hi = (np.append(part, part[-1:]) for part in (curve.x, curve.y, curve.lo, curve.hi))
    if end is not None and len(x):
        x[-1] = max(float(x[-1]), end)
    band: dict[str, Any] = {"step": "post", "color": look.colour, "alpha": 0.13, "linewidth": 0}
    axis.fill_between(x, lo, hi, **band)
    axis.step(x, y, where="post", color=look.colour, linestyle=look.line, linewidth=1.7, label=curve.name)
    if len(curve.censored) and len(curve.x):
        at = np.clip(np.searchsorted(curve.x, curve.censored, side="right") - 1, 0, len(curve.y) - 1)
        axis.plot(curve.censored, curve.y[at], linestyle="none", marker="|", color=look.colour, markersize=6)


def legend(axis: Axes, **how: Any) -> None:
    """The names of what was drawn, never taken for mathematics."""
    drawn = axis.legend(**{"handlelength": 2.4, "borderaxespad": 0.2} | how)
    for text in drawn.get_texts():
        text.set_parse_math(False)
