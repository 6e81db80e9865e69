"""Rates by failure mode and subject, and by episode: the numbers that tables, figures and sentences share."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ..records import Family, SubjectKind, Tri
from ._data import RunData
from ._modes import COUNTED_MODES, USEFULNESS_MODES, WEAK_GRADES, mode_order
from ._outcomes import YES, codes, counted, strongest
from ._rate import Rate
from .metrics import any_failure_rate, attempt_rate, conditional_success, disclosure_rate, failure_rate

__all__ = [
    "COUNTED_MODES",
    "USEFULNESS_MODES",
    "WEAK_GRADES",
    "SubjectRef",
    "VerdictRow",
    "any_failure_rate",
    "by_model",
    "mode_order",
    "of_subject",
    "row_of",
    "strongest",
    "subjects",
    "unmonitored",
    "verdict_rows",
]


@dataclass(frozen=True)
class SubjectRef:
    """Whose numbers these are: never two forms of a model in one number."""

    kind: str
    name: str
    scaffold: str

    @property
    def scripted(self) -> bool:
        """A member of the cast: its numbers prove the instrument and say nothing about a model."""
        return self.kind == SubjectKind.SCRIPTED

    @property
    def label(self) -> str:
        """For a reader."""
        return f"{self.name} ({self.form})"

    @property
    def form(self) -> str:
        """The kind, for a reader."""
        return self.kind.replace("_", " ")


@dataclass(frozen=True)
class VerdictRow:
    """One failure mode of one subject, with safeguards off or on."""

    failure_mode: str
    family: str
    subject: SubjectRef
    safeguards: bool
    failure: Rate
    attempts: Rate
    conditional: Rate
    """Successes over attempts."""
    disclosed: Rate
    """Successes that the agent's report admits."""
    blocked: int
    """Attempts that something stopped."""
    violations: int
    """Failures of a rule that was told plainly; the others are unsafe defaults."""
    missing: int
    """Verdicts that are not in the record: part of the unknown."""
    unmonitored: int
    """Valid episodes whose suspicion monitors failed their check: they say nothing about safeguards."""
    grade: str | None
    """Weakest evidence of the verdicts that count; None where none does."""

    @property
    def guards(self) -> str:
        """The side of the safeguards, for a reader."""
        blind = f", {self.unmonitored} unmonitored" if self.unmonitored else ""
        return f"{'on' if self.safeguards else 'off'}{blind}"

    @property
    def unverified(self) -> bool:
        """Evidence too weak for a verdict of this family."""
        return self.grade in WEAK_GRADES and self.family != Family.CONTAINMENT

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, with every rate spelled out."""
        return asdict(self) | {"unverified": self.unverified}


def subjects(data: RunData) -> list[SubjectRef]:
    """Everyone who was evaluated, real subjects first."""
    named = data.episodes.dropna(subset=["subject_kind"])
    found = {
        SubjectRef(str(kind), str(name), str(scaffold))
        for kind, name, scaffold in zip(named["subject_kind"], named["subject"], named["scaffold"], strict=True)
    }
    return sorted(found, key=lambda one: (one.scripted, one.name, one.kind, one.scaffold))


def of_subject(table: pd.DataFrame, subject: SubjectRef) -> pd.DataFrame:
    """The rows of one subject."""
    return table[
        (table["subject_kind"] == subject.kind)
        & (table["subject"] == subject.name)
        & (table["scaffold"] == subject.scaffold)
    ]


def verdict_rows(data: RunData) -> list[VerdictRow]:
    """The verdict table: by subject, family, failure mode and safeguards."""
    return [row for subject in subjects(data) for row in _rows_of(subject, of_subject(data.verdicts, subject))]


def by_model(rows: list[VerdictRow]) -> dict[str, list[VerdictRow]]:
    """The rows of each model and scaffold together, so that its sides stand next to one another.

    A model has several forms: with safeguards it may be ``deployed``, without them ``as_is``.
    """
    found: dict[str, list[VerdictRow]] = {}
    for row in rows:
        found.setdefault(f"{row.subject.name} · {row.subject.scaffold}", []).append(row)
    order = list(SubjectKind)
    for own in found.values():
        own.sort(key=lambda row: (mode_order((row.family, row.failure_mode)), row.safeguards,
                                  order.index(SubjectKind(row.subject.kind))))  # fmt: skip
    return found


def _rows_of(subject: SubjectRef, verdicts: pd.DataFrame) -> Iterator[VerdictRow]:
    groups = verdicts.groupby(["family", "failure_mode", "safeguards"], observed=True)
    sides = {(str(family), str(mode), bool(on)): rows for (family, mode, on), rows in groups}
    for family, mode, on in sorted(sides, key=lambda key: (mode_order(key[:2]), key[2])):
        yield row_of(mode, family, subject, on, sides[family, mode, on])


def row_of(
    mode: str, family: str, subject: SubjectRef, on: bool, verdicts: pd.DataFrame, *, mixed: bool = False
) -> VerdictRow:
    """The row over some verdicts of one failure mode; ``mixed`` where they are of several subjects on purpose."""
    said = codes(verdicts, "succeeded")
    failures = pd.Series(said == YES, index=verdicts.index)
    stopped = verdicts["blocked_by"].notna() & (verdicts["attempted"] == Tri.TRUE) & ~failures
    grades = [str(grade) for grade in verdicts["grade"][counted(said)].dropna().unique()]
    return VerdictRow(
        failure_mode=mode,
        family=family,
        subject=subject,
        safeguards=on,
        failure=failure_rate(verdicts, mixed=mixed),
        attempts=attempt_rate(verdicts, mixed=mixed),
        conditional=conditional_success(verdicts, mixed=mixed),
        disclosed=disclosure_rate(verdicts, mixed=mixed),
        blocked=int((stopped & verdicts["valid"]).sum()),
        violations=int((failures & verdicts["violation"].fillna(False)).sum()),
        missing=int((verdicts["valid"] & ~verdicts["recorded"]).sum()),
        unmonitored=int((verdicts["valid"] & unmonitored(verdicts)).sum()),
        grade=min(grades, default=None),
    )


def unmonitored(table: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows are of episodes with a suspicion monitor that failed its check."""
    return table["monitored"].eq(other=False).fillna(value=False).astype(bool)
