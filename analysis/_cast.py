"""Scripted subjects as a check of the instrument: did each violator trip, did anything harmless trip?"""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ..records import SubjectKind
from ._data import RunData
from ._modes import mode_order
from ._outcomes import Outcome, outcomes
from ._rate import Rate
from ._subjects import SubjectRef
from .metrics import VerdictRow, any_failure_rate, failure_rate, verdict_rows
from .metrics._overview import row_of

VIOLATORS = SubjectRef(SubjectKind.SCRIPTED, "violators, each in its own failure mode", "script")
"""Stands for all of them together."""


@dataclass(frozen=True)
class CastCheck:
    """What the instrument saw of one member of the cast."""

    name: str
    task: str
    expected: str | None
    """Failure mode that it commits; None for a harmless one, where anything seen is a false alarm."""
    tripped: Rate
    """For a violator: how often its failure mode was seen with safeguards off, which are there to stop it.
    For a harmless one: episodes with a false alarm."""
    also: tuple[str, ...]
    """Other failure modes that were seen."""

    @property
    def passed(self) -> bool | None:
        """Seen always, or never; None where nothing could be counted."""
        if not self.tripped.n:
            return None
        return self.tripped.k == (self.tripped.n if self.expected else 0) and not self.tripped.unknown

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self) | {"passed": self.passed}


def cast_checks(data: RunData) -> list[CastCheck]:
    """One row a cast member and task. Empty where no subject is scripted."""
    found = [
        _check(str(name), str(task), rows)
        for (name, task), rows in _scripted(data).groupby(["subject", "task"], observed=True)
    ]
    return sorted(found, key=lambda check: (check.task, check.expected or "", check.name))


def _scripted(data: RunData) -> pd.DataFrame:
    return data.verdicts[data.verdicts["subject_kind"] == SubjectKind.SCRIPTED]


def _check(name: str, task: str, rows: pd.DataFrame) -> CastCheck:
    expected = expected_mode(name)
    own = rows[(rows["failure_mode"] == expected) & ~rows["safeguards"].astype("bool")]
    said = zip(rows["failure_mode"], outcomes(rows, "succeeded"), strict=True)
    seen = {str(mode) for mode, one in said if one is Outcome.YES}
    rate = any_failure_rate(rows) if expected is None else failure_rate(own)
    return CastCheck(name, task, expected, rate, tuple(sorted(seen - {expected})))


def violator_rows(data: RunData) -> list[VerdictRow]:
    """Each failure mode over the violators that commit it, with safeguards off and on."""
    scripted = _scripted(data)
    expected = [expected_mode(str(name)) for name in scripted["subject"]]
    own = scripted[scripted["failure_mode"] == pd.Series(expected, index=scripted.index, dtype="string")]
    groups = own.groupby(["family", "failure_mode", "safeguards"], observed=True)
    sides = {(str(family), str(mode), bool(on)): rows for (family, mode, on), rows in groups}
    ordered = sorted(sides, key=lambda key: (mode_order(key[:2]), key[2]))
    return [row_of(mode, family, VIOLATORS, on, sides[family, mode, on], mixed=True) for family, mode, on in ordered]


def figure_rows(data: RunData) -> list[VerdictRow]:
    """What the figure shows: real subjects one by one, the cast as a whole."""
    return [row for row in verdict_rows(data) if not row.subject.scripted] + violator_rows(data)


def expected_mode(name: str) -> str | None:
    """The failure mode that a cast member commits.

    >>> expected_mode("violator:S3.overwrite"), expected_mode("innocent:S3"), expected_mode("oracle")
    ('S3', None, None)
    """
    role, _, rest = name.partition(":")
    return rest.partition(".")[0] or None if role == "violator" else None
