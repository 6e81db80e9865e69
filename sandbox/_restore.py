"""Bringing the files of a container to the state of a tree, and looking whether they are.

What differs is installed by PID 1, in its own way and order; the comparison afterwards is read from the host.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from ._errors import StateDiffers
from ._files import FileWatch
from ._tree import Node, Packed, Tree, differences, raw_path, survey
from ._types import Entry
from ._wire import piece_of

_PIECE = 8 << 20
_MADE = ("file", "dir", "link", "socket")
"""Kinds that can be made in a container; a pipe or a device cannot, not by the agent either."""
_SHOWN = 5


class Installs(Protocol):
    """What `restore` needs of a container."""

    def install(self, entries: Sequence[Entry]) -> dict[str, int]:
        """As `Sandbox.install`."""
        ...


def restore(sandbox: Installs, files: FileWatch, packed: Packed, name: str) -> None:
    """Bring every writable place of a container that no agent has used to the state of a tree.

    Takes a pass of ``files`` first. Raises `StateDiffers` where something of it cannot be made there; whether all is
    as it should be then, `check` tells.
    """
    files.scan()
    entries = list(_entries(survey(files), packed))
    failed = sandbox.install(entries)
    if failed:
        path, error = next(iter(failed.items()))
        raise StateDiffers("restoring files", f"{name}:{path}", os.strerror(error))
    files.forget_writes()


def check(files: FileWatch, wanted: Tree, name: str) -> None:
    """Raises `StateDiffers` where the container's files are not those of a tree. Takes a pass of ``files``."""
    files.scan()
    found = differences(wanted, survey(files))
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise StateDiffers("comparing files with the snapshot", name, "; ".join(found[:_SHOWN]) + more)


def _entries(here: Tree, wanted: Packed) -> Iterator[Entry]:
    """What has to be done, in its order: remove, make, name, and at last the folders' times."""
    standing = {node.path: node for node in here.nodes}
    nodes = {node.path: node for node in wanted.tree.nodes}
    new = [node for path, node in nodes.items() if _differs(standing.get(path), node)]
    yield from _removals(standing, nodes)
    for node in new:
        if node.name_of is None and node.state.kind in _MADE:
            yield from _made(node, wanted)
    for node in new:
        if node.name_of is not None:
            target = os.fsencode(raw_path(node.name_of))
            yield Entry(raw_path(node.path), target, kind="name")
    for node in nodes.values():
        if node.state.kind == "dir":
            yield _entry(node, "dir")


def _removals(standing: dict[str, Node], wanted: dict[str, Node]) -> Iterator[Entry]:
    """What must go, what lies in a folder before the folder; a folder that stays one is only changed."""
    for path in sorted(standing, reverse=True):
        node, other = standing[path], wanted.get(path)
        stays = other is not None and node.state.kind == other.state.kind == "dir"
        if not stays and (other is None or _differs(node, other)):
            yield Entry(raw_path(path), kind="gone")


def _differs(standing: Node | None, wanted: Node) -> bool:
    return standing is None or standing.comparable != wanted.comparable


def _made(node: Node, packed: Packed) -> Iterator[Entry]:
    if node.state.kind == "link":
        yield _entry(node, "link", os.fsencode(raw_path(node.state.target or "")))
    elif node.state.kind == "socket":
        yield _entry(node, "socket")
    elif node.state.kind == "dir":
        yield _entry(node, "dir")
    else:
        yield from _file(node, packed)


def _file(node: Node, packed: Packed) -> Iterator[Entry]:
    """A file in one piece, or in as many as it has, so that its holes stay holes."""
    at = packed.at[node.path]
    if node.extents in ((), ((0, node.state.size),)) and node.state.size <= _PIECE and not _is_hole(node):
        yield _entry(node, "file", packed.pack[at : at + node.state.size])
        return
    yield _entry(node, "piece", piece_of(0, node.state.size, b""))
    for offset, length in node.extents:
        for done in range(0, length, _PIECE):
            size = min(_PIECE, length - done)
            data = packed.pack[at + done : at + done + size]
            yield _entry(node, "piece", piece_of(offset + done, node.state.size, data))
        at += length


def _is_hole(node: Node) -> bool:
    return bool(node.state.size) and not node.extents


def _entry(node: Node, kind: Literal["dir", "file", "link", "piece", "socket"], data: bytes = b"") -> Entry:
    state = node.state
    return Entry(
        raw_path(node.path),
        data,
        kind=kind,
        mode=state.mode,
        uid=state.uid,
        gid=state.gid,
        mtime_ns=node.mtime_ns,
    )
