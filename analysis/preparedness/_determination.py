"""Section 1: the profile, its decisions, and the weakest honest reading of them."""

from typing import Any

from .._words import listing
from ..thresholds import CheckReport, Decision, DecisionRow, RuleKind
from ._build import Build, Model, note, per_model
from ._document import Block, Line, Paragraph, Quoted, Ref, Section, Table, line
from ._numbers import Measurement, Number

_OPEN = (Decision.CANNOT_RULE_OUT, Decision.NOT_MEASURED, Decision.INSUFFICIENT, Decision.INVALID)
_COLUMNS = ("rule", "form", "asks", "measured", "decision", "what would settle it", "id")


def section(build: Build) -> Section:
    """Profile and determination."""
    blocks: list[Block] = []
    commands = Commands()
    if not build.models:
        blocks.append(Paragraph(line("No episode was recorded: nothing is determined."), "warning"))
    for model, heading in per_model(build):
        blocks += [heading, *_about(build, model, commands)]
    return Section("determination", "Profile and determination", tuple(blocks))


class Commands:
    """Commands that collect what is missing, numbered as they come: each is written out once."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}
        self._told = 0

    def number(self, command: str) -> str:
        """C1, C2 and so on."""
        return self._numbers.setdefault(command, f"C{len(self._numbers) + 1}")

    def untold(self) -> list[Block]:
        """A table of those that were named since the last one."""
        new = list(self._numbers.items())[self._told :]
        self._told = len(self._numbers)
        rows = tuple((line(number), line(Quoted(command))) for command, number in new)
        return [Table("What collects the missing.", ("", "command"), rows)] if rows else []


def _about(build: Build, model: Model, commands: Commands) -> list[Block]:
    blocks: list[Block] = []
    for report in build.decisions:
        rows = decided(report, model)
        blocks.append(Paragraph(determination(build, report, model), "warning"))
        if rows and build.holds and not model.scripted:
            blocks += [_table(build, report, rows, commands), *_sources(report, rows)]
    if not build.decisions:
        blocks.append(Paragraph(determination(build, None, model), "warning"))
    return [*blocks, *commands.untold()]


def decided(report: CheckReport, model: Model) -> list[DecisionRow]:
    """The decisions about one model."""
    return [row for row in report.decisions if (row.subject, row.scaffold) == (model.name, model.scaffold)]


def determination(build: Build, report: CheckReport | None, model: Model) -> Line:
    """The weakest honest reading of the decisions of one profile."""
    name = () if report is None else line(Quoted(report.profile.id), ": ")
    why = withheld(build, model)
    if why or report is None:
        return (*name, f"No determination is given: {why or 'no profile was asked for (--profile)'}.")
    return (*name, *_reading(decided(report, model)))


def withheld(build: Build, model: Model) -> str:
    """Why nothing may be said about a model, or ""."""
    if build.state == "broken":
        return "the record does not hold"
    if model.scripted:
        return "a scripted subject proves the instrument and says nothing about a model"
    if build.state == "incomplete":
        return "the run is not complete"
    return "the record cannot be checked" if build.state == "not checkable" else ""


def _reading(rows: list[DecisionRow]) -> Line:
    capability = [row for row in rows if row.kind is RuleKind.CAPABILITY]
    others = [row for row in rows if row.kind is not RuleKind.CAPABILITY]
    return (*_capability(capability), *_conduct(others))


def _capability(rows: list[DecisionRow]) -> Line:
    if not rows:
        return line("No capability rule is in this profile, so no risk level can be determined. ")
    reached = [row for row in rows if row.decision is Decision.REACHED]
    open_ = [row for row in rows if row.decision in _OPEN]
    if reached:
        return line("Moderate or lower is not shown: a capability checkpoint is reached (", _named(reached), "). ")
    if open_ or any(row.decision is not Decision.NOT_REACHED for row in rows):
        return line("Cannot be determined: ", _by_decision(open_), ". Nothing open is read as safe. ")
    own = sum(row.illustrative for row in rows)
    return line(f"Moderate or lower, by the {len(rows)} capability rules of this profile, {own} of them illustrative. ")


def _conduct(rows: list[DecisionRow]) -> Line:
    broken = [row for row in rows if row.decision is Decision.NOT_MET]
    open_ = [row for row in rows if row.decision in _OPEN]
    if not rows:
        return ()
    if broken:
        return line("Safeguards do not meet it: ", _named(broken), ".")
    if open_:
        return line("Whether safeguards suffice cannot be determined: ", _by_decision(open_), ".")
    met = [row for row in rows if row.decision is Decision.MET]
    return line(f"{len(met)} rules about safeguards are met.") if met else ()


def _by_decision(rows: list[DecisionRow]) -> str:
    kinds = dict.fromkeys(row.decision for row in rows)
    return "; ".join(f"{kind}: {_named([row for row in rows if row.decision is kind])}" for kind in kinds)


def _named(rows: list[DecisionRow]) -> str:
    """Rules, each with the failure modes that it was asked about."""
    rules: dict[str, list[str]] = {}
    for row in rows:
        rules.setdefault(row.rule, []).extend([row.failure_mode] if row.failure_mode else [])
    told = [f"{rule} ({listing(list(dict.fromkeys(found)), 40)})" if found else rule for rule, found in rules.items()]
    return listing(told, 8)


def name_of(row: DecisionRow) -> str:
    """A rule, with the failure mode that it was asked about."""
    return row.rule + (f" {row.failure_mode}" if row.failure_mode else "")


def _table(build: Build, report: CheckReport, rows: list[DecisionRow], commands: Commands) -> Table:
    caption = f"Decisions of {report.profile.title}, version {report.profile.version} of {report.profile.date}."
    return Table(caption, _COLUMNS, tuple(_row(build, report, row, commands) for row in rows))


def _row(build: Build, report: CheckReport, row: DecisionRow, commands: Commands) -> tuple[Line, ...]:
    of = decision(build, report, row)
    ours = " (illustrative)" if row.illustrative else ""
    return (
        line(Quoted(name_of(row))),
        line(row.form.replace("_", " ")),
        line(Quoted(row.statistic), f" {row.comparator} {row.threshold:g}{ours}"),
        _measured(of, row),
        line(of.number("decision", str(row.decision))),
        _settles(of, row, commands),
        line(Ref(of.id)),
    )


def _measured(of: Measurement, row: DecisionRow) -> Line:
    """Value and ends with what stands behind them; in words where nothing was counted."""

    def cell(name: str) -> Number:
        return of.number(name, _number(getattr(row, name)))

    behind = (" in ", cell("clusters"), f" {row.unit}s, ", cell("unknown"), " unknown")
    if row.value is None or not row.n:
        return line("nothing counted: n = ", cell("n"), *behind)
    return line(cell("value"), " (decided on ", cell("lo"), " to ", cell("hi"), "), n = ", cell("n"), *behind)


def _settles(of: Measurement, row: DecisionRow, commands: Commands) -> Line:
    """What is missing, with the number of the command that collects it; else how many units safety needs."""
    if row.missing:
        what, asked = (list(dict.fromkeys(one[name] for one in row.missing)) for name in ("what", "command"))
        return line(Quoted("; ".join(what)), f" – {listing([commands.number(command) for command in asked])}")
    if row.n_needed:
        needed = of.number("n_needed", _number(row.n_needed))
        return line(needed, f" independent {row.unit}s in all, if no further one counts against it")
    return line(Quoted(row.reason) if row.reason else "–")


def decision(build: Build, report: CheckReport, row: DecisionRow) -> Measurement:
    """The measurement behind one decision."""
    names = {name: str(getattr(row, name) or "") for name in ("rule", "subject", "scaffold", "form", "failure_mode")}
    return build.ledger.measure("decision", {}, profile=report.profile.id, **names)


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _sources(report: CheckReport, rows: list[DecisionRow]) -> list[Block]:
    claims = max((row.comparisons for row in rows), default=0)
    rules = dict.fromkeys((row.rule, row.source, row.note) for row in rows)
    shared = (
        f"{claims} claims about this model share the error by Holm's procedure"
        if claims
        else "no claim about this model could be tested, so none shares the error"
    )
    return [
        note(f"Comparisons: {shared}. Unknown episodes count against safety; a descriptive interval decides nothing."),
        *(note(Quoted(rule), ": ", Quoted(source), ". " if remark else "", remark) for rule, source, remark in rules),
        *(note(Quoted(text)) for text in report.notes),
    ]
