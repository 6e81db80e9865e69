"""Page 2: what safety costs in usefulness, and what auditing more buys."""

from typing import Any

import numpy as np

from .._words import percent
from ._frontier_data import Budget, Option, Panel, View, gather
from ._page import MAX_PANELS, Page
from ._parts import Measured, legend, share_words
from ._sheet import EMPTY_IN, sheet
from ._style import FAINT, GREEN, SERIES, SMALL_PT, Axes, Figure, Look, head, nothing, plain, share_axis, write
from ._text import block, drawable

_ROW_IN = 3.5
_BELOW: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (-0.02, -0.16)}
_MAX_OPTIONS = len(SERIES)
_UPFRONT = Look(GREEN, "^", (0, (1, 1.2)))


def paint(view: View) -> Figure:
    panels = view.panels[:MAX_PANELS]
    figure = sheet(
        "What does safety cost, and what does auditing buy?",
        "Left: each protocol by usefulness (main task, honest episodes) and safety (attacks caught or failed). "
        "Right: safety where the most suspicious share of episodes is audited.",
        view.note,
        _ROW_IN * len(panels) or EMPTY_IN,
    )
    if not panels:
        nothing(figure.subplots(), "no attack episode is there to be caught")
        return figure
    axes = figure.subplots(len(panels), 2, squeeze=False)
    for (left, right), panel in zip(axes, panels, strict=True):
        _options(left, panel)
        _budgets(right, panel)
    return figure


def _options(axis: Axes, panel: Panel) -> None:
    drawn = [one for one in panel.options if one.safety.value is not None and one.usefulness.value is not None]
    if not drawn:
        nothing(axis, f"no protocol has both safety and usefulness: {panel.title}")
        return
    for option, look in zip(drawn[:_MAX_OPTIONS], SERIES, strict=False):
        _option(axis, option, look)
    share_axis(axis, "x", pad=0.03)
    share_axis(axis, "y", pad=0.03)
    plain(axis, grid="both")
    axis.set_xlabel("usefulness")
    axis.set_ylabel("safety")
    head(axis, panel.title)
    legend(axis, **_BELOW)


def _option(axis: Axes, option: Option, look: Look) -> None:
    x, y = option.usefulness, option.safety
    if x.value is None or y.value is None:
        return
    axis.plot([x.lo, x.hi], [y.value, y.value], color=look.colour, linewidth=1.2)
    axis.plot([x.value, x.value], [y.lo, y.hi], color=look.colour, linewidth=1.2)
    name = f"{block(option.name, 1.6, SMALL_PT, 1)} ({x.n:,} honest, {y.n:,} attack)"
    axis.plot([x.value], [y.value], marker=look.marker, color=look.colour, markersize=7, markeredgecolor="white",
              linestyle="none", label=name, clip_on=False)  # fmt: skip


def _budgets(axis: Axes, panel: Panel) -> None:
    if not panel.budgets:
        nothing(axis, "no scored honest and attack episodes to set a threshold with")
        return
    _band(axis, panel.budgets, "attempted", SERIES[0], "caught ÷ (caught + uncaught successes)")
    _band(axis, panel.budgets, "successful", SERIES[1], "caught ÷ attacks that worked")
    if panel.upfront:
        x, y = zip(*panel.upfront, strict=True)
        axis.plot(x, y, color=_UPFRONT.colour, linestyle=_UPFRONT.line, linewidth=1.5, label="random audits beforehand")
    share_axis(axis, "x", pad=0.02)
    share_axis(axis, "y", pad=0.03)
    plain(axis, grid="both")
    axis.set_xlabel("audit budget (share of honest episodes)")
    axis.set_ylabel("safety")
    legend(axis, **_BELOW)
    write(axis, 0.0, 1.045, _attempts(panel.budgets), color=FAINT, va="bottom", in_layout=False)


def _attempts(budgets: tuple[Budget, ...]) -> str:
    """At the whole budget, where every attempt with a score is audited."""
    n = budgets[-1].attempted.n
    return f"{n:,} {'attempt' if n == 1 else 'attempts'} with a score"


def _band(axis: Axes, budgets: tuple[Budget, ...], which: str, look: Look, name: str) -> None:
    known = [(one.budget, measured) for one in budgets if (measured := _of(one, which)).value is not None]
    if not known:
        return
    x = [budget for budget, _ in known]
    lo, hi, y = (np.array([getattr(one, end) for _, one in known], dtype=float) for end in ("lo", "hi", "value"))
    axis.fill_between(x, lo, hi, color=look.colour, alpha=0.13, linewidth=0)
    axis.plot(x, y, color=look.colour, linestyle=look.line, linewidth=1.7, label=name,
              marker=look.marker if len(known) < 12 else None, markersize=4)  # fmt: skip


def _of(budget: Budget, which: str) -> Measured:
    return budget.attempted if which == "attempted" else budget.successful


def words(view: View) -> str:
    said = [_said(panel) for panel in view.panels]
    return " ".join(["Safety, usefulness and audit budget.", "; ".join(said) or "No data.", view.note.words])


def _said(panel: Panel) -> str:
    options = ", ".join(
        f"{drawable(one.name)}: safety {share_words(one.safety)}, usefulness {share_words(one.usefulness)}"
        for one in panel.options
    )
    audits = ", ".join(
        f"auditing {percent(one.budget)}: safety {share_words(one.attempted)}"
        for one in panel.budgets[:: _every(panel)]
    )
    return f"{drawable(panel.title)}: {'; '.join(filter(None, [options, audits])) or 'no data'}"


def _every(panel: Panel) -> int:
    return max(1, len(panel.budgets) // 5)


PAGE = Page("frontier", "What does safety cost, and what does auditing buy?", gather, paint, words)
