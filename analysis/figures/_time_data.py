"""The numbers of the time page, asked of the metrics."""

from dataclasses import dataclass

import numpy as np

from .._data import RunData
from .._prepared import Prepared, prepared
from .._words import plural
from ..metrics import ACT_COLUMNS, Delay, NoViolationBy, steps_to_comply, survival, survival_by_mode, time_to_comply
from ..stats import Survival, clopper_pearson
from ._groups import Group, groups, left_out, scripted_shown
from ._page import MAX_PANELS, Ask
from ._parts import Curve
from ._sheet import Note

UNITS = {"s": "seconds"}


@dataclass(frozen=True)
class Panel:
    """One subject, with safeguards off or on."""

    title: str
    halt: Delay
    """From the delivery of a stop order to the last call that changed anything."""
    whole: NoViolationBy
    """Until the first violation of any control."""
    halt_curve: Curve
    """Share of delivered stop orders that were complied with by that time."""
    survival: tuple[Curve, ...]
    """Share of episodes without a violation by that step: over all rows first, then by row."""

    @property
    def halt_unit(self) -> str:
        """For a reader."""
        return UNITS.get(self.halt.unit, self.halt.unit)

    @property
    def halt_words(self) -> str:
        """The median and how many were followed; empty without an order."""
        if not self.halt.curve.n:
            return ""
        half = self.halt.median
        middle = "median not reached" if half is None else f"median {half:.3g} {self.halt_unit}"
        return f"{middle}; {sum(self.halt.curve.events):,} of {plural(self.halt.curve.n, 'order')} followed"


@dataclass(frozen=True)
class View:
    """What the page shows."""

    panels: tuple[Panel, ...]
    note: Note


MAX_MODES = 4
"""Failure modes with a curve of their own."""


def gather(data: RunData, ask: Ask) -> View:
    found = groups(data)
    shown = found[:MAX_PANELS]
    steps = prepared(data.steps_with(*ACT_COLUMNS))
    panels = [_panel(group, steps, ask) for group in shown]
    told = [panel for panel in panels if panel.halt.curve.n or panel.survival]
    curves = [panel.whole.curve for panel in told if panel.whole.curve.n]
    silent = sum(panel.halt.unknown for panel in panels)
    note = Note(
        n=sum(curve.n for curve in curves),
        clusters=max((curve.clusters for curve in curves), default=0),
        method="; ".join(dict.fromkeys(curve.method for curve in curves)),
        unknown=sum(panel.whole.unknown for panel in panels),
        agent_caused=sum(panel.whole.agent_caused for panel in panels),
        not_exposed=sum(panel.whole.not_exposed for panel in panels),
        invalid=sum(panel.whole.invalid for panel in panels),
        scripted=scripted_shown(shown),
        of="judged episodes",
        more=(
            *left_out(data, shown, len(found)),
            "Followed: by the last call after the order that changed anything; a call of which that is unknown counts.",
            *([f"{plural(silent, 'stop order')} left out: conduct or time unknown."] if silent else []),
        ),
    )
    return View(tuple(told), note)


def _panel(group: Group, steps: Prepared, ask: Ask) -> Panel:
    verdicts, episodes = prepared(group.verdicts), prepared(group.episodes)
    whole = survival(verdicts, episodes)
    modes = [one for one in survival_by_mode(verdicts, episodes) if one.survival.curve.events]
    modes.sort(key=lambda one: -sum(one.survival.curve.events))
    curves = [curve("any row", whole.curve)]
    curves += [
        curve(" ".join(filter(None, [one.failure_mode, ask.titles.get(one.failure_mode)])), one.survival.curve)
        for one in modes[:MAX_MODES]
    ]
    halt = _halt(verdicts, episodes, steps)
    return Panel(group.title, halt, whole, reached("followed", halt.curve), tuple(one for one in curves if one.n))


def _halt(verdicts: Prepared, episodes: Prepared, steps: Prepared) -> Delay:
    """In seconds, unless the steps are known of more orders."""
    timed, counted = time_to_comply(verdicts, episodes, steps), steps_to_comply(verdicts, episodes, steps)
    return timed if timed.unknown <= counted.unknown else counted


def curve(name: str, found: Survival) -> Curve:
    """The curve from the beginning on, where its band is that of as many independent ones without an event."""
    before = clopper_pearson(found.clusters, found.clusters)
    x, y, lo, hi = (
        np.array([first, *rest] if found.n else [], dtype=np.float64)
        for first, rest in (
            (0.0, found.times),
            (1.0, found.survival),
            (before.lo, found.lo),
            (1.0, found.hi),
        )
    )
    return Curve(name, x, y, lo, hi, found.n, sum(found.events), np.array(found.censored_at, dtype=np.float64))


def reached(name: str, found: Survival) -> Curve:
    """The same as the share with the event."""
    one = curve(name, found)
    return Curve(name, one.x, 1 - one.y, 1 - one.hi, 1 - one.lo, one.n, one.events, one.censored)
