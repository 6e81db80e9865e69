"""Network namespaces that are made once and used by one container after another.

An empty network namespace of its own is more than half of what the start of a container costs. A holder is a
container in which nothing runs but a static program that waits; others join its namespace, one living container at
a time. Between two lives it is looked at from the host, and thrown away unless it is as empty as on its first day.
"""

import os
import re
import signal
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ._aside import needs_aside
from ._cgroup import Cgroup, pid_descriptor, signal_process, wait_process
from ._engine import Engine
from ._errors import SandboxError, StartFailed
from ._lease import ROLE_LABEL
from ._making import all_labels, create, remove, start
from ._network_facts import NO_NETWORK
from ._profile import holder_config
from ._warden import Charge, warden

_ENDS_S = 5.0
_LAST_LIFE_S = 0.25
"""How long a socket of a container that is dead may take to disappear."""
_COUNTS = re.compile(r"^sockets: used (\d+)\nTCP: .* tw (\d+) ", re.MULTILINE)
_TABLES = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6", "unix", "packet")


class Holder:
    """One network namespace without devices but loopback. Made by `start`."""

    net: Mapping[str, Any] = NO_NETWORK
    """What is in it, and what whoever joins may find there."""

    def __init__(self, engine: Engine, name: str, container_id: str, connection: socket.socket) -> None:
        self.id = container_id
        self.pid = 0
        self._engine = engine
        self._name = name
        self._connection = connection
        self._pidfd = -1
        self._first: int | None = None
        """Sockets that are the engine's own: it keeps one of netlink in each namespace that it makes."""
        self._removed = False

    @classmethod
    def start(cls, engine: Engine, image: str, supervisor: Path, captures: Path, labels: Mapping[str, str]) -> "Holder":
        """Make one on the engine; the watchdog guards it. Raises `StartFailed` and the engine's errors."""
        name = f"offswitch-net-{uuid.uuid4().hex[:12]}"
        config = holder_config(image, str(supervisor), all_labels({**labels, ROLE_LABEL: "network"}))
        container_id, connection = create(engine, name, config, warden(engine))
        holder = cls(engine, name, container_id, connection)
        try:
            holder._come_up(captures)
        except BaseException:
            holder.close()
            raise
        return holder

    def _come_up(self, captures: Path) -> None:
        self.pid = start(self._engine, self._name, self.id)
        if not self.pid:
            raise StartFailed("starting a network holder", self._name, "it ended at once")
        try:
            self._pidfd = pid_descriptor(self.pid)
            paths = Cgroup(self.pid).paths
            self.namespace = network_namespace(self.pid)
        except OSError as error:
            raise StartFailed("looking at a network holder", self._name, str(error)) from error
        warden(self._engine).guard(Charge(self._name, self.pid, paths, captures, self._pidfd, self._connection))
        if self.namespace == network_namespace(os.getpid()) or self.remains():
            raise StartFailed("looking at a network holder", self._name, f"its network is not empty: {self.remains()}")
        self._first, _ = _counted(Path(f"/proc/{self.pid}/net"))

    @property
    def alive(self) -> bool:
        """Whether the namespace is still held."""
        return self._pidfd >= 0 and not wait_process(self._pidfd, 0.0)

    def remains(self) -> list[str]:
        """What there is in the namespace beside an idle loopback: devices, routes, sockets, processes."""
        net = Path(f"/proc/{self.pid}/net")
        found = [f"device {name}" for name in _devices(net) if name != "lo"]
        found += [f"route {line.split()[0]}" for line in _rows(net / "route")]
        found += self._sockets(net)
        found += [f"process {pid}" for pid in members(self.namespace) if pid != self.pid]
        return found

    def _sockets(self, net: Path) -> list[str]:
        """Sockets that are there and were not when it was made.

        The kernel counts those of every family, and those of TCP that wait for their time to be over. Only where there
        is one more the tables are asked which: to read those of TCP takes milliseconds, since the kernel walks through
        the host's whole hash table.
        """
        used, waiting = _counted(net)
        if self._first is not None and used <= self._first and not waiting:
            return []
        rows = [f"{table}: {row.strip()[:80]}" for table in _TABLES for row in _rows(net / table)]
        return rows or ([] if self._first is None else [f"{used - self._first} sockets of another kind"])

    def looser(self) -> list[str]:
        """What leads out of it now and did not when it was made, in words; the namespace itself is attested apart."""
        return []

    def is_as_new(self) -> bool:
        """Whether the next container may join: what the last one left has a moment to disappear."""
        end = time.monotonic() + _LAST_LIFE_S
        with suppress(OSError):  # it died, and its /proc with it
            while self.alive and self.remains():
                if time.monotonic() > end:
                    return False
                time.sleep(0.005)
        return self.alive

    def close(self) -> None:
        """Let the namespace go; closing twice is fine."""
        self._connection.close()
        if self._pidfd >= 0:
            signal_process(self._pidfd, signal.SIGKILL)  # the watchdog holds the stream too
            wait_process(self._pidfd, _ENDS_S)
            os.close(self._pidfd)
            self._pidfd = -1
        if not self._removed:
            remove(self._engine, self._name, self.id, warden(self._engine))
            self._removed = True


def can_hold(engine: Engine) -> bool:
    """Whether a holder serves here: we may look into it, and the engine's runtime may join it.

    A runtime in a user namespace may not; there, and for a user without rights over its processes, each container has
    an empty network namespace of its own, which takes longer and confines as well.
    """
    told = engine.told
    return told.local and not (needs_aside() or told.rootless or told.user_namespaces)


class Holders:
    """The free holders of one process on one engine. Safe to use from several threads."""

    def __init__(self, engine: Engine, image: str, supervisor: Path, captures: Path, labels: Mapping[str, str]) -> None:
        self._made_of = (engine, image, supervisor, captures, labels)
        self._lock = threading.Lock()
        self._free: list[Holder] = []
        self._closed = False
        self.made = 0
        """Holders made so far; as many as containers lived at the same time, unless one was thrown away."""

    def take(self) -> Holder:
        """A holder whose namespace nobody else uses until it is given back."""
        while (holder := self._pop()) is not None:
            if holder.is_as_new():
                return holder
            holder.close()
        self.made += 1
        return Holder.start(*self._made_of)

    def give_back(self, holder: Holder) -> None:
        """The container that was in it is dead."""
        with self._lock:
            if not self._closed:
                self._free.append(holder)
                return
        holder.close()

    def close(self) -> None:
        """Remove the free ones; those in use go when they are given back."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        failed = [error for holder in free if (error := _closing(holder))]
        if failed:
            raise failed[0]

    def _pop(self) -> Holder | None:
        with self._lock:
            return self._free.pop() if self._free else None


def _closing(holder: Holder) -> SandboxError | None:
    try:
        holder.close()
    except SandboxError as error:
        return error
    return None


def network_namespace(pid: int) -> int:
    """The inode that names the network namespace of a process."""
    return Path(f"/proc/{pid}/ns/net").stat().st_ino


def members(namespace: int) -> list[int]:
    """Host process ids of all that live in a network namespace."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _is_in(namespace, name)]  # noqa: PTH208 - paths are slow


def _is_in(namespace: int, process: str) -> bool:
    try:
        return os.stat(f"/proc/{process}/ns/net").st_ino == namespace  # noqa: PTH116 - asked of every process there is
    except OSError:  # it has ended
        return False


def _counted(net: Path) -> tuple[int, int]:
    """Sockets of a namespace, and those of TCP that wait for their time to be over."""
    counted = _COUNTS.search((net / "sockstat").read_text())
    assert counted is not None, "the kernel's table of sockets has another form"
    return int(counted[1]), int(counted[2])


def _devices(net: Path) -> list[str]:
    return [line.split(":")[0].strip() for line in (net / "dev").read_text().splitlines()[2:]]


def _rows(table: Path) -> list[str]:
    """The rows of a table of the kernel below its heading; a table that this kernel lacks has none."""
    try:
        return table.read_text().splitlines()[1:]
    except FileNotFoundError:
        return []
