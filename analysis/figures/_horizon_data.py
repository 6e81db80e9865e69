"""The numbers of the horizon page, asked of the metrics."""

from dataclasses import dataclass

import pandas as pd

from .._data import RunData
from ._groups import Group, groups, left_out, scripted_shown
from ._notes import unit_note
from ._numbers import share
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
    success: Measured


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


@dataclass(frozen=True, eq=False)
class View:
    """What the page shows."""

    panels: tuple[Panel, ...]
    note: Note


LEAST_TASKS = 8
"""Of different length; below, no curve is fitted."""


def gather(data: RunData, ask: Ask) -> View:
    del ask
    found = groups(data)
    panels = [panel for group in found if (panel := _panel(group)).points]
    shown = panels[:MAX_PANELS]
    measured = [bucket.success for panel in shown for bucket in panel.buckets]
    unknown = sum(int(_valid(group)["score"].isna().sum()) for group in found[:MAX_PANELS])
    note = unit_note(
        measured,
        scripted=scripted_shown(found[:MAX_PANELS]),
        of="scored, valid episodes; success: the whole score",
        unknown=unknown,
        unit="task",
        invalid=sum(int((~group.episodes["valid"].astype(bool)).sum()) for group in found[:MAX_PANELS]),
        more=tuple(left_out(data, found[:MAX_PANELS], len(found))),
    )
    return View(tuple(shown), note)


def _valid(group: Group) -> pd.DataFrame:
    return group.episodes[group.episodes["valid"].astype(bool)]


def _panel(group: Group) -> Panel:
    rows = _valid(group).dropna(subset=["score", "human_minutes"])
    rows = rows[rows["human_minutes"] > 0].assign(success=lambda table: table["score"].ge(1.0).astype(float))
    points = tuple(
        Point(str(task), float(own["human_minutes"].iloc[0]), float(own["success"].mean()), len(own))
        for task, own in rows.groupby("task", observed=True)
    )
    lengths = len({point.minutes for point in points})
    refused = (
        f"no horizon: {lengths} lengths of task, {LEAST_TASKS} needed"
        if lengths < LEAST_TASKS
        else "no horizon: not fitted"
    )
    return Panel(group.title, points, tuple(_buckets(rows)), None, refused)


def _buckets(rows: pd.DataFrame) -> list[Bucket]:
    """By the human-time bucket; tasks are what is independent."""
    named = rows.assign(bucket=rows["bucket"].astype("string").fillna("no bucket"))
    found = [
        Bucket(
            str(name),
            float(own["human_minutes"].min()),
            float(own["human_minutes"].max()),
            share(own["success"].to_numpy(dtype=float), own["task"]),
        )
        for name, own in named.groupby("bucket", observed=True)
    ]
    return sorted(found, key=lambda bucket: bucket.low)
