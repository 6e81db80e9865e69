"""A run directory as it can be read."""

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ._errors import ChainError, SchemaError, StorageError
from ._events import EpisodeOpened
from ._evidence import EvidenceStore
from ._manifest import EpisodeAnchor, RunManifest, load_manifest
from ._paths import RunPaths
from ._plain import digest_plain, read_plain
from ._reading import read_ledger
from ._record import Record, complaint
from ._scenario import EpisodeKey
from ._verdict import Verdict

LIVE = "live"
"""Version of the verdicts that stand in the ledgers; stored ones carry another name."""
_FILE_BYTES = 512 << 20
"""A larger file of a run, ledgers and artifacts apart, is not read."""
VERDICTS: TypeAdapter[tuple[Verdict, ...]] = TypeAdapter(tuple[Verdict, ...])
"""Content of a verdict file."""


class RunView:
    """Reads a run; nothing here changes it."""

    def __init__(self, root: Path, manifest: RunManifest) -> None:
        self.paths = RunPaths(root)
        self.evidence = EvidenceStore(self.paths.evidence)
        self._manifest = manifest
        self._anchors = dict(manifest.episodes)
        self._verdicts = {judged.version: dict(judged.files) for judged in manifest.verdicts}

    @classmethod
    def open(cls, root: Path) -> "RunView":
        """Read a run. Raises as `load_manifest` does."""
        return RunView(root, load_manifest(RunPaths(root).manifest))

    @property
    def manifest(self) -> RunManifest:
        """What the run is held against."""
        return self._manifest

    def anchor(self, episode_id: str) -> EpisodeAnchor:
        """Raises `StorageError` for an episode that the manifest does not name."""
        try:
            return self._anchors[episode_id]
        except KeyError:
            text = f"run {self.paths.root} has no episode {episode_id[:80]!r}"
            raise StorageError(errno.ENOENT, text) from None

    def episodes(self) -> Iterator[str]:
        """Ids of all episodes of the manifest, sorted."""
        return iter(sorted(self._anchors))

    def records(self, episode_id: str) -> Iterator[Record]:
        """The records of an episode, held against its anchor. Raises as `read_ledger` does."""
        return read_ledger(self.paths.ledger(episode_id), self.anchor(episode_id).end)

    def load_key(self, episode_id: str) -> EpisodeKey:
        """Raises `ChainError` where the writer died before the first record."""
        first = next(self.records(episode_id), None)
        if first is None or not isinstance(first.event, EpisodeOpened):
            raise ChainError(f"episode {episode_id}: does not begin with its key")
        return first.event.key

    def verdict_versions(self) -> tuple[str, ...]:
        """Versions of stored verdicts, in the order in which they were judged."""
        return tuple(self._verdicts)

    def versions_of(self, episode_id: str) -> tuple[str, ...]:
        """Versions in which this episode has stored verdicts, in the order in which they were judged."""
        return tuple(version for version, files in self._verdicts.items() if episode_id in files)

    def verdicts(self, episode_id: str, version: str) -> tuple[Verdict, ...]:
        """Stored verdicts. Raises `StorageError` where there are none, `ChainError` where they were changed."""
        digests = self._verdicts.get(version, {})
        path = self.paths.verdict_file(version, episode_id)
        if episode_id not in digests:
            raise StorageError(errno.ENOENT, f"{path}: no such verdicts; `offswitch rejudge` writes them")
        content = bytes_of(path)
        if hashlib.sha256(content).hexdigest() != digests[episode_id]:
            raise ChainError(f"{path}: was changed; `offswitch verify {self.paths.root}` shows what else was")
        return parse_verdicts(content, path)


def parse_verdicts(content: bytes, path: Path) -> tuple[Verdict, ...]:
    """The verdicts of a file. Raises `SchemaError`."""
    try:
        return VERDICTS.validate_json(content, strict=True)
    except ValidationError as error:
        raise SchemaError(f"{path}: {complaint(error)}") from error


def bytes_of(path: Path) -> bytes:
    """The content of a file. Raises `StorageError`."""
    try:
        return read_plain(path, _FILE_BYTES)
    except OSError as error:
        raise StorageError(error.errno, f"{path}: {error.strerror}") from error


def digest_of_file(path: Path) -> str:
    """SHA-256 of a regular file. Raises `StorageError`, also for anything that is no regular file."""
    try:
        return digest_plain(path)
    except OSError as error:
        raise StorageError(error.errno, f"{path}: {error.strerror}") from error
