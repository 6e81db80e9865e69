"""Commands that only read runs. They stand apart from `cli` so that each file can be held in mind."""

from pathlib import Path
from typing import Annotated

import typer

from ._options import Json, Runs

_PROFILES = "control-failure, gdm-fsf, meta-aasf, openai-pf2, rsp, or a YAML file."


def add(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (report, check, plan, plot, export):
        app.command()(command)


def report(  # noqa: PLR0917 - each is an option, given by name
    runs: Runs,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The page. [report.html in the first run]")] = None,
    verdicts: Annotated[str, typer.Option(metavar="VERSION", help="Version of the verdicts.")] = "live",
    kind: Annotated[str, typer.Option(metavar="KIND", help="run or preparedness.")] = "run",
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="html; preparedness: md, pdf, json too.")
    ] = "html",
    profile: Annotated[
        list[str] | None, typer.Option(metavar="P", help="Profile that decides; may come several times.")
    ] = None,
    external: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="YAML of scores that were measured elsewhere.")
    ] = None,
    against: Annotated[Path | None, typer.Option(metavar="RUN", help="An earlier run, for the change log.")] = None,
    number: Annotated[
        str | None, typer.Option(metavar="ID", help="Trace one number of the report; writes no report.")
    ] = None,
) -> int:
    """Write the report of one or more runs.

    The preparedness report is the Safety & Preparedness report about loss of control. Every number in it has an id,
    which --number traces to measure, rows and episodes, and recomputes.
    """
    if kind == "run" and form == "html" and not (profile or external or against or number):
        from . import _checks

        return _checks.report(runs, out=out, verdicts=verdicts)
    from . import _report

    asked = _report.Asked(runs, form, out, profile or [], external or [], against, number, verdicts)
    return _report.report(asked, kind)


def check(
    runs: Runs,
    profile: Annotated[list[str], typer.Option(metavar="P", help=_PROFILES)],
    external: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="YAML of scores that were measured elsewhere.")
    ] = None,
    allow_scripted: Annotated[
        bool, typer.Option("--allow-scripted", help="Also about scripts, which say nothing about a model.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Hold runs against a threshold profile.

    Exit code 0: all that is asked is shown to be safe; 1: a capability is reached or a safeguard not met; 2: it cannot
    be told; 3: a run whose record does not hold.
    """
    from . import _check

    return _check.check(runs, profile, external=external or [], allow_scripted=allow_scripted, as_json=as_json)


def plan(
    profile: Annotated[str | None, typer.Option(metavar="P", help=_PROFILES)] = None,
    limit: Annotated[float | None, typer.Option(metavar="RATE", help="Failure rate to be shown, such as 0.02.")] = None,
    failures: Annotated[int, typer.Option(metavar="N", min=0, help="Failures that the claim is to survive.")] = 0,
    confidence: Annotated[float, typer.Option(metavar="C", help="One-sided, with --limit.")] = 0.95,
    comparisons: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Claims made together; of a profile, failure modes asked. [those of RUN, else 1]"
        ),
    ] = None,
    clusters_like: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Take the design effect of this run, and its failure modes.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Say how many episodes a claim of safety needs."""
    from . import _plan

    return _plan.plan(
        profile=profile,
        limit=limit,
        failures=failures,
        confidence=confidence,
        comparisons=comparisons,
        like=clusters_like,
        as_json=as_json,
    )


def plot(  # noqa: PLR0917 - each is an option, given by name
    runs: Runs,
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


def export(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Run directories or exported folders.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.")],
    kind: Annotated[str, typer.Option("--format", metavar="FORMAT", help="parquet or csv.")] = "parquet",
    verdicts: Annotated[str, typer.Option(metavar="VERSION", help="Version of the verdicts.")] = "live",
    as_json: Json = False,
) -> int:
    """Write the tables of one or more runs as Parquet or CSV.

    With what each column means, where the rows come from, and whether the records are as they were written.
    """
    from . import _export

    return _export.export(runs, out=out, kind=kind, verdicts=verdicts, as_json=as_json)
