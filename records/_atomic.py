"""Replacing a file so that a crash leaves the old or the new one, never neither and never a half."""

import os
from pathlib import Path

from ._errors import StorageError


def replace_file(path: Path, content: bytes) -> None:
    """Write beside, sync, rename over, sync the folder. Only one writer at a time: the scratch name is fixed.

    Raises `StorageError`; the old file is then untouched.
    """
    scratch = scratch_of(path)
    try:
        with scratch.open("wb", buffering=0) as file:
            _write_all(file.fileno(), content)
            os.fsync(file.fileno())
        scratch.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(error.errno, f"write {path}: {error.strerror}") from error


def scratch_of(path: Path) -> Path:
    """Where the next content of a file is prepared; a leftover is harmless and is written over."""
    return path.with_name(f"{path.name}.tmp")


def _write_all(fd: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(fd, rest) :]


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
