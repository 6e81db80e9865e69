"""Which tasks are solved consistently, not just once."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._outcomes import INVALID, NO, UNKNOWN, YES, Codes
from .._prepared import Rows
from .._subjects import own_rows
from ..stats import CONFIDENCE, Clusters, Estimate, decisive, upper_bound
from ._capability import SOLVED, main_codes

KEPT = CONFIDENCE
"""P(a task that is solved consistently is not ruled out by its own bound), at least."""


@dataclass(frozen=True)
class Consistency:
    """Tasks that are solved in most of many worlds."""

    share: Estimate
    """Of the tasks with enough worlds."""
    consistent: int
    too_few: int
    """Tasks with fewer worlds whose answer is known: in no share."""
    unknown: int
    """Valid attempts without a score, or of which nobody can tell task and world."""
    invalid: int

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def consistent_share(
    episodes: Rows, *, attempts: int = 8, consistently: float = 0.8, solved: float = SOLVED, mixed: bool = False
) -> Consistency:
    """Tasks solved in ≥ ``consistently`` of ≥ ``attempts`` worlds / tasks with so many worlds. Unit: ``task``.

    A world that is attempted several times counts with its mean. Source: Meta AASF v2 ("autonomously and
    consistently"); attempts and share are ours.
    """
    rows = own_rows(episodes, mixed=mixed)
    found, worlds, (tasks, _) = main_codes(rows, solved), rows.units(), rows.category("task")
    placed = (tasks >= 0) & (worlds >= 0)
    own = placed & (found != INVALID)
    each = by_task(found[own], tasks[own], worlds[own], consistently)
    enough = each[each["worlds"] >= attempts]
    told = enough["solved"].to_numpy(dtype=np.float64)
    return Consistency(
        share=decisive(Clusters(told, np.ones(len(told)))),
        consistent=int(told.sum()),
        too_few=len(each) - len(enough),
        unknown=int(((found == UNKNOWN) | (~placed & (found != INVALID))).sum()),
        invalid=int((found == INVALID).sum()),
    )


def bound_for(share: float) -> float:
    """What the bound of the tasks that are not ruled out must keep to, so that the consistent ones keep to a share."""
    return share * KEPT


def by_task(found: Codes, tasks: NDArray[Any], worlds: NDArray[Any], consistently: float) -> pd.DataFrame:
    """Of each task: ``worlds`` with an answer, and whether it is ``solved`` consistently, by what is known.

    ``sure``: with every unknown unsolved. ``maybe``: with every unknown solved, unless the exact upper bound of its
    worlds lies below the share.
    """
    known = np.isin(found, (YES, NO))
    value = np.where(known, found == YES, np.nan)
    table = pd.DataFrame({"task": tasks, "world": worlds, "value": value, "low": found == YES, "high": found != NO})
    means = table.astype({"low": float, "high": float}).groupby(["task", "world"])[["value", "low", "high"]].mean()
    each = means.groupby(level="task").agg(
        worlds=("value", "count"), mean=("value", "mean"), low=("low", "mean"), k=("high", "sum"), n=("high", "size")
    )
    bounds = [upper_bound(k, n, KEPT) for k, n in zip(each["k"], each["n"], strict=True)]
    enough = consistently - 1e-9  # means of means miss the share itself by rounding
    return pd.DataFrame(
        {
            "worlds": each["worlds"],
            "solved": each["mean"] >= enough,
            "sure": each["low"] >= enough,
            "maybe": np.array(bounds, dtype=np.float64) >= enough,
        }
    )
