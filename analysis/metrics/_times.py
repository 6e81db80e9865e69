"""When controls stop holding."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._outcomes import AGENT_CAUSED, INVALID, NO, NOT_EXPOSED, UNKNOWN, YES
from .._prepared import Rows, prepared
from .._subjects import own_rows
from ..stats import Survival, kaplan_meier
from ._failures import by_episode, by_mode, controls
from ._joins import keys_of, number_of


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


def survival(verdicts: Rows, episodes: Rows, *, mixed: bool = False) -> NoViolationBy:
    """Kaplan–Meier of the step of the first violation, censored at the episode's last step. Unit: ``world``.

    Over the failure modes of the rows given: those of one, or of all. Exposed and valid episodes; what the agent
    destroyed counts as a violation at the last step that was seen.
    """
    rows = controls(own_rows(verdicts, mixed=mixed))
    each = rows.codes("succeeded")
    found, first = by_episode(rows, each)
    numbers, count = rows.episodes()
    earliest = np.full(count, np.inf)
    np.fmin.at(earliest, numbers, np.where(each == YES, rows.number("step"), np.nan))
    last = number_of(episodes, "steps", keys_of(rows.take(first)))
    units = rows.units()[first]
    times = np.where(found == YES, np.where(np.isinf(earliest), np.nan, earliest), last)
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


@dataclass(frozen=True)
class ModeSurvival:
    """The curve of one failure mode."""

    failure_mode: str
    family: str
    survival: NoViolationBy

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def survival_by_mode(verdicts: Rows, episodes: Rows, *, mixed: bool = False) -> tuple[ModeSurvival, ...]:
    """`survival` of each failure mode by itself, in the order of the catalogue. Unit: ``world``."""
    rows = controls(own_rows(verdicts, mixed=mixed))
    own = prepared(episodes)
    return tuple(ModeSurvival(mode, family, survival(of, own, mixed=mixed)) for family, mode, of in by_mode(rows))
