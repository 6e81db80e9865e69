"""The tables of loaded runs."""

from dataclasses import dataclass

import pandas as pd

from ..records import RunManifest, RunPaths


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
