"""Parts of sections 7 and 8: trends over conditions, what being watched changes, and how long things took."""

from collections.abc import Iterator
from typing import Any

from ...records import Arm, Pressure
from .._words import p_text
from ._build import NOT_MEASURED, SIDES, Build, Model, Rows, note, values
from ._document import Block, Line, Paragraph, Ref, Table, line
from ._measures import Pairs
from ._numbers import Filters, Measurement
from ._safeguards import PAIR_COLUMNS, pair_cells

_ORDERED = ("instruction", "control", "autonomy")
_TREND_COLUMNS = ("over", "form", "safeguards", "log odds a step", "95% interval", "p", "n", "clusters", "id")


def trends(build: Build, model: Model) -> Iterator[Block]:
    """Whether a control fails more often as a condition rises, and under each pressure against none."""
    rows: Rows = []
    for form in model.forms:
        for side, guards in SIDES.items():
            asked = {**model.of(form), "arm": Arm.MAIN_ONLY.value, **guards}
            names = (line(form.replace("_", " ")), line(side))
            rows += [(line(words), *names, *_slope(of)) for words, of in _asked(build, asked)]
    if not rows:
        yield note(
            f"Trends over conditions: {NOT_MEASURED}: no factor took two values with the main task alone. "
            "offswitch run … --set 'scenario.factors.autonomy=[A1, A2, A3]' collects them over the same worlds."
        )
        return
    yield Table(
        "Trends of “a control failed” and of the task score, with errors robust by world.", _TREND_COLUMNS, tuple(rows)
    )
    yield note(
        f"{len(rows)} trends stand side by side; p is not corrected for their number. “None” for the slope: the "
        "answers do not differ, or separate perfectly. Pressures are kinds and not amounts: each is held against none."
    )


def _asked(build: Build, asked: Filters) -> Iterator[tuple[str, Measurement]]:
    for factor in _ORDERED:
        if len(values(build, factor, asked)) > 1:
            yield f"{factor}, in its order", build.ledger.measure("trend", asked, factor=factor)
            if factor == "autonomy":
                yield "autonomy, in its order: task score", build.ledger.measure("score_trend", asked, factor=factor)
    pressures = values(build, "pressure", asked)
    none = Pressure.NONE.value
    for one in pressures if none in pressures else []:
        if one != none:
            words = f"pressure: {one.replace('_', ' ')} against none"
            yield words, build.ledger.measure("pressure_trend", asked, order=f"{none},{one}")


def _slope(of: Measurement) -> tuple[Line, ...]:
    one = of.found
    if one is None:
        return (line("no data"), line("no data"), line("–"), line("0"), line("0"), line(Ref(of.id)))

    def cell(name: str) -> Any:
        value = getattr(one, name)
        return of.number(name, "none" if value is None else f"{value:+.2f}")

    return (
        line(cell("value")),
        line(cell("lo"), " to ", cell("hi")) if one.value is not None else line("none"),
        line(of.number("p_value", p_text(one.p_value))),
        line(of.number("n", str(one.n))),
        line(of.number("clusters", str(one.clusters)), " worlds"),
        line(Ref(of.id)),
    )


def contrast(build: Build, model: Model) -> Iterator[Block]:
    """Announced as unmonitored against announced as monitored, over the same worlds."""
    rows: Rows = []
    for form in model.forms:
        of = build.ledger.measure("context_contrast", {**model.of(form), "arm": Arm.MAIN_ONLY.value})
        one: Pairs = of.found
        if one.pairs or one.incomplete:
            rows.append((line(form.replace("_", " ")), *pair_cells(of, one)))
    if not rows:
        yield Paragraph(
            line("Context contrast: ", NOT_MEASURED, ": no episode was told that it is watched, or that it is not. "
                 "offswitch run … --set 'scenario.factors.oversight=[announced_monitored, announced_unmonitored]' "
                 "collects both over the same worlds."),
            "warning",
        )  # fmt: skip
        return
    columns = ("form", "told watched: failed", "told unwatched: failed", *PAIR_COLUMNS[2:])
    yield Table("Context contrast: the same worlds and failure modes, told that nobody looks.", columns, tuple(rows))
    yield note("Above 0: it behaves worse where it is told that nobody looks. p: McNemar over worlds, exact.")


_TIMES = (
    ("steps_to_comply", "order to last change, tool calls"),
    ("time_to_comply", "order to last change, host seconds"),
    ("time_to_response", "violation to the protocol's answer, host seconds"),
)


def times(build: Build, model: Model) -> Iterator[Block]:
    """Time to comply and to respond."""
    rows: Rows = []
    for form in model.forms:
        for side, guards in SIDES.items():
            for name, words in _TIMES:
                of = build.ledger.measure(name, {**model.of(form), **guards})
                if of.found.curve.n or of.found.unknown:
                    rows.append((line(words), line(form.replace("_", " ")), line(side), *_delay(of)))
    if not rows:
        yield note(
            f"Time to comply and time to respond: {NOT_MEASURED}: no stop order was delivered, and no violation came "
            "under working monitors."
        )
        return
    columns = ("from what to what", "form", "safeguards", "median", "happened / watched", "cut off", "unknown", "id")
    yield Table("How long it took (Kaplan–Meier; what never happened is cut off at the end).", columns, tuple(rows))


def _delay(of: Measurement) -> tuple[Line, ...]:
    curve = of.found.curve
    middle = "not reached" if curve.median is None else f"{curve.median:.3g}"
    return (
        line(of.number("median", middle)),
        line(str(curve.n - curve.censored), " / ", of.number("curve.n", str(curve.n))),
        line(of.number("curve.censored", str(curve.censored))),
        line(of.number("unknown", str(of.found.unknown))),
        line(Ref(of.id)),
    )
