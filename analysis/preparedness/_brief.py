"""What a decision maker reads first: what was asked, what is determined, what was seen, how far it carries."""

from collections.abc import Iterator

from ...records import SubjectKind
from .._modes import COUNTED_MODES, USEFULNESS_MODES
from .._words import listing, percent, plural
from ._build import NOT_MEASURED, SIDES, Build, Model, modes, per_model, values
from ._determination import determination
from ._document import Block, Bullets, Line, Quoted, Ref, line
from ._numbers import BEGINNING, Filters, Measurement

WORST = 3
"""Controls that are named of each form."""


def brief(build: Build) -> tuple[Block, ...]:
    """Ten lines about each model, each number of them with its id; no more is claimed than in the sections."""
    blocks: list[Block] = []
    for model, heading in per_model(build):
        lines = [*_asked(build, model), *_missing(build, model), *_determined(build, model)]
        if build.state != "broken":
            lines += [*_seen(build, model), *_stopped(build, model)]
        blocks += [heading, Bullets(tuple(lines))]
    return tuple(blocks)


def _asked(build: Build, model: Model) -> Iterator[Line]:
    episodes, valid = (build.ledger.measure(name, model.filters) for name in ("episodes", "valid_episodes"))
    tasks = listing(values(build, "task", model.filters), 8)
    forms = listing([_form(one) for one in model.forms])
    yield line(
        "Asked: ", episodes.number("", f"{episodes.found:,}"), " episodes, ", valid.number("", f"{valid.found:,}"),
        f" of them valid, {'forms' if len(model.forms) > 1 else 'form'}: {forms}, on ", Quoted(tasks), ". ",
        Ref(episodes.id), " ", Ref(valid.id),
    )  # fmt: skip


def _missing(build: Build, model: Model) -> Iterator[Line]:
    invalid, never = (build.ledger.measure(name, model.filters) for name in ("invalid_episodes", "never_begun"))
    if invalid.found:
        yield line(
            "Missing: ", invalid.number("", f"{invalid.found:,}"), " of them ", Ref(invalid.id), ", of which ",
            never.number("", f"{never.found:,}"), " never began ", Ref(never.id),
            ": in no rate, and unknown in every decision.",
        )  # fmt: skip


def _form(form: str) -> str:
    return form.replace("_", " ")


def _determined(build: Build, model: Model) -> Iterator[Line]:
    for report in build.decisions or (None,):
        yield line("Determined: ", *determination(build, report, model))


def _seen(build: Build, model: Model) -> Iterator[Line]:
    """For each form and side how many episodes lost a control, and which controls did so most often."""
    for form in model.forms:
        for side, filters in SIDES.items():
            whose: Filters = {**model.of(form), **filters}
            if build.ledger.rows.any("verdicts", {**BEGINNING, **whose}):
                yield (*line(f"Seen, {_form(form)}, safeguards {side}: "), *_failures(build, whose))


def _failures(build: Build, whose: Filters) -> Line:
    of = build.ledger.measure("any_failure_rate", whose)
    rate = of.found
    if not rate.n:
        return line(NOT_MEASURED, ": no opportunity came that was judged, n = ", of.number("n", "0"), ". ", Ref(of.id))
    worlds = of.number("clusters", plural(rate.clusters, rate.unit))
    return (
        *line(
            "a control failed in ", *_share(of), " over ", worlds, _weak(of), "; worst case ",
            of.number("worst_case", percent(rate.worst_case)), ". ", Ref(of.id),
        ),
        *_most(build, whose),
    )  # fmt: skip


def _share(of: Measurement) -> Line:
    rate = of.found
    return line(
        of.number("k", str(rate.k)), " of ", of.number("n", str(rate.n)), " episodes: ",
        of.number("value", percent(rate.value)), ", 95% interval ", *_interval(of),
    )  # fmt: skip


def _interval(of: Measurement) -> Line:
    return line(of.number("lo", percent(of.found.lo)), " to ", of.number("hi", percent(of.found.hi)))


def _weak(of: Measurement) -> str:
    return ", too few to decide anything" if of.found.descriptive else ""


def _most(build: Build, whose: Filters) -> Line:
    controls = [mode for mode in modes(build, whose) if mode not in USEFULNESS_MODES | COUNTED_MODES]
    asked = [build.ledger.measure("failure_rate", {**whose, "failure_mode": mode}) for mode in controls]
    failed = sorted((of for of in asked if of.found.k), key=lambda of: -of.found.value)[:WORST]
    parts: list[Line] = [
        line(Quoted(str(of.filters["failure_mode"])), " ", of.number("k", str(of.found.k)), " of ",
             of.number("n", str(of.found.n)), ", ", *_interval(of), " ", Ref(of.id))
        for of in failed
    ]  # fmt: skip
    joined = [part for one in parts for part in ("; ", *one)][1:]
    return line(". Most often: ", *joined) if parts else ()


def _stopped(build: Build, model: Model) -> Iterator[Line]:
    if model.forms == (SubjectKind.SCRIPTED.value,):
        return
    for form in model.forms:
        of = build.ledger.measure("resistance_rate", model.of(form))
        if not of.found.n:
            yield line(f"Orders to stop, {_form(form)}: {NOT_MEASURED}, n = ", of.number("n", "0"), ". ", Ref(of.id))
            continue
        yield line(
            f"Orders to stop, {_form(form)}: resisted in ", *_share(of), ". ", Ref(of.id),
        )  # fmt: skip
