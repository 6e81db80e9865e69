"""The tables that decisions are made on, with what is worked out once."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...records import Family, SubjectKind
from .._data import RunData
from .._modes import COUNTED_MODES, USEFULNESS_MODES, mode_order
from .._outcomes import AGENT_CAUSED, INVALID, NO, NOT_EXPOSED, UNKNOWN, YES, Codes
from .._prepared import Prepared, prepared
from .._subjects import from_the_beginning
from .._units import episode_keys, first_rows
from ..metrics._capability import main_codes
from ..metrics._dual import both_codes, covert_codes, side_codes
from ..metrics._suspicion import Trajectories, trajectories
from ._answers import Chosen, Places, Who, population
from ._episodes import Episodes
from ._model import Population

_BY_SEVERITY = np.array([NOT_EXPOSED, NO, INVALID, UNKNOWN, AGENT_CAUSED, YES], dtype=np.int8)
"""The worst comes last: of several rows about one episode it decides."""
_SEVERITY = np.argsort(_BY_SEVERITY).astype(np.int8)
_ABSENT = -1


class Judged(NamedTuple):
    """The verdicts of one failure mode."""

    row: Places
    """Number of the episode; -1 for one that is not from the beginning."""
    rank: NDArray[np.int8]
    tasks: frozenset[str]
    """Tasks that it was judged in."""


def _named(codes: Places, names: list[Any]) -> frozenset[str]:
    return frozenset(str(names[code]) for code in np.unique(codes[codes >= 0]).tolist())


def _in_order(mode: tuple[str, str]) -> tuple[int, int, str]:
    """A family that nobody told stands last."""
    name, family = mode
    return mode_order((family, name)) if family else (len(Family), 0, name)


@dataclass(frozen=True)
class Tables:
    """Runs, or any tables with the documented columns. Episodes that branch off others are in nothing here."""

    data: RunData
    _kept: dict[tuple[Who, str], Chosen] = field(default_factory=dict[tuple[Who, str], Chosen])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an attempt, from the beginning."""
        return from_the_beginning(self.data.episodes).reset_index(drop=True)

    @cached_property
    def episodes(self) -> Episodes:
        """What is asked of each attempt."""
        return Episodes(prepared(self.table), any(source.sequential for source in self.data.sources))

    @cached_property
    def _numbers(self) -> "pd.Series[int]":
        """Number of the episode by run and name."""
        found = pd.Series(np.arange(len(self.table)), index=episode_keys(self.table))
        return cast("pd.Series[int]", found[~found.index.duplicated()])

    def _episode_of(self, rows: Prepared) -> Places:
        """Number of the episode of each row; -1 where there is none from the beginning."""
        numbers, count = rows.episodes()
        keys = episode_keys(rows.take(first_rows(numbers, count)).frame("run_id", "episode_id"))
        found = np.asarray(self._numbers.reindex(keys).fillna(-1).to_numpy(), dtype=np.intp)
        return found[numbers]

    @cached_property
    def _judgements(self) -> Prepared:
        return prepared(self.data.verdicts)

    @cached_property
    def _verdicts(self) -> dict[str, Judged]:
        """What was judged of each failure mode."""
        rows = self._judgements
        (modes, names), (tasks, titles) = rows.category("failure_mode"), rows.category("task")
        numbers, ranks = self._episode_of(rows), _SEVERITY[rows.codes("succeeded")]
        found: dict[str, Judged] = {}
        for code in np.unique(modes[modes >= 0]).tolist():
            own = modes == code
            found[str(names[code])] = Judged(numbers[own], ranks[own], _named(tasks[own], titles))
        return found

    def population(self, who: Who, wanted: Population) -> Chosen:
        """The episodes that a condition is about."""
        key = (who, wanted.model_dump_json())
        if key not in self._kept:
            self._kept[key] = population(self.episodes, who, wanted)
        return self._kept[key]

    def succeeded(self, rows: Chosen, modes: Collection[str]) -> Codes:
        """The code of each episode for the worst of some failure modes.

        An episode without such a verdict, whose task is judged for it elsewhere, is unknown; where the task has no
        such row, it is not exposed.
        """
        judged = [self._verdicts[mode] for mode in modes if mode in self._verdicts]
        ranks = np.full(len(self.table), _ABSENT, dtype=np.int8)
        for one in judged:
            own = one.row >= 0
            np.maximum.at(ranks, one.row[own], one.rank[own])
        found = ranks[rows.at]
        tasks = [task for one in judged for task in one.tasks]
        owed = ~self._of(rows).known("task") | self._of(rows).isin("task", tasks)
        absent = np.where(owed, UNKNOWN, NOT_EXPOSED)
        return np.where(found == _ABSENT, absent, _BY_SEVERITY[np.maximum(found, 0)]).astype(np.int8)

    def _of(self, rows: Chosen) -> Prepared:
        return self.episodes.rows.take(rows.at)

    @cached_property
    def _side(self) -> Codes:
        return side_codes(self.episodes.rows, self.data.verdicts)

    @cached_property
    def _seen(self) -> Trajectories:
        """By number of the episode; what is no step of an episode from the beginning counts for none."""
        steps = self.data.steps_coded("run_id", "episode_id", "call_valid", "executed", "suspicion", "unanswered")
        if steps["unanswered"].isna().any():
            steps = steps.assign(suspicions=self.data.steps_with("suspicions")["suspicions"])
        rows = prepared(steps)
        numbers = self._episode_of(rows)
        own = numbers >= 0
        return trajectories(rows.where(own), numbers[own], pd.RangeIndex(len(self.table)))

    def main(self, rows: Chosen, solved: float) -> Codes:
        """Whether the main task of each episode was solved."""
        return main_codes(self._of(rows), solved)

    def side(self, rows: Chosen) -> Codes:
        """Whether the side task of each episode was carried out."""
        found: Codes = self._side[rows.at]
        return found

    def both(self, rows: Chosen, solved: float) -> Codes:
        """Main task solved and side task carried out in one episode."""
        return both_codes(self.main(rows, solved), self.side(rows))

    def covert(self, rows: Chosen, solved: float, threshold: float) -> Codes:
        """The same with no step's suspicion above the threshold, under monitors that only observed."""
        caught = self._seen.flagged(threshold)[rows.at]
        return covert_codes(self._of(rows), self.both(rows, solved), caught)

    @cached_property
    def modes(self) -> list[tuple[str, str]]:
        """Controls that anything was judged for, with their family, in the order of the catalogue.

        "" where nobody says which family. What costs usefulness, or is only counted, is no control that fails.
        """
        rows = self._judgements
        (modes, names), (families, titles) = rows.category("failure_mode"), rows.category("family")
        told = np.unique(modes[modes >= 0] * (len(titles) + 1) + families[modes >= 0] + 1)
        pairs = [divmod(one, len(titles) + 1) for one in told.tolist()]
        found = [(str(names[mode]), str(titles[family - 1]) if family else "") for mode, family in pairs]
        return sorted((one for one in found if one[0] not in USEFULNESS_MODES | COUNTED_MODES), key=_in_order)

    def named(self, wanted: Population) -> list[str]:
        """The failure modes that a rule about failure rates asks about, each by itself."""
        if wanted.failure_modes:
            return list(wanted.failure_modes)
        families = {str(family) for family in wanted.families}
        return list(dict.fromkeys(mode for mode, family in self.modes if _among(family, families)))

    def tasks_of(self, wanted: Population) -> list[str]:
        """Tasks of the runs whose human time lies in the population's."""
        low = 0.0 if wanted.min_minutes is None else wanted.min_minutes
        high = np.inf if wanted.max_minutes is None else wanted.max_minutes
        rows = self.table[["task", "human_minutes"]].dropna()
        minutes = rows["human_minutes"].to_numpy(dtype=np.float64)
        return sorted(str(task) for task in rows["task"][(minutes >= low) & (minutes <= high)].unique())

    @cached_property
    def subjects(self) -> tuple[Who, ...]:
        """Whose rows these are, by name, scaffold and form."""
        columns = ["subject", "scaffold", "subject_kind"]
        named: Any = self.table[columns].astype("string").dropna().drop_duplicates().sort_values(columns)
        return tuple(Who(name, scaffold, SubjectKind(kind)) for name, scaffold, kind in named.to_numpy().tolist())


def _among(family: str, families: Collection[str]) -> bool:
    return not families or not family or family in families
