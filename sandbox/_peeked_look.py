"""What /proc says of processes that this machine does not show, as somebody else sees it; numbers are that one's."""

import errno
import os
from collections.abc import Mapping, Sequence

from ._aside import Peeked
from ._look import NOT_THERE, Node
from ._peeked import Peeker
from ._wire import Reader


class PeekedLook:
    """A `Look` through a peeker."""

    here = False

    def __init__(self, peeker: Peeker, hosts: Mapping[str, str] | None = None) -> None:
        """``hosts``: the namespaces of the engine's machine, by kind; None where nobody can tell."""
        self._peeker = peeker
        self._hosts = dict(hosts or {})

    def text(self, pid: int, below: str) -> str:
        (found,) = self._peek("r", pid, [below])
        return found.data.decode(errors="replace")

    def hosts(self) -> dict[str, str]:
        return self._hosts

    def links(self, pid: int, below: Sequence[str]) -> list[str | None]:
        found = self._peek("l", pid, below, (errno.ENOENT,))
        links = [None if one.error else os.fsdecode(one.data) for one in found]
        if None in links:
            self.text(pid, "stat")  # where that is gone as well, nothing is missing
        return links

    def nodes(self, pid: int, below: str) -> dict[str, Node]:
        (answer,) = self._peek("d", pid, [below])
        body, found = Reader(answer.data), dict[str, Node]()
        while body.left:
            name = body.raw(body.u32())
            found[os.fsdecode(name)] = node(body)
        return found

    def status(self, pid: int, below: Sequence[str]) -> list[Node | None]:
        return [None if one.error else node(Reader(one.data)) for one in self._peek("s", pid, below, NOT_THERE)]

    def owners(self, pid: int, below: Sequence[str]) -> list[int | None]:
        found = self._peek("s", pid, below, NOT_THERE)
        return [None if one.error else owner(Reader(one.data)) for one in found]

    def _peek(self, kind: str, pid: int, below: Sequence[str], absent: tuple[int, ...] = ()) -> list[Peeked]:
        """What is seen. Raises `OSError` for an error that is not ``absent``."""
        answers = self._peeker.peek([(kind, f"/proc/{self._number(pid)}/{path}") for path in below])
        for path, one in zip(below, answers, strict=True):
            if one.error and one.error not in absent:
                raise OSError(one.error, os.strerror(one.error), path)
        return answers

    def _number(self, pid: int) -> int:
        """How the peeker counts a process."""
        return pid


def node(body: Reader) -> Node:
    """One entry of a file system, as a peeker tells it."""
    mode, _ = body.u32(), body.u32()
    return Node(mode, device=body.u64(), rdev=body.u64())


def owner(body: Reader) -> int:
    """Whose it is."""
    body.u32()
    return body.u32()
