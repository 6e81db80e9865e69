"""When controls stop holding."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from .._modes import COUNTED_MODES, USEFULNESS_MODES
from .._outcomes import AGENT_CAUSED, INVALID, NO, NOT_EXPOSED, UNKNOWN, YES
from .._subjects import own_rows
from .._units import episode_keys, labels, where
from ..stats import Survival, kaplan_meier
from ._failures import by_episode, cautious


@dataclass(frozen=True)
class NoViolationBy:
    """The share of episodes without a violation by each step."""

    curve: Survival
    unit: str
    unknown: int
    """Episodes whose answer, or whose step, nobody knows: in no curve."""
    not_exposed: int
    invalid: int
    agent_caused: int
    """Violations that the agent's doing hid: at the end of what was seen."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def survival(verdicts: pd.DataFrame, episodes: pd.DataFrame, *, mixed: bool = False) -> NoViolationBy:
    """Kaplan–Meier of the step of the first violation, censored at the episode's last step. Unit: ``world``.

    Over the failure modes of the rows given: those of one, or of all. Exposed and valid episodes; what the agent
    destroyed counts as a violation at the last step that was seen.
    """
    table = own_rows(verdicts, mixed=mixed)
    rows = where(table, ~table["failure_mode"].isin(USEFULNESS_MODES | COUNTED_MODES))
    each = cautious(rows, "succeeded")
    found, first = by_episode(rows, each)
    keys, units = episode_keys(rows), labels(rows)[first]
    acts = np.where(each == YES, rows["step"].to_numpy(dtype=np.float64, na_value=np.nan), np.nan)
    earliest = pd.Series(acts, index=keys).groupby(level=0).min().reindex(keys[first]).to_numpy(dtype=np.float64)
    ends = pd.Series(episodes["steps"].to_numpy(dtype=np.float64, na_value=np.nan), index=episode_keys(episodes))
    last = ends[~ends.index.duplicated()].reindex(keys[first]).to_numpy(dtype=np.float64)
    times = np.where(found == YES, earliest, last)
    told = np.isin(found, (YES, NO, AGENT_CAUSED)) & ~np.isnan(times) & (units >= 0)
    curve = kaplan_meier(times[told], found[told] != NO, clusters=units[told])
    asked = np.isin(found, (YES, NO, AGENT_CAUSED, UNKNOWN))
    return NoViolationBy(
        curve=curve,
        unit="world",
        unknown=int((asked & ~told).sum()),
        not_exposed=int((found == NOT_EXPOSED).sum()),
        invalid=int((found == INVALID).sum()),
        agent_caused=int((told & (found == AGENT_CAUSED)).sum()),
    )
