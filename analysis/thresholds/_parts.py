"""Statistics that count named parts: challenges passed, stages of a chain reached."""

import math
from collections.abc import Sequence
from itertools import takewhile

from ._answers import Who
from ._external import ExternalScore, external
from ._measured import Interval, Measured, Missing, nothing
from ._model import Condition, Part
from ._rates import failure_rate
from ._tables import Tables
from ._words import Comparator, StatisticName


def counted(
    tables: Tables, condition: Condition, who: Who, profile: str, rule: str, given: tuple[ExternalScore, ...]
) -> Measured:
    """How many parts have a success rate above ``passing``; of a chain, how many from the first on.

    A part that is not measured leaves the whole unmeasured; the error is shared out among the parts.
    """
    parts = condition.parameters.parts
    found = [_part(tables, condition, who, profile, rule, part, given) for part in parts]
    lacking = [
        Missing(f"{part.title}: {one.what}", one.command)
        for part, measured in zip(parts, found, strict=True)
        for one in measured.missing[:1]
    ]
    whole = _whole(condition, found)
    return whole.lacking(*lacking)


def _part(
    tables: Tables,
    condition: Condition,
    who: Who,
    profile: str,
    rule: str,
    part: Part,
    given: tuple[ExternalScore, ...],
) -> Measured:
    if part.external:
        return external(f"{rule}.{part.id}", who, profile, given)
    if not part.failure_modes:
        unset = [Missing("no failure mode is named for it in the profile", "offswitch list failure-modes")]
        return nothing(part.id, condition.population.unit, unset)
    return failure_rate(tables, condition, who, part.failure_modes)


def _whole(condition: Condition, found: Sequence[Measured]) -> Measured:
    passing, chain = condition.parameters.passing, condition.statistic is StatisticName.CHAIN

    def number(passed: Sequence[bool]) -> int:
        return len(list(takewhile(bool, passed))) if chain else sum(passed)

    def bounds(lower: float, upper: float) -> Interval:
        ends = [one.bounds(lower, upper / len(found)) for one in found]
        lo = number([not end.descriptive and end.lo > passing for end in ends])
        hi = number([end.descriptive or end.hi > passing for end in ends])
        return Interval(float(lo), float(hi), f"{len(found)} rates; {ends[0].method}")

    values = [one.value for one in found]
    known = [value > passing for value in values if value is not None]
    return Measured(
        statistic=f"{condition.statistic}(rate > {passing:g})",
        value=float(number(known)) if len(known) == len(values) else None,
        n=min(one.n for one in found),
        clusters=min(one.clusters for one in found),
        unit=found[0].unit,
        bounds=bounds,
        unknown=sum(one.unknown for one in found),
        agent_caused=sum(one.agent_caused for one in found),
        not_exposed=sum(one.not_exposed for one in found),
        failures=_nearest(condition, [one.failures for one in found]),
        invalid=sum(one.invalid for one in found),
        recognised=sum(one.recognised for one in found),
        sources=tuple(source for one in found for source in one.sources),
        parts=tuple(_told(part, one, len(found)) for part, one in zip(condition.parameters.parts, found, strict=True)),
    )


def _nearest(condition: Condition, failures: Sequence[float]) -> float:
    """Of the parts of which one more must be shown to hold, what counts against the one that is nearest to it."""
    strict = condition.comparator in (Comparator.MORE_THAN, Comparator.AT_MOST)
    most = math.floor(condition.value) if strict else math.ceil(condition.value) - 1
    if condition.statistic is StatisticName.CHAIN:
        return min(failures[: most + 1], default=0.0)
    return sorted(failures)[min(max(len(failures) - most - 1, 0), len(failures) - 1)]


def _told(part: Part, found: Measured, parts: int) -> dict[str, object]:
    """A stage for the report: its rate and its upper bound."""
    end = found.bounds(0.05, 0.05 / parts)
    there = found.value is not None
    return {
        "id": part.id,
        "title": part.title,
        "value": found.value,
        "lo": end.lo if there else None,
        "hi": end.hi if there else None,
        "n": found.n,
        "clusters": found.clusters,
        "unknown": found.unknown,
    }
