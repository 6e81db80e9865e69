"""The command that draws the figures of runs."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ._exits import OK
from ._screen import say, warn
from ._show import show_json, titles

if TYPE_CHECKING:
    from offswitch.analysis import RunData
    from offswitch.analysis.figures import Drawn, Format


@dataclass(frozen=True)
class PlotFlags:
    """What was asked for."""

    runs: list[Path]
    pages: list[str]
    """Empty: every page."""
    out: Path | None
    format: str
    compare: Path | None
    episode: str | None
    fpr: float
    verdicts: str
    as_json: bool


def plot(flags: PlotFlags) -> int:
    """Write the pages, and say where they are."""
    from offswitch.analysis import load

    kind = _known(flags)
    data = load(*flags.runs, verdicts=flags.verdicts)
    other = load(flags.compare, verdicts=flags.verdicts) if flags.compare else None
    _episode_there(data, flags.episode)
    drawn = _drawn(data, other, flags, kind)
    _warned(data)
    if flags.as_json:
        show_json({"figures": [{**asdict(one), "path": str(one.path)} for one in drawn]})
    else:
        say(*(str(one.path) for one in drawn))
    return OK


def _warned(data: "RunData") -> None:
    from offswitch.analysis import broken_records, plural

    broken = broken_records(data)
    if broken:
        warn(
            f"offswitch: plot: {plural(broken, 'episode')} without a record that holds, in no rate and counted as "
            "invalid; `offswitch verify RUN` shows everything"
        )


def _known(flags: PlotFlags) -> "Format":
    """The format. Raises `UnknownPageError` for what is not there, before anything is loaded or written."""
    from offswitch.analysis import UnknownPageError
    from offswitch.analysis.figures import FORMATS, PAGES

    strange = [name for name in flags.pages if name not in PAGES]
    if strange:
        raise UnknownPageError(f"plot: there is no page {strange[0]!r}; --page takes {', '.join(PAGES)}")
    for known in FORMATS:
        if known == flags.format:
            return known
    raise UnknownPageError(f"plot: --format takes {', '.join(FORMATS)}, not {flags.format!r}")


def _episode_there(data: "RunData", name: str | None) -> None:
    from offswitch.analysis import UnknownPageError

    if name is not None and not data.episodes["episode_id"].eq(name).any():
        raise UnknownPageError(f"plot: no episode is called {name!r}; the run's folder episodes/ holds their names")


def _drawn(data: "RunData", other: "RunData | None", flags: PlotFlags, kind: "Format") -> "list[Drawn]":
    from offswitch.analysis.figures import PAGES, Ask, draw

    ask = Ask(titles=titles(), other=other, episode=flags.episode, fpr=flags.fpr)
    folder = flags.out or flags.runs[0] / "figures"
    pages = list(dict.fromkeys(flags.pages)) or list(PAGES)
    return [draw(data, name, folder / f"{name}.{kind}", kind, ask=ask) for name in pages]
