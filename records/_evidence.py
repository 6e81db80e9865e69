"""Artifacts by content: what is too large for a ledger line."""

import hashlib
import os
import uuid
from pathlib import Path
from typing import Any

from ._canonical import canonical_json
from ._errors import ChainError, StorageError


class EvidenceStore:
    """Files named by the SHA-256 of their content, written once and never changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Store bytes and return their SHA-256; storing the same twice keeps one file."""
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
            content = (self.folder / digest).read_bytes()
        except OSError as error:
            raise StorageError(error.errno, f"artifact {digest}: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise ChainError(f"artifact {digest}: content does not have this digest")
        return content
