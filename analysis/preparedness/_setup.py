"""Section 3: what was run, and how hard it was tried."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from .._data import RunInfo, Source
from .._words import listing
from ._build import NOT_MEASURED, Build, Model, per_model, picture, values
from ._document import Block, Heading, Line, Paragraph, Quoted, Ref, Section, Table, line
from ._numbers import Filters, Measurement

_SPANS = (
    ("steps", "tool calls"), ("answers", "answers"), ("input_tokens", "input tokens"),
    ("output_tokens", "output tokens"), ("usd", "dollars"), ("duration_s", "host seconds"),
)  # fmt: skip


def section(build: Build) -> Section:
    """Setup and elicitation."""
    blocks: list[Block] = []
    for model, heading in per_model(build):
        blocks += [heading, _forms(build, model), *_effort(build, model), picture(build, model, "cost")]
    for number, info in enumerate(build.data.runs, start=1):
        blocks += [Heading(line(f"Run {number}")), _facts(info)]
    stored = [one for one in build.data.sources if one.folder is None]
    if stored:
        blocks += [Heading(line("Stored tables")), _stored(stored)]
    if not build.data.runs and not stored:
        blocks.append(Paragraph(line("The tables come without a run directory: versions and image are not known.")))
    return Section("setup", "Setup and elicitation", tuple(blocks))


def _forms(build: Build, model: Model) -> Table:
    return Table("Forms of the model.", ("form", "setting", "value"), tuple(_settings(build, model)))


_SETTINGS = (
    ("task", "tasks"), ("arm", "arms"), ("autonomy", "autonomy"), ("instruction", "instruction"),
    ("pressure", "pressure"), ("placement", "placement"), ("oversight", "oversight"), ("control", "control"),
    ("bucket", "human time"), ("model", "models named by the provider"), ("fingerprint", "fingerprints"),
    ("profile", "container profile"), ("isolation", "isolation"), ("image_digest", "image"),
    ("protocol", "protocol"), ("usage_source", "source of token counts"),
)  # fmt: skip


def _settings(build: Build, model: Model) -> Iterator[tuple[Line, ...]]:
    for form in model.forms:
        whose = model.of(form)
        begun = build.ledger.measure("episodes", whose)
        valid = build.ledger.measure("valid_episodes", whose)
        counted = line(begun.number("", str(begun.found)), ", valid ", valid.number("", str(valid.found)))
        yield line(form.replace("_", " ")), line("episodes"), (*counted, " ", Ref(begun.id), " ", Ref(valid.id))
        for column, words in _SETTINGS:
            found = values(build, column, whose)
            yield line(""), line(words), line(Quoted(listing(found, 8)) if found else "not recorded")
        yield line(""), line("safeguards"), _guards(build, model, form)


def _guards(build: Build, model: Model, form: str) -> Line:
    parts: list[Any] = []
    for name, words in (
        ("guarded_monitored", "monitors passed their check"),
        ("guarded_unmonitored", "a monitor failed it"),
        ("guarded_unchecked", "nobody says whether they did"),
    ):
        of = build.ledger.measure(name, model.of(form))
        parts += ["; " if parts else "", of.number("", str(of.found)), f" with safeguards on: {words} ", Ref(of.id)]
    return tuple(parts)


def _effort(build: Build, model: Model) -> list[Block]:
    rows = [
        (line(form.replace("_", " ")), line(words), *_span(build.ledger.measure("span", model.of(form), column=column)))
        for form in model.forms
        for column, words in _SPANS
    ]
    columns = ("form", "used by an episode", "least", "median", "most", "in all", "n", "unknown", "id")
    return [Table("Effort: valid episodes.", columns, tuple(rows)), *_plateau(build, model)]


def _span(of: Measurement) -> tuple[Line, ...]:
    def cell(name: str) -> Line:
        value = getattr(of.found, name)
        return line(of.number(name, "–" if value is None else f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}"))

    return (*(cell(name) for name in ("least", "median", "most", "total", "n", "unknown")), line(Ref(of.id)))


def _plateau(build: Build, model: Model) -> list[Block]:
    """Whether results still rise with the budget: runs with different limits stand side by side."""
    ended = build.ledger.measure("ended_by_limit", model.filters)
    gave = build.ledger.measure("gave_up", model.filters)
    runs = values(build, "run_id", model.filters)
    rows = [_by_run(build, {**model.of(form), "run_id": run}, form, run) for form in model.forms for run in runs]
    said = line(
        "Ended by a limit: ", ended.number("", str(ended.found)), " valid episodes ", Ref(ended.id), "; gave up: ",
        gave.number("", str(gave.found)), " ", Ref(gave.id), ". ", *_whether(rows),
        " What is not elicited is not absent.",
    )  # fmt: skip
    columns = ("run", "form", "mean score (n)", "median tool calls", "ended by a limit")
    table = Table("Score by run, beside what an episode used.", columns, tuple(row for row in rows if row))
    return [Paragraph(said, "note"), *([table] if len(runs) > 1 else [])]


def _whether(rows: Sequence[tuple[Line, ...]]) -> Line:
    if len(rows) > 1:
        return line("Runs with different budgets stand side by side below: results plateau where more is no better.")
    return line(
        f"Whether results plateau with the budget: {NOT_MEASURED}: one run has one budget. offswitch run SPEC --set "
        "scenario.budgets.max_steps=N with larger limits, reported together with this run, shows it."
    )


def _by_run(build: Build, whose: Filters, form: str, run: str) -> tuple[Line, ...]:
    score, steps, ended = (
        build.ledger.measure("mean_score", whose),
        build.ledger.measure("span", whose, column="steps"),
        build.ledger.measure("ended_by_limit", whose),
    )
    if not score.episodes:
        return ()
    mean, middle = score.found.value, steps.found.median
    return (
        line(Quoted(run)),
        line(form.replace("_", " ")),
        line(score.number("value", "no data" if mean is None else f"{mean:.2f}"), " (",
             score.number("n", str(score.found.n)), ") ", Ref(score.id)),
        line(steps.number("median", "–" if middle is None else f"{middle:.3g}"), " ", Ref(steps.id)),
        line(ended.number("", str(ended.found)), " ", Ref(ended.id)),
    )  # fmt: skip


def _stored(sources: Sequence[Source]) -> Table:
    """Where rows come from that were exported; the manifests with versions and engine stand in the runs themselves."""
    rows = tuple(
        (line(Quoted(one.run_id or "not stated")), line(Quoted(one.root or "not stated")), line(str(one.state)))
        for one in sources
    )
    return Table("The runs that the tables were exported from.", ("run", "root hash", "records at export"), rows)


def _facts(info: RunInfo) -> Table:
    """What the manifest states."""
    manifest = info.manifest
    if manifest is None:
        rows: list[tuple[str, str]] = [("manifest", "none that can be believed")]
    else:
        rows = [
            ("run", manifest.run_id), ("created", manifest.created), ("repeat with", manifest.command),
            ("root hash", manifest.root), ("seeds", listing([str(seed) for seed in manifest.seeds], 12)),
            *_flat("image", manifest.image), *_flat("engine", manifest.engine), *_flat("task", manifest.tasks),
            *_flat("version of", manifest.versions),
        ]  # fmt: skip
    return Table(
        "As the manifest states it.", ("fact", "value"), tuple((line(Quoted(k)), line(Quoted(v))) for k, v in rows)
    )


def _flat(prefix: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"{prefix} {name}", _words(value)) for name, value in sorted(facts.items())]


def _words(value: Any) -> str:
    return listing([str(one) for one in cast("Sequence[Any]", value)], 6) if isinstance(value, list) else str(value)
