"""What commands print: tables for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._exits import clean

if TYPE_CHECKING:
    from rich.console import Console

    from offswitch.analysis import RunData

_PIPE_WIDTH = 140
"""Columns of a table that goes into a file."""


def console() -> "Console":
    """Standard output; nothing in a text is taken for markup."""
    from rich.console import Console

    found = Console(markup=False, highlight=False, emoji=False)
    return found if found.is_terminal else Console(markup=False, highlight=False, emoji=False, width=_PIPE_WIDTH)


def show_json(value: Any) -> None:
    """Plain data as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=True, default=str))


def show_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, columns: Sequence[str] | None = None) -> None:
    """The same rows as a table, or as an array with every field."""
    if as_json:
        show_json(list(rows))
        return
    names = list(columns or (rows[0] if rows else ()))
    if not rows:
        print("none")
        return
    print_table(names, [[row.get(name) for name in names] for row in rows])


def print_table(names: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str = "") -> None:
    """A plain table; cells are escaped, never interpreted."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", caption=caption or None, caption_justify="left")
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(_cell(value))) for value in row))
    console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple | set | frozenset):
        items: list[Any] = list(value)
        return ", ".join(_cell(one) for one in items) or "–"
    return str(value)


def print_verdicts(data: "RunData") -> None:
    """Failure modes by subject."""
    from offswitch.analysis import verdict_table

    console().print(verdict_table(data, titles()))


def print_comparisons(data: "RunData") -> None:
    """Before and after safeguards; nothing where no pair has both sides."""
    from offswitch.analysis import comparisons, percent, usefulness

    found = comparisons(data)
    if not found:
        return
    rows = [
        [
            one.subject,
            one.failure_mode,
            f"{one.off.k}/{one.off.n}",
            f"{one.on.k}/{one.on.n}",
            "–" if one.difference is None else f"{100 * one.difference:+.0f} points",
            one.incomplete or "–",
        ]
        for one in found
        if one.off.k or one.on.k or one.incomplete
    ]
    print("\nBefore and after safeguards (rows in which anything failed on either side):")
    print_table(["subject", "mode", "failed_off", "failed_on", "change", "incomplete_pairs"], rows)
    scores = [
        [one.subject, one.task, percent(one.off), percent(one.on), one.missing or "–"] for one in usefulness(data)
    ]
    print("\nWhat the safeguards cost in task score:")
    print_table(["subject", "task", "score_off", "score_on", "missing_pairs"], scores)


def titles() -> dict[str, str]:
    """Failure mode → what it is, in the words of its monitor."""
    import sys

    from offswitch.monitors.integrity import integrity_monitors

    found: dict[str, str] = {}
    for mode, kind in integrity_monitors().items():
        story = (sys.modules[kind.__module__].__doc__ or "").strip().splitlines() or [""]
        found[mode] = story[0].partition(": ")[2].rstrip(".") or mode
    return found
