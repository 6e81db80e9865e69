"""An archive from an engine, within bounds: what passes one is cut off on the spot and never drained.

An engine locks the container while it writes an archive, and a client that stops reading wedges every later call about
it; one that closes the connection frees it at once (docs/design/security.md §1.5).
"""

import http.client
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from ._engine import Engine

_PIECE = 1 << 18


@dataclass(frozen=True)
class Bounds:
    """How much is taken of one archive."""

    file_bytes: int = 64 << 20
    """Of one file: a longer one is not read at all, nor what comes after it."""
    total_bytes: int = 512 << 20
    """Of the whole stream, headers included."""
    entries: int = 200_000
    wall_s: float = 30.0

    def share(self, parts: int) -> "Bounds":
        """The bounds of each where several are read apart: none can use up what another needs."""
        return Bounds(self.file_bytes, self.total_bytes // parts, self.entries, self.wall_s / parts)


class Cut(Exception):
    """The archive ended before its end: by a bound of ours, or because the engine broke off."""


class Download:
    """One archive of one path of a container. A context manager; leaving it closes the connection."""

    def __init__(self, engine: Engine, container_id: str, path: str, bounds: Bounds) -> None:
        self._bounds = bounds
        self._ends = time.monotonic() + bounds.wall_s
        self._taken = 0
        self._buffer = bytearray()
        self._engine, self._container, self._path = engine, container_id, path
        self._socket: socket.socket | None = None
        self._answer: http.client.HTTPResponse | None = None
        self._timer = threading.Timer(bounds.wall_s, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Ask for it. Raises `Cut` where the engine does not answer with an archive."""
        self._timer.start()
        try:
            self._socket = self._engine.address.dial(self._bounds.wall_s)
            asking = http.client.HTTPConnection("localhost")
            asking.sock = self._socket
            version = self._engine.api.api_version
            place = f"/v{version}/containers/{self._container}/archive?path={quote(self._path, safe='')}"
            asking.request("GET", place, headers={"Connection": "close"})
            self._answer = asking.getresponse()
            if self._answer.status != http.client.OK:
                told = self._answer.read(500).decode(errors="replace").strip()
                raise Cut(f"the engine answered {self._answer.status}: {told}")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Cut(self._why(error)) from error
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, size: int) -> bytes:
        """Exactly so many bytes. Raises `Cut`."""
        while len(self._buffer) < size:
            self._buffer += self._more()
        piece = bytes(self._buffer[:size])
        del self._buffer[:size]
        return piece

    def _more(self) -> bytes:
        assert self._answer is not None, "an archive is asked for first"
        try:
            data = self._answer.read1(_PIECE)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Cut(self._why(error)) from error
        if not data:
            raise Cut(self._why(EOFError("the archive is cut short")))
        self._taken += len(data)
        if self._taken > self._bounds.total_bytes:
            raise Cut(f"more than {self._bounds.total_bytes} bytes")
        return data

    def _why(self, error: Exception) -> str:
        if time.monotonic() >= self._ends:
            return f"more than {self._bounds.wall_s:g} s"
        return f"the engine broke off: {error}"

    def _hang_up(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Drop the connection with all that is still under way; closing twice is fine."""
        self._timer.cancel()
        self._hang_up()
        for one in (self._answer, self._socket):
            if one is not None:
                one.close()
