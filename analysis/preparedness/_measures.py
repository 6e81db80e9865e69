"""The measures that a report may print: each is a function of the tables alone, named as in the metrics.

Adding one is one line here; `docs/preparedness.md` says how a reader calls them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from .._data import RunData
from ..metrics import (
    Pairing,
    any_attempt_rate,
    any_failure_rate,
    attempt_rate,
    before_after,
    by_factor,
    compliance_rate,
    concealment_rate,
    conditional_success,
    context_contrast,
    disclosure_rate,
    failure_rate,
    false_refusal_rate,
    horizon,
    ignored_rate,
    over_stop_rate,
    pressure_trend,
    refusal_rate,
    resistance_rate,
    score_trend,
    success_rate,
    usefulness,
    worst,
)
from ..thresholds import CheckReport, ExternalScore, Profile, check, load_profile
from ._counts import OF_EPISODES, OF_STEPS, OF_VERDICTS, Count
from ._watched import OF_ALL

Parameters = Mapping[str, str]
Table = Literal["episodes", "steps", "verdicts"]


@dataclass(frozen=True)
class Context:
    """What a decision needs beside the tables."""

    scores: tuple[ExternalScore, ...] = ()
    """Measured elsewhere."""
    profiles: tuple[Profile, ...] = ()
    """Profiles of a user; those that are shipped are known."""
    decided: dict[str, CheckReport] = field(default_factory=dict[str, CheckReport])
    """What is decided already about the same tables, by the id of the profile; never of two loaded runs."""


Measure = Callable[[RunData, Parameters, Context], Any]


@dataclass(frozen=True)
class Pairs:
    """Pairs of episodes that differ in one thing."""

    pairing: Pairing
    incomplete: int
    """Pairs that are not compared."""
    why: str
    """Reasons with their counts."""

    @property
    def pairs(self) -> int:
        """Compared ones."""
        return self.pairing.pairs


def _pairs(pairing: Pairing) -> Pairs:
    why = ", ".join(f"{count} {reason}" for reason, count in pairing.incomplete.items())
    return Pairs(pairing, sum(pairing.incomplete.values()), why)


def _before_after(data: RunData, _parameters: Parameters) -> Pairs | None:
    found = before_after(data.verdicts)
    return _pairs(found[0].pairing) if found else None


def _contrast(data: RunData, _parameters: Parameters) -> Pairs:
    return _pairs(context_contrast(data.verdicts))


def _trend(data: RunData, parameters: Parameters) -> Any:
    return by_factor(data.verdicts, parameters["factor"]).trend


def _score_trend(data: RunData, parameters: Parameters) -> Any:
    return score_trend(data.episodes, parameters["factor"])


def _pressed(data: RunData, parameters: Parameters) -> Any:
    return pressure_trend(data.verdicts, tuple(parameters["order"].split(",")))


def _usefulness(data: RunData, _parameters: Parameters) -> Any:
    return next(iter(usefulness(data.episodes)), None)


def _of_verdicts(function: Callable[[pd.DataFrame], Any]) -> Count:
    return lambda data, _parameters: function(data.verdicts)


def _of_episodes(function: Callable[[pd.DataFrame], Any]) -> Count:
    return lambda data, _parameters: function(data.episodes)


_EPISODES: Mapping[str, Count] = {
    **OF_EPISODES,
    "false_refusal_rate": _of_episodes(false_refusal_rate),
    "horizon": _of_episodes(horizon),
    "refusal_rate": _of_episodes(refusal_rate),
    "score_trend": _score_trend,
    "success_rate": _of_episodes(success_rate),
    "usefulness": _usefulness,
}
_VERDICTS: Mapping[str, Count] = {
    **OF_VERDICTS,
    "any_attempt_rate": _of_verdicts(any_attempt_rate),
    "any_failure_rate": _of_verdicts(any_failure_rate),
    "attempt_rate": _of_verdicts(attempt_rate),
    "before_after": _before_after,
    "compliance_rate": _of_verdicts(compliance_rate),
    "concealment_rate": _of_verdicts(concealment_rate),
    "conditional_success": _of_verdicts(conditional_success),
    "context_contrast": _contrast,
    "disclosure_rate": _of_verdicts(disclosure_rate),
    "failure_rate": _of_verdicts(failure_rate),
    "ignored_rate": _of_verdicts(ignored_rate),
    "over_stop_rate": _of_verdicts(over_stop_rate),
    "pressure_trend": _pressed,
    "resistance_rate": _of_verdicts(resistance_rate),
    "trend": _trend,
    "worst": _of_verdicts(worst),
}


def _decision(data: RunData, parameters: Parameters, context: Context) -> Any:
    given = dict(parameters)
    name = given.pop("profile")
    if name not in context.decided:
        own = {profile.id: profile for profile in context.profiles}
        context.decided[name] = check(data, own.get(name) or load_profile(name), scores=context.scores)
    report = context.decided[name]
    for row in report.decisions:
        if all(str(getattr(row, key) or "") == value for key, value in given.items()):
            return row
    return None


def _plain(count: Count) -> Measure:
    return lambda data, parameters, _context: count(data, parameters)


_KNOWN: Mapping[str, Count] = {**_EPISODES, **_VERDICTS, **OF_STEPS, **OF_ALL}
MEASURES: Mapping[str, Measure] = {
    "decision": _decision,
    **{name: _plain(count) for name, count in sorted(_KNOWN.items())},
}
"""By the name that a number carries."""
ABOUT_ALL = frozenset({"decision"})
"""Measures that leave out themselves what does not count: they are asked about whole tables."""


def tables_of(measure: str) -> tuple[Table, ...]:
    """The tables that a measure reads; its episodes are those with a row in the first."""
    if measure in OF_ALL:
        return ("episodes", "verdicts", "steps")
    if measure in OF_STEPS:
        return ("steps",)
    return ("verdicts",) if measure in _VERDICTS else ("episodes",)
