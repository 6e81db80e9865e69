"""Files that the kernel makes up when they are read: read whole, without the cost of Python's own files."""

import os

_BLOCK = 1 << 16


def read_file(path: str, most: int = 1 << 26) -> bytes:
    """What a file of /proc or of a control group says now. Raises `OSError` where it is gone."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return read_descriptor(fd, most)
    finally:
        os.close(fd)


def read_descriptor(fd: int, most: int = 1 << 26) -> bytes:
    """The same through a descriptor that stays open, from the beginning. A short block ends no such file."""
    first = os.pread(fd, _BLOCK, 0)
    if not first:
        return first
    parts, at = [first], len(first)
    while at < most and (block := os.pread(fd, _BLOCK, at)):
        parts.append(block)
        at += len(block)
    return b"".join(parts)
