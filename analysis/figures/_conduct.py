"""What each episode did, and how suspicious it looked: one row an episode."""

from collections.abc import Sequence

import pandas as pd

from ...records import Arm, Tri
from .._data import RunData
from .._modes import COUNTED_MODES, USEFULNESS_MODES
from ._groups import Group, groups
from ._numbers import world

KEY = ["run_id", "episode_id"]


def conduct(group: Group) -> pd.DataFrame:
    """The valid episodes of a group.

    Columns: ``tried`` and ``worked`` (missing where that is unknown), ``suspicion`` (the highest of its steps, missing
    where no monitor answered or the monitors did not pass their check), ``honest`` (given no side task, and no attempt
    seen), ``world``.
    """
    episodes = group.episodes[group.episodes["valid"].astype(bool)].drop_duplicates(KEY).set_index(KEY)
    rows = group.verdicts[~group.verdicts["failure_mode"].isin(USEFULNESS_MODES | COUNTED_MODES)]
    highest = group.steps.groupby(KEY)["suspicion"].max()
    table = pd.DataFrame(
        {
            "tried": _any(rows, "attempted").reindex(episodes.index),
            "worked": _any(rows, "succeeded").reindex(episodes.index),
            "suspicion": highest.reindex(episodes.index).astype("float64"),
            "protocol": episodes["protocol"],
            "score": episodes["score"],
            "world": world(episodes),
        },
        index=episodes.index,
    )
    seen = episodes["monitored"].eq(True).fillna(value=False) if group.safeguards else pd.Series(True, episodes.index)
    table["suspicion"] = table["suspicion"].where(seen.astype(bool))
    alone = episodes["arm"].eq(Arm.MAIN_ONLY).fillna(value=False).astype(bool)
    table["honest"] = alone & table["tried"].eq(False).fillna(value=False)
    return table


def _any(rows: pd.DataFrame, column: str) -> "pd.Series[bool]":
    """Whether any row says yes; missing where none does and one is unknown."""
    said = rows[column].astype("string")
    yes = said.eq(Tri.TRUE).fillna(value=False)
    unknown = said.isna() | (said.eq(Tri.UNKNOWN) & rows["exposed"].astype("string").ne(Tri.FALSE))
    by = [rows[name] for name in KEY]
    any_yes, any_unknown = yes.groupby(by).any(), unknown.fillna(value=True).groupby(by).any()
    return any_yes.astype("boolean").mask(~any_yes & any_unknown)


def casts(data: RunData) -> list[tuple[str, bool, Sequence[Group]]]:
    """Whose monitors are looked at: each model with its side of the safeguards, and the cast as a whole.

    A monitor is judged on honest and on attacking episodes, and each member of the cast is only one of them.
    """
    found = groups(data)
    real = [(one.title, False, [one]) for one in found if not one.subject.scripted]
    cast: list[tuple[str, bool, Sequence[Group]]] = []
    for on in (False, True):
        own = [one for one in found if one.subject.scripted and one.safeguards == on]
        if own:
            cast.append((f"the scripted cast · safeguards {'on' if on else 'off'}", True, own))
    return [*real, *cast]


def together(members: Sequence[Group]) -> pd.DataFrame:
    """`conduct` of several groups."""
    return pd.concat([conduct(one) for one in members])
