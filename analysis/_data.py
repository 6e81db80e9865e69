"""The tables of loaded runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict

from ..records import RunManifest, RunPaths
from ._escape import visible

BROKEN = "record does not hold"
"""How the reason of an invalid attempt begins whose record was changed, cut or taken away."""


class ReadSteps(Protocol):
    """Reads all columns of the steps, or only some; ``coded``: texts as categories."""

    def __call__(self, wanted: Sequence[str] | None, *, coded: bool) -> pd.DataFrame: ...


class State(StrEnum):
    """What is known of the records that a table was made of."""

    INTACT = "intact"
    """Everything was as it was written, when it was exported."""
    BROKEN = "broken"
    """Something was changed, cut or taken away."""
    UNCHECKED = "unchecked"
    """Nobody verified the whole run; each ledger was held against its anchor as it was read."""


class Source(BaseModel):
    """A run that rows come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    run_id: str | None
    """None where no manifest names it."""
    root: str | None = None
    """Root hash, as the manifest states it."""
    state: State = State.UNCHECKED
    folder: str | None = None
    """Where it was read from; None for one that was read from exported tables."""
    sequential: bool = False
    """Whether the run could end by what it had seen (``stop_when``)."""
    stopped: str | None = None
    """What its sequential rule had shown when it ended the run early."""


@dataclass(frozen=True)
class RunInfo:
    """One run that was read."""

    paths: RunPaths
    manifest: RunManifest | None
    """None for a directory of ledgers without one, and where it cannot be believed."""


@dataclass(frozen=True)
class RunData:
    """Runs as three typed tables: one row an episode, a tool call, a verdict.

    Every attempt is a row. One that is unfinished, invalid or whose record does not hold has ``valid`` False and a
    reason. A missing value is missing (NA), never 0 and never False. A category is ordered as its enum in
    `offswitch.records`; ``flag`` is a truth value that is never missing.

    The columns are `EPISODES`, `STEPS` and `VERDICTS`, with types and meanings; docs/tables.md shows them.

    ``verdicts`` holds a row with ``recorded`` False where other episodes of the same cluster have a verdict that
    this one lacks: a check that did not run is unknown, not absent.
    """

    episodes: pd.DataFrame
    steps: pd.DataFrame
    verdicts: pd.DataFrame
    runs: tuple[RunInfo, ...] = ()
    sources: tuple[Source, ...] = ()
    """Where the rows come from."""

    @classmethod
    def of(
        cls,
        episodes: pd.DataFrame,
        verdicts: pd.DataFrame | None = None,
        steps: pd.DataFrame | None = None,
        *,
        extra: Literal["refuse", "keep"] = "refuse",
    ) -> Self:
        """Other people's results: tables with the columns of docs/tables.md.

        An optional column that is absent is missing throughout; steps and verdicts take from their episode what they
        lack. A truth that nobody states is unknown. Columns that are no column of the table are refused, or kept.
        Raises `TableError`, which names column and row, and `DuplicateEpisodeError`.
        """
        from .tables._given import given_tables

        whole, rows, found = given_tables(episodes, steps, verdicts, extra)
        return cls(whole, rows, found)

    @classmethod
    def lazily(
        cls,
        episodes: pd.DataFrame,
        read: ReadSteps,
        verdicts: pd.DataFrame,
        *,
        runs: tuple[RunInfo, ...] = (),
        sources: tuple[Source, ...] = (),
    ) -> Self:
        """Tables whose steps are read when they are asked for."""
        made = cls.__new__(cls)
        vars(made).update(episodes=episodes, verdicts=verdicts, runs=runs, sources=sources, _read=read)
        return made

    def __repr__(self) -> str:
        sizes = f"{len(self.episodes):,} episodes, {len(self.verdicts):,} verdicts"
        steps = f", {len(self.steps):,} steps" if "steps" in vars(self) else ""
        whose = "".join(f"; {source.run_id or 'unnamed'} ({source.state})" for source in self.sources)
        return f"RunData({sizes}{steps}{visible(whose)})"

    def steps_with(self, *names: str) -> pd.DataFrame:
        """The steps with these columns only: of stored tables, nothing else is read."""
        read: ReadSteps | None = vars(self).get("_read")
        if read is None or "steps" in vars(self):
            return self.steps[list(names)]
        return read(names, coded=False)[list(names)]

    def steps_coded(self, *names: str) -> pd.DataFrame:
        """As `steps_with`; the texts of stored tables are categories, in a tenth of the memory and the time."""
        read: ReadSteps | None = vars(self).get("_read")
        if read is None or "steps" in vars(self):
            return self.steps[list(names)]
        kept: pd.DataFrame | None = vars(self).get("_coded")
        if kept is None or not set(names) <= set(kept.columns):
            kept = vars(self)["_coded"] = read(names, coded=True)
        return kept[list(names)]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name != "steps" or "_read" not in vars(self):
                raise AttributeError(f"{type(self).__name__} has no {name!r}")
            vars(self)["steps"] = vars(self)["_read"](None, coded=False)
            return vars(self)["steps"]


def run_names(data: RunData) -> list[str]:
    """The runs that the rows come from, those of stored tables last; none for tables that name no run."""
    direct = [info.manifest.run_id if info.manifest else info.paths.root.name for info in data.runs]
    return direct + [source.run_id for source in data.sources if source.folder is None and source.run_id]


def broken_records(data: RunData) -> int:
    """Attempts whose record was changed, cut or taken away: each is invalid, and in no rate."""
    return int(data.episodes["invalid_reason"].astype("string").str.startswith(BROKEN).fillna(value=False).sum())
