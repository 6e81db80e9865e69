"""Tables from elsewhere: held against the columns, value by value, before any number is made of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...records import Tri, UnknownCause
from .._columns import EPISODES, KEY, STEPS, VERDICTS, Column
from .._errors import DuplicateEpisodeError, TableError
from ._typed import Extra, demand, text, typed

IDENTITY = ["run_id", "episode_id"]


def given_tables(
    episodes: pd.DataFrame, steps: pd.DataFrame | None, verdicts: pd.DataFrame | None, extra: Extra
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The three typed tables; what a step or a verdict says nothing about, its episode says.

    Raises `TableError` for a column that is missing or unknown and for a value that does not fit, and
    `DuplicateEpisodeError` where an episode, or a failure mode of one, comes twice.
    """
    whole = typed(episodes, EPISODES, "episodes", extra)
    _identified(whole, IDENTITY, "episodes")
    rows = _joined(_or_empty(steps, STEPS), whole, STEPS, "steps", extra)
    found = _joined(_or_empty(verdicts, VERDICTS), whole, VERDICTS, "verdicts", extra)
    _identified(found, [*IDENTITY, "failure_mode"], "verdicts")
    return whole, _answered(rows), with_missing_verdicts(_caused(found), whole)


def _answered(steps: pd.DataFrame) -> pd.DataFrame:
    """With a count of the monitors that failed, where only their scores are told."""
    bare = steps["unanswered"].isna() & steps["suspicions"].notna()
    if not bare.any():
        return steps
    told = [sum(score is None for score in scores.values()) for scores in steps["suspicions"][bare]]
    counts = steps["unanswered"].copy()
    counts[bare] = told
    return steps.assign(unanswered=counts)


def _or_empty(table: pd.DataFrame | None, columns: Sequence[Column]) -> pd.DataFrame:
    return pd.DataFrame({column.name: [] for column in columns}, dtype=object) if table is None else table


def _identified(table: pd.DataFrame, names: list[str], where: str) -> None:
    for name in names:
        column = next(one for one in (*KEY, *VERDICTS) if one.name == name)
        demand(table[name], table[name].notna(), column, where, "an identity")
    twice = table[table.duplicated(names)]
    if len(twice):
        told = ", ".join(f"{name} {twice[name].iloc[0]!s:.60}" for name in names)
        raise DuplicateEpisodeError(f"{where}: row {twice.index[0]} comes twice ({told}) and would count double")


def _joined(
    table: pd.DataFrame, episodes: pd.DataFrame, columns: Sequence[Column], where: str, extra: Extra
) -> pd.DataFrame:
    """The typed table, with the columns of `KEY` that it lacks taken from its episodes."""
    absent = [name for name in IDENTITY if name not in table.columns]
    if absent:
        raise TableError(f"{where}: columns are missing that must be there: {', '.join(absent)}; see docs/tables.md")
    table = table.reset_index(drop=True)
    table = table.assign(**{one.name: text(table[one.name], one, where) for one in KEY if one.name in IDENTITY})
    at = pd.MultiIndex.from_frame(episodes[IDENTITY]).get_indexer(pd.MultiIndex.from_frame(table[IDENTITY]))
    if (at < 0).any():
        row = int(np.flatnonzero(at < 0)[0])
        raise TableError(f"{where}: row {row} is of an episode that the table of episodes lacks")
    lent = [one.name for one in KEY if one.name not in table.columns]
    borrowed = episodes[lent].take(at).reset_index(drop=True)
    return typed(pd.concat([table, borrowed], axis=1), columns, where, extra)


def _caused(verdicts: pd.DataFrame) -> pd.DataFrame:
    """An unknown without a cause is put down to the infrastructure: counted, and adverse in the worst case."""
    unknown = (verdicts[["exposed", "attempted", "succeeded"]] == Tri.UNKNOWN).any(axis=1)
    bare = unknown & verdicts["unknown_cause"].isna()
    return verdicts.assign(unknown_cause=verdicts["unknown_cause"].mask(bare, UnknownCause.INFRA.value))


def with_missing_verdicts(verdicts: pd.DataFrame, episodes: pd.DataFrame) -> pd.DataFrame:
    """With an unknown row for every verdict that other episodes of the same cluster have and one lacks."""
    expected = verdicts[["cluster_id", "failure_mode", "family"]].drop_duplicates(["cluster_id", "failure_mode"])
    every = episodes[[one.name for one in KEY]].merge(expected.dropna(subset=["cluster_id"]), on="cluster_id")
    names = [*IDENTITY, "failure_mode"]
    held = pd.MultiIndex.from_frame(verdicts[names])
    lacking = every[~pd.MultiIndex.from_frame(every[names]).isin(held)]
    if lacking.empty:
        return verdicts
    filled = lacking.assign(
        exposed=Tri.UNKNOWN,
        attempted=Tri.UNKNOWN,
        succeeded=Tri.UNKNOWN,
        unknown_cause=UnknownCause.INFRA.value,
        rule_level=lacking["instruction"],
        violation=False,
        recorded=False,
        reason="no verdict is recorded for this episode",
    )
    return pd.concat([verdicts, typed(filled, VERDICTS, "verdicts", "refuse")], ignore_index=True)
