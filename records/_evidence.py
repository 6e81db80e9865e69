"""Artifacts by content: what is too large for a ledger line."""

import errno
import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

from ._atomic import sync_folder
from ._base import ARTIFACT_MARK, Model
from ._canonical import canonical_json
from ._errors import ChainError, StorageError
from ._plain import ARTIFACT_BYTES, digest_plain, read_plain

_DIGEST = re.compile(r"[0-9a-f]{64}")


class EvidenceStore:
    """Files named by the SHA-256 of their content, written once and never changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Store bytes, on the disk, and return their SHA-256; storing the same twice keeps one file."""
        if len(content) > ARTIFACT_BYTES:
            raise StorageError(errno.EFBIG, f"an artifact of {len(content)} bytes, of which none would be read again")
        digest = hashlib.sha256(content).hexdigest()
        target = self.folder / digest
        if target.exists():
            return digest
        scratch = self.folder / f".{digest}.{uuid.uuid4().hex}"
        try:
            with scratch.open("xb") as file:
                file.write(content)
                file.flush()
                os.fdatasync(file.fileno())
            scratch.rename(target)
            sync_folder(self.folder)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            raise StorageError(error.errno, f"artifact {target}: {error.strerror}") from error
        return digest

    def put_json(self, value: Any) -> str:
        """Store JSON data in its canonical form."""
        return self.put(canonical_json(value))

    def get(self, digest: str) -> bytes:
        """The bytes of an artifact. Raises `ChainError` where they do not have that digest."""
        try:
            content = read_plain(self._path(digest), ARTIFACT_BYTES)
        except OSError as error:
            raise StorageError(error.errno, f"artifact {digest}: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise ChainError(f"artifact {digest}: content does not have this digest")
        return content

    def has(self, digest: str) -> bool:
        """Whether an artifact of that name is there; says nothing about its content."""
        path = self._path(digest)
        return path.is_file() and not path.is_symlink()

    def check(self, digest: str) -> str | None:
        """What is wrong with an artifact, in words; None where its content has this digest."""
        try:
            return self._fault(self._path(digest), digest)
        except OSError as error:
            return "is not a regular file" if error.errno == errno.EINVAL else f"cannot be read: {error.strerror}"

    def names(self) -> Iterator[str]:
        """Every name in the folder, sorted; also of files that are no artifacts."""
        return iter(sorted(path.name for path in self.folder.iterdir()))

    def _path(self, digest: str) -> Path:
        if not is_digest(digest):
            raise ChainError(f"{digest[:80]!r} is not the SHA-256 of an artifact")
        return self.folder / digest

    @staticmethod
    def _fault(path: Path, digest: str) -> str | None:
        found = digest_plain(path)
        return None if found == digest else f"content has digest {found}"


def is_digest(name: str) -> bool:
    """Whether a name is a SHA-256 in lower-case hexadecimal."""
    return _DIGEST.fullmatch(name) is not None


def artifacts_of(event: Model) -> tuple[str, ...]:
    """Digests of all artifacts that an event references: what stands in its fields of type `Artifact`."""
    return tuple(_marked(event))


def _marked(model: Model) -> Iterator[str]:
    for name in _fields_with_mark(type(model)):
        yield from _digests(getattr(model, name))


def _digests(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Model):
        yield from _marked(value)
    elif isinstance(value, dict | tuple):
        items = cast("Iterable[object]", value.values() if isinstance(value, dict) else value)
        for item in items:
            yield from _digests(item)


@cache
def _fields_with_mark(model: type[Model]) -> tuple[str, ...]:
    """Fields whose type mentions `Artifact`, directly or in a nested model."""
    return tuple(
        name
        for name, field in model.model_fields.items()
        if ARTIFACT_MARK in field.metadata or _mentions(field.annotation)
    )


def _mentions(annotation: object) -> bool:
    if annotation is ARTIFACT_MARK:
        return True
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return bool(_fields_with_mark(annotation))
    return any(_mentions(part) for part in get_args(annotation))
