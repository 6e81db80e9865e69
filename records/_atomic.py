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
        fd = _scratch(scratch)
        try:
            _write_all(fd, content)
            os.fsync(fd)
        finally:
            os.close(fd)
        scratch.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(error.errno, f"write {path}: {error.strerror}") from error


def _scratch(path: Path) -> int:
    """A new file. A leftover is removed and not written through: it may be a link, or have a name elsewhere."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o644)
    except FileExistsError:
        path.unlink()
        return os.open(path, flags, 0o644)


def scratch_of(path: Path) -> Path:
    """Where the next content of a file is prepared; a leftover is harmless and is replaced."""
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


def sync_file(path: Path) -> None:
    """Put a file that somebody else wrote on the disk, with its name. Raises `StorageError`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(error.errno, f"write {path}: {error.strerror}") from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, and put their names on the disk; an existing one is kept.

    Raises `StorageError`.
    """
    try:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for one in missing:
            sync_folder(one.parent)
    except OSError as error:
        raise StorageError(error.errno, f"make folder {folder}: {error.strerror}") from error


def close_file(fd: int, what: str) -> None:
    """Close a descriptor, which is gone then in any case. Raises `StorageError` where the disk complains even now."""
    try:
        os.close(fd)
    except OSError as error:
        raise StorageError(error.errno, f"{what}: {error.strerror}") from error
