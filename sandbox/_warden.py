"""The harness's side of the watchdog: starts it, tells it what to guard, and notices when it is gone."""

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._engine import Engine
from ._errors import SandboxError, StartFailed
from ._gc import collect
from ._lease import own_lease, watchdog_name
from ._scratch import scratch_pattern, sweep_scratch

ANSWER_S = 5.0
"""How long the watchdog may take to take note of something."""
_GOOD_BYE_S = 2.0
_SCRIPT = Path(__file__).with_name("_watchdog.py")
_let_go: list[subprocess.Popen[bytes]] = []
"""Watchdogs that go on without us, for as long as they have something to do."""


@dataclass(frozen=True)
class Charge:
    """What the watchdog needs to end one container without us."""

    name: str
    pid: int
    """PID 1, as the host counts."""
    paths: dict[str, Path]
    """Folder of its control group in each hierarchy."""
    captures: Path
    """Folder for what is taken down before the kill."""
    pidfd: int
    stream: socket.socket
    """The attached stream: the container outlives us only as long as somebody holds it."""


class Warden:
    """Keeps one watchdog process for all containers that this process has on one engine. Safe with threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._charges: dict[str, Charge] = {}
        self._expected: set[str] = set()
        self._swept = False

    @property
    def pid(self) -> int | None:
        """Process id of the watchdog; None before the first container."""
        return self._process.pid if self._process else None

    @property
    def expected(self) -> frozenset[str]:
        """Names of what is on the engine, or may come to be: the watchdog removes it after us."""
        return frozenset(self._expected)

    def stand_by(self) -> None:
        """Have the watchdog ready, so that neither a container nor a temporary folder is ever without one.

        The first time, what dead harnesses left is removed; what cannot be is a warning. Raises `StartFailed` where
        the watchdog died since the last call, once: the call after that starts another, which guards everything
        that lives.
        """
        with self._lock:
            self._check()
            if self._process is None:
                self._start()
            swept, self._swept = self._swept, True
        if not swept:
            self._sweep()

    def expect(self, name: str) -> None:
        """A container is about to be created. Raises as `stand_by` does."""
        self.stand_by()
        with self._lock:
            self._expected.add(name)

    def _sweep(self) -> None:
        try:
            collect(self._engine)
            sweep_scratch()
        except (SandboxError, OSError) as error:
            warnings.warn(f"left-overs of dead runs stay: {error}", RuntimeWarning, stacklevel=2)

    def guard(self, charge: Charge) -> None:
        """Hand a started container over. Raises `StartFailed` where the watchdog is dead or does not answer."""
        with self._lock:
            self._check()
            self._tell_charge(charge)
            self._charges[charge.name] = charge

    def release(self, name: str) -> None:
        """A container is removed, or never came to be; a dead watchdog is left for the next start to find."""
        with self._lock:
            self._expected.discard(name)
            if self._charges.pop(name, None) is not None and self._process is not None:
                with suppress(StartFailed):
                    self._tell({"do": "release", "name": name})

    def close(self) -> None:
        """Let the watchdog go: by a good-bye where nothing is left, else it cleans up after us."""
        with self._lock:
            if self._process is not None and not self._expected:
                with suppress(StartFailed, subprocess.TimeoutExpired):
                    self._tell({"do": "bye"})
                    self._process.wait(_GOOD_BYE_S)
            self._forget()

    def abandon(self) -> None:
        """In a forked child: watchdog and containers are the parent's."""
        if self._control is not None:
            self._control.close()
        self._process = self._control = None

    def _check(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            status = self._process.returncode
            self._forget()
            raise StartFailed("guarding containers", "watchdog", f"it died with status {status}")

    def _forget(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            _let_go[:] = [one for one in (*_let_go, self._process) if one.poll() is None]
        self._process = self._control = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(ANSWER_S)
        with theirs:
            lease = own_lease()
            name = watchdog_name(lease, self._engine.identity)
            where = (json.dumps(self._engine.address.told()), lease, name, scratch_pattern())
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, "-I", "-S", str(_SCRIPT), str(theirs.fileno()), *where],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env={},
            )
        self._control = ours
        self._hear()
        # What is closed already is dead and waits for its removal only: there is nothing left to guard.
        self._charges = {name: one for name, one in self._charges.items() if one.stream.fileno() >= 0}
        for charge in self._charges.values():
            self._tell_charge(charge)

    def _tell_charge(self, charge: Charge) -> None:
        message = {
            "do": "guard",
            "name": charge.name,
            "pid": charge.pid,
            "paths": {name: str(path) for name, path in charge.paths.items()},
            "captures": str(charge.captures.absolute()),
        }
        self._tell(message, (charge.pidfd, charge.stream.fileno()))

    def _tell(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        assert self._control is not None, "there is a watchdog to tell"
        try:
            socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)
        except OSError as error:
            self._lose(str(error))
        self._hear()

    def _hear(self) -> None:
        assert self._control is not None, "there is a watchdog to hear"
        try:
            if self._control.recv(16) == b"ok":
                return
        except OSError as error:
            self._lose(f"it does not answer ({error})")
        self._lose("it ended")

    def _lose(self, why: str) -> None:
        """A watchdog that does not do its work is killed: the next one must not meet it sweeping."""
        assert self._process is not None, "there was a watchdog to lose"
        self._process.kill()
        self._process.wait()
        self._forget()
        raise StartFailed("guarding containers", "watchdog", why)


_wardens: dict[str, Warden] = {}
_making = threading.Lock()


def warden(engine: Engine) -> Warden:
    """The warden of this process for an engine."""
    with _making:
        if not _wardens:
            atexit.register(_close_all)
            os.register_at_fork(after_in_child=_abandon_all)
        if engine.endpoint not in _wardens:
            _wardens[engine.endpoint] = Warden(engine)
        return _wardens[engine.endpoint]


def stand_by(engine: Engine) -> None:
    """Have what this process may leave on an engine and in temporary folders guarded from now on."""
    warden(engine).stand_by()


def _close_all() -> None:
    while _wardens:
        _wardens.popitem()[1].close()


def _abandon_all() -> None:
    while _wardens:
        _wardens.popitem()[1].abandon()
