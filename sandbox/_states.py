"""The state of one path, read through its parent's descriptor: what stands there, and a digest of its bytes."""

import errno
import hashlib
import os
import stat
from typing import Literal

from ..records import FileState, path_text
from ._ids import SAME, Ids

WHOLE_BYTES = 8 << 20
"""Larger files are digested by their data extents, so that a sparse terabyte costs nothing."""
DATA_BYTES = 512 << 20
"""More data than this in one file is left unread and counted as a loss."""
GONE = (errno.ENOENT, errno.ESTALE)
"""What was listed a moment ago is no longer there: no loss, it is gone."""

Kind = Literal["file", "dir", "link", "fifo", "socket", "char", "block"]
KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}
_REGULAR = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOATIME


def state_at(parent: int, name: str, status: os.stat_result, ids: Ids = SAME) -> tuple[FileState, bool]:
    """The state of a path, and whether all of it could be read; what is gone meanwhile is no loss.

    ``ids`` turns the host's numbers of owners into the container's.
    """
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    digest, complete = _digest_file(parent, name) if kind == "file" else (None, True)
    state = FileState(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=ids.users.inside(status.st_uid),
        gid=ids.groups.inside(status.st_gid),
        size=0 if kind == "dir" else status.st_size,
        sha256=digest,
        target=_link_target(parent, name) if kind == "link" else None,
        nlink=status.st_nlink,
        inode=status.st_ino,
    )
    return state, complete


def read_all(fd: int, most: int) -> bytes:
    """The bytes of an open file, at most ``most``."""
    return _read(fd, os.fstat(fd).st_size, most)


def _read(fd: int, told: int, most: int) -> bytes:
    """By one call where the file is as long as it says."""
    block = os.pread(fd, min(told + 1, most), 0)
    if len(block) == told:
        return block
    parts = [block]
    at = len(block)
    while block and at < most and (block := os.pread(fd, min(1 << 20, most - at), at)):
        parts.append(block)
        at += len(block)
    return b"".join(parts)


def _digest_file(parent: int, name: str) -> tuple[str | None, bool]:
    try:
        fd = os.open(name, _REGULAR, dir_fd=parent)
    except OSError as error:
        return None, error.errno in GONE
    try:
        digest = _digest_descriptor(fd)
    except OSError:  # a pipe or a directory took its place a moment ago
        digest = None
    finally:
        os.close(fd)
    return digest, digest is not None


def _digest_descriptor(fd: int) -> str | None:
    size = os.fstat(fd).st_size
    if size <= WHOLE_BYTES:
        return hashlib.sha256(_read(fd, size, WHOLE_BYTES)).hexdigest()
    digest = hashlib.sha256(f"extents of {size} bytes".encode())
    at = read = 0
    while read < DATA_BYTES:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return digest.hexdigest()
        block = os.pread(fd, 1 << 20, at)
        digest.update(at.to_bytes(8, "little") + block)
        at += len(block)
        read += len(block)
        if not block or at >= size:
            return digest.hexdigest()
    return None


def _link_target(parent: int, name: str) -> str | None:
    try:
        return path_text(os.fsencode(os.readlink(name, dir_fd=parent)))
    except OSError:
        return None
