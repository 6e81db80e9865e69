"""Two arms from one state: what the one thing that was changed made of the rest of the episode."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._modes import mode_order
from .._outcomes import AGENT_CAUSED, INVALID, YES, Codes, counted
from .._prepared import Prepared, Rows, prepared
from .._units import Labels, where
from ._joins import keys_of, number_of
from ._paired import Pairing, by_holm, paired

AS_WAS, CHANGED = "as_was", "changed"
_STATE = ("branch_run", "branch_episode", "branch_step")
_NAMED = (*_STATE, "branch_arm", "family", "failure_mode")
_PAIR = (*_STATE, "pair_id", "failure_mode")


@dataclass(frozen=True)
class BranchEffect:
    """One failure mode over the pairs that went on from one state, or over the states from which one thing changed."""

    parent: str | None
    """The episode that they go on from; None for one over states."""
    step: int | None
    route: str
    """How the state was reached: ``files`` or ``replay``."""
    changed: str
    subject: str
    """Who went on in the changed arm."""
    failure_mode: str
    states: int
    pairing: Pairing
    """As it was before, changed after."""
    attempted_as_was: int
    attempted_changed: int
    """Of the complete pairs."""
    score_as_was: float | None
    score_changed: float | None
    """Mean task score over the complete pairs that have both."""
    p_adjusted: float | None = None
    """By Holm over all `comparisons` of its kind: within states, or over them."""
    comparisons: int = 0

    @property
    def pairs(self) -> int:
        """Whose two arms are valid, exposed and answered."""
        return self.pairing.pairs

    @property
    def left_out(self) -> int:
        """Pairs of which an arm is not there exactly once, invalid, not exposed or unknown."""
        return sum(self.pairing.incomplete.values())

    @property
    def failed_as_was(self) -> int:
        """Pairs that failed as it was."""
        return self.pairing.before.k

    @property
    def failed_changed(self) -> int:
        """Pairs that failed with what was changed."""
        return self.pairing.after.k

    @property
    def tells(self) -> bool:
        """Whether anything was tried or failed in a pair that could be compared."""
        return bool(self.failed_as_was or self.failed_changed or self.attempted_as_was or self.attempted_changed)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


@dataclass(frozen=True)
class BranchEffects:
    """Same-state pairs by state, and over the states."""

    by_state: tuple[BranchEffect, ...]
    over_states: tuple[BranchEffect, ...]
    """By what was changed, who went on and failure mode."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def branch_effects(verdicts: Rows, episodes: Rows) -> BranchEffects:
    """Failure rate changed minus as it was, paired by the state that both arms go on from.

    Unit: within a state the pair, over states the ``world`` of their episodes, however many states and pairs it has.
    Tests: exact McNemar, Holm within states and over them; the interval of the difference is clustered. Empty where
    nothing was branched, or nothing changed.
    """
    rows = prepared(verdicts)
    branched = rows.where(np.logical_and.reduce([rows.known(name) for name in _NAMED]))
    if not len(branched):
        return BranchEffects((), ())
    told = _told(branched)
    changes = pd.factorize(told["changed_of"] + "\x1f" + told["subject_of"])[0]
    states, modes = (branched.groups(names)[0] for names in (_STATE, _NAMED[-2:]))
    return BranchEffects(
        by_state=_effects(branched, told, episodes, np.stack([states, changes, modes]), single=True),
        over_states=_effects(branched, told, episodes, np.stack([changes, modes]), single=False),
    )


def _told(rows: Prepared) -> pd.DataFrame:
    """What each row says of its branch, with what its pair changed, and who went on there."""
    names = [*_STATE, "pair_id"]
    table = rows.frame(*names, "branch_arm", "branch_route", "branch_changed", "subject").astype("string").fillna("?")
    table = table.reset_index(drop=True)
    changed = table[table["branch_arm"] == CHANGED].drop_duplicates(names)
    of = changed[[*names, "branch_changed", "subject"]].set_axis([*names, "changed_of", "subject_of"], axis=1)
    found = table.merge(of, on=names, how="left")
    for name in ("changed_of", "subject_of"):
        # An arm without its partner is a pair that is incomplete, of the change that its state had.
        found[name] = found[name].fillna(found.groupby(list(_STATE))[name].transform("first")).fillna("?")
    return found


def _effects(
    rows: Prepared, told: pd.DataFrame, episodes: Rows, labels: "NDArray[np.intp]", *, single: bool
) -> tuple[BranchEffect, ...]:
    different, at = np.unique(labels, axis=1, return_inverse=True)
    numbers = at.reshape(-1)
    found: list[tuple[Any, BranchEffect]] = []
    for number in range(different.shape[1]):
        own = numbers == number
        if {AS_WAS, CHANGED} <= set(told["branch_arm"][own]):
            of = rows.where(own)
            effect = _effect(of, where(told, own), prepared(episodes), single=single)
            mode = mode_order((next(iter(of.present("family"))), effect.failure_mode))
            found.append(((effect.parent or "", effect.step or 0, effect.changed, mode), effect))
    return _adjusted([effect for _, effect in sorted(found, key=lambda one: one[0])])


def _adjusted(effects: Sequence[BranchEffect]) -> tuple[BranchEffect, ...]:
    told, comparisons = by_holm([effect.pairing.p_value for effect in effects])
    return tuple(replace(one, p_adjusted=p, comparisons=comparisons) for one, p in zip(effects, told, strict=True))


def _effect(rows: Prepared, told: pd.DataFrame, episodes: Prepared, *, single: bool) -> BranchEffect:
    side = np.where(rows.isin("branch_arm", (CHANGED,)), 1, np.where(rows.isin("branch_arm", (AS_WAS,)), 0, -1))
    found = rows.codes("succeeded")
    pairs = rows.groups(_PAIR)[0]
    pairing = paired(rows, found, side.astype(np.intp), _PAIR, pairs if single else None)
    arms = [_complete(found, side, pairs, which) for which in (0, 1)]
    tried = [int(np.isin(rows.codes("attempted")[one], (YES, AGENT_CAUSED)).sum()) for one in arms]
    scores = [number_of(episodes, "score", keys_of(rows.take(one))) for one in arms]
    both = ~np.isnan(scores[0]) & ~np.isnan(scores[1])
    means = [float(one[both].mean()) if both.any() else None for one in scores]
    first = told[told["branch_arm"] == CHANGED].iloc[0]
    return BranchEffect(
        parent=str(first["branch_episode"]) if single else None,
        step=int(first["branch_step"]) if single else None,
        route=", ".join(sorted(set(told["branch_route"]))),
        changed=str(first["changed_of"]),
        subject=str(first["subject_of"]),
        failure_mode=str(next(iter(rows.present("failure_mode")))),
        states=len(told[list(_STATE)].drop_duplicates()),
        pairing=pairing,
        attempted_as_was=tried[0],
        attempted_changed=tried[1],
        score_as_was=means[0],
        score_changed=means[1],
    )


def _complete(found: Codes, side: "NDArray[Any]", pairs: Labels, which: int) -> Labels:
    """The rows of one arm of the complete pairs, in the order of the pairs."""
    count = int(pairs.max(initial=-1)) + 1
    valid = (found != INVALID) & (pairs >= 0)
    alone = [np.bincount(pairs[valid & (side == one)], minlength=count) == 1 for one in (0, 1)]
    answered = counted(found) & valid
    told = [np.bincount(pairs[answered & (side == one)], minlength=count) == 1 for one in (0, 1)]
    whole = alone[0] & alone[1] & told[0] & told[1]
    own = np.flatnonzero(valid & (side == which))
    own = own[whole[pairs[own]]]
    return np.asarray(own[np.argsort(pairs[own], kind="stable")], dtype=np.intp)
