"""Eleven pages about a run, as matplotlib figures.

Each page is a function of loaded runs, and is right with no episode and with one::

    data = load("runs/first")
    figure = figures.verdicts(data)                       # a matplotlib Figure
    drawn = figures.draw(data, "time", "time.svg")        # writes it; the same data give the same bytes
    drawn.alt                                             # the page in words

Every page says below what it rests on: how many episodes, how many of them independent and by which unit, the method
of its intervals, what is unknown and what is invalid. Names are drawn as text, whatever they hold. Colours are those of
Okabe and Ito; what a colour tells, a marker, a line style or a hatching tells too.
"""

from ._draw import (
    FORMATS,
    PAGES,
    Drawn,
    Format,
    card,
    comparison,
    conditions,
    cost,
    describe,
    draw,
    episode,
    frontier,
    horizon,
    scores,
    suspicion,
    time,
    verdicts,
)
from ._page import Ask, Decided, Page

__all__ = [
    "FORMATS",
    "PAGES",
    "Ask",
    "Decided",
    "Drawn",
    "Format",
    "Page",
    "card",
    "comparison",
    "conditions",
    "cost",
    "describe",
    "draw",
    "episode",
    "frontier",
    "horizon",
    "scores",
    "suspicion",
    "time",
    "verdicts",
]
