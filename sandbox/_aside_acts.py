"""Mediated acts as the sidecar records them: the same records, numbered as the container counts its processes."""

import os
import threading
from pathlib import Path

from ..records import ExecSeen
from ._acts import LOG_MOST_BYTES, Listener, parse_acts
from ._aside import Aside
from ._errors import EvidenceLost


class AsideListener(Listener):
    """The channel of acts where the listener runs in the sidecar.

    A record has left the container's reach before its act is answered. If the sidecar dies, whatever is mediated
    fails from then on, and the harness ends the episode.
    """

    def __init__(self, aside: Aside, log: Path, most_bytes: int = LOG_MOST_BYTES) -> None:
        super().__init__(Path("/nonexistent"), log, most_bytes)
        self._aside = aside
        self._taking = threading.Lock()
        self._rest = b""
        self._size = 0
        self._out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def attach(self, host_pid: int, timeout_s: float = 10.0) -> None:
        """The sidecar took the listener when it came up."""
        del host_pid, timeout_s

    def fileno(self) -> int:
        return self._aside.fileno()

    @property
    def alive(self) -> bool:
        return self._aside.alive

    @property
    def full(self) -> bool:
        return self._size > self._most

    def fault(self) -> EvidenceLost | None:
        why = "its log is full" if self.full else "the sidecar ended"
        return None if self.alive else EvidenceLost("recording mediated acts", self._log.stem, why)

    def take(self) -> tuple[ExecSeen, ...]:
        with self._taking:
            arrived = self._aside.take_acts()
            if self._out >= 0:
                os.write(self._out, arrived)
            self._size += len(arrived)
            if self.full:
                self._aside.cut()
            data = self._rest + arrived
            acts, used = parse_acts(data)
            self._rest = data[used:]
            return acts

    def close(self) -> None:
        if self._out >= 0:
            os.close(self._out)
            self._out = -1
        super().close()
