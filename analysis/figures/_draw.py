"""The registry of pages, and how a page becomes a file."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from .._data import RunData
from .._errors import UnknownPageError
from .._written import replace_page
from . import (
    _card,
    _comparison,
    _conditions,
    _cost,
    _episode,
    _frontier,
    _horizon,
    _scores,
    _suspicion,
    _time,
    _verdicts,
)
from ._page import NOTHING_ASKED, AnyPage, Ask
from ._style import Figure, styled

Format = Literal["svg", "png", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)

PAGES: Mapping[str, AnyPage] = {
    page.name: page
    for page in (
        _verdicts.PAGE,
        _frontier.PAGE,
        _suspicion.PAGE,
        _conditions.PAGE,
        _time.PAGE,
        _horizon.PAGE,
        _scores.PAGE,
        _episode.PAGE,
        _comparison.PAGE,
        _cost.PAGE,
        _card.PAGE,
    )
}
"""Name → page, in the order in which a reader needs them."""
_UNDATED: Mapping[Format, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_SAID: Mapping[Format, tuple[str, str]] = {
    "svg": ("Title", "Description"),
    "png": ("Title", "Description"),
    "pdf": ("Title", "Subject"),
}
"""Where a file holds its title and its words."""


@dataclass(frozen=True)
class Drawn:
    """A page that was written."""

    page: str
    title: str
    path: Path
    alt: str
    """The page in words, for those who do not see it."""


def page_of(name: str) -> AnyPage:
    """The page of that name. Raises `UnknownPageError`."""
    if name not in PAGES:
        raise UnknownPageError(f"plot: there is no page {name!r}; there are {', '.join(PAGES)}")
    return PAGES[name]


def draw(data: RunData, page: str, out: str | Path, kind: Format | None = None, *, ask: Ask = NOTHING_ASKED) -> Drawn:
    """Write one page to ``out``; the format is that of the name's ending unless told.

    Raises `UnknownPageError` for a page or a format that there is not, `PageError` where the file cannot be written.
    """
    chosen, path = page_of(page), Path(out)
    chosen_kind = _format(kind or path.suffix.removeprefix("."))
    view = chosen.gather(data, ask)
    alt = chosen.told(view)
    content = rendered(chosen.painted(view), chosen_kind, chosen.title, alt)
    replace_page(path, content, phase="plot", option="--out DIR")
    return Drawn(page, chosen.title, path, alt)


def _format(name: str) -> Format:
    for known in FORMATS:
        if name == known:
            return known
    raise UnknownPageError(
        f"plot: a figure is written as {', '.join(FORMATS)}, not as {name or 'a file without ending'}"
    )


def rendered(figure: Figure, kind: Format, title: str = "", alt: str = "") -> bytes:
    """The bytes of a figure; the same for the same figure, without dates. The words go into the file too."""
    out = io.BytesIO()
    said = {name: text for name, text in zip(_SAID[kind], (title, alt), strict=True) if text}
    with styled():
        figure.savefig(out, format=kind, metadata=_UNDATED[kind] | said)
    return out.getvalue()


def describe(page: str, data: RunData, ask: Ask = NOTHING_ASKED) -> str:
    """The page in words, for those who do not see it. Raises `UnknownPageError`."""
    return page_of(page).describe(data, ask)


def verdicts(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 1: failure modes by subject, k/n, interval, worst case, what was left out, and decisions where given."""
    return _verdicts.PAGE.figure(data, ask)


def frontier(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 2: safety against usefulness by protocol, and safety over the audit budget."""
    return _frontier.PAGE.figure(data, ask)


def suspicion(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 3: suspicion of honest and attacking episodes, ROC, and recall at the false positive rate ``ask.fpr``."""
    return _suspicion.PAGE.figure(data, ask)


def conditions(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 4: failure rates by instruction, pressure, placement, control, oversight, and on the autonomy ladder."""
    return _conditions.PAGE.figure(data, ask)


def time(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 5: time until a stop order was followed, and Kaplan–Meier curves of "no violation by step t"."""
    return _time.PAGE.figure(data, ask)


def horizon(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 6: success by the time that people take: tasks, buckets, and a horizon where the data carry one."""
    return _horizon.PAGE.figure(data, ask)


def scores(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 7: scores by subject and task, as a heat map, and by what the episodes used."""
    return _scores.PAGE.figure(data, ask)


def episode(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 8: one episode in swim lanes; ``ask.episode`` names it."""
    return _episode.PAGE.figure(data, ask)


def comparison(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 9: paired differences to ``ask.other``, or of safeguards off and on, with every flip."""
    return _comparison.PAGE.figure(data, ask)


def cost(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 10: tokens, dollars, time, retries, and how episodes ended."""
    return _cost.PAGE.figure(data, ask)


def card(data: RunData, ask: Ask = NOTHING_ASKED) -> Figure:
    """Page 11: the run on one page to print."""
    return _card.PAGE.figure(data, ask)
