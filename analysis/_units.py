"""What counts as one independent observation."""

from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .stats import Clusters

Labels = NDArray[np.intp]
Flags = NDArray[np.bool_]


class Unit(StrEnum):
    """Rows of one unit may go together in any way; different units are independent."""

    WORLD = "world"
    """Task and seed: the same surface under whatever factors. Five seeds under twelve conditions are five worlds."""
    SCENARIO = "scenario"
    """Cluster id: repetitions of one scenario."""
    TASK = "task"
    """For claims about fresh tasks."""


_EPISODE = ("run_id", "episode_id")
_COLUMNS = {Unit.WORLD: ("task", "seed"), Unit.SCENARIO: ("cluster_id",), Unit.TASK: ("task",)}


def labels(table: pd.DataFrame, unit: Unit = Unit.WORLD) -> Labels:
    """A number for the unit of each row; -1 where a column that names it is missing."""
    return numbered(table, _COLUMNS[unit])


def numbered(table: pd.DataFrame, columns: tuple[str, ...]) -> Labels:
    """A number for each different combination of the columns; -1 where one of them is missing."""
    found = np.zeros(len(table), dtype=np.intp)
    missing = np.zeros(len(table), dtype=np.bool_)
    for name in columns:
        own, different = _factorized(table[name])
        missing |= own < 0
        found = found * (different + 1) + own + 1
        found = pd.factorize(found)[0]
    found[missing] = -1
    return found


def _factorized(column: "pd.Series[Any]") -> tuple[Labels, int]:
    """A code for each value, -1 where it is missing, and how many differ."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, dtype=np.intp), len(column.cat.categories)
    found, values = pd.factorize(column)
    if column.dtype != np.dtype("O"):
        return found, len(values)
    # Seeds are exact integers of any size, kept as objects, some perhaps read as text: as text they are the same.
    same, texts = pd.factorize(np.array([str(value) for value in values], dtype=object))
    return np.append(same, -1)[found], len(texts)


def episode_numbers(table: pd.DataFrame) -> tuple[Labels, int]:
    """A number from 0 for the episode of each row, in order of appearance, and how many there are."""
    begins = _begins(table, _EPISODE)
    found = numbered(where(table[list(_EPISODE)], begins), _EPISODE)
    lost = found < 0
    # Rows that name no episode cannot be told apart from one another's: each stands alone.
    found[lost] = found.max(initial=-1) + 1 + np.arange(int(lost.sum()))
    found, names = pd.factorize(found)
    return found[np.cumsum(begins) - 1], len(names)


def _begins(table: pd.DataFrame, names: tuple[str, ...]) -> Flags:
    """Rows that differ from the one before, or miss a name: rows of one episode mostly stand together."""
    found = np.zeros(len(table), dtype=np.bool_)
    found[:1] = True
    for name in names:
        values: Any = table[name].array
        missing = table[name].isna().to_numpy(dtype=np.bool_)
        differs = pd.Series(values[1:] != values[:-1], dtype="boolean")
        found[1:] |= differs.fillna(value=True).to_numpy(dtype=np.bool_)
        found |= missing
    return found


def first_rows(numbers: Labels, count: int) -> Labels:
    """The first row of each number from 0 to ``count``."""
    found = np.zeros(count, dtype=np.intp)
    found[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return found


def clusters_of(values: NDArray[Any], units: Labels) -> Clusters:
    """Values summed by unit; every unit must be known."""
    sizes = np.bincount(units).astype(np.float64)
    sums = np.bincount(units, weights=values.astype(np.float64), minlength=len(sizes)).astype(np.float64)
    sums, sizes = sums[sizes > 0], sizes[sizes > 0]
    # Sums of floats depend on their order: the same observations give the same bytes whatever order they came in.
    order = np.lexsort((sums, sizes))
    return Clusters(sums[order], sizes[order])


def episode_keys(table: pd.DataFrame) -> "pd.Index[Any]":
    """Run and episode of each row as one label, to join tables by."""
    return pd.Index((table["run_id"].astype("string") + "\x1f" + table["episode_id"].astype("string")).fillna("?"))


def where(table: pd.DataFrame, kept: Any) -> pd.DataFrame:
    """The rows with a truth in ``kept``."""
    found: Any = table[np.asarray(kept, dtype=np.bool_)]
    return found if isinstance(found, pd.DataFrame) else pd.DataFrame(found)


def flags(table: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    """A truth a row; a missing one is False."""
    column: Any = table[name]
    return np.asarray(column.fillna(value=False), dtype=np.bool_)
