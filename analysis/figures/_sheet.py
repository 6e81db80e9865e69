"""The sheet that every page is drawn on: title, room for the picture, and the note that says what it rests on."""

from dataclasses import dataclass
from typing import Any

from ._style import FAINT, INK, NOTE_PT, PAPER, SMALL_PT, TITLE_PT, VERMILLION, WIDTH_IN, Figure
from ._text import block, wrap

SCRIPTED_NOTE = "Scripted: proves the instrument, says nothing about a model."
EMPTY_IN = 1.3
"""Height of a body that holds nothing."""
_MARGIN_IN = 0.14
_SIDE_IN = 0.12
_TITLE_LINE_IN, _SUB_LINE_IN, _NOTE_LINE_IN = 0.235, 0.16, 0.142


@dataclass(frozen=True)
class Note:
    """What a figure rests on."""

    n: int
    """Episodes that count."""
    clusters: int
    unit: str = "world"
    """What counts as one independent observation."""
    method: str = ""
    """Of the intervals; empty where there are none."""
    unknown: int = 0
    agent_caused: int = 0
    not_exposed: int = 0
    invalid: int = 0
    scripted: bool = False
    more: tuple[str, ...] = ()
    """Sentences about what is not shown, or how to read it."""
    of: str = "exposed, valid episodes"
    """What n counts."""

    @property
    def words(self) -> str:
        """The note as sentences."""
        unit = {"world": "world (task, seed)"}.get(self.unit, self.unit)
        counts = (
            f"n = {self.n:,} {self.of}; {self.clusters:,} independent, by {unit}; unknown {self.unknown:,}, caused by "
            f"the agent {self.agent_caused:,}, not exposed {self.not_exposed:,}, invalid {self.invalid:,}."
        )
        method = f"Intervals: {self.method}." if self.method else "No intervals: descriptive."
        return " ".join([counts, method, *self.more])


def sheet(title: str, subtitle: str, note: Note, body_in: float, *, width_in: float = WIDTH_IN) -> Figure:
    """An empty figure with its title above and its note below; ``body_in`` inches of height are free in between.

    Must be called, filled and saved within `styled`.
    """
    from matplotlib.figure import Figure as MplFigure

    room = width_in - 2 * _SIDE_IN
    heading = wrap(title, room, TITLE_PT * 1.12, 2)
    sub = wrap(subtitle, room, SMALL_PT, 3)
    foot = wrap(note.words, room, NOTE_PT, 12) + ([SCRIPTED_NOTE] if note.scripted else [])
    top = _MARGIN_IN + len(heading) * _TITLE_LINE_IN + len(sub) * _SUB_LINE_IN
    bottom = _MARGIN_IN + len(foot) * _NOTE_LINE_IN
    height = top + body_in + bottom
    figure: Any = MplFigure(figsize=(width_in, height), facecolor=PAPER, layout="constrained")
    figure.get_layout_engine().set(
        rect=(0.01, bottom / height, 0.98, body_in / height), w_pad=0.06, h_pad=0.06, wspace=0.03, hspace=0.03
    )
    _line(figure, height - _MARGIN_IN / 2, heading, fontsize=TITLE_PT, fontweight="bold", color=INK)
    _line(
        figure, height - _MARGIN_IN / 2 - len(heading) * _TITLE_LINE_IN, sub, fontsize=SMALL_PT, color=FAINT,
        linespacing=1.25,
    )  # fmt: skip
    words = foot[:-1] if note.scripted else foot
    _line(figure, bottom - _MARGIN_IN / 3, words, fontsize=NOTE_PT, color=FAINT, linespacing=1.2)
    if note.scripted:
        _line(
            figure, bottom - _MARGIN_IN / 3 - len(words) * _NOTE_LINE_IN, foot[-1:], fontsize=NOTE_PT,
            fontweight="bold", color=VERMILLION,
        )  # fmt: skip
    return figure


def _line(figure: Figure, y_in: float, lines: list[str], **how: Any) -> None:
    """Lines of text whose top stands ``y_in`` inches above the lower edge."""
    if lines:
        width, height = figure.get_size_inches()
        figure.text(_SIDE_IN / width, y_in / height, "\n".join(lines), va="top", parse_math=False, **how)


def label(text: str, inches: float, size: float = SMALL_PT, lines: int = 2) -> str:
    """A name beside an axis."""
    return block(text, inches, size, lines)
