"""Page 1: every failure mode of every subject, with what was counted, what was left out, and the interval."""

from dataclasses import dataclass

from .._cast import figure_rows
from .._data import RunData
from .._figure import panels
from .._rate import Rate
from .._words import fraction, interval, percent, plural
from ..metrics import VerdictRow
from ._notes import invalid_reasons, note_of, scripted_only
from ._page import Ask, Decided, Page
from ._sheet import EMPTY_IN, Note, label, sheet
from ._style import (
    BODY_PT,
    FAINT,
    HEAD_PT,
    INK,
    OFF,
    ON,
    SMALL_PT,
    Axes,
    Figure,
    name_ticks,
    nothing,
    plain,
    share_axis,
    write,
)
from ._text import block, drawable

MAX_ROWS = 40
"""Failure modes that are drawn; the others are counted."""
_ROW_IN, _PANEL_IN = 0.4, 0.78
_COLUMNS = (("failed", 0.0), ("95% interval", 0.2), ("worst", 0.55), ("excluded", 0.75))
"""Heading and place of the columns beside the axis, in widths of their part."""


@dataclass(frozen=True)
class Part:
    """The rows of one model, by failure mode: off and on."""

    title: str
    rows: tuple[tuple[VerdictRow, ...], ...]


@dataclass(frozen=True)
class View:
    """What the page shows."""

    parts: tuple[Part, ...]
    note: Note
    titles: dict[str, str]
    decisions: tuple[Decided, ...]


def gather(data: RunData, ask: Ask) -> View:
    rows = figure_rows(data)
    parts = [Part(panel.title, _by_mode(panel.rows)) for panel in panels(rows)]
    shown, left_out = _first(parts, MAX_ROWS)
    rates = [row.failure for part in shown for group in part.rows for row in group]
    more = [f"{plural(left_out, 'more row')} in the verdict table."] if left_out else []
    more += invalid_reasons(data.episodes)
    more.append("Excluded: u unknown, x not exposed, i invalid; worst case counts every unknown as failed.")
    note = note_of(rates, scripted=scripted_only(data.episodes), more=tuple(more), of="judged opportunities")
    return View(tuple(shown), note, dict(ask.titles), ask.decisions)


def _by_mode(rows: tuple[VerdictRow, ...]) -> tuple[tuple[VerdictRow, ...], ...]:
    groups: dict[str, list[VerdictRow]] = {}
    for row in rows:
        groups.setdefault(row.failure_mode, []).append(row)
    return tuple(tuple(group) for group in groups.values())


def _first(parts: list[Part], limit: int) -> tuple[list[Part], int]:
    """At most so many groups of rows, and how many are left out."""
    kept: list[Part] = []
    total = sum(len(part.rows) for part in parts)
    for part in parts:
        room = limit - sum(len(one.rows) for one in kept)
        if room > 0:
            kept.append(Part(part.title, part.rows[:room]))
    return kept, total - sum(len(part.rows) for part in kept)


def paint(view: View) -> Figure:
    heights = [_PANEL_IN + _ROW_IN * len(part.rows) for part in view.parts] or [EMPTY_IN]
    extra = 0.3 + 0.19 * len(view.decisions) if view.decisions else 0
    figure = sheet(
        "Did the controls hold?",
        "Share of exposed, valid episodes in which the control failed. ○ safeguards off, ■ safeguards on.",
        view.note,
        sum(heights) + extra,
    )
    grid = [*heights, extra] if extra else heights
    cells = figure.add_gridspec(len(grid), 2, height_ratios=grid, width_ratios=(1.4, 1))
    if not view.parts:
        nothing(figure.add_subplot(cells[0, :]), "no verdict on an opportunity that came")
    for place, part in enumerate(view.parts):
        _panel(figure.add_subplot(cells[place, 0]), figure.add_subplot(cells[place, 1]), part, view.titles)
    if view.decisions:
        _decisions(figure.add_subplot(cells[len(grid) - 1, :]), view.decisions)
    return figure


def _panel(axis: Axes, table: Axes, part: Part, titles: dict[str, str]) -> None:
    names: list[str] = []
    for place, group in enumerate(part.rows):
        mode = group[0].failure_mode
        names.append(label(" ".join(filter(None, [mode, titles.get(mode)])), 1.75, SMALL_PT))
        for row, y in zip(group, _places(place, len(group)), strict=True):
            _row(axis, row, y)
            _beside(table, row, y)
    share_axis(axis)
    plain(axis)
    name_ticks(axis, "y", range(len(names)), names, color=INK, fontsize=SMALL_PT)
    title = block(part.title, 5.0, HEAD_PT, 1)
    axis.set_title(title, loc="left", fontsize=HEAD_PT, fontweight="bold", pad=14, parse_math=False, in_layout=False)
    table.set_axis_off()
    table.set_xlim(0, 1)
    for one in (axis, table):
        one.set_ylim(len(names) - 0.45, -0.55)
    for words, x in _COLUMNS:
        write(table, x, -0.6, words, fontsize=SMALL_PT - 0.5, color=FAINT, va="bottom")


def _places(place: int, count: int) -> list[float]:
    return [place] if count == 1 else [place - 0.2 + 0.4 * index / (count - 1) for index in range(count)]


def _row(axis: Axes, row: VerdictRow, y: float) -> None:
    look, rate = ON if row.safeguards else OFF, row.failure
    if rate.n:
        axis.plot([rate.lo, rate.hi], [y, y], color=look.colour, linewidth=1.8, linestyle=look.line)
    if rate.value is not None:
        filled = {"markerfacecolor": look.colour if row.safeguards else "white", "markeredgewidth": 1.4}
        axis.plot([rate.value], [y], marker=look.marker, color=look.colour, markersize=5.5, clip_on=False, **filled)


def _beside(table: Axes, row: VerdictRow, y: float) -> None:
    for words, (_, x) in zip(_cells(row.failure), _COLUMNS, strict=True):
        write(table, x, y, words, va="center", color=(ON if row.safeguards else OFF).colour)


def _cells(rate: Rate) -> tuple[str, ...]:
    counts = (("u", rate.unknown), ("x", rate.not_exposed), ("i", rate.invalid))
    left_out = " ".join(f"{count:,}{sign}" for sign, count in counts if count) or "–"
    return fraction(rate), interval(rate), percent(rate.worst_case), left_out


def _decisions(axis: Axes, decisions: tuple[Decided, ...]) -> None:
    axis.set_axis_off()
    axis.set_xlim(0, 1)
    axis.set_ylim(len(decisions), -1)
    write(axis, 0, -0.6, "Against the thresholds", fontsize=BODY_PT, fontweight="bold")
    for place, one in enumerate(decisions):
        text = block(f"{one.rule}: {one.decision}{f' ({one.words})' if one.words else ''}", 7.3, SMALL_PT, 1)
        write(axis, 0, place + 0.4, text)


def words(view: View) -> str:
    said = [f"{drawable(part.title)}: {_said(row)}" for part in view.parts for group in part.rows[:12] for row in group]
    decided = [f"{one.rule}: {one.decision}" for one in view.decisions]
    return " ".join(["Failure rates with 95% intervals.", "; ".join([*said, *decided]) or "No data.", view.note.words])


def _said(row: VerdictRow) -> str:
    rate = row.failure
    where = f"{drawable(row.failure_mode)}, safeguards {'on' if row.safeguards else 'off'}"
    return f"{where}: {fraction(rate)}, {percent(rate.value)}, interval {interval(rate)}"


PAGE = Page("verdicts", "Did the controls hold?", gather, paint, words)
