"""Paths below an open directory: opened without following a link, named without losing a byte."""

import ctypes
import errno
import os
import re
import struct

from ..records import path_text

_OPENAT2 = 437
"""The system call's number, the same on every architecture (Linux 5.6)."""
_HOW = struct.Struct("=QQQ")
"""`struct open_how` of linux/openat2.h: flags, mode, how to resolve."""
_PLAINLY = 0x02 | 0x04 | 0x08
"""RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PATH_MOST = 4000
_libc = ctypes.CDLL(None, use_errno=True)
_ESCAPED = re.compile(rb"(\\\\|\\x[0-9a-f]{2})")


def name_text(name: str) -> str:
    """A file name as the records write it."""
    return name if name.isascii() and "\\" not in name else path_text(os.fsencode(name))


def name_bytes(text: str) -> bytes:
    """The file name that `name_text` made this text from."""
    if "\\x" not in text:
        return text.encode()
    parts = _ESCAPED.split(text.encode())
    return b"".join(_unescaped(part) if index % 2 else part for index, part in enumerate(parts))


def _unescaped(part: bytes) -> bytes:
    return b"\\" if part == b"\\\\" else bytes([int(part[2:], 16)])


def open_below(root: int, path: str, flags: int = os.O_RDONLY) -> int | None:
    """A descriptor of ``path`` (as the records write it) below ``root``; None where no such thing is there."""
    try:
        return open_plainly(root, path, flags)
    except OSError:
        return None


def open_plainly(root: int, path: str, flags: int) -> int:
    """The same, and why not: `OSError`."""
    parts = [part for part in path.split("/") if part]
    if ".." in parts:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    names = name_bytes("/".join(parts)) or b"."
    how = flags | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if flags & os.O_PATH else os.O_NONBLOCK)
    return _opened(root, names, how) if len(names) < _PATH_MOST else _step_by_step(root, names, how)


def _opened(root: int, names: bytes, flags: int) -> int:
    """By one call of the kernel, which leaves ``root`` by no link and no dots."""
    descriptor: int = _libc.syscall(_OPENAT2, root, names, _HOW.pack(flags, 0, _PLAINLY), _HOW.size)
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fsdecode(names))
    return descriptor


def _step_by_step(root: int, names: bytes, flags: int) -> int:
    """Paths may be longer than the kernel takes at once."""
    folders, _, last = names.rpartition(b"/")
    current = os.dup(root)
    try:
        while folders:
            head, folders = _cut(folders)
            following = _opened(current, head, _FOLDER)
            os.close(current)
            current = following
        return _opened(current, last, flags)
    finally:
        os.close(current)


def _cut(folders: bytes) -> tuple[bytes, bytes]:
    """The first folders, as many as the kernel takes at once, and the others."""
    if len(folders) < _PATH_MOST:
        return folders, b""
    at = folders.rindex(b"/", 0, _PATH_MOST)
    return folders[:at], folders[at + 1 :]
