"""The document: sections of a few kinds of blocks, the same for every form in which it is written."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .._data import RunData
from ..figures._draw import PAGES, rendered
from ..figures._page import NOTHING_ASKED
from ._numbers import Measurement, Number
from ._origins import Origins


@dataclass(frozen=True)
class Quoted:
    """Text that came with the data: names, reasons, commands. It is shown and never interpreted."""

    text: str


@dataclass(frozen=True)
class Ref:
    """Names a measurement, so that its entry is found."""

    id: str


Part = str | Quoted | Number | Ref
"""What a line is made of. A `str` is prose of ours, and is escaped all the same."""
Line = tuple[Part, ...]


def line(*parts: Part) -> Line:
    """A line of parts."""
    return parts


@dataclass(frozen=True)
class Paragraph:
    """One paragraph; ``tone`` is ``plain``, ``note`` or ``warning``."""

    line: Line
    tone: str = "plain"


@dataclass(frozen=True)
class Bullets:
    """A list."""

    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """A table with a caption; as many cells in each row as there are columns."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True)
class Heading:
    """A part of a section, for example one model."""

    line: Line


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure of one subject; it is gathered and drawn where a form shows it."""

    page: str
    data: RunData

    @cached_property
    def _view(self) -> Any:
        return PAGES[self.page].gather(self.data, NOTHING_ASKED)

    @property
    def empty(self) -> bool:
        """Whether nothing is to be seen."""
        return not self._view.note.n

    @property
    def title(self) -> str:
        """The question that it answers."""
        return PAGES[self.page].title

    @property
    def source(self) -> str:
        """What gives its numbers again."""
        return f"offswitch plot RUN --page {self.page} --json draws it again, of every model, and tells its numbers."

    @cached_property
    def words(self) -> str:
        """The same in words."""
        return PAGES[self.page].told(self._view)

    @cached_property
    def svg(self) -> bytes:
        """The drawing."""
        return rendered(PAGES[self.page].painted(self._view), "svg", self.title, self.words)


Block = Paragraph | Bullets | Table | Heading | Picture


@dataclass(frozen=True)
class Section:
    """One section; ``anchor`` is what a link names."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Banner:
    """What a reader must see first; ``kind`` is ``bad``, ``part`` or ``ok``."""

    kind: str
    title: str
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    subtitle: Line
    banners: tuple[Banner, ...]
    sections: tuple[Section, ...]
    brief: tuple[Block, ...] = ()
    """What stands before the sections."""
    measurements: tuple[Measurement, ...] = field(default=())
    """Everything that the printed numbers come from, in the order of its ids."""

    @cached_property
    def origins(self) -> Origins:
        """Where the numbers come from."""
        return Origins.of(self.measurements)

    @property
    def tampered(self) -> bool:
        """Whether a banner says that the record cannot be relied on."""
        return any(banner.kind == "bad" for banner in self.banners)
