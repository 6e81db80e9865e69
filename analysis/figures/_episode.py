"""Page 8: one episode in swim lanes on one time axis, and what the agent's report says of what was observed."""

import numpy as np

from ._episode_data import LANES, Claim, Mark, Scores, View, gather
from ._page import Page
from ._sheet import EMPTY_IN, sheet
from ._style import (
    BLUE,
    FAINT,
    GREEN,
    GRID,
    INK,
    ORANGE,
    SERIES,
    SMALL_PT,
    VERMILLION,
    Axes,
    Figure,
    Look,
    head,
    name_ticks,
    nothing,
    plain,
    write,
)
from ._text import block, drawable

MAX_NAMED, MAX_CLAIMS = 14, 10
_LANES_IN, _LINE_IN = 3.1, 0.185
_LOOKS = {
    "agent": Look(INK, "o"),
    "broker": Look(BLUE, "s"),
    "orders": Look(ORANGE, "v"),
    "container": Look(GREEN, "D"),
}
_NAMES = {"agent": "agent\ncalls", "broker": "broker\ndecides", "orders": "orders and\ncontrols",
          "container": "container\nground truth"}  # fmt: skip
_PLACES = {"agent": 4.4, "broker": 3.4, "orders": 2.4, "container": 0.0}
_MONITOR = (0.75, 1.65)
"""Where suspicion 0 and 1 stand."""

_LEAST_S = 0.1
"""Seconds that the time axis shows at least."""


def paint(view: View) -> Figure:
    named = _named(view.marks)
    claims = view.claims[:MAX_CLAIMS]
    empty = not view.marks
    heights = (_LANES_IN, 0.4 + _LINE_IN * max(1, len(named)), 0.5 + _LINE_IN * max(1, len(claims)))
    figure = sheet(
        f"Episode {block(view.name, 6.0, 12, 1)}" if view.name else "One episode",
        view.facts,
        view.note,
        EMPTY_IN if empty else sum(heights),
    )
    if empty:
        nothing(figure.subplots(), view.facts if not view.name else "no call was decided in this episode", 6.0)
        return figure
    lanes, key, table = figure.subplots(3, 1, height_ratios=heights)
    _lanes(lanes, view, named)
    _key(key, named)
    _claims(table, claims, len(view.claims))
    return figure


def _named(marks: tuple[Mark, ...]) -> list[Mark]:
    """The moments that get a number, in time; those that matter most where there are too many."""
    ranked = sorted((mark for mark in marks if mark.weight), key=lambda mark: (-mark.weight, mark.at))
    return sorted(ranked[:MAX_NAMED], key=lambda mark: mark.at)


def _lanes(axis: Axes, view: View, named: list[Mark]) -> None:
    plain(axis, grid="x")
    for place in _PLACES.values():
        axis.axhline(place, color=GRID, linewidth=0.8, zorder=0)
    for lane in LANES:
        _lane(axis, [mark for mark in view.marks if mark.lane == lane], _LOOKS[lane], _PLACES[lane])
    _numbers(axis, named)
    _monitors(axis, view.scores)
    ends = [mark.at for mark in view.marks] + ([view.violation[0]] if view.violation else [])
    span = max(max(ends) - min(ends), _LEAST_S)
    axis.set_xlim(min(ends) - 0.03 * span, min(ends) + 1.03 * span)
    if view.violation is not None:
        _violation(axis, *view.violation)
    axis.set_ylim(-0.6, 5.25)
    places = [_PLACES[lane] for lane in LANES]
    names = [_NAMES[lane] for lane in LANES]
    name_ticks(axis, "y", [*places, sum(_MONITOR) / 2], [*names, "monitor\nsuspicion"], fontsize=SMALL_PT, color=INK)
    axis.set_xlabel(view.unit)


def _lane(axis: Axes, marks: list[Mark], look: Look, place: float) -> None:
    quiet = [mark.at for mark in marks if mark.weight < 2]
    loud = [mark.at for mark in marks if mark.weight >= 2]
    axis.plot(quiet, [place] * len(quiet), linestyle="none", marker=look.marker, color=look.colour, markersize=5,
              alpha=0.75)  # fmt: skip
    axis.plot(loud, [place] * len(loud), linestyle="none", marker=look.marker, color=look.colour, markersize=7.5,
              markeredgecolor=INK)  # fmt: skip


def _numbers(axis: Axes, named: list[Mark]) -> None:
    """Numbers above their marks; several at one place share one text."""
    at_place: dict[tuple[str, float], list[int]] = {}
    for number, mark in enumerate(named, start=1):
        at_place.setdefault((mark.lane, mark.at), []).append(number)
    for (lane, at), numbers in at_place.items():
        words = ",".join(map(str, numbers)) if len(numbers) < 4 else f"{numbers[0]}–{numbers[-1]}"
        axis.annotate(
            words, (at, _PLACES[lane]), (0, 6), textcoords="offset points", ha="center", fontsize=SMALL_PT - 1
        )


def _monitors(axis: Axes, scores: tuple[Scores, ...]) -> None:
    low, high = _MONITOR
    for place, words in ((low, "0"), (high, "1")):
        axis.axhline(place, color=GRID, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
        axis.annotate(words, (1.0, place), (3, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                      va="center", fontsize=SMALL_PT - 1, color=FAINT)  # fmt: skip
    if not scores:
        axis.text(0.5, sum(_MONITOR) / 2, "no suspicion monitor watched", transform=axis.get_yaxis_transform(),
                  ha="center", va="center", color=FAINT, fontsize=SMALL_PT)  # fmt: skip
    for one, look in zip(scores, SERIES, strict=False):
        y = low + (high - low) * one.score
        axis.plot(one.at, y, color=look.colour, linestyle=look.line, marker=look.marker, markersize=3.5, linewidth=1.3,
                  label=block(one.monitor, 1.2, SMALL_PT, 1))  # fmt: skip
        gone = one.at[np.isnan(one.score)]
        axis.plot(gone, [low - 0.12] * len(gone), linestyle="none", marker="x", markersize=4, color=look.colour)
    if scores:
        drawn = axis.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(SERIES), handlelength=2,
                            borderaxespad=0.1, title=None)  # fmt: skip
        for text in drawn.get_texts():
            text.set_parse_math(False)


def _violation(axis: Axes, at: float, modes: str) -> None:
    axis.axvline(at, color=VERMILLION, linewidth=1.6, linestyle=(0, (4, 2)))
    left, right = axis.get_xlim()
    beyond = at > left + 0.7 * (right - left)
    words = block(f"first violation: {modes}", 2.0, SMALL_PT, 1)
    axis.annotate(words, (at, 5.0), (-5 if beyond else 5, 0), textcoords="offset points", color=VERMILLION,
                  ha="right" if beyond else "left", va="center", fontsize=SMALL_PT, fontweight="bold",
                  parse_math=False)  # fmt: skip


def _key(axis: Axes, named: list[Mark]) -> None:
    axis.set_axis_off()
    axis.set_xlim(0, 1)
    axis.set_ylim(max(1, len(named)) - 0.4, -0.8)
    if not named:
        write(axis, 0, 0, "nothing was ordered, stopped or changed", color=FAINT, va="center")
    for place, mark in enumerate(named):
        look = _LOOKS[mark.lane]
        axis.plot([0.028], [place], marker=look.marker, color=look.colour, markersize=5)
        write(axis, 0.0, place, f"{place + 1}", va="center")
        write(axis, 0.05, place, f"{mark.at:.3g}", va="center", color=FAINT)
        write(axis, 0.13, place, block(mark.words, 5.4, SMALL_PT, 1), va="center")


def _claims(axis: Axes, claims: tuple[Claim, ...], total: int) -> None:
    axis.set_axis_off()
    axis.set_xlim(0, 1)
    axis.set_ylim(max(1, len(claims)) - 0.4, -0.8)
    more = f" ({total - len(claims):,} more)" if total > len(claims) else ""
    head(axis, f"Observed from outside, and claimed by the agent{more}", 6.0)
    if not claims:
        write(axis, 0, 0, "no failure mode was tried", color=FAINT, va="center")
    for place, claim in enumerate(claims):
        colour = VERMILLION if claim.contradicted else INK
        for x, words, inches in (
            (0.0, claim.mode, 2.4), (0.38, claim.observed, 1.9), (0.7, f"report {claim.claimed}", 1.4),
            (0.94, claim.grade, 0.4),
        ):  # fmt: skip
            write(axis, x, place, block(words, inches, SMALL_PT, 1), va="center", color=colour)


def words(view: View) -> str:
    if not view.name:
        return f"One episode. No data. {view.facts}"
    first = f"First violation at {view.violation[0]:.3g}: {view.violation[1]}." if view.violation else "No violation."
    named = "; ".join(f"{mark.at:.3g} {drawable(mark.words, 120)}" for mark in _named(view.marks))
    claims = "; ".join(
        f"{drawable(one.mode)}: {drawable(one.observed)}, report {one.claimed}" for one in view.claims[:MAX_CLAIMS]
    )
    return " ".join(
        [f"Episode {drawable(view.name)}.", drawable(view.facts), f"Axis: {view.unit}.", first, named, claims,
         view.note.words]
    )  # fmt: skip


PAGE = Page("episode", "One episode in swim lanes", gather, paint, words)
