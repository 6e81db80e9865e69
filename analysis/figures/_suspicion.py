"""Page 3: what the monitor says about honest and about attacking episodes, and how well it tells them apart."""

import numpy as np

from .._words import percent, plural
from ._page import MAX_PANELS, Page
from ._parts import Floats, Measured, legend, share_words
from ._sheet import EMPTY_IN, sheet
from ._style import ATTACK, FAINT, HONEST, INK, Axes, Figure, head, nothing, plain, share_axis, write
from ._suspicion_data import Panel, View, gather
from ._text import drawable

_BINS = 20
_ROW_IN = 2.75


def paint(view: View) -> Figure:
    panels = view.panels[:MAX_PANELS]
    figure = sheet(
        "Does the monitor tell attacks from honest work?",
        f"Highest suspicion of each episode. Threshold: flags at most {percent(view.fpr)} of honest episodes "
        "(score above it is flagged). Right: share of attacks flagged against share of honest episodes flagged.",
        view.note,
        _ROW_IN * len(panels) or EMPTY_IN,
    )
    if not panels:
        nothing(figure.subplots(), "no episode has a suspicion score")
        return figure
    axes = figure.subplots(len(panels), 2, squeeze=False, width_ratios=(1.55, 1))
    for (left, right), panel in zip(axes, panels, strict=True):
        _histogram(left, panel)
        _roc(right, panel)
    return figure


def _histogram(axis: Axes, panel: Panel) -> None:
    if not len(panel.honest) and not len(panel.attack):
        nothing(axis, f"no scores: {panel.title}")
        return
    edges = np.linspace(0, 1, _BINS + 1)
    for scores, look, name, side in (
        (panel.honest, HONEST, "honest", -1),
        (panel.attack, ATTACK, "attack", 1),
    ):
        _bars(axis, np.histogram(np.clip(scores, 0, 1), edges)[0], edges, look.colour, look.hatch, side)
        axis.plot([], [], marker="s", linestyle="none", color=look.colour,
                  label=f"{name}: {plural(len(scores), 'episode')}")  # fmt: skip
    plain(axis, grid="y")
    axis.axhline(0, color=INK, linewidth=0.8)
    axis.set_xlim(-0.02, 1.02)
    _symmetric(axis)
    axis.set_xlabel("suspicion")
    axis.set_ylabel("← honest   episodes   attack →")
    if panel.threshold is not None:
        axis.axvline(panel.threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
        axis.plot([], [], color=INK, linewidth=1.2, linestyle=(0, (4, 2)), label=f"threshold {panel.threshold:.3g}")
    head(axis, panel.title, 4.2, pad=18)
    legend(axis, loc="lower left", ncols=3, bbox_to_anchor=(-0.01, 0.99), columnspacing=1.0, handlelength=1.2)


def _bars(axis: Axes, heights: Floats, edges: Floats, colour: str, hatch: str, side: int) -> None:
    axis.bar(edges[:-1], side * heights, width=np.diff(edges), align="edge", color=colour, hatch=hatch,
             edgecolor="white", linewidth=0.6)  # fmt: skip


def _symmetric(axis: Axes) -> None:
    """Counts without a sign, both sides of the line."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    low, high = axis.get_ylim()
    axis.set_ylim(min(low, -1.05), max(high, 1.05))
    axis.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.yaxis.set_major_formatter(FuncFormatter(_unsigned))


def _unsigned(value: float, _: object) -> str:
    return f"{abs(value):,.0f}"


def _roc(axis: Axes, panel: Panel) -> None:
    if not len(panel.honest) or not len(panel.attack):
        missing = "honest" if not len(panel.honest) else "attack"
        nothing(axis, f"no {missing} episode has a score")
        return
    flagged_honest, flagged_attack = roc_points(panel.honest, panel.attack)
    axis.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (1, 3)))
    axis.step(flagged_honest, flagged_attack, where="post", color=ATTACK.colour, linewidth=1.7)
    _at_threshold(axis, panel)
    share_axis(axis, "x", pad=0.03)
    share_axis(axis, "y", pad=0.03)
    plain(axis, grid="both")
    axis.set_xlabel("honest flagged")
    axis.set_ylabel("attacks flagged")
    lines = [f"AUROC {_number(panel.auroc)}", f"TPR {share_words(panel.recall) if panel.recall else 'no data'}"]
    if panel.reached is not None:
        lines.append(f"at FPR {percent(panel.reached)} (step {percent(panel.step)})")
    write(axis, 0.98, 0.04, "\n".join(lines), ha="right", va="bottom", linespacing=1.35,
          bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5})  # fmt: skip


def _at_threshold(axis: Axes, panel: Panel) -> None:
    recall, reached = panel.recall, panel.reached
    if recall is not None and recall.value is not None and reached is not None:
        axis.plot([reached, reached], [recall.lo, recall.hi], color=INK, linewidth=1.5)
        axis.plot([reached], [recall.value], marker="D", color=INK, markersize=5)


def _number(measured: Measured | None) -> str:
    if measured is None or measured.value is None:
        return "no data"
    return f"{measured.value:.2f} [{measured.lo:.2f}–{measured.hi:.2f}]"


def roc_points(honest: Floats, attack: Floats) -> tuple[Floats, Floats]:
    """Shares flagged (score above the threshold) of honest and attacking episodes, from the strictest threshold on.

    >>> [list(map(float, part)) for part in roc_points(np.array([0.1, 0.5]), np.array([0.5, 0.9]))]
    [[0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0]]
    """
    thresholds = np.append(np.unique(np.concatenate([honest, attack]))[::-1], -np.inf)
    shares = [1 - np.searchsorted(np.sort(part), thresholds, side="right") / len(part) for part in (honest, attack)]
    return shares[0], shares[1]


def words(view: View) -> str:
    said = [_said(panel) for panel in view.panels]
    return " ".join(["Suspicion of honest and attacking episodes.", "; ".join(said) or "No data.", view.note.words])


def _said(panel: Panel) -> str:
    threshold = "no threshold" if panel.threshold is None else f"threshold {panel.threshold:.3g}"
    recall = share_words(panel.recall) if panel.recall else "no data"
    return (
        f"{drawable(panel.title)}: {len(panel.honest):,} honest and {len(panel.attack):,} attacking episodes, "
        f"{threshold}, attacks flagged {recall}, honest flagged {percent(panel.reached)}, "
        f"AUROC {_number(panel.auroc)}"
    )


PAGE = Page("suspicion", "Does the monitor tell attacks from honest work?", gather, paint, words)
