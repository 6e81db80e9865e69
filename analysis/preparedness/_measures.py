"""The measures that a report may print: each is a function of the tables alone, named as in the metrics.

Adding one is one line here; `docs/preparedness.md` says how a reader calls them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from ...records import EndReason, Family
from .._data import RunData
from .._modes import WEAK_GRADES
from .._outcomes import AGENT_CAUSED, NOT_EXPOSED, UNKNOWN, codes, counted
from .._rate import Rate
from ..metrics import (
    any_attempt_rate,
    any_failure_rate,
    attempt_rate,
    before_after,
    compliance_rate,
    concealment_rate,
    conditional_success,
    disclosure_rate,
    failure_rate,
    ignored_rate,
    over_stop_rate,
    resistance_rate,
    usefulness,
)
from ..thresholds import CheckReport, ExternalScore, Profile, check, load_profile

Parameters = Mapping[str, str]


@dataclass(frozen=True)
class Context:
    """What a decision needs beside the tables."""

    scores: tuple[ExternalScore, ...] = ()
    """Measured elsewhere."""
    profiles: tuple[Profile, ...] = ()
    """Profiles of a user; those that are shipped are known."""
    decided: Mapping[str, CheckReport] = field(default_factory=dict[str, CheckReport])
    """What is decided already about the same tables, by the id of the profile."""


Measure = Callable[[RunData, Parameters, Context], Any]


@dataclass(frozen=True)
class Mean:
    """Mean of a score over the valid episodes that have one."""

    value: float | None
    n: int
    unknown: int
    """Valid episodes without a score: in no mean, never 0."""
    lowest: float | None
    """With every missing score taken as 0."""


@dataclass(frozen=True)
class Span:
    """What a number of episodes used at least, in the middle and at most; None where nothing says."""

    n: int
    unknown: int
    least: float | None
    median: float | None
    most: float | None
    total: float | None


def _rate(function: Callable[[pd.DataFrame], Rate]) -> Measure:
    return lambda data, _parameters, _context: function(data.verdicts)


def _episodes(data: RunData, _parameters: Parameters, _context: Context) -> int:
    return len(data.episodes)


def _flagged(column: str, value: str | bool) -> Measure:
    return lambda data, _parameters, _context: int(data.episodes[column].eq(value).fillna(value=False).sum())


def _verdicts(data: RunData, _parameters: Parameters, _context: Context) -> int:
    return len(data.verdicts)


def _total(data: RunData, parameters: Parameters, _context: Context) -> int:
    return int(data.episodes[parameters["column"]].fillna(0).sum())


def _score(data: RunData, _parameters: Parameters, _context: Context) -> Mean:
    scores = data.episodes.loc[data.episodes["valid"], "score"]
    known = scores.dropna()
    n, missing = len(known), len(scores) - len(known)
    total = float(known.sum())
    return Mean(total / n if n else None, n, missing, total / len(scores) if len(scores) else None)


def _span(data: RunData, parameters: Parameters, _context: Context) -> Span:
    column = data.episodes.loc[data.episodes["valid"], parameters["column"]].astype("Float64")
    known = column.dropna().astype(float)
    if not len(known):
        return Span(0, len(column), None, None, None, None)
    least, median, most = (float(known.quantile(q)) for q in (0, 0.5, 1))
    return Span(len(known), len(column) - len(known), least, median, most, float(known.sum()))


def _comparison(data: RunData, _parameters: Parameters, _context: Context) -> Any:
    return next(iter(before_after(data.verdicts)), None)


def _usefulness(data: RunData, _parameters: Parameters, _context: Context) -> Any:
    return next(iter(usefulness(data.episodes)), None)


def _halts(data: RunData, _parameters: Parameters, _context: Context) -> int:
    return int(data.episodes["halt_empty"].eq(other=False).fillna(value=False).sum())


def _said(wanted: int) -> Measure:
    return lambda data, _parameters, _context: int((codes(data.verdicts, "succeeded") == wanted).sum())


def _counted(data: RunData) -> pd.DataFrame:
    """Verdicts that stand in a denominator."""
    found: pd.DataFrame = data.verdicts[counted(codes(data.verdicts, "succeeded"))]
    return found


def _grade(data: RunData, _parameters: Parameters, _context: Context) -> str | None:
    grades = _counted(data)["grade"].dropna().astype(str)
    return min(grades, default=None)


def _unverified(data: RunData, _parameters: Parameters, _context: Context) -> int:
    counted = _counted(data)
    weak = counted["grade"].isin([str(one) for one in WEAK_GRADES]) & counted["family"].ne(Family.CONTAINMENT)
    return int(weak.sum())


def _not_recorded(data: RunData, _parameters: Parameters, _context: Context) -> int:
    return int((data.verdicts["valid"] & ~data.verdicts["recorded"]).sum())


def _guarded(state: bool | None) -> Measure:
    """Valid episodes with safeguards whose monitors passed their check, failed it, or of which nobody says."""

    def count(data: RunData, _parameters: Parameters, _context: Context) -> int:
        rows = data.episodes[data.episodes["valid"] & data.episodes["safeguards"].eq(other=True).fillna(value=False)]
        said = rows["monitored"]
        found = said.isna() if state is None else said.eq(state).fillna(value=False)
        return int(found.sum())

    return count


def _silent(data: RunData, _parameters: Parameters, _context: Context) -> int:
    return int(data.steps["unanswered"].sum())


def _missing(column: str) -> Measure:
    return lambda data, _parameters, _context: int(data.episodes.loc[data.episodes["valid"], column].isna().sum())


def _limited(data: RunData, _parameters: Parameters, _context: Context) -> int:
    ended = data.episodes.loc[data.episodes["valid"], "end_reason"].astype("string")
    return int(ended.str.startswith("max_").fillna(value=False).sum())


def _decision(data: RunData, parameters: Parameters, context: Context) -> Any:
    given = dict(parameters)
    name = given.pop("profile")
    report = context.decided.get(name)
    if report is None:
        own = {profile.id: profile for profile in context.profiles}
        report = check(data, own.get(name) or load_profile(name), scores=context.scores)
    for row in report.decisions:
        if all(str(getattr(row, key) or "") == value for key, value in given.items()):
            return row
    return None


def _stopped_at(reason: EndReason) -> Measure:
    return _flagged("end_reason", reason.value)


MEASURES: Mapping[str, Measure] = {
    "failure_rate": _rate(failure_rate),
    "attempt_rate": _rate(attempt_rate),
    "conditional_success": _rate(conditional_success),
    "disclosure_rate": _rate(disclosure_rate),
    "concealment_rate": _rate(concealment_rate),
    "any_failure_rate": _rate(any_failure_rate),
    "any_attempt_rate": _rate(any_attempt_rate),
    "resistance_rate": _rate(resistance_rate),
    "ignored_rate": _rate(ignored_rate),
    "compliance_rate": _rate(compliance_rate),
    "over_stop_rate": _rate(over_stop_rate),
    "decision": _decision,
    "before_after": _comparison,
    "usefulness": _usefulness,
    "episodes": _episodes,
    "valid_episodes": _flagged("valid", value=True),
    "invalid_episodes": _flagged("valid", value=False),
    "never_begun": _flagged("begun", value=False),
    "gave_up": _stopped_at(EndReason.GAVE_UP),
    "not_emptied": _halts,
    "verdicts": _verdicts,
    "unknown_verdicts": _said(UNKNOWN),
    "agent_caused_verdicts": _said(AGENT_CAUSED),
    "not_exposed_verdicts": _said(NOT_EXPOSED),
    "not_recorded_verdicts": _not_recorded,
    "unverified_verdicts": _unverified,
    "weakest_grade": _grade,
    "guarded_monitored": _guarded(state=True),
    "guarded_unmonitored": _guarded(state=False),
    "guarded_unchecked": _guarded(state=None),
    "silent_monitors": _silent,
    "unscored": _missing("score"),
    "unpriced": _missing("usd"),
    "ended_by_limit": _limited,
    "total": _total,
    "mean_score": _score,
    "span": _span,
}
"""By the name that a number carries."""
ABOUT_ALL = frozenset({"decision"})
"""Measures that leave out themselves what does not count: they are asked about whole tables."""
_OF_EPISODES = frozenset(
    {
        "decision",
        "ended_by_limit",
        "episodes",
        "gave_up",
        "guarded_monitored",
        "guarded_unchecked",
        "guarded_unmonitored",
        "invalid_episodes",
        "mean_score",
        "never_begun",
        "not_emptied",
        "span",
        "total",
        "unpriced",
        "unscored",
        "usefulness",
        "valid_episodes",
    }
)


def table_of(measure: str) -> Literal["episodes", "steps", "verdicts"]:
    """The table that a measure reads."""
    if measure == "silent_monitors":
        return "steps"
    return "episodes" if measure in _OF_EPISODES else "verdicts"
