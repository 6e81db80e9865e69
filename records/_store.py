"""The one writer of a run directory."""

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import TypeAdapter, ValidationError

from ._atomic import make_folder, replace_file, sync_file
from ._base import Name
from ._canonical import canonical_json
from ._confinement import confinement
from ._errors import ChainError, SchemaError, StorageError
from ._events import EpisodeInvalidated, EpisodeOpened, EpisodeSealed, Event, SandboxStarted
from ._evidence import artifacts_of
from ._ledger import Ledger
from ._lock import RunLock
from ._manifest import EpisodeAnchor, EpisodeState, RunFacts, RunManifest, VerdictSet, load_manifest, save_manifest
from ._observed import PostureAttested
from ._paths import RunPaths
from ._reading import read_ledger, recover
from ._record import Record
from ._redact import Redactor
from ._scenario import EpisodeKey
from ._verdict import Verdict
from ._view import LIVE, VERDICTS, RunView, bytes_of, digest_of_file, parse_verdicts

_NAME: TypeAdapter[str] = TypeAdapter(Name)


class Resumed(NamedTuple):
    """What `RunStore.resume` found that the manifest did not name."""

    adopted: tuple[str, ...]
    """Episodes that were complete but not yet in the manifest."""
    crashed: tuple[str, ...]
    """Episodes whose writer died: now anchored as crashed attempts."""
    torn: tuple[Path, ...]
    """Half-written tails, where they lie now."""


class RunStore(RunView):
    """Writes a run directory and holds ``run.lock``. Safe to use from several threads; a context manager.

    The manifest is written when a run starts, when it closes, and after an episode, though in a large run not
    after each: what is written stays a small part of the run. A complete episode that a dead writer had not yet
    named there is adopted by `resume`.
    """

    def __init__(self, root: Path, manifest: RunManifest, lock: RunLock, redactor: Redactor | None) -> None:
        """Use `create` or `resume`."""
        super().__init__(root, manifest)
        self.resumed = Resumed((), (), ())
        self._lock = lock
        self._redactor = redactor
        self._guard = threading.RLock()
        self._files = dict(manifest.files)
        self._open: dict[str, Ledger] = {}
        self._unsaved = 0
        self._closed = False

    @classmethod
    def create(cls, root: Path, facts: RunFacts, spec: str, *, redactor: Redactor | None = None) -> "RunStore":
        """Start a run in a directory that is new or empty.

        Raises `StorageError` where it holds anything, is in use, cannot be written or has no working locks.
        """
        _make_folder(root)
        if not RunPaths(root).lock.exists():
            _refuse_content(root, spec)
        lock = RunLock(RunPaths(root).lock)
        try:
            _refuse_content(root, spec)
            paths = RunPaths(root).create()
            replace_file(paths.spec, spec.encode())
            manifest = RunManifest.of(facts).model_copy(update={"files": {"spec.yaml": _digest(spec.encode())}})
            return cls(root, save_manifest(paths.manifest, manifest), lock, redactor)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def resume(cls, root: Path, *, redactor: Redactor | None = None) -> "RunStore":
        """Go on with a run whose writer ended or died; `resumed` tells what was found.

        Raises `StorageError` where it is in use, and `ChainError` for a ledger that is damaged elsewhere than at
        its end: that is no crash, and nothing is changed.
        """
        if not RunPaths(root).manifest.is_file():
            text = f"{root} holds no run to resume (no manifest.json); start it without --resume"
            raise StorageError(errno.ENOENT, text)
        if linked := RunPaths(root).linked():
            text = f"{linked[0]} is a link: nothing is written through it; put the folder itself in its place"
            raise StorageError(errno.EINVAL, text)
        lock = RunLock(RunPaths(root).lock)
        try:
            store = cls(root, load_manifest(RunPaths(root).manifest), lock, redactor)
            store.paths.create()
            store.resumed = store._recover_all()
            store._adopt_verdicts()
            store.save()
        except BaseException:
            lock.release()
            raise
        return store

    @property
    def manifest(self) -> RunManifest:
        """The manifest as it would be written now."""
        with self._guard:
            judged = tuple(VerdictSet(version=v, files=dict(files)) for v, files in self._verdicts.items())
            update = {"episodes": dict(self._anchors), "files": dict(self._files), "verdicts": judged}
            return self._manifest.model_copy(update=update).sealed()

    @property
    def finished(self) -> frozenset[str]:
        """Episodes whose ledger is complete: they never run again."""
        with self._guard:
            return frozenset(name for name, anchor in self._anchors.items() if anchor.sealed)

    def open_ledger(self, episode_id: str, *, clock: Callable[[], int] = time.monotonic_ns) -> Ledger:
        """A new ledger. Raises `StorageError` for an episode that was already begun, however it ended."""
        self._check_open()
        with self._guard:
            path = self.paths.ledger(checked_name(episode_id))
            self._open[episode_id] = Ledger(path, clock=clock, redactor=self._redactor)
            return self._open[episode_id]

    def seal(self, ledger: Ledger) -> EpisodeAnchor:
        """Close a ledger that ends with `EpisodeSealed` or `EpisodeInvalidated` and anchor it.

        Raises `ChainError` where the file is not what was written, where an artifact that it references is
        missing, or where it does not begin with the key of this episode of this run and end with one of these two.
        """
        self._check_open()
        ledger.sync()
        ledger.close()
        anchor = self._anchor_of(ledger.path, (ledger.count, ledger.head))
        if anchor.state is EpisodeState.CRASHED:
            raise ChainError(f"{ledger.path.name}: does not end with EpisodeSealed or EpisodeInvalidated")
        with self._guard:
            self._anchors[ledger.path.stem] = anchor
            self._open.pop(ledger.path.stem, None)
            self._changed()
        return anchor

    def write_verdicts(self, episode_id: str, version: str, verdicts: Iterable[Verdict]) -> None:
        """Store and anchor the verdicts of one episode in one version.

        Writing the same again changes nothing. Raises `StorageError` where other verdicts stand there: what judges
        otherwise needs another version.
        """
        self._check_open()
        self.anchor(episode_id)
        if checked_name(version) == LIVE:
            raise StorageError(errno.EINVAL, f"version {LIVE!r} means the verdicts that stand in the ledgers")
        content = VERDICTS.dump_python(tuple(verdicts), mode="json")
        data = canonical_json(content) + b"\n"
        path = self.paths.verdict_file(version, episode_id)
        with self._guard:
            if path.exists() and bytes_of(path) != data:
                text = f"{path}: version {version} judged otherwise before; give the new judgement a new version"
                raise StorageError(errno.EEXIST, text)
            make_folder(path.parent)
            replace_file(path, data)
            self._verdicts.setdefault(version, {})[episode_id] = _digest(data)
            self._changed()

    def anchor_file(self, path: Path) -> None:
        """Anchor a further file of the run directory as it stands now, for example a proof or recorded answers.

        It is put on the disk first. Raises `StorageError`.
        """
        self._check_open()
        sync_file(path)
        with self._guard:
            self._files[path.relative_to(self.paths.root).as_posix()] = _digest(bytes_of(path))
            self._changed()

    def note_stop(self, shown: str) -> None:
        """Write that the sequential rule ended the run, and what it had shown; the first word stays."""
        self._check_open()
        with self._guard:
            if self._manifest.stopped is None:
                self._manifest = self._manifest.model_copy(update={"stopped": shown})
                self.save()

    def save(self) -> RunManifest:
        """Write the manifest now and return it."""
        with self._guard:
            self._manifest = save_manifest(self.paths.manifest, self.manifest)
            self._unsaved = 0
            return self._manifest

    def close(self) -> None:
        """Write what is not yet written and give the directory free. Twice is fine.

        An episode that was begun and not sealed is anchored as a crashed attempt and takes no more records.
        """
        with self._guard:
            if self._closed:
                return
            try:
                self._save_changes()
                for ledger in self._open.values():
                    ledger.close()
                self._recover_all()
                self._save_changes()
            finally:
                self._closed = True
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(errno.EBADF, f"run {self.paths.root} is closed for writing")

    def _changed(self) -> None:
        self._unsaved += 1
        if self._unsaved * 64 >= len(self._anchors):
            self.save()

    def _anchor_of(self, path: Path, end: tuple[int, str]) -> EpisodeAnchor:
        first: Event | None = None
        last: Event | None = None
        confined: list[Event] = []
        for record in read_ledger(path, end):
            first, last = first or record.event, record.event
            if isinstance(last, SandboxStarted | PostureAttested):
                confined.append(last)
            self._check_artifacts(path, record)
        key = first.key if isinstance(first, EpisodeOpened) else None
        self._check_key(path, key, last)
        return _anchor(end, key, last).model_copy(update=confinement(confined))

    def _check_artifacts(self, path: Path, record: Record) -> None:
        for digest in artifacts_of(record.event):
            if not self.evidence.has(digest):
                text = f"{path.name} record {record.seq}: references artifact {digest}, which was not stored"
                raise ChainError(text).at(record.seq)

    def _check_key(self, path: Path, key: EpisodeKey | None, last: Event | None) -> None:
        if key is None and last is not None:
            raise ChainError(f"{path.name} record 0: is not EpisodeOpened").at(0)
        if key is not None and (key.episode_id, key.run_id) != (path.stem, self._manifest.run_id):
            text = f"is of episode {key.episode_id} of run {key.run_id}, not of run {self._manifest.run_id}"
            raise ChainError(f"{path.name} record 0: {text}").at(0)

    def _save_changes(self) -> None:
        if self._unsaved:
            self.save()

    def _recover_all(self) -> Resumed:
        """Anchor every ledger that the manifest does not name."""
        adopted: list[str] = []
        crashed: list[str] = []
        torn: list[Path] = []
        for path in sorted(self.paths.episodes.glob("*.jsonl")):
            if path.stem in self._anchors:
                continue
            anchor, tail = self._recovered(path)
            torn += [tail] if tail else []
            self._anchors[checked_name(path.stem)] = anchor
            self._unsaved += 1
            (crashed if anchor.state is EpisodeState.CRASHED else adopted).append(path.stem)
        self._adopt_quarantine()
        return Resumed(tuple(adopted), tuple(crashed), tuple(torn))

    def _adopt_quarantine(self) -> None:
        """Anchor what a dead writer left: torn tails, and what its watchdog took down."""
        for path in sorted(self.paths.quarantine.iterdir()):
            name = path.relative_to(self.paths.root).as_posix()
            if path.suffix in (".json", ".torn") and name not in self._files:
                sync_file(path)
                self._files[name] = digest_of_file(path)
                self._unsaved += 1

    def _recovered(self, path: Path) -> tuple[EpisodeAnchor, Path | None]:
        try:
            found = recover(path, self.paths.quarantine)
            return self._anchor_of(path, (found.records, found.head)), found.torn
        except (ChainError, SchemaError) as error:
            advice = f"this is damage, not a crash; `offswitch verify {self.paths.root}` shows what still holds"
            raise ChainError(f"{error}; {advice}").at(error.record) from error

    def _adopt_verdicts(self) -> None:
        """Anchor verdict files whose writer died between the file and the manifest."""
        for path in sorted(self.paths.judgements.glob("*/*.json")):
            version = path.parent.name
            if path.stem in self._verdicts.get(version, {}) or path.stem not in self._anchors:
                continue
            content = bytes_of(path)
            parse_verdicts(content, path)
            self._verdicts.setdefault(checked_name(version), {})[path.stem] = _digest(content)


def _anchor(end: tuple[int, str], key: EpisodeKey | None, last: Event | None) -> EpisodeAnchor:
    state = EpisodeState.CRASHED
    if isinstance(last, EpisodeSealed):
        state = EpisodeState.SEALED
    elif isinstance(last, EpisodeInvalidated):
        state = EpisodeState.INVALIDATED
    return EpisodeAnchor(
        state=state,
        count=end[0],
        head=end[1],
        valid=isinstance(last, EpisodeSealed) and last.valid,
        subject=key.subject.name if key else None,
        scenario_hash=key.scenario_hash if key else None,
        seed=key.seed if key else None,
        attempt=key.attempt if key else None,
    )


def checked_name(name: str) -> str:
    """The name, where it is safe as a file name. Raises `StorageError`."""
    try:
        return _NAME.validate_python(name)
    except ValidationError as error:
        text = f"{name[:80]!r} cannot be the name of a file: use letters, digits, '.', '_', '-'"
        raise StorageError(errno.EINVAL, text) from error


def _make_folder(root: Path) -> None:
    try:
        make_folder(root)
    except StorageError as error:
        reason = os.strerror(error.errno or errno.EIO)
        text = f"run directory {root} cannot be made: {reason}; choose another --out"
        raise StorageError(error.errno, text) from error


def _refuse_content(root: Path, spec: str) -> None:
    held = sorted(path.name for path in root.iterdir() if not _is_leftover(path, spec.encode()))
    if held:
        resume = ", or give --resume" if "manifest.json" in held else ""
        text = f"run directory {root} already holds {', '.join(held[:3])}; choose another --out{resume}"
        raise StorageError(errno.EEXIST, text)


def _is_leftover(path: Path, spec: bytes) -> bool:
    """Whether it can come from a start that died before there was a manifest: nothing of that is evidence."""
    if path.is_dir():
        return not any(path.iterdir())
    if path.name == "spec.yaml":
        return bytes_of(path) == spec
    return path.name in ("run.lock", "spec.yaml.tmp", "manifest.json.tmp")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
