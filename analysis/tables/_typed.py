"""Columns of a table from elsewhere: each held against what it may hold, value by value, and typed."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...records import Tri
from .._columns import Column
from .._errors import TableError
from ._arrow import factorized, refusal

Extra = Literal["refuse", "keep"]


def typed(table: pd.DataFrame, columns: Sequence[Column], where: str, extra: Extra) -> pd.DataFrame:
    """The table with every column in its place and its type; unknown columns last, where they are kept."""
    absent = [one.name for one in columns if one.required and one.name not in table.columns]
    if absent:
        raise TableError(f"{where}: columns are missing that must be there: {', '.join(absent)}; see docs/tables.md")
    known = {one.name for one in columns}
    unknown = [str(name) for name in table.columns if name not in known]
    if unknown and extra == "refuse":
        raise TableError(
            f"{where}: no such columns: {', '.join(unknown)}; rename them as docs/tables.md says, drop them, or keep "
            'them with extra="keep"'
        )
    found = {one.name: _typed(table, one, where) for one in columns}
    return pd.DataFrame(found | {name: table[name].reset_index(drop=True) for name in unknown})


def _typed(table: pd.DataFrame, column: Column, where: str) -> Any:
    if column.name not in table.columns:
        return _absent(len(table), column)
    values = table[column.name].reset_index(drop=True)
    if isinstance(column.kind, type):
        return _category(values, column, where)
    made = _MAKERS[column.kind](values, column, where)
    if column.within is not None:
        low, high = column.within
        demand(values, made.isna() | made.between(low, high), column, where, f"a number from {low:g} to {high:g}")
    return made


def _absent(rows: int, column: Column) -> Any:
    if column.kind == "flag":
        return pd.Series([bool(column.default)] * rows, dtype=bool)
    if column.kind in ("names", "numbers"):
        return pd.Series([()] * rows, dtype=object)
    missing = Tri.UNKNOWN if column.kind is Tri else None
    return pd.Series([missing] * rows, dtype=column.dtype)


def demand(values: Any, good: Any, column: Column, where: str, wanted: str) -> None:
    """Raise for the first value that is not good."""
    bad = np.flatnonzero(~np.asarray(good, dtype=bool))
    if len(bad):
        raise refusal(where, column, int(bad[0]), values.iloc[int(bad[0])], wanted)


def _each(values: Any, good: Callable[[Any], bool]) -> Any:
    """Whether each value is good, asked once for each that is different; a missing one is."""
    try:
        codes, different = factorized(values)
    except TypeError:  # a list or the like is among them
        return np.array([_is_missing(one) or good(one) for one in values], dtype=bool)
    answers = np.array([*(good(one) for one in different), True], dtype=bool)
    return answers[codes]


def _category(values: Any, column: Column, where: str) -> Any:
    plain = values.astype(object).map(_plain, na_action="ignore")
    known = list(column.dtype.categories)
    demand(values, plain.isna() | plain.isin(known), column, where, f"one of {', '.join(known)}")
    if column.kind is Tri:  # what nobody says is unknown, never "held"
        plain = plain.where(plain.notna(), Tri.UNKNOWN.value)
    return plain.astype(column.dtype)


def _plain(value: Any) -> Any:
    if value is True or value is False or type(value) is np.bool_:
        return Tri.of(bool(value)).value
    return value.value if isinstance(value, Enum) else value


def text(values: Any, column: Column, where: str) -> Any:
    if not isinstance(values.dtype, pd.StringDtype):
        demand(values, _each(values, lambda one: isinstance(one, str) and _encodes(one)), column, where, "text")
    return values.astype("string")


def _encodes(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _integer(values: Any, column: Column, where: str) -> Any:
    numbers = _number(values, column, where, "a whole number")
    demand(values, numbers.isna() | (numbers == numbers.round()), column, where, "a whole number")
    demand(values, numbers.isna() | (numbers.abs() < 2**63), column, where, "a whole number of 64 bits")
    exact = pd.api.types.is_integer_dtype(values.dtype)
    return (values if exact else numbers.where(numbers.notna(), None)).astype("Int64")


def _number(values: Any, column: Column, where: str, wanted: str = "a number") -> Any:
    if pd.api.types.is_bool_dtype(values.dtype):
        demand(values, values.isna(), column, where, wanted)
    if not pd.api.types.is_numeric_dtype(values.dtype):
        demand(values, _each(values, _is_number), column, where, wanted)
    made = values.astype(object).where(values.notna(), np.nan).astype("float64")
    demand(values, ~np.isinf(made), column, where, wanted)
    return made


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _truth(values: Any, column: Column, where: str) -> Any:
    demand(values, _each(values, lambda one: isinstance(one, bool | np.bool_)), column, where, "true or false")
    return values.astype("boolean")


def _flag(values: Any, column: Column, where: str) -> Any:
    demand(values, values.notna(), column, where, "true or false")
    return _truth(values, column, where).astype(bool)


def _time(values: Any, column: Column, where: str) -> Any:
    to_datetime: Any = pd.to_datetime
    made = to_datetime(values, utc=True, errors="coerce")
    demand(values, made.notna() | values.isna(), column, where, "a time")
    return made.astype(column.dtype)


def _exact(values: Any, column: Column, where: str) -> Any:
    whole = _each(values, lambda one: _is_number(one) and float(one).is_integer())
    demand(values, whole, column, where, "a whole number")
    return values.astype(object).map(int, na_action="ignore").where(values.notna(), None).astype(object)


def _names(values: Any, column: Column, where: str) -> Any:
    return _sequences(values, column, where, str, "a list of texts")


def _numbers(values: Any, column: Column, where: str) -> Any:
    return _sequences(values, column, where, (int, float, np.integer, np.floating), "a list of numbers")


def _sequences(values: Any, column: Column, where: str, kind: Any, wanted: str) -> Any:
    """Tuples; a missing one is empty."""
    good = [_is_missing(one) or _holds(one, kind) for one in values]
    demand(values, good, column, where, wanted)
    return pd.Series([() if _is_missing(one) else tuple(one) for one in values], dtype=object)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _holds(value: Any, kind: Any) -> bool:
    parts: list[Any] = [*value] if isinstance(value, list | tuple | np.ndarray) else [None]
    return all(isinstance(one, kind) for one in parts)


def _scores(values: Any, column: Column, where: str) -> Any:
    plain = [None if _is_missing(one) else one for one in values]
    good = [one is None or _is_mapping(one) for one in plain]
    demand(values, good, column, where, "a dict of text to number")
    return pd.Series(plain, dtype=object)


def _is_mapping(value: Any) -> bool:
    keys: list[Any] = [*value] if hasattr(value, "keys") else [None]
    return _holds(keys, str)


_MAKERS: Mapping[str, Callable[[Any, Column, str], Any]] = {
    "text": text,
    "integer": _integer,
    "number": _number,
    "truth": _truth,
    "flag": _flag,
    "time": _time,
    "exact": _exact,
    "names": _names,
    "numbers": _numbers,
    "scores": _scores,
}
