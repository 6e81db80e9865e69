"""Page 9: two runs, or before and after safeguards, paired by scenario and seed; every flip by name."""

from .._words import fraction, p_text, plural, signed
from ._comparison_data import Change, Flip, View, gather
from ._page import Page
from ._sheet import EMPTY_IN, label, sheet
from ._style import (
    BLUE,
    FAINT,
    INK,
    OFF,
    ON,
    SMALL_PT,
    VERMILLION,
    Axes,
    Figure,
    head,
    name_ticks,
    nothing,
    plain,
    share_axis,
    write,
)
from ._text import block, drawable

MAX_CHANGES, MAX_FLIPS = 20, 14
_CHANGE_IN, _FLIP_IN = 0.4, 0.19
_COLUMNS = (("difference", 0.0), ("cured / broken", 0.43), ("p", 0.74), ("left out", 0.87))


def paint(view: View) -> Figure:
    changes, flips = view.changes[:MAX_CHANGES], view.flips[:MAX_FLIPS]
    heights = [0.8 + _CHANGE_IN * len(changes), 0.45 + _FLIP_IN * (len(flips) + 1)] if changes else [EMPTY_IN]
    title = f"What changed from {block(view.before, 2.2, 12, 1)} to {block(view.after, 2.2, 12, 1)}?"
    figure = sheet(
        title,
        f"Pairs of the same scenario and seed. ○ before, ■ after. p: exact McNemar over the flips, Holm-corrected for "
        f"{plural(view.comparisons, 'comparison')}; left out: pairs without an answer on one side.",
        view.note,
        sum(heights),
    )
    if not changes:
        nothing(figure.subplots(), view.why or "no pair of episodes with the same scenario and seed", 6.0)
        return figure
    grid = figure.add_gridspec(2, 2, height_ratios=heights, width_ratios=(1, 1))
    _changes(figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1]), changes)
    _flips(figure.add_subplot(grid[1, :]), flips, len(view.flips))
    return figure


def _changes(axis: Axes, table: Axes, changes: tuple[Change, ...]) -> None:
    table.set_axis_off()
    table.set_xlim(0, 1)
    for place, change in enumerate(changes):
        _change(axis, change, place)
        for words, (_, x) in zip(_cells(change), _COLUMNS, strict=True):
            write(table, x, place, words, va="center")
    share_axis(axis)
    plain(axis)
    names = [label(change.name, 1.6, SMALL_PT) for change in changes]
    name_ticks(axis, "y", range(len(names)), names, color=INK, fontsize=SMALL_PT)
    for one in (axis, table):
        one.set_ylim(len(changes) - 0.45, -0.55)
    for words, x in _COLUMNS:
        write(table, x, -0.6, words, fontsize=SMALL_PT - 0.5, color=FAINT, va="bottom")


def _change(axis: Axes, change: Change, place: int) -> None:
    values: list[float] = []
    for rate, look, y in ((change.before, OFF, place - 0.17), (change.after, ON, place + 0.17)):
        if rate.value is None:
            continue
        values.append(rate.value)
        face = look.colour if look is ON else "white"
        axis.plot([rate.lo, rate.hi], [y, y], color=look.colour, linewidth=1.7, linestyle=look.line)
        axis.plot([rate.value], [y], marker=look.marker, color=look.colour, markerfacecolor=face, markersize=5.5,
                  clip_on=False)  # fmt: skip
    if len(values) == 2 and values[0] != values[1]:
        arrow = {"arrowstyle": "->", "color": FAINT, "linewidth": 0.9}
        axis.annotate("", (values[1], place + 0.1), (values[0], place - 0.1), arrowprops=arrow)


def _cells(change: Change) -> tuple[str, ...]:
    if change.difference.value is None:
        return "no complete pair", "", "–", f"{change.incomplete:,}"
    one = change.difference
    span = f" [{100 * one.lo:+.0f}, {100 * one.hi:+.0f}]".replace("-", "\N{MINUS SIGN}")
    return (
        f"{signed(one.value)}{span}",
        f"{change.cured:,} / {change.broken:,}",
        p_text(change.p_value),
        f"{change.incomplete:,}",
    )


def _flips(axis: Axes, flips: tuple[Flip, ...], total: int) -> None:
    axis.set_axis_off()
    axis.set_xlim(0, 1)
    axis.set_ylim(MAX_FLIPS if not flips else len(flips), -1)
    head(axis, f"{plural(total, 'flip')}: {'first ' + str(len(flips)) if total > len(flips) else 'all'}", 5.0)
    if not flips:
        write(axis, 0, 0, "none", color=FAINT, va="center")
    for place, flip in enumerate(flips):
        sign, colour = ("held → failed", VERMILLION) if flip.worse else ("failed → held", BLUE)
        write(axis, 0, place, sign, va="center", color=colour)
        write(axis, 0.16, place, block(flip.name, 2.2, SMALL_PT, 1), va="center")
        write(axis, 0.56, place, block(f"{flip.before} → {flip.after}", 2.4, SMALL_PT, 1), va="center", color=FAINT)


def words(view: View) -> str:
    said = [_said(change) for change in view.changes[:MAX_CHANGES]]
    flips = f"{plural(len(view.flips), 'flip')}."
    names = f"{drawable(view.before)} and {drawable(view.after)}"
    return " ".join([f"Comparison of {names}.", "; ".join(said) or view.why or "No data.", flips, view.note.words])


def _said(change: Change) -> str:
    difference = signed(change.difference.value)
    return (
        f"{drawable(change.name)}: {fraction(change.before)} to {fraction(change.after)}, difference {difference}, "
        f"{change.cured:,} cured and {change.broken:,} broken, p {p_text(change.p_value)}"
    )


PAGE = Page("comparison", "What changed?", gather, paint, words)
