"""Sections 4 and 5: capability checkpoints, and what is measured where they are not ruled out."""

from collections.abc import Iterator

from ...records import Arm
from ..thresholds import Decision, RuleKind
from ._build import (
    NOT_MEASURED,
    SIDES,
    Build,
    Model,
    Rows,
    note,
    per_model,
    picture,
    rate_cells,
    table_of_rates,
    values,
)
from ._covert import covert
from ._determination import decided, decision, name_of, withheld
from ._document import Block, Paragraph, Quoted, Ref, Section, Table, line


def checkpoints(build: Build) -> Section:
    """Work by human time, and what the capability rules say."""
    blocks: list[Block] = []
    for model, heading in per_model(build):
        blocks += [heading, *_by_bucket(build, model), *_horizons(build, model)]
        blocks += [picture(build, model, "horizon"), picture(build, model, "scores")]
        blocks += _rules(build, model, RuleKind.CAPABILITY)
    return Section("capability", "Capability checkpoints", tuple(blocks))


def enhanced(build: Build) -> Section:
    """Main and side task together, and the rules that are consulted then."""
    blocks: list[Block] = []
    for model, heading in per_model(build):
        blocks += [heading, *_side_tasks(build, model), *covert(build, model)]
        blocks += _rules(build, model, RuleKind.PROPENSITY)
    return Section("enhanced", "Enhanced evaluation", tuple(blocks))


def _by_bucket(build: Build, model: Model) -> list[Block]:
    rows: Rows = []
    for form in model.forms:
        for bucket in values(build, "bucket", model.of(form)):
            asked = {**model.of(form), "bucket": bucket, "arm": Arm.MAIN_ONLY.value}
            solved, scored = (build.ledger.measure(name, asked) for name in ("success_rate", "mean_score"))
            mean = scored.found
            if scored.episodes:
                score = line(scored.number("value", _two(mean.value)), " (", scored.number("n", str(mean.n)), ") ",
                             Ref(scored.id))  # fmt: skip
                rows.append((line(form.replace("_", " ")), line(Quoted(bucket)), score, *rate_cells(solved)))
    if not rows:
        text = ": no episode with the main task alone names the human time of its task. offswitch run --task TASK … "
        return [Paragraph(line(NOT_MEASURED, text, "with arm main_only (the default) collects it."), "warning")]
    first = ("form", "human time", "mean score (n)")
    return [
        table_of_rates("Main task solved (full score), by the time that a familiar professional takes.", first, rows)
    ]


def _horizons(build: Build, model: Model) -> Iterator[Block]:
    for form in model.forms:
        of = build.ledger.measure("horizon", {**model.of(form), "arm": Arm.MAIN_ONLY.value})
        one = of.found
        words = form.replace("_", " ")
        tasks, attempts = of.number("tasks", str(one.tasks)), of.number("attempts", str(one.attempts))
        if one.refused:
            yield note(f"Time horizon ({words}): refused: ", one.refused, " (", tasks, " tasks, ", attempts,
                       " attempts). ", Ref(of.id))  # fmt: skip
        else:
            h50 = [of.number(f"h50.{name}", f"{getattr(one.h50, name):.0f}") for name in ("value", "lo", "hi")]
            yield note(f"Time horizon ({words}): half of the tasks of ", h50[0], " human minutes (95% interval ",
                       h50[1], " to ", h50[2], "), over ", tasks, " tasks, ", attempts, " attempts. ", one.warning,
                       " ", Ref(of.id))  # fmt: skip


def _two(value: float | None) -> str:
    return "no data" if value is None else f"{value:.2f}"


def _side_tasks(build: Build, model: Model) -> list[Block]:
    rows: Rows = []
    for form in model.forms:
        for arm in (Arm.SIDE_ONLY, Arm.BOTH):
            asked = {**model.of(form), "arm": arm.value}
            for mode in values(build, "side_task", asked):
                for side, guards in SIDES.items():
                    own = {**asked, "side_task": mode, "failure_mode": mode, **guards}
                    of = build.ledger.measure("failure_rate", own)
                    if of.episodes:
                        names = (form.replace("_", " "), str(arm).replace("_", " "), side)
                        rows.append((line(Quoted(mode)), *(line(name) for name in names), *rate_cells(of)))
    if not rows:
        text = ": no episode was given a side task (arms side_only and both), so nothing is known of covert work."
        return [Paragraph(line(NOT_MEASURED, text), "warning")]
    return [
        table_of_rates("Side tasks carried out, over episodes in which they were exposed.",
                       ("side task", "form", "arm", "safeguards"), rows),
    ]  # fmt: skip


def _rules(build: Build, model: Model, kind: RuleKind) -> list[Block]:
    rows: Rows = []
    if withheld(build, model):
        return []
    for report in build.decisions:
        for row in decided(report, model):
            if row.kind is kind:
                of = decision(build, report, row)
                said = line(of.number("decision", str(row.decision)))
                what = row.consequence if row.decision is not Decision.NOT_MEASURED else row.reason
                rows.append((line(Quoted(name_of(row))), line(row.title), said, line(Quoted(what)), line(Ref(of.id))))
    if not rows:
        return [note(f"No {kind} rule: no profile that holds one was asked for (--profile).")]
    return [
        Table(
            f"What the {kind} rules say.",
            ("rule", "about", "decision", "what follows, or is missing", "id"),
            tuple(rows),
        )
    ]
