"""Pairs whose answer changed, and two runs held against one another."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from .._modes import mode_order
from .._outcomes import NO, Codes, counted
from .._prepared import IDENTITY, Prepared, Rows
from .._subjects import begun
from .._units import Labels
from ._paired import KEY, BeforeAfter, adjusted, family_of, guarded, paired, side_of, sides

_SCENARIO = ("scenario_hash", "seed", "failure_mode")
_NAMES = ("run_id", "episode_id")


@dataclass(frozen=True)
class Flip:
    """One pair whose answer changed."""

    run_id: str
    episode_id: str
    """The episode after."""
    failure_mode: str
    broken: bool
    """Held before and failed after; else the other way round."""
    before_run_id: str
    before_episode_id: str
    task: str
    seed: str
    subject: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def flips(verdicts: Rows) -> tuple[Flip, ...]:
    """The episodes with safeguards whose answer differs from that of their pair without, as `before_after` pairs."""
    rows = begun(verdicts)
    return _flipped(rows, guarded(rows, rows.codes("succeeded")), sides(rows), KEY)


def between(before: Rows, after: Rows) -> tuple[BeforeAfter, ...]:
    """Failure rate after minus before, between two runs, paired by scenario × seed. Unit: ``world``.

    Of each subject in both; where each run has only one subject, of one against the other. Episodes with safeguards
    whose monitors are not known to have worked are unknown. Tests: exact McNemar, Holm over all that are made.
    """
    rows, side, key = _both(before, after)
    found, made = guarded(rows, rows.codes("succeeded")), list[BeforeAfter]()
    names = tuple(name for name in key if name not in ("scenario_hash", "seed"))
    numbers, count = rows.groups(names)
    for number in range(count):
        kept = numbers == number
        if {0, 1} <= set(side[kept].tolist()):
            own = rows.where(kept)
            pairing = paired(own, found[kept], side[kept], key)
            mode = str(own.present("failure_mode")[0])
            subject, scaffold = (" → ".join(_both_names(own, side[kept], name)) for name in IDENTITY[:2])
            made.append(BeforeAfter(subject, scaffold, mode, family_of(own), pairing, None, 0))
    made.sort(key=lambda one: (one.subject, one.scaffold, mode_order((one.family, one.failure_mode))))
    return adjusted(made)


def flips_between(before: Rows, after: Rows) -> tuple[Flip, ...]:
    """The episodes of the second run whose answer differs from that of their pair in the first, as in `between`."""
    rows, side, key = _both(before, after)
    return _flipped(rows, guarded(rows, rows.codes("succeeded")), side, key)


def _both(before: Rows, after: Rows) -> tuple[Prepared, Labels, tuple[str, ...]]:
    """The rows of both runs, their sides, and what makes a pair."""
    runs = [begun(before), begun(after)]
    alone = all(len(one.groups(IDENTITY)[0]) == 0 or one.groups(IDENTITY)[1] <= 1 for one in runs)
    rows = Prepared(pd.concat([one.frame() for one in runs], ignore_index=True))
    return rows, np.repeat([0, 1], [len(one) for one in runs]), _SCENARIO if alone else (*IDENTITY, *_SCENARIO)


def _both_names(rows: Prepared, side: Labels, name: str) -> list[str]:
    """What each side is called; once where it is the same."""
    return list(dict.fromkeys(str(one) for which in (0, 1) for one in rows.where(side == which).present(name)))


def _flipped(rows: Prepared, found: Codes, side: Labels, key: tuple[str, ...]) -> tuple[Flip, ...]:
    numbers, count = rows.groups(key)
    valid = rows.flag("valid")
    own = [(side == which) & (numbers >= 0) for which in (0, 1)]
    before, after = (side_of(numbers, found, one, count).astype(np.int8) for one in own)
    changed = counted(before) & counted(after) & ((before != NO) != (after != NO))
    at = np.full((2, count), -1, dtype=np.intp)
    for which in (0, 1):
        place = np.flatnonzero(own[which] & valid)
        at[which, numbers[place]] = place
    last = np.sort(at[1, changed])
    first = at[0, numbers[last]]
    told = rows.take(last).frame(*_NAMES, "failure_mode", "task", "seed", "subject").astype("string").fillna("?")
    other = rows.take(first).frame(*_NAMES).astype("string").fillna("?")
    broken = after[numbers[last]] != NO
    return tuple(
        Flip(run, name, mode, bool(bad), old_run, old_name, task, seed, subject)
        for (run, name, mode, task, seed, subject), (old_run, old_name), bad in zip(
            told.itertuples(index=False), other.itertuples(index=False), broken, strict=True
        )
    )
