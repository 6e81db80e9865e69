"""What a condition measured, and how wide it is at any confidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .._outcomes import AGENT_CAUSED, INVALID, NO, NOT_EXPOSED, YES
from ..stats import (
    FEWEST_CLUSTERS,
    Clusters,
    Estimate,
    clopper_pearson,
    confidence_sequence,
    decisive,
    effective_n,
)
from ._answers import Answers


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
    counted = Clusters.of(yes[known].astype(np.float64), asked.units[known])
    low = Clusters.of(yes.astype(np.float64), asked.units)
    high = Clusters.of((yes | ~known).astype(np.float64), asked.units)
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
        worst_case=high.mean,
        failures=float((high.sums / high.sizes).sum()) if high.n else 0.0,
    )


def strict(found: Clusters, confidence: float) -> Estimate:
    """The decisive interval, nowhere narrower than the exact one: Wilson's may cover less than it says near 0 and 1."""
    told = decisive(found, confidence)
    if told.value is None:
        return told
    n = min(effective_n(found, confidence), float(found.n))
    exact = clopper_pearson(min(told.value * n, n), n, confidence)
    return replace(told, lo=min(told.lo, exact.lo), hi=max(told.hi, exact.hi), method=f"{told.method}, hull with exact")


def hull(low: Clusters, high: Clusters, known: int, lower: float, upper: float, *, looked: bool = False) -> Interval:
    """From the lower end of the one to the upper end of the other, as decisive as the known units are.

    ``looked``: the run could end by what it had seen, so that only a sequence that allows for it holds.
    """
    below, above = strict(low, 1 - 2 * lower), strict(high, 1 - 2 * upper)
    descriptive = below.descriptive or above.descriptive or known < FEWEST_CLUSTERS
    found = Interval(below.lo, above.hi, above.method, descriptive)
    return _sequential(found, low, high, lower, upper) if looked and high.n else found


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
