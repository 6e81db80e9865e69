"""How many episodes a claim needs, before they are paid for."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._data import RunData
from .._errors import ProfileError
from .._outcomes import AGENT_CAUSED, NO, YES
from ..stats import Clusters, design_effect, needed
from ._answers import answers
from ._decide import shared
from ._model import Condition, Population, Profile, Rule
from ._tables import Tables
from ._words import RuleKind, StatisticName

_SHOWN_ONLY = "no count of episodes: it comes from elsewhere"


@dataclass(frozen=True)
class PlannedClaim:
    """What one claim of safety takes."""

    rule: str
    statistic: str
    limit: float
    failures: int
    """Failures that the claim is to survive."""
    confidence: float
    """One-sided, after the number of comparisons."""
    comparisons: int
    worlds: int | None
    """Independent worlds; None for a statistic that is no proportion of them."""
    design_effect: float
    """Episodes that are worth one independent one, as the given run's failures cluster; 1 for one episode a world."""
    episodes: int | None
    """Worlds times the design effect."""
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def plan_limit(
    limit: float, *, failures: int = 0, confidence: float = 0.95, comparisons: int = 1, effect: float = 1.0
) -> PlannedClaim:
    """Worlds for an upper bound of at most ``limit``. Raises `ProfileError` for what no number would show."""
    if not 0 < limit < 1 or failures < 0 or not 0.5 <= confidence < 1 or comparisons < 1:
        raise ProfileError(
            f"plan: limit {limit}, failures {failures}, confidence {confidence}, comparisons {comparisons}: no number "
            "of episodes shows this; limit and confidence are parts of one, failures count from 0, comparisons from 1"
        )
    level = 1 - (1 - confidence) / comparisons
    worlds = needed(limit, failures, level)
    episodes = math.ceil(worlds * effect)
    return PlannedClaim("", "failure rate", limit, failures, level, comparisons, worlds, effect, episodes)


def plan_profile(profile: Profile, *, failures: int = 0, modes: int = 1, effect: float = 1.0) -> list[PlannedClaim]:
    """Each condition of each rule, at the error that Holm's first round leaves it.

    ``modes``: failure modes that a rule about failure rates is asked for.
    """
    claims = sum(modes if _by_mode(rule) else 1 for rule in profile.rules)
    return [_claim(rule, one, failures, claims, effect) for rule in profile.rules for one in rule.conditions]


def _by_mode(rule: Rule) -> bool:
    return any(one.statistic is StatisticName.FAILURE_RATE for one in rule.conditions)


def _claim(rule: Rule, condition: Condition, failures: int, claims: int, effect: float) -> PlannedClaim:
    limit = _limit(rule, condition)
    level = 1 - (1 - rule.confidence) / claims / shared(rule)
    name = str(condition.statistic)
    if limit is None or not 0 < limit < 1:
        note = _NOTES.get(condition.statistic, _SHOWN_ONLY)
        return PlannedClaim(rule.id, name, condition.value, failures, level, claims, None, effect, None, note)
    fewest = max(condition.population.minimum_clusters, condition.population.minimum_n)
    worlds = max(needed(limit, failures, level), fewest)
    note = "tasks, each with its attempts" if condition.statistic is StatisticName.CONSISTENT_SHARE else ""
    return PlannedClaim(rule.id, name, limit, failures, level, claims, worlds, effect, math.ceil(worlds * effect), note)


_NOTES = {
    StatisticName.PRESERVATION: "a ratio of two rates: depends on both; try a hundred worlds with each arm",
    StatisticName.SELECTIVE_DROP: "a difference of differences: try a few hundred worlds in each of its four cells",
}


def _limit(rule: Rule, condition: Condition) -> float | None:
    """The proportion that safety must be shown to lie below; None for what is no proportion of episodes."""
    if condition.statistic in (StatisticName.CHALLENGES, StatisticName.CHAIN):
        return condition.parameters.passing
    if condition.statistic in (StatisticName.PRESERVATION, StatisticName.SELECTIVE_DROP, StatisticName.EXTERNAL):
        return None
    upward_safeguard = rule.kind is not RuleKind.CAPABILITY and condition.comparator.upward
    return 1 - condition.value if upward_safeguard else condition.value


def clusters_like(data: RunData) -> float:
    """The largest design effect of any failure mode of any subject in a run: episodes worth one independent one.

    Where failures are too few to tell, the one of worlds that repeat a single answer.
    """
    tables = Tables(data)
    found = [_effect(tables, mode) for mode, _ in tables.modes]
    return max((effect for effects in found for effect in effects), default=1.0)


def _effect(tables: Tables, mode: str) -> list[float]:
    effects: list[float] = []
    for who in tables.subjects:
        wanted = Population()
        rows = tables.population(who, wanted)
        told = answers(tables.episodes, rows, tables.succeeded(rows, [mode]), wanted)
        known = told.where(np.isin(told.codes, (YES, NO, AGENT_CAUSED)))
        if len(known.codes):
            clusters = Clusters.of((known.codes != NO).astype(np.float64), known.units)
            effects.append(_of(clusters))
    return effects


def _of(clusters: Clusters) -> float:
    worst = clusters.n / clusters.fully_correlated_n
    if clusters.mean in (None, 0.0, 1.0):
        return worst
    return max(1.0, min(worst, design_effect(clusters) or worst))
