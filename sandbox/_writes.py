"""What the kernel says was written, moved or removed in the container's file systems (fanotify).

Change times tell most of it, and not all: a store through a shared mapping moves none, so a file can be changed, and
changed back, without a trace in its status. It cannot be without having been open for writing, which the kernel
reports when the last holder lets go. Needs CAP_SYS_ADMIN; without it `WriteWatch.open` gives None and only change
times are known.
"""

import ctypes
import errno
import os
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..records import path_text

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
_MODIFY, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x8, 0x40, 0x80, 0x100, 0x200
_WRITTEN = _MODIFY | _CLOSE_WRITE
_NAMED = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_ONDIR = 0x40000000
_OVERFLOW = 0x4000
_EVENT = struct.Struct("=IBBHQii")
_RECORD = struct.Struct("=BBHii")
"""Kind, padding, length, and the two halves of the file system's id."""
_TARGET, _PLACE = 1, 2
"""Kinds of records: the object itself, and the folder with the name that it had there."""
_READ_BYTES = 1 << 18
_SHARED_STORE = re.compile(r"^[0-9a-f]+-[0-9a-f]+ [r-]w[x-]s [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) ([0-9]+) ", re.MULTILINE)


@dataclass
class Written:
    """What happened since the last look."""

    inodes: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """Device and inode of files that somebody wrote to, or had open for writing."""
    names: set[str] = field(default_factory=set[str])
    """Paths at which a name was made, moved or removed."""
    complete: bool = True
    """Whether the kernel reported everything."""


class WriteWatch:
    """One fanotify group over some file systems. Not safe to use from several threads at once."""

    def __init__(self, group: int, roots: dict[str, int]) -> None:
        self._group = group
        self._roots = {path: descriptor for path, descriptor in roots.items() if _marked(group, descriptor)}
        self._systems = {_system_id(descriptor): path for path, descriptor in self._roots.items()}

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
        written = Written()
        while data := self._read():
            for mask, records in _events(data):
                self._note(written, mask, records)
        for pid in processes:
            written.inodes |= mapped_for_writing(pid)
        return written

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
                written.inodes |= self._inode(root, handle)
            elif kind == _PLACE and mask & _NAMED and (folder := self._folder(root, handle)) is not None:
                written.names.add(f"{folder}/{path_text(name)}")

    def _inode(self, root: str, handle: bytes) -> set[tuple[int, int]]:
        """The object of a handle; none where it is gone, and with it what was written."""
        descriptor = _open_by_handle(self._roots[root], handle)
        if descriptor < 0:
            return set()
        try:
            status = os.fstat(descriptor)
            return {(status.st_dev, status.st_ino)}
        finally:
            os.close(descriptor)

    def _folder(self, root: str, handle: bytes) -> str | None:
        """The path of a folder in the container; None where it is gone."""
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
    return os.fsencode(Path(f"/proc/self/fd/{descriptor}").readlink())


def mapped_for_writing(pid: int) -> set[tuple[int, int]]:
    """Device and inode of the files into which a process can store by a shared mapping now."""
    found: set[tuple[int, int]] = set()
    with suppress(OSError):  # it has ended, and its mappings with it
        for major, minor, inode in _SHARED_STORE.findall(Path(f"/proc/{pid}/maps").read_text(errors="replace")):
            found.add((os.makedev(int(major, 16), int(minor, 16)), int(inode)))
    return found


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
    mask = ctypes.c_uint64(_WRITTEN | _NAMED | _ONDIR)
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
