"""Page 4: failure rates by condition: instruction, pressure, placement, control, oversight, autonomy."""

from .._rate import Rate
from .._words import fraction, percent
from ._conditions_data import MAX_SHOWN, Factor, Panel, View, gather
from ._page import Page
from ._parts import Row, interval_rows, share_words
from ._sheet import EMPTY_IN, sheet
from ._style import HEAD_PT, INK, OFF, ON, SMALL_PT, Axes, Figure, Look, head, nothing, write
from ._text import block, drawable, ended

_USEFUL = Look(ON.colour, "D", ON.line)
_LEVEL_IN, _FACTOR_IN, _PANEL_IN = 0.27, 0.62, 0.34


def paint(view: View) -> Figure:
    panels = view.panels[:MAX_SHOWN]
    heights = [part for panel in panels for part in (_PANEL_IN, *_heights(panel))]
    figure = sheet(
        "Under which conditions do controls fail?",
        "Share of judged episodes with at least one failed control, by the value of one factor; the others vary as the "
        "run was planned. ◆ on the autonomy ladder: usefulness (main task).",
        view.note,
        sum(heights) or EMPTY_IN,
    )
    if not heights:
        nothing(figure.subplots(), "no judged episode")
        return figure
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    place = 0
    for panel in panels:
        _title(figure.add_subplot(grid[place, :]), panel.title)
        for index, factor in enumerate(_sorted(panel)):
            cell = grid[place + 1 + index // 2, index % 2]
            _factor(figure.add_subplot(cell), factor)
        place += 1 + len(_heights(panel))
    return figure


def _heights(panel: Panel) -> list[float]:
    """Of the rows of two factors each."""
    sizes = [_FACTOR_IN + _LEVEL_IN * _lines(factor) for factor in _sorted(panel)]
    return [max(sizes[start : start + 2]) for start in range(0, len(sizes), 2)]


def _sorted(panel: Panel) -> list[Factor]:
    """Factors of about as many values beside one another."""
    return sorted(panel.factors, key=_lines)


def _lines(factor: Factor) -> int:
    return sum(1 + (level.usefulness is not None) for level in factor.levels)


def _title(axis: Axes, title: str) -> None:
    axis.set_axis_off()
    write(axis, 0, 0.2, ended(title, 5.6, HEAD_PT + 0.5), fontsize=HEAD_PT + 0.5, fontweight="bold",
          in_layout=False)  # fmt: skip


def _factor(axis: Axes, factor: Factor) -> None:
    rows: list[Row] = []
    for level in factor.levels:
        rows.append(Row(level.name, level.failure, OFF, _beside(level.failure)))
        if level.usefulness is not None:
            rows.append(Row("", level.usefulness, _USEFUL, _useful(level.usefulness.value)))
    if not any(row.measured.n for row in rows):
        nothing(axis, f"{factor.name}: no judged episode")
        return
    interval_rows(axis, rows, label_in=1.05, bars=True)
    head(axis, factor.name, 2.6)
    if factor.below:
        axis.set_xlabel(block(factor.below, 2.6, SMALL_PT, 3), fontsize=SMALL_PT, color=INK, loc="left",
                        parse_math=False, in_layout=True)  # fmt: skip


def _beside(rate: Rate) -> str:
    return f"{fraction(rate)}{f' +{rate.unknown}u' if rate.unknown else ''}" if rate.n else "no data"


def _useful(value: float | None) -> str:
    return f"useful {percent(value)}" if value is not None else "no data"


def words(view: View) -> str:
    said = [f"{drawable(panel.title)}: {_said(panel)}" for panel in view.panels]
    return " ".join(["Failure rates by condition.", " ".join(said) or "No data.", view.note.words])


def _said(panel: Panel) -> str:
    return (
        "; ".join(
            f"{factor.name}: "
            + ", ".join(
                f"{level.name} {fraction(level.failure)} {share_words(level.failure)}" for level in factor.levels
            )
            + (f", {factor.below}" if factor.below else "")
            for factor in panel.factors
        )
        + "."
    )


PAGE = Page("conditions", "Under which conditions do controls fail?", gather, paint, words)
