"""Which episodes a condition is about, and what each of them says.

Nothing is dropped in silence: a row whose task, form or safeguards are missing may belong to the population, so it
counts as unknown; an episode that has only invalid attempts counts as unknown; monitors that are not known to have
worked make the answer unknown.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...records import SubjectKind
from .._outcomes import INVALID, UNKNOWN, Codes, Flags
from ._model import Population
from ._words import Guards, Unit

_SCRIPTS = frozenset({"script", "scripted"})
_IDENTITY = ["run_id", "scenario_hash", "subject", "scaffold", "subject_kind", "seed"]


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
class Answers:
    """One code and one unit an episode of the population."""

    codes: Codes
    units: NDArray[Any]
    """Labels of what counts as one independent observation."""
    tasks: NDArray[Any]
    cells: NDArray[np.intp]
    """Numbers of what is repeated: rows of one unit in one scenario."""
    pairs: NDArray[Any]
    """Labels of what the other side of a comparison must have too: the unit, and the condition where one is told."""
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


def population(rows: pd.DataFrame, who: Who, wanted: Population) -> pd.DataFrame:
    """The rows of a population, with ``placed`` False where a column that decides is missing."""
    member = np.ones(len(rows), dtype=np.bool_)
    placed = np.ones(len(rows), dtype=np.bool_)
    for column, values in _filters(who, wanted).items():
        missing = _missing(rows, column)
        member &= missing | rows[column].isin(list(values)).fillna(value=False).to_numpy(dtype=np.bool_)
        placed &= ~missing
    member &= _minutes(rows, wanted)
    found = rows[member]
    return found.assign(placed=placed[member], unit=_units(found, wanted.unit), group=_groups(found))


def _missing(rows: pd.DataFrame, column: str) -> Flags:
    """An episode without a side task has none to tell; only where its arm is missing too, it may have one."""
    named = "arm" if column == "side_task" else column
    return cast("Flags", rows[named].isna().to_numpy(dtype=np.bool_))


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


def _minutes(rows: pd.DataFrame, wanted: Population) -> Flags:
    """A human time that is unknown, or can be none, may be one of the population."""
    minutes = rows["human_minutes"].to_numpy(dtype=np.float64)
    low = 0.0 if wanted.min_minutes is None else wanted.min_minutes
    high = np.inf if wanted.max_minutes is None else wanted.max_minutes
    return _timeless(rows) | ((minutes >= low) & (minutes <= high))


def _timeless(rows: pd.DataFrame) -> Flags:
    minutes = rows["human_minutes"].to_numpy(dtype=np.float64)
    return cast("Flags", ~(np.isfinite(minutes) & (minutes > 0)))


def answers(rows: pd.DataFrame, codes: Codes, wanted: Population, *, minutes: bool = False) -> Answers:
    """What the rows of a population say: cautious codes, attempts settled, units named.

    ``minutes``: the statistic rests on the human time, so that a missing one is unknown.
    """
    told = np.where(rows["valid"].to_numpy(dtype=np.bool_), codes, INVALID).astype(np.int8)
    doubtful = ~rows["placed"].to_numpy(dtype=np.bool_) | unwatched(rows) | _unitless(rows, wanted.unit)
    if minutes or wanted.min_minutes is not None or wanted.max_minutes is not None:
        doubtful |= _timeless(rows)
    told[doubtful & (told != INVALID)] = UNKNOWN
    kept, retried = _settled(rows, told)
    left = rows[kept]
    units = left["unit"].to_numpy(dtype=object)
    pairs = units + " " + left["condition"].to_numpy(dtype=object) if "condition" in left else units
    looked = bool(rows["looked"].any())
    return Answers(told[kept], units, _labels(left["task"]), _cells(units, left), pairs, retried, looked)


def _cells(units: NDArray[Any], rows: pd.DataFrame) -> NDArray[np.intp]:
    """A unit's rows that do not name their scenario are one cell: nobody can tell that they are not repetitions."""
    of_unit = pd.factorize(units)[0]
    scenarios, names = pd.factorize(rows["cluster_id"])
    return pd.factorize(of_unit * (len(names) + 1) + scenarios + 1)[0]


def unwatched(rows: pd.DataFrame) -> Flags:
    """Episodes with safeguards whose monitors are not known to have passed their check."""
    on = rows["safeguards"].fillna(value=False).to_numpy(dtype=np.bool_)
    healthy = rows["monitored"].fillna(value=False).to_numpy(dtype=np.bool_)
    return cast("Flags", on & ~healthy)


def _settled(rows: pd.DataFrame, codes: Codes) -> tuple[Flags, int]:
    """Which attempts count: the valid ones, and one invalid where no attempt was valid; and how many were settled."""
    group = rows["group"].to_numpy(dtype=np.int64)
    valid = codes != INVALID
    settled = np.bincount(group, weights=valid)[group] > 0
    first = ~pd.Series(group).duplicated().to_numpy(dtype=np.bool_)
    kept = np.where(settled, valid, first).astype(np.bool_)
    return kept, int((settled & ~kept).sum())


def _groups(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Number of the episode that each row is an attempt at; a row that does not say is one of its own."""
    keys = rows[_IDENTITY].astype("string")
    numbers = keys.groupby(_IDENTITY, dropna=False, sort=False).ngroup()
    group: NDArray[np.int64] = np.array(numbers, dtype=np.int64)
    alone = keys.isna().any(axis=1).to_numpy(dtype=np.bool_)
    group[alone] = len(rows) + np.arange(int(alone.sum()))
    return group


_OF_UNIT = {Unit.WORLD: ["task", "seed"], Unit.SCENARIO: ["cluster_id"], Unit.TASK: ["task"]}


def _unitless(rows: pd.DataFrame, unit: Unit) -> Flags:
    """Episodes of which nobody can tell whether they repeat another."""
    return cast("Flags", rows[_OF_UNIT[unit]].isna().any(axis=1).to_numpy(dtype=np.bool_))


def _units(rows: pd.DataFrame, unit: Unit) -> NDArray[Any]:
    if unit is Unit.TASK:
        return _labels(rows["task"])
    if unit is Unit.SCENARIO:
        return _labels(rows["cluster_id"])
    return _labels(rows["task"].astype("string") + " seed " + rows["seed"].astype("string"))


def _labels(column: "pd.Series[Any]") -> NDArray[Any]:
    """Labels; a missing one is a unit of its own."""
    missing = column.isna().to_numpy(dtype=np.bool_)
    text: NDArray[Any] = np.array(column.astype("string").fillna("").to_list(), dtype=object)
    text[missing] = [f"? {number}" for number in range(int(missing.sum()))]
    return text
