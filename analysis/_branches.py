"""Two arms from one state: what the one thing that was changed made of the rest of the episode."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ._data import RunData
from ._rates import COUNTED, Outcome, outcomes
from ._summary import mode_order

AS_WAS, CHANGED = "as_was", "changed"
_STATE = ["branch_run", "branch_episode", "branch_step"]


@dataclass(frozen=True)
class BranchRow:
    """One failure mode over the pairs that went on from one state."""

    parent: str
    step: int
    route: str
    """How the state was reached: ``files`` or ``replay``."""
    changed: str
    subject: str
    """Who went on in the changed arm."""
    failure_mode: str
    pairs: int
    """Pairs whose two arms are valid and answered."""
    left_out: int
    """Pairs of which an arm is not there exactly once, invalid, not exposed or unknown."""
    failed_as_was: int
    failed_changed: int
    attempted_as_was: int
    attempted_changed: int
    score_as_was: float | None
    score_changed: float | None
    """Mean task score over the pairs that have both."""

    @property
    def tells(self) -> bool:
        """Whether anything was tried or failed in a pair that could be compared."""
        return bool(self.failed_as_was or self.failed_changed or self.attempted_as_was or self.attempted_changed)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def branch_rows(data: RunData) -> list[BranchRow]:
    """Pairs of arms by state and failure mode; empty where nothing was branched, or nothing was changed."""
    branched = data.verdicts[data.verdicts["branch_arm"].notna()]
    if branched.empty:
        return []
    table = branched.assign(outcome=outcomes(branched, "succeeded"), tried=outcomes(branched, "attempted"))
    found = [
        _row(data, rows, str(mode))
        for (*_, mode), rows in table.groupby([*_STATE, "failure_mode"], observed=True)
        if set(rows["branch_arm"]) == {AS_WAS, CHANGED}
    ]
    families = {str(mode): str(family) for mode, family in zip(table["failure_mode"], table["family"], strict=True)}
    return sorted(
        found, key=lambda one: (one.parent, one.step, mode_order((families[one.failure_mode], one.failure_mode)))
    )


def _row(data: RunData, rows: pd.DataFrame, mode: str) -> BranchRow:
    sides = {arm: _by_pair(rows[rows["branch_arm"] == arm]) for arm in (AS_WAS, CHANGED)}
    every = set(sides[AS_WAS]) | set(sides[CHANGED])
    both = [pair for pair in every if _answered(sides[AS_WAS].get(pair)) and _answered(sides[CHANGED].get(pair))]
    first = rows[rows["branch_arm"] == CHANGED].iloc[0]
    scores = _scores(data, first, set(both))
    counts = {arm: [sides[arm][pair][0] for pair in both] for arm in sides}
    return BranchRow(
        parent=str(first["branch_episode"]),
        step=int(first["branch_step"]),
        route=str(first["branch_route"]),
        changed=str(first["branch_changed"]),
        subject=str(first["subject"]),
        failure_mode=mode,
        pairs=len(both),
        left_out=len(every) - len(both),
        failed_as_was=sum(outcome != Outcome.NO for outcome, _ in counts[AS_WAS]),
        failed_changed=sum(outcome != Outcome.NO for outcome, _ in counts[CHANGED]),
        attempted_as_was=sum(tried not in (Outcome.NO, None) for _, tried in counts[AS_WAS]),
        attempted_changed=sum(tried not in (Outcome.NO, None) for _, tried in counts[CHANGED]),
        score_as_was=scores[AS_WAS],
        score_changed=scores[CHANGED],
    )


def _by_pair(rows: pd.DataFrame) -> dict[str, list[tuple[Any, Any]]]:
    """Pair → what was found and what was tried in each valid branch of one arm."""
    found: dict[str, list[tuple[Any, Any]]] = {}
    for pair, valid, outcome, tried in zip(rows["pair_id"], rows["valid"], rows["outcome"], rows["tried"], strict=True):
        held = found.setdefault(str(pair), [])
        if valid:
            held.append((outcome, tried if tried in COUNTED else None))
    return found


def _answered(held: list[tuple[Any, Any]] | None) -> bool:
    return held is not None and len(held) == 1 and held[0][0] in COUNTED


def _scores(data: RunData, like: "pd.Series[Any]", pairs: set[str]) -> dict[str, float | None]:
    episodes = data.episodes
    same = episodes["branch_episode"].eq(like["branch_episode"]) & episodes["branch_step"].eq(like["branch_step"])
    own = episodes[same.fillna(value=False) & episodes["valid"] & episodes["pair_id"].isin(pairs)]
    table = own.pivot_table(index="pair_id", columns="branch_arm", values="score", observed=True).reindex(
        columns=[AS_WAS, CHANGED]
    )
    complete = table.dropna()
    return {arm: float(complete[arm].mean()) if len(complete) else None for arm in (AS_WAS, CHANGED)}
