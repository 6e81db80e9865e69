"""Whose rows these are: a metric is about one model with one scaffold in one form, from the beginning."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..records import SubjectKind
from ._data import RunData
from ._errors import MixedSubjectsError
from ._outcomes import Flags
from ._prepared import IDENTITY, Prepared, Rows, prepared


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


def subjects(data: RunData) -> list[SubjectRef]:
    """Everyone who was evaluated, real subjects first."""
    return [subject for subject, _ in by_subject(data.episodes)]


def from_the_beginning(table: pd.DataFrame) -> pd.DataFrame:
    """Without the episodes that go on from another's state: they enter branch effects alone."""
    if "branch_run" not in table:
        return table
    own = table["branch_run"].isna()
    return table if own.all() else table[own]


def begun(table: Rows) -> Prepared:
    """`from_the_beginning`, prepared."""
    rows = prepared(table)
    if not rows.has("branch_run"):
        return rows
    branched = rows.known("branch_run")
    return rows.where(~branched) if branched.any() else rows


def placed(table: pd.DataFrame) -> Flags:
    """Rows that name model, scaffold and form. The others belong to nobody: they are unknown in every rate."""
    known = np.ones(len(table), dtype=np.bool_)
    for name in IDENTITY:
        known &= table[name].notna().to_numpy(dtype=np.bool_)
    return known


def one_subject(table: Rows) -> None:
    """Raises `MixedSubjectsError` where rows of several models, scaffolds or forms stand together.

    Of a table that was read without one of these columns, the caller knows whose it is.
    """
    rows = prepared(table)
    for name in filter(rows.has, IDENTITY):
        found = sorted(map(str, rows.present(name)))
        if len(found) > 1:
            raise MixedSubjectsError(
                f"metrics: {name}: {len(found)} different ones in one rate ({', '.join(found[:3])}); take the rows of "
                f"one, for example table[table[{name!r}] == {found[0]!r}], or say mixed=True to pool them on purpose"
            )


def own_rows(table: Rows, *, mixed: bool = False) -> Prepared:
    """The rows from the beginning, of one subject unless ``mixed``."""
    rows = begun(table)
    if not mixed:
        one_subject(rows)
    return rows


def by_subject(table: Rows) -> Iterator[tuple[SubjectRef, Prepared]]:
    """The rows of each subject, models before the cast; those of nobody are in none."""
    names = ("subject_kind", "subject", "scaffold")
    found = {SubjectRef(*key): rows for key, rows in prepared(table).each(names)}
    for one in in_order(found):
        yield one, found[one]


def in_order(found: Iterable[SubjectRef]) -> list[SubjectRef]:
    """Models before the cast, then by name."""
    return sorted(found, key=lambda one: (one.scripted, one.name, one.kind, one.scaffold))


def of_subject(table: pd.DataFrame, subject: SubjectRef) -> pd.DataFrame:
    """The rows of one subject."""
    return table[
        (table["subject_kind"] == subject.kind)
        & (table["subject"] == subject.name)
        & (table["scaffold"] == subject.scaffold)
    ]
