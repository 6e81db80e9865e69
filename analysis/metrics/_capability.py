"""What a subject can do: pass@k, pass^k, success by human time."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._outcomes import INVALID, NO, UNKNOWN, YES, Codes
from .._prepared import Prepared, Rows
from .._rate import Rate, rate_of
from .._subjects import own_rows
from .._units import Labels, Unit
from ..stats import Clusters, bootstrap, mean
from ._joins import Floats

SOLVED = 1.0


def main_codes(episodes: Prepared, solved: float = SOLVED) -> Codes:
    """Whether each episode's main task was solved; unknown without a score from 0 to 1, never "no"."""
    score = episodes.number("score")
    found = np.where(~((score >= 0) & (score <= 1)) | ~episodes.placed(), UNKNOWN, np.where(score >= solved, YES, NO))
    found[~episodes.flag("valid")] = INVALID
    return found.astype(np.int8)


def success_rate(episodes: Rows, *, solved: float = SOLVED, unit: Unit = Unit.WORLD, mixed: bool = False) -> Rate:
    """Σ (score ≥ solved) / valid episodes with a score. Unit: ``world``; ``task`` for claims about fresh tasks."""
    rows = own_rows(episodes, mixed=mixed)
    return rate_of(main_codes(rows, solved), rows.units(unit), unit=unit, adverse=False)


@dataclass(frozen=True)
class PassAtK:
    """The mean over tasks of an unbiased estimate from n attempts each."""

    name: str
    """``pass@k`` or ``pass^k``."""
    k: int
    value: float | None
    lo: float
    hi: float
    tasks: int
    attempts: int
    too_few: int
    """Tasks with fewer than k known attempts: in no mean."""
    unknown: int
    """Valid attempts without a score."""
    method: str
    descriptive: bool

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def pass_at_k(episodes: Rows, k: int, *, solved: float = SOLVED, seed: int = 0) -> PassAtK:
    """pass@k = 1 - C(n-c, k) / C(n, k), mean over tasks: can it ever. Unit: ``task``.

    Interval: tasks alone are resampled; resampling attempts would bias it down. Where tasks are few that is too
    narrow: it is the hull with the interval of `stats.mean`. Source: Chen et al. 2021 (arXiv 2107.03374),
    docs/design/metrics.md §1.4.
    """
    return _passed("pass@k", episodes, k, solved, seed)


def pass_hat_k(episodes: Rows, k: int, *, solved: float = SOLVED, seed: int = 0) -> PassAtK:
    """pass^k = C(c, k) / C(n, k), mean over tasks: does it every time. Unit: ``task``.

    Source: tau-bench (arXiv 2406.12045).
    """
    return _passed("pass^k", episodes, k, solved, seed)


def _passed(name: str, episodes: Rows, k: int, solved: float, seed: int) -> PassAtK:
    if k < 1:
        raise ValueError(f"{name}: k is {k}; it counts attempts and is at least 1")
    rows = own_rows(episodes)
    found, tasks = main_codes(rows, solved), rows.units(Unit.TASK)
    known = np.isin(found, (YES, NO)) & (tasks >= 0)
    n = np.bincount(tasks[known], minlength=int(tasks.max(initial=-1)) + 1)
    c = np.bincount(tasks[known & (found == YES)], minlength=len(n))
    enough = n >= k
    alike = (n - c)[enough] if name == "pass@k" else c[enough]
    drawn_alike = _all_of(alike, n[enough], k)
    each = 1 - drawn_alike if name == "pass@k" else drawn_alike
    values = np.sort(each)  # the same numbers whatever order the rows came in
    plain = mean(Clusters(values, np.ones(len(values))), within=(0.0, 1.0))

    def average(chosen: Labels) -> float:
        return float(values[chosen].mean())

    drawn = bootstrap(average, [[np.arange(len(values))]], seed=seed) if len(values) else None
    lo, hi = (plain.lo, plain.hi) if drawn is None else (min(plain.lo, drawn.lo), max(plain.hi, drawn.hi))
    return PassAtK(
        name=name,
        k=k,
        value=plain.value,
        lo=lo,
        hi=hi,
        tasks=len(values),
        attempts=int(n[enough].sum()),
        too_few=int((~enough).sum()),
        unknown=int((found == UNKNOWN).sum()),
        method=plain.method if drawn is None else f"bootstrap over tasks, hull with {plain.method}",
        descriptive=plain.descriptive,
    )


def _all_of(some: Labels, n: Labels, k: int) -> Floats:
    """C(some, k) / C(n, k), as a product: the numbers of choices themselves have no float."""
    found = np.ones(len(n))
    for drawn in range(k):
        found *= np.maximum(some - drawn, 0) / (n - drawn)
    return found


@dataclass(frozen=True)
class Bucket:
    """Success on tasks of one length."""

    bucket: str
    shortest: float | None
    longest: float | None
    """Minutes that a familiar professional takes."""
    success: Rate

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def bucketed_success(
    episodes: Rows, *, solved: float = SOLVED, unit: Unit = Unit.TASK, mixed: bool = False
) -> tuple[Bucket, ...]:
    """Success by bucket of human time, shortest first. Unit: ``task``. What names no bucket stands under "unknown"."""
    rows = own_rows(episodes, mixed=mixed)
    buckets, names = rows.category("bucket")
    found: list[Bucket] = []
    for code in np.unique(buckets).tolist():
        own = rows.where(buckets == code)
        minutes = own.number("human_minutes")
        known = minutes[~np.isnan(minutes)]
        shortest, longest = (float(known.min()), float(known.max())) if len(known) else (None, None)
        rate = success_rate(own, solved=solved, unit=unit, mixed=mixed)
        found.append(Bucket(str(names[code]) if code >= 0 else "unknown", shortest, longest, rate))
    return tuple(sorted(found, key=lambda one: (one.shortest is None, one.shortest or 0.0, one.bucket)))


@dataclass(frozen=True)
class Milestones:
    """How far chains of milestones get; never mixed with end-to-end success."""

    furthest: dict[int, int]
    """Milestones reached in a row → episodes."""
    mean: float | None
    n: int
    unknown: int
    """Valid episodes that do not say how far they came: in no mean."""
    invalid: int

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def milestones(episodes: Rows) -> Milestones:
    """Furthest milestone and mean count over valid episodes. Unit: ``world``."""
    rows = own_rows(episodes)
    valid = rows.flag("valid")
    chains: Any = rows.where(valid).frame("milestones")["milestones"]
    reached: list[Any] = [one for one in chains if isinstance(one, tuple)]
    counts = np.array([len(one) for one in reached], dtype=np.intp)
    told = {count: many for count, many in enumerate(np.bincount(counts).tolist()) if many}
    return Milestones(
        told, float(counts.mean()) if len(counts) else None, len(counts), len(chains) - len(counts), int((~valid).sum())
    )
