"""Page 6: success against the time that people take; the raw points first, a horizon only where the data carry one."""

from .._words import percent
from ._horizon_data import Bucket, Fit, Panel, View, gather
from ._page import MAX_PANELS, Page
from ._parts import Measured, counts, share_words
from ._sheet import EMPTY_IN, sheet
from ._style import BLUE, FAINT, INK, SMALL_PT, VERMILLION, Axes, Figure, head, nothing, plain, share_axis, write
from ._text import block, drawable

_ROW_IN = 2.9
_TICKS = ((1, "1 min"), (2, "2"), (4, "4"), (8, "8"), (15, "15"), (30, "30"), (60, "1 h"), (120, "2 h"), (240, "4 h"),
          (480, "8 h"), (960, "16 h"), (2400, "40 h"), (9600, "160 h"))  # fmt: skip


def paint(view: View) -> Figure:
    panels = view.panels[:MAX_PANELS]
    figure = sheet(
        "How long are the tasks that it completes?",
        "Share of attempts that succeed, by the time that a familiar professional takes. ○ one task (larger: more "
        "attempts); ■ bucket with its interval; curve: logistic fit, drawn only where the data carry it.",
        view.note,
        _ROW_IN * len(panels) or EMPTY_IN,
    )
    if not panels:
        nothing(figure.subplots(), "no valid episode has both a score and a human time")
        return figure
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, panel in zip(axes, panels, strict=True):
        _panel(axis, panel)
    return figure


def _panel(axis: Axes, panel: Panel) -> None:
    if not panel.points:
        nothing(axis, f"no valid episode has both a score and a human time: {panel.title}", 6.0)
        return
    axis.set_xscale("log", base=2)
    for point in panel.points:
        size = 20 + 6 * min(point.attempts, 40)
        axis.scatter([point.minutes], [point.success], s=size, facecolors="none", edgecolors=FAINT, linewidths=1.1)
    for bucket in panel.buckets:
        _bucket(axis, bucket)
    if panel.fit is not None:
        _fit(axis, panel.fit)
    _frame(axis, panel)
    said = panel.refused or (_horizons(panel.fit) if panel.fit else "no horizon")
    write(axis, 1.0, 1.03, block(said, 4.6, SMALL_PT, 1), transform=axis.transAxes, ha="right", va="bottom",
          color=VERMILLION if panel.refused else INK, in_layout=False)  # fmt: skip


def _bucket(axis: Axes, bucket: Bucket) -> None:
    one, middle = bucket.success, (bucket.low * bucket.high) ** 0.5
    if one.value is None:
        return
    axis.plot([bucket.low, bucket.high], [one.value, one.value], color=BLUE, linewidth=1.0, alpha=0.6)
    axis.plot([middle, middle], [one.lo, one.hi], color=BLUE, linewidth=1.8)
    axis.plot([middle], [one.value], marker="s", color=BLUE, markersize=6)
    axis.annotate(counts(one), (middle, one.value), (6, 5), textcoords="offset points", fontsize=SMALL_PT, color=BLUE)


def _fit(axis: Axes, fit: Fit) -> None:
    axis.plot(fit.minutes, fit.success, color=VERMILLION, linewidth=1.7)
    for measured, share in ((fit.h50, 0.5), (fit.h80, 0.8)):
        if measured is not None and measured.value is not None:
            axis.plot(
                [measured.lo, measured.hi], [share, share], color=VERMILLION, linewidth=1.2, linestyle=(0, (4, 2))
            )
            axis.plot([measured.value], [share], marker="D", color=VERMILLION, markersize=5)


def _frame(axis: Axes, panel: Panel) -> None:
    shortest = min(point.minutes for point in panel.points) / 1.6
    longest = max(point.minutes for point in panel.points) * 1.6
    share_axis(axis, "y", pad=0.05)
    axis.set_xlim(shortest, longest)
    axis.minorticks_off()
    ticks = [(place, name) for place, name in _TICKS if shortest <= place <= longest]
    axis.set_xticks([place for place, _ in ticks], [name for _, name in ticks])
    plain(axis, grid="both")
    axis.set_ylabel("success")
    axis.set_xlabel("human time")
    head(axis, panel.title, 3.0)


def _horizons(fit: Fit) -> str:
    eighty = f", 80%: {_minutes(fit.h80)}" if fit.h80 is not None and fit.h80.value is not None else ""
    return f"horizon 50%: {_minutes(fit.h50)}{eighty}"


def _minutes(measured: Measured) -> str:
    if measured.value is None:
        return "no data"
    return f"{_span(measured.value)} [{_span(measured.lo)}–{_span(measured.hi)}]"


def _span(minutes: float) -> str:
    """Minutes, or hours where there are many.

    >>> _span(12.4), _span(90.0), _span(float("inf"))
    ('12 min', '1.5 h', '∞')
    """
    if minutes == float("inf"):
        return "∞"
    return f"{minutes:.2g} min" if minutes < 60 else f"{minutes / 60:.2g} h"


def words(view: View) -> str:
    said = [_said(panel) for panel in view.panels]
    return " ".join(["Success by human time.", "; ".join(said) or "No data.", view.note.words])


def _said(panel: Panel) -> str:
    buckets = ", ".join(f"{one.name}: {share_words(one.success)}" for one in panel.buckets)
    tasks = f"{len(panel.points):,} tasks, successes between {_ends(panel)}" if panel.points else "no task"
    horizon = panel.refused or (_horizons(panel.fit) if panel.fit else "no horizon")
    return f"{drawable(panel.title)}: {tasks}; {buckets or 'no bucket'}; {horizon}"


def _ends(panel: Panel) -> str:
    shares = [point.success for point in panel.points]
    return f"{percent(min(shares))} and {percent(max(shares))}"


PAGE = Page("horizon", "How long are the tasks that it completes?", gather, paint, words)
