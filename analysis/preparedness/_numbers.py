"""Numbers that say where they come from, so that a reader recomputes each of them.

A measurement is a measure (`MEASURES`) of the rows that its filters keep: a column and the values that it may have,
None for a missing one. What is printed of it are fields of its result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, cast

import pandas as pd

from .._data import RunData
from ._measures import ABOUT_ALL, MEASURES, OF_EPISODES, Context

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

    def as_dict(self, data: RunData) -> dict[str, Any]:
        """JSON-able, with the episodes as ``run_id/episode_id``."""
        return {
            "id": self.id,
            "measure": self.measure,
            "parameters": dict(self.parameters),
            "table": "episodes" if self.measure in OF_EPISODES else "verdicts",
            "filters": {name: list(one) if isinstance(one, tuple) else one for name, one in self.filters.items()},
            "fields": {name: {"value": one.value, "printed": one.text} for name, one in self.printed.items()},
            "n": self.n,
            "episodes": _episodes(select(data, self.filters), self.measure),
        }


def select(data: RunData, filters: Filters) -> RunData:
    """The rows that the filters keep; a table without such a column keeps all of its rows."""
    if not filters:
        return data
    tables = (_kept(table, filters) for table in (data.episodes, data.steps, data.verdicts))
    return RunData(*tables, data.runs)


def _kept(table: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    keep = pd.Series(data=True, index=table.index, dtype=bool)
    for column, wanted in filters.items():
        if column in table.columns:
            keep &= _among(table[column], wanted if isinstance(wanted, tuple) else (wanted,))
    return table[keep]


def _among(column: "pd.Series[Any]", wanted: Sequence[Value]) -> "pd.Series[bool]":
    found = column.isin([one for one in wanted if one is not None]).astype(bool)
    return found | column.isna() if None in wanted else found


def recompute(entry: Mapping[str, Any], data: RunData, *, context: Context | None = None) -> dict[str, Any]:
    """The fields of an entry of the JSON form, from the tables and by what the entry says of itself alone.

    ``context`` holds the external scores that decisions were given.
    """
    given = cast("Mapping[str, Any]", entry["filters"])
    filters: Filters = {name: _value(one) for name, one in given.items()}
    found = MEASURES[entry["measure"]](select(data, filters), entry["parameters"], context or Context())
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
        self.letter = letter
        self.context = context or Context()
        self._made: dict[tuple[Any, ...], Measurement] = {}

    def measure(self, name: str, filters: Filters, **parameters: str) -> Measurement:
        """A result, from which fields are printed as numbers. The same question gives the same measurement."""
        whole = dict(filters) if name in ABOUT_ALL else {**BEGINNING, **filters}
        key = (name, tuple(sorted(whole.items())), tuple(sorted(parameters.items())))
        if key not in self._made:
            own = select(self.data, whole)
            found = MEASURES[name](own, parameters, self.context)
            number = f"{self.letter}{len(self._made) + 1:03d}"
            self._made[key] = Measurement(number, name, whole, parameters, found, len(_episodes(own, name)))
        return self._made[key]

    @property
    def printed(self) -> tuple[Measurement, ...]:
        """Those of which something is printed, in their order."""
        return tuple(one for one in self._made.values() if one.printed)


def _episodes(data: RunData, measure: str) -> list[str]:
    table = data.episodes if measure in OF_EPISODES else data.verdicts
    names = table["run_id"].fillna("?").astype(str) + "/" + table["episode_id"].astype(str)
    return [str(one) for one in names.drop_duplicates()]
