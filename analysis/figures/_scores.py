"""Page 7: what the work was worth, by subject, task and factor, and against what the episodes used."""

from typing import Any

import numpy as np

from ._page import Page
from ._parts import Floats, legend, share_words
from ._scores_data import Bar, Limit, View, gather
from ._sheet import EMPTY_IN, label, sheet
from ._style import (
    FAINT,
    HEAT,
    INK,
    OFF,
    ON,
    SERIES,
    SMALL_PT,
    Axes,
    Figure,
    head,
    name_ticks,
    nothing,
    plain,
    share_axis,
    write,
)
from ._text import block, drawable, ended

MAX_BARS, MAX_HEAT = 16, 12
_NARROW = 4
"""Columns of the heat map from which on a cell has two lines."""
_BAR_IN, _CELL_IN, _LIMIT_IN = 0.36, 0.34, 2.7
_DOTS = 60
"""Single scores that are drawn for a row; the mean is over all."""


def paint(view: View) -> Figure:
    bars = view.bars[:MAX_BARS]
    tasks = view.heat.tasks[:MAX_HEAT]
    parts = [0.75 + _BAR_IN * len(bars), max(1.35 + _CELL_IN * len(tasks), _LIMIT_IN)] if bars else [EMPTY_IN]
    figure = sheet(
        "What was the work worth?",
        "Score of the main task, 0 to 1, verified from outside. ● mean with interval, · single episodes; "
        "hatched: no score. Scores that are missing are left out, never 0.",
        view.note,
        sum(parts),
    )
    if not bars:
        nothing(figure.subplots(), "no valid episode")
        return figure
    grid = figure.add_gridspec(2, 2, height_ratios=parts, width_ratios=(1.1, 1))
    _bars(figure.add_subplot(grid[0, :]), bars)
    _heat(figure.add_subplot(grid[1, 0]), view)
    _limits(figure.add_subplot(grid[1, 1]), view)
    return figure


def _bars(axis: Axes, bars: tuple[Bar, ...]) -> None:
    for y, bar in enumerate(bars):
        look = ON if bar.safeguards else OFF
        shown = bar.scores[:: max(1, len(bar.scores) // _DOTS)]
        axis.plot(shown, np.full(len(shown), y + 0.26), linestyle="none", marker=".", markersize=3.5, color=FAINT)
        if bar.mean.value is not None and bar.mean.n:
            axis.plot([bar.mean.lo, bar.mean.hi], [y, y], color=look.colour, linewidth=1.8, linestyle=look.line)
            axis.plot([bar.mean.value], [y], marker=look.marker, color=look.colour, markersize=5.5, clip_on=False)
        missing = f", {bar.missing:,} without" if bar.missing else ""
        write(axis, 1.03, y, f"n = {bar.mean.n:,}{missing}" if bar.mean.n else f"no data{missing}", va="center")
    share_axis(axis)
    plain(axis)
    axis.set_xlim(-0.015, 1.28)
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    name_ticks(axis, "y", range(len(bars)), [_name(bar) for bar in bars], color=INK, fontsize=SMALL_PT)
    axis.set_ylim(len(bars) - 0.4, -0.6)
    head(axis, "By subject and task (□ safeguards on, ○ off)", 5.0)


def _name(bar: Bar) -> str:
    return f"{block(bar.task, 1.9, SMALL_PT, 1)}\n{ended(bar.subject, 1.9, SMALL_PT)}"


def _heat(axis: Axes, view: View) -> None:
    tasks, columns, means, counts = view.heat.tasks, view.heat.columns, view.heat.means, view.heat.counts
    values: Floats = np.array([[np.nan if one is None else one for one in row[:MAX_HEAT]] for row in means[:MAX_HEAT]])
    if not values.size or np.isnan(values).all():
        nothing(axis, "no score for any task")
        return
    axis.patch.set(hatch="////", edgecolor=FAINT, facecolor="white")
    axis.imshow(_shown(values), cmap=HEAT, vmin=0, vmax=1, aspect="auto")
    for row, line in enumerate(counts[:MAX_HEAT]):
        for column, n in enumerate(line[:MAX_HEAT]):
            _cell(axis, row, column, float(values[row, column]), n, narrow=len(line) > _NARROW)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    upright: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
    names = [ended(one, 1.7, SMALL_PT - 0.5) for one in columns[:MAX_HEAT]]
    name_ticks(axis, "x", range(len(names)), names, fontsize=SMALL_PT - 0.5, color=INK, **upright)
    rows = [label(one, 1.0, SMALL_PT, 2) for one in tasks[:MAX_HEAT]]
    name_ticks(axis, "y", range(len(rows)), rows, fontsize=SMALL_PT, color=INK)
    head(axis, "Mean score (n)", 2.6)


def _shown(values: Floats) -> Any:
    """Without the cells that have no score: the hatching behind them shows."""
    ma: Any = np.ma
    return ma.masked_invalid(values)


def _cell(axis: Axes, row: int, column: int, value: float, n: int, *, narrow: bool) -> None:
    if not n or np.isnan(value):
        write(axis, column, row, "–" if narrow else "no data", ha="center", va="center", fontsize=SMALL_PT - 1,
              bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
        return
    colour = "white" if value < 0.55 else "black"
    write(
        axis,
        column,
        row,
        f"{value:.2f}\n({n:,})" if narrow else f"{value:.2f} ({n:,})",
        ha="center",
        va="center",
        color=colour,
        fontsize=SMALL_PT - 0.5,
    )


def _limits(axis: Axes, view: View) -> None:
    shown = [limit for limit in view.limits[: len(SERIES)] if len(limit.used)]
    if not shown:
        nothing(axis, f"no scored episode whose use of {view.limit_unit} is known")
        return
    for limit, look in zip(shown, SERIES, strict=False):
        _cloud(axis, limit, look.colour, look.marker)
    axis.plot([], [], linestyle="none", marker="x", color=INK, label="cut by a limit")
    share_axis(axis, "y", pad=0.05)
    axis.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    plain(axis, grid="both")
    axis.set_xlim(left=0)
    axis.set_xlabel(view.limit_unit)
    axis.set_ylabel("score")
    axis.locator_params(axis="x", nbins=5)
    head(axis, "By what was used", 2.6)
    legend(axis, loc="upper left", bbox_to_anchor=(-0.02, -0.2))


def _cloud(axis: Axes, limit: Limit, colour: str, marker: str) -> None:
    every = max(1, len(limit.used) // 400)
    used, scores, cut = limit.used[::every], limit.scores[::every], limit.cut[::every] > 0
    name = f"{ended(limit.subject, 2.1, SMALL_PT)} ({len(limit.used):,})"
    axis.plot(used, scores, linestyle="none", marker=marker, markersize=4, color=colour, alpha=0.55, label=name)
    axis.plot(used[cut], scores[cut], linestyle="none", marker="x", markersize=6, color=INK)


def words(view: View) -> str:
    said = [
        f"{drawable(bar.task)}, {drawable(bar.subject)}: mean score "
        f"{share_words(bar.mean) if bar.mean.n else 'no data'} over {bar.mean.n:,} episodes"
        for bar in view.bars[:MAX_BARS]
    ]
    return " ".join(["Scores of the main task.", "; ".join(said) or "No data.", view.note.words])


PAGE = Page("scores", "What was the work worth?", gather, paint, words)
