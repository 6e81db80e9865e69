"""A disk after a power cut: what may be there of everything that was given to it, by the journal of disk.c."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Content = dict[str, bytes | None]
"""Path → content; None for a folder."""


@dataclass
class Act:
    """One thing that was done to the disk, or that the program said (``note``)."""

    kind: str
    first: str
    second: str
    number: int
    data: bytes


def read_journal(path: Path) -> list[Act]:
    """All acts, in their order."""
    rest = path.read_bytes()
    acts: list[Act] = []
    while rest:
        head, _, rest = rest.partition(b"\n")
        kind, first, second, number, size = head.decode().split("\t")
        acts.append(Act(kind, first, second, int(number), rest[: int(size)]))
        rest = rest[int(size) :]
    return acts


@dataclass(eq=False)
class File:
    """The content as programs see it, and as it surely is on the disk."""

    now: bytearray = field(default_factory=bytearray)
    synced: bytes = b""


@dataclass
class Model:
    """A disk that keeps only what it was told to keep: contents by syncing the file, names by syncing the folder."""

    root: str
    names: dict[str, File | None] = field(default_factory=dict[str, File | None])
    kept: dict[str, dict[str, File | None]] = field(default_factory=dict[str, dict[str, File | None]])
    """Folder → what it surely holds."""

    def do(self, act: Act) -> None:
        """Follow one act."""
        getattr(self, f"_{act.kind}")(act)

    def _note(self, act: Act) -> None:
        pass

    def _make(self, act: Act) -> None:
        found = self.names.setdefault(act.first, File())
        assert found is not None, act.first
        found.now.clear()

    def _write(self, act: Act) -> None:
        found = self.names.get(act.first)
        if found is not None:
            found.now[act.number : act.number + len(act.data)] = act.data

    def _truncate(self, act: Act) -> None:
        found = self.names.get(act.first)
        if found is not None:
            del found.now[act.number :]

    def _sync(self, act: Act) -> None:
        found = self.names.get(act.first)
        if found is not None:
            found.synced = bytes(found.now)
        elif act.first == self.root or act.first in self.names:
            inside = {name: one for name, one in self.names.items() if name.rpartition("/")[0] == act.first}
            self.kept[act.first] = inside

    def _rename(self, act: Act) -> None:
        self.names[act.second] = self.names.pop(act.first)

    def _unlink(self, act: Act) -> None:
        self.names.pop(act.first, None)

    def _mkdir(self, act: Act) -> None:
        self.names.setdefault(act.first, None)

    def states(self) -> Iterator[tuple[str, Content]]:
        """What may be found: only what is sure; all names with sure contents; the rest as zeros; everything."""
        yield "only what was synced", dict(self._sure(self.root))
        contents = {name: one for name, one in self.names.items() if one is not None}
        folders: Content = {name: None for name, one in self.names.items() if one is None}
        yield "names before contents", folders | {name: one.synced for name, one in contents.items()}
        yield "zeros where nothing was synced", folders | {name: _zeros(one) for name, one in contents.items()}
        yield "everything", folders | {name: bytes(one.now) for name, one in contents.items()}

    def _sure(self, folder: str) -> Iterator[tuple[str, bytes | None]]:
        for name, one in self.kept.get(folder, {}).items():
            yield name, None if one is None else one.synced
            if one is None:
                yield from self._sure(name)


def _zeros(one: File) -> bytes:
    """A file that has its length already, and its content not yet."""
    return one.synced + bytes(max(0, len(one.now) - len(one.synced)))


def lay_out(content: Content, root: str, folder: Path) -> None:
    """Make files and folders of a state below another folder."""
    for name, data in sorted(content.items()):
        target = folder / Path(name).relative_to(root)
        if data is None:
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def digest_of_state(content: Content) -> str:
    """The same for equal states."""
    found = hashlib.sha256()
    for name, data in sorted(content.items()):
        found.update(f"{name}\0{'-' if data is None else hashlib.sha256(data).hexdigest()}\n".encode())
    return found.hexdigest()
