"""The content of every writable place, read from the host through descriptors that no link can redirect.

Where the kernel reports what was done (fanotify), a pass looks only there; else it looks everywhere and compares
inode, change time, size and mode with the pass before, since the agent can set modification times, not these. The
final pass looks everywhere and reads every byte again.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from ..records import FileChange, FileState
from ._below import name_bytes, name_text, open_below
from ._catalogue import Catalogue, Known, Stamp
from ._ids import SAME, Ids
from ._states import GONE, read_all, state_at
from ._writes import WriteWatch, Written

RACY_NS = 20_000_000
"""A file changed this shortly before a pass may change again without a new change time: it is read again."""
MAX_ENTRIES = 200_000
MAX_DEPTH = 128
"""Directories nested more deeply are left unread and counted as a loss."""
FOLLOWED = 512
"""Where more places than this were reported, a look everywhere is cheaper than a look at each."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
    unread: tuple[str, ...] = ()
    """Places that could not be read to their end, each with the reason; what was known of them stands."""


@dataclass
class Round:
    """One pass under way."""

    number: int
    racy_after: int
    written: Written | None
    """What the kernel reported; None where it does not."""
    changes: list[FileChange] = field(default_factory=list[FileChange])
    touched: list[str] = field(default_factory=list[str])
    emptied: set[str] = field(default_factory=set[str])
    """Folders that went or were replaced: what is known below them and was not seen in this pass is gone."""
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

    def __init__(self, roots: dict[str, int], writes: WriteWatch | None = None, ids: Ids = SAME) -> None:
        """``roots``: path in the container → open directory descriptor, which this object then owns.

        ``writes`` hears what is written below them; it is owned too. None where only change times are to be had.
        """
        self.roots = roots
        self._writes = writes
        self._ids = ids
        self._known = Catalogue()
        self._covered = set(roots)
        self._peopled: set[str] = set()
        """Places without reports in which something was found."""
        self._unheard = True
        """Something may have changed that nobody reported: the next pass looks everywhere."""
        self._passes = 0
        self._last_ns = 0

    @property
    def hears_writes(self) -> bool:
        """Whether the kernel reports what is written, so that no store is missed between two passes."""
        return self._writes is not None

    def scan(self, processes: Iterable[int] = (), *, whole: bool = False) -> Pass:
        """What changed since the pass before. With ``whole`` every byte is read again and nothing is trusted.

        ``processes``: host pids of those who may hold a file mapped, so that they can store into it unnoticed.
        """
        self._passes += 1
        written = self._heard(self._writes, processes) if self._writes else None
        trusted = not whole and (written is None or written.complete)
        this = Round(self._passes, self._last_ns - RACY_NS if trusted else 0, written)
        self._last_ns = time.time_ns()
        unheard, self._unheard = self._unheard or not trusted, False
        if unheard or self._writes is None or written is None or len(written) > FOLLOWED:
            self._look_everywhere(this)
        else:
            self._follow(this, written, self._writes.unwatched)
        return self._finished(this)

    def _heard(self, writes: WriteWatch, processes: Iterable[int]) -> Written:
        """What the kernel reported; before the first pass nothing is known that could have been written to."""
        if self._passes > 1:
            return writes.take(processes)
        writes.forget()
        return Written()

    def _finished(self, this: Round) -> Pass:
        changes = tuple(sorted(this.changes, key=lambda change: change.path))
        named = this.named() - {change.path for change in changes}
        passed = tuple(sorted(path for path in named if self._known.get(path) is None))
        touched = tuple(sorted(this.touched))
        return Pass(changes, touched, self._known.digest(), this.complete, len(self._known), passed)

    @property
    def digest(self) -> str:
        """Over the whole manifest of the last pass."""
        return self._known.digest()

    def manifest(self) -> bytes:
        """Every path with its state, sorted, as canonical JSON."""
        return b"[" + b",".join(self._known.lines()) + b"]"

    def paths(self) -> list[str]:
        """Every path of the last pass, sorted."""
        return sorted(self._known)

    def standing(self, wanted: Callable[[str], bool]) -> tuple[FileChange, ...]:
        """What stood at the wanted paths at the last pass, as if nothing had been there before."""
        found = ((path, state) for path, state in self._known.items() if wanted(path))
        return tuple(FileChange(path=path, before=None, after=state) for path, state in found)

    def state(self, path: str) -> FileState | None:
        """The state of a path at the last pass."""
        known = self._known.get(path)
        return known.state if known else None

    def forget_writes(self) -> None:
        """Leave unheard what the kernel reported since the last pass; what changed shows by its change time."""
        if self._writes is not None:
            self._writes.forget()
            self._unheard = True

    def read(self, path: str, most: int = 64 << 20) -> bytes | None:
        """The bytes of a regular file now, at most ``most``; None where there is no such file."""
        fd = self.open(path)
        if fd is None:
            return None
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            return read_all(fd, most)
        finally:
            os.close(fd)

    def open(self, path: str, flags: int = os.O_RDONLY) -> int | None:
        """A descriptor of a path below a root, reached without following any link; None where it is not there."""
        root = self._root_of(path)
        return None if root is None else open_below(self.roots[root], path[len(root) :], flags)

    def close(self) -> None:
        """Release the roots; closing twice is fine."""
        if self._writes is not None:
            self._writes.close()
        while self.roots:
            os.close(self.roots.popitem()[1])

    def _root_of(self, path: str) -> str | None:
        """The place that a path lies in: the innermost, where one is mounted within another."""
        while path not in self.roots:
            path = path.rpartition("/")[0]
            if not path:
                return None
        return path

    # ---- a look everywhere

    def _look_everywhere(self, this: Round) -> None:
        for path in self.roots:
            self._look_at_root(this, path)
        self._forget(this, self._known.unseen(this.number))

    def _look_at_root(self, this: Round, path: str) -> None:
        root = self.roots[path]
        status = os.fstat(root)
        self._look(this, root, ".", path, status)
        self._walk(this, root, path, status.st_dev, 0)

    def _walk(self, this: Round, directory: int, path: str, device: int, depth: int) -> None:
        for name in _names(this, directory):
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                this.complete &= error.errno in GONE
                continue
            if len(self._known) > MAX_ENTRIES:
                this.complete = False
                return
            where = f"{path}/{name_text(name)}"
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

    def _descend(self, this: Round, parent: int, name: str | bytes, path: str, device: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            this.complete = False
            return
        try:
            fd = os.open(name, _DIRECTORY, dir_fd=parent)
        except OSError as error:
            this.complete &= error.errno in GONE
            return
        try:
            self._walk(this, fd, path, device, depth)
        finally:
            os.close(fd)

    # ---- a look at what the kernel reported

    def _follow(self, this: Round, written: Written, unwatched: Iterable[str]) -> None:
        """Look at the names that were made, moved or removed, and at whatever was written or altered."""
        places = written.names | self._known.paths_of(written.inodes | written.altered)
        with ExitStack() as opened:
            parents: dict[str, int | None] = {}
            for path in sorted(places):
                self._visit(this, path, parents, opened, renewed=path in written.names)
        for path in unwatched:
            self._follow_unwatched(this, path)
        if this.emptied:
            self._forget(this, self._known.unseen(this.number, this.emptied))

    def _follow_unwatched(self, this: Round, path: str) -> None:
        """Look at all of it, unless it is as empty as it was."""
        if path in self._peopled or _names(this, self.roots[path]):
            self._look_at_root(this, path)
            this.emptied.add(path)
            self._peopled.add(path)

    def _visit(
        self, this: Round, path: str, parents: dict[str, int | None], opened: ExitStack, *, renewed: bool
    ) -> None:
        """One path as it stands now; below a folder that was made or moved here, everything."""
        root = self._root_of(path)
        known = self._known.get(path)
        if root is None or (known is not None and known.seen == this.number):
            return  # below no place of ours, or seen by way of a folder above
        if path == root:
            self._look(this, self.roots[root], ".", path, os.fstat(self.roots[root]))
            return
        above, _, last = path.rpartition("/")
        if above not in parents:
            parents[above] = self.open(above, os.O_RDONLY | os.O_DIRECTORY)
            if (fd := parents[above]) is not None:
                opened.callback(os.close, fd)
        parent, name = parents[above], name_bytes(last)
        status = _status(this, parent, name)
        if status is None or parent is None:
            self._leave(this, path, known)
            return
        if known is None and len(self._known) > MAX_ENTRIES:
            this.complete = False
            return
        device = os.fstat(self.roots[root]).st_dev
        if self._is_covered(path, status.st_dev != device):
            return
        self._look(this, parent, os.fsdecode(name), path, status)
        if known is not None and known.state.kind == "dir" and renewed:
            this.emptied.add(path)
        if stat.S_ISDIR(status.st_mode) and (renewed or known is None):
            self._descend(this, parent, name, path, device, path.count("/") - root.count("/"))

    def _leave(self, this: Round, path: str, known: Known | None) -> None:
        if known is None:
            return
        if known.state.kind == "dir":
            this.emptied.add(path)
        self._forget(this, (path,))

    # ---- what both do

    def _look(self, this: Round, parent: int, name: str, path: str, status: os.stat_result) -> None:
        stamp = (status.st_ino, status.st_ctime_ns, status.st_size, status.st_mode)
        if not self._is_stale(this, path, stamp, may_differ=this.may_have_changed(status)):
            return
        state, complete = state_at(parent, name, status, self._ids)
        this.complete &= complete
        self._note(this, path, stamp, status.st_dev, state, was_touched=this.was_touched(path, status))

    def _is_stale(self, this: Round, path: str, stamp: Stamp, *, may_differ: bool) -> bool:
        """Whether a path that stands there has to be read again."""
        known = self._known.get(path)
        if known and known.stamp == stamp and not may_differ:
            known.seen = this.number
            return False
        return True

    def _note(self, this: Round, path: str, stamp: Stamp, device: int, state: FileState, *, was_touched: bool) -> None:
        known = self._known.get(path)
        line = state.line(path)
        if known is None or known.line != line or known.state.inode != state.inode:
            this.changes.append(FileChange(path=path, before=known.state if known else None, after=state))
        elif state.kind != "dir" and known.stamp != stamp and was_touched:
            this.touched.append(path)
        self._known.put(path, Known(stamp, device, state, line, this.number))

    def _forget(self, this: Round, paths: Iterable[str]) -> None:
        for path in paths:
            known = self._known.pop(path)
            if known is not None:
                this.changes.append(FileChange(path=path, before=known.state, after=None))


def _names(this: Round, directory: int) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries]
    except OSError as error:
        this.complete &= error.errno in GONE
        return []


def _status(this: Round, parent: int | None, name: bytes) -> os.stat_result | None:
    """What stands there; None where nothing does."""
    if parent is None:
        return None
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        this.complete &= error.errno in GONE
        return None
