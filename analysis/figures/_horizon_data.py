"""The numbers of the horizon page, asked of the metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._data import RunData
from .._prepared import Prepared, prepared
from .._rate import Rate
from ..metrics import Horizon, bucketed_success, horizon, success_rate
from ._groups import Group, groups, left_out, scripted_shown
from ._notes import note_of
from ._page import MAX_PANELS, Ask
from ._parts import Floats, Measured
from ._sheet import Note


@dataclass(frozen=True)
class Point:
    """One task."""

    name: str
    minutes: float
    """That a familiar professional takes."""
    success: float
    """Share of its attempts that succeeded."""
    attempts: int


@dataclass(frozen=True)
class Bucket:
    """Tasks of similar length."""

    name: str
    low: float
    high: float
    """In minutes; the ends of what the tasks of this bucket take."""
    success: Rate


@dataclass(frozen=True, eq=False)
class Fit:
    """The logistic curve over log2 of minutes."""

    minutes: Floats
    success: Floats
    h50: Measured
    h80: Measured | None


@dataclass(frozen=True, eq=False)
class Panel:
    """One subject."""

    title: str
    points: tuple[Point, ...]
    buckets: tuple[Bucket, ...]
    fit: Fit | None
    refused: str
    """Why there is no horizon; empty where there is one."""
    warning: str
    """What to remember of a horizon."""


_PLACES = 60
"""Of the curve."""


@dataclass(frozen=True, eq=False)
class View:
    """What the page shows."""

    panels: tuple[Panel, ...]
    note: Note


def gather(data: RunData, ask: Ask) -> View:
    del ask
    found = groups(data)
    panels = [panel for group in found if (panel := _panel(group)).points]
    shown = panels[:MAX_PANELS]
    measured = [bucket.success for panel in shown for bucket in panel.buckets]
    note = note_of(
        measured,
        scripted=scripted_shown(found[:MAX_PANELS]),
        of="scored, valid episodes; success: the whole score",
        more=(*left_out(data, found[:MAX_PANELS], len(found)), *_warnings(shown)),
    )
    return View(tuple(shown), note)


def _warnings(panels: Sequence[Panel]) -> list[str]:
    """Of the panels that show a horizon."""
    return list(dict.fromkeys(panel.warning for panel in panels if panel.fit is not None))


def _panel(group: Group) -> Panel:
    rows = prepared(group.episodes)
    points = tuple(point for (task,), own in rows.each(("task",)) if (point := _point(task, own)) is not None)
    found = horizon(rows)
    return Panel(group.title, points, tuple(_buckets(rows)), _fit(found, points), _refused(found), found.warning)


def _point(task: str, rows: Prepared) -> Point | None:
    """None where the task has no length, or no valid attempt a score."""
    minutes, success = rows.number("human_minutes"), success_rate(rows)
    known = minutes[minutes > 0]
    if not len(known) or success.value is None:
        return None
    return Point(task, float(known[0]), success.value, success.n)


def _fit(found: Horizon, points: Sequence[Point]) -> Fit | None:
    if found.refused or not points:
        return None
    minutes = [point.minutes for point in points]
    places = np.geomspace(min(minutes), max(minutes), _PLACES)
    success = [found.success(float(place)) or 0.0 for place in places]
    return Fit(places, np.array(success, dtype=np.float64), found.h50, found.h80)


def _refused(found: Horizon) -> str:
    return f"no horizon: {found.refused}" if found.refused else ""


def _buckets(rows: Prepared) -> list[Bucket]:
    """By the human-time bucket; tasks are what is independent. Tasks without a length have no place on the page."""
    return [
        Bucket(one.bucket.replace("unknown", "no bucket"), one.shortest, one.longest, one.success)
        for one in bucketed_success(rows)
        if one.shortest is not None and one.longest is not None
    ]
