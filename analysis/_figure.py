"""The figure of the report: rates with intervals per failure mode, before and after safeguards side by side.

Vector graphics, byte for byte the same for the same data: no dates, no random ids, no text that is interpreted.
"""

import io
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._escape import code_escape, visible
from ._rate import Rate
from ._words import interval, percent
from .metrics import VerdictRow, by_model

Axes = Any
"""matplotlib types its keyword arguments only in part."""

MAX_PANELS = 6
"""Subjects with a panel of their own; the table holds everyone."""
_WIDTH_IN = 10.5
_ROW_IN = 0.46
_FRAME_IN = 0.75
_LABEL_CHARS = 38


@dataclass(frozen=True)
class Theme:
    """Colours of one appearance, told apart by people of every colour vision and also by marker and position."""

    text: str
    faint: str
    grid: str
    off: str
    on: str


LIGHT = Theme(text="#1c2430", faint="#5c6773", grid="#d9dee4", off="#b4480f", on="#0b62a4")
DARK = Theme(text="#e6e9ee", faint="#9aa5b1", grid="#39424e", off="#f0955a", on="#6cb6f5")


@dataclass(frozen=True)
class Panel:
    """The rows of one subject."""

    title: str
    rows: tuple[VerdictRow, ...]


def panels(rows: list[VerdictRow]) -> list[Panel]:
    """One panel a model, with both sides of the safeguards; forms of it that would collide get their own.

    Rows that nobody was exposed to are left to the table.
    """
    shown = [row for row in rows if row.failure.n or row.failure.unknown]
    found: list[Panel] = []
    for label, own in by_model(shown).items():
        if len({(row.failure_mode, row.safeguards) for row in own}) == len(own):
            found.append(Panel(label, tuple(own)))
            continue
        forms = dict.fromkeys(row.subject for row in own)
        found += [Panel(f"{label} · {one.form}", tuple(r for r in own if r.subject == one)) for one in forms]
    return found[:MAX_PANELS]


def figure_svg(rows: list[VerdictRow], theme: Theme = LIGHT, titles: dict[str, str] | None = None) -> bytes:
    """The figure as SVG. No data gives a figure that says so."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    parts = panels(rows)
    heights = [_FRAME_IN + _ROW_IN * len(_modes(part)) for part in parts] or [1.2]
    toolkit: Any = mpl
    settings = {
        "svg.hashsalt": "offswitch",
        "svg.fonttype": "path",
        "text.parse_math": False,
        "font.family": "DejaVu Sans",
        "font.size": 9.5,
    }
    with toolkit.rc_context(settings):
        figure: Any = Figure(figsize=(_WIDTH_IN, sum(heights)), facecolor="none", layout="constrained")
        axes = figure.subplots(max(1, len(parts)), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, part in zip(axes, parts, strict=False):
            _draw(axis, part, theme, titles or {})
        if parts:
            axes[-1].set_xlabel("share of exposed, valid episodes in which the control failed", color=theme.faint)
        if not parts:
            _draw_nothing(axes[0], theme)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _modes(panel: Panel) -> list[str]:
    return list(dict.fromkeys(row.failure_mode for row in panel.rows))


def _draw(axis: Axes, panel: Panel, theme: Theme, titles: dict[str, str]) -> None:
    modes = _modes(panel)
    for row in panel.rows:
        base = modes.index(row.failure_mode)
        _draw_rate(axis, row.failure, base + (0.16 if row.safeguards else -0.16), row.safeguards, theme)
    labels = [_label(" ".join(filter(None, [mode, titles.get(mode)]))) for mode in modes]
    axis.set_yticks(range(len(modes)), labels, color=theme.text)
    axis.set_ylim(len(modes) - 0.5, -0.5)
    axis.set_title(drawable(panel.title, 70), loc="left", color=theme.text, fontsize=10, fontweight="bold")
    _frame(axis, theme)


def _label(text: str) -> str:
    """Two lines, the second one cut where it is too long."""
    shown = drawable(text, 3 * _LABEL_CHARS)
    return "\n".join(textwrap.wrap(shown, _LABEL_CHARS, max_lines=2, placeholder="…"))


def _draw_rate(axis: Axes, rate: Rate, y: float, on: bool, theme: Theme) -> None:
    colour = theme.on if on else theme.off
    look = {"linestyle": "solid", "linewidth": 1.8} if rate.n else {"linestyle": (0, (1, 3)), "linewidth": 0.9}
    axis.plot([rate.lo, rate.hi], [y, y], color=colour, solid_capstyle="butt", **look)
    if rate.value is not None:
        axis.plot([rate.value], [y], marker="s" if on else "o", color=colour, markersize=5.5, clip_on=False)
    words = f"{rate.k}/{rate.n}" if rate.n else "no data"
    place = {"xycoords": "data", "textcoords": "offset points", "annotation_clip": False}
    axis.annotate(words, (1.0, y), (6, 0), va="center", color=colour, fontsize=8, **place)


def _frame(axis: Axes, theme: Theme) -> None:
    axis.set_facecolor("none")
    axis.set_xlim(-0.015, 1)
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"], color=theme.faint)
    axis.grid(axis="x", color=theme.grid, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _draw_nothing(axis: Axes, theme: Theme) -> None:
    _frame(axis, theme)
    axis.set_yticks([])
    axis.text(0.5, 0.5, "no verdicts to draw", ha="center", va="center", color=theme.faint)


def figure_text(rows: list[VerdictRow]) -> str:
    """The figure in words, for those who do not see it."""
    parts = [
        f"{row.failure_mode}, safeguards {'on' if row.safeguards else 'off'}: {percent(row.failure.value)}"
        + (f", interval {interval(row.failure)}" if row.failure.n else "")
        for panel in panels(rows)[:1]
        for row in panel.rows
    ]
    return "Failure rates with 95% intervals. " + ("; ".join(parts) or "No data.")


def drawable(text: str, limit: int) -> str:
    """Text that the figure's font can draw, at most ``limit`` characters; other characters become their code."""
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    glyphs = FT2Font(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))).get_charmap()
    shown = "".join(char if ord(char) in glyphs else code_escape(ord(char)) for char in visible(text))
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
