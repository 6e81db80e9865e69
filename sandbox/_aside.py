"""The evidence sidecar: a second container in the agent's process namespace, for a user without rights on the host.

A member of the ``docker`` group who is not root may start containers, yet may neither take the mediation listener out
of one nor read its files. A container of ours beside the agent's may: it shares the agent's process namespace and
nothing else, has an identity that no agent can signal, and three capabilities (SYS_PTRACE for the listener, memory and
/proc; DAC_READ_SEARCH for files whatever their mode; KILL for the end). It speaks over its attached stream.
"""

import os
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Self

from ._engine import Engine
from ._errors import EvidenceLost, StartFailed
from ._lease import ROLE_LABEL
from ._making import all_labels, create, remove, start
from ._profile import sidecar_config
from ._spec import ContainerSpec
from ._warden import warden
from ._wire import Demultiplexer, Frame, Reader, Reply, frame, text, u32

ASIDE_UID = 65001
"""Its own identity, which no agent can signal or become."""
START_S = 15.0
ANSWER_S = 30.0
_FRAME_READ = 1 << 18


_AS_ROOT = "sudo offswitch: where the engine remaps users, a file of yours is nobody's to the sidecar"


class Ask(IntEnum):
    """What the harness asks of the sidecar."""

    PEEK = 31
    ROOTS = 32
    WALK = 33
    DIGEST = 34
    READ = 35
    KILL = 36
    SYNC = 37


@dataclass(frozen=True)
class Peeked:
    """One item of /proc as the sidecar saw it."""

    error: int
    """errno; 0 for none."""
    data: bytes


class Aside:
    """One sidecar. Made by `start`; safe to use from several threads."""

    def __init__(self, engine: Engine, name: str, container_id: str, connection: socket.socket) -> None:
        self.name = name
        self.id = container_id
        self._engine = engine
        self._connection = connection
        self._said = Demultiplexer()
        self._changed = threading.Condition()
        self._answers: dict[int, Frame] = {}
        self._acts = bytearray()
        self._next = 1
        self._ready = False
        self._ended = False
        self._closed = False
        self._end, self._ending = os.pipe2(os.O_CLOEXEC)
        self._reader = threading.Thread(target=self._read, name="offswitch-sidecar", daemon=True)

    @classmethod
    def start(cls, engine: Engine, spec: ContainerSpec, agent_id: str) -> Self:
        """Put one beside a container whose first process waits for its listener to be taken.

        Raises `StartFailed` and the engine's errors; nothing is left then.
        """
        name = f"{spec.name}-aside"
        labels = all_labels({**spec.labels, ROLE_LABEL: "evidence"})
        config = sidecar_config(spec.image, str(spec.supervisor), labels, agent_id)
        container_id, connection = create(engine, name, config, warden(engine))
        aside = cls(engine, name, container_id, connection)
        try:
            aside._come_up()
        except BaseException:
            aside.close()
            raise
        return aside

    def _come_up(self) -> None:
        self._connection.settimeout(None)
        self._reader.start()
        start(self._engine, self.name, self.id)
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended, START_S)
            if not self._ready:
                said = bytes(self._said.stderr).decode(errors="replace").strip()
                remedy = _AS_ROOT if self._engine.told.user_namespaces else None
                raise StartFailed(
                    "starting the evidence sidecar", self.name, said or "no answer in time", remedy=remedy
                )

    def _read(self) -> None:
        """Take in everything, always: an act waits until its record has left the sidecar."""
        with suppress(OSError):
            while data := self._connection.recv(_FRAME_READ):
                frames = self._said.feed(data)
                with self._changed:
                    for one in frames:
                        self._take(one)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        os.close(self._ending)

    def _take(self, one: Frame) -> None:
        if one.type == Reply.ACT:
            self._acts += one.payload
        elif one.type == Reply.READY:
            self._ready = True
        else:
            self._answers[one.id] = one

    def fileno(self) -> int:
        """A descriptor that becomes readable when the sidecar ends."""
        return self._end

    @property
    def alive(self) -> bool:
        """Whether it still speaks."""
        return not self._ended

    def call(self, ask: Ask, payload: bytes = b"", timeout_s: float = ANSWER_S) -> Reader:
        """Ask, and wait for the answer. Raises `EvidenceLost` where the sidecar is gone, silent or refuses."""
        with self._changed:
            number, self._next = self._next, self._next + 1
            if self._ended:
                raise EvidenceLost("asking the sidecar", self.name, "it has ended")
            try:
                self._connection.sendall(frame(ask, number, payload))
            except OSError as error:
                raise EvidenceLost("asking the sidecar", self.name, str(error)) from error
            self._changed.wait_for(lambda: number in self._answers or self._ended, timeout_s)
            answer = self._answers.pop(number, None)
        if answer is None:
            raise EvidenceLost("asking the sidecar", self.name, f"no answer to {ask.name.lower()}")
        if answer.type != Reply.RESULT:
            raise EvidenceLost("asking the sidecar", self.name, f"it refused {ask.name.lower()}")
        return Reader(answer.payload)

    def peek(self, items: Sequence[tuple[str, str]]) -> list[Peeked]:
        """Look at places below /proc: kind (``r`` read, ``l`` link, ``d`` directory) and path of each."""
        payload = u32(len(items)) + b"".join(kind.encode() + text(path) for kind, path in items)
        answer = self.call(Ask.PEEK, payload)
        return [Peeked(answer.u32(), answer.raw(answer.u32())) for _ in items]

    def take_acts(self) -> bytes:
        """Records of acts that arrived since the last call; all that happened before it are among them."""
        if not self._ended:
            with suppress(EvidenceLost):  # it ended in between: what it said until then has arrived
                self.call(Ask.SYNC)
        if self._ended:
            self._reader.join(ANSWER_S)
        with self._changed:
            taken = bytes(self._acts)
            self._acts.clear()
        return taken

    def cut(self) -> None:
        """End it at once."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it and remove it; closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        self.cut()
        if self._reader.ident is not None:
            self._reader.join(ANSWER_S)
        else:
            os.close(self._ending)
        self._connection.close()
        os.close(self._end)
        remove(self._engine, self.name, self.id, warden(self._engine))


def needs_aside() -> bool:
    """Whether this user has no rights over the processes of a container; root has them on every local engine."""
    return os.geteuid() != 0


def container_pid(host_pid: int) -> int:
    """The number of a process in the innermost namespace that it lives in. Raises `OSError` where it is gone."""
    lines = Path(f"/proc/{host_pid}/status").read_text(errors="replace").splitlines()
    numbers = next(line for line in lines if line.startswith("NSpid:"))
    return int(numbers.split()[-1])
