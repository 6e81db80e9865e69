"""User and group ids as the container counts: an engine with user namespaces shows the host other numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

UNMAPPED = 65534
"""What the kernel shows for an id that has no place in a namespace."""
_Range = tuple[int, int, int]
"""First id inside, first id outside, how many."""


@dataclass(frozen=True)
class IdMap:
    """One of the two maps of a user namespace."""

    ranges: tuple[_Range, ...]

    @classmethod
    def read(cls, path: Path) -> "IdMap":
        """The kernel's table. Raises `OSError` where the process is gone."""
        return cls.told(path.read_text())

    @classmethod
    def told(cls, table: str) -> "IdMap":
        """The kernel's table, from its text."""
        rows = [tuple(int(number) for number in line.split()) for line in table.splitlines()]
        return cls(tuple((first, outside, count) for first, outside, count in rows))

    def inside(self, outside: int) -> int:
        """The id in the container of an id on the host; `UNMAPPED` for one that the container does not know.

        >>> IdMap(((0, 100000, 65536),)).inside(101000)
        1000
        """
        for first, start, count in self.ranges:
            if start <= outside < start + count:
                return first + outside - start
        return UNMAPPED

    def text(self, outside: Iterable[str]) -> str:
        """Several ids in the kernel's notation, as the container counts them."""
        return " ".join(str(self.inside(int(number))) for number in outside)


_ALL = IdMap(((0, 0, 1 << 32),))


@dataclass(frozen=True)
class Ids:
    """Both maps of one container."""

    users: IdMap = _ALL
    groups: IdMap = _ALL

    @classmethod
    def told(cls, users: str, groups: str) -> "Ids":
        """The maps, from the text of both of the kernel's tables."""
        return cls(IdMap.told(users), IdMap.told(groups))

    @classmethod
    def of(cls, pid: int) -> "Ids":
        """The maps of the namespace that a process (host number) lives in. Raises `OSError`."""
        return cls(IdMap.read(Path(f"/proc/{pid}/uid_map")), IdMap.read(Path(f"/proc/{pid}/gid_map")))


SAME = Ids()
"""The container counts as the host does."""
