"""Where binaries, logs and locks of this machine lie, and the checks that make that place trustworthy."""

import fcntl
import os
import stat
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from ._errors import CacheUnsafe, SetupBusy

_POLL_S = 0.1


def cache_dir(base: Path | None = None) -> Path:
    """The cache directory, created where it is missing.

    ``/var/lib/offswitch`` for root, else ``$XDG_CACHE_HOME/offswitch``; `base` replaces both. Raises `CacheUnsafe`
    where somebody other than this user or root could change what lies there.
    """
    path = (base or _default()).absolute()
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = path.resolve()
    for place in (path, *path.parents):
        _check_owner(place, inside=path)
    return path


def _default() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/offswitch")
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "offswitch"


def _check_owner(place: Path, *, inside: Path) -> None:
    """Above the cache itself a directory like /tmp will do: what is in it can be replaced only by its owner."""
    status = place.stat()
    if status.st_uid not in (0, os.geteuid()):
        raise CacheUnsafe(
            "checking the cache", str(place), f"it belongs to uid {status.st_uid}", remedy=f"chown root {place}"
        )
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if shared and (place == inside or not status.st_mode & stat.S_ISVTX):
        raise CacheUnsafe("checking the cache", str(place), "others may write there", remedy=f"chmod go-w {place}")


@contextmanager
def locked(path: Path, *, timeout_s: float, on_wait: Callable[[], None] | None = None) -> Generator[None]:
    """Hold the lock file `path` alone among all processes; the kernel frees it if we die.

    `on_wait` is called once if another process holds it. Raises `SetupBusy` after `timeout_s`.
    """
    with path.open("a") as file:
        _wait_for(file.fileno(), path, time.monotonic() + timeout_s, on_wait)
        yield


def _wait_for(descriptor: int, path: Path, deadline: float, on_wait: Callable[[], None] | None) -> None:
    waited = False
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            raise SetupBusy("waiting for another setup", str(path), "it still holds the lock", remedy=f"lsof {path}")
        if not waited and on_wait:
            on_wait()
        waited = True
        time.sleep(_POLL_S)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
