"""Columns between pandas and Arrow: the same values on both sides, no loop over rows where rows are many."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute

from .._columns import Column
from .._errors import TableError

pa: Any = pyarrow
pc: Any = pyarrow.compute
_PARTED = "\x1f"
"""Between the parts of a tuple of texts while it is one text."""


def arrow_type(column: Column) -> Any:
    """How a column is stored."""
    if isinstance(column.kind, type):
        return pa.dictionary(pa.int8(), pa.string())
    return {
        "text": pa.large_string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "flag": pa.bool_(),
        "time": pa.timestamp("ns", "UTC"),
        "exact": pa.large_string(),
        "names": pa.list_(pa.string()),
        "numbers": pa.list_(pa.float64()),
        "scores": pa.map_(pa.string(), pa.float64()),
    }[column.kind]


def to_arrow(table: pd.DataFrame, columns: Sequence[Column]) -> Any:
    """An Arrow table of these columns."""
    stored = [_stored(table[column.name], column) for column in columns]
    return pa.table(stored, schema=pa.schema([(column.name, arrow_type(column)) for column in columns]))


def _stored(values: "pd.Series[Any]", column: Column) -> Any:
    kind = arrow_type(column)
    if isinstance(column.kind, type):
        codes = values.cat.codes.to_numpy()
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(list(values.cat.categories)))
    if column.kind == "exact":
        return _by_value(values, str, kind)
    if column.kind in ("names", "numbers"):
        return _by_value(values, list, kind)
    if column.kind == "scores":
        return pa.array([None if one is None else list(one.items()) for one in values], type=kind)
    return pa.array(values, type=kind, from_pandas=True)


def factorized(values: Any) -> tuple[Any, list[Any]]:
    """The code of each value (-1 where it is missing), and the values that differ."""
    factorize: Any = pd.factorize
    codes, different = factorize(values.to_numpy(dtype=object))
    return codes, list(different)


def _by_value(values: "pd.Series[Any]", convert: Callable[[Any], Any], kind: Any) -> Any:
    """Each different value is converted once."""
    codes, different = factorized(values)
    converted = pa.array([convert(one) for one in different], type=kind)
    return converted.take(pa.array(codes, mask=codes < 0))


def from_arrow(stored: Any, columns: Iterable[Column], where: str, *, coded: bool = False) -> pd.DataFrame:
    """The typed table of an Arrow table; ``coded``: its texts as categories.

    Raises `TableError` for a value that its column cannot hold.
    """
    names = {True: _coded, False: _read}
    found = {one.name: names[coded and one.kind in ("text", "exact")](stored.column(one.name), one, where)
             for one in columns}  # fmt: skip
    return pd.DataFrame(found, copy=not coded)


def _coded(values: Any, column: Column, where: str) -> Any:
    """A category of the values that there are."""
    codes, different = _encoded(values)
    if column.kind == "exact":
        _objects(pa.chunked_array([different], type=pa.large_string()), int, column, where)
        made = pd.Index([int(one) for one in different], dtype=object)
    else:
        made = pd.Index(different, dtype="string")
    category: Any = pd.Categorical
    return category.from_codes(codes, categories=made)


def _read(values: Any, column: Column, where: str) -> Any:
    if isinstance(column.kind, type):
        return _category(values, column, where)
    if column.kind == "text":
        empty = values.null_count == len(values)
        return pd.arrays.ArrowStringArray(
            pa.chunked_array([pa.nulls(len(values), pa.large_string())]) if empty else values.cast(pa.large_string())
        )
    if column.kind == "exact":
        return _objects(values.cast(pa.large_string()), int, column, where)
    if column.kind == "names":
        return _names(values, column, where)
    if column.kind in ("numbers", "scores"):
        make: Callable[[Any], Any] = tuple if column.kind == "numbers" else dict
        return _as_objects([None if one is None else make(one) for one in values.to_pylist()])
    return _plain(values, column, where)


def _plain(values: Any, column: Column, where: str) -> Any:
    if column.kind == "flag":
        if values.null_count:
            raise TableError(f"{where}: column {column.name} has {values.null_count} missing values; it may have none")
        return values.to_numpy()
    if column.kind == "number":
        return values.to_numpy()
    if column.kind == "time":
        return values.to_pandas()
    dtype: Any = pd.Int64Dtype() if column.kind == "integer" else pd.BooleanDtype()
    return dtype.__from_arrow__(values)


def _encoded(values: Any) -> tuple[Any, list[Any]]:
    """Codes (-1 where missing) and different values of a chunked array."""
    held = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    whole = held.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], type=values.type).dictionary_encode()
    codes = whole.indices.fill_null(-1) if whole.null_count else whole.indices
    return codes.to_numpy(zero_copy_only=False), whole.dictionary.to_pylist()


def _category(values: Any, column: Column, where: str) -> Any:
    codes, different = _encoded(values)
    known: dict[str, int] = {value: code for code, value in enumerate(column.dtype.categories)}
    wrong = [code for code, value in enumerate(different) if value not in known]
    used = np.flatnonzero(np.isin(codes, wrong))
    if len(used):
        row = int(used[0])
        raise refusal(where, column, row, different[int(codes[row])], f"one of {', '.join(known)}")
    lookup = np.array([*(known.get(value, -1) for value in different), -1], dtype=np.int8)
    category: Any = pd.Categorical
    return category.from_codes(lookup[codes], dtype=column.dtype)


def _objects(values: Any, convert: Callable[[Any], Any], column: Column, where: str) -> Any:
    codes, different = _encoded(values)
    made: list[Any] = []
    for code, value in enumerate(different):
        try:
            made.append(convert(value))
        except ValueError:
            row = int(np.flatnonzero(codes == code)[0])
            raise refusal(where, column, row, value, "a whole number") from None
    return _as_objects([*made, None])[codes]


def _names(values: Any, column: Column, where: str) -> Any:
    """Tuples of texts by way of one text each, so that equal ones are made once."""
    if pc.any(pc.match_substring(pc.list_flatten(values), _PARTED)).as_py():
        return _as_objects([None if one is None else tuple(one) for one in values.to_pylist()])
    joined = pc.binary_join(values, _PARTED)
    marked = pc.if_else(pc.equal(pc.list_value_length(values), 0), "", pc.binary_join_element_wise("=", joined, ""))
    return _objects(marked, _parted, column, where)


def _parted(text: str) -> tuple[str, ...]:
    return tuple(text[1:].split(_PARTED)) if text else ()


def _as_objects(values: list[Any]) -> Any:
    """One element a value, also where the values are tuples of one length."""
    return np.fromiter(values, dtype=object, count=len(values))


def refusal(where: str, column: Column, row: int, value: object, wanted: str) -> TableError:
    """One value that its column cannot hold; the value may be hostile."""
    from .._escape import shorten, visible

    lost = value is None or value is pd.NA or _is_nan(value)
    shown = "missing" if lost else shorten(visible(repr(_bare(value))), 60)
    return TableError(f"{where}: column {column.name}, row {row}: {shown} is not {wanted}")


def _bare(value: object) -> object:
    """As Python would write it."""
    item: Any = getattr(value, "item", None)
    return item() if isinstance(value, np.generic) else value


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
