"""A file on the host that nobody has a reason to open: who does has come out of a container.

It lies beside what a run keeps on this machine, is root's (or ours) alone and holds a random token. The kernel tells of
every opening (inotify), by whatever name or link it came about.
"""

import ctypes
import os
import secrets
import select
import struct
import threading
import time
from pathlib import Path
from typing import Self

_CLOEXEC, _OPEN, _MODIFY, _MOVED, _DELETED = 0o2000000, 0x20, 0x2, 0x800, 0x400
_EVENT = struct.Struct("iIII")
_READ_BYTES = 4096
_LOOK_MS = 100


class Canary:
    """Watches one file of its own. A context manager; safe with threads."""

    def __init__(self, folder: Path) -> None:
        """Put the file into an existing folder and watch it. Raises `OSError` where the kernel gives no watch."""
        self.path = folder / "credentials.json"
        self.token = secrets.token_hex(16)
        self.path.touch(mode=0o600)
        self.path.write_text(f'{{"token": "{self.token}"}}\n')
        self.path.chmod(0o400)
        self._seen: list[int] = []
        self._closed = threading.Event()
        self._descriptor = _watching(self.path)
        self._thread = threading.Thread(target=self._listen, name="offswitch-canary", daemon=True)
        self._thread.start()

    @property
    def alarms(self) -> tuple[int, ...]:
        """Moments of the host's monotonic clock, in nanoseconds, at which somebody opened, changed or moved it."""
        return tuple(self._seen)

    def close(self) -> None:
        """Stop watching; closing twice is fine. The file goes with its folder."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._thread.join()
        os.close(self._descriptor)

    def _listen(self) -> None:
        ready = select.poll()
        ready.register(self._descriptor, select.POLLIN)
        while not self._closed.is_set():
            if ready.poll(_LOOK_MS):
                self._seen += [time.monotonic_ns()] * _count(os.read(self._descriptor, _READ_BYTES))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _watching(path: Path) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    if libc.inotify_add_watch(descriptor, os.fsencode(path), _OPEN | _MODIFY | _MOVED | _DELETED) < 0:
        os.close(descriptor)
        raise OSError(ctypes.get_errno(), f"inotify_add_watch {path}")
    return descriptor


def _count(data: bytes) -> int:
    """How many events stand in what the kernel gave."""
    at = found = 0
    while at < len(data):
        *_, length = _EVENT.unpack_from(data, at)
        at += _EVENT.size + length
        found += 1
    return found
