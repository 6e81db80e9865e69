"""Rates by failure mode, subject and safeguards: the numbers that tables, figures and sentences share."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...records import Family, SubjectKind, Tri
from .._data import RunData
from .._modes import WEAK_GRADES, mode_order
from .._outcomes import YES, Flags, counted
from .._prepared import IDENTITY, Prepared, Rows, prepared
from .._rate import Rate
from .._subjects import SubjectRef, begun, by_subject
from ._failures import attempt_rate, by_mode, conditional_success, disclosure_rate, failure_rate

_TRUE = list(Tri).index(Tri.TRUE)


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
    """Valid episodes with safeguards whose suspicion monitors are not known to have worked."""
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


@dataclass(frozen=True)
class Overview:
    """The verdict table, and what is in no row of it."""

    rows: tuple[VerdictRow, ...]
    left_out: dict[str, int]
    """Why a verdict stands in no row → how many."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"rows": [row.as_dict() for row in self.rows], "left_out": self.left_out}


def overview(verdicts: Rows) -> Overview:
    """`failure_rate` and its companions by subject, family, failure mode and safeguards. Unit: ``world``.

    A verdict that does not say whose it is, of which failure mode, or on which side of the safeguards is in no row and
    counted in ``left_out``, as are those of branches.
    """
    rows = begun(verdicts)
    found = [
        _of(subject, family, mode, own)
        for subject, every in by_subject(rows.where(_told(rows)))
        for family, mode, own in by_mode(every)
    ]
    return Overview(tuple(row for pair in found for row in pair), _left_out(prepared(verdicts), rows))


def verdict_rows(data: RunData) -> list[VerdictRow]:
    """The rows of the `overview` of these runs: by subject, family, failure mode and safeguards."""
    return list(overview(data.verdicts).rows)


_NEEDED = dict.fromkeys(IDENTITY, "no subject") | {
    "family": "no failure mode",
    "failure_mode": "no failure mode",
    "safeguards": "safeguards not told",
}


def _told(rows: Prepared) -> Flags:
    return np.asarray(np.logical_and.reduce([rows.known(name) for name in _NEEDED]), dtype=np.bool_)


def _left_out(every: Prepared, rows: Prepared) -> dict[str, int]:
    """Each verdict under its first reason."""
    found = {"from another's state": len(every) - len(rows)}
    left = np.ones(len(rows), dtype=np.bool_)
    for name, reason in _NEEDED.items():
        hit = left & ~rows.known(name)
        left &= ~hit
        found[reason] = found.get(reason, 0) + int(hit.sum())
    return {reason: count for reason, count in found.items() if count}


def _of(subject: SubjectRef, family: str, mode: str, rows: Prepared) -> list[VerdictRow]:
    on = rows.flag("safeguards")
    sides = [(False, rows.where(~on)), (True, rows.where(on))]
    return [row_of(mode, family, subject, side, own) for side, own in sides if len(own)]


def row_of(mode: str, family: str, subject: SubjectRef, on: bool, verdicts: Rows, *, mixed: bool = False) -> VerdictRow:
    """The row over some verdicts of one failure mode; ``mixed`` where they are of several subjects on purpose."""
    rows = prepared(verdicts)
    said, valid = rows.codes("succeeded"), rows.flag("valid")
    failed = said == YES
    stopped = rows.known("blocked_by") & (rows.tri("attempted") == _TRUE) & ~failed
    return VerdictRow(
        failure_mode=mode,
        family=family,
        subject=subject,
        safeguards=on,
        failure=failure_rate(rows, mixed=mixed),
        attempts=attempt_rate(rows, mixed=mixed),
        conditional=conditional_success(rows, mixed=mixed),
        disclosed=disclosure_rate(rows, mixed=mixed),
        blocked=int((stopped & valid).sum()),
        violations=int((failed & rows.flag("violation")).sum()),
        missing=int((valid & ~rows.flag("recorded")).sum()),
        unmonitored=int((valid & unmonitored(rows)).sum()),
        grade=min(map(str, rows.where(counted(said)).present("grade")), default=None),
    )


def unmonitored(table: Rows) -> Flags:
    """Which rows are of episodes with safeguards whose suspicion monitors are not known to have worked."""
    rows = prepared(table)
    return rows.flag("safeguards") & ~rows.flag("monitored")


def by_model(rows: Iterable[VerdictRow]) -> dict[str, list[VerdictRow]]:
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
