"""What the sections are built from, and the cells that they share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ...records import SubjectKind
from .._context import Integrity
from .._data import RunData, State
from .._modes import mode_order
from .._subjects import subjects
from .._words import percent
from ..thresholds import CheckReport
from ._document import Heading, Line, Paragraph, Picture, Quoted, Ref, Table, line
from ._numbers import BEGINNING, Filters, Ledger, Measurement

NOT_MEASURED = "NOT MEASURED"
SLASH = "\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}"
"""Of, in a cell: both numbers stay on one line."""
SIDES: Mapping[str, Filters] = {
    "off": {"safeguards": False},
    "on": {"safeguards": True, "monitored": True},
    "on, not shown to watch": {"safeguards": True, "monitored": (False, None)},
    "not stated": {"safeguards": None},
}
"""Safeguards count as on only where every monitor is known to have passed its check."""
Rows = list[tuple[Line, ...]]
"""Rows of a table that is being made."""


@dataclass(frozen=True)
class Model:
    """One model with one scaffold, in all forms in which it was run: never two in one number."""

    name: str
    scaffold: str
    forms: tuple[str, ...]

    @property
    def scripted(self) -> bool:
        """A member of the cast."""
        return self.forms == (SubjectKind.SCRIPTED.value,)

    @property
    def label(self) -> Line:
        """For a heading."""
        return line(Quoted(self.name), " with ", Quoted(self.scaffold))

    @property
    def filters(self) -> Filters:
        """Its rows in every form."""
        return {"subject": self.name, "scaffold": self.scaffold, "subject_kind": self.forms}

    def of(self, form: str) -> Filters:
        """Its rows in one form."""
        return {"subject": self.name, "scaffold": self.scaffold, "subject_kind": form}


@dataclass(frozen=True)
class Build:
    """Everything that a section may ask."""

    data: RunData
    ledger: Ledger
    models: tuple[Model, ...]
    checks: tuple[Integrity, ...]
    decisions: tuple[CheckReport, ...] = ()
    """Reports of `thresholds.check`, one a profile."""
    earlier: Ledger | None = None

    @property
    def state(self) -> str:
        """``intact``, ``exported`` (tables of intact records), ``broken``, ``incomplete``, or ``not checkable``."""
        states = {check.state for check in self.checks}
        stored = {source.state for source in self.data.sources if source.folder is None}
        if "tampered" in states or State.BROKEN in stored:
            return "broken"
        if not states | stored or State.UNCHECKED in stored or len(self.checks) < len(self.data.runs):
            return "not checkable"
        if "unfinished" in states:
            return "incomplete"
        return "exported" if stored else "intact"

    @property
    def holds(self) -> bool:
        """Whether decisions may rest on it."""
        return self.state in {"intact", "exported"}


SCRIPTS_SHOWN = 3
"""Scripted subjects with sections of their own, where there is no model; beside a model there are none."""


def models_of(data: RunData) -> tuple[Model, ...]:
    """The models that were evaluated; without any, the first scripted subjects."""
    found = _everyone(data)
    return tuple(one for one in found if not one.scripted) or found[:SCRIPTS_SHOWN]


def unshown(build: "Build") -> int:
    """How many scripted subjects have no section."""
    return len(_everyone(build.data)) - len(build.models)


def _everyone(data: RunData) -> tuple[Model, ...]:
    forms: dict[tuple[bool, str, str], list[str]] = {}
    for one in subjects(data):
        forms.setdefault((one.scripted, one.name, one.scaffold), []).append(one.kind)
    return tuple(Model(name, scaffold, tuple(found)) for (_, name, scaffold), found in forms.items())


def values(build: Build, column: str, filters: Filters) -> list[str]:
    """The values of a column among the episodes of some filters; a category's own order."""
    found = build.ledger.rows.column("episodes", column, {**BEGINNING, **filters}).dropna()
    kept = {str(one) for one in found.unique()}
    order = [str(one) for one in found.cat.categories] if isinstance(found.dtype, pd.CategoricalDtype) else sorted(kept)
    return [one for one in order if one in kept]


def modes(build: Build, filters: Filters) -> list[str]:
    """Failure modes with a verdict, by family and number."""
    columns = (
        build.ledger.rows.column("verdicts", name, {**BEGINNING, **filters}) for name in ("family", "failure_mode")
    )
    pairs = {(str(family), str(mode)) for family, mode in zip(*columns, strict=True)}
    return [mode for _, mode in sorted(pairs, key=mode_order)]


RATE_COLUMNS = (
    "rate", "balanced", "95% interval", "k / n", "clusters", "unknown · by the agent · not exposed · invalid",
    "worst case", "method", "id",
)  # fmt: skip


def rate_cells(of: Measurement) -> tuple[Line, ...]:
    """A rate with everything that it is made of."""
    rate = of.found
    shown = line(of.number("value", percent(rate.value)))
    ends = line(of.number("lo", percent(rate.lo)), " to ", of.number("hi", percent(rate.hi)))
    clusters = f"{rate.clusters} {rate.unit}s"
    return (
        shown,
        line(of.number("balanced", percent(rate.balanced))),
        ends if rate.n else line("no data"),
        line(of.number("k", str(rate.k)), SLASH, of.number("n", str(rate.n))),
        line(of.number("clusters", clusters)),
        left_out(of),
        line(of.number("worst_case", percent(rate.worst_case))),
        line(rate.method + (" (descriptive)" if rate.descriptive else "")),
        line(Ref(of.id)),
    )


def left_out(of: Measurement) -> Line:
    """What is in no denominator, and what counts against the agent for it lost the evidence."""
    parts: list[Any] = []
    for name in _COUNTS:
        parts += [" · "] if parts else []
        parts.append(of.number(name, str(getattr(of.found, name))))
    return tuple(parts)


_COUNTS = ("unknown", "agent_caused", "not_exposed", "invalid")


def rate_in_words(of: Measurement) -> Line:
    """A rate in a sentence."""
    rate = of.found
    if not rate.n:
        lost = f"{rate.unknown} unknown, {rate.not_exposed} not exposed, {rate.invalid} invalid"
        return line(NOT_MEASURED, f" ({lost}, n = ", of.number("n", "0"), ") ", Ref(of.id))
    return line(
        of.number("value", percent(rate.value)), " (95% interval ", of.number("lo", percent(rate.lo)), " to ",
        of.number("hi", percent(rate.hi)), ", ", of.number("k", str(rate.k)), " of ", of.number("n", str(rate.n)),
        ", ", of.number("unknown", str(rate.unknown)), " unknown) ", Ref(of.id),
    )  # fmt: skip


def count_line(of: Measurement, before: str, after: str) -> Line:
    """A count in a sentence."""
    return line(before, of.number("", f"{of.found:,}"), after, " ", Ref(of.id))


def note(*parts: Any) -> Paragraph:
    """A remark."""
    return Paragraph(tuple(parts), "note")


def picture(build: Build, model: Model, page: str) -> Picture:
    """A page of figures about one model."""
    keep = {**BEGINNING, **model.filters}
    episodes, steps, verdicts = (build.ledger.rows.kept(name, keep) for name in ("episodes", "steps", "verdicts"))
    return Picture(page, RunData(episodes, steps, verdicts, build.data.runs, build.data.sources))


def per_model(build: Build) -> Iterable[tuple[Model, Heading]]:
    """Each model with its heading."""
    for model in build.models:
        yield model, Heading(model.label)


def table_of_rates(caption: str, first: tuple[str, ...], rows: Iterable[tuple[Line, ...]]) -> Table:
    """A table whose rows begin with some names and go on with a rate."""
    return Table(caption, (*first, *RATE_COLUMNS), tuple(rows))
