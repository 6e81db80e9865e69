"""Export: runs as files that other programs read."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ...records import LIVE, RunPaths, verify_run
from .._data import RunData, Source, State
from .._errors import ExportError
from ._folder import TABLES, About, Format, Writer


def export(
    runs: Sequence[str | Path],
    out: str | Path,
    *,
    format: Format = Format.PARQUET,  # noqa: A002 - what callers call it
    verdicts: str = LIVE,
) -> About:
    """Write the tables of runs into a new folder, with where they come from and whether it was verified.

    Runs and exported folders alike. Raises `ExportError` where the folder cannot be written, and as `load` does.
    """
    from .._load import load

    data = load(*runs, verdicts=verdicts)
    sources = [_verified(source) for source in data.sources]
    return export_data(data, out, format=format, sources=sources, verdicts=verdicts)


def _verified(source: Source) -> Source:
    """What came from a run directory is verified now; what was exported before keeps what was found then."""
    if source.folder is None or source.root is None:
        return source.model_copy(update={"folder": None})
    found = verify_run(RunPaths(Path(source.folder)), source.root)
    return source.model_copy(update={"folder": None, "state": State.INTACT if found.ok else State.BROKEN})


def export_data(
    data: RunData,
    out: str | Path,
    *,
    format: Format = Format.PARQUET,  # noqa: A002 - what callers call it
    sources: Sequence[Source] | None = None,
    verdicts: str = LIVE,
) -> About:
    """Write tables into a new folder, complete or not at all. Raises `ExportError`."""
    place = Path(out)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise ExportError(f"export: {place} is there already; name a new folder with --out DIR")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    except OSError as error:
        raise ExportError(f"export: {place}: {error.strerror}; name another folder with --out DIR") from error
    try:
        told = _written(data, made, format, data.sources if sources is None else sources, verdicts)
        made.chmod(0o755)
        made.replace(place)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        raise ExportError(f"export: {place}: {error.strerror or error}") from error
    return told


def _written(data: RunData, place: Path, kind: Format, sources: Sequence[Source], verdicts: str) -> About:
    writer = Writer(place, kind, sources=sources, verdicts=verdicts)
    for name in TABLES:
        table: pd.DataFrame = getattr(data, name)
        writer.write(name, [_without_place(table) if name == "episodes" else table])
    return writer.close()


def _without_place(episodes: pd.DataFrame) -> pd.DataFrame:
    """Of the folder that a run was read from only the name: where it stood on a machine is nobody else's business."""
    names = {folder: Path(str(folder)).name for folder in episodes["run"].dropna().unique()}
    return episodes.assign(run=episodes["run"].map(names).astype(episodes["run"].dtype))
