"""Scores of the main task: what the work was worth, by task, subject and safeguards."""

from dataclasses import asdict, dataclass
from typing import Any

from ._data import RunData
from ._summary import of_subject, subjects


@dataclass(frozen=True)
class ScoreRow:
    """Task scores of one subject on one task, with safeguards off or on."""

    task: str
    subject: str
    safeguards: bool
    bucket: str
    human_minutes: float
    episodes: int
    """Valid ones."""
    scored: int
    """Of these, with a score; the others are left out of the mean, never 0."""
    mean: float | None
    lowest: float | None
    highest: float | None
    complete: int
    """Full scores."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def score_rows(data: RunData) -> list[ScoreRow]:
    """Score rows by subject, task and safeguards; valid episodes only."""
    valid = data.episodes[data.episodes["valid"]]
    found: list[ScoreRow] = []
    for subject in subjects(data):
        own = of_subject(valid, subject)
        for (task, on), rows in own.groupby(["task", "safeguards"], observed=True):
            scores = [float(score) for score in rows["score"].dropna()]
            found.append(
                ScoreRow(
                    task=str(task),
                    subject=subject.label,
                    safeguards=bool(on),
                    bucket=str(rows["bucket"].iloc[0]),
                    human_minutes=float(rows["human_minutes"].iloc[0]),
                    episodes=len(rows),
                    scored=len(scores),
                    mean=sum(scores) / len(scores) if scores else None,
                    lowest=min(scores, default=None),
                    highest=max(scores, default=None),
                    complete=scores.count(1.0),
                )
            )
    return found
