"""CSV that nobody here wrote: each cell is read as what its column holds, and no other cell changes how."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from ...records import Tri
from .._columns import Column

_TRUTHS = {"true": True, "false": False}


def foreign_csv(path: Path, columns: Sequence[Column]) -> pd.DataFrame:
    """The cells; an empty one is missing. One that its column cannot hold stays text, which the column then refuses.

    Raises `OSError` and `ValueError` for a file that is no CSV.
    """
    told = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    readers = {column.name: reader for column in columns if (reader := _reader(column)) is not None}
    for name in told.columns:
        if name in readers:
            told[name] = told[name].map(readers[name], na_action="ignore").astype(object)
    return told


def _reader(column: Column) -> Callable[[str], Any] | None:
    return _truth_word if column.kind is Tri else _READERS.get(str(column.kind))


def _number(cell: str) -> Any:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(cell)
    return cell


def _truth(cell: str) -> Any:
    return _TRUTHS.get(cell.strip().lower(), cell)


def _truth_word(cell: str) -> str:
    return cell.strip().lower()


def _json(cell: str) -> Any:
    with suppress(ValueError):
        return json.loads(cell)
    return cell


_READERS: Mapping[str, Callable[[str], Any]] = {
    "integer": _number,
    "number": _number,
    "exact": _number,
    "truth": _truth,
    "flag": _truth,
    "names": _json,
    "numbers": _json,
    "scores": _json,
}
