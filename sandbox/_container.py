"""One disposable container on a Docker Engine, driven over the stream to its PID 1."""

import os
import shlex
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Self

from ._acts import Listener
from ._attest import attest
from ._cgroup import Cgroup, pid_descriptor, wait_process
from ._engine import Engine
from ._errors import EngineError, StartFailed, SupervisorFault
from ._files import FileWatch
from ._halt import halt
from ._holder import Holder
from ._keeper import keeper
from ._link import Link, RelayHandler
from ._making import make, open_roots, remove, start
from ._processes import ProcessWatch
from ._profile import OPS_UID
from ._results import exec_result
from ._spec import LEASE_S, ContainerSpec, Evidence
from ._types import Entry, ExecResult, FileRead, HaltReport, PoliteStop, Sandbox
from ._warden import Charge, warden
from ._wire import Outcome, Reader, Reply, Request, encoded, entry, text, texts, u32, u64
from ._writes import WriteWatch

__all__ = ["LEASE_S", "ContainerSpec", "DockerSandbox", "Evidence"]

_REPLY_GRACE_S = 15.0
_FILE_MS = 10_000
_PIECE = 16 << 20
"""Bytes of file content in one request, at most."""
_ENTRY_MOST = 48 << 20
_KINDS = {"dir": 1, "file": 2, "link": 3, "append": 4}
_MAIN = "main"
_STATUS_FD = 199
_EIO = 5
_DYING_S = 0.5


class DockerSandbox(Sandbox):
    """A running container. Made by `start`."""

    def __init__(
        self, engine: Engine, spec: ContainerSpec, container_id: str, link: Link, network: Holder | None = None
    ) -> None:
        self.spec = spec
        self.profile = spec.profile
        self.id = container_id
        self.pid = 0
        self._engine = engine
        self._link = link
        self._network = network
        self.disposal: Callable[[Callable[[], None]], None] = lambda removal: removal()
        """Told to remove the dead container from the engine; does it at once unless somebody else sees to it."""
        self._pidfd = -1
        self._cgroup: Cgroup | None = None
        self._owned = ExitStack()
        self._halted: HaltReport | None = None
        self._closed = False
        self.evidence: Evidence

    @classmethod
    def start(cls, engine: Engine, spec: ContainerSpec, entries: Sequence[Entry] = (), cwd: str = "/work") -> Self:
        """Bring a container up and furnish it. Raises `StartFailed` or `PostureError`; then nothing of it is left."""
        sandbox = cls.bring_up(engine, spec)
        sandbox.furnish(entries, cwd)
        return sandbox

    @classmethod
    def bring_up(cls, engine: Engine, spec: ContainerSpec, network: Holder | None = None) -> Self:
        """Create, start, take the mediation listener, drop to our identity: all that no world is needed for.

        The watchdog guards the container from its first moment. Raises `StartFailed` and the engine's errors;
        whatever was made by then is removed.
        """
        container_id, connection = make(engine, spec, warden(engine), network.id if network else None)
        sandbox = cls(engine, spec, container_id, Link(connection, spec.name), network)
        try:
            sandbox._come_up()
        except BaseException:
            sandbox.give_up()
            raise
        return sandbox

    def furnish(self, entries: Sequence[Entry], cwd: str) -> None:
        """Install ``entries``, start the agent's main shell in ``cwd``, attest: then an agent may come.

        Raises `StartFailed` or `PostureError`; the container is then removed.
        """
        try:
            self._furnish(entries, cwd)
        except BaseException:
            self.give_up()
            raise

    def _furnish(self, entries: Sequence[Entry], cwd: str) -> None:
        for path, error in self.install(entries).items():
            raise StartFailed("installing the world", f"{self.spec.name}:{path}", os.strerror(error))
        shell = self._shell("true", _MAIN, 10.0, 4096, cwd, None, prologue="")
        if not shell.ok:
            raise StartFailed("starting the shell", self.spec.name, f"it answered {shell}")
        network = self._network.namespace if self._network else None
        evidence = self.evidence
        evidence.posture = attest(self.profile, self.pid, self._agent_pid(), evidence.cgroup, network=network)

    def _come_up(self) -> None:
        cgroup = self._started()
        acts = Listener(self.spec.supervisor, self.spec.scratch / f"{self.spec.name}.acts")
        self._owned.callback(acts.close)
        acts.attach(self.pid)
        self._link.watch(acts.fileno(), acts.fault)
        roots = open_roots(self.pid)
        files = FileWatch(roots, WriteWatch.open(roots))
        self._owned.callback(files.close)
        self.evidence = Evidence(cgroup, files, ProcessWatch(cgroup, self.pid), acts)
        self._hello()
        self._link.shorten(self._pidfd)
        keeper().add(self._link)

    def _started(self) -> Cgroup:
        """Start the created container, take hold of its first process and have it guarded."""
        self.pid = start(self._engine, self.spec.name, self.id)
        if not self.pid:
            raise StartFailed("starting the container", self.spec.name, self._link.stderr or "it ended at once")
        try:
            self._pidfd = pid_descriptor(self.pid)
            self._owned.callback(os.close, self._pidfd)
            self._cgroup = Cgroup(self.pid)
        except OSError as error:
            raise StartFailed("looking at the container's first process", self.spec.name, str(error)) from error
        paths, captures, stream = self._cgroup.paths, self.spec.captures, self._link.connection
        warden(self._engine).guard(Charge(self.spec.name, self.pid, paths, captures, self._pidfd, stream))
        return self._cgroup

    def _hello(self) -> None:
        profile = self.profile
        payload = (
            u32(profile.agent_uid, profile.agent_uid)
            + u64(profile.agent_mask)
            + u32(int(self.spec.lease_s * 1000))
            + text(profile.home)
            + texts(profile.env)
            + texts([place.path for place in profile.places if place.seeded])
        )
        reply = self._link.call(Request.HELLO, payload, 15.0)
        if reply.type != Reply.READY:
            error = int.from_bytes(reply.payload[:4], "little")
            what = reply.payload[4:].decode(errors="replace")
            raise StartFailed("starting PID 1", self.spec.name, f"{what}: {os.strerror(error)}")

    def _agent_pid(self) -> int:
        for process in self.evidence.processes.scan():
            if process.session == _MAIN:
                return process.host_pid
        raise StartFailed("attesting the container", self.spec.name, "the agent's shell is not to be seen")

    @property
    def on_relay(self) -> RelayHandler | None:
        """Serves requests that programs in the container send to the services outside.

        It is called in the thread of a running call, and between calls in a thread of its own.
        """
        return self._link.on_relay

    @on_relay.setter
    def on_relay(self, handler: RelayHandler | None) -> None:
        self._link.on_relay = handler

    @property
    def relay_failures(self) -> list[Exception]:
        """What `on_relay` raised so far; the program that asked was told only that the service failed."""
        return self._link.relay_failures

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
        if session is not None:
            line = command if isinstance(command, str) else shlex.join(command)
            return self._shell(line, session, timeout_s, cap_bytes, cwd, tick)
        argv = ["/bin/bash", "-c", command] if isinstance(command, str) else list(command)
        payload = u32(int(as_agent), _milliseconds(timeout_s), cap_bytes) + text(cwd) + texts(argv)
        reply = self._link.call(Request.RUN, payload, timeout_s + _REPLY_GRACE_S, tick)
        return self._result(reply.type, reply.payload)

    def serve(self, name: str, argv: Sequence[str], *, as_agent: bool = True, cwd: str = "/") -> int:
        """Start a declared service that nobody waits for; returns its pid in the container."""
        payload = u32(int(as_agent) | 4, 0, 0) + text(cwd) + texts(list(argv))
        reply = self._link.call(Request.RUN, payload, _REPLY_GRACE_S)
        body = Reader(reply.payload)
        if reply.type != Reply.RESULT:
            raise SupervisorFault("starting a service", f"{self.spec.name}/{name}", repr(reply.payload))
        outcome, code = body.u8(), body.u32()
        if outcome != Outcome.STARTED:
            raise StartFailed("starting a service", f"{self.spec.name}/{name}", os.strerror(code))
        self.evidence.processes.services[code] = name
        return code

    def _shell(
        self,
        command: str,
        session: str,
        timeout_s: float,
        cap: int,
        cwd: str,
        tick: Callable[[float], None] | None,
        *,
        prologue: str | None = None,
    ) -> ExecResult:
        """``prologue`` stands in the place of the one that every command of the agent has."""
        nonce = uuid.uuid4().hex
        quoted = shlex.quote(command)
        prologue = (self.spec.session_prologue if prologue is None else prologue).replace("{command}", quoted)
        script = (
            f"{prologue}\nbuiltin eval {quoted} </dev/null {_STATUS_FD}>&-\n"
            f"builtin printf '%s %d\\n' {nonce} \"$?\" >&{_STATUS_FD}\n"
        )
        start = f"[ -r ~/.bashrc ] && . ~/.bashrc </dev/null\nshopt -s expand_aliases\n{self.spec.session_start}\n"
        names = text(session) + text(cwd) + text(start) + text(nonce)
        payload = u32(_milliseconds(timeout_s), cap) + names + text(script)
        reply = self._link.call(Request.SHELL, payload, timeout_s + _REPLY_GRACE_S, tick)
        return self._result(reply.type, reply.payload, session)

    def _result(self, kind: int, payload: bytes, session: str | None = None) -> ExecResult:
        body = Reader(payload)
        if kind == Reply.ERROR:
            error = body.u32()
            raise SupervisorFault("running a command", self.spec.name, f"{os.strerror(error)} ({body.rest()!r})")
        pid, result = exec_result(body)
        if session is not None and result.fresh_session:
            self.evidence.processes.sessions[pid] = session
        return result

    def read(self, path: str, *, offset: int = 0, most: int = 1 << 20, cwd: str = "/work") -> FileRead:
        first = self._read_piece(path, offset, min(most, _PIECE), cwd)
        pieces = [first.data]
        got = len(first.data)
        while pieces[-1] and got < most and offset + got < first.size:
            pieces.append(self._read_piece(path, offset + got, min(most - got, _PIECE), cwd).data)
            got += len(pieces[-1])
        return FileRead(b"".join(pieces), first.size, first.error)

    def _read_piece(self, path: str, offset: int, most: int, cwd: str) -> FileRead:
        payload = u32(_FILE_MS) + u64(offset) + u32(most) + text(cwd) + text(path)
        result = self._file_call(Request.READ, payload)
        if result.not_started is not None or result.exit_code is None:
            return FileRead(b"", 0, result.not_started or _EIO)
        head = Reader(result.stdout)
        error, size = head.u32(), head.u64()
        return FileRead(head.rest(), size, error)

    def write(self, path: str, data: bytes, *, append: bool = False, mode: int = 0o644, cwd: str = "/work") -> int:
        for at in range(0, max(1, len(data)), _PIECE):
            flags = 1 | (2 if append or at else 0)
            payload = u32(_FILE_MS, flags, mode) + text(cwd) + text(path) + text(data[at : at + _PIECE])
            result = self._file_call(Request.WRITE, payload)
            if not result.ok:
                return result.not_started or _EIO
        return 0

    def _file_call(self, kind: Request, payload: bytes) -> ExecResult:
        reply = self._link.call(kind, payload, _FILE_MS / 1000 + _REPLY_GRACE_S)
        return self._result(reply.type, reply.payload)

    def install(self, entries: Sequence[Entry]) -> dict[str, int]:
        failed: dict[str, int] = {}
        for batch in _batches(entries):
            body = b"".join(entry(_KINDS[e.kind], e.mode, e.uid, e.gid, e.mtime_ns, e.path, e.data) for e in batch)
            reply = self._link.call(Request.INSTALL, u32(len(batch)) + body, 60.0)
            if reply.type != Reply.RESULT:
                raise SupervisorFault("installing files", self.spec.name, repr(reply.payload))
            answer = Reader(reply.payload)
            failed |= {batch[answer.u32()].path: answer.u32() for _ in range(len(reply.payload) // 8)}
        return failed

    def remove(self, path: str) -> int:
        reply = self._link.call(Request.REMOVE, text(path), 10.0)
        return Reader(reply.payload).u32()

    def stop_agent(self, grace_s: float) -> PoliteStop:
        started = time.monotonic()
        self._link.call(Request.SIGNAL, u32(15), 10.0)
        remaining = self._agents()
        while remaining and time.monotonic() - started < grace_s:
            time.sleep(0.005)
            remaining = self._agents()
        return PoliteStop(self.evidence.processes.scan(), time.monotonic() - started)

    def _agents(self) -> bool:
        """Whether processes are there that were asked to stop; those with our own identity never are."""
        return any(process.uid != OPS_UID for process in self.evidence.processes.scan())

    def kill(self) -> HaltReport:
        if self._halted is None:
            assert self._cgroup is not None, "a started container has a control group"
            self._halted = halt(self._cgroup, self._pidfd, self._kill_by_engine)
            self._link.close()
        return self._halted

    def _kill_by_engine(self) -> None:
        with self._engine.phase("killing the container", self.spec.name):
            self._engine.api.kill(self.id)

    @property
    def alive(self) -> bool:
        """Whether PID 1 still runs, by the kernel. Its stream ends a moment before it does."""
        if self._closed or self._pidfd < 0:
            return False
        return not wait_process(self._pidfd, _DYING_S if self._link.lost else 0.0)

    def exit_state(self) -> dict[str, Any]:
        """What the engine says about the end of the container (grade G1)."""
        with self._engine.phase("inspecting the container", self.spec.name):
            state: dict[str, Any] = self._engine.api.inspect_container(self.id)["State"]
        names = ("Status", "ExitCode", "OOMKilled", "Error", "StartedAt", "FinishedAt")
        return {name: state.get(name) for name in names}

    def give_up(self) -> None:
        """Close after a failure, which is what is told: where removing fails too, the watchdog still guards it."""
        with suppress(EngineError):
            self.close()

    def close(self) -> None:
        if self._closed:
            return
        try:
            if self._cgroup is not None:
                self.kill()
        finally:
            self._closed = True
            self._link.close()
            self._owned.close()
            self.disposal(lambda: remove(self._engine, self.spec.name, self.id, warden(self._engine)))


def _milliseconds(timeout_s: float) -> int:
    """A time limit for PID 1, for which 0 means none."""
    if not 0 < timeout_s < 4_000_000:
        raise ValueError(f"a time limit of {timeout_s} s is none")
    return max(1, int(timeout_s * 1000))


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Entries in groups that fit a request. What no file system could take is a `ValueError`."""
    batch: list[Entry] = []
    size = 0
    for one in entries:
        if len(one.data) > _ENTRY_MOST:
            raise ValueError(f"{one.path}: {len(one.data)} bytes are too many to install at once")
        if one.kind == "link":
            encoded(os.fsdecode(one.data))
        if batch and size + len(one.data) > _PIECE:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one.data)
    if batch:
        yield batch
