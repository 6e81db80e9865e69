"""Page 10: what the run used, and which limits ended episodes."""

import numpy as np

from ._cost_data import MAX_SUBJECTS, Spent, View, gather
from ._page import Page
from ._parts import legend
from ._sheet import EMPTY_IN, sheet
from ._style import FAINT, INK, SERIES, SMALL_PT, Axes, Figure, head, name_ticks, nothing, plain, write
from ._text import drawable, ended

_CUT = frozenset({"max_steps", "max_tokens", "max_wall", "max_virtual", "max_usd", "max_context"})
_ROW_IN = 0.34
_COLUMNS = (
    ("tokens in", 0.0), ("out", 0.17), ("dollars", 0.31), ("host time", 0.55), ("scenario", 0.7), ("steps", 0.83),
    ("retries", 0.92),
)  # fmt: skip


def paint(view: View) -> Figure:
    spent = view.spent[:MAX_SUBJECTS]
    height = 0.85 + _ROW_IN * len(spent)
    reasons = _reasons(spent)
    figure = sheet(
        "What did it use, and what cut it short?",
        "An amount with ≥ is a lower bound: episodes that do not say are not counted as 0. Host time: an episode's "
        "first record to its last one. Retries: failed attempts at the provider + repeated attempts at an episode.",
        view.note,
        (2 * height + 0.25 + 0.17 * ((len(reasons) + 2) // 3)) if spent else EMPTY_IN,
    )
    if not spent:
        nothing(figure.subplots(), "no episode")
        return figure
    table, ends = figure.subplots(2, 1, height_ratios=(1, 1.15))
    _table(table, spent)
    _ends(ends, spent, reasons)
    return figure


def _table(axis: Axes, spent: tuple[Spent, ...]) -> None:
    axis.set_xlim(0, 1)
    plain(axis, grid="")
    axis.set_xticks([])
    name_ticks(axis, "y", range(len(spent)), [_name(one) for one in spent], color=INK, fontsize=SMALL_PT)
    axis.set_ylim(len(spent) - 0.4, -0.9)
    for place, one in enumerate(spent):
        for words, (_, x) in zip(_cells(one), _COLUMNS, strict=True):
            write(axis, x, place, words, va="center")
    for words, x in _COLUMNS:
        write(axis, x, -0.62, words, fontsize=SMALL_PT - 0.5, color=FAINT, va="center")
    head(axis, "Used", 4.0)


def _name(one: Spent) -> str:
    return f"{ended(one.subject, 1.85, SMALL_PT)} ({one.episodes:,})"


def _cells(one: Spent) -> tuple[str, ...]:
    return (
        _amount(one.input_tokens, one.tokens_unknown),
        _amount(one.output_tokens, one.tokens_unknown),
        dollars(one.usd, one.usd_unknown),
        _time(one.host_s),
        _time(one.virtual_s),
        f"{one.steps:,}",
        f"{one.retries:,} + {one.repeated:,}",
    )


def _amount(value: int | None, unknown: int) -> str:
    if value is None:
        return "unknown"
    text = f"{value:,}" if value < 1e6 else f"{value / 1e6:.3g} M" if value < 1e9 else f"{value / 1e9:.3g} G"
    return f"≥ {text}" if unknown else text


def dollars(usd: float | None, unknown: int) -> str:
    """Money, a lower bound where the price of some episodes is unknown.

    >>> dollars(None, 3), dollars(1.5, 0), dollars(0.0, 2)
    ('unknown', '$1.50', '≥ $0.00 (2 unknown)')
    """
    if usd is None:
        return "unknown"
    text = f"${usd:,.2f}" if usd >= 0.01 or not usd else f"${usd:.2g}"
    return f"≥ {text} ({unknown:,} unknown)" if unknown else text


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def _reasons(spent: tuple[Spent, ...]) -> list[str]:
    """Every end reason that occurs, those that are no limit first."""
    names = dict.fromkeys(reason for one in spent for reason, _ in one.ends)
    return sorted(names, key=lambda name: (name in _CUT, name))


def _ends(axis: Axes, spent: tuple[Spent, ...], reasons: list[str]) -> None:
    left = np.zeros(len(spent))
    for place, reason in enumerate(reasons):
        look = SERIES[place % len(SERIES)]
        hatch = look.hatch if place < len(SERIES) else look.hatch + "oo"
        shares = np.array([dict(one.ends).get(reason, 0) / max(1, one.episodes) for one in spent])
        limit = " (limit)" if reason in _CUT else ""
        total = sum(dict(one.ends).get(reason, 0) for one in spent)
        axis.barh(range(len(spent)), shares, left=left, height=0.6, color=look.colour, hatch=hatch, edgecolor="white",
                  linewidth=0.5, label=f"{drawable(reason).replace('_', ' ')}{limit}: {total:,}")  # fmt: skip
        left += shares
    plain(axis)
    axis.set_xlim(0, 1)
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    name_ticks(axis, "y", range(len(spent)), [_name(one) for one in spent], color=INK, fontsize=SMALL_PT)
    axis.set_ylim(len(spent) - 0.4, -0.6)
    head(axis, "How episodes ended", 4.0)
    legend(axis, loc="upper left", bbox_to_anchor=(-0.02, -0.2 / max(0.5, 0.3 * len(spent))), ncols=3)


def words(view: View) -> str:
    said = [
        f"{drawable(one.subject)}: {one.episodes:,} episodes, {dollars(one.usd, one.usd_unknown)}, host time "
        f"{_time(one.host_s)}, ended by {', '.join(f'{drawable(reason)} {count:,}' for reason, count in one.ends)}"
        for one in view.spent[:MAX_SUBJECTS]
    ]
    return " ".join(["Cost and limits.", "; ".join(said) or "No data.", view.note.words])


PAGE = Page("cost", "What did it use, and what cut it short?", gather, paint, words)
