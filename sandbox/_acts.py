"""Mediated acts: program starts, signals and connects, each recorded outside before it happens."""

import os
import select
import signal
import socket
import struct
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Literal

from ..records import ExecSeen, path_text
from ._cgroup import copy_descriptor
from ._errors import EvidenceLost, StartFailed

LOG_MOST_BYTES = 256 << 20
"""The agent decides how fast the log grows: past this the listener ends, and with it everything mediated."""
_RECORD_MOST = 1 << 17
_KILLED = frozenset((-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP))
"""How it ends only where somebody sends it a signal."""
_HEAD = struct.Struct("<QIIIIii")
_Kind = Literal["exec", "signal", "connect"]
_KINDS: tuple[_Kind, ...] = ("exec", "signal", "connect")
"""The system call's number, the same on every architecture."""


class Listener:
    """The process on the host that holds the filter's listener of one container.

    It lives as long as the container's first process, whatever becomes of the harness. If it dies, mediated calls
    in the container wait for ever (we hold a copy of the descriptor): nothing that matters can start any more, and
    the harness ends the episode.
    """

    def __init__(self, supervisor: Path, log: Path, most_bytes: int = LOG_MOST_BYTES) -> None:
        self._supervisor = supervisor
        self._log = log
        self._most = most_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._copy = -1
        self._pidfd = -1
        self._file = -1
        self._read = 0
        self._stood_still = False

    def attach(self, host_pid: int, timeout_s: float = 10.0) -> None:
        """Take the listener out of the container's first process, which waits for that.

        Raises `StartFailed` where it cannot be had (no rights over the process, no filter in time).
        """
        self._log.touch(mode=0o600)
        # In a session of its own: an interrupt typed at the terminal must not end the record of acts.
        self._process = subprocess.Popen(  # noqa: S603 - our own binary
            [str(self._supervisor), "listen", str(host_pid), str(self._log), str(self._most)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={},
        )
        try:
            number = self._first_line(self._process, timeout_s)
            self._pidfd = os.pidfd_open(self._process.pid)
            self._copy = copy_descriptor(self._pidfd, number)
            self._file = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self.close()
            raise StartFailed("taking the mediation listener", self._log.stem, str(error)) from error
        except BaseException:
            self.close()
            raise

    def _first_line(self, process: subprocess.Popen[bytes], timeout_s: float) -> int:
        assert process.stdout is not None
        assert process.stderr is not None
        answered = select.poll()
        answered.register(process.stdout, select.POLLIN)
        line = process.stdout.readline() if answered.poll(timeout_s * 1000) else b""
        if line.strip().isdigit():
            return int(line)
        process.kill()
        said = process.stderr.read().decode(errors="replace").strip()
        raise StartFailed("taking the mediation listener", self._log.stem, said or "no answer in time")

    def fileno(self) -> int:
        """A descriptor that becomes readable when the listener ends."""
        return self._pidfd

    @property
    def alive(self) -> bool:
        """Whether acts are being recorded."""
        return self._process is not None and self._process.poll() is None

    @property
    def stopped(self) -> bool:
        """Whether it stands still or stood still when it was ended: callers wait, and nothing is recorded."""
        return self._stood_still or (self._process is not None and _state_of(self._process.pid) in ("T", "t"))

    @property
    def was_killed(self) -> bool:
        """Whether somebody outside the container killed it or made it stand still."""
        return self.stopped or (self._process is not None and self._process.poll() in _KILLED)

    def end(self) -> None:
        """Kill a listener that no longer records. What waits in the container goes on waiting, and must be killed."""
        self._stood_still = self.stopped
        if self._process is not None:
            self._process.kill()

    @property
    def full(self) -> bool:
        """Whether the log has reached its limit: the agent's doing, and the end of the listener."""
        with suppress(OSError):
            return os.fstat(self._file).st_size > self._most - _RECORD_MOST
        return False

    def fault(self) -> EvidenceLost | None:
        """Why acts are no longer recorded; None while they are, or where the container ended."""
        if self._process is None or self._process.poll() in (None, 0):
            return None
        why = "its log is full" if self.full else f"its status is {self._process.returncode}"
        why = "it stood still" if self._stood_still else why
        return EvidenceLost("recording mediated acts", self._log.stem, f"the listener ended, {why}")

    def take(self) -> tuple[ExecSeen, ...]:
        """Acts since the last call, in the order in which they asked."""
        acts, used = parse_acts(self._unread())
        self._read += used
        return acts

    def begun_since(self, mono_ns: int) -> int | None:
        """How many acts asked after a moment of the host's monotonic clock, of those that nobody has taken yet.

        None where the record has ended before its container.
        """
        if self._file < 0 or self.fault() is not None:
            return None
        acts, _ = parse_acts(self._unread())
        return sum(act.mono_ns > mono_ns for act in acts)

    def _unread(self) -> bytes:
        blocks: list[bytes] = []
        at = self._read
        while self._file >= 0 and (block := os.pread(self._file, 1 << 20, at)):
            blocks.append(block)
            at += len(block)
        return b"".join(blocks)

    def log_bytes(self) -> bytes:
        """The whole log as it was written."""
        return self._log.read_bytes() if self._log.exists() else b""

    def close(self) -> None:
        """End the listener; what waits in the container then fails or waits, and must be killed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
        for descriptor in (self._copy, self._pidfd, self._file):
            if descriptor >= 0:
                os.close(descriptor)
        self._copy = self._pidfd = self._file = -1
        self._log.unlink(missing_ok=True)


def _state_of(pid: int) -> str:
    """The state of a process in one letter; "" where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    return text[text.rindex(")") + 2 :][:1]


def parse_acts(data: bytes) -> tuple[tuple[ExecSeen, ...], int]:
    """Decode complete records; returns them and the number of bytes they took."""
    acts: list[ExecSeen] = []
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        if at + 4 + size > len(data):
            break
        acts.append(_act(data[at + 4 : at + 4 + size]))
        at += 4 + size
    return tuple(acts), at


def _act(raw: bytes) -> ExecSeen:
    head: tuple[int, ...] = _HEAD.unpack_from(raw)
    mono_ns, host_pid, parent, session, kind, first, second = head
    texts = raw[_HEAD.size :].split(b"\0")[:-1]
    name = _KINDS[kind]
    started = name == "exec"
    return ExecSeen(
        kind=name,
        mono_ns=mono_ns,
        host_pid=host_pid,
        ppid=parent,
        sid=session,
        path=path_text(texts[0]) if started and texts else "",
        argv=tuple(path_text(text) for text in texts[1:]) if started else (),
        target=first if name == "signal" else None,
        signal=second if name == "signal" else None,
        address=_address(bytes.fromhex(texts[0].decode())) if name == "connect" and texts else None,
    )


def _address(raw: bytes) -> str:
    family = int.from_bytes(raw[:2], "little")
    if family == socket.AF_INET and len(raw) >= 8:
        return f"{socket.inet_ntoa(raw[4:8])}:{int.from_bytes(raw[2:4], 'big')}"
    if family == socket.AF_INET6 and len(raw) >= 24:
        return f"[{socket.inet_ntop(socket.AF_INET6, raw[8:24])}]:{int.from_bytes(raw[2:4], 'big')}"
    if family == socket.AF_UNIX:
        name = raw[2:]
        return "unix:" + path_text(b"@" + name[1:] if name[:1] == b"\0" else name.split(b"\0")[0])
    return f"family {family}"
