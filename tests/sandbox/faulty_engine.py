"""A way to a real engine on which chosen calls go wrong: refused, cut off, unanswered, or carried out and not told.

Each connection carries one request, so that what a request met can be counted.
"""

import re
import socket
import socketserver
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPMessage, parse_headers
from io import BufferedIOBase
from pathlib import Path

FAULTS = ("500", "409", "reset", "lost", "truncated", "nonsense", "hang")
"""What a call may meet. ``reset``: closed unheard; ``lost``: carried out, and closed without an answer; ``truncated``:
carried out, and half of the answer; ``nonsense``: carried out, and an answer of another shape; ``hang``: no answer."""


@dataclass
class Way:
    """The endpoint, what was asked through it, and what goes wrong on it."""

    endpoint: str
    asked: list[str] = field(default_factory=list[str])
    _wrong: tuple[re.Pattern[str], str] | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def fail(self, request: str, fault: str) -> None:
        """From now on requests ``METHOD path`` of this pattern meet a fault."""
        self.asked.clear()
        self._wrong = (re.compile(request), fault)

    @property
    def delays(self) -> bool:
        """Whether somebody has to wait: for no answer, or until a conflict is over."""
        return self._wrong is not None and self._wrong[1] in ("hang", "409")

    def heal(self) -> None:
        """From now on nothing goes wrong."""
        self._wrong = None

    def fault_for(self, request: str) -> str | None:
        """What a request meets."""
        self.asked.append(request)
        return self._wrong[1] if self._wrong and self._wrong[0].search(request) else None

    def times(self, request: str) -> int:
        """How often requests of this pattern were made since the fault."""
        return sum(re.search(request, one) is not None for one in self.asked)


@dataclass(frozen=True)
class _Request:
    line: str
    headers: HTTPMessage
    body: bytes

    @property
    def name(self) -> str:
        """Method, and path without version and query."""
        method, target, _ = self.line.split()
        return f"{method} {re.sub(r'^/v[0-9.]+', '', target.partition('?')[0])}"

    def forwarded(self) -> bytes:
        """As the engine gets it: it closes after the answer, unless it is asked to hand the connection over."""
        upgraded = self.headers.get("Upgrade")
        kept = [f"{name}: {value}" for name, value in self.headers.items() if name.lower() != "connection"]
        kept.append(f"Connection: {'Upgrade' if upgraded else 'close'}")
        return "\r\n".join([self.line, *kept, "", ""]).encode() + self.body


@contextmanager
def way_to(engine: str) -> Generator[Way]:
    """A way to the engine at this endpoint."""
    with tempfile.TemporaryDirectory() as place:
        way = Way(f"unix://{place}/engine.sock")

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    request = _read(self.rfile)
                    if request is not None:
                        _serve(way, engine, request, self.connection)

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            request_queue_size = 64

        with Server(str(Path(place) / "engine.sock"), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield way
            finally:
                way.over.set()
                server.shutdown()
                thread.join()


def _read(source: BufferedIOBase) -> _Request | None:
    line = source.readline()
    if not line.strip():
        return None
    headers = parse_headers(source)
    return _Request(line.decode().strip(), headers, source.read(int(headers.get("Content-Length") or 0)))


def _serve(way: Way, engine: str, request: _Request, client: socket.socket) -> None:
    fault = way.fault_for(request.name)
    if fault is None:
        _relay(engine, request, client)
    elif fault == "hang":
        way.over.wait()
    elif fault in ("500", "409"):
        client.sendall(_answer(int(fault), b'{"message":"out of order"}'))
    elif fault != "reset":
        whole = _carried_out(engine, request)
        if fault == "truncated":
            head = whole.index(b"\r\n\r\n") + 4
            client.sendall(whole[: head + (len(whole) - head) // 2])
        elif fault == "nonsense":
            client.sendall(_answer(int(whole.split()[1]), b'{"no": 1}'))


def _answer(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def _connected(engine: str) -> socket.socket:
    there = socket.socket(socket.AF_UNIX)
    there.connect(engine.removeprefix("unix://"))
    return there


def _carried_out(engine: str, request: _Request) -> bytes:
    """All that the engine answers; of a connection that it hands over, the head."""
    with _connected(engine) as there:
        there.sendall(request.forwarded())
        whole = bytearray()
        while block := there.recv(65536):
            whole += block
            if request.headers.get("Upgrade") and b"\r\n\r\n" in whole:
                break
        return bytes(whole)


def _relay(engine: str, request: _Request, client: socket.socket) -> None:
    with _connected(engine) as there:
        there.sendall(request.forwarded())
        back = threading.Thread(target=_pump, args=(client, there), daemon=True)
        back.start()
        _pump(there, client)
        client.shutdown(socket.SHUT_RDWR)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)
