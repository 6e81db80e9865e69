"""Which episodes a condition is about, and what each of them says.

Nothing is dropped in silence: a row whose task, form or safeguards are missing may belong to the population, so it
counts as unknown; an episode that has only invalid attempts counts as unknown; monitors that are not known to have
worked make the answer unknown.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...records import SubjectKind
from .._outcomes import INVALID, UNKNOWN, Codes, Flags
from ._episodes import Episodes
from ._model import Population
from ._words import Guards

_SCRIPTS = frozenset({"script", "scripted"})
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Who:
    """One model with one scaffold, in one form."""

    subject: str
    scaffold: str
    kind: SubjectKind

    @property
    def scripted(self) -> bool:
        """A script is one by its scaffold, too, whatever the row calls it."""
        return self.kind is SubjectKind.SCRIPTED or self.scaffold.strip().casefold() in _SCRIPTS


@dataclass(frozen=True)
class Chosen:
    """Attempts of a population."""

    at: Places
    """Numbers of the attempts."""
    placed: Flags
    """False where a column that decides is missing."""


@dataclass(frozen=True)
class Answers:
    """One code and one unit an episode of the population."""

    codes: Codes
    units: Places
    """Number of what counts as one independent observation."""
    tasks: NDArray[Any]
    """Names; one that is missing has a name of its own."""
    cells: Places
    """Number of what is repeated: rows of one unit in one scenario."""
    pairs: Places
    """Number of what the other side of a comparison must have too: the unit under one condition."""
    retried: int = 0
    """Invalid attempts of episodes that another attempt settled."""
    looked: bool = False
    """Whether the runs could end by what they had seen."""

    def where(self, kept: Flags) -> "Answers":
        """Only some of them."""
        parts = {name: getattr(self, name)[kept] for name in ("codes", "units", "tasks", "cells", "pairs")}
        return replace(self, **parts)

    def count(self, *codes: int) -> int:
        """Episodes with one of these codes."""
        return int(np.isin(self.codes, codes).sum())


def population(episodes: Episodes, who: Who, wanted: Population) -> Chosen:
    """The attempts of a population."""
    member = _minutes(episodes, wanted)
    placed = np.ones(len(member), dtype=np.bool_)
    for column, values in _filters(who, wanted).items():
        # An episode without a side task has none to tell; only where its arm is missing too, it may have one.
        told = episodes.rows.known("arm" if column == "side_task" else column)
        member &= ~told | episodes.rows.isin(column, values)
        placed &= told
    return Chosen(np.flatnonzero(member), placed[member])


def _filters(who: Who, wanted: Population) -> dict[str, Collection[Any]]:
    factors = {name: getattr(wanted.factors, name) for name in type(wanted.factors).model_fields}
    given: dict[str, Collection[str]] = {
        "task": wanted.tasks,
        "arm": wanted.arms,
        "side_task": wanted.side_tasks,
        "protocol": wanted.protocols,
        **factors,
    }
    guards: dict[Guards, Collection[bool]] = {Guards.ON: (True,), Guards.OFF: (False,)}
    asked = {name: [str(value) for value in values] for name, values in given.items() if values}
    return {
        "subject": (who.subject,),
        "scaffold": (who.scaffold,),
        "subject_kind": (str(who.kind),),
        "safeguards": guards.get(wanted.safeguards, (True, False)),
        **asked,
    }


def _minutes(episodes: Episodes, wanted: Population) -> Flags:
    """A human time that is unknown, or can be none, may be one of the population."""
    minutes = episodes.rows.number("human_minutes")
    low = 0.0 if wanted.min_minutes is None else wanted.min_minutes
    high = np.inf if wanted.max_minutes is None else wanted.max_minutes
    found: Flags = episodes.timeless | ((minutes >= low) & (minutes <= high))
    return found


def answers(
    episodes: Episodes,
    chosen: Chosen,
    codes: Codes,
    wanted: Population,
    *,
    minutes: bool = False,
    moved: Collection[str] | None = None,
) -> Answers:
    """What the attempts of a population say: cautious codes, attempts settled, units named.

    ``minutes``: the statistic rests on the human time, so that a missing one is unknown. ``moved``: the factors that
    differ between the sides of a comparison; they must share all others.
    """
    at = chosen.at
    told = np.where(episodes.rows.flag("valid")[at], codes, INVALID).astype(np.int8)
    doubtful = ~chosen.placed | episodes.unwatched[at] | episodes.unitless(wanted.unit)[at]
    if minutes or wanted.min_minutes is not None or wanted.max_minutes is not None:
        doubtful |= episodes.timeless[at]
    told[doubtful & (told != INVALID)] = UNKNOWN
    kept, retried = _settled(episodes.attempted[at], told)
    left = at[kept]
    units = episodes.units(wanted.unit)[left]
    return Answers(
        codes=told[kept],
        units=units,
        tasks=episodes.task_names[left],
        cells=_together(units, episodes.scenarios[left]),
        pairs=units if moved is None else _numbered(units, episodes.conditions(tuple(moved))[left]),
        retried=retried,
        looked=episodes.looked,
    )


def _settled(episode: Places, codes: Codes) -> tuple[Flags, int]:
    """Which attempts count: the valid ones, and one invalid where no attempt was valid; and how many were settled."""
    group = pd.factorize(episode)[0]
    valid = codes != INVALID
    settled = np.bincount(group, weights=valid)[group] > 0 if len(group) else valid
    first = ~pd.Series(group).duplicated().to_numpy(dtype=np.bool_)
    kept = np.where(settled, valid, first).astype(np.bool_)
    return kept, int((settled & ~kept).sum())


def _together(one: Places, other: Places) -> Places:
    """A number from 0 for each different pair."""
    return pd.factorize(_numbered(one, other))[0]


def _numbered(one: Places, other: Places) -> Places:
    """A number for each different pair, the same in every selection: both are small."""
    return one * (1 << 31) + other
