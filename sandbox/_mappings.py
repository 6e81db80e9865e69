"""Files into which a process can store by a shared mapping, at this moment."""

import fcntl
import os
import re
import struct
from contextlib import suppress

from ._kernel_files import read_descriptor

_STORABLE = re.compile(rb"^[0-9a-f-]+ [r-]w[x-]s [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) ([0-9]+) ", re.MULTILINE)
_QUERY = struct.Struct("=9Q4I2Q")
"""`struct procmap_query` of linux/fs.h (Linux 6.11): among others its size, flags, address; end, inode and device."""
_PROCMAP_QUERY = 0xC0686611
_WRITABLE, _SHARED, _THIS_OR_NEXT, _OF_A_FILE = 0x2, 0x8, 0x10, 0x20
_WANTED = _WRITABLE | _SHARED | _THIS_OR_NEXT | _OF_A_FILE


def mapped_for_writing(pid: int) -> set[tuple[int, int]]:
    """Device and inode of every file that process ``pid`` has mapped so; none where it has ended."""
    with suppress(OSError):
        fd = os.open(f"/proc/{pid}/maps", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return _asked(fd)
        except OSError:  # a kernel that cannot be asked
            return _read(fd)
        finally:
            os.close(fd)
    return set()


def _asked(maps: int) -> set[tuple[int, int]]:
    """The kernel looks for such mappings itself: a twentieth of the cost of writing all of them down."""
    found: set[tuple[int, int]] = set()
    address = 0
    while True:
        query = bytearray(_QUERY.pack(_QUERY.size, _WANTED, address, *(0,) * 12))
        try:
            fcntl.ioctl(maps, _PROCMAP_QUERY, query)
        except FileNotFoundError:
            return found
        answer = _QUERY.unpack(query)
        address, inode, device = answer[4], answer[8], os.makedev(answer[9], answer[10])
        found.add((device, inode))


def _read(maps: int) -> set[tuple[int, int]]:
    return shared_stores(read_descriptor(maps))


def shared_stores(maps: bytes) -> set[tuple[int, int]]:
    """Device and inode of the files that the kernel's list of mappings shows as shared and writable."""
    found = _STORABLE.findall(maps)
    return {(os.makedev(int(major, 16), int(minor, 16)), int(inode)) for major, minor, inode in found}
