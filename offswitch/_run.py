"""``offswitch run``: from a specification file, or from flags."""

import shlex
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._exits import INVALID, OK, UNWRITABLE
from ._guard import INTERRUPTED
from ._progress import followed
from ._screen import say
from ._show import print_comparisons, print_verdicts, show_json
from ._signals import interruptible

if TYPE_CHECKING:
    from offswitch.records import YamlDocument
    from offswitch.runner import ExperimentSpec, Override, RunReport, Subjects

_VARIANTS = {"off": ["off"], "on": ["on"], "both": ["off", "on"]}


@dataclass(frozen=True)
class RunFlags:
    """What was given on the command line."""

    spec: Path | None
    tasks: Sequence[str]
    agents: Sequence[str]
    model: str | None
    base_url: str | None
    mode: str | None
    kind: str | None
    episodes: int | None
    seed: int | None
    safeguards: str | None
    parallel: int | None
    without: Sequence[str]
    overrides: Sequence[str]
    out: Path | None
    resume: bool
    record: bool | None
    replay: Path | None
    prices: Path | None
    snapshot: str | None
    as_json: bool
    words: Sequence[str]
    strict: bool = False
    runtime: str | None = None


def run(flags: RunFlags) -> int:
    """Run, show what came of it, and return the exit code."""
    from offswitch.runner import RunOptions, run_experiment

    spec, folder = _experiment(flags), _folder(flags)
    options = RunOptions(
        command=shlex.join(["offswitch", *flags.words]), resume=flags.resume, subjects=_subjects(flags)
    )
    if spec.stop_when is not None:
        from offswitch.analysis.thresholds import ending_sequence

        options.sequence = ending_sequence
    with interruptible(options.stop), followed() as options.watch, helped_on(folder):
        report = run_experiment(spec, folder, options)
    return _told(report, as_json=flags.as_json)


@contextmanager
def helped_on(folder: Path) -> Generator[None]:
    """Where the disk gave up, say what stays and how to go on."""
    from offswitch.records import StorageError
    from offswitch.runner import RunFailed

    try:
        yield
    except StorageError as error:
        remedy = UNWRITABLE.get(error.errno or 0)
        begun = (folder / "manifest.json").is_file()
        if remedy is None or (not begun and "--out" in str(error.strerror)):
            raise
        again = f"then: offswitch run --resume --out {shlex.quote(str(folder))}"
        how = f"What was recorded before stays. {remedy}, {again}" if begun else f"{remedy}, or choose another --out"
        raise RunFailed(f"{error.strerror}. {how}") from error


def _experiment(flags: RunFlags) -> "ExperimentSpec":
    from offswitch.runner import Override, SpecError, checked_spec, load_run_spec, load_spec

    overrides: list[str | Override] = [*_shorthands(flags), *flags.overrides]
    if flags.spec is not None:
        if flags.tasks or _named_subjects(flags):
            raise SpecError("run: give either a specification file, or --task with --agent or --model")
        return load_spec(flags.spec, overrides)
    if flags.tasks or _named_subjects(flags):
        if not flags.tasks:
            raise SpecError("run: --task is missing; `offswitch list tasks` shows what there is")
        return checked_spec(_document(flags, overrides))
    held = _folder(flags) if flags.resume else flags.replay
    if held is None:
        raise SpecError("run: nothing to run; give a specification file, --task with --agent, or --resume --out DIR")
    return load_run_spec(held, overrides)


def _shorthands(flags: RunFlags) -> "list[Override]":
    """Flags that stand for keys of the specification."""
    from offswitch.runner import Override, SpecError, meant

    keys = {"episodes": flags.episodes, "seed": flags.seed, "parallel": flags.parallel}
    found = [Override(f"{name}={value}", f"--{name}") for name, value in keys.items() if value is not None]
    if flags.without:
        found.append(Override(f"scenario.without=[{', '.join(flags.without)}]", "--without"))
    if flags.strict:
        found.append(Override("strict=true", "--strict"))
    if flags.runtime is not None:
        found.append(Override(f"runtime={flags.runtime}", "--runtime"))
    if flags.snapshot is not None:
        found.append(_snapshots(flags.snapshot))
    if flags.safeguards is None:
        return found
    if flags.safeguards not in _VARIANTS:
        raise SpecError(f"run: unknown --safeguards {flags.safeguards!r}; {meant(flags.safeguards, _VARIANTS)}")
    variants = f"scenario.safeguards=[{', '.join(_VARIANTS[flags.safeguards])}]"
    return [*found, Override(variants, "--safeguards")]


def _snapshots(text: str) -> "Override":
    """``every=5`` or ``steps=2,7``."""
    from offswitch.runner import Override, SpecError

    name, _, value = text.partition("=")
    if name == "every" and value.isdigit():
        return Override(f"snapshots={{every: {value}}}", "--snapshot")
    if name == "steps" and value and all(part.isdigit() for part in value.split(",")):
        return Override(f"snapshots={{steps: [{value}]}}", "--snapshot")
    raise SpecError(f"run: --snapshot {text!r}: write every=5 or steps=2,7")


def _named_subjects(flags: RunFlags) -> bool:
    return bool(flags.agents) or flags.model is not None


def _document(flags: RunFlags, overrides: "Sequence[str | Override]") -> "YamlDocument":
    """The experiment that flags describe, each part with the flag that it came from."""
    from offswitch.runner import SpecError, override, read_document

    document = read_document("", "")
    subjects: list[Any] = [agent for agent in flags.agents if agent != "langchain"]
    document.places = {("tasks",): "--task", ("subjects",): "--agent"}
    asked = {"model": flags.model, "base_url": flags.base_url, "mode": flags.mode, "kind": flags.kind}
    about_model = {name: value for name, value in asked.items() if value is not None}
    if flags.model is not None:
        subjects.append(about_model)
        document.places |= {("subjects", len(subjects) - 1, name): _flag(name) for name in about_model}
    elif about_model:
        raise SpecError(f"run: {_flag(next(iter(about_model)))} is about a model; add --model")
    elif "langchain" in flags.agents:
        raise SpecError("run: --agent langchain needs --model, for example --model openai:gpt-4o")
    document.data = {"tasks": list(flags.tasks), "subjects": subjects}
    for text in overrides:
        override(document, text)
    return document


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _folder(flags: RunFlags) -> Path:
    from offswitch.runner import SpecError

    if flags.out is None and flags.resume:
        raise SpecError("run: --resume needs --out, the directory of the run")
    if flags.out is not None:
        return flags.out
    return Path("runs") / datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")


def _subjects(flags: RunFlags) -> "Subjects":
    from offswitch.agents import Prices
    from offswitch.records import RunView
    from offswitch.runner import Subjects

    return Subjects(
        record=flags.record,
        replay=RunView.open(flags.replay) if flags.replay else None,
        prices=Prices.from_file(flags.prices) if flags.prices else None,
    )


def _told(report: "RunReport", *, as_json: bool) -> int:
    """Show the result of a run; returns the exit code."""
    if as_json:
        show_json(as_data(report))
    else:
        show_run(report)
    return code_of(report)


def show_run(report: "RunReport") -> None:
    """Verdict table, before and after, what is missing, and the root hash."""
    from offswitch.analysis import isolation_lines, load, plural

    data = load(report.folder)
    valid = int(data.episodes["valid"].sum())
    say(f"{plural(len(data.episodes), 'attempt')} at episodes, {valid} of them valid", "")
    print_verdicts(data)
    if not len(data.verdicts):
        say("No verdict was reached.")
    print_comparisons(data)
    for line in isolation_lines(data.episodes):
        say(line)
    if report.crashed:
        say("", f"{plural(len(report.crashed), 'attempt')} of a runner that died: kept as crashed.")
    for failed in report.unmonitored:
        say(f"UNMONITORED: suspicion monitor {failed}. Episodes with safeguards say nothing about them.")
    for outcome in report.missing:
        say(f"missing data: {outcome.episode_id}: {outcome.state.replace('_', ' ')}: {outcome.cause}")
    left = report.planned - report.already - len({outcome.base for outcome in report.outcomes})
    if report.stopped:
        say("", f"{plural(left, 'episode')} not begun: the sequential rule was settled, {report.stopped}.")
    if report.interrupted:
        say("", f"{report.interrupted}; {plural(left, 'episode')} not begun.")
        say(f"Go on with: offswitch run --resume --out {shlex.quote(report.folder)}")
    say("", f"run {report.run_id} in {report.folder}", f"root hash {report.root}")


def as_data(report: "RunReport") -> dict[str, Any]:
    """A run as plain data."""
    told = report.model_dump(mode="json", exclude={"outcomes": {"__all__": {"verdicts"}}})
    for row, outcome in zip(told["outcomes"], report.outcomes, strict=True):
        row |= {"failed": outcome.failed, "blocked": outcome.blocked}
    told["isolation"] = isolation_of(report.folder)
    return told


def isolation_of(folder: str) -> list[dict[str, Any]]:
    """Profile, T/H/N label and number of episodes, as the manifest of a run says."""
    from offswitch.records import RunView

    anchors = RunView.open(Path(folder)).manifest.episodes.values()
    counted = Counter((one.profile, one.isolation) for one in anchors if one.profile)
    return [{"profile": profile, "isolation": label, "episodes": n} for (profile, label), n in sorted(counted.items())]


def code_of(report: "RunReport") -> int:
    """Interrupted before invalid or unmonitored; what the agents did is no error."""
    if report.interrupted:
        return INTERRUPTED
    return INVALID if report.missing or report.unmonitored else OK
