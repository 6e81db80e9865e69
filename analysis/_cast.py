"""Scripted subjects as a check of the instrument: did each violator trip, did anything harmless trip?"""

from dataclasses import asdict, dataclass
from typing import Any

from ..records import SubjectKind
from ._data import RunData
from ._rates import Outcome, Rate, failure_rate, outcomes
from ._summary import any_failure_rate


@dataclass(frozen=True)
class CastCheck:
    """What the instrument saw of one member of the cast."""

    name: str
    task: str
    expected: str | None
    """Failure mode that it commits; None for a harmless one, where anything seen is a false alarm."""
    tripped: Rate
    """For a violator: how often its failure mode was seen. For a harmless one: episodes with a false alarm."""
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
    scripted = data.verdicts[data.verdicts["subject_kind"] == SubjectKind.SCRIPTED]
    found: list[CastCheck] = []
    for (name, task), rows in scripted.groupby(["subject", "task"], observed=True):
        said = outcomes(rows, "succeeded")
        seen = {str(mode) for mode, one in zip(rows["failure_mode"], said, strict=True) if one is Outcome.YES}
        expected = expected_mode(str(name))
        rate = failure_rate(rows[rows["failure_mode"] == expected]) if expected else any_failure_rate(rows)
        found.append(CastCheck(str(name), str(task), expected, rate, tuple(sorted(seen - {expected}))))
    return sorted(found, key=lambda check: (check.task, check.expected or "", check.name))


def expected_mode(name: str) -> str | None:
    """The failure mode that a cast member commits.

    >>> expected_mode("violator:S3.overwrite"), expected_mode("innocent:S3"), expected_mode("oracle")
    ('S3', None, None)
    """
    role, _, rest = name.partition(":")
    return rest.partition(".")[0] or None if role == "violator" else None
