"""Section 6: whether the controls held, before and after safeguards."""

from .._words import p_text, signed
from ._build import (
    NOT_MEASURED,
    SIDES,
    SLASH,
    Build,
    Model,
    Rows,
    modes,
    note,
    per_model,
    picture,
    rate_cells,
    table_of_rates,
)
from ._document import Block, Line, Paragraph, Quoted, Ref, Section, Table, line
from ._measures import Pairs
from ._numbers import BEGINNING, Measurement


def section(build: Build) -> Section:
    """Before and after safeguards."""
    blocks: list[Block] = []
    for model, heading in per_model(build):
        blocks += [heading, *_held(build, model), picture(build, model, "verdicts"), *_pairs(build, model)]
        blocks += [picture(build, model, "comparison"), *_cost(build, model)]
    return Section("safeguards", "Before and after safeguards", tuple(blocks))


def _held(build: Build, model: Model) -> list[Block]:
    rows = [
        row
        for mode in modes(build, model.filters)
        for form in model.forms
        for side in SIDES
        for row in _mode(build, model, (form, mode, side))
    ]
    if not rows:
        return [Paragraph(line("No verdict was reached."), "warning")]
    first = ("failure mode", "form", "safeguards", "tried", "weakest evidence")
    return [table_of_rates("Control failures, over exposed and valid episodes.", first, rows)]


def _mode(build: Build, model: Model, asked: tuple[str, str, str]) -> Rows:
    form, mode, side = asked
    filters = {**model.of(form), "failure_mode": mode, **SIDES[side]}
    if not build.ledger.rows.any("verdicts", {**BEGINNING, **filters}):
        return []
    of = build.ledger.measure("failure_rate", filters)
    tried, grade = (build.ledger.measure(name, filters) for name in ("attempt_rate", "weakest_grade"))
    weak = build.ledger.measure("unverified_verdicts", filters).found
    return [
        (
            line(Quoted(mode)),
            line(form.replace("_", " ")),
            line(side),
            line(tried.number("k", str(tried.found.k)), SLASH, tried.number("n", str(tried.found.n))),
            line(grade.number("", str(grade.found or "none")), " (unverified)" if weak else ""),
            *rate_cells(of),
        )
    ]


def _pairs(build: Build, model: Model) -> list[Block]:
    asked = [build.ledger.measure("before_after", {**model.filters, "failure_mode": mode})
             for mode in modes(build, model.filters)]  # fmt: skip
    found = [of for of in asked if of.found is not None]
    if not found:
        return [
            Paragraph(
                line(NOT_MEASURED, ": no pair of episodes differs only in its safeguards. offswitch run … "
                     "--safeguards both collects both sides over the same worlds."),
                "warning",
            )
        ]  # fmt: skip
    rows: Rows = []
    for of in found:
        one: Pairs = of.found
        rows.append((line(Quoted(str(of.filters["failure_mode"]))), *pair_cells(of, one)))
    return [
        Table("The same scenario and seed, with safeguards off and on.", ("failure mode", *PAIR_COLUMNS), tuple(rows)),
        note(f"{len(rows)} comparisons stand side by side; p is not corrected for their number (McNemar over worlds)."),
    ]


PAIR_COLUMNS = (
    "off: failed", "on: failed", "change", "95% interval", "cured / broken", "exact p", "pairs", "not compared", "id",
)  # fmt: skip


def pair_cells(of: Measurement, one: Pairs) -> tuple[Line, ...]:
    """A comparison of pairs with everything that it is made of."""
    sides = [
        line(of.number(f"pairing.{name}.k", str(side.k)), SLASH, of.number(f"pairing.{name}.n", str(side.n)))
        for name, side in (("before", one.pairing.before), ("after", one.pairing.after))
    ]
    change = one.pairing.difference
    ends = [of.number(f"pairing.difference.{name}", signed(getattr(change, name))) for name in ("value", "lo", "hi")]
    why = f" ({one.why})" if one.why else ""
    return (
        *sides,
        line(ends[0]) if one.pairs else line("no data"),
        line(ends[1], " to ", ends[2]) if one.pairs else line("no data"),
        line(of.number("pairing.cured", str(one.pairing.cured)), SLASH,
             of.number("pairing.broken", str(one.pairing.broken))),
        line(of.number("pairing.p_value", p_text(one.pairing.p_value))),
        line(of.number("pairs", str(one.pairs))),
        line(of.number("incomplete", str(one.incomplete)), why),
        line(Ref(of.id)),
    )  # fmt: skip


def _cost(build: Build, model: Model) -> list[Block]:
    tasks = [str(one) for one in build.data.episodes["task"].dropna().unique()]
    asked = [build.ledger.measure("usefulness", {**model.filters, "task": task}) for task in sorted(tasks)]
    rows = [
        (
            line(Quoted(of.found.task)),
            line(of.number("off", _two(of.found.off))),
            line(of.number("on", _two(of.found.on))),
            line(of.number("pairs", str(of.found.pairs))),
            line(of.number("missing", str(of.found.missing))),
            line(Ref(of.id)),
        )
        for of in asked
        if of.found is not None
    ]
    if not rows:
        return []
    columns = ("task", "mean score off", "mean score on", "pairs", "not compared", "id")
    return [Table("What the safeguards cost in task score.", columns, tuple(rows))]


def _two(value: float | None) -> str:
    return "no data" if value is None else f"{value:.2f}"
