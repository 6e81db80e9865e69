"""What callers of the sandbox see: results, files to install, and the contract itself."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from ..records import ProcessSeen


@dataclass(frozen=True)
class ExecResult:
    """How a command ended. A dead container is never this: it raises `ContainerGone`."""

    exit_code: int | None
    """None where a signal or the time limit ended it, or where it could not be started."""
    stdout: bytes
    """Head and tail, with one line between them that says how much is missing."""
    stderr: bytes
    truncated: bool
    bytes_total: int
    """True size of both streams, kept or not."""
    sha256: str
    """Of the complete standard output."""
    duration_s: float
    timed_out: bool = False
    signal: int | None = None
    not_started: int | None = None
    """errno of a program that could not be started."""
    session_ended: bool = False
    """The shell of the session ended with the command (``exit``, ``exec``); the next call starts a new one."""
    fresh_session: bool = False
    late: bytes = b""
    """What background processes of the session wrote since the call before."""
    pid: int | None = None
    """In the container, of the process that ran the command; None where it could not be started."""

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True)
class FileRead:
    """Bytes of a file as the agent may read it."""

    data: bytes
    size: int
    error: int = 0
    """errno; 0 for none."""


@dataclass(frozen=True)
class Entry:
    """Something to put into the container."""

    path: str
    data: bytes = b""
    kind: Literal["file", "dir", "link", "append", "name", "piece", "socket", "gone"] = "file"
    """``append`` adds to a file that may stand there already and leaves its owner and mode; ``name`` is a further
    name for the file whose path the data is; ``piece`` is a part of a file with holes (see `piece_of`); ``gone``
    removes a file or an empty folder."""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    """0 leaves the time of installation."""


@dataclass(frozen=True)
class HaltReport:
    """What the stop from the host measured."""

    route: str
    """Rung of the ladder that emptied the container: ``cgroup.kill``, ``pid1``, ``sidecar``, ``engine`` or ``none``."""
    order_mono_ns: int
    latency_s: float
    cpu_ns_after_order: int | None
    """Processor time used between the order and the end; None where the kernel does not tell."""
    survivors: tuple[int, ...]
    """Host process ids that were still there when we gave up."""
    acts_after_order: int | None = None
    """Programs, signals and connections that asked after the order; None where they were not recorded."""

    @property
    def empty(self) -> bool:
        return not self.survivors


@dataclass(frozen=True)
class PoliteStop:
    """What the stop through the agent's own processes left."""

    remaining: tuple[ProcessSeen, ...]
    latency_s: float


class Sandbox(ABC):
    """One disposable container. A context manager; nothing is retried behind the caller's back."""

    @abstractmethod
    def exec(
        self,
        command: str | Sequence[str],
        *,
        session: str | None = None,
        timeout_s: float = 60.0,
        cap_bytes: int = 256 << 10,
        as_agent: bool = True,
        cwd: str = "/work",
        tick: Callable[[float], None] | None = None,
    ) -> ExecResult:
        """Run a command and wait for its end.

        A string with ``session`` runs in that named persistent shell; a list runs by itself. Children that hold
        the output open do not delay the return. On time-out the call's processes are killed and the result says
        so. Raises `ContainerGone`.
        """

    @abstractmethod
    def read(self, path: str, *, offset: int = 0, most: int = 1 << 20, cwd: str = "/work") -> FileRead:
        """Read a file with the agent's own rights."""

    @abstractmethod
    def write(self, path: str, data: bytes, *, append: bool = False, mode: int = 0o644, cwd: str = "/work") -> int:
        """Write a file with the agent's own rights, making missing folders; returns errno, 0 for success."""

    @abstractmethod
    def install(self, entries: Sequence[Entry]) -> dict[str, int]:
        """Put files in place with any owner, never following a link; returns path → errno of those that failed."""

    @abstractmethod
    def begin_install(self, entries: Sequence[Entry]) -> Callable[[], dict[str, int]]:
        """The same, carried out before whatever is asked next and without waiting; what is returned waits for it."""

    @abstractmethod
    def remove(self, path: str) -> int:
        """Unlink a file, never following a link; returns errno, 0 for success."""

    @abstractmethod
    def stop_agent(self, grace_s: float) -> PoliteStop:
        """SIGTERM to the agent's own processes, then wait; who remains is in the result."""

    @abstractmethod
    def kill(self) -> HaltReport:
        """End everything from the host, without the engine where the kernel allows it."""

    @abstractmethod
    def close(self) -> None:
        """Kill and remove; closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
