"""The container's control group on another machine: as the container's own mounts show it to the sidecar."""

import errno
import os
from pathlib import Path

from ._cgroup import Cgroup
from ._errors import SandboxError
from ._mounts import Mount
from ._peeked import Peeker, listed

_ROOT = "/proc/1/root"
_KINDS = ("cgroup", "cgroup2")


class DistantCgroup(Cgroup):
    """Reads limits and counters; to freeze and to kill by it needs rights on that machine."""

    def __init__(self, peeker: Peeker, mounted: list[Mount], table: str) -> None:
        """``mounted`` are the container's mounts, ``table`` what the kernel says of its first process's groups."""
        self._peeker = peeker
        self._files = {}
        own: dict[str, str] = {}
        for line in table.splitlines():
            _, controllers, path = line.split(":", 2)
            own.update(dict.fromkeys(controllers.split(",") if controllers else ["unified"], path))
        self.names = tuple(dict.fromkeys(own.values()))
        shown = [one for one in mounted if one.kind in _KINDS and one.root in self.names and one.root != "/"]
        self._paths = {name: Path(_ROOT + one.where) for one in shown for name in _controllers(one)}

    @property
    def paths(self) -> dict[str, Path]:
        """None that this machine has."""
        return {}

    def pids(self) -> list[int]:
        """Everybody in the process namespace but the sidecar, as the container counts. Raises `SandboxError`."""
        listing, itself = self._peeker.peek([("d", "/proc/"), ("l", "/proc/self")])
        return sorted(pid for pid in listed(listing) if pid != int(itself.data or b"0"))

    def kill(self) -> bool:
        return False

    def freeze(self, deadline_s: float = 0.5) -> bool:
        del deadline_s
        return False

    def thaw(self) -> None:
        """Nobody froze it."""

    def _text(self, path: str) -> bytes:
        try:
            (found,) = self._peeker.peek([("r", path)])
        except SandboxError as error:  # nobody looks there any more: as little is known as of a group that is gone
            raise OSError(errno.EIO, str(error.cause), path) from error
        if found.error:
            raise OSError(found.error, os.strerror(found.error), path)
        return found.data

    def _number(self, path: str) -> int | None:
        return None if path.startswith("/nonexistent") else super()._number(path)


def _controllers(mount: Mount) -> list[str]:
    """What a mount of control groups is for."""
    if mount.kind == "cgroup2":
        return ["unified"]
    return [name for name, value in mount.system if not value and name not in ("rw", "ro")]
