"""One writer a run directory."""

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

from ._atomic import close_file
from ._errors import StorageError

_TAKEN = (errno.EWOULDBLOCK, errno.EACCES)
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Through no link: what it leads to would be written to."""


class RunLock:
    """Holds ``run.lock`` from its creation until `release`, or until this process dies."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises `StorageError` where another holds it, or where locks do not work here."""
        self._path = path
        self._fd = self._opened()
        try:
            self._refuse_another_file()
            self._take()
            self._prove()
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            self.release()
            if isinstance(error, StorageError):
                raise
            raise StorageError(error.errno, f"lock {path}: {error.strerror}") from error

    def _opened(self) -> int:
        try:
            return os.open(self._path, _FLAGS | os.O_CREAT, 0o644)
        except OSError as error:
            text = f"run directory {self._path.parent} cannot be written: {error.strerror}"
            raise StorageError(error.errno, text) from error

    def _refuse_another_file(self) -> None:
        """It is written to: a file that has a second name may be anybody's."""
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise StorageError(errno.EINVAL, f"{self._path} is no file of its own; remove it, it holds nothing")

    def _take(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise self._without_locks(str(error)) from error
            text = f"run directory {self._path.parent} is in use{self._holder()}; wait for it or choose another --out"
            raise StorageError(error.errno, text) from error

    def _prove(self) -> None:
        """Some network file systems grant every lock: a second one must be refused."""
        second = os.open(self._path, _FLAGS)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise self._without_locks(str(error)) from error
        else:
            raise self._without_locks("a lock was granted twice")
        finally:
            os.close(second)

    def _without_locks(self, cause: str) -> StorageError:
        text = f"the file system of {self._path.parent} has no working locks ({cause}); put the run on a local disk"
        return StorageError(errno.ENOLCK, text)

    def _holder(self) -> str:
        with suppress(OSError, ValueError):
            return f" by process {int(os.pread(self._fd, 32, 0))}"
        return ""

    def release(self) -> None:
        """Give the lock back; the file stays. Twice is fine. Raises `StorageError` where the disk complains."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            close_file(fd, f"lock {self._path}")
