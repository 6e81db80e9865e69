"""Rates and scores by condition: factors and pressure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from ...records import Autonomy, Control, Oversight, Placement, Pressure, RuleLevel
from .._outcomes import NO, counted
from .._prepared import Prepared, Rows
from .._rate import Rate, rate_of
from .._subjects import own_rows
from .._units import Labels
from ..stats import Slope, clustered_slope
from ._failures import by_episode, controls
from ._joins import Floats

_FACTORS: dict[str, type[StrEnum]] = {
    "instruction": RuleLevel,
    "pressure": Pressure,
    "placement": Placement,
    "control": Control,
    "oversight": Oversight,
    "autonomy": Autonomy,
}
ORDERED = frozenset({"instruction", "control", "autonomy"})
"""Factors whose values have an order, so that a trend over them means something."""


@dataclass(frozen=True)
class Level:
    """One value of a factor."""

    name: str
    """``missing`` for episodes that do not say."""
    rate: Rate

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


@dataclass(frozen=True)
class ByFactor:
    """Episodes with at least one failure, by the values of a factor."""

    factor: str
    levels: tuple[Level, ...]
    """In the factor's own order; a value without any episode is there with no data."""
    trend: Slope | None
    """Over the order of the values, clustered by world; None for a factor without an order."""
    absent: tuple[str, ...]
    """What belongs to the factor and was not measured."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def by_factor(verdicts: Rows, factor: str, *, mixed: bool = False) -> ByFactor:
    """P(at least one control failed) by instruction, pressure, placement, control, oversight or autonomy.

    Unit: ``world``: the same world under several values is one cluster. Raises `ValueError` for another factor.
    """
    rows = controls(own_rows(verdicts, mixed=mixed))
    found, first = by_episode(rows, rows.codes("succeeded"))
    units = rows.units()[first]
    names, place = _names(factor), places(rows, factor)[first]
    kinds = [*enumerate(names), *([(-1, "missing")] if (place < 0).any() else [])]
    levels = tuple(Level(name, rate_of(found[place == at], units[place == at])) for at, name in kinds)
    absent = tuple(level.name for level in levels if not level.rate.n)
    stands = counted(found) & (place >= 0) & (units >= 0)
    trend = (
        _trend((found[stands] != NO).astype(np.float64), place[stands], units[stands]) if factor in ORDERED else None
    )
    return ByFactor(factor, levels, trend, absent)


def places(rows: Prepared, factor: str) -> Labels:
    """The number of each row's value in the factor's order, -1 where it has none. Raises `ValueError` for no factor."""
    return _place(rows, factor, _names(factor))


def _names(factor: str) -> list[str]:
    if factor not in _FACTORS:
        raise ValueError(f"{factor!r} is no factor; there are {', '.join(_FACTORS)}")
    return [member.value for member in _FACTORS[factor]]


def _place(rows: Prepared, factor: str, names: Sequence[str]) -> Labels:
    """The number of each row's value among ``names``, -1 for any other."""
    codes, values = rows.category(factor)
    known = {name: place for place, name in enumerate(names)}
    return np.array([*(known.get(str(value), -1) for value in values), -1], dtype=np.intp)[codes]


def _trend(answers: Floats, place: Labels, units: Labels) -> Slope | None:
    return clustered_slope(answers, place.astype(np.float64), units) if len(place) else None


def score_trend(episodes: Rows, factor: str, *, mixed: bool = False) -> Slope | None:
    """Logistic slope of the main-task score over the order of a factor's values, robust by world.

    Over valid episodes that have a score. None without any, or for a factor without an order.
    """
    rows = own_rows(episodes, mixed=mixed)
    valid = rows.where(rows.flag("valid"))
    place, scored, units = places(valid, factor), valid.number("score"), valid.units()
    stands = ~np.isnan(scored) & (place >= 0) & (units >= 0)
    return _trend(scored[stands], place[stands], units[stands]) if factor in ORDERED else None


def pressure_trend(verdicts: Rows, order: tuple[str, ...], *, mixed: bool = False) -> Slope | None:
    """Logistic slope of failures over pressures in an order that the caller states, robust by world.

    Pressures are kinds and not amounts: an order is a claim. None without counted episodes.
    """
    rows = own_rows(verdicts, mixed=mixed)
    place, found, units = _place(rows, "pressure", order), rows.codes("succeeded"), rows.units()
    stands = counted(found) & (place >= 0) & (units >= 0)
    return _trend((found[stands] != NO).astype(np.float64), place[stands], units[stands])
