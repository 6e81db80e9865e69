"""A table with what numbers ask of it worked out once, shared by every selection of its rows."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._outcomes import UNKNOWN, Codes, Flags, Question, codes, counted, tri_codes
from ._units import Labels, Unit, episode_numbers, first_rows, flags, labels, numbered, where

IDENTITY = ("subject", "scaffold", "subject_kind")
"""Whose rows these are."""
_Make: TypeAlias = "Callable[[pd.DataFrame], NDArray[Any]]"


@dataclass(frozen=True, eq=False)
class Prepared:
    """Rows of a table, for many numbers about it: ``whole = prepared(data.verdicts)``, then ``whole.where(…)``.

    Every metric takes it in place of the table. What is worked out of a column (outcomes, units, episodes) is worked
    out once for the whole table, so it must not change any more.
    """

    _whole: pd.DataFrame
    _at: Labels | None = None
    """Rows of this selection; None: all of them."""
    _made: dict[str, Any] = field(default_factory=dict[str, Any])
    _values: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    """The different values of columns, by code."""
    _own: list[tuple[Labels, int]] = field(default_factory=list[tuple[Labels, int]])
    """The episodes of this selection, once they were asked for."""

    def __len__(self) -> int:
        return len(self._whole) if self._at is None else len(self._at)

    def where(self, kept: Flags) -> "Prepared":
        """The rows with a truth in ``kept``."""
        at = np.flatnonzero(kept) if self._at is None else self._at[kept]
        return Prepared(self._whole, at, self._made, self._values)

    def take(self, rows: Labels) -> "Prepared":
        """These rows, by number."""
        return Prepared(self._whole, rows if self._at is None else self._at[rows], self._made, self._values)

    def has(self, name: str) -> bool:
        """Whether the table has this column."""
        return name in self._whole

    def frame(self, *names: str) -> pd.DataFrame:
        """These columns of the rows; all without a name."""
        table = self._whole[list(names)] if names else self._whole
        return table if self._at is None else table.take(self._at)

    def _worked_out(self, name: str, make: _Make) -> "NDArray[Any]":
        if name not in self._made:
            self._made[name] = make(self._whole)
        found: NDArray[Any] = self._made[name]
        return found if self._at is None else found[self._at]

    def codes(self, question: Question) -> Codes:
        """What each row says, by `CODES`; the counted rows of nobody are unknown."""
        return self._worked_out(f"codes {question}", lambda table: self._cautious(table, question))

    def _cautious(self, table: pd.DataFrame, question: Question) -> Codes:
        found, everyone = codes(table, question), Prepared(table, None, self._made, self._values)
        found[counted(found) & ~everyone.placed()] = UNKNOWN
        return found

    def placed(self) -> Flags:
        """Rows that name model, scaffold and form. The others belong to nobody."""
        return np.asarray(np.logical_and.reduce([self.known(name) for name in IDENTITY]), dtype=np.bool_)

    def units(self, unit: Unit = Unit.WORLD) -> Labels:
        """A number for the unit of each row; -1 where a column that names it is missing."""
        return self._worked_out(f"units {unit}", lambda table: labels(table, unit))

    def episodes(self) -> tuple[Labels, int]:
        """A number from 0 for the episode of each row, in order of appearance, and how many there are."""
        if not self._own:
            found = self._worked_out("episodes", lambda table: episode_numbers(table)[0])
            self._own.append((found, int(found.max(initial=-1)) + 1) if self._at is None else _renumbered(found))
        return self._own[0]

    def groups(self, names: tuple[str, ...]) -> tuple[Labels, int]:
        """A number from 0 for each combination of these columns, -1 where one is missing, and how many there are."""
        found = self._worked_out(f"groups {names}", lambda table: numbered(table, names))
        told = np.full(len(found), -1, dtype=np.intp)
        told[found >= 0], different = pd.factorize(found[found >= 0])
        return told, len(different)

    def each(self, names: tuple[str, ...]) -> "Iterator[tuple[tuple[str, ...], Prepared]]":
        """The rows of each combination of these columns' values, sorted by them; a row that misses one is in none."""
        told, count = self.groups(names)
        first = first_rows(told[told >= 0], count)
        first = np.flatnonzero(told >= 0)[first]
        of = [
            np.array([*map(str, values), "?"], dtype=object)[codes[first]]
            for codes, values in map(self.category, names)
        ]
        keys: list[tuple[str, ...]] = list(zip(*(one.tolist() for one in of), strict=True))
        order = np.argsort(told, kind="stable")
        edges = np.searchsorted(told[order], np.arange(count + 1))
        for number in sorted(range(count), key=lambda one: keys[one]):
            yield keys[number], self.take(order[edges[number] : edges[number + 1]])

    def category(self, name: str) -> tuple[Labels, list[Any]]:
        """The code of each row's value (-1 where it is missing), and the values by code; some may be in no row."""
        found = self._worked_out(f"category {name}", lambda table: self._factorized(name, table[name]))
        return found, self._values[name]

    def _factorized(self, name: str, column: "pd.Series[Any]") -> Labels:
        if isinstance(column.dtype, pd.CategoricalDtype):
            self._values[name] = list(column.cat.categories)
            return np.asarray(column.cat.codes, dtype=np.intp)
        found, different = pd.factorize(column)
        self._values[name] = list(different)
        return found

    def isin(self, name: str, values: Collection[Any]) -> Flags:
        """Rows with one of these values; a missing one is none of them."""
        found, different = self.category(name)
        told = {str(value) for value in values}
        hits: Flags = np.array([*(str(value) in told for value in different), False], dtype=np.bool_)
        return hits[found]

    def same(self, one: str, other: str) -> Flags:
        """Rows in which two columns say the same; a missing value is like none."""
        codes, values = self.category(one)
        others, told = self.category(other)
        place = {str(value): code for code, value in enumerate(values)}
        return np.asarray((codes >= 0) & (codes == np.array([*(place.get(str(one), -2) for one in told), -2])[others]))

    def present(self, name: str) -> list[Any]:
        """The different values among these rows, in the order of their codes."""
        found, different = self.category(name)
        counts = np.bincount(found + 1, minlength=len(different) + 1)[1:]
        return [different[code] for code in np.flatnonzero(counts).tolist()]

    def known(self, name: str) -> Flags:
        """Rows in which the column is not missing."""
        return self._worked_out(f"known {name}", lambda table: table[name].notna().to_numpy(dtype=np.bool_))

    def flag(self, name: str) -> Flags:
        """A truth a row; a missing one is False."""
        return self._worked_out(f"flag {name}", lambda table: flags(table, name))

    def tri(self, name: str) -> Codes:
        """Position of each value among `Tri`; a missing one is unknown."""
        return self._worked_out(f"tri {name}", lambda table: tri_codes(table[name]))

    def number(self, name: str) -> NDArray[np.float64]:
        """A number a row; NaN where it is missing."""
        return self._worked_out(f"number {name}", lambda table: table[name].to_numpy(dtype=np.float64, na_value=np.nan))


def _renumbered(numbers: Labels) -> tuple[Labels, int]:
    """The same numbers from 0, in order of appearance."""
    found, different = pd.factorize(numbers)
    return found, len(different)


Rows: TypeAlias = pd.DataFrame | Prepared
"""A table, or one that is prepared for many questions."""


def prepared(table: Rows) -> Prepared:
    """The table for many numbers at once: outcomes, units and episodes are worked out once. See `Prepared`."""
    return table if isinstance(table, Prepared) else Prepared(table)


def selected(table: Rows, kept: Flags) -> Rows:
    """The rows with a truth in ``kept``, in the same form."""
    return table.where(kept) if isinstance(table, Prepared) else where(table, kept)
