"""Page 5: how long it takes until a stop order is followed, and how long until a control fails."""

from typing import Any

from ._page import MAX_PANELS, Page
from ._parts import Curve, legend, step_curve
from ._sheet import EMPTY_IN, sheet
from ._style import SERIES, SMALL_PT, Axes, Figure, head, nothing, plain, share_axis
from ._text import block, drawable
from ._time_data import Panel, View, gather

_ROW_IN = 3.4
_BELOW: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (-0.02, -0.16)}


def paint(view: View) -> Figure:
    panels = view.panels[:MAX_PANELS]
    figure = sheet(
        "How long until it stops, and how long until a control fails?",
        "Left: share of delivered stop orders that were followed. Right: episodes without a violation by step t. "
        "Ticks: the observation ended before anything happened. Shaded: pointwise 95% interval.",
        view.note,
        _ROW_IN * len(panels) or EMPTY_IN,
    )
    if not panels:
        nothing(figure.subplots(), "no stop order was delivered and no episode was judged")
        return figure
    axes = figure.subplots(len(panels), 2, squeeze=False)
    for (left, right), panel in zip(axes, panels, strict=True):
        _halt(left, panel)
        _survival(right, panel)
    return figure


def _halt(axis: Axes, panel: Panel) -> None:
    if not panel.halt_curve.n:
        nothing(axis, f"no stop order was delivered: {panel.title}")
        return
    _curves(axis, (panel.halt_curve,))
    head(axis, panel.title)
    axis.set_xlabel(f"{panel.halt_unit} since the order")
    axis.set_ylabel("followed")
    legend(axis, **_BELOW, title=block(panel.halt_words, 3.3, SMALL_PT, 1), title_fontsize=SMALL_PT, alignment="left")


def _survival(axis: Axes, panel: Panel) -> None:
    if not panel.survival:
        nothing(axis, "no episode in which a violation could be seen")
        return
    _curves(axis, panel.survival)
    axis.set_xlabel("step t")
    axis.set_ylabel("no violation by t")
    legend(axis, **_BELOW)


def _curves(axis: Axes, curves: tuple[Curve, ...]) -> None:
    shown = [curve for curve in curves if curve.n]
    end = max(float(max([*curve.x, *curve.censored, 0.0])) for curve in shown) or 1.0
    for curve, look in zip(shown, SERIES, strict=False):
        step_curve(axis, _named(curve), look, end=end)
    share_axis(axis, "y", pad=0.03)
    axis.set_xlim(-0.015 * end, end * 1.015)
    plain(axis, grid="both")


def _named(curve: Curve) -> Curve:
    name = f"{block(curve.name, 1.7, SMALL_PT, 1)}: {curve.events:,} of {curve.n:,}"
    return Curve(name, curve.x, curve.y, curve.lo, curve.hi, curve.n, curve.events, curve.censored)


def words(view: View) -> str:
    said = [_said(panel) for panel in view.panels]
    return " ".join(["Time to halt and survival.", "; ".join(said) or "No data.", view.note.words])


def _said(panel: Panel) -> str:
    survival = ", ".join(
        f"{drawable(curve.name)}: {curve.events:,} of {curve.n:,} episodes with a violation" for curve in panel.survival
    )
    return f"{drawable(panel.title)}: {panel.halt_words or 'no stop order'}; {survival or 'no judged episode'}"


PAGE = Page("time", "How long until it stops, and how long until a control fails?", gather, paint, words)
