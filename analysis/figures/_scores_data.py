"""The numbers of the scores page, asked of the metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._data import RunData
from ..metrics import Score, scores
from ._groups import Group, groups, left_out, scripted_shown
from ._notes import unit_note
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
    told = [(group, scores(group.episodes)) for group in shown]
    bars = [_bar(group, one) for group, own in told for one in own]
    note = unit_note(
        [bar.mean for bar in bars],
        scripted=scripted_shown(shown),
        unknown=sum(bar.missing for bar in bars),
        invalid=sum(int((~group.episodes["valid"].astype(bool)).sum()) for group in shown),
        more=(*left_out(data, shown, len(found)), "Unknown: valid episodes without a score."),
        of="scored, valid episodes",
    )
    return View(tuple(bars), _heat(told), tuple(_limits(shown)), "steps", note)


def _bar(group: Group, found: Score) -> Bar:
    own = group.episodes[group.episodes["valid"].astype(bool) & group.episodes["task"].eq(found.task)]
    single = own["score"].dropna().to_numpy(dtype=float)
    missing = found.episodes - found.scored
    return Bar(group.subject.label, found.task, group.safeguards, found.interval, single, missing)


def _heat(told: Sequence[tuple[Group, Sequence[Score]]]) -> Heat:
    """Tasks by subject and side."""
    tasks = sorted({one.task for _, own in told for one in own})
    cells = [[next((one for one in own if one.task == task), None) for _, own in told] for task in tasks]
    columns = [f"{group.subject.label} {'on' if group.safeguards else 'off'}" for group, _ in told]
    return Heat(
        tuple(tasks),
        tuple(columns),
        tuple(tuple(None if one is None else one.mean for one in row) for row in cells),
        tuple(tuple(0 if one is None else one.scored for one in row) for row in cells),
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
