"""Numbers that say where they come from, so that a reader recomputes each of them.

A measurement is a measure (`MEASURES`) of the rows that its filters keep: a column and the values that it may have,
None for a missing one. What is printed of it are fields of its result.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._data import RunData
from ._measures import ABOUT_ALL, MEASURES, Context, tables_of

Flags = NDArray[np.bool_]
Value = str | int | float | bool | None
Filters = Mapping[str, Value | tuple[Value, ...]]
BEGINNING: Filters = {"branch_run": None}
"""Episodes that go on from another's state are in no number but those about branches."""


@dataclass(frozen=True)
class Number:
    """One printed number: a field of a measurement."""

    id: str
    field: str
    text: str
    value: Any
    """Unrounded."""


@dataclass(frozen=True)
class Measurement:
    """A result and where it comes from."""

    id: str
    measure: str
    filters: Filters
    parameters: Mapping[str, str]
    found: Any
    episodes: int
    """Episodes with a row among those that the filters keep."""
    printed: dict[str, Number] = field(default_factory=dict[str, Number])
    """By field."""

    def number(self, name: str, text: str) -> Number:
        """One field as it is printed; "" is the result itself."""
        found = Number(self.id, name, text, _plain(read_field(self.found, name)))
        return self.printed.setdefault(name, found)

    @property
    def n(self) -> int | None:
        """Episodes in the denominator, or pairs, where there is one."""
        return getattr(self.found, "n", getattr(self.found, "pairs", None))

    def as_dict(self, rows: "Rows") -> dict[str, Any]:
        """JSON-able, with the episodes as ``run_id/episode_id``."""
        return {
            "id": self.id,
            "measure": self.measure,
            "parameters": dict(self.parameters),
            "tables": list(tables_of(self.measure)),
            "filters": {name: list(one) if isinstance(one, tuple) else one for name, one in self.filters.items()},
            "fields": {name: {"value": one.value, "printed": one.text} for name, one in self.printed.items()},
            "n": self.n,
            "episodes": rows.episodes(self.measure, self.filters),
        }


class Rows:
    """Which rows filters keep; what a column says is looked at once for each of its wanted values."""

    def __init__(self, data: RunData) -> None:
        self.data = data
        self._tables = {"episodes": data.episodes, "steps": data.steps, "verdicts": data.verdicts}
        self._masks: dict[tuple[str, str, tuple[Value, ...]], Flags] = {}

    def mask(self, table: str, filters: Filters) -> Flags:
        """True for each row that every filter keeps; a table without such a column keeps all of its rows."""
        keep = np.ones(len(self._tables[table]), dtype=bool)
        for column, wanted in filters.items():
            if column in self._tables[table].columns:
                keep &= self._among(table, column, wanted if isinstance(wanted, tuple) else (wanted,))
        return keep

    def _among(self, table: str, column: str, wanted: tuple[Value, ...]) -> Flags:
        key = (table, column, wanted)
        if key not in self._masks:
            values = self._tables[table][column]
            found = values.isin([one for one in wanted if one is not None]).to_numpy(dtype=bool, na_value=False)
            self._masks[key] = found | values.isna().to_numpy(dtype=bool) if None in wanted else found
        return self._masks[key]

    def column(self, table: str, name: str, filters: Filters) -> "pd.Series[Any]":
        """One column of the kept rows."""
        return self._tables[table][name][self.mask(table, filters)]

    def any(self, table: str, filters: Filters) -> bool:
        """Whether anything is kept."""
        return bool(self.mask(table, filters).any())

    def kept(self, table: str, filters: Filters) -> pd.DataFrame:
        """The kept rows."""
        return self._tables[table][self.mask(table, filters)]

    def of(self, measure: str, filters: Filters) -> RunData:
        """The tables for a measure: of those that it reads the kept rows, of the others none."""
        if measure in ABOUT_ALL:
            return self.data
        read = tables_of(measure)
        episodes, steps, verdicts = (
            table[self.mask(name, filters)] if name in read else table.iloc[:0] for name, table in self._tables.items()
        )
        return RunData(episodes, steps, verdicts, self.data.runs)

    def episodes(self, measure: str, filters: Filters) -> list[str]:
        """``run_id/episode_id`` of every episode with a kept row in the first table that a measure reads."""
        read = tables_of(measure)[0]
        rows = self._tables[read].loc[self.mask(read, filters), ["run_id", "episode_id"]]
        names = rows["run_id"].fillna("?").astype(str) + "/" + rows["episode_id"].astype(str)
        return [str(one) for one in names.drop_duplicates()]


def recompute(entry: Mapping[str, Any], data: RunData | Rows, *, context: Context | None = None) -> dict[str, Any]:
    """The fields of an entry of the JSON form, from the tables and by what the entry says of itself alone.

    ``context`` holds the external scores that decisions were given. For many numbers, give ``Rows(data)`` and one
    context: what they share is worked out once.
    """
    given = cast("Mapping[str, Any]", entry["filters"])
    filters: Filters = {name: _value(one) for name, one in given.items()}
    measure = str(entry["measure"])
    rows = data if isinstance(data, Rows) else Rows(data)
    found = MEASURES[measure](rows.of(measure, filters), entry["parameters"], context or Context())
    return {name: _plain(read_field(found, name)) for name in entry["fields"]}


def _value(given: Any) -> Value | tuple[Value, ...]:
    return tuple(cast("list[Value]", given)) if isinstance(given, list) else cast("Value", given)


def read_field(found: Any, name: str) -> Any:
    """A field of a result; the result itself without a name, None where there is no result."""
    return None if found is None else attrgetter(name)(found) if name else found


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


class Ledger:
    """Makes measurements, each with an id of its own, and keeps those of which something is printed."""

    def __init__(self, data: RunData, context: Context | None = None, letter: str = "N") -> None:
        self.data = data
        self.rows = Rows(data)
        self.letter = letter
        self.context = context or Context()
        self._made: dict[tuple[Any, ...], Measurement] = {}

    def measure(self, name: str, filters: Filters, **parameters: str) -> Measurement:
        """A result, from which fields are printed as numbers. The same question gives the same measurement."""
        whole = dict(filters) if name in ABOUT_ALL else {**BEGINNING, **filters}
        key = (name, tuple(sorted(whole.items())), tuple(sorted(parameters.items())))
        if key not in self._made:
            found = MEASURES[name](self.rows.of(name, whole), parameters, self.context)
            number = f"{self.letter}{len(self._made) + 1:03d}"
            self._made[key] = Measurement(number, name, whole, parameters, found, len(self.rows.episodes(name, whole)))
        return self._made[key]

    @property
    def printed(self) -> tuple[Measurement, ...]:
        """Those of which something is printed, in their order."""
        return tuple(one for one in self._made.values() if one.printed)
