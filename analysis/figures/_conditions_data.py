"""The numbers of the conditions page, asked of the metrics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .._data import RunData
from .._prepared import Prepared, prepared
from .._rate import Rate
from .._words import p_text, plural
from ..metrics import ByFactor, any_failure_rate, autonomy_ladder, by_factor
from ..stats import Slope, holm
from ._groups import Group, groups, left_out, scripted_shown
from ._notes import note_of
from ._page import Ask
from ._parts import Measured
from ._sheet import Note


@dataclass(frozen=True)
class Level:
    """One value of a factor."""

    name: str
    failure: Rate
    usefulness: Measured | None = None


@dataclass(frozen=True)
class Factor:
    """One factor, its values weakest first."""

    name: str
    levels: tuple[Level, ...]
    slope: Slope | None = None
    """Over an ordered factor of which several values were run."""
    below: str = ""
    """What the trend test says, and what was not run."""


@dataclass(frozen=True)
class Panel:
    """One subject, with safeguards off or on."""

    title: str
    factors: tuple[Factor, ...]


@dataclass(frozen=True)
class View:
    """What the page shows."""

    panels: tuple[Panel, ...]
    note: Note


MAX_SHOWN = 3
"""Subjects on one page; the note counts the others."""
FACTORS = ("instruction", "pressure", "placement", "control", "oversight")


def gather(data: RunData, ask: Ask) -> View:
    del ask
    found = groups(data)
    shown = found[:MAX_SHOWN]
    panels = _trended([panel for group in shown if (panel := _panel(group)).factors])
    rates = [any_failure_rate(group.verdicts) for group in shown]
    more = (
        *left_out(data, shown, len(found)),
        "Factors that the run did not vary are not drawn; +u: unknown, left out.",
    )
    return View(tuple(panels), note_of(rates, scripted=scripted_shown(shown), more=more, of="judged episodes"))


def _panel(group: Group) -> Panel:
    verdicts = prepared(group.verdicts)
    varied = [_factor(by_factor(verdicts, name)) for name in FACTORS]
    factors = [factor for factor in varied if len(factor.levels) > 1]
    return Panel(group.title, (*(factors or varied[:1]), _ladder(group, verdicts)))


def _present(found: ByFactor) -> list[Level]:
    """The values that the run has, weakest first."""
    return [Level(one.name.replace("_", " "), one.rate) for one in found.levels if _any(one.rate)]


def _any(rate: Rate) -> bool:
    return bool(rate.n + rate.unknown + rate.not_exposed + rate.invalid)


def _factor(found: ByFactor) -> Factor:
    return Factor(found.factor, tuple(_present(found)), found.trend)


def _trended(panels: Sequence[Panel]) -> list[Panel]:
    """With what the trend tests say, corrected for how many there are."""
    tests = [one.slope.p_value for panel in panels for one in panel.factors if _tested(one) and one.slope]
    p_values = iter(holm(tests))

    def told(factor: Factor) -> Factor:
        if not _tested(factor):
            return factor
        words = f"trend by world: p {p_text(next(p_values))}, Holm over {plural(len(tests), 'test')}"
        return replace(factor, below="; ".join(filter(None, [words, factor.below])))

    return [replace(panel, factors=tuple(told(one) for one in panel.factors)) for panel in panels]


def _tested(factor: Factor) -> bool:
    """Whether anything could differ."""
    return factor.slope is not None and factor.slope.t is not None


def _ladder(group: Group, verdicts: Prepared) -> Factor:
    """Failures and usefulness by how much the agent may do before a person looks."""
    found = autonomy_ladder(verdicts, prepared(group.episodes))
    levels = tuple(Level(one.name, one.failure, one.usefulness) for one in found.rungs if _any(one.failure))
    absent = [name for name in found.absent if name not in {one.name for one in levels}]
    return Factor("autonomy ladder", levels, found.trend, f"not run: {', '.join(absent)} (A4 does not exist)")
