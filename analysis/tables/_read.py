"""Reading stored tables: exported folders, and folders of tables from elsewhere."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from .._data import RunData, Source, State
from .._errors import DuplicateEpisodeError, TableError, UnknownVerdictsError
from ._folder import TABLES, Format, checked, is_export, read_table
from ._foreign import foreign_csv
from ._given import IDENTITY, with_missing_verdicts


def is_tables(root: Path) -> bool:
    """Whether a folder holds tables and no records."""
    return is_export(root) or _plain_file(root, "episodes") is not None


def _plain_file(root: Path, name: str) -> Path | None:
    return next((path for kind in Format if (path := root / f"{name}.{kind}").is_file()), None)


def read_folder(root: Path, verdicts: str) -> RunData:
    """The tables of a folder; steps are read when they are asked for.

    Raises `TableError`, `InvalidRunError` for a file that was changed, and `UnknownVerdictsError` where it holds
    another version of the verdicts.
    """
    if not is_export(root):
        return _foreign(root)
    told = checked(root)
    if told.verdicts != verdicts:
        raise UnknownVerdictsError(
            f"load: {root} was exported with verdicts {told.verdicts!r}, not {verdicts!r}; "
            f"`offswitch export RUN --verdicts {verdicts}` exports those"
        )

    def steps(wanted: Sequence[str] | None, *, coded: bool) -> pd.DataFrame:
        return read_table(root, told, "steps", wanted, coded=coded)

    return RunData.lazily(
        read_table(root, told, "episodes"), steps, read_table(root, told, "verdicts"), sources=told.sources
    )


def _foreign(root: Path) -> RunData:
    """Tables that nobody here wrote: every value is held against its column."""
    found = {name: _frame(path, name) for name in TABLES if (path := _plain_file(root, name)) is not None}
    try:
        data = RunData.of(found["episodes"], found.get("verdicts"), found.get("steps"))
    except (TableError, DuplicateEpisodeError) as error:
        counted = " (rows count from 0, below the header)" if "row " in str(error) else ""
        raise type(error)(f"load: {root}: {error}{counted}") from error
    return RunData(data.episodes, data.steps, data.verdicts, sources=(Source(run_id=None, state=State.UNCHECKED),))


def _frame(path: Path, name: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else foreign_csv(path, TABLES[name])
    except (OSError, ValueError) as error:
        raise TableError(f"load: {path}: {str(error)[:200]}") from error


def put_together(parts: Sequence[RunData]) -> RunData:
    """Several tables as one. Raises `DuplicateEpisodeError` where an episode would count twice."""
    episodes = pd.concat([part.episodes for part in parts], ignore_index=True)
    twice = episodes[episodes["run_id"].notna() & episodes.duplicated(IDENTITY)]
    if len(twice):
        raise DuplicateEpisodeError(
            f"load: episode {twice['episode_id'].iloc[0]} of run {twice['run_id'].iloc[0]} comes twice and would "
            "count double; give every run once"
        )
    verdicts = pd.concat([part.verdicts for part in parts], ignore_index=True)

    def steps(wanted: Sequence[str] | None, *, coded: bool) -> pd.DataFrame:
        if coded and wanted is not None and len(parts) == 1:
            return parts[0].steps_coded(*wanted)
        read = [part.steps if wanted is None else part.steps_with(*wanted) for part in parts]
        return pd.concat(read, ignore_index=True)

    return RunData.lazily(
        episodes,
        steps,
        with_missing_verdicts(verdicts, episodes),
        runs=tuple(run for part in parts for run in part.runs),
        sources=tuple(source for part in parts for source in part.sources),
    )
