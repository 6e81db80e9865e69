"""What stood at every path when it was last looked at, found by path and by inode, under one digest."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..records import FileState

Inode = tuple[int, int]
"""Device and number."""
Stamp = tuple[int, int, int, int]
_BUCKETS = 256
_NOTHING = hashlib.sha256(b"").digest()


@dataclass(slots=True)
class Known:
    """One path."""

    stamp: Stamp
    """Inode, change time, size and mode: while they stand still, the bytes were not written by any call."""
    device: int
    state: FileState
    line: bytes
    """Path and state, canonical, without what differs from one run to the next."""
    seen: int
    """Number of the pass that saw it last."""

    @property
    def inode(self) -> Inode:
        return self.device, self.stamp[0]


class Catalogue:
    """Every known path. The digest costs only what changed since it was last asked for."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._paths: dict[Inode, set[str]] = {}
        self._lines: list[dict[str, bytes]] = [{} for _ in range(_BUCKETS)]
        self._digests = [_NOTHING] * _BUCKETS
        self._stale: set[int] = set()

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def get(self, path: str) -> Known | None:
        """What is known of a path."""
        return self._known.get(path)

    def put(self, path: str, known: Known) -> None:
        """Take a new state of a path."""
        before = self._known.get(path)
        if before is not None and before.inode != known.inode:
            self._leave(path, before)
        self._known[path] = known
        self._paths.setdefault(known.inode, set()).add(path)
        if before is None or before.line != known.line:
            bucket = _bucket(path)
            self._lines[bucket][path] = known.line
            self._stale.add(bucket)

    def pop(self, path: str) -> Known | None:
        """Forget a path; what was known of it."""
        known = self._known.pop(path, None)
        if known is not None:
            self._leave(path, known)
            bucket = _bucket(path)
            del self._lines[bucket][path]
            self._stale.add(bucket)
        return known

    def _leave(self, path: str, known: Known) -> None:
        """The path is no longer one of its inode's."""
        paths = self._paths[known.inode]
        paths.discard(path)
        if not paths:
            del self._paths[known.inode]

    def paths_of(self, inodes: Iterable[Inode]) -> set[str]:
        """Every path by which one of these inodes is known."""
        return {path for inode in inodes for path in self._paths.get(inode, ())}

    def unseen(self, number: int, below: set[str] | None = None) -> list[str]:
        """Paths that a pass did not see; with ``below`` only those in one of these folders."""
        missing = (path for path, known in self._known.items() if known.seen != number)
        return list(missing) if below is None else [path for path in missing if not below.isdisjoint(_folders(path))]

    def items(self) -> list[tuple[str, FileState]]:
        """Every path with its state, sorted."""
        return [(path, known.state) for path, known in sorted(self._known.items())]

    def lines(self) -> list[bytes]:
        """Every path and state in one line each, sorted by path."""
        return [known.line for _, known in sorted(self._known.items())]

    def digest(self) -> str:
        """SHA-256 over all paths and states: of the digests of the buckets into which paths fall by their CRC-32."""
        for bucket in self._stale:
            lines = b"\n".join(line for _, line in sorted(self._lines[bucket].items()))
            self._digests[bucket] = hashlib.sha256(lines).digest()
        self._stale.clear()
        return hashlib.sha256(b"".join(self._digests)).hexdigest()


def _bucket(path: str) -> int:
    return zlib.crc32(path.encode()) % _BUCKETS


def _folders(path: str) -> Iterator[str]:
    """The path's folders, the nearest first.

    >>> list(_folders("/a/b/c"))
    ['/a/b', '/a']
    """
    while (path := path.rpartition("/")[0]) != "":
        yield path
