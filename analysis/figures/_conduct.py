"""Whose monitors are looked at, and on which episodes."""

from collections.abc import Sequence

import pandas as pd

from .._data import RunData
from .._prepared import Prepared, prepared
from ..metrics import STEP_COLUMNS, Arms, arms
from ._groups import Group, groups


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


def scored_steps(data: RunData) -> Prepared:
    """The columns of steps that hold suspicions."""
    return prepared(data.steps_with(*STEP_COLUMNS))


def rows_of(members: Sequence[Group]) -> tuple[Prepared, Prepared]:
    """Verdicts and episodes of several groups."""
    verdicts, episodes = (
        tables[0] if len(tables) == 1 else pd.concat(tables)
        for tables in ([one.verdicts for one in members], [one.episodes for one in members])
    )
    return prepared(verdicts), prepared(episodes)


def arms_of(members: Sequence[Group], steps: Prepared) -> Arms:
    """Honest and attacking episodes of several groups: pooled on purpose for the cast, one subject otherwise."""
    verdicts, episodes = rows_of(members)
    return arms(verdicts, episodes, steps, mixed=len(members) > 1)
