"""Is what lies in a run directory what was written there?

Held against the manifest: every ledger, every artifact, every verdict file, ``spec.yaml`` and every further
anchored file; the manifest itself is held against its root, and the root against one that was kept elsewhere.
Not checked, because derived or of no weight: ``README.txt``, ``report.html``, ``index.sqlite`` and its digest,
``run.lock``. Quarantined tails are no records.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ._base import Model
from ._errors import RecordError, SchemaError, StorageError, TornError
from ._events import EpisodeOpened
from ._evidence import EvidenceStore, artifacts_of, is_digest
from ._manifest import EpisodeAnchor, RunManifest, faults_of, read_manifest
from ._paths import RunPaths
from ._reading import read_ledger
from ._record import Record
from ._view import bytes_of, digest_of_file, parse_verdicts

Kind = Literal["manifest", "root", "schema", "ledger", "torn", "unsealed", "artifact", "verdicts", "file", "stray"]
_UNSEALED = (
    "is not in the manifest: it is still being written, its writer died, or it was put there; "
    "`offswitch run --resume` anchors what a dead writer left"
)
_UNCHECKED = frozenset(
    {"README.txt", "manifest.json", "run.lock", "index.sqlite", "index.sqlite.sha256", "report.html"}
)


class Finding(Model):
    """One thing that is not as it was written; of kind ``stray``, a thing of which nothing was written."""

    kind: Kind
    where: str
    """Path in the run directory."""
    episode: str | None = None
    record: int | None = None
    """First bad record, counted from 0."""
    artifact: str | None = None
    text: str
    """What is wrong, in one sentence."""


class VerifyReport(Model):
    """What `verify_run` found."""

    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    """What changes no result, for example an artifact that no record references."""
    root: str | None
    """Root that the manifest states; None where it cannot be read."""
    episodes: int = Field(ge=0)
    """Ledgers read to their end."""
    records: int = Field(ge=0)
    artifacts: int = Field(ge=0)
    """Artifacts whose content has their digest."""
    verdict_files: int = Field(ge=0)

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings


def verify_run(paths: RunPaths, expected_root: str | None = None) -> VerifyReport:
    """Check a whole run directory. Damage is a finding, never an exception.

    ``expected_root`` is a root of this run that was kept elsewhere; verdict versions added since do not disturb
    it.
    """
    return _Check(paths).run(expected_root)


class _Check:
    """One pass over a run directory."""

    def __init__(self, paths: RunPaths) -> None:
        self._paths = paths
        self._evidence = EvidenceStore(paths.evidence)
        self._findings: list[Finding] = []
        self._notes: list[Finding] = []
        self._referenced: dict[str, tuple[str, int]] = {}
        self._counts = {"episodes": 0, "records": 0, "artifacts": 0, "verdict_files": 0}

    def run(self, expected_root: str | None) -> VerifyReport:
        for folder in self._paths.linked():
            self._find("file", folder, "is a link: what lies behind it is not part of the run")
        manifest = self._manifest(expected_root)
        anchors = manifest.episodes if manifest else {}
        self._ledgers(anchors, manifest)
        self._artifacts()
        self._verdict_files(manifest)
        self._files(manifest)
        return VerifyReport(
            findings=tuple(self._findings),
            notes=tuple(self._notes),
            root=manifest.root if manifest else None,
            **self._counts,
        )

    def _find(self, kind: Kind, path: Path, text: str, **names: Any) -> None:
        """Keep a finding; ``names`` are its episode, record and artifact."""
        where = path.relative_to(self._paths.root).as_posix()
        found = Finding(kind=kind, where=where, text=text, **names)
        (self._notes if kind == "stray" else self._findings).append(found)

    def _manifest(self, expected_root: str | None) -> RunManifest | None:
        path = self._paths.manifest
        try:
            manifest, content = read_manifest(path)
        except RecordError as error:
            self._find("schema" if isinstance(error, SchemaError) else "manifest", path, str(error))
            return None
        for fault in faults_of(manifest, content):
            self._find("manifest", path, fault)
        if expected_root is not None and expected_root not in manifest.roots():
            text = f"root is {manifest.root}, not {expected_root[:80]}: this is not the run as it was noted"
            self._find("root", path, text)
        return manifest

    def _ledgers(self, anchors: dict[str, EpisodeAnchor], manifest: RunManifest | None) -> None:
        present = {path.stem: path for path in _files_in(self._paths.episodes) if path.suffix == ".jsonl"}
        for path in _files_in(self._paths.episodes):
            if path.suffix != ".jsonl":
                self._find("stray", path, "is no ledger")
        for episode in sorted(anchors.keys() - present.keys()):
            text = f"is missing, with its {anchors[episode].count} records"
            self._find("ledger", self._paths.ledger(episode), text, episode=episode)
        for episode, path in present.items():
            records = self._ledger(episode, path, anchors.get(episode))
            self._identity(episode, path, records, anchors.get(episode), manifest)

    def _ledger(self, episode: str, path: Path, anchor: EpisodeAnchor | None) -> EpisodeOpened | None:
        """Read one ledger; return its first event where that is what it must be."""
        opened: EpisodeOpened | None = None
        if anchor is None:
            self._find("unsealed", path, _UNSEALED, episode=episode)
        try:
            for record in read_ledger(path, anchor.end if anchor else None):
                self._note_record(episode, record)
                opened = record.event if isinstance(record.event, EpisodeOpened) else opened
            self._counts["episodes"] += 1
        except RecordError as error:
            self._find(_kind_of(error), path, str(error), episode=episode, record=error.record)
        return opened

    def _note_record(self, episode: str, record: Record) -> None:
        self._counts["records"] += 1
        for digest in artifacts_of(record.event):
            self._referenced.setdefault(digest, (episode, record.seq))

    def _identity(
        self,
        episode: str,
        path: Path,
        opened: EpisodeOpened | None,
        anchor: EpisodeAnchor | None,
        manifest: RunManifest | None,
    ) -> None:
        """A ledger of another episode or run under this name; an anchor that tells another story."""
        if opened is None or manifest is None:
            return
        key = opened.key
        if (key.episode_id, key.run_id) != (episode, manifest.run_id):
            text = f"is the ledger of episode {key.episode_id} of run {key.run_id}"
            self._find("ledger", path, text, episode=episode, record=0)
        told = (key.subject.name, key.scenario_hash, key.seed, key.attempt)
        if anchor is not None and told != (anchor.subject, anchor.scenario_hash, anchor.seed, anchor.attempt):
            self._find("manifest", self._paths.manifest, "does not describe this episode", episode=episode)

    def _artifacts(self) -> None:
        folder = self._paths.evidence
        names = list(self._evidence.names()) if folder.is_dir() and not folder.is_symlink() else []
        for name in names:
            self._artifact(name)
        for digest in sorted(self._referenced.keys() - set(names)):
            episode, record = self._referenced[digest]
            path = self._paths.artifact(digest)
            text = f"is missing; record {record} of episode {episode} references it"
            self._find("artifact", path, text, episode=episode, record=record, artifact=digest)

    def _artifact(self, name: str) -> None:
        path = self._paths.artifact(name)
        if not is_digest(name):
            self._find("stray", path, "is no artifact")
            return
        fault = self._evidence.check(name)
        if fault is not None:
            episode, record = self._referenced.get(name, (None, None))
            self._find("artifact", path, fault, episode=episode, record=record, artifact=name)
            return
        self._counts["artifacts"] += 1
        if name not in self._referenced:
            self._find("stray", path, "is referenced by no record", artifact=name)

    def _verdict_files(self, manifest: RunManifest | None) -> None:
        anchored = {
            self._paths.verdict_file(judged.version, episode): (episode, digest)
            for judged in (manifest.verdicts if manifest else ())
            for episode, digest in judged.files.items()
        }
        present = {path for folder in _folders_in(self._paths.judgements) for path in _files_in(folder)}
        for path in sorted(present | anchored.keys()):
            if path.suffix != ".json":
                self._find("stray", path, "is no verdict file")
                continue
            episode, digest = anchored.get(path, (path.stem, None))
            fault = self._verdict_fault(path, digest)
            if fault is not None:
                self._find("verdicts", path, fault, episode=episode)
            else:
                self._counts["verdict_files"] += 1

    def _verdict_fault(self, path: Path, digest: str | None) -> str | None:
        fault = "is not in the manifest" if digest is None else _file_fault(path, digest)
        if fault is not None:
            return fault
        try:
            parse_verdicts(bytes_of(path), path)
        except (SchemaError, StorageError) as error:
            return str(error)
        return None

    def _files(self, manifest: RunManifest | None) -> None:
        anchored = manifest.files if manifest else {}
        for name, digest in anchored.items():
            fault = _file_fault(self._paths.root / name, digest)
            if fault is not None:
                self._find("file", self._paths.root / name, fault)
        folders = (self._paths.root, self._paths.proofs, self._paths.replay, self._paths.judgements)
        for path in (path for folder in folders for path in _files_in(folder)):
            name = path.relative_to(self._paths.root).as_posix()
            if name not in anchored and name not in _UNCHECKED:
                self._find("stray", path, "is not in the manifest")


def _kind_of(error: RecordError) -> Kind:
    if isinstance(error, TornError):
        return "torn"
    return "schema" if isinstance(error, SchemaError) else "ledger"


def _file_fault(path: Path, digest: str) -> str | None:
    """What is wrong with an anchored file, in words; None where it is as it was written."""
    try:
        found = digest_of_file(path)
    except StorageError as error:
        return f"is missing or unreadable: {error.strerror}"
    return None if found == digest else f"was changed: its digest is {found}, not {digest}"


def _files_in(folder: Path) -> Iterator[Path]:
    """What lies in a folder and is not itself a folder, by name; nothing where there is no folder."""
    if folder.is_dir() and not folder.is_symlink():
        yield from sorted(path for path in folder.iterdir() if not path.is_dir())


def _folders_in(folder: Path) -> Iterator[Path]:
    if folder.is_dir() and not folder.is_symlink():
        yield from sorted(path for path in folder.iterdir() if path.is_dir())
