"""The columns as docs/tables.md shows them."""

from collections.abc import Iterable

from .._columns import EPISODES, KEY, STEPS, VERDICTS, Column

_TYPES = {
    "text": "text",
    "integer": "whole number",
    "number": "number",
    "truth": "true or false",
    "flag": "true or false, never missing",
    "time": "time, UTC",
    "exact": "whole number of any size",
    "names": "tuple of texts",
    "numbers": "tuple of numbers",
    "scores": "dict of text to number",
}


def column_tables() -> str:
    """Every column once, in Markdown: those of all three tables first, then what each has besides."""
    parts = (
        ("All three tables", KEY),
        ("`episodes` also has", _beside_key(EPISODES)),
        ("`steps` also has", _beside_key(STEPS)),
        ("`verdicts` also has", _beside_key(VERDICTS)),
    )
    return "\n\n".join(f"### {title}\n\n{_table(columns)}" for title, columns in parts) + "\n"


def _beside_key(columns: Iterable[Column]) -> tuple[Column, ...]:
    return tuple(column for column in columns if column not in KEY)


def _table(columns: Iterable[Column]) -> str:
    lines = ["| column | type | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{one.name}`{_needed(one)} | {_type(one)} | {one.meaning} |" for one in columns)])


def _needed(column: Column) -> str:
    return " **needed**" if column.required else ""


def _type(column: Column) -> str:
    if isinstance(column.kind, type):
        return ", ".join(f"`{member.value}`" for member in column.kind)
    low, high = column.within or (None, None)
    least = "" if low is None else f", at least {low:g}"
    return f"{_TYPES[column.kind]}{least}{'' if high in (None, float('inf')) else f', at most {high:g}'}"
