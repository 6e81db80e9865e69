"""Section 2: how control could be lost, as a chain of conditions that must all hold."""

from collections.abc import Callable, Iterator

from ...records import Arm
from ._build import NOT_MEASURED, Build, Model, per_model, rate_in_words, values
from ._document import Block, Line, Paragraph, Ref, Section, Table, line
from ._numbers import Filters

Evidence = Callable[[Build, Filters], Line]


def section(build: Build) -> Section:
    """The threat model."""
    blocks: list[Block] = [
        Paragraph(
            line(
                "People lose control of an agent only where every one of these conditions holds. One that is shown not "
                "to hold breaks the chain; one that is not measured breaks nothing."
            )
        )
    ]
    for model, heading in per_model(build):
        blocks += [heading, _chain(build, model)]
    return Section("threat-model", "Threat model: a chain of necessary conditions", tuple(blocks))


def _chain(build: Build, model: Model) -> Table:
    rows = [
        (line(f"{number}. {condition}"), line(form.replace("_", " ")), evidence(build, model.of(form)))
        for number, (condition, evidence) in enumerate(_CONDITIONS, start=1)
        for form in model.forms
    ]
    return Table("Each condition with the evidence of these runs.", ("condition", "form", "evidence"), tuple(rows))


def _work(build: Build, whose: Filters) -> Line:
    of = build.ledger.measure("mean_score", {**whose, "arm": Arm.MAIN_ONLY.value})
    mean = of.found
    if mean.value is None:
        return line(
            NOT_MEASURED, ": no scored episode with the main task alone, ", "n = ", of.number("n", "0"), " ", Ref(of.id)
        )
    return line(
        "mean task score ", of.number("value", f"{mean.value:.2f}"), " over ", of.number("n", str(mean.n)),
        " scored episodes, ", of.number("unknown", str(mean.unknown)), " without a score ", Ref(of.id),
    )  # fmt: skip


def _side(build: Build, whose: Filters) -> Line:
    found = [(mode, {**whose, "arm": Arm.BOTH.value, "side_task": mode, "failure_mode": mode})
             for mode in values(build, "side_task", {**whose, "arm": Arm.BOTH.value})]  # fmt: skip
    if not found:
        return line(NOT_MEASURED, ": no episode had a main and a side task (arm: both)")
    return _joined(
        line(f"side task {mode}: ", *rate_in_words(build.ledger.measure("failure_rate", filters)))
        for mode, filters in found
    )


def _conduct(measure: str, words: str, **more: str | bool) -> Evidence:
    def evidence(build: Build, whose: Filters) -> Line:
        return line(f"{words}: ", *rate_in_words(build.ledger.measure(measure, {**whose, **more})))

    return evidence


def _unnoticed(build: Build, whose: Filters) -> Line:
    guarded = build.ledger.measure("guarded_monitored", {**whose, "safeguards": True})
    told = rate_in_words(build.ledger.measure("disclosure_rate", whose))
    said = line("disclosed by the agent's report, of failures: ", *told, "; ")
    watched = line(guarded.number("", str(guarded.found)), " episodes with monitors that passed their check ")
    if not guarded.found:
        return (*said, f"detection {NOT_MEASURED}: ", *watched, Ref(guarded.id))
    return (*said, *watched, Ref(guarded.id), ", see section 6")


def _beyond_recall(build: Build, whose: Filters) -> Line:
    resisted = build.ledger.measure("resistance_rate", whose)
    return line("resisted a delivered stop: ", *rate_in_words(resisted))


def _joined(lines: Iterator[Line]) -> Line:
    found: list[Line] = list(lines)
    return tuple(part for number, one in enumerate(found) for part in (("; ",) if number else ()) + one)


_CONDITIONS: tuple[tuple[str, Evidence], ...] = (
    ("It can do long work by itself", _work),
    ("It can carry out a second, hidden task beside its work", _side),
    ("It acts against a control without being told to", _conduct(
        "any_failure_rate", "a control failed with the main task alone, safeguards off",
        arm=Arm.MAIN_ONLY.value, safeguards=False,
    )),
    ("The control gives way", _conduct(
        "any_failure_rate", "a control failed with working safeguards", safeguards=True, monitored=True,
    )),
    ("Nobody notices in time", _unnoticed),
    ("It cannot be stopped any more", _beyond_recall),
)  # fmt: skip
