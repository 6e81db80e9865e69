"""What the kernel says was written, moved or removed in the container's file systems (fanotify).

Change times tell most of it, and not all: a store through a shared mapping moves none, so a file can be changed, and
changed back, without a trace in its status. It cannot be without having been open for writing, which the kernel
reports when the last holder lets go. Needs CAP_SYS_ADMIN; without it `WriteWatch.open` gives None and only change
times are known.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..records import path_text
from ._mappings import mapped_for_writing

_CLASS_NOTIF, _UNLIMITED_QUEUE, _UNLIMITED_MARKS, _CLOEXEC, _NONBLOCK = 0x0, 0x10, 0x20, 0x1, 0x2
_REPORT_FID, _REPORT_DIR_FID, _REPORT_NAME, _REPORT_TARGET_FID = 0x200, 0x400, 0x800, 0x1000
_INIT = (
    _CLASS_NOTIF
    | _CLOEXEC
    | _NONBLOCK
    | _UNLIMITED_QUEUE
    | _UNLIMITED_MARKS
    | _REPORT_FID
    | _REPORT_DIR_FID
    | _REPORT_NAME
    | _REPORT_TARGET_FID
)
_MARK_ADD, _MARK_FILESYSTEM = 0x1, 0x100
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x4, 0x8, 0x40, 0x80, 0x100, 0x200
_WRITTEN = _MODIFY | _CLOSE_WRITE
_NAMED = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_ONDIR = 0x40000000
_OVERFLOW = 0x4000
_EVENT = struct.Struct("=IBBHQii")
_RECORD = struct.Struct("=BBHii")
"""Kind, padding, length, and the two halves of the file system's id."""
_TARGET, _PLACE = 1, 2
"""Kinds of records: the object itself, and the folder with the name that it had there."""
_ITSELF = b"."
"""The name in a record about the folder itself."""
_READ_BYTES = 1 << 18


@dataclass
class Written:
    """What happened since the last look."""

    inodes: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """Device and inode of files that somebody wrote to, or had open for writing."""
    names: set[str] = field(default_factory=set[str])
    """Paths at which a name was made, moved or removed."""
    altered: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """Device and inode of what got another mode, owner, time stamp or number of names."""
    complete: bool = True
    """Whether the kernel reported everything."""

    def __len__(self) -> int:
        return len(self.inodes) + len(self.names) + len(self.altered)


class WriteWatch:
    """One fanotify group over some file systems. Not safe to use from several threads at once."""

    def __init__(self, group: int, roots: dict[str, int]) -> None:
        self._group = group
        self._roots = {path: descriptor for path, descriptor in roots.items() if _marked(group, descriptor)}
        self._systems = {_system_id(descriptor): path for path, descriptor in self._roots.items()}
        self.unwatched = tuple(path for path in roots if path not in self._systems.values())
        """Places of which nothing is reported: there one has to look."""
        self._written = Written()
        self._objects: dict[tuple[str, bytes], set[tuple[int, int]]] = {}
        self._folders: dict[tuple[str, bytes], str | None] = {}
        """What handles stand for, while one reading of the queue lasts."""

    @classmethod
    def open(cls, roots: dict[str, int]) -> "WriteWatch | None":
        """Watch the file systems of these open directories; None where the kernel does not let us.

        The descriptors stay the caller's and have to stay open as long as this object is used. Message queues, which
        hold no bytes that can be mapped, cannot be watched and are left out.
        """
        group = _libc.fanotify_init(_INIT, os.O_RDONLY | os.O_CLOEXEC)
        if group < 0:
            return None
        try:
            return cls(group, roots)
        except OSError:
            os.close(group)
            return None

    def take(self, processes: Iterable[int] = ()) -> Written:
        """Everything since the last call, and what ``processes`` (host pids) can still store into by a mapping."""
        self.hear()
        written, self._written = self._written, Written()
        for pid in processes:
            written.inodes |= mapped_for_writing(pid)
        return written

    def hear(self) -> None:
        """Empty the kernel's queue, which has no limit, and so would hold whatever a long command does."""
        while data := self._read():
            for mask, records in _events(data):
                self._note(self._written, mask, records)
        self._objects.clear()
        self._folders.clear()

    def forget(self) -> None:
        """Leave everything since the last call unheard: it was our own doing, before anybody else was there."""
        while self._read():
            pass
        self._written = Written()

    def close(self) -> None:
        """Stop watching; closing twice is fine."""
        if self._group >= 0:
            os.close(self._group)
            self._group = -1

    def _read(self) -> bytes:
        try:
            return os.read(self._group, _READ_BYTES)
        except BlockingIOError:
            return b""

    def _note(self, written: Written, mask: int, records: bytes) -> None:
        if mask & _OVERFLOW:
            written.complete = False
            return
        for kind, system, handle, name in _records(records):
            root = self._systems.get(system)
            if root is None:
                continue
            if kind == _TARGET and mask & _WRITTEN:
                written.inodes |= self._object(root, handle)
            elif kind == _TARGET or name == _ITSELF:
                written.altered |= self._object(root, handle)
            elif mask & _NAMED:
                self._note_name(written, root, handle, name)

    def _note_name(self, written: Written, root: str, handle: bytes, name: bytes) -> None:
        try:
            folder = self._folder(root, handle)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            written.complete = False  # it lies deeper than the kernel can say: a look everywhere has to find it
            return
        if folder is not None:
            written.names.add(f"{folder}/{path_text(name)}")

    def _object(self, root: str, handle: bytes) -> set[tuple[int, int]]:
        """The object of a handle; none where it is gone, and with it what was written."""
        if (root, handle) not in self._objects:
            self._objects[root, handle] = self._object_now(root, handle)
        return self._objects[root, handle]

    def _folder(self, root: str, handle: bytes) -> str | None:
        """The path of a folder in the container; None where it is gone."""
        if (root, handle) not in self._folders:
            self._folders[root, handle] = self._folder_now(root, handle)
        return self._folders[root, handle]

    def _object_now(self, root: str, handle: bytes) -> set[tuple[int, int]]:
        descriptor = _open_by_handle(self._roots[root], handle)
        if descriptor < 0:
            return set()
        try:
            status = os.fstat(descriptor)
            return {(status.st_dev, status.st_ino)}
        finally:
            os.close(descriptor)

    def _folder_now(self, root: str, handle: bytes) -> str | None:
        descriptor = _open_by_handle(self._roots[root], handle)
        if descriptor < 0:
            return None
        try:
            if not os.fstat(descriptor).st_nlink:
                return None
            below = _kernel_path(descriptor).removeprefix(_kernel_path(self._roots[root]).rstrip(b"/"))
        finally:
            os.close(descriptor)
        return root + path_text(below).removesuffix("/")


def _kernel_path(descriptor: int) -> bytes:
    """Where the kernel says that it is: below the place of its mount, as long as that is mounted."""
    return os.fsencode(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115 - paths are slow


class _SystemId(ctypes.Structure):
    _fields_ = (("filler", ctypes.c_long * 7), ("id", ctypes.c_int * 2), ("rest", ctypes.c_long * 8))


_libc = ctypes.CDLL(None, use_errno=True)


def _system_id(descriptor: int) -> tuple[int, int]:
    """The id under which fanotify reports a file system."""
    status = _SystemId()
    if _libc.fstatfs(descriptor, ctypes.byref(status)):
        raise OSError(ctypes.get_errno(), "fstatfs")
    return status.id[0], status.id[1]


def _marked(group: int, descriptor: int) -> bool:
    """Whether the kernel watches the file system of a directory from now on; False for one that has no files."""
    mask = ctypes.c_uint64(_WRITTEN | _ATTRIB | _NAMED | _ONDIR)
    if not _libc.fanotify_mark(group, _MARK_ADD | _MARK_FILESYSTEM, mask, descriptor, None):
        return True
    if ctypes.get_errno() in (errno.EOPNOTSUPP, errno.ENODEV):
        return False
    raise OSError(ctypes.get_errno(), "fanotify_mark")


def _open_by_handle(mount: int, handle: bytes) -> int:
    opened: int = _libc.open_by_handle_at(mount, handle, os.O_PATH | os.O_CLOEXEC)
    return opened


def _events(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Mask and records of each event."""
    at = 0
    while at < len(data):
        length, _, _, head, mask, _, _ = _EVENT.unpack_from(data, at)
        yield mask, data[at + head : at + length]
        at += length


def _records(data: bytes) -> Iterator[tuple[int, tuple[int, int], bytes, bytes]]:
    """Kind, file system, handle (as the kernel takes it back) and name of each record."""
    at = 0
    while at < len(data):
        kind, _, length, first, second = _RECORD.unpack_from(data, at)
        body = data[at + _RECORD.size : at + length]
        size = 8 + int.from_bytes(body[:4], "little")
        yield kind, (first, second), body[:size], body[size:].split(b"\0")[0]
        at += length
