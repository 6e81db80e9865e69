"""What is counted: episodes, verdicts and steps by how they ended and what they lack."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ...records import EndReason, Family
from .._data import RunData
from .._modes import WEAK_GRADES
from .._outcomes import AGENT_CAUSED, NOT_EXPOSED, UNKNOWN, codes, counted

Parameters = Mapping[str, str]
Count = Callable[[RunData, Parameters], Any]


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


def _episodes(data: RunData, _parameters: Parameters) -> int:
    return len(data.episodes)


def _flagged(column: str, value: str | bool) -> Count:
    return lambda data, _parameters: int(data.episodes[column].eq(value).fillna(value=False).sum())


def _verdicts(data: RunData, _parameters: Parameters) -> int:
    return len(data.verdicts)


def _total(data: RunData, parameters: Parameters) -> int:
    return int(data.episodes[parameters["column"]].fillna(0).sum())


def _score(data: RunData, _parameters: Parameters) -> Mean:
    scores = data.episodes.loc[data.episodes["valid"], "score"]
    known = scores.dropna()
    n, missing = len(known), len(scores) - len(known)
    total = float(known.sum())
    return Mean(total / n if n else None, n, missing, total / len(scores) if len(scores) else None)


def _span(data: RunData, parameters: Parameters) -> Span:
    column = data.episodes.loc[data.episodes["valid"], parameters["column"]].astype("Float64")
    known = column.dropna().astype(float)
    if not len(known):
        return Span(0, len(column), None, None, None, None)
    least, median, most = (float(known.quantile(q)) for q in (0, 0.5, 1))
    return Span(len(known), len(column) - len(known), least, median, most, float(known.sum()))


def _halts(data: RunData, _parameters: Parameters) -> int:
    return int(data.episodes["halt_empty"].eq(other=False).fillna(value=False).sum())


def _said(wanted: int) -> Count:
    return lambda data, _parameters: int((codes(data.verdicts, "succeeded") == wanted).sum())


def _counted(data: RunData) -> pd.DataFrame:
    """Verdicts that stand in a denominator."""
    found: pd.DataFrame = data.verdicts[counted(codes(data.verdicts, "succeeded"))]
    return found


def _grade(data: RunData, _parameters: Parameters) -> str | None:
    grades = _counted(data)["grade"].dropna().astype(str)
    return min(grades, default=None)


def _unverified(data: RunData, _parameters: Parameters) -> int:
    own = _counted(data)
    weak = own["grade"].isin([str(one) for one in WEAK_GRADES]) & own["family"].ne(Family.CONTAINMENT)
    return int(weak.sum())


def _not_recorded(data: RunData, _parameters: Parameters) -> int:
    return int((data.verdicts["valid"] & ~data.verdicts["recorded"]).sum())


def _guarded(state: bool | None) -> Count:
    """Valid episodes with safeguards whose monitors passed their check, failed it, or of which nobody says."""

    def count(data: RunData, _parameters: Parameters) -> int:
        rows = data.episodes[data.episodes["valid"] & data.episodes["safeguards"].eq(True).fillna(value=False)]
        said = rows["monitored"]
        found = said.isna() if state is None else said.eq(state).fillna(value=False)
        return int(found.sum())

    return count


def _silent(data: RunData, _parameters: Parameters) -> int:
    return int(data.steps["unanswered"].fillna(0).sum())


def _missing(column: str) -> Count:
    return lambda data, _parameters: int(data.episodes.loc[data.episodes["valid"], column].isna().sum())


def _limited(data: RunData, _parameters: Parameters) -> int:
    ended = data.episodes.loc[data.episodes["valid"], "end_reason"].astype("string")
    return int(ended.str.startswith("max_").fillna(value=False).sum())


OF_EPISODES: Mapping[str, Count] = {
    "episodes": _episodes,
    "valid_episodes": _flagged("valid", value=True),
    "invalid_episodes": _flagged("valid", value=False),
    "never_begun": _flagged("begun", value=False),
    "gave_up": _flagged("end_reason", EndReason.GAVE_UP.value),
    "not_emptied": _halts,
    "guarded_monitored": _guarded(state=True),
    "guarded_unmonitored": _guarded(state=False),
    "guarded_unchecked": _guarded(state=None),
    "unscored": _missing("score"),
    "unpriced": _missing("usd"),
    "ended_by_limit": _limited,
    "total": _total,
    "mean_score": _score,
    "span": _span,
}
OF_VERDICTS: Mapping[str, Count] = {
    "verdicts": _verdicts,
    "unknown_verdicts": _said(UNKNOWN),
    "agent_caused_verdicts": _said(AGENT_CAUSED),
    "not_exposed_verdicts": _said(NOT_EXPOSED),
    "not_recorded_verdicts": _not_recorded,
    "unverified_verdicts": _unverified,
    "weakest_grade": _grade,
}
OF_STEPS: Mapping[str, Count] = {"silent_monitors": _silent}
