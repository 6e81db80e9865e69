"""A loopback server that speaks the wire format of OpenAI's chat completions and misbehaves on demand."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Act = Callable[["_Handler"], None]
"""What the server does with one request."""

HANG_LIMIT_S = 20.0
DRIP_PAUSE_S = 0.02


class _Handler(BaseHTTPRequestHandler):
    @property
    def wire(self) -> "Wire":
        assert isinstance(self.server, Wire)
        return self.server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        act = self.wire.take(json.loads(body), {name.lower(): value for name, value in self.headers.items()})
        self.close_connection = True
        act(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Stay silent."""


class Wire(ThreadingHTTPServer):
    """The server, its script and what it was sent. When the script has ended, it answers in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Act] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def take(self, request: dict[str, Any], headers: dict[str, str]) -> Act:
        self.requests.append(request)
        self.headers.append(headers)
        return self.script.pop(0) if self.script else answer("done")

    def stop(self) -> None:
        """From now on nothing listens at the address."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is part of the play."""


@contextmanager
def served() -> Generator[Wire]:
    wire = Wire()
    thread = threading.Thread(target=wire.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.released.set()
        wire.stop()
        thread.join()


def completion(
    text: str | None = "done",
    calls: Sequence[dict[str, Any]] = (),
    *,
    model: str = "gpt-4o-2024-08-06",
    finish: str = "stop",
    usage: dict[str, Any] | None = None,
    **message: Any,
) -> dict[str, Any]:
    """A whole body. Without a usage argument the provider counts 11 tokens in and 7 out."""
    counted = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18} if usage is None else usage
    said = {"role": "assistant", "content": text, **({"tool_calls": list(calls)} if calls else {}), **message}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "finish_reason": finish, "message": said}],
        **({"usage": counted} if counted else {}),
    }


def call(name: Any, arguments: Any, identity: Any = "call_1") -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def answer(text: str | None = "done", calls: Sequence[dict[str, Any]] = (), **more: Any) -> Act:
    return raw(json.dumps(completion(text, calls, **more)).encode())


def raw(body: bytes, status: int = 200, headers: dict[str, str] | None = None, length: int | None = None) -> Act:
    """Any bytes; a ``length`` beyond them promises more than comes."""

    def act(handler: _Handler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    return act


def status(code: int, message: str = "trouble", *, kind: str | None = None, **headers: str) -> Act:
    error = {"error": {"message": message, "type": kind, "code": kind}}
    return raw(json.dumps(error).encode(), code, {name.replace("_", "-"): value for name, value in headers.items()})


def reset(handler: _Handler) -> None:
    """Drop the connection with a TCP reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def hang(handler: _Handler) -> None:
    """Say nothing until the test ends."""
    handler.wire.released.wait(HANG_LIMIT_S)


def drip(handler: _Handler) -> None:
    """Send a byte now and then, without end: no client's read timeout ever fires."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    while not handler.wire.released.wait(DRIP_PAUSE_S):
        handler.wfile.write(b" ")
        handler.wfile.flush()
