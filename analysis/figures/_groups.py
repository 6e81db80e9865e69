"""Whose rows a panel shows: one subject in one form, with safeguards off or on; never several together."""

from dataclasses import dataclass

import pandas as pd

from .._data import RunData
from .._subjects import SubjectRef, of_subject, subjects
from .._words import plural


@dataclass(frozen=True, eq=False)
class Group:
    """The rows of one subject on one side of the safeguards."""

    subject: SubjectRef
    safeguards: bool
    episodes: pd.DataFrame
    verdicts: pd.DataFrame

    @property
    def title(self) -> str:
        """For a reader."""
        side = "on" if self.safeguards else "off"
        return f"{self.subject.name} ({self.subject.form}, safeguards {side}) · {self.subject.scaffold}"


def groups(data: RunData) -> list[Group]:
    """Every group that has an episode from the beginning, real subjects first, most episodes first."""
    found: list[Group] = []
    tables = [from_the_beginning(table) for table in (data.episodes, data.verdicts)]
    for subject in subjects(data):
        own = [of_subject(table, subject) for table in tables]
        for on in (False, True):
            sides = [table[table["safeguards"].eq(on).fillna(value=False)] for table in own]
            if len(sides[0]):
                found.append(Group(subject, on, *sides))
    return sorted(found, key=lambda one: (one.subject.scripted, -len(one.episodes)))


def from_the_beginning(table: pd.DataFrame) -> pd.DataFrame:
    """Without episodes that go on from another's state: those say nothing about a rate."""
    return table[table["branch_run"].isna()]


def left_out(data: RunData, shown: list[Group], total: int) -> list[str]:
    """Sentences about what a page does not show."""
    told: list[str] = []
    if total > len(shown):
        told.append(f"{plural(total - len(shown), 'further subject')} not drawn: those with most episodes are.")
    branched = int(data.episodes["branch_run"].notna().sum())
    if branched:
        told.append(f"{plural(branched, 'branched episode')} left out.")
    own = from_the_beginning(data.episodes)
    unsaid = int((own["subject_kind"].isna() | own["safeguards"].isna()).sum())
    if unsaid:
        told.append(f"{plural(unsaid, 'episode')} without a known subject or side of the safeguards left out.")
    return told


def scripted_shown(shown: list[Group]) -> bool:
    """Whether any group is a scripted subject's."""
    return any(one.subject.scripted for one in shown)
