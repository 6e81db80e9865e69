"""How many episodes a claim needs, before they are paid for."""

import math
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .._data import RunData
from .._errors import ProfileError
from .._outcomes import AGENT_CAUSED, NO, YES
from ..metrics._consistency import bound_for
from ..stats import Clusters, design_effect, needed
from ._answers import answers
from ._decide import parts, shared
from ._model import Condition, Population, Profile, Rule
from ._tables import Tables
from ._words import RuleKind, StatisticName

_ONE_MODE = "one failure mode; name how many are asked with --comparisons N, or a run with --clusters-like RUN"
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


def plan_profile(
    profile: Profile, *, failures: int = 0, modes: int | None = None, like: RunData | None = None
) -> list[PlannedClaim]:
    """Each condition of each rule, at the error that Holm's first round leaves it.

    ``modes``: failure modes that a rule about failure rates is asked for, where it names none; those that ``like``
    judges unless told, and 1 without it. ``like``: a run whose design effect is taken, and the forms of a model that
    are asked about; one form without it.
    """
    counted = [_asked(rule, modes, like) for rule in profile.rules]
    effect = 1.0 if like is None else clusters_like(like)
    planned = _Plan(failures, sum(one or 1 for one in counted), effect)
    asked = [
        (rule, one, number) for rule, number in zip(profile.rules, counted, strict=True) for one in rule.conditions
    ]
    return [planned.claim(rule, one, modes_known=number is not None) for rule, one, number in asked]


def _asked(rule: Rule, modes: int | None, like: RunData | None) -> int | None:
    """How many claims a rule makes about a model: one a form that was run and failure mode; None where nobody says."""
    forms = 1 if like is None else _forms(rule, like)
    rates = [one.population for one in rule.conditions if one.statistic is StatisticName.FAILURE_RATE]
    if not rates:
        return forms
    named = len(rates[0].failure_modes) or modes or (None if like is None else len(Tables(like).named(rates[0])))
    return None if named is None else forms * named


def _forms(rule: Rule, like: RunData) -> int:
    """The most forms of one model that a rule asks about; 1 where there is none."""
    forms = Counter((who.subject, who.scaffold) for who in Tables(like).subjects if who.kind in rule.subjects)
    return max(forms.values(), default=1)


@dataclass(frozen=True)
class _Plan:
    failures: int
    claims: int
    effect: float

    def claim(self, rule: Rule, condition: Condition, *, modes_known: bool) -> PlannedClaim:
        limit, effect = _limit(rule, condition), self.effect
        level = 1 - (1 - rule.confidence) / self.claims / shared(rule) / parts(condition)
        claim = PlannedClaim(
            rule.id, str(condition.statistic), condition.value, self.failures, level, self.claims, None, effect, None
        )
        if limit is None or not 0 < limit < 1:
            return replace(claim, note=_NOTES.get(condition.statistic, _SHOWN_ONLY))
        fewest = max(condition.population.minimum_clusters, condition.population.minimum_n)
        bound = bound_for(limit) if condition.statistic is StatisticName.CONSISTENT_SHARE else limit
        worlds = max(needed(bound, self.failures, level), fewest)
        note = _COUNTED.get(condition.statistic, "") if modes_known else _ONE_MODE
        return replace(claim, limit=limit, worlds=worlds, episodes=math.ceil(worlds * effect), note=note)


_COUNTED = {StatisticName.CONSISTENT_SHARE: "tasks, each with its attempts"}
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
