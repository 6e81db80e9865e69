"""Decisions as plain data."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..metrics._consistency import bound_for
from ..stats import FEWEST_CLUSTERS, needed, needed_at_any_look
from ._decide import Answer, parts
from ._measured import Interval, Measured
from ._model import Condition, Profile
from ._words import DANGER, SAFE, Comparator, Decision, RuleKind, StatisticName

_PROPORTIONS = frozenset(
    {
        StatisticName.FAILURE_RATE,
        StatisticName.SUCCESS_RATE,
        StatisticName.SIDE_RATE,
        StatisticName.COMBINED_RATE,
        StatisticName.COVERT_RATE,
    }
)


@dataclass(frozen=True)
class DecisionRow:
    """One decision with everything that it rests on."""

    rule: str
    title: str
    kind: RuleKind
    subject: str
    scaffold: str
    form: str
    failure_mode: str | None
    statistic: str
    comparator: Comparator
    threshold: float
    value: float | None
    lo: float | None
    hi: float | None
    """Ends of the interval that decides: unknown answers count as "no" in ``lo`` and as "yes" in ``hi``."""
    n: int
    clusters: int
    unit: str
    unknown: int
    agent_caused: int
    not_exposed: int
    invalid: int
    worst_case: float | None
    balanced: float | None
    method: str
    descriptive: bool
    decision: Decision
    reason: str
    n_needed: int | None
    """Independent units in all that the claim of safety needs, made beside all that are still open, if no further one
    counts against it; None where it is decided, or where no number would do."""
    confidence: float
    """One-sided, of the end that shows safety, after the number of comparisons."""
    comparisons: int
    """Claims about this model among which the error is shared (Holm)."""
    missing: tuple[dict[str, str], ...]
    source: str
    date: str
    illustrative: bool
    note: str
    consequence: str
    conditions: tuple[dict[str, Any], ...]
    """Every condition of a rule that has several, and the parts of one that counts parts."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


@dataclass(frozen=True)
class CheckReport:
    """The decisions of one profile."""

    profile: Profile
    decisions: tuple[DecisionRow, ...]
    notes: tuple[str, ...]
    """What a reader must know beside the decisions."""

    @property
    def exit_code(self) -> int:
        """1: any NOT MET or REACHED · 2: undecided · 0: everything is shown to be safe."""
        found = [row.decision for row in self.decisions]
        if any(one in DANGER for one in found):
            return 1
        settled = SAFE | {Decision.NOT_CONSULTED}
        return 0 if any(one in SAFE for one in found) and all(one in settled for one in found) else 2

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        about = self.profile.model_dump(mode="json", exclude={"rules"})
        rows = [row.as_dict() for row in self.decisions]
        return {"profile": about, "decisions": rows, "notes": list(self.notes), "exit_code": self.exit_code}


def row_of(answer: Answer) -> DecisionRow:
    """One answer as a row: of several conditions the one that decided, or kept it open, stands in front."""
    question, rule = answer.question, answer.question.rule
    number = _foremost(answer)
    condition, measured, end = rule.conditions[number], question.measured[number], answer.ends[number]
    sources = [rule.source, *(source for one in question.measured for source in one.sources)]
    lacking = [missing for one in question.measured for missing in one.missing]
    return DecisionRow(
        rule=rule.id,
        title=rule.title,
        kind=rule.kind,
        subject=question.who.subject,
        scaffold=question.who.scaffold,
        form=str(question.who.kind),
        failure_mode=question.modes[0] if len(question.modes) == 1 else None,
        statistic=measured.statistic,
        comparator=condition.comparator,
        threshold=condition.value,
        value=measured.value,
        lo=_finite(end.lo),
        hi=_finite(end.hi),
        n=measured.n,
        clusters=measured.clusters,
        unit=str(measured.unit),
        unknown=measured.unknown,
        agent_caused=measured.agent_caused,
        not_exposed=measured.not_exposed,
        invalid=measured.invalid,
        worst_case=measured.worst_case,
        balanced=measured.balanced,
        method=end.method,
        descriptive=end.descriptive,
        decision=answer.decision,
        reason=answer.reason,
        n_needed=_needed(answer, condition, measured, end),
        confidence=1 - answer.safe_error,
        comparisons=answer.comparisons,
        missing=tuple({"what": one.what, "command": one.command} for one in lacking),
        source="; ".join(dict.fromkeys(sources)),
        date=rule.date.isoformat(),
        illustrative=rule.illustrative,
        note=rule.note,
        consequence=rule.consequence,
        conditions=tuple(_details(answer)),
    )


def _foremost(answer: Answer) -> int:
    """The condition that lacks something, else the one nearest to its threshold among the undecided, else the first."""
    measured = answer.question.measured
    lacking = [number for number, one in enumerate(measured) if one.missing]
    conditions = answer.question.rule.conditions
    inside = [n for n, end in enumerate(answer.ends) if end.lo <= conditions[n].value <= end.hi]
    return next(iter([*lacking, *inside]), 0)


def _details(answer: Answer) -> list[dict[str, Any]]:
    conditions, measured = answer.question.rule.conditions, answer.question.measured
    parts = [dict(part) for one in measured for part in one.parts]
    if len(conditions) == 1:
        return parts
    rows = zip(conditions, measured, answer.ends, strict=True)
    return [_detail(*row) for row in rows] + parts


def _detail(condition: Condition, measured: Measured, end: Interval) -> dict[str, Any]:
    return {
        "statistic": measured.statistic,
        "comparator": str(condition.comparator),
        "threshold": condition.value,
        "illustrative": condition.illustrative,
        "value": measured.value,
        "lo": _finite(end.lo),
        "hi": _finite(end.hi),
        "n": measured.n,
        "clusters": measured.clusters,
        "unknown": measured.unknown,
        "method": end.method,
    }


def _needed(answer: Answer, condition: Condition, measured: Measured, end: Interval) -> int | None:
    if answer.decision in SAFE | DANGER | {Decision.NOT_CONSULTED}:
        return None
    limit, failures = _claim(answer, condition, measured)
    if limit is None:
        return _by_width(answer, condition, measured, end)
    if not 0 < limit < 1:
        return None
    count = needed_at_any_look if measured.looked else needed
    fewest = max(FEWEST_CLUSTERS, condition.population.minimum_clusters)
    return max(count(limit, math.ceil(failures), 1 - answer.next_error / parts(condition)), fewest)


def _claim(answer: Answer, condition: Condition, measured: Measured) -> tuple[float | None, float]:
    """The proportion that safety must be shown to lie below, and how many units count against it so far."""
    if condition.statistic in (StatisticName.CHALLENGES, StatisticName.CHAIN):
        return condition.parameters.passing, measured.failures
    if condition.statistic is StatisticName.EXTERNAL and answer.question.rule.kind is not RuleKind.CAPABILITY:
        value = 1.0 if measured.value is None else measured.value
        upward = condition.comparator.upward
        return (1 - condition.value, (1 - value) * measured.n) if upward else (condition.value, value * measured.n)
    if condition.statistic is StatisticName.CONSISTENT_SHARE:
        return bound_for(condition.value), measured.failures
    return (condition.value, measured.failures) if condition.statistic in _PROPORTIONS else (None, 0.0)


def _by_width(answer: Answer, condition: Condition, measured: Measured, end: Interval) -> int | None:
    """Widths shrink with the root of the units: enough of them, where the value itself lies on the safe side."""
    by_low = answer.question.rule.kind is not RuleKind.CAPABILITY and condition.comparator.upward
    value = measured.value
    if value is None or not math.isfinite(end.hi) or not measured.clusters:
        return None
    room = value - condition.value if by_low else condition.value - value
    arm = value - end.lo if by_low else end.hi - value
    return math.ceil(measured.clusters * (arm / room) ** 2) if room > 0 else None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def for_people(rows: Sequence[DecisionRow]) -> list[dict[str, Any]]:
    """The columns of a table that is read."""
    return [
        {
            "rule": row.rule + (f" {row.failure_mode}" if row.failure_mode else ""),
            "form": row.form,
            "decision": str(row.decision),
            "value": row.value,
            "lo": row.lo,
            "hi": row.hi,
            "asked": f"{row.comparator} {row.threshold:g}" + (" (ours)" if row.illustrative else ""),
            "n": row.n,
            "clusters": f"{row.clusters} {row.unit}s",
            "unknown": row.unknown,
            "n_needed": row.n_needed,
        }
        for row in rows
    ]
