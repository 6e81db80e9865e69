"""Whose rows these are: a metric is about one model with one scaffold in one form, from the beginning."""

import numpy as np
import pandas as pd

from ._errors import MixedSubjectsError
from ._outcomes import Flags

IDENTITY = ("subject", "scaffold", "subject_kind")


def from_the_beginning(table: pd.DataFrame) -> pd.DataFrame:
    """Without the episodes that go on from another's state: they enter branch effects alone."""
    if "branch_run" not in table:
        return table
    own = table["branch_run"].isna()
    return table if own.all() else table[own]


def placed(table: pd.DataFrame) -> Flags:
    """Rows that name model, scaffold and form. The others belong to nobody: they are unknown in every rate."""
    known = np.ones(len(table), dtype=np.bool_)
    for name in IDENTITY:
        known &= table[name].notna().to_numpy(dtype=np.bool_)
    return known


def one_subject(table: pd.DataFrame) -> None:
    """Raises `MixedSubjectsError` where rows of several models, scaffolds or forms stand together."""
    for name in IDENTITY:
        found = sorted(str(value) for value in table[name].dropna().unique())
        if len(found) > 1:
            raise MixedSubjectsError(
                f"metrics: {name}: {len(found)} different ones in one rate ({', '.join(found[:3])}); take the rows of "
                f"one, for example table[table[{name!r}] == {found[0]!r}], or say mixed=True to pool them on purpose"
            )


def own_rows(table: pd.DataFrame, *, mixed: bool = False) -> pd.DataFrame:
    """The rows from the beginning, of one subject unless ``mixed``."""
    rows = from_the_beginning(table)
    if not mixed:
        one_subject(rows)
    return rows
