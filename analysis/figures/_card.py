"""Page 11: the run on one page: what was run, its digests, how it was checked, and how far it can be believed."""

from typing import Any

from ._card_data import Section, View, gather
from ._page import Page
from ._sheet import sheet
from ._style import FAINT, GRID, HEAD_PT, INK, SMALL_PT, Figure
from ._text import drawable, wrap

_LINE_IN, _HEAD_IN, _GAP_IN = 0.155, 0.22, 0.13
_NAME_IN, _TEXT_IN, _LEFT_IN = 1.05, 6.55, 0.12
_MAX_LINES = 3
"""Of one text; a hash or a command is never longer."""


def paint(view: View) -> Figure:
    heights = [_height(section) for section in view.sections]
    body = sum(heights) + 0.1
    figure = sheet(view.title, "Everything below is read from the stored records.", view.note, body)
    width, total = (float(size) for size in figure.get_size_inches())
    top = total - _title_in(figure, body)
    for section, height in zip(view.sections, heights, strict=True):
        _section(figure, section, top, width, total)
        top -= height
    return figure


def _title_in(figure: Figure, body: float) -> float:
    """Height of what stands above the body."""
    rect = figure.get_layout_engine().get()["rect"]
    total = float(figure.get_size_inches()[1])
    return float(total - rect[1] * total - body)


def _texts(section: Section) -> list[tuple[str, list[str]]]:
    wide = _TEXT_IN + _NAME_IN
    return [
        (name, wrap(text, _TEXT_IN if len(name) > 1 else wide - (0.12 if name else 0), SMALL_PT, _MAX_LINES) or ["–"])
        for name, text in section.lines
    ]


def _height(section: Section) -> float:
    return _HEAD_IN + _GAP_IN + _LINE_IN * sum(len(lines) for _, lines in _texts(section))


def _section(figure: Figure, section: Section, top: float, width: float, total: float) -> None:
    how: dict[str, Any] = {"va": "top", "parse_math": False}
    figure.add_artist(_rule(top / total, width))
    figure.text(_LEFT_IN / width, (top - 0.05) / total, section.title, fontsize=HEAD_PT, fontweight="bold", color=INK,
                **how)  # fmt: skip
    y = top - _HEAD_IN - 0.03
    for name, lines in _texts(section):
        x = _LEFT_IN + (_NAME_IN if len(name) > 1 else 0.12 if name else 0)
        figure.text(_LEFT_IN / width, y / total, name, fontsize=SMALL_PT, color=FAINT, **how)
        for line in lines:
            figure.text(x / width, y / total, line, fontsize=SMALL_PT, color=INK, **how)
            y -= _LINE_IN


def _rule(y: float, width: float) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([_LEFT_IN / width, 1 - _LEFT_IN / width], [y, y], color=GRID, linewidth=0.8)


def words(view: View) -> str:
    said = [
        f"{section.title}: " + "; ".join(f"{name} {drawable(text, 400)}".strip(" •") for name, text in section.lines)
        for section in view.sections
    ]
    return " ".join([f"{drawable(view.title)}.", *(f"{one}." for one in said), view.note.words])


PAGE = Page("card", "Run card", gather, paint, words)
