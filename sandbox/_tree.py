"""Every writable place of a container as it stands: what a snapshot holds of the files, and nothing less.

Read from the host through the descriptors of a `FileWatch`, never by following a link and never by asking anybody
inside. What the last pass of the watch saw and what is read now must be the same, or the tree is no state at all.
"""

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple, Self, cast

from pydantic import Field

from ..records import FileState, Model, digest_of
from ._below import name_bytes
from ._files import FileWatch

_READ = os.O_RDONLY | os.O_NOATIME
_BLOCK = 512
_AS_MADE = ("char", "block")
"""Kinds that only the engine makes; their times are its own."""


class Node(Model):
    """What stands at one path."""

    path: str
    """As in the file evidence: bytes that are no text are escaped."""
    state: FileState
    mtime_ns: int
    extents: tuple[tuple[int, int], ...] = ()
    """Offset and length of the parts of a file that hold data; the rest are holes."""
    name_of: str | None = None
    """The first path of the same file, where that is another one: a hard link."""
    attributes: tuple[str, ...] = ()
    """Names of extended attributes."""

    @property
    def comparable(self) -> tuple[object, ...]:
        """All that two containers in the same state share of it."""
        state = self.state
        made = (self.path, state.kind, state.mode, state.uid, state.gid)
        if state.kind in _AS_MADE:
            return made
        return (
            *made,
            state.size,
            state.sha256,
            state.target,
            self.mtime_ns,
            self.extents,
            self.name_of,
            self.attributes,
        )


class Tree(Model):
    """All files of a container, and the room that they leave."""

    nodes: tuple[Node, ...]
    """By path."""
    room: dict[str, tuple[int, int]] = Field(default_factory=dict[str, tuple[int, int]])
    """Writable place → blocks and inodes that are free there: what is set aside or held open shows here alone."""

    @property
    def digest(self) -> str:
        """Of everything in it: two trees with this digest are the same bit for bit."""
        return digest_of([[_json(node.comparable) for node in self.nodes], self.room])


class Packed(NamedTuple):
    """A tree with the content of its files."""

    tree: Tree
    pack: bytes
    """The data of all files, one after another, each content once."""
    at: dict[str, int]
    """Path of a file → where its data begins in the pack."""


class TreeMoved(Exception):
    """What is read is not what the last pass saw: somebody was at work in between."""


def survey(files: FileWatch) -> Tree:
    """The tree of the last pass, without the content of files. Raises `TreeMoved`."""
    first: dict[tuple[int, int], str] = {}
    nodes: list[Node] = []
    for path in files.paths():
        with _Opened(files, path) as opened:
            nodes.append(opened.node(first))
    return Tree(nodes=tuple(nodes), room=_room(files))


def pack(files: FileWatch, tree: Tree) -> Packed:
    """The content of the files of a tree. Raises `TreeMoved`."""
    content = bytearray()
    known: dict[tuple[object, ...], int] = {}
    at: dict[str, int] = {}
    for node in tree.nodes:
        if node.state.kind != "file" or node.name_of is not None:
            continue
        key = (node.state.sha256, node.extents)
        if key not in known:
            known[key] = len(content)
            with _Opened(files, node.path) as opened:
                content += opened.data(node)
        at[node.path] = known[key]
    return Packed(tree, bytes(content), at)


def differences(wanted: Tree, found: Tree) -> list[str]:
    """What of two trees is not the same, in words; empty where they are."""
    left, right = ({node.path: node for node in tree.nodes} for tree in (wanted, found))
    said = [f"{path} is missing" for path in left if path not in right]
    said += [f"{path} is there and should not be" for path in right if path not in left]
    both = [path for path in left if path in right]
    said += [f"{path} differs in {_field(left[path], right[path])}" for path in both if _field(left[path], right[path])]
    places = [path for path, room in wanted.room.items() if found.room.get(path) != room]
    said += [f"{path} has {_free(found, path)}, not {_free(wanted, path)}" for path in places]
    return sorted(said)


def raw_path(path: str) -> str:
    """The path that a text of the evidence stands for, as `os.fsdecode` gives it."""
    return os.fsdecode(name_bytes(path))


def _free(tree: Tree, path: str) -> str:
    blocks, inodes = tree.room.get(path, (0, 0))
    return f"{blocks} free blocks and {inodes} free inodes"


def _field(wanted: Node, found: Node) -> str | None:
    if wanted.comparable == found.comparable:
        return None
    for name in ("kind", "mode", "uid", "gid", "size", "sha256", "target"):
        if getattr(wanted.state, name) != getattr(found.state, name):
            return name
    names = ("mtime_ns", "extents", "name_of", "attributes")
    return next((name for name in names if getattr(wanted, name) != getattr(found, name)), "its state")


def _json(value: object) -> object:
    return [_json(one) for one in cast("tuple[object, ...]", value)] if isinstance(value, tuple) else value


def _room(files: FileWatch) -> dict[str, tuple[int, int]]:
    places = {path: os.fstatvfs(root) for path, root in files.roots.items()}
    return {path: (found.f_bfree, found.f_ffree) for path, found in places.items() if found.f_blocks}


class _Opened:
    """One path, held open while it is looked at."""

    def __init__(self, files: FileWatch, path: str) -> None:
        state = files.state(path)
        assert state is not None, "paths of a pass have a state"
        self._state, self._path = state, path
        fd = files.open(path, _READ if state.kind == "file" else os.O_PATH)
        if fd is None:
            raise TreeMoved(f"{path} is gone")
        self._fd = fd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def node(self, first: dict[tuple[int, int], str]) -> Node:
        """``first``: device and inode → the first path of it, for files that have several; this one is added."""
        status, state = os.fstat(self._fd), self._state
        size = 0 if state.kind == "dir" else status.st_size
        if (stat.S_IMODE(status.st_mode), status.st_ino, size) != (state.mode, state.inode, state.size):
            raise TreeMoved(f"{self._path} is not what the last pass saw")
        several = state.kind != "dir" and status.st_nlink > 1
        owner = first.setdefault((status.st_dev, status.st_ino), self._path) if several else self._path
        is_file = state.kind == "file"
        return Node(
            path=self._path,
            state=state,
            mtime_ns=status.st_mtime_ns,
            extents=tuple(_extents(self._fd, status)) if is_file else (),
            name_of=owner if owner != self._path else None,
            attributes=tuple(os.listxattr(self._fd)) if is_file else (),
        )

    def data(self, node: Node) -> bytes:
        """What stands in the extents of a file, one after another."""
        parts = [os.pread(self._fd, length, offset) for offset, length in node.extents]
        if [len(part) for part in parts] != [length for _, length in node.extents]:
            raise TreeMoved(f"{self._path} became shorter while it was read")
        return b"".join(parts)


def _extents(fd: int, status: os.stat_result) -> Iterator[tuple[int, int]]:
    """Where a file holds data; one without holes is asked no further."""
    if status.st_blocks * _BLOCK >= status.st_size:
        if status.st_size:
            yield 0, status.st_size
        return
    at = 0
    while at < status.st_size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:  # nothing but a hole from here on
            return
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, at - start
