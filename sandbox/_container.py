"""One disposable container on a Docker Engine, driven over the stream to its PID 1."""

import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from ._aside import Aside, needs_aside
from ._attest import attest, changed, shortfalls
from ._cgroup import Cgroup, pid_descriptor, wait_process
from ._dialect import owners
from ._engine import Engine
from ._engine_answers import part
from ._errors import ContainerGone, EngineError, StartFailed, SupervisorFault
from ._halt import halt, halt_beside
from ._holder import Holder
from ._keeper import keeper
from ._kinds import ended_at_once, kind_of, stranger
from ._link import Link, RelayHandler
from ._making import make, remove, start
from ._near import from_beside, from_host
from ._profile import OPS_UID, Profile
from ._requests import PIECE, batches, hello, installation, milliseconds, shell_line
from ._results import NO_ROOM, exec_result, install_errors, not_started
from ._sentry import sentry
from ._spec import LEASE_S, ContainerSpec, Evidence
from ._types import Entry, ExecResult, FileRead, HaltReport, PoliteStop, Sandbox
from ._warden import Charge, warden
from ._wire import Frame, Outcome, Reader, Reply, Request, text, texts, u32, u64

__all__ = ["LEASE_S", "ContainerSpec", "DockerSandbox", "Evidence"]

_REPLY_GRACE_S = 15.0
_FILE_MS = 10_000
_INSTALL_S = 60.0
_MAIN = "main"
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
        self.companions: Mapping[str, DockerSandbox] = {}
        """Containers of the same world, by name; they live as long as this one."""
        self._pidfd = -1
        self._cgroup: Cgroup | None = None
        self._aside: Aside | None = None
        self._owned = ExitStack()
        self._halted: HaltReport | None = None
        self._closed = False
        self.evidence: Evidence

    @classmethod
    def start(
        cls, engine: Engine, spec: ContainerSpec, entries: Sequence[Entry] = (), cwd: str = "/work"
    ) -> "DockerSandbox":
        """Bring a container up and furnish it. Raises `StartFailed` or `PostureError`; then nothing of it is left."""
        sandbox = cls.bring_up(engine, spec)
        sandbox.furnish(entries, cwd)
        return sandbox

    @classmethod
    def bring_up(cls, engine: Engine, spec: ContainerSpec, network: Holder | None = None) -> "DockerSandbox":
        """Create, start, take the mediation listener, drop to our identity: all that no world is needed for.

        The watchdog guards the container from its first moment. Raises `StartFailed` and the engine's errors;
        whatever was made by then is removed.
        """
        kind = kind_of(engine, spec)
        container_id, connection = make(engine, spec, warden(engine), network.id if network else None)
        sandbox = kind(engine, spec, container_id, Link(connection, spec.name), network)
        try:
            sandbox.come_up()
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
        installed, evidence = self.begin_install(entries), self.evidence
        first = u32(milliseconds(10.0), 4096) + self._line("true", _MAIN, cwd, plain=True)
        started = self._link.post(Request.SHELL, first, 10.0 + _REPLY_GRACE_S)
        for path, error in installed().items():
            raise StartFailed("installing the world", f"{self.spec.name}:{path}", os.strerror(error))
        if evidence.files.hears_writes:
            evidence.files.scan()  # most of the first look, while the shell starts; what follows will be heard
        shell = self._result(started(), _MAIN)
        if not shell.ok:
            raise StartFailed("starting the shell", self.spec.name, f"it answered {shell}")
        evidence.posture = self._attested()
        if self.companions:
            evidence.posture["companions"] = {name: one.evidence.posture for name, one in self.companions.items()}

    def _attested(self) -> dict[str, Any]:
        """The facts at the opening. Raises `PostureError`."""
        return attest(self.profile, self.pid, self._agent_pid(), self.evidence.cgroup, **self._where())

    def shortfalls(self, profile: Profile) -> tuple[dict[str, str], frozenset[str]]:
        """What the attested posture lacks of a profile, by guarantee, and the names of what nobody could attest."""
        return shortfalls(profile, self.evidence.posture), frozenset()

    def _where(self) -> dict[str, Any]:
        """What an attestation has to know: the network that is there, and who sees what needs rights."""
        known = {"network": self._network.namespace, "net": self._network.net} if self._network else {}
        return {**known, "look": self.evidence.look}

    def attest_again(self) -> list[str]:
        """What is looser now than the profile allows, in words: of the container, PID 1 and every process in it.

        Raises `ContainerGone` where PID 1 does not live, `EvidenceLost` where the sidecar that looks does not.
        """
        subject, group = ("attesting the container again", self.spec.name), self.evidence.cgroup
        if not self.alive:
            raise ContainerGone(*subject, "its first process has ended")
        try:
            others = [pid for pid in group.pids() if pid != self.pid]
            found = changed(self.profile, self.pid, others, group, **self._where())
        except OSError as error:
            raise ContainerGone(*subject, f"it cannot be looked at: {error.strerror}") from error
        if not self.alive:  # what was read may be another process's by now
            raise ContainerGone(*subject, "its first process ended meanwhile")
        beside = [f"{name}: {told}" for name, one in self.companions.items() for told in one.attest_again()]
        return [*found, *beside, *(self._network.looser() if self._network else ())]

    def come_up(self) -> None:
        """Start what was created and open its evidence: part of `bring_up`."""
        cgroup = self._started()
        if needs_aside():
            self._aside = Aside.start(self._engine, self.spec, self.id)
            self._owned.callback(self._aside.close)
            self.evidence = from_beside(self.spec, self.pid, cgroup, self._aside, self._owned)
        else:
            self.evidence = from_host(self.spec, self.pid, cgroup, self._owned)
        acts = self.evidence.acts
        self._link.watch(acts.fileno(), acts.fault)
        self._owned.callback(sentry().guard(acts, cgroup.kill, self._pidfd))
        self._hello()
        self._link.shorten(self._pidfd)
        keeper().add(self._link)

    def _started(self) -> Cgroup:
        """Start the created container, take hold of its first process and have it guarded."""
        self.pid = start(self._engine, self.spec.name, self.id)
        if not self.pid:
            raise ended_at_once(self.spec.name, self._link.last_words())
        try:
            self._pidfd = pid_descriptor(self.pid)
            self._owned.callback(os.close, self._pidfd)
            cgroup = Cgroup(self.pid)
        except OSError as error:
            raise StartFailed("looking at the container's first process", self.spec.name, str(error)) from error
        if not self._engine.sees(self.pid, self.id) and not wait_process(self._pidfd, 0.0):
            raise stranger(self.spec.name, self.pid)  # and nothing of it is ours to kill
        self._cgroup = cgroup
        paths, captures, stream = cgroup.paths, self.spec.captures, self._link.connection
        warden(self._engine).guard(Charge(self.spec.name, self.pid, paths, captures, self._pidfd, stream))
        return cgroup

    def _hello(self) -> None:
        reply = self._link.call(Request.HELLO, hello(self.profile, self.spec.lease_s), 15.0)
        if reply.type != Reply.READY:
            error = int.from_bytes(reply.payload[:4], "little")
            what = reply.payload[4:].decode(errors="replace")
            raise StartFailed("starting PID 1", self.spec.name, f"{what}: {os.strerror(error)}")
        for path, error in self.install(owners(self._engine, self.profile)).items():
            raise StartFailed("giving writable places to their owners", f"{self.spec.name}:{path}", os.strerror(error))

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
            payload = u32(milliseconds(timeout_s), cap_bytes) + self._line(line, session, cwd)
            reply = self._link.call(Request.SHELL, payload, timeout_s + _REPLY_GRACE_S, tick)
            return self._result(reply, session)
        argv = ["/bin/bash", "-c", command] if isinstance(command, str) else list(command)
        payload = u32(int(as_agent), milliseconds(timeout_s), cap_bytes) + text(cwd) + texts(argv)
        return self._result(self._link.call(Request.RUN, payload, timeout_s + _REPLY_GRACE_S, tick))

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

    def _line(self, command: str, session: str, cwd: str, *, plain: bool = False) -> bytes:
        """``plain``: without what stands before every command of the agent."""
        prologue = "" if plain else self.spec.session_prologue
        return shell_line(command, session, cwd, start=self.spec.session_start, prologue=prologue)

    def _result(self, reply: Frame, session: str | None = None) -> ExecResult:
        body = Reader(reply.payload)
        if reply.type == Reply.ERROR:
            error = body.u32()
            if session is not None and error in NO_ROOM:
                return not_started(error)
            raise SupervisorFault("running a command", self.spec.name, f"{os.strerror(error)} ({body.rest()!r})")
        result = exec_result(body)
        if session is not None and result.fresh_session and result.pid is not None:
            self.evidence.processes.sessions[result.pid] = session
        return result

    def read(self, path: str, *, offset: int = 0, most: int = 1 << 20, cwd: str = "/work") -> FileRead:
        first = self._read_piece(path, offset, min(most, PIECE), cwd)
        pieces = [first.data]
        got = len(first.data)
        while pieces[-1] and got < most and offset + got < first.size:
            pieces.append(self._read_piece(path, offset + got, min(most - got, PIECE), cwd).data)
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
        for at in range(0, max(1, len(data)), PIECE):
            flags = 1 | (2 if append or at else 0)
            payload = u32(_FILE_MS, flags, mode) + text(cwd) + text(path) + text(data[at : at + PIECE])
            result = self._file_call(Request.WRITE, payload)
            if not result.ok:
                return result.not_started or _EIO
        return 0

    def _file_call(self, kind: Request, payload: bytes) -> ExecResult:
        return self._result(self._link.call(kind, payload, _FILE_MS / 1000 + _REPLY_GRACE_S))

    def install(self, entries: Sequence[Entry]) -> dict[str, int]:
        return self.begin_install(entries)()

    def begin_install(self, entries: Sequence[Entry]) -> Callable[[], dict[str, int]]:
        kind, name = Request.INSTALL, self.spec.name
        under_way = [(batch, self._link.post(kind, installation(batch), _INSTALL_S)) for batch in batches(entries)]

        def failed() -> dict[str, int]:
            answers = (install_errors(batch, answer(), name) for batch, answer in under_way)
            return {path: error for errors in answers for path, error in errors.items()}

        return failed

    def remove(self, path: str) -> int:
        return Reader(self._link.call(Request.REMOVE, text(path), 10.0).payload).u32()

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
            self._halted = halt_beside(self._aside, self._cgroup, self.pid, self._acts_since) if self._aside else None
            if self._halted is None or self._halted.survivors:
                self._halted = halt(self._cgroup, self._pidfd, self._kill_by_engine, self._acts_since)
            if self._aside is None:  # else PID 1 keeps the sidecar, and the files with it, until we close
                self._link.close()
        return self._halted

    def _acts_since(self, mono_ns: int) -> int | None:
        return self.evidence.acts.begun_since(mono_ns) if hasattr(self, "evidence") else None

    @property
    def halted(self) -> bool:
        """Whether we gave the order to end it."""
        return self._halted is not None

    def _kill_by_engine(self) -> None:
        with self._engine.phase("killing the container", self.spec.name):
            self._engine.api.kill(self.id)

    @property
    def alive(self) -> bool:
        """Whether PID 1 still runs, by the kernel. Its stream ends a moment before it does."""
        if self._closed or self._pidfd < 0 or self._halted is not None:
            return False
        return not wait_process(self._pidfd, _DYING_S if self._link.lost else 0.0)

    def exit_state(self) -> dict[str, Any]:
        """What the engine says about the end of the container (grade G1)."""
        with self._engine.phase("inspecting the container", self.spec.name):
            state: dict[str, Any] = part(self._engine.api.inspect_container(self.id), "State")
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
