"""The content of every writable place, by the engine's archive API: where nobody of us can reach the files otherwise.

What it says is the engine's word (G1). The places are read off a shelf (`Shelf`), a container of ours that has them
mounted too, so that no hostile folder can lock the agent's. Every pass reads every byte, member by member in memory,
and unpacks nothing; a place that could not be read to its end is a loss by its name, and nothing that was known of it
counts as gone. *Not in an archive:* sockets, what is unlinked and still open, and whatever was done and undone between
two passes.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from ..records import FileState
from ._archive import Bounds, Cut
from ._below import name_bytes, name_text
from ._files import MAX_DEPTH, FileWatch, Pass, Round
from ._states import DATA_BYTES, WHOLE_BYTES
from ._tar import BadTar, Member, TarReader

_BLOCK = 1 << 20
_PAGE = 4096
_ZEROS = bytes(_PAGE)
_TRIES = 2
"""A file that shrinks while it is read spoils an archive; one that is spoiled again is lost."""
_LINK_MODE = 0o777


class Stream(Protocol):
    """An archive under way."""

    def read(self, size: int) -> bytes:
        """Exactly so many bytes. Raises `Cut`."""
        ...


class Kept(Protocol):
    """Where the places are read from."""

    @property
    def top(self) -> str:
        """Folder below which each place stands under its own path."""
        ...

    @property
    def places(self) -> Sequence[str]:
        """Paths of the places."""
        ...

    def open(self, path: str, bounds: Bounds) -> AbstractContextManager[Stream]:
        """The archive of a path. Raises `Cut`."""
        ...

    def fault(self) -> str:
        """Why what is read now is not what the agent has; "" where it is."""
        ...


class ArchiveFiles(FileWatch):
    """Knows what stood at every path at the last pass."""

    def __init__(self, kept: Kept, bounds: Bounds | None = None) -> None:
        super().__init__({})
        self._kept = kept
        self._bounds = bounds or Bounds()
        self._apart = False
        """A place has spoiled the archive of all of them: each is read for itself from then on."""

    def scan(self, processes: Iterable[int] = (), *, whole: bool = False) -> Pass:
        del processes, whole  # every pass reads every byte
        self._passes += 1
        this = Round(self._passes, 0, None)
        lost = self._look_at_all(this)
        this.complete = not lost
        unseen = self._known.unseen(this.number)
        self._forget(this, [path for path in unseen if self._place_of(path) not in lost])
        found = self._finished(this)
        return Pass(
            found.changes,
            found.touched,
            found.digest,
            found.complete,
            found.entries,
            unread=tuple(f"{place}: {why}" for place, why in sorted(lost.items())),
        )

    def _look_at_all(self, this: Round) -> dict[str, str]:
        """What could not be read to its end: place → why."""
        gone = self._kept.fault()
        if not gone and not self._apart:
            why = self._look_at(this, self._kept.top, self._bounds)
            self._apart = bool(why)
        lost: dict[str, str] = {}
        for place in self._kept.places if self._apart and not gone else ():
            if why := self._tried(this, place):
                lost[place] = why
        gone = gone or self._kept.fault()
        return dict.fromkeys(self._kept.places, gone) if gone else lost

    def _tried(self, this: Round, place: str) -> str:
        bounds = self._bounds.share(_TRIES * len(self._kept.places))
        why = "it was not tried"
        for _ in range(_TRIES):
            if not (why := self._look_at(this, self._kept.top + place, bounds)):
                break
        return why

    def _look_at(self, this: Round, path: str, bounds: Bounds) -> str:
        """Why a pass over one archive did not come to its end; "" where it did."""
        found = _Found(self._kept, path, bounds, lambda where, member, state: self._put(this, where, member, state))
        try:
            with self._kept.open(path, bounds) as stream:
                found.take(TarReader(stream.read))
        except (Cut, BadTar) as error:
            return str(error)
        missing = [place for place in self._kept.places if _is_below(self._kept.top + place, path)]
        absent = [place for place in missing if place not in found.seen]
        return f"{absent[0]} is not in the archive" if absent else ""

    def _put(self, this: Round, path: str, member: Member, state: FileState) -> None:
        stamp = (0, member.mtime_ns, state.size, state.mode)
        known = self._known.get(path)
        if known is not None and known.seen == this.number and known.state == state:
            return  # seen in an archive that was spoiled later
        self._note(this, path, stamp, 0, state, was_touched=True)

    def _place_of(self, path: str) -> str:
        return max((place for place in self._kept.places if _is_below(path, place)), key=len, default="")

    def read(self, path: str, most: int = 64 << 20) -> bytes | None:
        place = self._place_of(path)
        if not place or ".." in path.split("/") or self._kept.fault():
            return None
        try:
            return self._content(place, _base(place) + _raw(path)[len(_raw(place)) :], most)
        except (Cut, BadTar):
            return None

    def _content(self, place: str, name: bytes, most: int, *, further: bool = False) -> bytes | None:
        """The bytes of a file by its name in the archive; of a ``further`` name those of the first one."""
        with self._kept.open(self._kept.top + place, self._bounds) as stream:
            reader = TarReader(stream.read)
            found = next((member for member in reader if member.name == name), None)
            if found is not None and found.kind == "file":
                return _first(reader, most)
        if found is None or found.kind != "name" or further:
            return None
        return self._content(place, found.target, most, further=True)

    def open(self, path: str, flags: int = os.O_RDONLY) -> int | None:
        """Descriptors do not come out of an archive: a `NotImplementedError`."""
        raise NotImplementedError(f"{path} can be read, and not opened ({flags})")


@dataclass
class _Found:
    """What one archive holds, each member checked against those before it."""

    kept: Kept
    path: str
    bounds: Bounds
    put: Callable[[str, Member, FileState], None]
    seen: set[str] = field(default_factory=set[str])
    """Places that were met."""
    _states: dict[bytes, FileState] = field(default_factory=dict[bytes, FileState])

    def take(self, reader: TarReader) -> None:
        """Every member. Raises `Cut` and `BadTar`."""
        for count, member in enumerate(reader):
            if count >= self.bounds.entries:
                raise Cut(f"more than {self.bounds.entries} entries")
            self._check(member)
            state = self._state(member, reader)
            self._states[member.name] = state
            where = self._where(member.name)
            if where is not None:
                self.put(where, member, state)
            if member.kind == "file" and state.sha256 is None:
                raise Cut(f"{name_text(os.fsdecode(member.name))} has {member.size} bytes")

    def _check(self, member: Member) -> None:
        """A name is said once, below what was asked for, and in a folder that was said before it."""
        parts = member.name.split(b"/")
        if parts[0] != _base(self.path) or not {b"", b".", b".."}.isdisjoint(parts):
            raise BadTar(f"the name {member.name[:200]!r} leads elsewhere")
        if member.name in self._states:
            raise BadTar(f"the name {member.name[:200]!r} comes twice")
        if len(parts) > MAX_DEPTH + 8:
            raise Cut(f"folders are nested more than {MAX_DEPTH} deep")
        if len(parts) > 1:
            above = self._states.get(member.name.rpartition(b"/")[0])
            if above is None or above.kind != "dir":
                raise BadTar(f"the name {member.name[:200]!r} stands in no folder")

    def _where(self, name: bytes) -> str | None:
        """The path in the agent's container; None for folders of the shelf itself."""
        below = b"/".join([_raw(self.path).rpartition(b"/")[0], name])[len(_raw(self.kept.top)) :]
        path = "/".join(name_text(os.fsdecode(part)) for part in below.split(b"/"))
        if path in self.kept.places:
            self.seen.add(path)
            return path
        if any(_is_below(path, place) for place in self.kept.places):
            return path
        if not path or any(_is_below(place, path) for place in self.kept.places):
            return None
        raise BadTar(f"{path[:200]} is in no place")

    def _state(self, member: Member, reader: TarReader) -> FileState:
        if member.kind == "name":
            first = self._states.get(member.target)
            if first is None or first.kind != "file":
                raise BadTar(f"{member.name[:200]!r} is a further name of nothing")
            return first.model_copy(update={"nlink": 2})
        is_link = member.kind == "link"
        return FileState(
            kind=member.kind,
            mode=_LINK_MODE if is_link else member.mode,
            uid=member.uid,
            gid=member.gid,
            size=len(member.target) if is_link else member.size,
            sha256=self._digest(member, reader) if member.kind == "file" else None,
            target=name_text(os.fsdecode(member.target)) if is_link else None,
        )

    def _digest(self, member: Member, reader: TarReader) -> str | None:
        """None for a file that is too long to be read."""
        if member.size > self.bounds.file_bytes:
            return None
        if member.size > WHOLE_BYTES:
            extents = Extents(member.size)
            for piece in reader.content():
                extents.add(piece)
            return extents.hexdigest()
        whole = hashlib.sha256()
        for piece in reader.content():
            whole.update(piece)
        return whole.hexdigest()


class Extents:
    """The digest of a large file as its reader on the host makes it: of the parts that hold data.

    An archive does not tell holes from pages of zeros: here these count as holes. So a file that has such pages on
    its disk has another digest than on the host; without any it is the same.
    """

    def __init__(self, size: int) -> None:
        self._sha = hashlib.sha256(f"extents of {size} bytes".encode())
        self._at = 0
        self._block = bytearray()
        self._rest = b""

    def add(self, piece: bytes) -> None:
        """The next bytes of the file."""
        data = self._rest + piece
        end = len(data) - len(data) % _PAGE
        for at in range(0, end, _PAGE):
            self._page(data[at : at + _PAGE])
        self._rest = data[end:]

    def hexdigest(self) -> str | None:
        """Of everything that was added; None where it is more data than anybody reads."""
        if self._rest:
            self._page(self._rest)
            self._rest = b""
        self._flush()
        return self._sha.hexdigest() if self._at <= DATA_BYTES else None

    def _page(self, page: bytes) -> None:
        if self._block or page != _ZEROS[: len(page)]:
            self._block += page
            if len(self._block) >= _BLOCK:
                self._flush()
        else:
            self._at += len(page)

    def _flush(self) -> None:
        if self._block:
            self._sha.update(self._at.to_bytes(8, "little") + self._block)
            self._at += len(self._block)
            self._block.clear()


def _first(reader: TarReader, most: int) -> bytes:
    found = bytearray()
    for piece in reader.content():
        found += piece
        if len(found) >= most:
            break
    return bytes(found[:most])


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(place + "/")


def _raw(path: str) -> bytes:
    return b"/".join(name_bytes(part) for part in path.split("/"))


def _base(path: str) -> bytes:
    """What the engine calls the folder that was asked for."""
    return _raw(path).rpartition(b"/")[2]
