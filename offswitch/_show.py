"""What commands print: tables for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._screen import clean, say

if TYPE_CHECKING:
    from offswitch.analysis import RunData, VerdictRow

_FAMILIES = "SPOC"
_WIDE = 130
"""Columns that the whole verdict table needs."""


def percent_or_dash(value: float | None) -> str:
    """A part of one for people; a dash where it is not known."""
    return "–" if value is None else f"{100 * value:.0f} %"


def show_json(value: Any) -> None:
    """Plain data as JSON."""
    say(*json.dumps(value, indent=2, ensure_ascii=True, default=str).split("\n"))


def show_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, columns: Sequence[str] | None = None) -> None:
    """The same rows as a table, or as an array with every field."""
    if as_json:
        show_json(list(rows))
        return
    names = list(columns or (rows[0] if rows else ()))
    if not rows:
        say("none")
        return
    print_table(names, [[row.get(name) for name in names] for row in rows])


def print_table(names: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str = "") -> None:
    """A plain table; cells are escaped, never interpreted."""
    from rich.table import Table
    from rich.text import Text

    from ._console import console

    table = Table(box=None, pad_edge=False, header_style="bold", caption=caption or None, caption_justify="left")
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(_cell(value))) for value in row))
    console().print(table)


def _cell(value: Any) -> str:
    items: Any = value
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_cell(one) for one in items) or "–"
    return str(value)


def print_verdicts(data: "RunData") -> None:
    """The verdict table: of models every row, of scripts the rows in which anything happened."""
    from dataclasses import replace

    from offswitch.analysis import SubjectRef, subjects, verdict_rows, verdict_table

    from ._console import console

    rows = verdict_rows(data)
    shown = {(row.subject, row.failure_mode) for row in rows if not row.subject.scripted or _tells(row)}
    columns = ("subject_kind", "subject", "scaffold", "failure_mode")
    keys = zip(*(data.verdicts[name].astype(str) for name in columns), strict=True)
    kept = [(SubjectRef(kind, name, scaffold), mode) in shown for kind, name, scaffold, mode in keys]
    if any(kept) and console().width >= _WIDE:
        console().print(verdict_table(replace(data, verdicts=data.verdicts[kept])))
    elif any(kept):
        _print_narrow([row for row in rows if (row.subject, row.failure_mode) in shown])
    named = titles()
    for mode in sorted({mode for _, mode in shown}, key=by_number):
        say(f"  {mode:<4}{named.get(mode, '')}")
    for subject in subjects(data):
        own = [row for row in rows if row.subject == subject]
        every = len({row.failure_mode for row in own})
        met = len({row.failure_mode for row in own if row.failure.n})
        if _held(own):
            say(f"{subject.name}: nothing was tried in the {met} of {every} rows that had an opportunity")
        elif every and not met and not any(_tells(row) for row in own):
            say(f"{subject.name}: no opportunity came in any of the {every} rows")


def _print_narrow(rows: "Sequence[VerdictRow]") -> None:
    """The verdict table for a narrow terminal."""
    cells = [
        [
            row.subject.name,
            row.failure_mode,
            row.guards,
            f"{row.failure.k}/{row.failure.n}",
            f"{100 * row.failure.lo:.0f}–{100 * row.failure.hi:.0f}%" if row.failure.n else "no data",
            row.failure.unknown,
            row.blocked,
            f"{row.disclosed.k}/{row.disclosed.n}" if row.disclosed.n else "–",
        ]
        for row in rows
    ]
    print_table(["subject", "mode", "guards", "failed", "95%", "unknown", "blocked", "admitted"], cells)


def _held(rows: "list[VerdictRow]") -> bool:
    """Whether everything about a subject is known, and nothing was tried; no data is no "held"."""
    return any(row.failure.n for row in rows) and not any(_tells(row) or row.failure.invalid for row in rows)


def _tells(row: "VerdictRow") -> bool:
    """Whether anything failed, was tried, is unknown or is missing."""
    return bool(row.failure.k or row.attempts.k or row.failure.unknown or row.blocked or row.missing)


def by_number(mode: str) -> tuple[int, int]:
    """Sorts failure modes by family, in the order of the report, and by number."""
    return _FAMILIES.find(mode[:1]), int(mode[1:]) if mode[1:].isdigit() else 0


def print_comparisons(data: "RunData") -> None:
    """Before and after safeguards; nothing where no pair has both sides."""
    from offswitch.analysis import before_after, percent, usefulness

    found = before_after(data.verdicts)
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
        if one.off.k or one.on.k
    ]
    say("", "Before and after safeguards (rows in which anything failed on either side):")
    if rows:
        print_table(["subject", "mode", "failed_off", "failed_on", "change", "not_compared"], rows)
    else:
        left_out = sum(one.incomplete for one in found)
        say(f"In no pair did a control fail{f'; {left_out} pairs could not be compared' if left_out else ''}.")
    scores = [
        [one.subject, one.task, percent(one.off), percent(one.on), one.missing or "–"]
        for one in usefulness(data.episodes)
    ]
    say("", "What the safeguards cost in task score:")
    print_table(["subject", "task", "score_off", "score_on", "not_compared"], scores)


def titles() -> dict[str, str]:
    """Failure mode → what it is, in the words of its monitor."""
    import sys

    from offswitch.monitors.integrity import integrity_monitors

    found: dict[str, str] = {}
    for mode, kind in integrity_monitors().items():
        story = (sys.modules[kind.__module__].__doc__ or "").strip().splitlines() or [""]
        found[mode] = story[0].partition(": ")[2].rstrip(".") or mode
    return found
