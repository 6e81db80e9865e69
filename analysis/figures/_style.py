"""How every figure looks: colours that all eyes tell apart, and a second sign beside each colour.

The colours are those of Okabe and Ito (Color Universal Design, 2008); in grey they differ in lightness, and wherever
two of them stand for two things, marker, line style or hatching differs too.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ._text import block, wrap

Axes = Any
"""matplotlib types its keyword arguments only in part."""
Figure = Any

INK = "#1c2430"
FAINT = "#56616d"
GRID = "#dfe3e8"
PAPER = "#ffffff"
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, BLACK = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#e69f00",
    "#56b4e9",
    "#cc79a7",
    "#000000",
)
HEAT = "cividis"
"""Made for people who do not tell red from green; its lightness rises evenly."""

WIDTH_IN = 8.0
TITLE_PT, HEAD_PT, BODY_PT, SMALL_PT, NOTE_PT = 12.5, 10.0, 9.0, 8.0, 7.5


@dataclass(frozen=True)
class Look:
    """One kind of thing, told apart by colour and by at least one other sign."""

    colour: str
    marker: str
    line: Any = "solid"
    hatch: str = ""


OFF = Look(VERMILLION, "o")
ON = Look(BLUE, "s", (0, (5, 1.5)), "///")
HONEST = Look(SKY, "s", (0, (5, 1.5)))
ATTACK = Look(VERMILLION, "o", "solid", "///")
SERIES = (
    Look(BLUE, "o", "solid"),
    Look(VERMILLION, "s", (0, (5, 1.5)), "///"),
    Look(GREEN, "^", (0, (1, 1)), "..."),
    Look(PURPLE, "D", (0, (5, 1, 1, 1)), "xxx"),
    Look(ORANGE, "v", (0, (3, 1)), "\\\\\\"),
    Look(BLACK, "P", (0, (1, 3)), "+++"),
)
"""For things that have no look of their own; more than these are not drawn together."""

_SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "offswitch",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "text.usetex": False,
    "text.color": INK,
    "axes.unicode_minus": True,
    "axes.labelcolor": FAINT,
    "axes.labelsize": BODY_PT,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "font.family": "DejaVu Sans",
    "font.size": BODY_PT,
    "hatch.linewidth": 0.6,
    "hatch.color": PAPER,
    "legend.fontsize": SMALL_PT,
    "legend.frameon": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "lines.solid_capstyle": "butt",
}


@contextmanager
def styled() -> Generator[None]:
    """Every setting of matplotlib that a figure depends on, whatever the user's own are."""
    import matplotlib as mpl

    toolkit: Any = mpl
    with toolkit.rc_context():
        toolkit.rcdefaults()
        toolkit.rcParams.update(_SETTINGS)
        yield


def settle(figure: Figure) -> None:
    """Lay the figure out once and for all: what a solver left in the last digits is no part of it."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis in figure.axes:
        axis.set_position([round(float(part), 5) for part in axis.get_position().bounds])


def plain(axis: Axes, *, grid: str = "x") -> None:
    """Axes without a frame, and with a faint grid."""
    axis.set_facecolor("none")
    if grid:
        axis.grid(axis=grid, color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def share_axis(axis: Axes, which: str = "x", *, pad: float = 0.015) -> None:
    """An axis from 0 to 100 %, the ends a little inside so that marks on them show."""
    ticks, words = [0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"]
    if which == "x":
        axis.set_xlim(-pad, 1 + pad)
        axis.set_xticks(ticks, words)
    else:
        axis.set_ylim(-pad, 1 + pad)
        axis.set_yticks(ticks, words)


def write(axis: Axes, x: float, y: float, text: str, **how: Any) -> Any:
    """Text at data coordinates, never taken for mathematics."""
    return axis.text(x, y, text, parse_math=False, **{"fontsize": SMALL_PT, "color": INK} | how)


def name_ticks(axis: Axes, which: str, places: Any, names: list[str], **how: Any) -> None:
    """Names at an axis, never taken for mathematics."""
    (axis.set_xticks if which == "x" else axis.set_yticks)(places, names, **how)
    for label in axis.get_xticklabels() if which == "x" else axis.get_yticklabels():
        label.set_parse_math(False)


def head(axis: Axes, text: str, inches: float = 3.4, *, pad: float = 6.0) -> None:
    """Title of one panel, in two lines at most."""
    words = block(text, inches / 1.12, HEAD_PT, 2)
    how: dict[str, Any] = {"fontsize": HEAD_PT, "fontweight": "bold", "color": INK, "parse_math": False}
    axis.set_title(words, loc="left", pad=pad, **how)


def nothing(axis: Axes, why: str, inches: float = 3.0) -> None:
    """In place of axes that would hold nothing: the words."""
    axis.clear()
    axis.set_axis_off()
    axis.text(
        0.5,
        0.5,
        "\n".join(["no data", *wrap(why, inches, BODY_PT, 4)]),
        ha="center",
        va="center",
        color=FAINT,
        fontsize=BODY_PT,
        parse_math=False,
        in_layout=False,
        transform=axis.transAxes,
    )
