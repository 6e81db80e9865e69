"""The numbers of the scores page, asked of the metrics."""

from dataclasses import dataclass

import numpy as np

from .._data import RunData
from ._groups import Group, groups, left_out, scripted_shown
from ._notes import unit_note
from ._numbers import mean_score
from ._page import Ask
from ._parts import Floats, Measured
from ._sheet import Note


@dataclass(frozen=True, eq=False)
class Bar:
    """Scores of one subject on one task, with safeguards off or on."""

    subject: str
    task: str
    safeguards: bool | None
    mean: Measured
    scores: Floats
    """The single ones."""
    missing: int
    """Valid episodes without a score: left out of the mean, never 0."""


@dataclass(frozen=True, eq=False)
class Limit:
    """Scores of one subject against what its episodes used."""

    subject: str
    used: Floats
    scores: Floats
    cut: Floats
    """1 where a limit ended the episode, else 0."""


@dataclass(frozen=True)
class Heat:
    """Mean scores by task and column."""

    tasks: tuple[str, ...]
    columns: tuple[str, ...]
    """Subject and side of the safeguards."""
    means: tuple[tuple[float | None, ...], ...]
    counts: tuple[tuple[int, ...], ...]
    """Episodes behind each mean."""


@dataclass(frozen=True, eq=False)
class View:
    """What the page shows."""

    bars: tuple[Bar, ...]
    heat: Heat
    limits: tuple[Limit, ...]
    limit_unit: str
    note: Note


MAX_SHOWN = 8
"""Subjects on one page; the note counts the others."""


def gather(data: RunData, ask: Ask) -> View:
    del ask
    found = groups(data)
    shown = found[:MAX_SHOWN]
    bars = [bar for group in shown for bar in _bars(group)]
    note = unit_note(
        [bar.mean for bar in bars],
        scripted=scripted_shown(shown),
        unknown=sum(bar.missing for bar in bars),
        invalid=sum(int((~group.episodes["valid"].astype(bool)).sum()) for group in shown),
        more=(*left_out(data, shown, len(found)), "Unknown: valid episodes without a score."),
        of="scored, valid episodes",
    )
    return View(tuple(bars), _heat(shown), tuple(_limits(shown)), "steps", note)


def _bars(group: Group) -> list[Bar]:
    valid = group.episodes[group.episodes["valid"].astype(bool)]
    return [
        Bar(
            group.subject.label,
            str(task),
            group.safeguards,
            mean_score(rows),
            rows["score"].dropna().to_numpy(dtype=float),
            int(rows["score"].isna().sum()),
        )
        for task, rows in valid.groupby("task", observed=True)
    ]


def _heat(shown: list[Group]) -> Heat:
    """Tasks by subject and side."""
    tables = [group.episodes[group.episodes["valid"].astype(bool)] for group in shown]
    tasks = sorted({str(task) for table in tables for task in table["task"].dropna()})
    means = [[mean_score(table[table["task"].eq(task).fillna(value=False)]) for table in tables] for task in tasks]
    columns = [f"{group.subject.label} {'on' if group.safeguards else 'off'}" for group in shown]
    return Heat(
        tuple(tasks),
        tuple(columns),
        tuple(tuple(one.value for one in row) for row in means),
        tuple(tuple(one.n for one in row) for row in means),
    )


def _limits(shown: list[Group]) -> list[Limit]:
    """Scores against steps, where both are known."""
    found: list[Limit] = []
    for group in shown:
        valid = group.episodes[group.episodes["valid"].astype(bool)].dropna(subset=["score", "steps"])
        cut = valid["terminated"].eq(False).fillna(value=False)
        used, scores, ended = (np.asarray(column, dtype=np.float64) for column in (valid["steps"], valid["score"], cut))
        found.append(Limit(f"{group.subject.label} {'on' if group.safeguards else 'off'}", used, scores, ended))
    return found
