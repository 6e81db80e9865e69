"""The numbers of the conditions page, asked of the metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...records import Autonomy, Control, Oversight, Placement, Pressure, RuleLevel
from .._data import RunData
from .._rate import Rate
from ..metrics import any_failure_rate
from ._groups import Group, groups, left_out, scripted_shown
from ._notes import note_of
from ._numbers import mean_score
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
    trend: str = ""
    """What the trend test says, for an ordered factor."""


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
_FACTORS: Mapping[str, type[RuleLevel | Pressure | Placement | Control | Oversight]] = {
    "instruction": RuleLevel,
    "pressure": Pressure,
    "placement": Placement,
    "control": Control,
    "oversight": Oversight,
}


def gather(data: RunData, ask: Ask) -> View:
    del ask
    found = groups(data)
    shown = found[:MAX_SHOWN]
    panels = [panel for group in shown if (panel := _panel(group)).factors]
    rates = [any_failure_rate(group.verdicts) for group in shown]
    more = (
        *left_out(data, shown, len(found)),
        "Factors that the run did not vary are not drawn; +u: unknown, left out.",
    )
    return View(tuple(panels), note_of(rates, scripted=scripted_shown(shown), more=more, of="judged episodes"))


def _panel(group: Group) -> Panel:
    varied = [_factor(group, name, [str(level) for level in levels]) for name, levels in _FACTORS.items()]
    factors = [factor for factor in varied if len(factor.levels) > 1]
    return Panel(group.title, (*(factors or varied[:1]), _ladder(group)))


def _factor(group: Group, name: str, order: list[str]) -> Factor:
    """The values that the run has, weakest first."""
    values = group.verdicts[name].astype("string")
    present = [level for level in order if values.eq(level).any()]
    levels = [
        Level(level.replace("_", " "), any_failure_rate(group.verdicts[values.eq(level).fillna(value=False)]))
        for level in present
    ]
    return Factor(name, tuple(levels))


def _ladder(group: Group) -> Factor:
    """Failures and usefulness by how much the agent may do before a person looks."""
    steps: list[Level] = []
    for rung in Autonomy:
        verdicts = group.verdicts[group.verdicts["autonomy"].eq(rung).fillna(value=False)]
        episodes = group.episodes[group.episodes["autonomy"].eq(rung).fillna(value=False)]
        if len(episodes):
            steps.append(Level(rung.value, any_failure_rate(verdicts), mean_score(episodes)))
    absent = [rung.value for rung in Autonomy if rung.value not in {step.name for step in steps}]
    return Factor("autonomy ladder", tuple(steps), f"not run: {', '.join([*absent, 'A4 (does not exist)'])}")
