"""The content of every writable place, read through the sidecar.

The same comparison as from the host, over what the sidecar lists and digests through descriptors of the mounts. It
hears no writes (that needs CAP_SYS_ADMIN over the host). A store through a shared mapping moves no change time: of a
process that still has the mapping it is looked for, of one that came and went between two passes it shows only where
the last pass, which reads every byte, still finds it.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ..records import FileState
from ._aside import Aside, Ask, container_pid
from ._below import name_bytes, name_text
from ._errors import StartFailed
from ._files import RACY_NS, FileWatch, Pass, Round
from ._mappings import shared_stores
from ._mounts import Mount
from ._states import KINDS
from ._wire import Reader, text, u32, u64

_BATCH = 2000
_PIECE = 8 << 20


@dataclass(frozen=True)
class Listed:
    """The status of one path, as the container counts owners."""

    raw: bytes
    """Below its root, beginning with a slash; empty for the root itself."""
    st_mode: int
    st_uid: int
    st_gid: int
    st_nlink: int
    st_size: int
    st_ino: int
    st_dev: int
    st_ctime_ns: int
    target: bytes

    @property
    def stamp(self) -> tuple[int, int, int, int]:
        """What tells that it changed."""
        return (self.st_ino, self.st_ctime_ns, self.st_size, self.st_mode)


class AsideFiles(FileWatch):
    """Knows what stood at every path at the last pass."""

    def __init__(self, aside: Aside, mounted: Iterable[Mount], inside: Callable[[int], int] = container_pid) -> None:
        """``mounted``: what is mounted in the container; ``inside``: the number of a process as it counts.

        Raises `StartFailed`.
        """
        super().__init__({})
        self._aside = aside
        self._inside = inside
        self._places = _opened(aside, mounted)
        self._covered = set(self._places)

    def scan(self, processes: Iterable[int] = (), *, whole: bool = False) -> Pass:
        self._passes += 1
        mapped = self._mapped(processes)
        this = Round(self._passes, 0 if whole else self._last_ns - RACY_NS, None)
        self._last_ns = time.time_ns()
        found = [entry for root in self._places for entry in self._listed(this, root)]
        stale = [
            (path, root, entry)
            for path, root, entry in found
            if self._is_stale(this, path, entry.stamp, may_differ=_is_racy(this, entry, mapped))
        ]
        digests = self._digests([(root, entry) for _, root, entry in stale if stat.S_ISREG(entry.st_mode)])
        for path, root, entry in stale:
            digest = digests.get((root, entry.raw))
            this.complete &= digest is not None or not stat.S_ISREG(entry.st_mode)
            self._note(this, path, entry.stamp, entry.st_dev, _state(entry, digest), was_touched=True)
        self._forget(this, self._known.unseen(this.number))
        return self._finished(this)

    def _mapped(self, processes: Iterable[int]) -> set[tuple[int, int]]:
        """Files into which somebody who lives now can store without a trace: they are read again."""
        maps: list[tuple[str, str]] = []
        for pid in processes:
            with suppress(OSError, StopIteration):  # it has ended, and its mappings with it
                maps.append(("r", f"/proc/{self._inside(pid)}/maps"))
        found = self._aside.peek(maps) if maps else []
        return {file for one in found if not one.error for file in shared_stores(one.data)}

    def _listed(self, this: Round, root: str) -> Iterator[tuple[str, str, Listed]]:
        answer = self._aside.call(Ask.WALK, u32(self._places[root]))
        this.complete &= bool(answer.u8())
        device = None
        while answer.left:
            entry = _entry(answer)
            device = entry.st_dev if device is None else device
            path = root + _path_text(entry.raw)
            if entry.raw and self._is_covered(path, entry.st_dev != device):
                continue
            yield path, root, entry

    def _digests(self, wanted: list[tuple[str, Listed]]) -> dict[tuple[str, bytes], str | None]:
        found: dict[tuple[str, bytes], str | None] = {}
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            payload = b"".join(u32(self._places[root]) + text(entry.raw) for root, entry in batch)
            answer = self._aside.call(Ask.DIGEST, u32(len(batch)) + payload, 120.0)
            for root, entry in batch:
                error, digest = answer.u32(), answer.raw(32)
                found[root, entry.raw] = None if error else digest.hex()
        return found

    def read(self, path: str, most: int = 64 << 20) -> bytes | None:
        place = self._place(path)
        if place is None:
            return None
        root, raw = place
        parts: list[bytes] = []
        at = 0
        while at < most:
            payload = u32(root) + text(raw) + u64(at) + u32(min(_PIECE, most - at))
            answer = self._aside.call(Ask.READ, payload)
            if answer.u32():
                return None
            block = answer.rest()
            if not block:
                break
            parts.append(block)
            at += len(block)
        return b"".join(parts)

    def open(self, path: str, flags: int = os.O_RDONLY) -> int | None:
        """Descriptors do not cross from the sidecar: a `NotImplementedError`."""
        raise NotImplementedError(f"{path} can be read, and not opened ({flags})")

    def _place(self, path: str) -> tuple[int, bytes] | None:
        for root, number in sorted(self._places.items(), key=lambda item: -len(item[0])):
            if path == root or path.startswith(root + "/"):
                parts = path[len(root) :].split("/")
                return None if ".." in parts else (number, b"/".join(name_bytes(part) for part in parts))
        return None


def _opened(aside: Aside, mounted: Iterable[Mount]) -> dict[str, int]:
    """Every mount whose content a process can make → its number at the sidecar."""
    shown = {one.where: one for one in mounted}
    wanted = [path for path, one in shown.items() if one.is_writable and not _is_kernels(one.kind)]
    answer = aside.call(Ask.ROOTS, u32(len(wanted)) + b"".join(text(path) for path in wanted))
    errors = {path: answer.u32() for path in wanted}
    failed = {path: number for path, number in errors.items() if number not in (0, _NO_DIRECTORY)}
    for path, number in failed.items():
        raise StartFailed("opening the writable places", path, os.strerror(number))
    return {path: number for number, path in enumerate(wanted) if not errors[path]}


_NO_DIRECTORY = 20
"""A single file that can be written: the attestation refuses it."""


def _is_kernels(kind: str) -> bool:
    return kind in {"proc", "sysfs", "cgroup", "cgroup2", "devpts"}


def _is_racy(this: Round, entry: Listed, mapped: set[tuple[int, int]]) -> bool:
    return entry.st_ctime_ns >= this.racy_after or (entry.st_dev, entry.st_ino) in mapped


def _entry(answer: Reader) -> Listed:
    raw = answer.raw(answer.u32())
    mode, uid, gid, links = answer.u32(), answer.u32(), answer.u32(), answer.u32()
    size, inode, device, changed = answer.u64(), answer.u64(), answer.u64(), answer.u64()
    return Listed(raw, mode, uid, gid, links, size, inode, device, changed, answer.raw(answer.u32()))


def _path_text(raw: bytes) -> str:
    return "/".join(name_text(os.fsdecode(part)) for part in raw.split(b"/"))


def _state(entry: Listed, digest: str | None) -> FileState:
    kind = KINDS[stat.S_IFMT(entry.st_mode)]
    return FileState(
        kind=kind,
        mode=stat.S_IMODE(entry.st_mode),
        uid=entry.st_uid,
        gid=entry.st_gid,
        size=0 if kind == "dir" else entry.st_size,
        sha256=digest,
        target=name_text(os.fsdecode(entry.target)) if kind == "link" else None,
        nlink=entry.st_nlink,
        inode=entry.st_ino,
    )
