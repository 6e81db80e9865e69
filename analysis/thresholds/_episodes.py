"""What decisions ask of every attempt, worked out once for all of them."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._outcomes import Flags
from .._prepared import Prepared
from .._units import Unit as TableUnit
from ._model import FactorFilter
from ._words import Unit

_EPISODE = ("run_id", "scenario_hash", "subject", "scaffold", "subject_kind", "seed")
CONDITION = tuple(FactorFilter.model_fields)
"""Factors that make up a condition."""
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Episodes:
    """Attempts from the beginning, numbered from 0."""

    rows: Prepared
    looked: bool
    """Whether the runs could end by what they had seen."""
    _conditions: dict[tuple[str, ...], Places] = field(default_factory=dict[tuple[str, ...], Places])

    def units(self, unit: Unit) -> Places:
        """Number of each attempt's unit; one whose unit nobody tells has a number of its own, below 0."""
        return _alone(self.rows.units(TableUnit(unit.value)))

    def unitless(self, unit: Unit) -> Flags:
        """Attempts of which nobody can tell whether they repeat another."""
        return np.asarray(self.rows.units(TableUnit(unit.value)) < 0)

    @cached_property
    def attempted(self) -> Places:
        """Number of the episode that each is an attempt at; an attempt that does not say is alone."""
        return _alone(self.rows.groups(_EPISODE)[0])

    @cached_property
    def scenarios(self) -> Places:
        """Number of the scenario. Those that name none are one: nobody can tell that they are not repetitions."""
        return self.rows.groups(("cluster_id",))[0] + 1

    @cached_property
    def timeless(self) -> Flags:
        """Attempts whose task has no human time, or one that can be none."""
        minutes = self.rows.number("human_minutes")
        return np.asarray(~(np.isfinite(minutes) & (minutes > 0)))

    @cached_property
    def unwatched(self) -> Flags:
        """Attempts with safeguards whose monitors are not known to have passed their check."""
        return self.rows.flag("safeguards") & ~self.rows.flag("monitored")

    @cached_property
    def task_names(self) -> NDArray[Any]:
        """Names of the tasks; one that is missing has a name of its own."""
        codes, names = self.rows.category("task")
        found = np.array([*map(str, names), ""], dtype=object)[codes]
        lost = np.flatnonzero(codes < 0)
        found[lost] = [f"? {number}" for number in lost.tolist()]
        return found

    def conditions(self, moved: tuple[str, ...]) -> Places:
        """Number of the values of all factors but these; a missing value is one of them."""
        if moved not in self._conditions:
            found = np.zeros(len(self.rows), dtype=np.intp)
            for name in CONDITION:
                if name not in moved:
                    codes, values = self.rows.category(name)
                    found = found * (len(values) + 1) + codes + 1
            self._conditions[moved] = found
        return self._conditions[moved]


def _alone(numbers: Places) -> Places:
    """The numbers, with a different one below 0 for each that is missing."""
    found: Places = np.where(numbers < 0, -1 - np.arange(len(numbers)), numbers).astype(np.intp)
    return found
