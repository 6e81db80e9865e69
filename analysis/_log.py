"""One episode's ledger as the analysis sees it: records by type, and what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ..records import (
    EpisodeInvalidated,
    EpisodeKey,
    EpisodeOpened,
    EpisodeSealed,
    Record,
    RecordError,
    RunManifest,
    RunPaths,
    load_manifest,
    read_ledger,
)
from ._data import BROKEN
from ._errors import RunNotFoundError

E = TypeVar("E")


@dataclass
class EpisodeLog:
    """The records of one episode, as far as they can be believed."""

    episode_id: str
    """Name of the ledger file: the only name that a broken ledger still has."""
    records: list[Record] = field(default_factory=list[Record])
    fault: str | None = None
    """Why reading stopped before the end of the file; None where everything holds."""

    def all(self, kind: type[E]) -> list[E]:
        """Every event of a type, in order."""
        return [event for record in self.records if isinstance(event := record.event, kind)]

    def last(self, kind: type[E]) -> E | None:
        """The last event of a type."""
        found = self.all(kind)
        return found[-1] if found else None

    def since_first(self, mono_ns: int) -> float:
        """Seconds of host monotonic time from the first record to this moment."""
        return (mono_ns - self.records[0].mono_ns) / 1e9

    @property
    def key(self) -> EpisodeKey | None:
        """The episode's identity; None where not even the first record can be read."""
        first = self.records[0].event if self.records else None
        return first.key if isinstance(first, EpisodeOpened) else None

    @property
    def sealed(self) -> EpisodeSealed | None:
        """The closing record; None where the episode was never finished."""
        return self.last(EpisodeSealed)

    @property
    def invalid_reason(self) -> str | None:
        """Why this attempt is missing data; None where it is valid."""
        if self.fault is not None:
            return f"{BROKEN}: {self.fault}"
        cause = self.last(EpisodeInvalidated)
        if cause is not None:
            return f"{cause.phase}: {cause.object}: {cause.cause}"
        sealed = self.sealed
        if sealed is None:
            return "unfinished: the ledger has no closing record"
        return None if sealed.valid else "sealed as invalid without a cause"


def read_log(path: Path, anchor: tuple[int, str] | None = None) -> EpisodeLog:
    """Read a ledger up to its first fault, which is kept as data: a broken episode must stay countable.

    ``anchor`` is the count and head that the manifest names: with it a cut or rewritten ledger is noticed.
    """
    log = EpisodeLog(path.stem)
    try:
        for record in read_ledger(path, anchor):
            log.records.append(record)
    except RecordError as error:
        log.fault = str(error)
    if log.key is None and log.fault is None:
        log.fault = "no record opens the episode"
    return log


def names(paths: RunPaths, manifest: RunManifest | None) -> list[str]:
    """The episodes of a run: those that lie there, and those that the manifest names and that are gone."""
    return sorted({path.stem for path in paths.episodes.glob("*.jsonl")} | set(manifest.episodes if manifest else ()))


def logs(paths: RunPaths, manifest: RunManifest | None) -> Iterator[EpisodeLog]:
    """The episodes of a run by name, each held against its anchor where there is one."""
    anchors = {name: anchor.end for name, anchor in manifest.episodes.items()} if manifest else {}
    for name in names(paths, manifest):
        yield read_log(paths.ledger(name), anchors.get(name))


def manifest_of(paths: RunPaths) -> RunManifest | None:
    """The manifest; None for a directory of ledgers alone.

    Raises `RunNotFoundError` where there are no episodes either, and as `load_manifest` does.
    """
    from .tables import is_tables

    if is_tables(paths.root):
        raise RunNotFoundError(
            f"load: {paths.root} holds exported tables, and a report shows the records; give the run directory, or "
            "--kind preparedness, which takes tables"
        )
    if not paths.episodes.is_dir():
        raise RunNotFoundError(
            f"load: {paths.root} holds no run (no folder {paths.episodes.name}/); give the directory that "
            "`offswitch run --out DIR` wrote"
        )
    return load_manifest(paths.manifest) if paths.manifest.exists() else None
