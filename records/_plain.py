"""Reading and replacing files of a folder that somebody else may have made.

Only regular files, through no link, without waiting for anybody, and never more than was asked for: a run directory
that was handed over may hold links out of it, pipes, devices and sparse terabytes.
"""

import errno
import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path

MANIFEST_BYTES = 256 << 20
ARTIFACT_BYTES = 4 << 30
"""The largest artifact that is stored, and the largest file whose digest is taken."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_plain(path: Path) -> BufferedReader:
    """A regular file, to be read. Raises `OSError`, also for a link and for anything else that is no file."""
    try:
        fd = os.open(path, _READ)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _no_file(path) from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _no_file(path)
    return os.fdopen(fd, "rb")


def read_plain(path: Path, most: int) -> bytes:
    """The content of a regular file. Raises `OSError` as `open_plain` does, and where it is larger than ``most``."""
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(size + 1) if size <= most else b""
    if max(size, len(content)) > most:
        raise _too_large(path, most)
    return content


def digest_plain(path: Path, most: int = ARTIFACT_BYTES) -> str:
    """SHA-256 of a regular file. Raises `OSError` as `read_plain` does."""
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise _too_large(path, most)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is not a regular file", str(path))


def _too_large(path: Path, most: int) -> OSError:
    return OSError(errno.EFBIG, f"it is larger than {most} bytes", str(path))
