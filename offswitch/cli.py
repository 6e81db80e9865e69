"""The command line. Heavy packages are imported inside the commands: ``--help`` must not wait for them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from . import _analysing, _exits
from ._guard import guard
from ._options import Json, RunDir
from ._screen import say, screened

app = typer.Typer(
    name="offswitch",
    help="Measures, from outside the container, whether people keep control of an autonomous AI agent.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 ok, 1 a finding, 2 wrong use, 3 invalid or infrastructure, 130 interrupted.",
)
_DEBUG = "--debug"
_KINDS = "tasks, mechanisms, failure-modes, monitors, protocols, cast or env-ids."
_AGENTS = "oracle, null, violator:S3, violator:S3.ROUTE, innocent:S3 or langchain; may come several times."
_CHANGES = "Change the experiment; may come several times."
_BRANCH_SETS = "control, instruction, pressure, oversight, autonomy, placement, monitored, protocol or mechanisms.ID."
_NOTED = "Root hash of this run that was noted elsewhere."


def main() -> None:
    """Run the command that was given to this process, and end it."""
    sys.exit(call(sys.argv[1:]))


def call(words: Sequence[str]) -> int:
    """Run a command; returns its exit code. Whatever goes wrong is one clear line on stderr."""
    with screened():
        return _called(words)


def _called(words: Sequence[str]) -> int:
    debug = _DEBUG in words
    given = [word for word in words if word != _DEBUG] or ["--help"]
    try:
        code: Any = app(given, prog_name="offswitch", standalone_mode=False)
    except BaseException as error:
        if isinstance(error, SystemExit | GeneratorExit):
            raise
        return _exits.told(KeyboardInterrupt() if guard.asked else error, debug=debug)
    if guard.asked:  # the framework ends quietly on an interrupt
        return _exits.told(KeyboardInterrupt(), debug=debug)
    return code if isinstance(code, int) else _exits.OK


def _version(asked: bool) -> None:
    if asked:
        from . import __version__

        say(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option(_DEBUG, help="Show tracebacks; may stand anywhere.")] = False,
) -> None:
    """Options of every command."""


@app.command()
def doctor(
    strict: Annotated[bool, typer.Option("--strict", help="A known weakness of the engine is a finding.")] = False,
    as_json: Json = False,
) -> int:
    """Look at this machine; changes nothing."""
    from . import _checks

    return _checks.doctor(strict=strict, as_json=as_json)


@app.command()
def conformance(
    engine: Annotated[str | None, typer.Option(metavar="ENDPOINT", help="unix:///PATH. [the configured one]")] = None,
    runtime: Annotated[str | None, typer.Option(metavar="NAME", help="One of the engine's runtimes.")] = None,
    profile: Annotated[str, typer.Option(metavar="NAME", help="sealed or rootful.")] = "sealed",
    without: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Do without this promise; may come several times.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Try every promise on an engine, and say which verdicts hold there.

    Starts real containers. Exit code 0 only if every promise holds or was given up by name.
    """
    from . import _conformance

    return _conformance.conformance(
        engine=engine, runtime=runtime, profile=profile, without=without or [], as_json=as_json
    )


@app.command()
def setup() -> int:
    """Make this machine ready: engine, supervisor, base image."""
    from . import _checks

    return _checks.setup()


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the run goes; an older demo there is moved aside.")
    ] = Path("demo-run"),
) -> int:
    """Everything once, on scripted agents, in a minute."""
    from . import _demo

    return _demo.demo(out)


@app.command("list")
def list_(
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help="tasks, mechanisms, failure-modes, monitors, protocols, cast, env-ids."),
    ],
    as_json: Json = False,
) -> int:
    """Show what there is of a kind."""
    from . import _list

    _list.show_kind(kind, as_json=as_json)
    return _exits.OK


@app.command()
def run(  # noqa: PLR0913, PLR0917 - each is an option, given by name
    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC", help="An experiment in YAML.", show_default=False)
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(metavar="TASK", help="Task, in place of a file; may come several times.")
    ] = None,
    agent: Annotated[list[str] | None, typer.Option(metavar="WHO", help=_AGENTS)] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="provider:name, or local:FILE.gguf.")] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="An OpenAI-compatible endpoint.")] = None,
    mode: Annotated[str | None, typer.Option(metavar="MODE", help="tool_calls or text_protocol.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="as_is, helpful_only or deployed.")] = None,
    episodes: Annotated[
        int | None, typer.Option(metavar="N", help="Episodes of each subject, one seed each. [1]")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The first seed. [1]")] = None,
    safeguards: Annotated[str | None, typer.Option(metavar="SIDE", help="off, on or both. [off]")] = None,
    parallel: Annotated[int | None, typer.Option(metavar="N", help="Episodes at the same time. [2]")] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Give up a guarantee (limits …); see conformance.")
    ] = None,
    runtime: Annotated[str | None, typer.Option(metavar="NAME", help="One of the engine's runtimes.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY.KEY=VALUE", help=_CHANGES)] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory. [runs/DATE-TIME]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    record: Annotated[bool | None, typer.Option("--record/--no-record", help="Record answers. [of models]")] = None,
    replay: Annotated[Path | None, typer.Option(metavar="RUN", help="Play back the answers that RUN recorded.")] = None,
    prices: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON file with prices of models.")] = None,
    snapshot: Annotated[str | None, typer.Option(metavar="WHEN", help="every=5 or steps=2,7: store the state.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse an engine with known weaknesses.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of experiments and exit.")] = False,
    as_json: Json = False,
) -> int:
    """Run an experiment into a run directory."""
    from . import _run

    if schema:
        from offswitch.runner import spec_schema

        say(*spec_schema().split("\n"))
        return _exits.OK
    flags = _run.RunFlags(
        spec=spec,
        tasks=task or [],
        agents=agent or [],
        model=model,
        base_url=base_url,
        mode=mode,
        kind=kind,
        episodes=episodes,
        seed=seed,
        safeguards=safeguards,
        parallel=parallel,
        without=without or [],
        runtime=runtime,
        overrides=set_ or [],
        out=out,
        resume=resume,
        record=record,
        replay=replay,
        prices=prices,
        snapshot=snapshot,
        as_json=as_json,
        words=sys.argv[1:],
        strict=strict,
    )
    return _run.run(flags)


@app.command()
def selftest(
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Seeds of each row, at the least.")] = 5,
    task: Annotated[
        list[str] | None, typer.Option(metavar="TASK", help="Only this task; may come several times.")
    ] = None,
    row: Annotated[
        list[str] | None, typer.Option(metavar="ROW", help="Only this failure mode; may come several times.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory; a temporary one by default.")] = None,
    parallel: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Episodes at the same time.")] = 2,
    as_json: Json = False,
) -> int:
    """Prove the instrument on the casts of the tasks.

    Every violator must trip its row, nothing harmless may, and a row whose evidence is lost must say unknown.
    """
    from offswitch.runner import Selection
    from offswitch.sandbox import scratch_folder

    from . import _selftest

    selection = Selection(seeds, tuple(task or ()), tuple(row or ()), parallel)
    if out is not None:
        return _selftest.selftest(selection, out, words=sys.argv[1:], as_json=as_json)
    with scratch_folder() as folder:
        return _selftest.selftest(selection, Path(folder), words=sys.argv[1:], as_json=as_json)


_analysing.add(app)


@app.command()
def verify(
    run_dir: RunDir,
    root: Annotated[str | None, typer.Option(metavar="HASH", help=_NOTED)] = None,
    rebuild_index: Annotated[bool, typer.Option("--rebuild-index", help="Build index.sqlite again.")] = False,
    as_json: Json = False,
) -> int:
    """Check that nothing of a run was changed."""
    from . import _checks

    return _checks.verify(run_dir, root=root, rebuild_index=rebuild_index, as_json=as_json)


@app.command()
def rejudge(
    run_dir: RunDir,
    no_write: Annotated[bool, typer.Option("--no-write", help="Only compare.")] = False,
    as_json: Json = False,
) -> int:
    """Judge stored records again and compare.

    The new verdicts are kept beside the live ones, in verdicts/VERSION/.
    """
    from . import _checks

    return _checks.rejudge(run_dir, write=not no_write, as_json=as_json)


@app.command()
def branch(  # noqa: PLR0913, PLR0917 - each is an option, given by name
    run_dir: RunDir,
    episode: Annotated[str, typer.Argument(metavar="EPISODE", help="Episode to go on from.", show_default=False)],
    step: Annotated[int, typer.Option(metavar="N", help="After this step; 0 is before the first call.")],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="FACTOR=VALUE", help=_BRANCH_SETS)] = None,
    agent: Annotated[str | None, typer.Option(metavar="WHO", help="Who goes on, in the changed arm.")] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="The model that goes on.")] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="An OpenAI-compatible endpoint.")] = None,
    n: Annotated[int, typer.Option("--n", metavar="K", help="Pairs, or branches where nothing is changed.")] = 1,
    parallel: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Episodes at the same time.")] = 2,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory. [runs/branch-DATE-TIME]")] = None,
    as_json: Json = False,
) -> int:
    """Go on from a recorded state, once as it was and once changed.

    Both arms begin with the same files, services and transcript, bit for bit; what differs is what was asked for.
    """
    from . import _branch

    flags = _branch.BranchFlags(
        run=run_dir,
        episode=episode,
        step=step,
        sets=set_ or [],
        agent=agent,
        model=model,
        base_url=base_url,
        n=n,
        parallel=parallel,
        out=out,
        as_json=as_json,
        words=sys.argv[1:],
    )
    return _branch.branch(flags)


@app.command()
def gc(
    everything: Annotated[bool, typer.Option("--all", help="Also what has no owner that could be judged.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only name it.")] = False,
    as_json: Json = False,
) -> int:
    """Remove what dead runs left on the engine.

    What a living run owns stays.
    """
    from . import _checks

    return _checks.gc(everything=everything, dry_run=dry_run, as_json=as_json)


@app.command()
def bench(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this measurement; may come several times.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the readings: a look, nothing to publish.")
    ] = False,
    peers: Annotated[
        bool, typer.Option("--peers", help="Also beside Inspect AI, installed apart, and the docker SDK.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Measure how fast this machine runs it.

    Ratios within one run; about five minutes on an idle machine.
    """
    from . import _bench

    return _bench.show_bench(only or (), quick=quick, peers=peers, as_json=as_json)
