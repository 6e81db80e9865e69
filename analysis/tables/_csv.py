"""CSV that no spreadsheet takes for a formula, and that reads back as it was.

A cell of text that a spreadsheet could take for a formula gets an apostrophe in front (OWASP, CSV Injection), and so
does one that begins with an apostrophe; reading takes one away. An empty cell is missing, ``""`` an empty text.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.csv

from .._columns import Column
from .._errors import TableError
from ._arrow import arrow_type, pa, pc

NOTE = (
    "Text that a spreadsheet could take for a formula (it begins with = + - @, a tab, a line break or an apostrophe, "
    "after any spaces) has an apostrophe in front; tuples and dicts are JSON. An empty cell is missing."
)
_MARK = "'"
_RISKY = r"^[\s\p{Z}\p{C}]*[=+\-@'\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^[\t\r\n]"
_csv: Any = pyarrow.csv


def write_csv(table: Any, columns: Sequence[Column], path: Path) -> None:
    """Write an Arrow table as `to_arrow` makes it."""
    cells = pa.table({column.name: _cells(table.column(column.name), column) for column in columns})
    _csv.write_csv(cells, str(path))


def _cells(values: Any, column: Column) -> Any:
    if column.kind == "text":
        large = arrow_type(column)
        risky = pc.match_substring_regex(values, _RISKY)
        return pc.if_else(
            risky, pc.binary_join_element_wise(pa.scalar(_MARK, large), values, pa.scalar("", large)), values
        )
    if column.kind in ("names", "numbers", "scores"):
        make: Any = dict if column.kind == "scores" else list
        return pa.array([_json(one, make) for one in values.to_pylist()], type=pa.large_string())
    if column.kind == "time":
        return pc.cast(values, pa.string())
    return pc.cast(values, pa.string()) if isinstance(column.kind, type) else values


def _json(value: Any, make: Any) -> str | None:
    return None if value is None else json.dumps(make(value), ensure_ascii=False)


def read_csv(path: Path, columns: Sequence[Column]) -> Any:
    """An Arrow table of these columns. Raises `TableError`."""
    options = _csv.ConvertOptions(
        include_columns=[column.name for column in columns],
        column_types={column.name: _read_type(column) for column in columns},
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
        true_values=["true"],
        false_values=["false"],
    )
    try:
        cells = _csv.read_csv(
            str(path), parse_options=_csv.ParseOptions(newlines_in_values=True), convert_options=options
        )
        return pa.table({column.name: _value(cells.column(column.name), column) for column in columns})
    except (pa.ArrowException, ValueError, AttributeError) as error:
        raise TableError(f"load: {path.name}: {str(error)[:200]}") from error


def _read_type(column: Column) -> Any:
    plain = column.kind in ("integer", "number", "truth", "flag")
    return arrow_type(column) if plain else pa.large_string()


def _value(values: Any, column: Column) -> Any:
    if column.kind == "text":
        marked = pc.starts_with(values, _MARK)
        return pc.if_else(marked, pc.utf8_slice_codeunits(values, 1), values)
    if column.kind in ("names", "numbers", "scores"):
        told: list[Any] = [None if one is None else json.loads(one) for one in values.to_pylist()]
        if column.kind == "scores":
            told = [None if one is None else list(one.items()) for one in told]
        return pa.chunked_array([pa.array(told, type=arrow_type(column))])
    return pc.cast(values, arrow_type(column)) if column.kind == "time" else values
