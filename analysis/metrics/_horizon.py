"""How long a task may take a person for a subject to do it: the time horizon."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from .._outcomes import NO, UNKNOWN, YES, Flags
from .._prepared import Prepared, Rows
from .._subjects import own_rows
from .._units import Labels, first_rows
from ..stats import FEWEST_CLUSTERS, Estimate, bootstrap
from ._capability import SOLVED, main_codes
from ._joins import Floats

LEAST_LENGTHS = 8
"""Different lengths of task; below, no curve is fitted."""
SAMPLES = 500
_ROUNDS, _LEAP = 40, 5.0
WARNING = (
    "The task mix moves a horizon more than its interval says: other tasks give another one. "
    "Success by bucket of human time comes first."
)


@dataclass(frozen=True)
class Horizon:
    """A logistic curve of success over log2 of human minutes, or why there is none."""

    h50: Estimate
    """Minutes of the tasks that it does half the time; no value where it is refused."""
    h80: Estimate
    """Minutes of the tasks that it does four times out of five."""
    slope: float | None
    """Change of the log odds with each doubling of the time: below 0."""
    intercept: float | None
    """Log odds at one minute."""
    refused: str
    """Why there is no horizon; empty where there is one."""
    families: int
    tasks: int
    attempts: int
    unknown: int
    """Valid attempts without a score or without a human time: in no curve."""
    invalid: int
    warning: str = WARNING

    def success(self, minutes: float) -> float | None:
        """The curve at a length; None without one."""
        if self.slope is None or self.intercept is None:
            return None
        return float(1 / (1 + np.exp(-self.intercept - self.slope * np.log2(minutes))))

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


class _Worlds(NamedTuple):
    """Attempts summed by world, and what each world belongs to."""

    solved: Floats
    tries: Floats
    length: Floats
    """log2 of human minutes."""
    task: Labels
    family: Labels

    def drawn(self, rows: Labels) -> "_Worlds":
        """These worlds."""
        return _Worlds(self.solved[rows], self.tries[rows], self.length[rows], self.task[rows], self.family[rows])


def horizon(
    episodes: Rows,
    *,
    families: Mapping[str, str] | None = None,
    solved: float = SOLVED,
    samples: int = SAMPLES,
    seed: int = 0,
    mixed: bool = False,
) -> Horizon:
    """logit P(solved) = a - β·log2(minutes); h50 = 2^(a/β), h80 = 2^((a - logit 0.8)/β). Unit: ``task``.

    ``families``: task → family; a task that is in none is one of its own. Weights: each task 1/√(tasks of its
    family), shared by its attempts. Interval: hierarchical bootstrap, families → tasks → worlds. Refused with a
    reason where the lengths are too few, the answers do not overlap, success does not fall with length, or the
    horizon lies outside of the lengths that were measured. Source: METR (arXiv 2503.14499), docs/design/metrics.md
    §1.4.
    """
    rows = own_rows(episodes, mixed=mixed)
    found, minutes = main_codes(rows, solved), rows.number("human_minutes")
    stands = np.isin(found, (YES, NO)) & (minutes > 0) & (rows.units() >= 0)
    asked = np.isin(found, (YES, NO, UNKNOWN))
    worlds = _worlds(rows.where(stands), found[stands] == YES, minutes[stands], families or {})
    fitted, refused = _fitted(worlds)
    ends = [_estimate(worlds, fitted, share, samples, seed) for share in (0.5, 0.8)]
    return Horizon(
        h50=ends[0],
        h80=ends[1],
        slope=None if fitted is None else fitted[1],
        intercept=None if fitted is None else fitted[0],
        refused=refused,
        families=len(np.unique(worlds.family)),
        tasks=len(np.unique(worlds.task)),
        attempts=int(stands.sum()),
        unknown=int((asked & ~stands).sum()),
        invalid=int((~asked).sum()),
    )


def _worlds(rows: Prepared, solved: Flags, minutes: Floats, families: Mapping[str, str]) -> _Worlds:
    units, (codes, names) = rows.units(), rows.category("task")
    world, different = pd.factorize(units)
    first = first_rows(world, len(different))
    titles = np.array([str(name) for name in names], dtype=object)
    groups = np.array([str(families.get(name, f"\x1f{name}")) for name in titles], dtype=object)
    task, family = (np.unique(one, return_inverse=True)[1][codes[first]] for one in (titles, groups))
    solves = np.bincount(world, weights=solved, minlength=len(different)).astype(np.float64)
    tries = np.bincount(world, minlength=len(different)).astype(np.float64)
    length = np.log2(minutes[first])
    order = np.lexsort((tries, solves, length, task, family))  # whatever order the rows came in
    return _Worlds(solves[order], tries[order], length[order], task[order], family[order])


def _weights(worlds: _Worlds) -> Floats:
    """Of one attempt of each world: a task has 1/√(tasks of its family) in all."""
    tasks = pd.DataFrame({"task": worlds.task, "family": worlds.family}).drop_duplicates()
    of_family = tasks.groupby("family")["task"].transform("size").to_numpy(dtype=np.float64)
    share = pd.Series(1 / np.sqrt(of_family), index=tasks["task"])
    tries = pd.Series(worlds.tries).groupby(worlds.task).sum()
    return np.asarray(share.reindex(worlds.task), dtype=np.float64) / np.asarray(tries[worlds.task], dtype=np.float64)


def _fitted(worlds: _Worlds) -> tuple[tuple[float, float] | None, str]:
    """Intercept and slope, or why there is none."""
    lengths = len(np.unique(worlds.length))
    if not len(worlds.length):
        return None, "no attempt has both a score and a human time"
    if lengths < LEAST_LENGTHS:
        return None, f"{lengths} different lengths of task, {LEAST_LENGTHS} are needed"
    found = _fit(worlds, _weights(worlds))
    if found is None:
        return None, "the answers do not overlap: some length parts what was solved from what was not"
    if found[1] >= 0:
        return None, "success does not fall with the length of a task"
    if not worlds.length.min() <= -found[0] / found[1] <= worlds.length.max():
        return None, "the length that is done half the time lies outside of those that were measured"
    return found, ""


def _fit(worlds: _Worlds, weights: Floats) -> tuple[float, float] | None:
    """The most likely weighted logistic line, by Newton's method; None where there is none."""
    yes, no = worlds.length[worlds.solved > 0], worlds.length[worlds.solved < worlds.tries]
    if not len(yes) or not len(no) or yes.max() <= no.min() or no.max() <= yes.min():
        return None
    centre, scale = float(worlds.length.mean()), float(worlds.length.std())
    design = np.stack([np.ones(len(weights)), (worlds.length - centre) / scale])
    line = np.zeros(2)
    for _ in range(_ROUNDS):
        p = expit(line @ design)
        slope = design @ (weights * (worlds.solved - worlds.tries * p))
        curve = (design * (weights * worlds.tries * p * (1 - p))) @ design.T
        step = np.clip(np.linalg.solve(curve + 1e-12 * np.eye(2), slope), -_LEAP, _LEAP)
        line = line + step
        if np.abs(step).max() < 1e-9:
            return float(line[0] - line[1] * centre / scale), float(line[1] / scale)
    return None


def _crossing(line: tuple[float, float] | None, share: float) -> float:
    """log2 of the minutes at which a share is solved; NaN where success does not fall."""
    return float("nan") if line is None or line[1] >= 0 else float((logit(share) - line[0]) / line[1])


def _estimate(worlds: _Worlds, line: tuple[float, float] | None, share: float, samples: int, seed: int) -> Estimate:
    tries, families = int(worlds.tries.sum()), len(np.unique(worlds.family))
    at = _crossing(line, share)
    if line is None or not worlds.length.min() <= at <= worlds.length.max():
        return Estimate(None, 0.0, np.inf, tries, families, "no data" if not tries else "refused", descriptive=True)
    weights = _weights(worlds)

    def again(drawn: Labels) -> float:
        return _crossing(_fit(worlds.drawn(drawn), weights[drawn]), share)

    levels = [worlds.family, worlds.task, np.arange(len(weights))]
    drawn = bootstrap(again, [levels], samples=samples, seed=seed)
    if drawn is None:
        return Estimate(2**at, 0.0, np.inf, tries, families, "too few for an interval", descriptive=True)
    method = "bootstrap by family, task and world 95%"
    return Estimate(2**at, 2**drawn.lo, 2**drawn.hi, tries, families, method, families < FEWEST_CLUSTERS)
