"""The manifest of a run: what was run, and the anchors that everything else in the directory is held against.

``root`` covers every other byte of the file. Noted elsewhere, it shows later that nothing at all was rewritten.
Each root ever noted stays provable while only newer verdict versions are added: verdicts come last in the hash,
version after version (`RunManifest.roots`).
"""

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from ._atomic import replace_file
from ._base import Model, Name, Sha256
from ._canonical import canonical_json, digest_of
from ._errors import ChainError, SchemaError, StorageError
from ._plain import MANIFEST_BYTES, read_plain
from ._planned import RunPlan
from ._record import complaint, refused_version
from ._text import JsonObject


def _inside(path: str) -> str:
    """A relative path that stays inside the run directory."""
    pure = PurePosixPath(path)
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or str(pure) != path:
        raise ValueError("is not a plain path inside the run directory")
    return path


Inside = Annotated[str, AfterValidator(_inside)]


class EpisodeState(StrEnum):
    """How an episode's ledger came to its end."""

    SEALED = "sealed"
    """Complete."""
    INVALIDATED = "invalidated"
    """The infrastructure failed and the harness wrote so."""
    CRASHED = "crashed"
    """The harness died; the ledger holds what was acknowledged."""


_LATER = ("profile", "isolation")
"""Fields that manifests of older versions lack."""


class EpisodeAnchor(Model):
    """What one ledger must be."""

    state: EpisodeState
    count: int = Field(ge=0)
    """Records in the ledger."""
    head: Sha256
    """Hash of the last line."""
    valid: bool
    """False where the whole attempt is missing data."""
    subject: str | None
    """This and the following are None where a crash left not even the first record."""
    scenario_hash: str | None
    seed: int | None
    attempt: int | None
    profile: str | None = None
    """Name of the container profile; None where no container was started."""
    isolation: str | None = None
    """Tooling, host and network label, of what held to the end."""

    @model_serializer(mode="wrap")
    def _as_ever(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without these two where they are not known: an older manifest keeps its root."""
        data: dict[str, Any] = dump(self)
        return {name: value for name, value in data.items() if name not in _LATER or value is not None}

    @property
    def sealed(self) -> bool:
        """Whether the ledger is complete: such an episode is never run again."""
        return self.state is EpisodeState.SEALED

    @property
    def end(self) -> tuple[int, str]:
        """Count and head, as `read_ledger` takes them."""
        return self.count, self.head


class VerdictSet(Model):
    """The verdict files of one version."""

    version: Name
    files: dict[Name, Sha256]
    """Episode → digest of its verdict file."""


_LATER_FACTS = ("supervisor", "loaded", "planned", "stop_when", "stopped")
"""Facts that manifests of older versions lack."""


class RunFacts(Model):
    """What is known of a run before its first episode."""

    run_id: Name
    versions: dict[str, str]
    """Of offswitch, Python, the kernel, the engine and the libraries that matter."""
    engine: JsonObject = Field(default_factory=dict)
    """Facts of the Docker Engine."""
    image: JsonObject = Field(default_factory=dict)
    """Reference, digest and package list of the base image."""
    seeds: tuple[int, ...] = ()
    tasks: dict[str, Sha256] = Field(default_factory=dict)
    """Task → hash of its content."""
    command: str
    """The exact command that repeats the run."""
    supervisor: Sha256 | None = None
    """Digest of the program that is the first process of every container; None in an older manifest."""
    loaded: JsonObject | None = None
    """Code that could take part, by kind and id: its module, the distribution that brought it, and a digest; None in
    an older manifest."""
    planned: RunPlan | None = None
    """Every episode that the run set out to do; None in an older manifest, and for branches."""
    stop_when: JsonObject | None = None
    """The sequential rule by which the run may end before all of that; None where there is none."""

    @model_serializer(mode="wrap")
    def _as_ever(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the later ones where they are not known: an older manifest keeps its root."""
        data: dict[str, Any] = dump(self)
        return {name: value for name, value in data.items() if name not in _LATER_FACTS or value is not None}


class RunManifest(RunFacts):
    """`RunFacts` and the anchors."""

    schema_version: Literal[1] = 1
    created: str
    """Host wall clock, ISO 8601 in UTC."""
    episodes: dict[Name, EpisodeAnchor] = Field(default_factory=dict)
    files: dict[Inside, Sha256] = Field(default_factory=dict)
    """Digests of further files by their path in the run directory, ``spec.yaml`` among them."""
    verdicts: tuple[VerdictSet, ...] = ()
    """Versions in the order in which they were judged."""
    stopped: str | None = None
    """What the sequential rule had shown when it ended the run early; None where it did not."""
    root: str = ""
    """The last of `roots`."""

    @classmethod
    def of(cls, facts: RunFacts) -> Self:
        """The manifest of a run that starts now."""
        created = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(**facts.model_dump(), created=created).sealed()

    def sealed(self) -> Self:
        """The same with its root."""
        return self.model_copy(update={"root": self.roots()[-1]})

    def roots(self) -> tuple[str, ...]:
        """The root before any verdict file, then the root after each version of verdicts."""
        measured = self.model_dump(mode="json", exclude={"root", "verdicts"})
        roots = [digest_of(measured)]
        for judged in self.verdicts:
            roots.append(digest_of([roots[-1], judged.model_dump(mode="json")]))
        return tuple(roots)

    def render(self) -> bytes:
        """The content of ``manifest.json``: canonical, with one line for each field and each anchor."""
        data = self.model_dump(mode="json")
        return b"{\n" + b",\n".join(_field(name, data[name]) for name in sorted(data)) + b"\n}\n"


def _field(name: str, value: Any) -> bytes:
    if name not in ("episodes", "files", "loaded", "tasks") or not value:
        return canonical_json(name) + b":" + canonical_json(value)
    lines = (canonical_json(key) + b":" + canonical_json(value[key]) for key in sorted(value))
    return canonical_json(name) + b":{\n" + b",\n".join(lines) + b"\n}"


def save_manifest(path: Path, manifest: RunManifest) -> RunManifest:
    """Write the manifest with its root, so that a crash leaves the old or the new one; return what was written."""
    sealed = manifest.sealed()
    replace_file(path, sealed.render())
    return sealed


def load_manifest(path: Path) -> RunManifest:
    """Read a manifest.

    Raises `StorageError` where there is none, `SchemaError` for a newer or unknown format, and `ChainError` where
    it is broken or was changed.
    """
    manifest, content = read_manifest(path)
    faults = faults_of(manifest, content)
    if faults:
        raise ChainError(f"{path}: {faults[0]}; `offswitch verify {path.parent}` shows what still holds")
    return manifest


def read_manifest(path: Path) -> tuple[RunManifest, bytes]:
    """The manifest and its bytes, unchecked. Raises as `load_manifest` does where they cannot be parsed."""
    try:
        content = read_plain(path, MANIFEST_BYTES)
    except OSError as error:
        text = f"{path}: {error.strerror}; a run directory is what `offswitch run --out` wrote"
        raise StorageError(error.errno, text) from error
    return _parsed(content, path), content


def faults_of(manifest: RunManifest, content: bytes) -> list[str]:
    """What is wrong with a manifest by itself, in words."""
    faults: list[str] = []
    if manifest.root != manifest.roots()[-1]:
        faults.append("the root does not match the content: the manifest was changed after it was written")
    elif manifest.render() != content:
        faults.append("the bytes are not those that offswitch wrote")
    return faults


def _parsed(content: bytes, path: Path) -> RunManifest:
    advice = f"; `offswitch verify {path.parent}` shows what still holds"
    try:
        data: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ChainError(f"{path}: is broken ({str(error)[:100]}){advice}") from error
    version = cast("dict[str, object]", data).get("schema_version", "missing") if isinstance(data, dict) else None
    stated = refused_version(version)
    if stated is not None:
        raise SchemaError(f"{path}: {stated}; use the offswitch that wrote it")
    try:
        return RunManifest.model_validate_json(content, strict=True)
    except ValidationError as error:
        raise SchemaError(f"{path}: {complaint(error)}{advice}") from error
