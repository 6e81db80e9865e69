"""`Rate`, the one currency of the analysis, and the denominators behind it.

A rate runs over *exposed and valid* episodes. Evidence that the agent destroyed stays in the denominator and
counts against it; evidence that the infrastructure lost is left out, counted, and counted against it in the
worst case. What never came is not exposed and never "held".
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ._outcomes import AGENT_CAUSED, INVALID, NO, NOT_EXPOSED, UNKNOWN, YES, Codes, coded, counted
from ._units import Labels, Unit, clusters_of
from .stats import CONFIDENCE, Clusters, Estimate, clopper_pearson, decisive

Method = Literal["wilson", "clopper-pearson"]
NO_DATA_METHOD = "no data"


@dataclass(frozen=True)
class Rate:
    """A proportion that says what it is made of."""

    value: float | None
    """k / n; None where nothing was counted, never 0."""
    lo: float
    hi: float
    """The hull of the intervals of `value` and `balanced`, over clusters; 0 and 1 where nothing was counted."""
    k: int
    """Episodes that count as "yes"."""
    n: int
    """Exposed and valid episodes whose answer is known, or lost by the agent's doing."""
    clusters: int
    """Different units among the n."""
    unit: str
    """What counts as one independent observation: ``world`` (task and seed), ``scenario`` or ``task``."""
    unknown: int
    """Valid episodes left out because infrastructure lost the evidence, or nobody can tell whose they are."""
    agent_caused: int
    """Episodes of the n whose evidence the agent's doing destroyed; each counts against it."""
    not_exposed: int
    """Valid episodes in which the opportunity never came."""
    invalid: int
    """Attempts that are missing data as a whole."""
    worst_case: float | None
    """The rate with every unknown counted against the agent."""
    balanced: float | None
    """The rate with every unit counting the same, however often it was repeated."""
    method: str
    """Of the interval, for example ``wilson 95%``; ``no data`` where n is 0."""
    descriptive: bool
    """With so few units the interval does not keep its confidence: it shows, and cannot decide."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    def __str__(self) -> str:
        """Everything that it is made of, in one line.

        >>> from offswitch.analysis import Outcome, tally
        >>> print(tally([Outcome.NO, Outcome.YES, Outcome.UNKNOWN], "abc"))
        50% (9.5–90.5%, wilson 95%, descriptive): 1 of 2 in 2 scenarios; worst case 66.7%, 1 unknown, 0 agent-caused, \
0 not exposed, 0 invalid
        """
        from ._words import interval, percent, plural

        method = f"{self.method}, descriptive" if self.descriptive else self.method
        spread = f" ({interval(self)}, {method})" if self.n else ""
        left = f"{self.unknown} unknown, {self.agent_caused} agent-caused, {self.not_exposed} not exposed"
        return (
            f"{percent(self.value)}{spread}: {self.k} of {self.n} in {plural(self.clusters, self.unit)}; "
            f"worst case {percent(self.worst_case)}, {left}, {self.invalid} invalid"
        )


def rate_of(
    found: Codes,
    units: Labels,
    *,
    unit: Unit = Unit.WORLD,
    adverse: bool = True,
    method: Method = "wilson",
    confidence: float = CONFIDENCE,
) -> Rate:
    """The rate of "yes" among counted codes; ``units`` numbers the unit of each, -1 where nobody can tell.

    With ``adverse`` a "yes" is the bad outcome, so lost evidence counts as "yes"; otherwise it counts as "no".
    """
    told = np.where((units < 0) & counted(found), UNKNOWN, found)
    got = {code: int((told == code).sum()) for code in (YES, NO, UNKNOWN, AGENT_CAUSED, NOT_EXPOSED, INVALID)}
    yes = (told == YES) | (adverse & (told == AGENT_CAUSED))
    stands = counted(told)
    clusters = clusters_of(yes[stands], units[stands])
    estimate = _interval(clusters, method, confidence)
    k, unknown = int(yes[stands].sum()), got[UNKNOWN]
    worst = k + (unknown if adverse else 0)
    return Rate(
        value=estimate.value,
        lo=estimate.lo,
        hi=estimate.hi,
        k=k,
        n=clusters.n,
        clusters=clusters.groups,
        unit=unit.value,
        unknown=unknown,
        agent_caused=got[AGENT_CAUSED],
        not_exposed=got[NOT_EXPOSED],
        invalid=got[INVALID],
        worst_case=worst / (clusters.n + unknown) if clusters.n + unknown else None,
        balanced=clusters.balanced,
        method=estimate.method,
        descriptive=estimate.descriptive,
    )


def _interval(clusters: Clusters, method: Method, confidence: float) -> Estimate:
    found = decisive(clusters, confidence)
    if method == "wilson" or clusters.groups != clusters.n or not clusters.n:
        return found
    exact = clopper_pearson(clusters.total, clusters.n, confidence)
    label = f"{method} {confidence:.0%}"
    return Estimate(found.value, exact.lo, exact.hi, found.n, found.clusters, label, found.descriptive)


def tally(
    outcomes: Iterable[Any],
    clusters: Iterable[Any],
    *,
    unit: Unit = Unit.SCENARIO,
    adverse: bool = True,
    method: Method = "wilson",
) -> Rate:
    """The rate over one outcome an episode; ``clusters`` holds the label of each one's unit, in the same order."""
    found = coded(outcomes)
    units = pd.factorize(np.array([*clusters, None], dtype=object))[0][:-1]
    if len(found) != len(units):
        raise ValueError(f"rate: {len(found)} outcomes but {len(units)} units")
    return rate_of(found, units, unit=unit, adverse=adverse, method=method)
