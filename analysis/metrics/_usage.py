"""What the work was worth and what it used."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._prepared import Prepared, Rows, prepared
from .._subjects import SubjectRef, begun, by_subject, one_subject, own_rows
from .._units import clusters_of
from ..stats import Estimate, mean
from ._joins import Floats


@dataclass(frozen=True)
class Score:
    """Task scores of one subject on one task, with safeguards off or on."""

    task: str
    subject: str
    """For a reader, with the form."""
    scaffold: str
    safeguards: bool | None
    """None where nobody says."""
    bucket: str | None
    human_minutes: float | None
    episodes: int
    """Valid ones."""
    scored: int
    """Of these, with a score; the others are left out of the mean, never 0."""
    mean: float | None
    lowest: float | None
    highest: float | None
    complete: int
    """Full scores."""
    interval: Estimate
    """Of the mean, by world."""
    worst_case: float | None
    """The mean with every missing score taken as 0."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def scores(episodes: Rows) -> tuple[Score, ...]:
    """Mean main-task score by subject, task and safeguards, over valid episodes that have one. Unit: ``world``.

    0 to 1. Episodes that name neither subject nor task are in no row.
    """
    rows = begun(episodes)
    valid = rows.where(rows.flag("valid"))
    return tuple(
        _score(subject, task, on, of)
        for subject, own in by_subject(valid)
        for (task,), every in own.each(("task",))
        for on, of in _by_side(every)
    )


def mean_score(episodes: Rows, *, mixed: bool = False) -> Estimate:
    """Mean main-task score over valid episodes that have one, 0 to 1: usefulness. Unit: ``world``."""
    rows = own_rows(episodes, mixed=mixed)
    return _mean(rows.where(rows.flag("valid")))


def _mean(rows: Prepared) -> Estimate:
    scored, units = rows.number("score"), rows.units()
    known = ~np.isnan(scored) & (units >= 0)
    return mean(clusters_of(scored[known], units[known]), within=(0.0, 1.0))


def _by_side(rows: Prepared) -> list[tuple[bool | None, Prepared]]:
    known, on = rows.known("safeguards"), rows.flag("safeguards")
    sides = [(False, known & ~on), (True, known & on), (None, ~known)]
    return [(side, rows.where(kept)) for side, kept in sides if kept.any()]


def _score(subject: SubjectRef, task: str, on: bool | None, rows: Prepared) -> Score:
    every = rows.number("score")
    known = ~np.isnan(every)
    found = every[known]
    minutes = rows.number("human_minutes")
    told = minutes[~np.isnan(minutes)]
    return Score(
        task=task,
        subject=subject.label,
        scaffold=subject.scaffold,
        safeguards=on,
        bucket=next((str(one) for one in rows.present("bucket")), None),
        human_minutes=float(told[0]) if len(told) else None,
        episodes=len(rows),
        scored=len(found),
        mean=float(found.mean()) if len(found) else None,
        lowest=float(found.min()) if len(found) else None,
        highest=float(found.max()) if len(found) else None,
        complete=int((found == 1.0).sum()),
        interval=_mean(rows),
        worst_case=float(found.sum()) / len(rows) if len(rows) else None,
    )


@dataclass(frozen=True)
class Amount:
    """A quantity over episodes, as far as it is known."""

    total: float
    """Over those that say: a lower bound where `unknown` is not 0."""
    mean: float | None
    median: float | None
    most: float | None
    n: int
    unknown: int

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


@dataclass(frozen=True)
class Usage:
    """What one subject used."""

    episodes: int
    """Begun ones, invalid attempts among them: they cost as much."""
    steps: Amount
    answers: Amount
    input_tokens: Amount
    output_tokens: Amount
    usd: Amount
    duration_s: Amount
    """Host time."""
    virtual_s: Amount
    """Scenario clock."""
    provider_errors: Amount
    """Failed attempts at the provider."""
    repeated: int
    """Attempts beyond the first at an episode."""
    ends: dict[str, int]
    """End reason → episodes; ``never ended`` for those that have none."""
    estimated: int
    """Episodes whose token counts are estimates."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


_AMOUNTS = (
    "steps", "answers", "input_tokens", "output_tokens", "usd", "duration_s", "virtual_s", "provider_errors",
)  # fmt: skip


def usage(episodes: Rows, *, mixed: bool = False, branched: bool = False) -> Usage:
    """Steps, answers, tokens, dollars and host seconds an episode: sums, means, medians. Unit: the attempt.

    Every begun attempt counts, with ``branched`` also those that went on from another's state; what nobody says is
    unknown, never 0.
    """
    rows = prepared(episodes) if branched else own_rows(episodes, mixed=mixed)
    if branched and not mixed:
        one_subject(rows)
    own = rows.where(rows.flag("begun")) if rows.has("begun") else rows
    estimated = int(own.isin("usage_source", ("estimate",)).sum())
    return Usage(
        len(own),
        **{name: _amount(own.number(name)) for name in _AMOUNTS},
        repeated=int((own.number("attempt") > 1).sum()),
        ends=_ends(own),
        estimated=estimated,
    )


def _ends(rows: Prepared) -> dict[str, int]:
    codes, names = rows.category("end_reason")
    counts = {str(name): int((codes == code).sum()) for code, name in enumerate(names)}
    counts["never ended"] = counts.get("never ended", 0) + int((codes < 0).sum())
    return {name: count for name, count in sorted(counts.items()) if count}


def _amount(values: Floats) -> Amount:
    known = values[~np.isnan(values)]
    unknown = len(values) - len(known)
    if not len(known):
        return Amount(0.0, None, None, None, 0, unknown)
    total, middle = float(known.sum()), float(np.median(known))
    return Amount(total, total / len(known), middle, float(known.max()), len(known), unknown)
