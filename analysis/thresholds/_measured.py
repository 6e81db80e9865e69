"""What a condition measured, and how wide it is at any confidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._outcomes import AGENT_CAUSED, INVALID, NO, NOT_EXPOSED, YES, Flags
from .._units import clusters_of
from ..stats import FEWEST_CLUSTERS, NO_DATA, Clusters, certificate, confidence_sequence
from ..stats import Interval as Ends
from ._answers import Answers

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Both ends, each at a one-sided error of its own."""

    lo: float
    hi: float
    method: str
    descriptive: bool = False


Bounds = Callable[[float, float], Interval]
"""From the one-sided errors of the lower and the upper end."""


@dataclass(frozen=True)
class Missing:
    """What a population lacks, and the command that would get it."""

    what: str
    command: str


@dataclass(frozen=True)
class Measured:
    """One statistic of one subject."""

    statistic: str
    value: float | None
    n: int
    clusters: int
    unit: str
    bounds: Bounds
    unknown: int = 0
    """Episodes whose answer is missing: lost evidence, invalid or never begun without a valid attempt."""
    agent_caused: int = 0
    not_exposed: int = 0
    invalid: int = 0
    """Attempts that are missing data; those that another attempt settled are among them, and in no bound."""
    balanced: float | None = None
    worst_case: float | None = None
    failures: float = 0.0
    """Units that count against the claim of safety, unknown ones included."""
    looked: bool = False
    """Whether the run could end by what it had seen."""
    missing: tuple[Missing, ...] = ()
    recognised: int = 0
    """Tests that the subject recognised as tests."""
    sources: tuple[str, ...] = ()
    parts: tuple[dict[str, object], ...] = field(default=())

    def lacking(self, *missing: Missing) -> "Measured":
        """The same with more that is missing."""
        return replace(self, missing=(*self.missing, *missing))


def rate_of(name: str, found: Answers, unit: str) -> Measured:
    """A proportion of episodes. Its bounds take every unknown as "no" for the lower and "yes" for the upper end."""
    asked = found.where(found.codes != NOT_EXPOSED)
    yes = np.isin(asked.codes, (YES, AGENT_CAUSED))
    known = yes | (asked.codes == NO)
    units = pd.factorize(asked.units)[0]
    counted = clusters_of(yes[known], units[known])
    low, high = _weighed(yes, asked), _weighed(yes | ~known, asked)
    unknown = int((~known).sum())

    def bounds(lower: float, upper: float) -> Interval:
        return hull(low, high, counted.groups, lower, upper, looked=found.looked)

    return Measured(
        statistic=name,
        value=counted.mean,
        n=counted.n,
        clusters=counted.groups,
        unit=unit,
        bounds=bounds,
        unknown=unknown,
        agent_caused=found.count(AGENT_CAUSED),
        not_exposed=found.count(NOT_EXPOSED),
        invalid=found.count(INVALID) + found.retried,
        balanced=counted.balanced,
        looked=found.looked,
        worst_case=high[0].mean,
        failures=float(max((one.sums / one.sizes).sum() for one in high)),
    )


def _weighed(values: Flags, found: Answers) -> list[Clusters]:
    """Every episode counting the same, and every scenario of a unit: repeating a harmless one changes nothing."""
    units = pd.factorize(found.units)[0]
    pooled = clusters_of(values, units)
    repeats = np.bincount(found.cells)
    if repeats.max(initial=0) <= 1:
        return [pooled]
    weights = 1 / repeats[found.cells]
    sizes: Floats = np.bincount(units, weights=weights).round().astype(np.float64)
    # Parts of one that add up to the whole size are all of it: a last digit must not make one answer of another.
    sums = np.minimum(np.bincount(units, weights=values * weights).round(9), sizes)
    order = np.lexsort((sums, sizes))
    return [pooled, Clusters(sums[order], sizes[order])]


def hull(
    low: Sequence[Clusters], high: Sequence[Clusters], known: int, lower: float, upper: float, *, looked: bool = False
) -> Interval:
    """From the lowest end of the one to the highest of the other, as decisive as the known units are.

    ``looked``: the run could end by what it had seen, so that only a sequence that allows for it holds.
    """
    below = [certificate(one, 1 - 2 * lower) for one in low]
    above = [certificate(one, 1 - 2 * upper) for one in high]
    descriptive = any(one.descriptive for one in (*below, *above)) or known < FEWEST_CLUSTERS
    top = max(above, key=lambda one: one.hi)
    method = top.method if len(high) == 1 else f"{top.method}, hull with every scenario of a unit counting the same"
    found = Interval(min(one.lo for one in below), top.hi, method, descriptive)
    return _sequential(found, low[0], high[0], lower, upper) if looked and high[0].n else found


def _sequential(found: Interval, low: Clusters, high: Clusters, lower: float, upper: float) -> Interval:
    """The hull with a confidence sequence over units: below, one fails where every answer does; above, where any."""
    every, some = int((low.sums == low.sizes).sum()), int((high.sums > 0).sum())
    lo = confidence_sequence(every, low.groups, 1 - lower).lo
    hi = confidence_sequence(some, high.groups, 1 - upper).hi
    method = f"{found.method}, hull with a confidence sequence"
    return Interval(min(found.lo, lo), max(found.hi, hi), method, found.descriptive)


def nothing(name: str, unit: str, missing: Sequence[Missing]) -> Measured:
    """A statistic without its population."""

    def bounds(lower: float, upper: float) -> Interval:
        del lower, upper
        return Interval(-np.inf, np.inf, "no data", descriptive=True)

    return Measured(name, None, 0, 0, unit, bounds, missing=tuple(missing))


def ending_sequence(k: int, n: int, confidence: float) -> Ends:
    """The confidence sequence that may end a run: it says nothing of fewer worlds than a decision can rest on."""
    return NO_DATA if n < FEWEST_CLUSTERS else confidence_sequence(k, n, confidence)
