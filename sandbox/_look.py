"""What only who has rights over a container's processes sees of them in /proc."""

import errno
import os
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from ._below import open_plainly
from ._ids import Ids
from ._kernel_files import read_file

MOST_NODES = 4096
"""Entries of one folder; a larger one raises `OSError` with E2BIG."""
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""There is no such thing, or what leads there is a link, which nobody follows."""


@dataclass(frozen=True)
class Node:
    """One entry of a file system."""

    mode: int
    device: int
    """Of the file system that it lies on."""
    rdev: int
    """Kind of device that it stands for; 0 for none."""

    @property
    def is_socket(self) -> bool:
        """Whether it is a Unix socket."""
        return stat.S_ISSOCK(self.mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def device_node(self) -> str | None:
        """Kind and numbers of a device node, ``c 1:3``; None for anything else."""
        kind = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}.get(stat.S_IFMT(self.mode))
        return f"{kind} {os.major(self.rdev)}:{os.minor(self.rdev)}" if kind else None


class Look(Protocol):
    """Looks below the folder of a process, whose number is the host's.

    All raise `OSError` for what cannot be seen, `ProcessLookupError` where the process is gone. Below ``root`` no link
    is followed: the agent may have made it.
    """

    @property
    def here(self) -> bool:
        """Whether the numbers of processes are this machine's."""
        ...

    def text(self, pid: int, below: str) -> str:
        """What a file of the kernel's says; any user may read it."""
        ...

    def hosts(self) -> dict[str, str]:
        """Kind of namespace → the one of the engine's machine, for every kind that its kernel has."""
        ...

    def links(self, pid: int, below: Sequence[str]) -> list[str | None]:
        """Where links lead; None for one that is not there."""
        ...

    def nodes(self, pid: int, below: str) -> dict[str, Node]:
        """What is in a folder, by name."""
        ...

    def status(self, pid: int, below: Sequence[str]) -> list[Node | None]:
        """What stands at places below ``root``, links as themselves; None where nothing does."""
        ...

    def owners(self, pid: int, below: Sequence[str]) -> list[int | None]:
        """Whose they are, as the container counts its users."""
        ...


class HostLook:
    """With this process's own rights."""

    here = True

    def text(self, pid: int, below: str) -> str:
        return host_text(pid, below)

    def hosts(self) -> dict[str, str]:
        return own_namespaces()

    def links(self, pid: int, below: Sequence[str]) -> list[str | None]:
        with _folder(f"/proc/{pid}") as process:
            return still_there(pid, [_link(path, process) for path in below])

    def nodes(self, pid: int, below: str) -> dict[str, Node]:
        found = dict[str, Node]()
        top, _, rest = below.partition("/")
        with _folder(f"/proc/{pid}/{top}") as process:
            folder = open_plainly(process, rest, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if len(found) >= MOST_NODES:
                        raise OSError(errno.E2BIG, os.strerror(errno.E2BIG), below)
                    with suppress(FileNotFoundError):  # gone meanwhile
                        found[entry.name] = _node(entry.stat(follow_symlinks=False))
        finally:
            os.close(folder)
        return found

    def status(self, pid: int, below: Sequence[str]) -> list[Node | None]:
        return [one and _node(one) for one in _stand(pid, below)]

    def owners(self, pid: int, below: Sequence[str]) -> list[int | None]:
        users = Ids.of(pid).users
        return [one and users.inside(one.st_uid) for one in _stand(pid, below)]


def host_text(pid: int, below: str) -> str:
    """What this machine's /proc says of a process. Raises `OSError`."""
    return read_file(f"/proc/{pid}/{below}").decode(errors="replace")


@cache
def own_namespaces() -> dict[str, str]:
    """The namespaces of this process, by kind: it never leaves them."""
    return {one.name: str(one.readlink()) for one in sorted(Path("/proc/self/ns").iterdir())}


@contextmanager
def _folder(path: str) -> Generator[int]:
    """A descriptor of what the kernel makes for a process."""
    try:
        folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH), path) from error
    try:
        yield folder
    finally:
        os.close(folder)


def still_there(pid: int, found: list[str | None]) -> list[str | None]:
    """What was found, where what was not found is not missing because the process has ended."""
    if None in found and not Path(f"/proc/{pid}").exists():
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH), str(pid))
    return found


def _link(path: str, process: int) -> str | None:
    try:
        return os.readlink(path, dir_fd=process)
    except FileNotFoundError:
        return None


def _stand(pid: int, below: Sequence[str]) -> list[os.stat_result | None]:
    if not below:
        return []
    with _folder(f"/proc/{pid}/root") as root:
        return [_status(root, path.removeprefix("root")) for path in below]


def _status(root: int, rest: str) -> os.stat_result | None:
    try:
        place = open_plainly(root, rest, os.O_PATH)
    except OSError as error:
        if error.errno in NOT_THERE:
            return None
        raise
    try:
        return os.fstat(place)
    finally:
        os.close(place)


def _node(status: os.stat_result) -> Node:
    return Node(status.st_mode, status.st_dev, status.st_rdev)


HOST = HostLook()
