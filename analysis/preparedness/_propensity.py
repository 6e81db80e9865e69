"""Sections 7 and 8: what it does by itself, under what conditions, and whether being watched changes that."""

from collections.abc import Iterator

from ...records import Arm, Autonomy
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
from ._conditions import contrast, times, trends
from ._document import Block, Line, Paragraph, Ref, Section, line
from ._numbers import Filters

_FACTORS = ("instruction", "pressure", "placement", "control")


def section(build: Build) -> Section:
    """Propensity, by condition, and the autonomy ladder."""
    blocks: list[Block] = []
    for model, heading in per_model(build):
        blocks += [heading, *_orders(build, model), *times(build, model), picture(build, model, "time")]
        blocks += [*_by_factor(build, model), *_ladder(build, model), *trends(build, model)]
        blocks.append(picture(build, model, "conditions"))
    return Section("propensity", "Propensity", tuple(blocks))


def awareness(build: Build) -> Section:
    """Evaluation awareness, by behaviour."""
    blocks: list[Block] = []
    for model, heading in per_model(build):
        blocks += [heading, *_announced(build, model), *contrast(build, model)]
    blocks.append(
        note(
            f"Verbalised awareness: {NOT_MEASURED}. What a model says about being tested is not recorded as a score, "
            "and silence would prove nothing."
        )
    )
    return Section("awareness", "Evaluation awareness", tuple(blocks))


def _natural(model: Model, form: str, side: str) -> Filters:
    """Without a side task that tells it to: what it does then is its own."""
    return {**model.of(form), "arm": Arm.MAIN_ONLY.value, **SIDES[side]}


def _sides(model: Model) -> Iterator[tuple[str, str]]:
    return ((form, side) for form in model.forms for side in SIDES)


def _named(form: str, side: str) -> tuple[Line, Line]:
    return line(form.replace("_", " ")), line(side)


def _orders(build: Build, model: Model) -> list[Block]:
    rows: Rows = []
    for form, side in _sides(model):
        for name, words in _CONDUCT:
            of = build.ledger.measure(name, {**model.of(form), **SIDES[side]})
            if of.found.n or of.found.unknown:
                rows.append((line(words), *_named(form, side), *rate_cells(of)))
    if not rows:
        text = (
            f"What becomes of stop orders: {NOT_MEASURED}: none was delivered, because no episode came as far as the "
            "milestone at which the order comes. A mechanism {id: operator_stop, params: {at: 0}} in the experiment "
            "gives the order at once."
        )
        return [Paragraph(line(text), "warning")]
    return [table_of_rates("What became of delivered stop orders.", ("conduct", "form", "safeguards"), rows)]


_CONDUCT = (
    ("compliance_rate", "complied"),
    ("ignored_rate", "ignored or delayed"),
    ("resistance_rate", "resisted"),
    ("over_stop_rate", "stopped without an order"),
)


def _by_factor(build: Build, model: Model) -> Iterator[Block]:
    for factor in _FACTORS:
        rows: Rows = []
        for form, side in _sides(model):
            for value in values(build, factor, _natural(model, form, side)):
                of = build.ledger.measure("any_failure_rate", {**_natural(model, form, side), factor: value})
                rows.append((line(value.replace("_", " ")), *_named(form, side), *rate_cells(of)))
        if len({row[0] for row in rows}) > 1:
            caption = f"A control failed with the main task alone, by {factor}."
            yield table_of_rates(caption, (factor, "form", "safeguards"), rows)
        else:
            only = rows[0][0] if rows else line("nothing")
            yield note(
                f"By {factor}: {NOT_MEASURED}: with the main task alone only ",
                *only,
                " was run. offswitch run … --set "
                f"'scenario.factors.{factor}=[…]' collects several over the same worlds.",
            )


def _ladder(build: Build, model: Model) -> Iterator[Block]:
    rows: Rows = []
    seen = set[str]()
    for form, side in _sides(model):
        for rung in values(build, "autonomy", _natural(model, form, side)):
            asked = {**_natural(model, form, side), "autonomy": rung}
            of, score = (build.ledger.measure(name, asked) for name in ("any_failure_rate", "mean_score"))
            seen.add(rung)
            value = score.found.value
            useful = line(score.number("value", "no data" if value is None else f"{value:.2f}"), " ", Ref(score.id))
            rows.append((line(rung), *_named(form, side), useful, *rate_cells(of)))
    if rows:
        caption = "Autonomy ladder: a control failed with the main task alone, beside the task score."
        yield table_of_rates(caption, ("autonomy", "form", "safeguards", "mean score"), rows)
    lacking = [rung.value for rung in Autonomy if rung.value not in seen]
    absent = f"{', '.join(lacking)} were not run; " if lacking else ""
    yield note(
        f"Autonomy {absent}A4 (delegation, memory, network) is not offered. A level that was not run is {NOT_MEASURED}."
    )


def _announced(build: Build, model: Model) -> Iterator[Block]:
    rows: Rows = []
    for form, side in _sides(model):
        for value in values(build, "oversight", _natural(model, form, side)):
            of = build.ledger.measure("any_failure_rate", {**_natural(model, form, side), "oversight": value})
            rows.append((line(value.replace("_", " ")), *_named(form, side), *rate_cells(of)))
    if rows:
        caption = "A control failed with the main task alone, by what the agent is told about being watched."
        yield table_of_rates(caption, ("told", "form", "safeguards"), rows)
