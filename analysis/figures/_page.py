"""What a page is: numbers that are gathered, painted, and said in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from .._data import RunData
from .._escape import visible
from ._style import Figure, settle, styled

V = TypeVar("V")
MAX_PANELS = 4
"""Subjects with a panel of their own on one page; a note counts the others."""


@dataclass(frozen=True)
class Decided:
    """A decision about one rule, as `offswitch check` gives it."""

    rule: str
    decision: str
    words: str = ""
    """What it rests on, for a reader."""


@dataclass(frozen=True)
class Ask:
    """What a page may be told beside the data."""

    titles: Mapping[str, str] = field(default_factory=dict[str, str])
    """Failure mode → name for the reader."""
    other: RunData | None = None
    """The run that ``comparison`` holds the data against."""
    episode: str | None = None
    """The one that ``episode`` shows; without it the first one with a failure, else the first."""
    fpr: float = 0.05
    """False positive rate at which the threshold of ``suspicion`` stands."""
    decisions: tuple[Decided, ...] = ()
    """Shown by ``verdicts``."""


NOTHING_ASKED = Ask()


@dataclass(frozen=True)
class Page(Generic[V]):
    """One page. Its numbers are gathered once, and painted and told from the same."""

    name: str
    title: str
    gather: Callable[[RunData, Ask], V]
    paint: Callable[[V], Figure]
    words: Callable[[V], str]

    def figure(self, data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
        """The page as a matplotlib figure. No data gives a figure that says so."""
        return self.painted(self.gather(data, ask))

    def painted(self, view: V) -> Figure:
        """The figure of numbers that are already gathered."""
        with styled():
            figure = self.paint(view)
            settle(figure)
            return figure

    def describe(self, data: RunData, ask: Ask = NOTHING_ASKED) -> str:
        """The page in words, for those who do not see it."""
        return self.told(self.gather(data, ask))

    def told(self, view: V) -> str:
        """The words of numbers that are already gathered, in one line without anything that acts or hides."""
        return visible(self.words(view))


AnyPage = Page[Any]
