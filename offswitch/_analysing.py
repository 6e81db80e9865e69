"""Commands that only read runs. They stand apart from `cli` so that each file can be held in mind."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(plot)


def plot(  # noqa: PLR0917 - each is an option, given by name
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run directories.", show_default=False)],
    page: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this page; may come several times.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder. [figures/ in the first run]")] = None,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help="svg, png or pdf.")] = "svg",
    compare: Annotated[Path | None, typer.Option(metavar="RUN2", help="Run that the page comparison adds.")] = None,
    episode: Annotated[str | None, typer.Option(metavar="EPISODE", help="Episode of the page episode.")] = None,
    fpr: Annotated[float, typer.Option(metavar="SHARE", min=0, max=1, help="False positives that may be.")] = 0.05,
    verdicts: Annotated[str, typer.Option(metavar="VERSION", help="Version of the verdicts.")] = "live",
    as_json: Json = False,
) -> int:
    """Draw the figures of one or more runs, each with its words.

    Pages: verdicts, frontier, suspicion, conditions, time, horizon, scores, episode, comparison, cost, card.
    """
    from . import _plot

    flags = _plot.PlotFlags(
        runs=runs,
        pages=page or [],
        out=out,
        format=format_,
        compare=compare,
        episode=episode,
        fpr=fpr,
        verdicts=verdicts,
        as_json=as_json,
    )
    return _plot.plot(flags)
