"""A server on a unix socket that answers as an engine would, or as none should: every fault at will."""

import json
import socketserver
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

Answer = tuple[int, Any] | None
"""Status and JSON body; None: read the request and never answer."""
Behaviour = Callable[[str], Answer]

VERSION = {"Version": "27.5.1", "ApiVersion": "1.47", "Components": [{"Name": "runc", "Version": "1.2.9"}]}
INFO: dict[str, Any] = {
    "ID": "a name of its own",
    "Driver": "overlay2",
    "CgroupDriver": "systemd",
    "CgroupVersion": "2",
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"],
    "Runtimes": {"runc": {}},
    "DockerRootDir": "/nonexistent",
    "KernelVersion": "0.0-elsewhere",
    "Architecture": "x86_64",
    "LiveRestoreEnabled": False,
    "Warnings": None,
}


def healthy(path: str) -> Answer:
    """An engine without containers and images."""
    return known({})(path)


def known(bodies: dict[str, Answer]) -> Behaviour:
    """A healthy engine that answers a path that ends like a key of `bodies` with its value."""
    usual: dict[str, Answer] = {
        "/_ping": (200, "OK"),
        "/version": (200, VERSION),
        "/info": (200, INFO),
        "/containers/json": (200, []),
        "/images/json": (200, []),
    }

    def answer(path: str) -> Answer:
        plain = path.partition("?")[0]
        for end, body in {**usual, **bodies}.items():
            if plain.endswith(end):
                return body
        return 404, {"message": "No such image" if "/images/" in plain else f"page not found: {plain}"}

    return answer


@contextmanager
def engine_that(answers: Behaviour) -> Generator[str]:
    """Serve, and give the endpoint; hung requests are let go at the end."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            answer = answers(self.path)
            if answer is None:
                over.wait()
                self.close_connection = True
                return
            status, body = answer
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_DELETE = do_HEAD = respond  # noqa: N815 the names are the base class's

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name is the base class's
            """Say nothing."""

        def address_string(self) -> str:
            return "unix"

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = False

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = f"{folder}/engine.sock"
        with Server(path, Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield f"unix://{path}"
            finally:
                over.set()
                server.shutdown()
                thread.join()
