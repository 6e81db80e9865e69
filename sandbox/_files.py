"""The content of every writable place, read from the host through descriptors that no link can redirect.

A pass compares inode, change time, size and mode with the pass before and reads only what may have changed, by these
or by what the kernel reported as written; the final pass reads every byte again. Change times are the kernel's: the
agent can set modification times, not these.
"""

import errno
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..records import FileChange, FileState, canonical_json, path_text
from ._writes import WriteWatch, Written

RACY_NS = 20_000_000
"""A file changed this shortly before a pass may change again without a new change time: it is read again."""
WHOLE_BYTES = 8 << 20
"""Larger files are digested by their data extents, so that a sparse terabyte costs nothing."""
DATA_BYTES = 512 << 20
"""More data than this in one file is left unread and counted as a loss."""
MAX_ENTRIES = 200_000
MAX_DEPTH = 128
"""Directories nested more deeply are left unread and counted as a loss."""

Kind = Literal["file", "dir", "link", "fifo", "socket", "char", "block"]
_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}
_Stamp = tuple[int, int, int, int]
_GONE = (errno.ENOENT, errno.ESTALE)
"""What was listed a moment ago is no longer there: no loss, it is gone."""


@dataclass
class _Known:
    stamp: _Stamp
    state: FileState
    line: bytes
    seen: int


@dataclass(frozen=True)
class Pass:
    """What one pass found, in the order of the paths: the engine mounts places in any order."""

    changes: tuple[FileChange, ...]
    touched: tuple[str, ...]
    """Paths that were written or moved though they are as they were: done and undone."""
    digest: str
    complete: bool
    entries: int
    passed: tuple[str, ...] = ()
    """Paths at which something was made and removed again: it stood there neither before nor after."""


@dataclass
class _Round:
    """One pass under way."""

    racy_after: int
    written: Written | None
    """What the kernel reported; None where it does not."""
    changes: list[FileChange]
    touched: list[str]
    complete: bool = True

    def may_have_changed(self, status: os.stat_result) -> bool:
        """Whether the bytes of an object with an unchanged status may be others."""
        if status.st_ctime_ns >= self.racy_after:
            return True
        return self.written is not None and (status.st_dev, status.st_ino) in self.written.inodes

    def named(self) -> set[str]:
        """Paths at which a name was made, moved or removed, as far as the kernel reports it."""
        return set(self.written.names) if self.written is not None else set()

    def was_touched(self, path: str, status: os.stat_result) -> bool:
        """Whether something was done to an object that is as it was; a new change time alone says too little."""
        if self.written is None:
            return True
        return path in self.written.names or (status.st_dev, status.st_ino) in self.written.inodes


class FileWatch:
    """Knows what stood at every path at the last pass. Not safe to use from several threads at once."""

    def __init__(self, roots: dict[str, int], writes: WriteWatch | None = None) -> None:
        """``roots``: path in the container → open directory descriptor, which this object then owns.

        ``writes`` hears what is written below them; it is owned too. None where only change times are to be had.
        """
        self.roots = roots
        self._writes = writes
        self._known: dict[str, _Known] = {}
        self._covered = set(roots)
        self._passes = 0
        self._last_ns = 0
        self._digest = hashlib.sha256(b"").hexdigest()

    @property
    def hears_writes(self) -> bool:
        """Whether the kernel reports what is written, so that no store is missed between two passes."""
        return self._writes is not None

    def scan(self, processes: Iterable[int] = (), *, whole: bool = False) -> Pass:
        """Look at every path. With ``whole`` every byte is read again and no time stamp is trusted.

        ``processes``: host pids of those who may hold a file mapped, so that they can store into it unnoticed.
        """
        self._passes += 1
        written = self._writes.take(processes) if self._writes else None
        trusted = not whole and (written is None or written.complete)
        this = _Round(self._last_ns - RACY_NS if trusted else 0, written, [], [])
        self._last_ns = time.time_ns()
        for path, root in self.roots.items():
            status = os.fstat(root)
            self._look(this, root, ".", path, status)
            self._walk(this, root, path, status.st_dev, 0)
        self._find_gone(this)
        if this.changes or self._passes == 1:
            self._digest = self._digest_all()
        changes = tuple(sorted(this.changes, key=lambda change: change.path))
        named = this.named() - {change.path for change in changes}
        passed = tuple(sorted(path for path in named if path not in self._known))
        return Pass(changes, tuple(sorted(this.touched)), self._digest, this.complete, len(self._known), passed)

    def manifest(self) -> list[dict[str, object]]:
        """Every path with its state, sorted."""
        return [{"path": path, **known.state.repeatable()} for path, known in sorted(self._known.items())]

    def paths(self) -> list[str]:
        """Every path of the last pass, sorted."""
        return sorted(self._known)

    def state(self, path: str) -> FileState | None:
        """The state of a path at the last pass."""
        known = self._known.get(path)
        return known.state if known else None

    def read(self, path: str, most: int = 64 << 20) -> bytes | None:
        """The bytes of a regular file now, at most ``most``; None where there is no such file."""
        fd = self.open(path)
        if fd is None:
            return None
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            return _read_all(fd, most)
        finally:
            os.close(fd)

    def open(self, path: str, flags: int = os.O_RDONLY) -> int | None:
        """A descriptor of a path below a root, reached without following any link; None where it is not there."""
        for root, descriptor in sorted(self.roots.items(), key=lambda item: -len(item[0])):
            if path == root or path.startswith(root + "/"):
                return _open_below(descriptor, path[len(root) :], flags)
        return None

    def close(self) -> None:
        """Release the roots; closing twice is fine."""
        if self._writes is not None:
            self._writes.close()
        while self.roots:
            os.close(self.roots.popitem()[1])

    def _walk(self, this: _Round, directory: int, path: str, device: int, depth: int) -> None:
        for name in _names(this, directory):
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                this.complete &= error.errno in _GONE
                continue
            if len(self._known) > MAX_ENTRIES:
                this.complete = False
                return
            where = f"{path}/{_name_text(name)}"
            if self._is_covered(where, status.st_dev != device):
                continue
            self._look(this, directory, name, where, status)
            if stat.S_ISDIR(status.st_mode):
                self._descend(this, directory, name, where, device, depth + 1)

    def _is_covered(self, path: str, is_mount: bool) -> bool:
        """Whether something is mounted there, now or while the container lived.

        What is mounted is a place of its own, or cannot be written; what lies below it comes to light when the
        mount goes with the container, and nobody has put it there since.
        """
        if is_mount:
            self._covered.add(path)
        return path in self._covered

    def _descend(self, this: _Round, parent: int, name: str, path: str, device: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            this.complete = False
            return
        try:
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        except OSError as error:
            this.complete &= error.errno in _GONE
            return
        try:
            self._walk(this, fd, path, device, depth)
        finally:
            os.close(fd)

    def _look(self, this: _Round, parent: int, name: str, path: str, status: os.stat_result) -> None:
        stamp = (status.st_ino, status.st_ctime_ns, status.st_size, status.st_mode)
        known = self._known.get(path)
        if known and known.stamp == stamp and not this.may_have_changed(status):
            known.seen = self._passes
            return
        state = _state(this, parent, name, status)
        line = canonical_json({"path": path, **state.repeatable()})
        if known is None or known.line != line or known.state.inode != state.inode:
            this.changes.append(FileChange(path=path, before=known.state if known else None, after=state))
        elif state.kind != "dir" and known.stamp != stamp and this.was_touched(path, status):
            this.touched.append(path)
        self._known[path] = _Known(stamp, state, line, self._passes)

    def _find_gone(self, this: _Round) -> None:
        gone = [path for path, known in self._known.items() if known.seen != self._passes]
        for path in gone:
            this.changes.append(FileChange(path=path, before=self._known.pop(path).state, after=None))

    def _digest_all(self) -> str:
        return hashlib.sha256(b"\n".join(known.line for _, known in sorted(self._known.items()))).hexdigest()


def _names(this: _Round, directory: int) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries]
    except OSError as error:
        this.complete &= error.errno in _GONE
        return []


def _name_text(name: str) -> str:
    return name if name.isascii() and "\\" not in name else path_text(os.fsencode(name))


def _name_bytes(text: str) -> bytes:
    """The file name that `path_text` made this text from."""
    if "\\x" not in text:
        return text.encode()
    parts = _ESCAPED.split(text.encode())
    return b"".join(_unescaped(part) if index % 2 else part for index, part in enumerate(parts))


_ESCAPED = re.compile(rb"(\\\\|\\x[0-9a-f]{2})")


def _unescaped(part: bytes) -> bytes:
    return b"\\" if part == b"\\\\" else bytes([int(part[2:], 16)])


def _state(this: _Round, parent: int, name: str, status: os.stat_result) -> FileState:
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    return FileState(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=0 if kind == "dir" else status.st_size,
        sha256=_digest_file(this, parent, name) if kind == "file" else None,
        target=_link_target(parent, name) if kind == "link" else None,
        nlink=status.st_nlink,
        inode=status.st_ino,
    )


def _digest_file(this: _Round, parent: int, name: str) -> str | None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOATIME
    try:
        fd = os.open(name, flags, dir_fd=parent)
    except OSError as error:
        this.complete &= error.errno in _GONE
        return None
    try:
        digest = _digest_descriptor(fd)
    except OSError:  # a pipe or a directory took its place a moment ago
        digest = None
    finally:
        os.close(fd)
    this.complete &= digest is not None
    return digest


def _digest_descriptor(fd: int) -> str | None:
    size = os.fstat(fd).st_size
    if size <= WHOLE_BYTES:
        return hashlib.sha256(_read_all(fd, WHOLE_BYTES)).hexdigest()
    digest = hashlib.sha256(f"extents of {size} bytes".encode())
    at = read = 0
    while read < DATA_BYTES:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return digest.hexdigest()
        block = os.pread(fd, 1 << 20, at)
        digest.update(at.to_bytes(8, "little") + block)
        at += len(block)
        read += len(block)
        if not block or at >= size:
            return digest.hexdigest()
    return None


def _read_all(fd: int, most: int) -> bytes:
    parts: list[bytes] = []
    at = 0
    while at < most and (block := os.pread(fd, min(1 << 20, most - at), at)):
        parts.append(block)
        at += len(block)
    return b"".join(parts)


def _link_target(parent: int, name: str) -> str | None:
    try:
        return path_text(os.fsencode(os.readlink(name, dir_fd=parent)))
    except OSError:
        return None


def _open_below(root: int, path: str, flags: int) -> int | None:
    parts = [part for part in path.split("/") if part]
    if ".." in parts:
        return None
    current = os.dup(root)
    try:
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            how = (flags | os.O_NONBLOCK) if last else os.O_RDONLY | os.O_DIRECTORY
            following = os.open(_name_bytes(part), how | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
            os.close(current)
            current = following
    except OSError:
        os.close(current)
        return None
    return current
